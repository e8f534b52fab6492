"""How a product lies in the engine: a point per photo, each with the record and the fields that conditions read."""

from __future__ import annotations

import dataclasses
import functools
import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import qdrant_edge as engine

from shoplens.index.conditions import ID_FIELDS, field_values
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import StoredProduct
from shoplens.types import Photo, Product

VIEW, HASHES, SIZE = "view", "hashes", "size"
ID_PATHS = ["id", "record.id"]
"""Where a point holds its product's id, in stores of this format and of those before."""
KINDS = ("exact", "text", "number")
"""What fields hold: ids, whose letter case counts; folded texts; numbers. Stores of before held ids as folded texts."""
RECORDS_AT_HAND = 2_000
"""That are held as they were read; some 10 MB."""
_NAMESPACE = uuid.UUID("6f6c3f5e-51f5-4e0c-9d0e-0d9bd0a0c0de")


def point_id(product_id: str, view: int = 0) -> str:
    """Of a product's photo; the engine takes integers and UUIDs only. The last 16 bits are the photo's number."""
    return str(
        uuid.UUID(
            int=uuid.uuid5(_NAMESPACE, product_id.encode("utf-8", "backslashreplace").decode()).int >> 16 << 16 | view
        )
    )


def point_ids(record: StoredProduct) -> list[str]:
    """Of all photos of a product."""
    return [point_id(record.product.id, view) for view in range(len(record.photos))]


def product_key(point: engine.PointId) -> str:
    """The same for all photos of a product, and for no other product's."""
    return str(point)[:-4]


def view_of(point: engine.PointId) -> int:
    """Number of the photo that a point is."""
    return int(str(point)[-4:], 16)


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
    return (kind, unquote(rest.strip('"'))) if kind in KINDS and rest else None


def product_payload(record: StoredProduct) -> dict[str, Any]:
    """What every photo of a product carries: the record, and the fields that conditions and facets read.

    The record is JSON in a string: the engine takes twenty times as long over each value that it holds itself.
    """
    product = {field.name: getattr(record.product, field.name) for field in dataclasses.fields(Product)}
    product["category"], product["identifiers"] = list(record.product.category), list(record.product.identifiers)
    product["attributes"] = {name: list(values) for name, values in record.product.attributes.items()}
    product["photos"] = [dataclasses.asdict(photo) for photo in record.photos]
    fields = {**field_values(record.product), **predicted_values(record.predicted)}
    product["predicted"] = {name: dict(classes) for name, classes in record.predicted.items()}
    return {
        "id": record.product.id,
        "record": json.dumps(product, ensure_ascii=True, separators=(",", ":")),
        "exact": {name: list(fields[name].texts) for name in ID_FIELDS if name in fields},
        "text": {
            quote(name, safe=" "): list(values.texts)
            for name, values in fields.items()
            if values.texts and name not in ID_FIELDS
        },
        "number": {quote(name, safe=" "): list(values.numbers) for name, values in fields.items() if values.numbers},
    }


def photo_payload(photo: Photo, view: int) -> dict[str, Any]:
    """What a photo carries of its own."""
    hashes = {hash for hash in (photo.content_hash, photo.pixel_hash) if hash}
    return {VIEW: view, HASHES: sorted(map(hash_key, hashes)), SIZE: size_key(photo.width, photo.height)}


def product_id_from(payload: Mapping[str, Any]) -> str:
    """The id alone, of a payload that may lack the rest."""
    return str(payload["id"] if "id" in payload else payload["record"]["id"])


def record_from(payload: Mapping[str, Any]) -> StoredProduct:
    """The record, as stores of any format hold it."""
    held = payload["record"]
    if isinstance(held, str):
        return _record_of(held)
    return _record({**held, "predicted": payload.get("predicted") or {}})


@functools.lru_cache(RECORDS_AT_HAND)
def _record_of(text: str) -> StoredProduct:
    """What is found often is read once; whoever changes a product changes its text."""
    return _record(json.loads(text))


def _record(stored: dict[str, Any]) -> StoredProduct:
    predicted = stored.pop("predicted")
    photos = tuple(Photo(**photo) for photo in stored.pop("photos"))
    stored["category"] = tuple(stored["category"])
    stored["identifiers"] = tuple(stored.get("identifiers", ()))
    stored["attributes"] = {name: tuple(values) for name, values in stored["attributes"].items()}
    return StoredProduct(Product(photos=tuple(photo.source for photo in photos), **stored), photos, predicted)
