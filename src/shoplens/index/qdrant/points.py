"""Converts between index entries and points of the engine: one point per photo, with its vectors and a payload."""

from __future__ import annotations

import dataclasses
import functools
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from shoplens.errors import StoreError
from shoplens.index.conditions import ID_FIELDS, field_values
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import IndexedProduct, PhotoKey, StoredProduct, VectorQuery, VectorSizes
from shoplens.index.qdrant.config import CLASS_VECTOR, COMBINED, PRETRAINED, TEXT_VECTOR, TRAINED
from shoplens.index.qdrant.engine_errors import REPAIR
from shoplens.types import FilterScores, Photo, Product, SparseRows, SparseVector, Vectors

VIEW, HASHES, SIZE = "view", "hashes", "size"
"""Payload keys: the photo's number in its product, its hashes, and its size in pixels."""
ID_PATHS = ["id", "record.id"]
"""Payload paths of the product id, in stores of this format and of older ones."""
FIELD_KINDS = ("exact", "text", "number")
"""Kinds of payload fields: ids, which are compared with letter case; folded texts; numbers. Older stores hold ids as
folded texts."""
CACHED_RECORDS = 2_000
"""Number of parsed records that are kept in memory; about 10 MB."""
RawRecord = str | dict[str, Any]
"""A product's record: JSON, or an object in older stores."""
EMPTY_ENTRIES: tuple[list[int], list[float]] = ([], [])
"""Indices and values of an empty sparse vector."""
_NAMESPACE = uuid.UUID("6f6c3f5e-51f5-4e0c-9d0e-0d9bd0a0c0de")


def point_id(product_id: str, view: int = 0) -> str:
    """Return the point id of a product's photo. The engine takes only integers and UUIDs; the last 16 bits are the
    photo's number."""
    return str(
        uuid.UUID(
            int=uuid.uuid5(_NAMESPACE, product_id.encode("utf-8", "backslashreplace").decode()).int >> 16 << 16 | view
        )
    )


def point_ids(record: StoredProduct) -> list[str]:
    """Return the point ids of all photos of a product."""
    return [point_id(record.product.id, view) for view in range(len(record.photos))]


def product_prefix(point: engine.PointId) -> str:
    """Return the part of a point id that all photos of one product share, and no photo of another product."""
    return str(point)[:-4]


def product_number(point: str) -> int:
    """Return :attr:`PhotoKey.product` of a point."""
    return UUID(point).int >> 16


def view_number(point: engine.PointId) -> int:
    """Return the number of the photo that a point stands for."""
    return int(str(point)[-4:], 16)


def photo_key(point: engine.PointId) -> PhotoKey:
    """Return the photo key of a point."""
    number = point.int if isinstance(point, UUID) else UUID(str(point)).int
    return PhotoKey(number >> 16, number & 0xFFFF)


def photo_point_id(key: PhotoKey) -> UUID:
    """Return the point id of a photo key."""
    return UUID(int=int(key.product) << 16 | key.view)


def size_key(width: int, height: int) -> str:
    """Return the payload value of a photo's size."""
    return f"{width}x{height}"


def hash_key(photo_hash: str) -> str:
    """Return a 128-bit hash as a UUID, which the engine indexes in 16 bytes."""
    return str(uuid.UUID(photo_hash))


def is_photo_hash(text: str) -> bool:
    """Return whether a text is a hash of 32 lower-case hexadecimal digits."""
    return len(text) == 32 and all(digit in "0123456789abcdef" for digit in text)


def field_path(kind: str, field: str) -> str:
    """Return the payload path of a field; names are percent-encoded and quoted, so that dots, quotes and brackets have
    no meaning in them."""
    return f'{kind}."{quote(field, safe=" ")}"'


def parse_field_path(path: str) -> tuple[str, str] | None:
    """Return (kind, field) of a path from :func:`field_path`; None for other paths."""
    kind, _, rest = path.partition(".")
    return (kind, unquote(rest.strip('"'))) if kind in FIELD_KINDS and rest else None


