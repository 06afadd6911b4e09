"""Sphinx configuration."""

import os
import sys
from pathlib import Path

from skmamba import __version__

sys.path.append(str(Path(__file__).parent / "_ext"))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # examples run folds in parallel

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
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]
exclude_patterns = ["_build", "_ext", "_templates", "sg_execution_times.rst"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# One page per name in api.md, written to docs/generated.
autosummary_generate = True
autodoc_typehints = "none"  # docstrings are the source for types and shapes
numpydoc_show_class_members = False  # the class template lists them

# The other examples need restricted data, a cluster or an hour, and are shown without output.
EXECUTED = "quickstart own_recordings grid_search compare_and_leak explain persistence streaming"
sphinx_gallery_conf = {
    # A folder with a README.md becomes a section: examples/web has a README.markdown.
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": rf"/({EXECUTED.replace(' ', '|')})\.py$",
    "within_subsection_order": "gallery_order.get_position",
    "backreferences_dir": "generated/backreferences",  # examples that use a name of the API
    "doc_module": ("skmamba",),
    "reference_url": {"skmamba": None},
    "capture_repr": (),
    "image_srcset": ["2x"],
    "default_thumb_file": str(Path(__file__).parent / "_static/trace.svg"),
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skmamba"
html_static_path = ["_static"]
html_css_files = ["skmamba.css"]
html_show_sourcelink = False
html_theme_options = {
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
}
