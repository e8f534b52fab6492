"""The exact index: in memory, by definition. The oracle of every other one, and enough for a few thousand products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from shoplens.index.conditions import Condition, FieldValues, check_fields, field_values, holds
from shoplens.index.predicted_values import predicted_values
from shoplens.index.protocol import (
    NO_MARKS,
    Hit,
    IndexedProduct,
    PhotoConstraint,
    PhotoHits,
    PhotoKey,
    Scores,
    StoredProduct,
    VectorQuery,
    best_photo,
)
from shoplens.types import Photo, Product, SparseRows, Vectors


class ExactIndex:
    """Every product is looked at, every time. See :class:`~shoplens.index.protocol.Index` for the promises."""

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

    def rescore(self, entries: Sequence[IndexedProduct]) -> None:
        self.upsert([entry for entry in entries if entry.scores is not None])

    def replace_products(self, products: Sequence[Product]) -> None:
        self.upsert([replace(self._entries[product.id], product=product) for product in products])

    def remove(self, ids: Iterable[str]) -> int:
        found = [product_id for product_id in set(ids) if self._entries.pop(product_id, None)]
        for product_id in found:
            del self._fields[product_id]
        return len(found)

    def nearest(
        self,
        vector: Vectors,
        k: int,
        condition: Condition | None = None,
        *,
        first_photos: bool = False,
        without_photo: str = "",
        trained: bool = False,
    ) -> list[Hit]:
        hits = []
        for entry in self._meeting(condition):
            photos = entry.photos[:1] if first_photos else entry.photos
            there = [n for n, one in enumerate(photos) if not without_photo or one.content_hash != without_photo]
            if there:
                best, similarity = best_photo((entry.look if trained else entry.vectors)[there], vector)
                hits.append(Hit(_record(entry), similarity, entry.photos[there[best]]))
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.record.product.id))[:k]

    def photos_near(self, probe: VectorQuery, limit: int, sieve: PhotoConstraint) -> PhotoHits:
        found = []
        for entry in self._meeting(sieve.condition):
            for view, photo in enumerate(entry.photos[:1] if sieve.first_photos else entry.photos):
                left_out = bool(sieve.without_photo) and photo.content_hash == sieve.without_photo
                if not left_out and (score := _product(probe, entry, view)) is not None:
                    found.append((-score, PhotoKey(entry.product.id, view)))
        best = sorted(found)[:limit]
        return PhotoHits([key for _, key in best], np.array([-score for score, _ in best], np.float32))

    def photo_scores(self, probes: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        entries = [self._entries.get(str(key.product)) for key in keys]  # None: removed meanwhile
        scores = [
            [
                0.0 if one is None else _product(probe, one, key.view) or 0.0
                for one, key in zip(entries, keys, strict=True)
            ]
            for probe in probes
        ]
        return np.array(scores, np.float32).reshape(len(probes), len(keys))

    def photo_marks(self, keys: Sequence[PhotoKey]) -> SparseRows:
        entries = [self._entries.get(str(key.product)) for key in keys]
        scores = [None if entry is None else entry.scores for entry in entries]
        marks = [NO_MARKS if one is None else one.marks[key.view] for one, key in zip(scores, keys, strict=True)]
        return SparseRows.of(marks)

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        return [_record(self._entries[str(key.product)]) if key.product in self._entries else None for key in keys]

    def product_key(self, product_id: str) -> str:
        return product_id

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        wanted = self._entries if ids is None else ids
        return iter([self._entries[product_id] for product_id in wanted if product_id in self._entries])

    def with_photo(self, hash: str, condition: Condition | None = None, *, first_photos: bool = False) -> list[Hit]:
        hits = []
        for entry in sorted(self._meeting(condition), key=lambda entry: entry.product.id):
            photos = entry.photos[:1] if first_photos else entry.photos
            same = [photo for photo in photos if hash and hash in (photo.content_hash, photo.pixel_hash)]
            if same:
                hits.append(Hit(_record(entry), 1.0, same[0]))
        return hits

    def has_photo_size(self, width: int, height: int) -> bool:
        return any(
            (photo.width, photo.height) == (width, height) for entry in self._entries.values() for photo in entry.photos
        )

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        return [_record(self._entries[product_id]) for product_id in ids if product_id in self._entries]

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        wanted = set(content_hashes)
        return {
            photo.content_hash: (photo, vector)
            for entry in self._entries.values()
            for photo, vector in zip(entry.photos, entry.vectors, strict=True)
            if photo.content_hash in wanted
        }

    def ids(self) -> Iterator[str]:
        return iter(list(self._entries))

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        return iter([_record(entry) for entry in self._meeting(condition)])

    def count(self, condition: Condition | None = None) -> int:
        return sum(1 for _ in self._meeting(condition))

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        counts = Counter(
            text
            for entry in self._meeting(condition)
            for text in self._fields[entry.product.id].get(field, FieldValues()).texts
        )
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        kinds: dict[str, set[str]] = {}
        for fields in self._fields.values():
            for name, values in fields.items():
                held = kinds.setdefault(name, set())
                held.update({"text"} if values.texts else (), {"number"} if values.numbers else ())
        return {name: frozenset(held) for name, held in kinds.items()}

    def flush(self) -> None:
        """Nothing to do: nothing is on disk."""

    def close(self) -> None:
        """Nothing to do: nothing is held."""

    def _meeting(self, condition: Condition | None) -> Iterator[IndexedProduct]:
        if condition is not None:
            check_fields(condition, self.field_kinds())
        for product_id, entry in self._entries.items():
            if condition is None or holds(condition, self._fields[product_id]):
                yield entry


def _record(entry: IndexedProduct) -> StoredProduct:
    return StoredProduct(entry.product, entry.photos, {} if entry.scores is None else entry.scores.predicted)


def _product(probe: VectorQuery, entry: IndexedProduct, view: int) -> float | None:
    """The dot product; None where the photo cannot be found by this probe."""
    if entry.scores is None:
        return None
    if probe.marks is not None:
        marks = entry.scores.marks[view]
        shared, here, there = np.intersect1d(probe.marks.indices, marks.indices, return_indices=True)
        return float(probe.marks.values[here] @ marks.values[there]) if len(shared) else None
    look = 0.0 if probe.look is None else float(entry.look[view] @ probe.look)
    return look + (0.0 if probe.placed is None else float(entry.scores.placed[view] @ probe.placed))
