"""The snippets of the documentation run."""

import os
import shutil
from pathlib import Path

import pytest

from shoplens.rendered import render_catalogue
from tests.docs.pages import PAGES, blocks


@pytest.fixture(scope="module")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the snippets expect it: ``catalogue.jsonl`` and ``photo.jpg``."""
    folder = tmp_path_factory.mktemp("docs")
    made = render_catalogue(folder, 12, queries=1)
    assert made.queries_file is not None
    shutil.copy(next((made.queries_file.parent / "queries").glob("*.jpg")), folder / "photo.jpg")
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```python" in page.read_text("utf-8")], ids=lambda page: page.stem
)
def test_snippets_run(page: Path, shop_folder: Path) -> None:
    snippets = [block.text for block in blocks(page.read_text("utf-8")) if block.language == "python"]
    before = Path.cwd()
    os.chdir(shop_folder)
    try:
        exec(compile("\n".join(snippets), page.name, "exec"), {"__name__": "snippet"})
    finally:
        os.chdir(before)