def product_payload(record: StoredProduct) -> dict[str, Any]:
    """Return the payload that all photos of a product share: the record, and the fields of conditions and facets.

    The record is JSON in a string: the engine takes twenty times as long over each value that it stores itself.
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
    """Return the payload of one photo alone."""
    hashes = {photo_hash for photo_hash in (photo.content_hash, photo.pixel_hash) if photo_hash}
    return {VIEW: view, HASHES: sorted(map(hash_key, hashes)), SIZE: size_key(photo.width, photo.height)}


def parse_product_id(payload: Mapping[str, Any]) -> str:
    """Return the product id of a payload, which may lack everything else."""
    return str(payload["id"] if "id" in payload else payload["record"]["id"])


def parse_record(payload: Mapping[str, Any]) -> StoredProduct:
    """Return the record of a payload, in any format that a store may hold."""
    return parse_raw_record(raw_record(payload))


def raw_record(payload: Mapping[str, Any]) -> RawRecord:
    """Return the record of a payload as it is stored."""
    stored: RawRecord = payload["record"]
    return stored if isinstance(stored, str) else {**stored, "predicted": payload.get("predicted") or {}}


def parse_raw_record(stored: RawRecord) -> StoredProduct:
    """Return the record that is stored so.

    Raises:
        StoreError: ``damaged-store``.
    """
    try:
        return _parse_record_text(stored) if isinstance(stored, str) else _record({**stored})
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise _damage_error(problem) from problem


@functools.lru_cache(CACHED_RECORDS)
def _parse_record_text(text: str) -> StoredProduct:
    """Parse each text once while it is in the cache; a change of a product changes its text."""
    return _record(json.loads(text))


def _record(stored: dict[str, Any]) -> StoredProduct:
    predicted = stored.pop("predicted")
    photos = tuple(Photo(**photo) for photo in stored.pop("photos"))
    stored["category"] = tuple(stored["category"])
    stored["identifiers"] = tuple(stored.get("identifiers", ()))
    stored["attributes"] = {name: tuple(values) for name, values in stored["attributes"].items()}
    return StoredProduct(Product(photos=tuple(photo.source for photo in photos), **stored), photos, predicted)


def build_points(entry: IndexedProduct, sizes: VectorSizes) -> Iterator[engine.Point]:
    """Yield a point for each photo of a product.

    Args:
        entry: the product.
        sizes: lengths of the vectors of this shard; those for which it has no room are left out.
    """
    scores = entry.scores if sizes.filter_vector else None
    predicted = scores.predicted if scores is not None else {}
    shared = product_payload(StoredProduct(entry.product, entry.photos, predicted))
    for view, (photo, vector) in enumerate(zip(entry.photos, entry.vectors, strict=True)):
        vectors: dict[str, list[float] | engine.SparseVector] = {PRETRAINED: vector.tolist()}
        if entry.trained_vectors is not None:
            vectors[TRAINED] = entry.trained_vectors[view].tolist()
        if scores is not None:
            vectors.update(_score_vectors(entry.look_vectors[view], scores, view, sizes))
        payload = {**shared, **photo_payload(photo, view)}
        yield engine.Point(point_id(entry.product.id, view), vectors, payload)  # type: ignore[arg-type]


def build_score_vectors(
    entry: IndexedProduct, scores: FilterScores, sizes: VectorSizes
) -> Iterator[engine.PointVectors]:
    """Yield the vectors that hold the filter scores of each photo, for points that exist already."""
    for view, vector in enumerate(entry.look_vectors):
        yield engine.PointVectors(point_id(entry.product.id, view), _score_vectors(vector, scores, view, sizes))  # type: ignore[arg-type]


def _score_vectors(
    look: Vectors, scores: FilterScores, view: int, sizes: VectorSizes
) -> dict[str, list[float] | engine.SparseVector]:
    vectors: dict[str, list[float] | engine.SparseVector] = {
        COMBINED: combine_vectors(look, scores.filter_vectors[view]).tolist(),
        CLASS_VECTOR: engine_sparse_vector(scores.class_vectors[view]),
    }
    if sizes.text and scores.text_vectors:
        vectors[TEXT_VECTOR] = engine_sparse_vector(scores.text_vectors[view])
    return vectors


def parse_entry(points: Sequence[engine.Record], sizes: VectorSizes) -> IndexedProduct:
    """Return the entry of a product from all of its points, read with payload and vectors.

    Args:
        points: the points of one product, in any order.
        sizes: lengths of their vectors.
    """
    ordered = sorted(points, key=lambda point: view_number(point.id))
    record = parse_record(ordered[0].payload or {})
    vectors, trained, scores = _stack_vectors(ordered, PRETRAINED), None, None
    if sizes.trained:
        trained = _stack_vectors(ordered, TRAINED)
    if all(COMBINED in _vectors(point) for point in ordered):
        filter_vectors = _stack_vectors(ordered, COMBINED)[:, sizes.look :]
        marks, texts = (tuple(_sparse_vector(point, name) for point in ordered) for name in (CLASS_VECTOR, TEXT_VECTOR))
        scores = FilterScores(filter_vectors, marks, record.predicted, texts if sizes.text else ())
    return IndexedProduct(record.product, record.photos, vectors, scores, trained)


def _stack_vectors(points: Sequence[engine.Record], name: str) -> Vectors:
    try:
        return np.array([_vectors(point)[name] for point in points], np.float32)
    except KeyError as problem:
        raise _damage_error(problem) from problem


def _damage_error(problem: Exception) -> StoreError:
    return StoreError(
        f"The store is damaged: what it holds of a product cannot be read: {problem!r}.", REPAIR, code="damaged-store"
    )


def _sparse_vector(point: engine.Record, name: str) -> SparseVector:
    indices, values = sparse_entries(point, name)
    order = np.argsort(indices)
    return SparseVector(np.array(indices, np.uint32)[order], np.array(values, np.float32)[order])


def sparse_entries(point: engine.Record, name: str) -> tuple[list[int], list[float]]:
    """Return indices and values of a point's sparse vector as the engine holds them, in any order."""
    vector = _vectors(point).get(name)
    return EMPTY_ENTRIES if vector is None else (vector.indices, vector.values)


