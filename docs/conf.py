"""How Sphinx builds these pages."""

from skmamba import __version__

project = "skmamba"
author = "The skmamba developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

# A page for every name in api.md, written to docs/generated.
autosummary_generate = True
autodoc_typehints = "none"  # docstrings are the source for types and shapes
numpydoc_show_class_members = False  # the class template lists them

html_theme = "pydata_sphinx_theme"
html_title = "skmamba"
html_show_sourcelink = False
html_theme_options = {"secondary_sidebar_items": ["page-toc"], "show_prev_next": True}
html_sidebars = {"index": [], "changelog": [], "contributing": []}
