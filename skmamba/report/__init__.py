"""Results as others get to see them: a page to send, a table for the manuscript."""

from ._latex import to_latex
from ._page import write_report

__all__ = ["to_latex", "write_report"]
