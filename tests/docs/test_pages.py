"""The pages of the documentation are read as GitHub reads them, and their links lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.pages import ALL_PAGES, anchors, links, paths, rows, shell_lines, spans

PAGE = """# The `store`: what's in it

[one](a.md#b) ![two](c.jpg) `[no](link)` <img src="d.png">

```sh
shoplens search [PHOTO]  # a comment with --options
                [-k N]
# [no](link)
```

## Again
| key | what |
|---|---|
| `a`, `.b` | `x\\|y` |

## Again
"""


def test_headings_have_the_same_anchors_as_on_github() -> None:
    assert anchors(PAGE) == {"the-store-whats-in-it", "again", "again-1"}
    assert anchors("## What counts: `shoplens train ranker`") == {"what-counts-shoplens-train-ranker"}
    assert anchors("## `--depth full`\n## A_b [c](d.md) é") == {"--depth-full", "a_b-c-é"}


def test_a_page_is_read_in_parts() -> None:
    assert links(PAGE) == ["a.md#b", "c.jpg", "d.png"]
    assert shell_lines(PAGE) == ["shoplens search [PHOTO]                [-k N]"]
    assert rows(PAGE, "key") == [["`a`, `.b`", "`x\\|y`"]] and rows(PAGE, "what") == []
    assert spans(PAGE) == ["store", "[no](link)", "a", ".b", "x|y"]
    assert paths("`a[].b`, `.c`") == ["a[].b", "a[].c"]


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_links_have_targets(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in links(text):
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{link} leads to no file"
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{link} leads to no heading"


def test_every_page_is_linked() -> None:
    reached = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in ALL_PAGES
        for link in links(page.read_text("utf-8"))
    }
    assert [page.name for page in ALL_PAGES if page.resolve() not in reached and page.name != "README.md"] == []
