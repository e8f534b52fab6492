"""Products -> entries: photos fetched, decoded and embedded, several at once, in the order of the feed.

Fetching waits for other people's servers and has threads of its own; decoding and the forward pass share one pool with
a thread per core. Each photo passes through the network alone and on one thread: that keeps all cores busy without a
batch to wait for, and gives the same bits whatever else is in flight, so an interrupted build ends like any other.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from shoplens.build.filter_scoring import ProductScorer
from shoplens.build.photo_features import sight
from shoplens.embedders import Embedder, EmbeddingHead
from shoplens.embedders.embedder import NO_DIRECTION
from shoplens.errors import ModelError, PhotoError
from shoplens.images import PhotoSource, decode_photo
from shoplens.images.hashes import content_hash
from shoplens.images.source import is_url
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.settings import Settings
from shoplens.store.feature_cache import FeatureFile
from shoplens.types import Photo, Product, Rejection, Vectors

Item = TypeVar("Item")
Made = TypeVar("Made")
UNUSABLE = "product-without-usable-photo"
FETCHERS, PRODUCTS_IN_FLIGHT, RECENT_PHOTOS = 16, 32, 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of a feed.

    Attributes:
        entry: None where nothing of the item can be used.
        rejections: what was wrong with it.
        photos_embedded: photos that went through the network.
        photos_known: photos whose vector was at hand.
    """

    entry: IndexedProduct | None = None
    rejections: tuple[Rejection, ...] = ()
    photos_embedded: int = 0
    photos_known: int = 0


@dataclass(frozen=True, slots=True)
class EncodingCaches:
    """What is known before a run begins.

    Attributes:
        features: of photos seen before; those seen for the first time are added.
        indexes: where vectors of the same model may be found.
        live: the one of them that answers queries; a photo that cannot be had today stays as it is there.
        scorer: gives every entry its filter scores; None while there are no filters.
        look: gives every entry its trained vectors; None where none was trained.
    """

    features: FeatureFile
    indexes: Sequence[Index] = ()
    live: Index | None = None
    scorer: ProductScorer | None = None
    look: EmbeddingHead | None = None


class ProductEncoder:
    """Turns feed items into :class:`Outcome`, in their order.

    Args:
        embedder: makes the vectors.
        source: gives the photos' bytes.
        settings: for limits and the number of threads.
        known: what need not be looked at again.
    """

    def __init__(
        self,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        known: EncodingCaches,
    ) -> None:
        self._embedder, self._source, self._settings = embedder, source, settings
        self._known, self._live = _KnownPhotos(known.indexes), known.live
        self._features, self.scorer, self._look = known.features, known.scorer, known.look

    def outcomes(self, items: Iterable[Product | Rejection]) -> Iterator[Outcome]:
        """One outcome per item. ``items`` is read from the calling thread, a bounded distance ahead."""
        with ThreadPoolExecutor(FETCHERS) as fetching, ThreadPoolExecutor(self._settings.cores) as computing:
            fetched = in_order(fetching, self._fetch_photos, items, PRODUCTS_IN_FLIGHT)
            yield from in_order(computing, self._outcome, fetched, PRODUCTS_IN_FLIGHT)

    def _fetch_photos(self, item: Product | Rejection) -> tuple[Product | Rejection, dict[str, PhotoError]]:
        """The item, with what went wrong with its remote photos; the others have been fetched and kept."""
        problems: dict[str, PhotoError] = {}
        if isinstance(item, Product):
            for photo in filter(is_url, item.photos):
                try:
                    self._source.bytes_of(photo)
                except PhotoError as problem:
                    problems[photo] = problem
        return item, problems

    def _outcome(self, fetched: tuple[Product | Rejection, dict[str, PhotoError]]) -> Outcome:
        product, problems = fetched
        if isinstance(product, Rejection):
            return Outcome(rejections=(product,))
        photos: list[tuple[Photo, Vectors]] = []
        rejections: list[Rejection] = []
        new = 0
        for photo in product.photos:
            try:
                found, is_new = self._photo(photo, problems.get(photo))
                photos.append(found)
                new += is_new
            except PhotoError as problem:
                stored = self._stored_photo(product.id, photo)
                if stored is not None:
                    photos.append(stored)
                rejections.append(_photo_rejection(product.id, photo, problem, kept=stored is not None))
        if not photos:
            rejections.append(_unusable(product))
            return Outcome(rejections=tuple(rejections))
        usable = replace(product, photos=tuple(photo.source for photo, _ in photos))
        vectors = np.stack([vector for _, vector in photos])
        names = [photo.content_hash for photo, _ in photos]
        scores = None if self.scorer is None else self.scorer.scores(usable, names, self._features)
        trained = None if self._look is None else self._trained_vectors(self._look, names)
        entry = IndexedProduct(usable, tuple(photo for photo, _ in photos), vectors, scores, trained)
        return Outcome(entry, tuple(rejections), new, len(photos) - new)

    def _trained_vectors(self, look: EmbeddingHead, names: Sequence[str]) -> Vectors:
        """Trained vectors of photos; of one whose features were lost, as of a photo in which nothing is seen."""
        found, nothing = self._features.of(names), np.zeros(look.card.width, np.float32)
        return look.of(np.stack([found.get(name, nothing) for name in names]))

    def _photo(self, source: str, problem: PhotoError | None) -> tuple[tuple[Photo, Vectors], bool]:
        """A photo and its vector, and whether it had to be embedded."""
        if problem is not None:
            raise problem
        data = self._source.bytes_of(source)
        name = content_hash(data)
        with self._known.alone(name):
            known = self._known.get(name)
            if known is not None and self._features.has(name):
                return (replace(known[0], source=source), known[1]), False
            try:
                picture = decode_photo(data, self._settings)
            except PhotoError:
                self._source.forget(source)
                raise
            try:
                seen = sight(self._embedder, name, picture.pixels)
            except ModelError as odd:
                if odd.code != NO_DIRECTION:
                    raise
                raise PhotoError(odd.problem, "Replace the photo; it may be blank.", code="photo-no-embedding") from odd
            photo = Photo(source, name, picture.pixel_hash, picture.width, picture.height)
            self._features.add(name, seen.features)
            self._known.add(photo, seen.vector)
            return (photo, seen.vector), True

    def _stored_photo(self, product_id: str, source: str) -> tuple[Photo, Vectors] | None:
        """The photo as it was, for a server that does not answer today or a file that is gone."""
        for record in self._live.records([product_id]) if self._live is not None else ():
            for photo in record.photos:
                if photo.source == source and (known := self._known.get(photo.content_hash)) is not None:
                    return replace(known[0], source=source), known[1]
        return None


