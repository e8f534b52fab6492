"""Splitting of a cell or element that names several photos, in the notations that shops use."""

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


def split_photos(text: str) -> list[str]:
    """Return the photos that ``text`` names, without repeats.

    The text holds URLs or paths between commas, semicolons, bars or spaces, or a JSON list. A separator after a URL
    separates only where another URL follows, and one in paths only where a file name stands before it. Entities are
    decoded.

    >>> split_photos("https://h/w_300,h_300/a.jpg, https://h/b.jpg?x=1&amp;y=2")
    ['https://h/w_300,h_300/a.jpg', 'https://h/b.jpg?x=1&y=2']
    >>> split_photos('[{"url": "https://h/a.jpg"}, "b.jpg"]'), split_photos("a.jpg;b,c.jpg")
    (['https://h/a.jpg', 'b.jpg'], ['a.jpg', 'b,c.jpg'])
    """
    text = text.strip()
    if text.startswith(("[", "{", '"')):
        for json_text in (text, f"[{text}]", text.replace("'", '"')):
            try:
                return _distinct(_photos_in_json(json.loads(json_text)))
            except (ValueError, RecursionError):
                pass  # a file name may start with these characters, too
    text = decode_entities(text)
    parts = _NEXT_URL.split(text) if _ADDRESS.search(text) else _split_paths(text)
    return _distinct(part.strip(" \t\r\n,;|") for part in parts)


def is_address(photo: str) -> bool:
    """Return whether a reference is a URL rather than a path."""
    return _ADDRESS.match(photo) is not None


def _split_paths(text: str) -> Iterator[str]:
    """Yield the paths between separators; a part that is not a file name belongs to the part after it."""
    start = part = 0
    for separator in _SEPARATORS.finditer(text):
        if _FILE_NAME.fullmatch(text[part : separator.start()].strip()):
            yield text[start : separator.start()]
            start = separator.end()
        part = separator.end()
    yield text[start:]


def _photos_in_json(value: Any) -> Iterator[str]:
    """Yield the photos in a JSON value: texts, objects with a URL, and lists of these."""
    if isinstance(value, str):
        yield decode_entities(value)
    elif isinstance(value, list):
        for item in value:
            yield from _photos_in_json(item)
    elif isinstance(value, dict):
        yield from next(([url] for key in _URL_KEYS if isinstance(url := value.get(key), str)), [])


def _distinct(photos: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(photo.strip() for photo in photos if photo.strip()))
