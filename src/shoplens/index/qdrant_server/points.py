"""Converts between index entries and points of a server, which hold what points of the embedded engine hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from qdrant_client import models as api

from shoplens.index.protocol import IndexedProduct, PhotoKey, StoredProduct, VectorQuery, VectorSizes
from shoplens.index.qdrant.config import CLASS_VECTOR, COMBINED, PRETRAINED, TEXT_VECTOR, TRAINED
from shoplens.index.qdrant.points import (
    EMPTY_ENTRIES,
    combine_query,
    combine_vectors,
    photo_payload,
    photo_point_id,
    point_id,
    product_number,
    product_payload,
    sparse_entries,
)
from shoplens.index.qdrant_server.collection import TENANT
from shoplens.types import FilterScores, SparseRows, SparseVector, Vectors


class PointIds:
    """Ids of points: they derive from tenant, product and photo, so that every write may be repeated.

    Args:
        tenant: whose products they are; empty where a collection holds one shop, and then the ids are those of the
            embedded engine.
    """

    def __init__(self, tenant: str) -> None:
        self._prefix = f"{tenant}\0" if tenant else ""

    def of_photo(self, product_id: str, view: int = 0) -> str:
        """Return the point id of a product's photo."""
        return point_id(self._prefix + product_id, view)

    def of_record(self, record: StoredProduct) -> list[str]:
        """Return the point ids of all photos of a product."""
        return [self.of_photo(record.product.id, view) for view in range(len(record.photos))]

    def of_key(self, key: PhotoKey) -> str:
        """Return the point id of a photo key."""
        return str(photo_point_id(key))

    def product_key(self, product_id: str) -> int:
        """Return :attr:`PhotoKey.product` of a product."""
        return product_number(self.of_photo(product_id))


def build_shared_payload(record: StoredProduct, tenant: str) -> dict[str, Any]:
    """Return the payload that all photos of a product share."""
    payload = product_payload(record)
    return {**payload, TENANT: tenant} if tenant else payload


def build_points(entry: IndexedProduct, sizes: VectorSizes, ids: PointIds, tenant: str) -> Iterator[api.PointStruct]:
    """Yield a point for each photo of a product; vectors for which the collection has no room are left out."""
    scores = entry.scores if sizes.filter_vector else None
    shared = build_shared_payload(
        StoredProduct(entry.product, entry.photos, scores.predicted if scores is not None else {}), tenant
    )
    for view, (photo, vector) in enumerate(zip(entry.photos, entry.vectors, strict=True)):
        vectors: dict[str, Any] = {PRETRAINED: vector.tolist()}
        if entry.trained_vectors is not None:
            vectors[TRAINED] = entry.trained_vectors[view].tolist()
        if scores is not None:
            vectors |= score_vectors(entry.look_vectors[view], scores, view, sizes)
        yield api.PointStruct(
            id=ids.of_photo(entry.product.id, view), vector=vectors, payload={**shared, **photo_payload(photo, view)}
        )


def build_score_vectors(
    entry: IndexedProduct, scores: FilterScores, sizes: VectorSizes, ids: PointIds
) -> Iterator[api.PointVectors]:
    """Yield the vectors that hold the filter scores of each photo, for points that exist already."""
    for view, look in enumerate(entry.look_vectors):
        vectors = score_vectors(look, scores, view, sizes)
        yield api.PointVectors(id=ids.of_photo(entry.product.id, view), vector=vectors)


def score_vectors(look: Vectors, scores: FilterScores, view: int, sizes: VectorSizes) -> dict[str, Any]:
    """Return the vectors of one photo that hold its filter scores."""
    vectors: dict[str, Any] = {
        COMBINED: combine_vectors(look, scores.filter_vectors[view]).tolist(),
        CLASS_VECTOR: server_sparse_vector(scores.class_vectors[view]),
    }
    if sizes.text and scores.text_vectors:
        vectors[TEXT_VECTOR] = server_sparse_vector(scores.text_vectors[view])
    return vectors


def server_sparse_vector(vector: SparseVector) -> api.SparseVector:
    """Return the server's form of a sparse vector."""
    return api.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())


def server_query(query: VectorQuery, sizes: VectorSizes) -> tuple[str, Any]:
    """Return the name of the vectors that a query for photos compares, and its own vector."""
    if query.class_vector is not None:
        return CLASS_VECTOR, server_sparse_vector(query.class_vector)
    if query.text_vector is not None:
        return TEXT_VECTOR, server_sparse_vector(query.text_vector)
    if query.pretrained is not None:
        return PRETRAINED, query.pretrained.tolist()
    return COMBINED, combine_query(query, sizes).tolist()


def stack_sparse(points: Iterable[Any], ids: Sequence[str], name: str) -> SparseRows:
    """Return the sparse vectors of points, a row for each of these ids; empty where there is no such point."""
    entries = {str(point.id): sparse_entries(point, name) for point in points}
    rows = [entries.get(point, EMPTY_ENTRIES) for point in ids]
    return SparseRows(
        np.array([len(indices) for indices, _ in rows], np.intp),
        np.array([index for indices, _ in rows for index in indices], np.uint32),
        np.array([value for _, values in rows for value in values], np.float32),
    )