class _KnownPhotos:
    """Vectors at hand: of the photos last seen, and of those in the given indexes."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self._indexes = indexes
        self._worth_asking = any(next(index.ids(), None) is not None for index in indexes)
        self._recent: OrderedDict[str, tuple[Photo, Vectors]] = OrderedDict()
        self._lock = threading.Lock()
        self._in_work: set[str] = set()
        self._done = threading.Condition(self._lock)

    @contextmanager
    def alone(self, content_hash: str) -> Iterator[None]:
        """Nobody else has this photo in work meanwhile, so that equal photos are embedded once."""
        with self._done:
            self._done.wait_for(lambda: content_hash not in self._in_work)
            self._in_work.add(content_hash)
        try:
            yield
        finally:
            with self._done:
                self._in_work.remove(content_hash)
                self._done.notify_all()

    def add(self, photo: Photo, vector: Vectors) -> None:
        with self._lock:
            self._recent[photo.content_hash] = (photo, vector)
            if len(self._recent) > RECENT_PHOTOS:
                self._recent.popitem(last=False)
                self._worth_asking = True

    def get(self, content_hash: str) -> tuple[Photo, Vectors] | None:
        with self._lock:
            if (recent := self._recent.get(content_hash)) is not None:
                self._recent.move_to_end(content_hash)
                return recent
        for index in self._indexes if self._worth_asking else ():
            if (found := index.photo_vectors([content_hash]).get(content_hash)) is not None:
                self.add(*found)
                return found
        return None


def in_order(pool: Executor, make: Callable[[Item], Made], items: Iterable[Item], ahead: int) -> Iterator[Made]:
    """``make`` of every item, several at once in the pool, in the items' order; never more than ``ahead`` in flight."""
    flying: deque[Future[Made]] = deque()
    try:
        for item in items:
            flying.append(pool.submit(make, item))
            if len(flying) >= ahead:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    finally:
        for future in flying:
            future.cancel()


def _photo_rejection(product_id: str, photo: str, problem: PhotoError, *, kept: bool) -> Rejection:
    reason = f"{problem.problem} The copy from before is used." if kept else problem.problem
    level = "note" if kept else "rejected"
    return Rejection(problem.code, reason, problem.fix, level, None, product_id, "photos", photo)  # type: ignore[arg-type]


def _unusable(product: Product) -> Rejection:
    return Rejection(
        UNUSABLE,
        "None of the product's photos can be used.",
        "Mend or replace one of them.",
        product_id=product.id,
        field="photos",
        value=", ".join(product.photos),
    )
