"""How a product lies in the engine: its record, and the fields that conditions and facets read."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import qdrant_edge as engine

from shoplens.index.conditions import (
    NUMBER,
    AllOf,
    AnyOf,
    Condition,
    Not,
    OneOf,
    Ordered,
    field_values,
)
from shoplens.index.entry import Record
from shoplens.types import Photo, Product

HASHES, SIZES, ID = "hashes", "sizes", "record.id"
_NAMESPACE = uuid.UUID("6f6c3f5e-51f5-4e0c-9d0e-0d9bd0a0c0de")
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def point_id(product_id: str) -> engine.PointId:
    """The engine takes integers and UUIDs only."""
    return str(uuid.uuid5(_NAMESPACE, product_id))


def size_key(width: int, height: int) -> str:
    return f"{width}x{height}"


def hash_key(photo_hash: str) -> str:
    """A 128-bit hash as a UUID, which the engine indexes in 16 bytes."""
    return str(uuid.UUID(photo_hash))


def is_photo_hash(text: str) -> bool:
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)


def field_key(kind: str, field: str) -> str:
    """Path of a field; names are percent-encoded and quoted, so that dots, quotes and brackets mean nothing."""
    return f'{kind}."{quote(field, safe=" ")}"'


def field_of(key: str) -> tuple[str, str] | None:
    """(kind, field) of a path made by :func:`field_key`; None for the others."""
    kind, _, rest = key.partition(".")
    return (kind, unquote(rest.strip('"'))) if kind in ("text", "number") and rest else None


def payload_of(record: Record) -> dict[str, Any]:
    product = {field.name: getattr(record.product, field.name) for field in dataclasses.fields(Product)}
    product["category"] = list(record.product.category)
    product["attributes"] = {name: list(values) for name, values in record.product.attributes.items()}
    product["photos"] = [dataclasses.asdict(photo) for photo in record.photos]
    fields = field_values(record.product)
    hashes = {hash for photo in record.photos for hash in (photo.content_hash, photo.pixel_hash) if hash}
    return {
        "record": product,
        "text": {quote(name, safe=" "): list(values.texts) for name, values in fields.items() if values.texts},
        "number": {quote(name, safe=" "): list(values.numbers) for name, values in fields.items() if values.numbers},
        HASHES: sorted(hash_key(hash) for hash in hashes),
        SIZES: sorted({size_key(photo.width, photo.height) for photo in record.photos}),
    }


def record_from(payload: Mapping[str, Any]) -> Record:
    stored = dict(payload["record"])
    photos = tuple(Photo(**photo) for photo in stored.pop("photos"))
    stored["category"] = tuple(stored["category"])
    stored["attributes"] = {name: tuple(values) for name, values in stored["attributes"].items()}
    return Record(Product(photos=tuple(photo.source for photo in photos), **stored), photos)


def filter_from(condition: Condition, kinds: Mapping[str, frozenset[str]]) -> engine.Filter:
    """The engine's form of a condition whose fields have been checked."""
    match condition:
        case OneOf(field, values):
            ways: list[Any] = []
            if "text" in kinds[field]:
                folded = sorted({value.casefold() for value in values})
                ways.append(engine.FieldCondition(field_key("text", field), match=engine.MatchAny(folded)))
            if "number" in kinds[field]:
                for number in sorted({float(value) for value in values if NUMBER.fullmatch(value)}):
                    both = engine.RangeFloat(gte=number, lte=number)
                    ways.append(engine.FieldCondition(field_key("number", field), range=both))
            return engine.Filter(should=ways)
        case Ordered(field, sign, bound):
            reach = engine.RangeFloat(**{_BOUNDS[sign]: bound})
            return engine.Filter(must=[engine.FieldCondition(field_key("number", field), range=reach)])
        case Not(inner):
            return engine.Filter(must_not=[filter_from(inner, kinds)])
        case AllOf(several):
            return engine.Filter(must=[filter_from(inner, kinds) for inner in several])
        case AnyOf(several):
            return engine.Filter(should=[filter_from(inner, kinds) for inner in several])
