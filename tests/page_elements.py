"""What a browser makes of a page, to test that texts of a catalogue stay text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HOSTILE = "\"'></title></script><script>alert(1)</script><!--"
"""A text that ends attributes, titles and scripts where it is not escaped."""


class PageElements(HTMLParser):
    """The number of scripts of a page, the attributes that a page must not have, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts = 0
        self.unsafe_attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        names = [name for name, _ in attrs]
        self.unsafe_attributes += [
            name for name in names if name.startswith("on") or not re.fullmatch(r"[\w:-]+", name)
        ]

    def handle_data(self, data: str) -> None:
        self.text += data
