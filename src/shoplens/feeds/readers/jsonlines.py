"""Reader of JSON Lines, the project's own format, with one object per product and line.

    {"id": "MH01-Black", "title": "Chaz Hoodie", "photos": ["mh01-black.jpg"], "price": 52, "currency": "USD",
     "category": ["Men", "Tops"], "attributes": {"color": "black", "size": ["S", "M"]}, "group_id": "MH01"}

(This object stands on one line.) ``category`` is a list from the root down, or text with ``>`` between the levels.
``null`` counts as absent. The number of a row is the number of its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from shoplens.feeds.rows import Event, RawProduct, Row
from shoplens.feeds.text.json_values import JsonDocument, is_by_line
from shoplens.feeds.text.plain_text import clean_line, clean_paragraphs
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.feeds.text.text_lines import TextLines, stray_bytes_note
from shoplens.types import Rejection, Value

READS = {
    "id": "`id`",
    "title": "`title`",
    "photos": "`photos`",
    "description": "`description`",
    "url": "`url`",
    "price": "`price`",
    "currency": "`currency`",
    "brand": "`brand`",
    "category": "`category`",
    "attributes": "`attributes`",
    "group_id": "`group_id`",
    "in_stock": "`in_stock`",
    "identifiers": "`identifiers`",
}
IGNORES = {"every other key": "it has no meaning; the first occurrence of each is noted"}

MAX_NUMBER = 2**53
"""Largest whole number that every program that reads JSON represents exactly."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _WrongTypeError(Exception):
    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(field)
        self.field, self.value, self.expected = field, value, expected


def read(path: Path) -> Iterator[Event]:
    """Yield the rows of JSON in the project's own format, and the notes and rejections about them."""
    unknown_keys: set[str] = set()
    for item in read_objects(path):
        if isinstance(item, Rejection):
            yield item
        else:
            number, content = item
            yield from _note_unknown_keys(content, number, unknown_keys)
            yield from _read_content(content, number)


def read_object(text: str, number: int) -> Iterator[Event]:
    """Yield the row of one JSON object after the notes about it, or a rejection."""
    content = _parse(text, number)
    if isinstance(content, Rejection):
        yield content
    else:
        yield from _note_unknown_keys(content, number, set())
        yield from _read_content(content, number)


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Rejection]:
    """Yield the objects of a file with their numbers, and a rejection for each object that cannot be read.

    In a file with an object per line, the numbers are those of the lines. In an array, in an object with a list of
    products, and for objects over several lines, the objects are counted from 1.

    Raises:
        FeedError: ``bad-json``, a document that is not an object per line breaks off.
    """
    for number, text in _read_lines(path) if is_by_line(path) else _read_document(path):
        content = text if isinstance(text, Rejection) else _parse(text, number)
        yield content if isinstance(content, Rejection) else (number, content)


def _parse(text: str, number: int) -> dict[str, Any] | Rejection:
    try:
        return _load_object(text)
    except (ValueError, RecursionError) as problem:
        return Rejection(
            kind="malformed-json",
            row=number,
            value=text.strip(),
            reason=f"This is not a valid JSON object: {problem}.",
            fix="Write one JSON object per line, or an array of them.",
        )


def _read_lines(path: Path) -> Iterator[tuple[int, str | Rejection]]:
    lines = TextLines(path)
    for number, text in enumerate(lines, 1):
        yield from ((number, note) for note in lines.notes(number))
        if not text.isspace():
            yield number, text


def _read_document(path: Path) -> Iterator[tuple[int, str | Rejection]]:
    document = JsonDocument(path)
    is_noted = False
    for raw in document:
        if document.has_stray_bytes and not is_noted:
            is_noted = True
            yield raw.number, stray_bytes_note(raw.number, raw.text)
        yield raw.number, raw.text


