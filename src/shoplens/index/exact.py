"""The exact index: in memory, by definition. The oracle of every other one, and enough for a few thousand products."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from shoplens.index.conditions import Condition, FieldValues, check_fields, field_values, holds
from shoplens.index.entry import Entry, Hit, Record, best_photo
from shoplens.types import Photo, Product, Vectors


class ExactIndex:
    """Every product is looked at, every time. See :class:`~shoplens.index.entry.Index` for the promises."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._entries: dict[str, Entry] = {}
        self._fields: dict[str, dict[str, FieldValues]] = {}

    def upsert(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._entries[entry.product.id] = entry
            self._fields[entry.product.id] = field_values(entry.product)

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
    ) -> list[Hit]:
        hits = []
        for entry in self._meeting(condition):
            photos = entry.photos[:1] if first_photos else entry.photos
            there = [n for n, one in enumerate(photos) if not without_photo or one.content_hash != without_photo]
            if there:
                best, similarity = best_photo(entry.vectors[there], vector)
                hits.append(Hit(_record(entry), similarity, entry.photos[there[best]]))
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.record.product.id))[:k]

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

    def records(self, ids: Iterable[str]) -> list[Record]:
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

    def all_records(self) -> Iterator[Record]:
        return iter([_record(entry) for entry in self._entries.values()])

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

    def _meeting(self, condition: Condition | None) -> Iterator[Entry]:
        if condition is not None:
            check_fields(condition, self.field_kinds())
        for product_id, entry in self._entries.items():
            if condition is None or holds(condition, self._fields[product_id]):
                yield entry


def _record(entry: Entry) -> Record:
    return Record(entry.product, entry.photos)
