"""What an index stores for each product, and the queries that it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.index.conditions import Condition
from shoplens.types import FilterScores, Photo, Product, SparseRows, SparseVector, Vectors

Scores = npt.NDArray[np.float32]
"""float32 (queries, photos), or (photos,)."""
EMPTY_CLASS_VECTOR = SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class IndexedProduct:
    """A product with its usable photos and one vector for each photo.

    Attributes:
        product: its ``photos`` are the usable ones, in the same order as ``photos`` here.
        photos: n photos, n >= 1.
        vectors: float32 (n, d), rows of length 1, from the pretrained embedder.
        scores: the filters' scores of the photos; None where no filters have been fitted.
        trained_vectors: float32 (n, e), rows of length 1, from the trained embedding head; None where none was trained.

    Raises:
        InvalidValue: there is no photo, or the numbers of photos, vectors and scores differ.
    """

    product: Product
    photos: tuple[Photo, ...]
    vectors: Vectors
    scores: FilterScores | None = None
    trained_vectors: Vectors | None = None

    @property
    def look_vectors(self) -> Vectors:
        """The vectors that the dimension ``look`` compares: the trained ones where there are any."""
        return self.vectors if self.trained_vectors is None else self.trained_vectors

    def __post_init__(self) -> None:
        sources = tuple(photo.source for photo in self.photos)
        score_count = len(sources if self.scores is None else self.scores.class_vectors)
        lengths = {len(self.vectors), len(self.look_vectors), score_count}
        if not self.photos or sources != self.product.photos or lengths != {len(sources)}:
            raise InvalidValue(
                f"Product {self.product.id!r} has {len(sources)} photos and vectors of shape {self.vectors.shape}.",
                "Give a vector and filter scores per photo, and the product's photos in the same order.",
            )


@dataclass(frozen=True, slots=True)
class StoredProduct:
    """A product as it is stored, without its vectors.

    Attributes:
        predicted: dimension -> class -> probability, predicted by the filters where the feed gives no value; likely
            classes only.
    """

    product: Product
    photos: tuple[Photo, ...]
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def matches(self, entry: IndexedProduct) -> bool:
        """Return whether product and photos equal those of the entry; filter scores are not compared."""
        return (self.product, self.photos) == (entry.product, entry.photos)


class PhotoKey(NamedTuple):
    """The key of a photo in an index: ``product`` is the index's own key of the product, ``view`` the photo's number
    in it, from 0."""

    product: str | int
    view: int


@dataclass(frozen=True, slots=True, eq=False)
class VectorQuery:
    """A query for photos: the score of a photo is its dot product with the given vectors.

    Attributes:
        look: float32 (d or e,), multiplied with the vector that the dimension ``look`` compares.
        filter_vector: float32 (m,), multiplied with the photo's filter vector.
        class_vector: multiplied with the photo's class vector; retrieval uses either this or the two others.
        text_vector: multiplied with the photo's text vector, and with nothing else.
        pretrained: float32 (d,), multiplied with the vector of the pretrained embedder, and with nothing else.
    """

    look: Vectors | None = None
    filter_vector: Vectors | None = None
    class_vector: SparseVector | None = None
    text_vector: SparseVector | None = None
    pretrained: Vectors | None = None

    @property
    def is_sparse(self) -> bool:
        """Whether it is answered by an inverted index."""
        return self.class_vector is not None or self.text_vector is not None


class PhotoHits(NamedTuple):
    """Retrieved photos, and their dot products with the query, float32 (n,)."""

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


Record = TypeVar("Record")
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True, eq=False)
class PhotoDetails(Generic[Record]):
    """What an index knows of n photos.

    Attributes:
        scores: float32 (queries, n), as of :meth:`Index.photo_scores`.
        class_vectors: n rows, as of :meth:`Index.photo_class_vectors`.
        records: n records of their products; None for products that have been removed meanwhile.
    """

    scores: Scores
    class_vectors: SparseRows
    records: Sequence[Record | None]

    def parse(self, parse: Callable[[Record], Parsed]) -> PhotoDetails[Parsed]:
        """Return the same with parsed records."""
        records = [None if one is None else parse(one) for one in self.records]
        return PhotoDetails(self.scores, self.class_vectors, records)


@dataclass(frozen=True, slots=True, eq=False)
class NearestDetails(Generic[Record]):
    """The photos that are nearest to a query, and what an index knows of the best of them.

    Attributes:
        hits: as of :meth:`Index.nearest_photos`.
        keys: the best photo of each of the first products, best first.
        details: of these photos.
    """

    hits: PhotoHits
    keys: list[PhotoKey]
    details: PhotoDetails[Record]

    def parse(self, parse: Callable[[Record], Parsed]) -> NearestDetails[Parsed]:
        """Return the same with parsed records."""
        return NearestDetails(self.hits, self.keys, self.details.parse(parse))


@dataclass(frozen=True, slots=True)
class PhotoConstraint:
    """Which photos may be retrieved.

    Attributes:
        condition: the condition that their products must meet; None for any product.
        first_photos_only: whether only the first photo of each product counts, so that the further photos can be used
            as queries that the catalogue does not contain.
        excluded_hash: content hash of a photo that is left out, in every product; empty for none.
    """

    condition: Condition | None = None
    first_photos_only: bool = False
    excluded_hash: str = ""

    def allowed_views(self, photos: Sequence[Photo]) -> list[int]:
        """Return the numbers of those photos of one product that may be retrieved; the condition is not checked.

        Args:
            photos: all photos of the product.
        """
        candidates = photos[:1] if self.first_photos_only else photos
        excluded = self.excluded_hash
        return [view for view, photo in enumerate(candidates) if not excluded or photo.content_hash != excluded]


ANY_PHOTO = PhotoConstraint()
"""The constraint that allows every photo of every product."""


@dataclass(frozen=True, slots=True, eq=False)
class NearestRequest:
    """A request for photos and for details of the best of them.

    Attributes:
        query, limit, constraint: as of :meth:`Index.nearest_photos`.
        queries: as of :meth:`Index.photo_details`.
        products: most products of which details are read.
    """

    query: VectorQuery
    limit: int
    constraint: PhotoConstraint
    queries: Sequence[VectorQuery]
    products: int


@dataclass(frozen=True, slots=True)
class VectorSizes:
    """Lengths of the vectors that an index stores for each photo.

    Attributes:
        pretrained: length of the pretrained embedder's vector.
        filter_vector: length of the filter vector; 0 where the index has no room for one.
        trained: length of the trained embedding head's vector; 0 where none was trained.
        text: 1 where the index has room for text vectors, else 0.
    """

    pretrained: int
    filter_vector: int = 0
    trained: int = 0
    text: int = 0

    @property
    def look(self) -> int:
        """Length of the vector that the dimension ``look`` compares: the trained one where there is one."""
        return self.trained or self.pretrained


class Index(Protocol):
    """Vectors and product records of one generation. Reads may run in parallel; writes must come one at a time.

    Every condition is applied during retrieval: ``k`` hits come back whenever ``k`` products meet it.
    A write that has returned survives the death of the process; ``flush`` makes it survive the loss of power.
    """

    dimensions: int
    renames: Callable[[], Mapping[str, str]]
    """Returns old id -> id of the products whose ids have changed; the store sets it."""

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        """Add products, or replace those with the same id, each as a whole."""

    def update_scores(self, entries: Sequence[IndexedProduct]) -> None:
        """Replace the filter scores of products by those of these entries; all other data must equal what is stored.

        Use it only on a generation that nobody reads yet: vectors and predicted values are two separate writes.
        """

    def replace_products(self, products: Sequence[Product]) -> None:
        """Replace product records (price, stock, attributes, …) whose photos stay the same; vectors are not changed."""

    def remove(self, ids: Iterable[str]) -> int:
        """Remove products and return how many existed. Unknown ids are ignored."""

    def nearest_products(
        self, vector: Vectors, k: int, constraint: PhotoConstraint = ANY_PHOTO, *, use_trained: bool = False
    ) -> list[Hit]:
        """Return the ``k`` products whose best photo is most similar to ``vector``, most similar first.

        Equal similarities are ordered by product id.

        Args:
            vector: float32 (d,), length 1; with ``use_trained`` float32 (e,).
            k: most hits.
            constraint: the photos that are compared.
            use_trained: whether the trained vectors are compared instead of the pretrained ones.
        """

    def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
        """Return up to ``limit`` photos with the greatest dot products, greatest first; equals come in any order.

        A query by ``class_vector`` or ``text_vector`` finds only photos that share an entry with it.
        """

    def photo_scores(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        """Return the dot products of queries with these photos: float32 (queries, photos)."""

    def photo_class_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        """Return the class vectors of these photos; empty ones where there are no filter scores."""

    def photo_text_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        """Return the text vectors of these photos; empty ones where there are none."""

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        """Return the records of these photos' products; None for products that have been removed meanwhile."""

    def photo_details(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[StoredProduct]:
        """Return the scores, class vectors and records of these photos at once."""

    def nearest_details(self, request: NearestRequest) -> NearestDetails[StoredProduct]:
        """Return what :meth:`nearest_photos` returns, and what :meth:`photo_details` returns of the best photos of the
        first products, at once."""

    def product_key(self, product_id: str) -> str | int:
        """Return the key of a product in photo keys, whether the product exists or not."""

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        """Yield products with their vectors and filter scores: those of these ids that exist, in the order of the ids;
        without ids all products, in no particular order, read while the caller iterates."""

    def products_with_photo(self, photo_hash: str, constraint: PhotoConstraint = ANY_PHOTO) -> list[Hit]:
        """Return the products that have a photo with this content or pixel hash, by id, each with similarity 1."""

    def has_photo_size(self, width: int, height: int) -> bool:
        """Return whether any photo has this size; without one, no photo can equal a query of this size."""

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        """Return the records of the products that exist, in the order of ``ids``."""

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        """Return the photos that are already embedded: content hash -> photo and its vector, float32 (d,)."""

    def ids(self) -> Iterator[str]:
        """Yield all product ids, in no particular order."""

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        """Yield the records of all products, or of those that meet the condition, in no particular order, read while
        the caller iterates."""

    def count(self, condition: Condition | None = None) -> int:
        """Return the exact number of products that meet the condition."""

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        """Return the values of a field and the exact number of products with each: most first, ties by value."""

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        """Return the kinds of values of each field: ``text``, ``number``, or both."""

    def flush(self) -> None: ...

    def close(self) -> None: ...


class StoredIndex(Index, Protocol):
    """An index whose products outlive the process."""

    sizes: VectorSizes
    has_files: bool
    """Whether its products are in files of the generation's folder; else a server has them."""
    on_write: Callable[[Iterable[str]], None]
    """Called with the ids of products just before they are written; the store sets it."""

    @property
    def has_failed(self) -> bool:
        """Whether a write failed since the index was opened, so that its log may hold what its files lack."""

    def needs_graph(self) -> bool:
        """Return whether so many points are outside of every graph that building one pays."""


OpenIndex = Callable[[Path, VectorSizes], StoredIndex]
"""Opens the index in a folder, and creates it where there is none."""


def best_photos(hits: PhotoHits) -> list[int]:
    """Return the places of the best photo of each product, best first; ties in the order of their keys."""
    keys, scores = hits.keys, hits.scores.tolist()
    best: dict[str | int, int] = {}
    for place in sorted(range(len(keys)), key=lambda place: (-scores[place], keys[place])):
        best.setdefault(keys[place].product, place)
    return list(best.values())


def read_best(
    hits: PhotoHits, products: int, read: Callable[[list[PhotoKey]], PhotoDetails[Record]]
) -> NearestDetails[Record]:
    """Read details of the best photos of the first products among hits."""
    keys = [hits.keys[place] for place in best_photos(hits)[:products]]
    return NearestDetails(hits, keys, read(keys))


def best_photo(photo_vectors: Vectors, vector: Vectors) -> tuple[int, float]:
    """Return the row of ``photo_vectors`` that is most similar to ``vector`` (the first of equals), and its cosine."""
    similarities = photo_vectors @ vector
    best = int(np.argmax(similarities))
    return best, float(similarities[best])
