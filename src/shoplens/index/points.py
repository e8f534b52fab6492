"""Entries <-> points of the engine: one per photo, with all that is known of it and of its product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import qdrant_edge as engine

from shoplens.index.engine_config import COMBINED, MARKS, VECTOR
from shoplens.index.entry import NO_MARKS, Entry, PhotoKey, Record
from shoplens.index.payload import photo_payload, point_id, product_key, product_payload, record_from, view_of
from shoplens.types import FilterScores, SparseVector


def points_of(entry: Entry, dense: int) -> Iterator[engine.Point]:
    """A point per photo.

    Args:
        entry: a product.
        dense: length of the filters' dense scores in this shard; 0 where it has no room for any.
    """
    scores = entry.scores if dense else None
    predicted = scores.predicted if scores is not None else {}
    shared = product_payload(Record(entry.product, entry.photos, predicted))
    for view, (photo, vector) in enumerate(zip(entry.photos, entry.vectors, strict=True)):
        look = vector.tolist()
        vectors: dict[str, list[float] | engine.SparseVector] = {VECTOR: look}
        if scores is not None:
            vectors[COMBINED] = [*look, *scores.dense[view].tolist()]
            vectors[MARKS] = sparse(scores.marks[view])
        payload = {**shared, **photo_payload(photo, view)}
        yield engine.Point(point_id(entry.product.id, view), vectors, payload)  # type: ignore[arg-type]


def entry_from(points: Sequence[engine.Record], dimensions: int) -> Entry:
    """The entry whose points, all of them, were read with payload and vectors.

    Args:
        points: of one product, in any order.
        dimensions: length of an embedding.
    """
    ordered = sorted(points, key=lambda point: view_of(point.id))
    record = record_from(ordered[0].payload or {})
    vectors = np.array([_vectors(point)[VECTOR] for point in ordered], np.float32)
    scores = None
    if all(COMBINED in _vectors(point) for point in ordered):
        dense = np.array([_vectors(point)[COMBINED][dimensions:] for point in ordered], np.float32)
        scores = FilterScores(dense, tuple(map(marks_of, ordered)), record.predicted)
    return Entry(record.product, record.photos, vectors, scores)


def marks_of(point: engine.Record) -> SparseVector:
    """A point's marks."""
    marks = _vectors(point).get(MARKS)
    if marks is None:
        return NO_MARKS
    indices, values = np.array(marks.indices, np.uint32), np.array(marks.values, np.float32)
    order = np.argsort(indices)
    return SparseVector(indices[order], values[order])


def sparse(marks: SparseVector) -> engine.SparseVector:
    """The engine's form."""
    return engine.SparseVector(marks.indices.tolist(), marks.values.tolist())


def photo_key(point: engine.PointId) -> PhotoKey:
    """Names a photo outside this package's engine."""
    return PhotoKey(product_key(point), view_of(point))


def photo_point(key: PhotoKey) -> str:
    """The point that a photo is."""
    return f"{key.product}{key.view:04x}"


def _vectors(point: engine.Record) -> dict[str, Any]:
    vectors: Any = point.vector
    return vectors if isinstance(vectors, dict) else {}
