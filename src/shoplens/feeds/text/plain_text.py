"""Cleaning of the text of feeds, which may contain HTML, entities and control characters."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from shoplens.types import normalize_nfc

MAX_TEXT = 100_000
"""Maximum number of characters of one field; further ones are cut off."""


def word_set(text: str) -> frozenset[str]:
    """Return the words of ``text``, for tables of names."""
    return frozenset(text.split())


_BLOCKS = word_set(
    "address article aside blockquote br dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header "
    "hr li main nav ol p pre section table tbody td tfoot th thead tr ul"
)
_HIDDEN_TAGS = frozenset({"script", "style", "template", "head"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
_SPACE_RUN = re.compile(r"[^\S\n]+")
_LINE_BREAKS = re.compile(r"\s*\n\s*")
_BULLETS = re.compile(r"[•·▪‣◦●]\s*")
_MARKED_SECTION = re.compile(r"<!\[(?:CDATA\[(.*?)(?:\]\]>|\Z)|[^>]*>?)", re.DOTALL | re.IGNORECASE)
"""A marked section, which HTML does not have; its parser would stop at a section whose keyword it does not know."""
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


class _TextExtractor(HTMLParser):
    """Collects the text of HTML in ``parts``; a line break stands before and after each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden_depth = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.hidden_depth += tag in _HIDDEN_TAGS
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden_depth -= tag in _HIDDEN_TAGS and self.hidden_depth > 0
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden_depth:
            self.parts.append(data)


def decode_entities(text: str) -> str:
    """Decode the HTML entities that end in a semicolon; URLs contain ``&copy=1``, so others are kept.

    >>> decode_entities("Salt &amp; Pepper &#8211; 2&copy=1")
    'Salt & Pepper – 2&copy=1'
    """
    return _ENTITY.sub(lambda entity: unescape(entity[0]), text) if "&" in text else text


def clean_line(text: str) -> str:
    """Return ``text`` on one line: entities decoded, single spaces, no control characters, normal form C.

    >>> clean_line("  Chaz\\n Hoodie &amp; Co ")
    'Chaz Hoodie & Co'
    """
    text = decode_entities(text[:MAX_TEXT])
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    return normalize_nfc(" ".join(text.split()))


def clean_paragraphs(text: str) -> str:
    """Return ``text`` with its line breaks: entities decoded, single spaces, no empty lines, normal form C.

    >>> clean_paragraphs("warm \\r\\n\\r\\n and   dry")
    'warm\\nand dry'
    """
    return _clean_spaces(decode_entities(text[:MAX_TEXT]))


def _clean_spaces(text: str) -> str:
    if text.isprintable():
        return normalize_nfc(" ".join(text.split()))
    return normalize_nfc(_LINE_BREAKS.sub("\n", _SPACE_RUN.sub(" ", _CONTROL.sub(" ", text))).strip())


def html_to_text(text: str) -> str:
    """Return the readable text of a fragment of HTML.

    Every block and every bullet starts a line; scripts and styles are left out.

    >>> html_to_text("<p>Warm &amp; dry.</p><p>&bull; Two pockets.<br />&bull; Hood.</p>")
    'Warm & dry.\\nTwo pockets.\\nHood.'
    """
    if "<" not in text and "&" not in text:
        return _clean_spaces(text[:MAX_TEXT] if text.isascii() else _BULLETS.sub("\n", text[:MAX_TEXT]))
    if "<" not in text:
        return _clean_spaces(_BULLETS.sub("\n", unescape(text[:MAX_TEXT])))
    reader = _TextExtractor()
    reader.feed(_MARKED_SECTION.sub(lambda section: section[1] or "", text[:MAX_TEXT]))
    reader.close()
    return _clean_spaces(_BULLETS.sub("\n", "".join(reader.parts)))
