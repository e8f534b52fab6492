"""JSON Lines, the project's own format: one object per product and line.

    {"id": "MH01-Black", "title": "Chaz Hoodie", "photos": ["mh01-black.jpg"], "price": 52, "currency": "USD",
     "category": ["Men", "Tops"], "attributes": {"color": "black", "size": ["S", "M"]}, "group_id": "MH01"}

(on one line). ``category`` is a list from the root down, or text with ``>`` between the levels. ``null`` counts as
absent. A row's number is its line's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from shoplens.feeds.rows import Event, RawProduct, Row
from shoplens.feeds.text.json_values import JsonDocument, is_by_line
from shoplens.feeds.text.plain_text import line, paragraphs
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.feeds.text.text_lines import TextLines, stray_bytes
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
IGNORES = {"every other key": "it means nothing; the first of each is told"}

LARGEST = 2**53
"""Numbers beyond this are not told apart by every program that reads JSON."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _WrongTypeError(Exception):
    def __init__(self, field: str, value: object, wanted: str) -> None:
        super().__init__(field)
        self.field, self.value, self.wanted = field, value, wanted


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of JSON in the project's own form."""
    unknown: set[str] = set()
    for found in read_objects(path):
        if isinstance(found, Rejection):
            yield found
        else:
            number, content = found
            yield from _unknown_keys(content, number, unknown)
            yield from _row(content, number)


def read_object(text: str, number: int) -> Iterator[Event]:
    """The row that one JSON object is, after what is wrong with it."""
    found = _parse(text, number)
    if isinstance(found, Rejection):
        yield found
    else:
        yield from _unknown_keys(found, number, set())
        yield from _row(found, number)


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Rejection]:
    """The objects of a file and their numbers: of a file with an object per line, those of the lines; of an array, of
    objects over several lines, and of an object with a list of products, their places.

    Raises:
        FeedError: ``bad-json``, a document that is not an object per line breaks off.
    """
    for number, text in _lines(path) if is_by_line(path) else _document(path):
        found = text if isinstance(text, Rejection) else _parse(text, number)
        yield found if isinstance(found, Rejection) else (number, found)


def _parse(text: str, number: int) -> dict[str, Any] | Rejection:
    try:
        return _load_object(text)
    except (ValueError, RecursionError) as problem:
        return Rejection(
            kind="malformed-json",
            row=number,
            value=text.strip(),
            reason=f"This is not a JSON object: {problem}.",
            fix="Write one JSON object per line, or an array of them.",
        )


def _lines(path: Path) -> Iterator[tuple[int, str | Rejection]]:
    lines = TextLines(path)
    for number, text in enumerate(lines, 1):
        yield from ((number, note) for note in lines.notes(number))
        if not text.isspace():
            yield number, text


def _document(path: Path) -> Iterator[tuple[int, str | Rejection]]:
    document = JsonDocument(path)
    told = False
    for found in document:
        if document.has_stray_bytes and not told:
            told = True
            yield found.number, stray_bytes(found.number, found.text)
        yield found.number, found.text


def _load_object(text: str) -> dict[str, Any]:
    found = json.loads(text, parse_constant=_no_constant)
    if not isinstance(found, dict):
        raise ValueError(f"it is {type(found).__name__}")
    if _SURROGATE.search(text):  # half of a pair cannot be stored
        found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    return {key: value for key, value in found.items() if value is not None}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


def _unknown_keys(found: dict[str, Any], number: int, told: set[str]) -> Iterator[Rejection]:
    for key in found.keys() - _FIELDS.keys() - told:
        told.add(key)
        yield Rejection(
            kind="unknown-key",
            level="note",
            row=number,
            field=key,
            value=str(found[key]),
            reason="No field of a product has this name; it is ignored in every row.",
            fix=f"Put it under attributes, or use one of: {', '.join(_FIELDS)}.",
        )


def _row(found: dict[str, Any], number: int) -> Iterator[Event]:
    price = found.pop("price", None)
    try:
        draft = RawProduct(**{"id": "", **{key: _FIELDS[key](key, found[key]) for key in _FIELDS if key in found}})
    except _WrongTypeError as wrong:
        yield Rejection(
            kind="wrong-type",
            row=number,
            product_id=str(found.get("id", ""))[:200],
            field=wrong.field,
            value=str(wrong.value),
            reason=f"{wrong.field} is {type(wrong.value).__name__}, not {wrong.wanted}.",
            fix=f"Give {wrong.wanted}.",
        )
        return
    if price is not None and price != "":
        found_price = _price(price)
        if found_price is None:
            yield bad_price(number, "price", price, draft.id)
        else:
            draft.price, draft.currency = found_price[0], draft.currency or found_price[1]
    yield Row(number, draft)


def _price(value: object) -> tuple[float, str] | None:
    if isinstance(value, str):
        return price_of(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
        return None
    return float(value), ""


def _text(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _WrongTypeError(name, value, "text")
    return line(str(value))


def _id(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _WrongTypeError(name, value, "text")
    return str(value).strip()


def _long_text(name: str, value: object) -> str:
    return paragraphs(value) if isinstance(value, str) else _text(name, value)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongTypeError(name, value, "true or false")
    return value


def _category(name: str, value: object) -> tuple[str, ...]:
    levels = value.split(">") if isinstance(value, str) else value
    if not isinstance(levels, list) or not all(isinstance(level, str) for level in levels):
        raise _WrongTypeError(name, value, "a list of text, root first")
    return tuple(level for level in map(line, levels) if level)


def _photos(name: str, value: object) -> dict[str, str]:
    photos = [value] if isinstance(value, str) else value
    if not isinstance(photos, list) or not all(isinstance(photo, str) for photo in photos):
        raise _WrongTypeError(name, value, "a list of paths or URLs")
    return {photo.strip(): name for photo in photos if photo.strip()}


def _identifiers(name: str, value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_id(name, one) for one in values]


def _attributes(name: str, value: object) -> dict[str, list[Value]]:
    if not isinstance(value, dict):
        raise _WrongTypeError(name, value, "an object of names and values")
    return {
        key: [_value(f"{name}.{key}", one) for one in (values if isinstance(values, list) else [values])]
        for key, values in value.items()
        if values is not None
    }


def _value(name: str, value: object) -> Value:
    if not isinstance(value, str | int | float) or (not isinstance(value, str) and not abs(value) <= LARGEST):
        raise _WrongTypeError(name, value, "text, a number, true or false, or a list of these")
    return line(value) if isinstance(value, str) else value


_FIELDS: dict[str, Callable[[str, object], Any]] = {
    "id": _id,
    "title": _text,
    "description": _long_text,
    "url": _text,
    "price": _text,
    "currency": _text,
    "brand": _text,
    "category": _category,
    "attributes": _attributes,
    "group_id": _text,
    "photos": _photos,
    "in_stock": _flag,
    "identifiers": _identifiers,
}
