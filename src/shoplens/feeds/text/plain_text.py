"""Text fit to be shown and compared, from what feeds hold: HTML, entities, control characters."""

from __future__ import annotations

import re
from html.parser import HTMLParser

MAX_TEXT = 100_000
"""Characters of one field that are kept."""


def words(text: str) -> frozenset[str]:
    """The words of ``text``, for tables of names."""
    return frozenset(text.split())


_BLOCKS = words(
    "address article aside blockquote br dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header "
    "hr li main nav ol p pre section table tbody td tfoot th thead tr ul"
)
_UNSEEN = frozenset({"script", "style", "template", "head"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r"\s*\n\s*")
_BULLETS = re.compile(r"[•·▪‣◦●]\s*")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in _UNSEEN and self.unseen > 0
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.parts.append(data)


def line(text: str) -> str:
    """``text`` on one line, single spaces, nothing that cannot be printed.

    >>> line("  Chaz\\n Hoodie ")
    'Chaz Hoodie'
    """
    if not text.isprintable():
        text = _CONTROL.sub(" ", text[:MAX_TEXT])
    return " ".join(text[:MAX_TEXT].split())


def paragraphs(text: str) -> str:
    """``text`` with its line breaks kept, spaces within lines single, no empty lines.

    >>> paragraphs("warm \\r\\n\\r\\n and   dry")
    'warm\\nand dry'
    """
    if text.isprintable():
        return line(text)
    return _BREAKS.sub("\n", _SPACES.sub(" ", _CONTROL.sub(" ", text[:MAX_TEXT]))).strip()


def from_html(text: str) -> str:
    """Readable text of a fragment of HTML: a block or a bullet starts a line, scripts and styles are left out.

    >>> from_html("<p>Warm &amp; dry.</p><p>&bull; Two pockets.<br />&bull; Hood.</p>")
    'Warm & dry.\\nTwo pockets.\\nHood.'
    """
    if "<" not in text and "&" not in text:
        return paragraphs(text if text.isascii() else _BULLETS.sub("\n", text))
    reader = _Reader()
    reader.feed(text[:MAX_TEXT])
    reader.close()
    return paragraphs(_BULLETS.sub("\n", "".join(reader.parts)))
