"""Text fit to be shown and compared, from what feeds hold: HTML, entities, control characters."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from unicodedata import is_normalized, normalize

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
_MARKED = re.compile(r"<!\[(?:CDATA\[(.*?)(?:\]\]>|\Z)|[^>]*>?)", re.DOTALL | re.IGNORECASE)
"""Marked sections, which HTML does not have, and in which its parser stops at words that it does not know."""
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


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


def normalize_nfc(text: str) -> str:
    """``text`` in Unicode's normal form C, in which a letter and its accent are one character."""
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)


def decode_entities(text: str) -> str:
    """``text`` with its entities decoded, but only those that end in a semicolon, since addresses hold ``&copy=1``.

    >>> decode_entities("Salt &amp; Pepper &#8211; 2&copy=1")
    'Salt & Pepper – 2&copy=1'
    """
    return _ENTITY.sub(lambda found: unescape(found[0]), text) if "&" in text else text


def line(text: str) -> str:
    """``text`` on one line, single spaces, nothing that cannot be printed, entities decoded, in normal form C.

    >>> line("  Chaz\\n Hoodie &amp; Co ")
    'Chaz Hoodie & Co'
    """
    text = decode_entities(text[:MAX_TEXT])
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return normalize_nfc(" ".join(text.split()))


def paragraphs(text: str) -> str:
    """``text`` with its line breaks kept, spaces within lines single, no empty lines, entities decoded, in normal form
    C.

    >>> paragraphs("warm \\r\\n\\r\\n and   dry")
    'warm\\nand dry'
    """
    return _tidy(decode_entities(text[:MAX_TEXT]))


def _tidy(text: str) -> str:
    if text.isprintable():
        return normalize_nfc(" ".join(text.split()))
    return normalize_nfc(_BREAKS.sub("\n", _SPACES.sub(" ", _CONTROL.sub(" ", text))).strip())


def from_html(text: str) -> str:
    """Readable text of a fragment of HTML: a block or a bullet starts a line, scripts and styles are left out.

    >>> from_html("<p>Warm &amp; dry.</p><p>&bull; Two pockets.<br />&bull; Hood.</p>")
    'Warm & dry.\\nTwo pockets.\\nHood.'
    """
    if "<" not in text and "&" not in text:
        return _tidy(text[:MAX_TEXT] if text.isascii() else _BULLETS.sub("\n", text[:MAX_TEXT]))
    if "<" not in text:
        return _tidy(_BULLETS.sub("\n", unescape(text[:MAX_TEXT])))
    reader = _Reader()
    reader.feed(_MARKED.sub(lambda section: section[1] or "", text[:MAX_TEXT]))
    reader.close()
    return _tidy(_BULLETS.sub("\n", "".join(reader.parts)))
