"""Entries <-> points of the engine: one per photo, with all that is known of it and of its product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from shoplens.index.protocol import IndexedProduct, PhotoKey, StoredProduct, VectorQuery
from shoplens.index.qdrant.config import COMBINED, MARKS, TRAINED, VECTOR
from shoplens.index.qdrant.payload import photo_payload, point_id, product_payload, record_from, view_of
from shoplens.index.vector_sizes import VectorSizes
from shoplens.types import FilterScores, SparseRows, SparseVector, Vectors

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
