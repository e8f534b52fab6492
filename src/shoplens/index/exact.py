"""The exact index in memory, which defines the results of every other index. It suits a few thousand products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from shoplens.index.conditions import Condition, FieldValues, check_fields, field_values, matches
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import (
    ANY_PHOTO,
    EMPTY_CLASS_VECTOR,
    Hit,
    IndexedProduct,
    NearestDetails,
    NearestRequest,
    PhotoConstraint,
    PhotoDetails,
    PhotoHits,
    PhotoKey,
    Scores,
    StoredProduct,
    VectorQuery,
    best_photo,
    read_best,
)
from shoplens.types import Photo, Product, SparseRows, SparseVector, Vectors


class ExactIndex:
    """Compares every query with every product. See :class:`~shoplens.index.protocol.Index` for the contract."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._entries: dict[str, IndexedProduct] = {}
        self._fields: dict[str, dict[str, FieldValues]] = {}
        self.renames: Callable[[], Mapping[str, str]] = dict

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        for entry in entries:
            self._entries[entry.product.id] = entry
            predicted = {} if entry.scores is None else entry.scores.predicted
            self._fields[entry.product.id] = {**field_values(entry.product), **predicted_values(predicted)}

    def update_scores(self, entries: Sequence[IndexedProduct]) -> None:
        self.upsert([entry for entry in entries if entry.scores is not None])

    def replace_products(self, products: Sequence[Product]) -> None:
        self.upsert([replace(self._entries[product.id], product=product) for product in products])

    def remove(self, ids: Iterable[str]) -> int:
        removed = [product_id for product_id in set(ids) if self._entries.pop(product_id, None)]
        for product_id in removed:
            del self._fields[product_id]
        return len(removed)

    def nearest_products(
        self, vector: Vectors, k: int, constraint: PhotoConstraint = ANY_PHOTO, *, use_trained: bool = False
    ) -> list[Hit]:
        hits = []
        for entry in self._select(constraint.condition):
            if views := constraint.allowed_views(entry.photos):
                best, similarity = best_photo((entry.look_vectors if use_trained else entry.vectors)[views], vector)
                hits.append(Hit(_record(entry), similarity, entry.photos[views[best]]))
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.record.product.id))[:k]

    def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
        scores = []
        for entry in self._select(constraint.condition):
            for view in constraint.allowed_views(entry.photos):
                if (score := _dot_product(query, entry, view)) is not None:
                    scores.append((-score, PhotoKey(entry.product.id, view)))
        best = sorted(scores)[:limit]
        return PhotoHits([key for _, key in best], np.array([-score for score, _ in best], np.float32))

    def photo_scores(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        entries = [self._entries.get(str(key.product)) for key in keys]  # None: removed meanwhile
        scores = [
            [
                0.0 if entry is None else _dot_product(query, entry, key.view) or 0.0
                for entry, key in zip(entries, keys, strict=True)
            ]
            for query in queries
        ]
        return np.array(scores, np.float32).reshape(len(queries), len(keys))

    def photo_class_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        entries = [self._entries.get(str(key.product)) for key in keys]
        scores = [None if entry is None else entry.scores for entry in entries]
        return SparseRows.of(
            [
                EMPTY_CLASS_VECTOR if photo_scores is None else photo_scores.class_vectors[key.view]
                for photo_scores, key in zip(scores, keys, strict=True)
            ]
        )

    def photo_text_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        entries = [self._entries.get(str(key.product)) for key in keys]
        texts = [() if entry is None or entry.scores is None else entry.scores.text_vectors for entry in entries]
        return SparseRows.of(
            [
                of_photos[key.view] if of_photos else EMPTY_CLASS_VECTOR
                for of_photos, key in zip(texts, keys, strict=True)
            ]
        )

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        return [_record(self._entries[str(key.product)]) if key.product in self._entries else None for key in keys]

    def photo_details(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[StoredProduct]:
        return PhotoDetails(self.photo_scores(queries, keys), self.photo_class_vectors(keys), self.photo_records(keys))

    def nearest_details(self, request: NearestRequest) -> NearestDetails[StoredProduct]:
        hits = self.nearest_photos(request.query, request.limit, request.constraint)
        return read_best(hits, request.products, partial(self.photo_details, request.queries))

    def product_key(self, product_id: str) -> str:
        return product_id

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        requested = self._entries if ids is None else ids
        return iter([self._entries[product_id] for product_id in requested if product_id in self._entries])

    def products_with_photo(self, photo_hash: str, constraint: PhotoConstraint = ANY_PHOTO) -> list[Hit]:
        hits = []
        for entry in sorted(self._select(constraint.condition), key=lambda entry: entry.product.id):
            photos = [entry.photos[view] for view in constraint.allowed_views(entry.photos)]
            equal = [photo for photo in photos if photo_hash and photo_hash in (photo.content_hash, photo.pixel_hash)]
            if equal:
                hits.append(Hit(_record(entry), 1.0, equal[0]))
        return hits

    def has_photo_size(self, width: int, height: int) -> bool:
        return any(
            (photo.width, photo.height) == (width, height) for entry in self._entries.values() for photo in entry.photos
        )

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        return [_record(self._entries[product_id]) for product_id in ids if product_id in self._entries]

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        requested = set(content_hashes)
        return {
            photo.content_hash: (photo, vector)
            for entry in self._entries.values()
            for photo, vector in zip(entry.photos, entry.vectors, strict=True)
            if photo.content_hash in requested
        }

    def ids(self) -> Iterator[str]:
        return iter(list(self._entries))

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        return iter([_record(entry) for entry in self._select(condition)])

    def count(self, condition: Condition | None = None) -> int:
        return sum(1 for _ in self._select(condition))

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        counts = Counter(
            text
            for entry in self._select(condition)
            for text in self._fields[entry.product.id].get(field, FieldValues()).texts
        )
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        kinds: dict[str, set[str]] = {}
        for fields in self._fields.values():
            for name, values in fields.items():
                field_kinds = kinds.setdefault(name, set())
                field_kinds.update({"text"} if values.texts else (), {"number"} if values.numbers else ())
        return {name: frozenset(field_kinds) for name, field_kinds in kinds.items()}

    def flush(self) -> None:
        """Do nothing: nothing is on disk."""

    def close(self) -> None:
        """Do nothing: no resource is open."""

    def _select(self, condition: Condition | None) -> Iterator[IndexedProduct]:
        """Yield the products that meet the condition."""
        if condition is not None:
            check_fields(condition, self.field_kinds())
        for product_id, entry in self._entries.items():
            if condition is None or matches(condition, self._fields[product_id]):
                yield entry


def _record(entry: IndexedProduct) -> StoredProduct:
    return StoredProduct(entry.product, entry.photos, {} if entry.scores is None else entry.scores.predicted)


def _dot_product(query: VectorQuery, entry: IndexedProduct, view: int) -> float | None:
    """Return the dot product of query and photo; None where this query cannot find the photo."""
    if entry.scores is None:
        return None
    if query.class_vector is not None:
        return _sparse_dot_product(query.class_vector, entry.scores.class_vectors[view])
    if query.text_vector is not None:
        texts = entry.scores.text_vectors
        return _sparse_dot_product(query.text_vector, texts[view]) if texts else None
    if query.pretrained is not None:
        return float(entry.vectors[view] @ query.pretrained)
    score = 0.0 if query.look is None else float(entry.look_vectors[view] @ query.look)
    if query.filter_vector is None:
        return score
    return score + float(entry.scores.filter_vectors[view] @ query.filter_vector)


def _sparse_dot_product(query: SparseVector, photo: SparseVector) -> float | None:
    """Return the dot product; None where the two share no entry."""
    shared, in_query, in_photo = np.intersect1d(query.indices, photo.indices, return_indices=True)
    return float(query.values[in_query] @ photo.values[in_photo]) if len(shared) else None
