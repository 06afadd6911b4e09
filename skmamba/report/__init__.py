"""Reports of an evaluation: an HTML page and a LaTeX table."""

from .html import write_report
from .latex import to_latex

__all__ = ["to_latex", "write_report"]
