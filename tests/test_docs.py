"""Code blocks of the documentation pages."""

import re
from pathlib import Path

import pytest
from sklearn import config_context

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = {
    page.relative_to(DOCS).as_posix(): blocks
    for page in sorted(DOCS.rglob("*.md"))
    if "_build" not in page.parts and (blocks := BLOCK.findall(page.read_text("utf8")))
}


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages may write files
    names = {}
    with config_context():  # pages may enable metadata routing
        for block in PAGES[page]:
            exec(compile(block, page, "exec"), names)
