"""What an index holds per product, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.index.conditions import Condition
from shoplens.types import FilterScores, Photo, Product, SparseRows, SparseVector, Vectors

Scores = npt.NDArray[np.float32]
"""float32 (probes, photos), or (photos,)."""
NO_MARKS = SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class IndexedProduct:
    """A product with its usable photos and one vector for each.

    Attributes:
        product: its ``photos`` are the usable ones, in the same order as ``photos`` here.
        photos: n photos, n >= 1.
        vectors: float32 (n, d), rows of length 1, by the untouched extractor.
        scores: what the filters say of the photos; None where no filters have been fitted.
        trained: float32 (n, e), rows of length 1, by the trained extractor; None where none was trained.
    """

    product: Product
    photos: tuple[Photo, ...]
    vectors: Vectors
    scores: FilterScores | None = None
    trained: Vectors | None = None

    @property
    def look(self) -> Vectors:
        """The vectors that the dimension ``look`` compares: the trained ones where there are some."""
        return self.vectors if self.trained is None else self.trained

    def __post_init__(self) -> None:
        sources = tuple(photo.source for photo in self.photos)
        lengths = {len(self.vectors), len(self.look), len(sources if self.scores is None else self.scores.marks)}
        if not self.photos or sources != self.product.photos or lengths != {len(sources)}:
            raise InvalidValue(
                f"Product {self.product.id!r}: {len(sources)} photos, vectors {self.vectors.shape}.",
                "Give a vector and filter scores per photo, and the product's photos in the same order.",
            )


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product as stored: everything but the vectors.

    Attributes:
        predicted: dimension -> class -> probability, by the filters, where the feed is silent; likely classes only.
    """

    product: Product
    photos: tuple[Photo, ...]
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def is_of(self, entry: IndexedProduct) -> bool:
        """Whether it says what the feed says, whatever the filters do."""
        return (self.product, self.photos) == (entry.product, entry.photos)


class PhotoKey(NamedTuple):
    """A photo in an index: ``product`` is the index's own name for its product, ``view`` the photo's number."""

    product: str | int
    view: int


@dataclass(frozen=True, slots=True, eq=False)
class VectorQuery:
    """What to look for among photos: a dot product with what they hold.

    Attributes:
        look: float32 (d or e,), with the vector that the dimension ``look`` compares.
        placed: float32 (m,), with what lies beside it for the filters.
        marks: with the filters' marks; retrieval uses either this or the two others.
    """

    look: Vectors | None = None
    placed: Vectors | None = None
    marks: SparseVector | None = None


class PhotoHits(NamedTuple):
    """Photos that a probe found, and its dot products with them, float32 (n,)."""

    keys: list[PhotoKey]
    scores: Scores


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved product.

    Attributes:
        record: the product as stored.
        similarity: cosine of the query and the photo that matched best, in [-1, 1].
        photo: that photo.
    """

    record: StoredProduct
    similarity: float
    photo: Photo


@dataclass(frozen=True, slots=True)
class PhotoConstraint:
    """Which photos may be retrieved at all.

    Attributes:
        condition: that their products meet.
        first_photos: leave the further photos of products out.
        without_photo: content hash of a photo to leave out.
    """

    condition: Condition | None = None
    first_photos: bool = False
    without_photo: str = ""


@dataclass(frozen=True, slots=True)
class VectorSizes:
    """Lengths of what a photo holds in an index.

    Attributes:
        pretrained: of the untouched extractor's vector.
        placed: the filters' numbers beside a vector; 0 where there is no room for any.
        trained: of the trained extractor's vector; 0 where none was trained.
    """

    pretrained: int
    placed: int = 0
    trained: int = 0

    @property
    def look(self) -> int:
        """Of the vector that the dimension ``look`` compares: the trained one where there is one."""
        return self.trained or self.pretrained


class Index(Protocol):
    """Vectors and product records of one generation. Reads may run in parallel; writes come one at a time.

    Every condition is applied inside retrieval: ``k`` hits come back whenever ``k`` products meet it.
    A write that returned survives the death of the process; ``flush`` makes it survive the loss of power.
    """

    dimensions: int
    renames: Callable[[], Mapping[str, str]]
    """Old id -> id of the products whose ids changed; the store knows them."""

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        """Add products, or replace those with the same id, each as a whole."""

    def rescore(self, entries: Sequence[IndexedProduct]) -> None:
        """Give products the filter scores of these entries, which are else as the index holds them; all are there.

        For a generation that nobody reads yet: vectors and predicted values are two writes.
        """

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
        trained: bool = False,
    ) -> list[Hit]:
        """The ``k`` products whose best photo is most like ``vector`` (float32 (d,), length 1), most alike first.

        Equal similarities are ordered by product id. With ``first_photos`` a product's further photos are not there:
        so they can be searched for as photos that the catalogue lacks. ``without_photo`` is the content hash of a
        photo that is not there, in any product. With ``trained``, ``vector`` is of the trained extractor (float32
        (e,)), and so are those that it is compared with.
        """

    def photos_near(self, probe: VectorQuery, limit: int, sieve: PhotoConstraint) -> PhotoHits:
        """Up to ``limit`` photos with the greatest dot products, greatest first; equals in any order.

        Of ``marks`` only photos that share an entry with the probe are found.
        """

    def photo_scores(self, probes: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        """Dot products of probes with these photos: float32 (probes, photos)."""

    def photo_marks(self, keys: Sequence[PhotoKey]) -> SparseRows:
        """The marks of these photos; empty ones where the filters say nothing."""

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        """The records of these photos' products; None for those that were removed meanwhile."""

    def product_key(self, product_id: str) -> str | int:
        """What photo keys call a product, whether it exists or not."""

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        """Products with their vectors and filter scores: those of these ids that exist, in their order; without any,
        all, in no particular order, read as they are asked for."""

    def with_photo(self, hash: str, condition: Condition | None = None, *, first_photos: bool = False) -> list[Hit]:
        """Products that have a photo with this content or pixel hash, by id, each with similarity 1."""

    def has_photo_size(self, width: int, height: int) -> bool:
        """Whether any photo has this size, so that an equal photo is possible at all."""

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        """Records of the products that exist, in the order of ``ids``."""

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        """Photos already embedded: content hash -> photo and its vector, float32 (d,)."""

    def ids(self) -> Iterator[str]:
        """All product ids, in no particular order."""

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        """Records of all products, or of those that meet the condition, in no particular order, read as they are asked
        for."""

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
