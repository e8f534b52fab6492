"""Entries <-> points of the engine: one per photo, with its vectors and a payload."""

from __future__ import annotations

import dataclasses
import functools
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from shoplens.index.conditions import ID_FIELDS, field_values
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import IndexedProduct, PhotoKey, StoredProduct, VectorQuery, VectorSizes
from shoplens.index.qdrant.config import COMBINED, MARKS, TRAINED, VECTOR
from shoplens.types import FilterScores, Photo, Product, SparseRows, SparseVector, Vectors

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


NOTHING: tuple[list[int], list[float]] = ([], [])
"""The marks of a point without any."""


def points_of(entry: IndexedProduct, placed: int) -> Iterator[engine.Point]:
    """A point per photo.

    Args:
        entry: a product.
        placed: the filters' numbers beside a vector in this shard; 0 where it has no room for any.
    """
    scores = entry.scores if placed else None
    predicted = scores.predicted if scores is not None else {}
    shared = product_payload(StoredProduct(entry.product, entry.photos, predicted))
    for view, (photo, vector) in enumerate(zip(entry.photos, entry.vectors, strict=True)):
        vectors: dict[str, list[float] | engine.SparseVector] = {VECTOR: vector.tolist()}
        if entry.trained is not None:
            vectors[TRAINED] = entry.trained[view].tolist()
        if scores is not None:
            vectors.update(_score_vectors(entry.look[view], scores, view))
        payload = {**shared, **photo_payload(photo, view)}
        yield engine.Point(point_id(entry.product.id, view), vectors, payload)  # type: ignore[arg-type]


def score_vectors_of(entry: IndexedProduct, scores: FilterScores) -> Iterator[engine.PointVectors]:
    """What the filters say of each photo, for points that hold all else already."""
    for view, vector in enumerate(entry.look):
        yield engine.PointVectors(point_id(entry.product.id, view), _score_vectors(vector, scores, view))  # type: ignore[arg-type]


def _score_vectors(look: Vectors, scores: FilterScores, view: int) -> dict[str, list[float] | engine.SparseVector]:
    combined = np.concatenate([look, scores.placed[view]])
    return {COMBINED: combined.tolist(), MARKS: sparse(scores.marks[view])}


def entry_from(points: Sequence[engine.Record], sizes: VectorSizes) -> IndexedProduct:
    """The entry whose points, all of them, were read with payload and vectors.

    Args:
        points: of one product, in any order.
        sizes: lengths of their vectors.
    """
    ordered = sorted(points, key=lambda point: view_of(point.id))
    record = record_from(ordered[0].payload or {})
    vectors, trained, scores = _rows(ordered, VECTOR), None, None
    if sizes.trained:
        trained = _rows(ordered, TRAINED)
    if all(COMBINED in _vectors(point) for point in ordered):
        placed = _rows(ordered, COMBINED)[:, sizes.look :]
        scores = FilterScores(placed, tuple(map(marks_of, ordered)), record.predicted)
    return IndexedProduct(record.product, record.photos, vectors, scores, trained)


def _rows(points: Sequence[engine.Record], name: str) -> Vectors:
    return np.array([_vectors(point)[name] for point in points], np.float32)


def marks_of(point: engine.Record) -> SparseVector:
    """A point's marks."""
    indices, values = marks_in(point)
    order = np.argsort(indices)
    return SparseVector(np.array(indices, np.uint32)[order], np.array(values, np.float32)[order])


def marks_in(point: engine.Record) -> tuple[list[int], list[float]]:
    """A point's marks as the engine holds them, in any order."""
    marks = _vectors(point).get(MARKS)
    return NOTHING if marks is None else (marks.indices, marks.values)


def sparse_rows(marks: Iterable[tuple[list[int], list[float]]]) -> SparseRows:
    """Marks as :func:`marks_in` gives them."""
    each = list(marks)
    return SparseRows(
        np.array([len(indices) for indices, _ in each], np.intp),
        np.array([index for indices, _ in each for index in indices], np.uint32),
        np.array([value for _, values in each for value in values], np.float32),
    )


def query_of(probe: VectorQuery, sizes: VectorSizes) -> engine.Query:
    """The engine's form of a probe.

    Args:
        sizes: lengths of what a point holds.
    """
    if probe.marks is not None:
        return engine.Query.Nearest(sparse(probe.marks), using=MARKS)
    look = np.zeros(sizes.look, np.float32) if probe.look is None else probe.look
    beside = np.zeros(sizes.placed, np.float32) if probe.placed is None else probe.placed
    return engine.Query.Nearest(np.concatenate([look, beside]).tolist(), using=COMBINED)


def sparse(marks: SparseVector) -> engine.SparseVector:
    """The engine's form."""
    return engine.SparseVector(marks.indices.tolist(), marks.values.tolist())


def photo_key(point: engine.PointId) -> PhotoKey:
    """Names a photo outside this package's engine."""
    number = point.int if isinstance(point, UUID) else UUID(str(point)).int
    return PhotoKey(number >> 16, number & 0xFFFF)


def photo_point(key: PhotoKey) -> UUID:
    """The point that a photo is."""
    return UUID(int=int(key.product) << 16 | key.view)


def product_number(point: str) -> int:
    """:attr:`PhotoKey.product` of a point."""
    return UUID(point).int >> 16


def _vectors(point: engine.Record) -> dict[str, Any]:
    vectors: Any = point.vector
    return vectors if isinstance(vectors, dict) else {}
