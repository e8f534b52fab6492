"""What an index holds per product, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.index.conditions import Condition
from shoplens.types import Photo, Product, Vectors


@dataclass(frozen=True, slots=True)
class Entry:
    """A product with its usable photos and one vector for each.

    Attributes:
        product: its ``photos`` are the usable ones, in the same order as ``photos`` here.
        photos: n photos, n >= 1.
        vectors: float32 (n, d), rows of length 1.
    """

    product: Product
    photos: tuple[Photo, ...]
    vectors: Vectors

    def __post_init__(self) -> None:
        sources = tuple(photo.source for photo in self.photos)
        if not self.photos or sources != self.product.photos or self.vectors.shape[:1] != (len(sources),):
            raise InvalidValue(
                f"Product {self.product.id!r}: {len(sources)} photos, vectors {self.vectors.shape}.",
                "Give a vector per photo, and the product's photos in the same order.",
            )


@dataclass(frozen=True, slots=True)
class Record:
    """A product as stored: everything but the vectors."""

    product: Product
    photos: tuple[Photo, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved product.

    Attributes:
        record: the product as stored.
        similarity: cosine of the query and the photo that matched best, in [-1, 1].
        photo: that photo.
    """

    record: Record
    similarity: float
    photo: Photo


class Index(Protocol):
    """Vectors and product records of one generation. Reads may run in parallel; writes come one at a time.

    Every condition is applied inside retrieval: ``k`` hits come back whenever ``k`` products meet it.
    A write that returned survives the death of the process; ``flush`` makes it survive the loss of power.
    """

    dimensions: int

    def upsert(self, entries: Sequence[Entry]) -> None:
        """Add products, or replace those with the same id, each as a whole."""

    def replace_products(self, products: Sequence[Product]) -> None:
        """Change records (price, stock, attributes, …) whose photos stay as they are; vectors are not touched."""

    def remove(self, ids: Iterable[str]) -> int:
        """Remove products; returns how many there were. Unknown ids are passed over."""

    def nearest(
        self,
        vector: Vectors,
        k: int,
        condition: Condition | None = None,
        *,
        first_photos: bool = False,
        without_photo: str = "",
    ) -> list[Hit]:
        """The ``k`` products whose best photo is most like ``vector`` (float32 (d,), length 1), most alike first.

        Equal similarities are ordered by product id. With ``first_photos`` a product's further photos are not there:
        so they can be searched for as photos that the catalogue lacks. ``without_photo`` is the content hash of a
        photo that is not there, in any product.
        """

    def with_photo(self, hash: str, condition: Condition | None = None, *, first_photos: bool = False) -> list[Hit]:
        """Products that have a photo with this content or pixel hash, by id, each with similarity 1."""

    def has_photo_size(self, width: int, height: int) -> bool:
        """Whether any photo has this size, so that an equal photo is possible at all."""

    def records(self, ids: Iterable[str]) -> list[Record]:
        """Records of the products that exist, in the order of ``ids``."""

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        """Photos already embedded: content hash -> photo and its vector, float32 (d,)."""

    def ids(self) -> Iterator[str]:
        """All product ids, in no particular order."""

    def all_records(self) -> Iterator[Record]:
        """Records of all products, in no particular order, read as they are asked for."""

    def count(self, condition: Condition | None = None) -> int:
        """How many products meet the condition, exactly."""

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        """Values of a field and how many products hold each, exactly; most first, ties by value."""

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        """Field -> what it holds, some of ``text`` and ``number``."""

    def flush(self) -> None: ...

    def close(self) -> None: ...


def best_photo(entry_vectors: Vectors, vector: Vectors) -> tuple[int, float]:
    """Which row is most like ``vector`` (the first of equals), and its cosine."""
    similarities = entry_vectors @ vector
    best = int(np.argmax(similarities))
    return best, float(similarities[best])