def _load_object(text: str) -> dict[str, Any]:
    content = json.loads(text, parse_constant=_refuse_constant)
    if not isinstance(content, dict):
        raise ValueError(f"it is {type(content).__name__}")
    if _SURROGATE.search(text):  # an unpaired surrogate cannot be stored
        content = json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    return {key: value for key, value in content.items() if value is not None}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _note_unknown_keys(content: dict[str, Any], number: int, unknown_keys: set[str]) -> Iterator[Rejection]:
    """Yield a note on each key that is unknown and not yet in ``unknown_keys``, and add it there."""
    for key in (key for key in content if key not in _FIELDS and key not in unknown_keys):
        unknown_keys.add(key)
        yield Rejection(
            kind="unknown-key",
            level="note",
            row=number,
            field=key,
            value=str(content[key]),
            reason="No field of a product has this name; the key is ignored in every row.",
            fix=f"Put it under attributes, or use one of: {', '.join(_FIELDS)}.",
        )


def _read_content(content: dict[str, Any], number: int) -> Iterator[Event]:
    price_value = content.pop("price", None)
    try:
        fields = {key: read_value(key, content[key]) for key, read_value in _FIELDS.items() if key in content}
        product = RawProduct(**{"id": "", **fields})
    except _WrongTypeError as error:
        yield Rejection(
            kind="wrong-type",
            row=number,
            product_id=str(content.get("id", ""))[:200],
            field=error.field,
            value=str(error.value),
            reason=f"{error.field} is {type(error.value).__name__}, not {error.expected}.",
            fix=f"Give {error.expected}.",
        )
        return
    if price_value is not None and price_value != "":
        price = _read_price(price_value)
        if price is None:
            yield bad_price(number, "price", price_value, product.id)
        else:
            product.price, product.currency = price[0], product.currency or price[1]
    yield Row(number, product)


def _read_price(value: object) -> tuple[float, str] | None:
    if isinstance(value, str):
        return parse_price(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_NUMBER:
        return None
    return float(value), ""


def _read_text(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _WrongTypeError(name, value, "text")
    return clean_line(str(value))


def _read_id(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _WrongTypeError(name, value, "text")
    return str(value).strip()


def _read_long_text(name: str, value: object) -> str:
    return clean_paragraphs(value) if isinstance(value, str) else _read_text(name, value)


def _read_flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongTypeError(name, value, "true or false")
    return value


def _read_category(name: str, value: object) -> tuple[str, ...]:
    levels = value.split(">") if isinstance(value, str) else value
    if not isinstance(levels, list) or not all(isinstance(level, str) for level in levels):
        raise _WrongTypeError(name, value, "a list of text, root first")
    return tuple(level for level in map(clean_line, levels) if level)


def _read_photos(name: str, value: object) -> dict[str, str]:
    photos = [value] if isinstance(value, str) else value
    if not isinstance(photos, list) or not all(isinstance(photo, str) for photo in photos):
        raise _WrongTypeError(name, value, "a list of paths or URLs")
    return {photo.strip(): name for photo in photos if photo.strip()}


def _read_identifiers(name: str, value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_read_id(name, identifier) for identifier in values]


def _read_attributes(name: str, value: object) -> dict[str, list[Value]]:
    if not isinstance(value, dict):
        raise _WrongTypeError(name, value, "an object of names and values")
    return {
        key: [_read_value(f"{name}.{key}", item) for item in (values if isinstance(values, list) else [values])]
        for key, values in value.items()
        if values is not None
    }


def _read_value(name: str, value: object) -> Value:
    if not isinstance(value, str | int | float) or (not isinstance(value, str) and not abs(value) <= MAX_NUMBER):
        raise _WrongTypeError(name, value, "text, a number, true or false, or a list of these")
    return clean_line(value) if isinstance(value, str) else value


_FIELDS: dict[str, Callable[[str, object], Any]] = {
    "id": _read_id,
    "title": _read_text,
    "description": _read_long_text,
    "url": _read_text,
    "price": _read_text,
    "currency": _read_text,
    "brand": _read_text,
    "category": _read_category,
    "attributes": _read_attributes,
    "group_id": _read_text,
    "photos": _read_photos,
    "in_stock": _read_flag,
    "identifiers": _read_identifiers,
}
