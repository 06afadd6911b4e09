"""Every code block of the pages runs, in the order of its page."""

import re
from pathlib import Path

import pytest
from sklearn import config_context

BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = {
    page.stem: blocks
    for page in sorted((Path(__file__).parents[1] / "docs").glob("*.md"))
    if (blocks := BLOCK.findall(page.read_text("utf8")))
}


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages may write files
    names = {}
    with config_context():  # pages may switch metadata routing on
        for block in PAGES[page]:
            exec(compile(block, f"docs/{page}.md", "exec"), names)
