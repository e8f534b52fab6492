"""The photos that one cell or element names, in every habit of writing several."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from shoplens.feeds.text.plain_text import decode_entities

_NEXT_URL = re.compile(r"[\s,;|]+(?=(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)")
_ADDRESS = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_SEPARATORS = re.compile(r"[,;|\n]")
_FILE_NAME = re.compile(r".*\.[A-Za-z]{3,5}(?:[?#].*)?")
_URL_KEYS = ("url", "src", "link", "image", "href", "original", "large")


def photos_in(text: str) -> list[str]:
    """The photos named by ``text``: addresses or paths between commas, semicolons, bars or spaces, or a JSON list.

    A separator inside an address separates only where another address follows, and one inside a path only where file
    names stand on both of its sides. Entities are decoded.

    >>> photos_in("https://h/w_300,h_300/a.jpg, https://h/b.jpg?x=1&amp;y=2")
    ['https://h/w_300,h_300/a.jpg', 'https://h/b.jpg?x=1&y=2']
    >>> photos_in('[{"url": "https://h/a.jpg"}, "b.jpg"]'), photos_in("a.jpg;b,c.jpg")
    (['https://h/a.jpg', 'b.jpg'], ['a.jpg', 'b,c.jpg'])
    """
    text = text.strip()
    if text.startswith(("[", "{", '"')):
        for written in (text, f"[{text}]", text.replace("'", '"')):
            try:
                return _distinct(_photos_in_json(json.loads(written)))
            except (ValueError, RecursionError):
                pass  # a file may be called so
    text = decode_entities(text)
    parts = _NEXT_URL.split(text) if _ADDRESS.search(text) else _paths(text)
    return _distinct(part.strip(" \t\r\n,;|") for part in parts)


def is_address(photo: str) -> bool:
    """Whether a reference is an address rather than a path."""
    return _ADDRESS.match(photo) is not None


def _paths(text: str) -> Iterator[str]:
    """Paths between separators; a part that does not end as a file does belongs to the one after it."""
    start = part = 0
    for separator in _SEPARATORS.finditer(text):
        if _FILE_NAME.fullmatch(text[part : separator.start()].strip()):
            yield text[start : separator.start()]
            start = separator.end()
        part = separator.end()
    yield text[start:]


def _photos_in_json(value: Any) -> Iterator[str]:
    """Photos in a value of JSON: texts, objects with an address, and lists of these."""
    if isinstance(value, str):
        yield decode_entities(value)
    elif isinstance(value, list):
        for one in value:
            yield from _photos_in_json(one)
    elif isinstance(value, dict):
        yield from next(([url] for key in _URL_KEYS if isinstance(url := value.get(key), str)), [])


def _distinct(photos: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(photo.strip() for photo in photos if photo.strip()))