def stack_sparse(points: Mapping[int, engine.Record], ids: Sequence[UUID], name: str) -> SparseRows:
    """Return the sparse vectors of points, by id, a row for each of these ids; empty where there is no such point."""
    entries = {number: sparse_entries(point, name) for number, point in points.items()}
    rows = [entries.get(point.int, EMPTY_ENTRIES) for point in ids]
    return SparseRows(
        np.array([len(indices) for indices, _ in rows], np.intp),
        np.array([index for indices, _ in rows for index in indices], np.uint32),
        np.array([value for _, values in rows for value in values], np.float32),
    )


def engine_query(query: VectorQuery, sizes: VectorSizes) -> engine.Query:
    """Return the engine's form of a query for photos.

    Args:
        sizes: lengths of the vectors of a point.
    """
    if query.class_vector is not None:
        return engine.Query.Nearest(engine_sparse_vector(query.class_vector), using=CLASS_VECTOR)
    if query.text_vector is not None:
        return engine.Query.Nearest(engine_sparse_vector(query.text_vector), using=TEXT_VECTOR)
    if query.pretrained is not None:
        return engine.Query.Nearest(query.pretrained.tolist(), using=PRETRAINED)
    return engine.Query.Nearest(combine_query(query, sizes).tolist(), using=COMBINED)


def combine_query(query: VectorQuery, sizes: VectorSizes) -> Vectors:
    """Return what a query for photos is compared with in the combined vectors; zeros where it asks for nothing."""
    look = np.zeros(sizes.look, np.float32) if query.look is None else query.look
    rest = np.zeros(sizes.filter_vector, np.float32) if query.filter_vector is None else query.filter_vector
    return combine_vectors(look, rest)


def combine_vectors(look: Vectors, filter_vector: Vectors) -> Vectors:
    """Return a combined vector, float32 (look + filter vector,), whose numbers have 16 bits.

    The engine stores so many and rounds queries, too; rounded here, engines that store 32 give the same scores.
    """
    rounded: Vectors = np.concatenate([look, filter_vector]).astype(np.float16).astype(np.float32)
    return rounded


def engine_sparse_vector(vector: SparseVector) -> engine.SparseVector:
    """Return the engine's form of a sparse vector."""
    return engine.SparseVector(vector.indices.tolist(), vector.values.tolist())


def _vectors(point: engine.Record) -> dict[str, Any]:
    vectors: Any = point.vector
    return vectors if isinstance(vectors, dict) else {}
