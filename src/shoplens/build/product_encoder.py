"""From products to entries of the index: photos are fetched, decoded and embedded in parallel, in the feed's order.

Fetching waits for remote servers and has threads of its own; decoding and the forward pass share one pool with a thread
per core. Each photo passes through the network alone and on one thread. That keeps all cores busy without waiting for a
batch, and gives the same bits whatever runs beside it, so an interrupted build ends with the same store as any other.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from shoplens.build.filter_scoring import ProductScorer
from shoplens.build.photo_features import extract_features
from shoplens.embedders import Embedder, EmbeddingHead
from shoplens.embedders.embedder import NO_DIRECTION
from shoplens.errors import ModelError, PhotoError
from shoplens.images import PhotoSource, decode_photo
from shoplens.images.hashes import content_hash
from shoplens.images.source import is_url
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.reading.text_reader import PRODUCT, SHARP_SIDE, TextReader
from shoplens.settings import Settings
from shoplens.store.feature_cache import FeatureFile
from shoplens.types import Photo, Product, Rejection, Vectors
from shoplens.types.iteration import map_in_order

UNUSABLE = "product-without-usable-photo"
FETCHERS, PRODUCTS_IN_FLIGHT, RECENT_PHOTOS = 16, 32, 20_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one item of a feed.

    Attributes:
        entry: None where the item cannot be used.
        rejections: what was wrong with it.
        photos_embedded: number of photos that went through the network.
        photos_known: number of photos whose vector was known.
    """

    entry: IndexedProduct | None = None
    rejections: tuple[Rejection, ...] = ()
    photos_embedded: int = 0
    photos_known: int = 0


@dataclass(frozen=True, slots=True)
class EncodingCaches:
    """What an encoder can use instead of encoding a photo again.

    Attributes:
        features: of photos encoded before; those of new photos are added.
        indexes: that may have vectors of the same model.
        live: the one of them that answers queries; a photo that cannot be read now stays as it is there.
        scorer: computes the filter scores of entries; None while there are no filters.
        look: computes the trained vectors of entries; None where none was trained.
        reader: reads the words in photos; None reads none.
    """

    features: FeatureFile
    indexes: Sequence[Index] = ()
    live: Index | None = None
    scorer: ProductScorer | None = None
    look: EmbeddingHead | None = None
    reader: TextReader | None = None


class ProductEncoder:
    """Turns items of a feed into outcomes, in their order.

    Args:
        embedder: computes the vectors.
        source: gives the photos' bytes.
        settings: limits and the number of threads.
        caches: what need not be encoded again.
    """

    def __init__(
        self,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        caches: EncodingCaches,
    ) -> None:
        self._embedder, self._source, self._settings = embedder, source, settings
        self._known, self._live = _KnownPhotos(caches.indexes), caches.live
        self._features, self.scorer, self._look = caches.features, caches.scorer, caches.look
        self._reader = caches.reader

    def outcomes(self, items: Iterable[Product | Rejection]) -> Iterator[Outcome]:
        """Yield one outcome per item. ``items`` is read by the calling thread, a bounded number of items ahead."""
        with ThreadPoolExecutor(FETCHERS) as fetching, ThreadPoolExecutor(self._settings.cores) as computing:
            fetched = map_in_order(fetching, self._fetch_photos, items, PRODUCTS_IN_FLIGHT)
            yield from map_in_order(computing, self._outcome, fetched, PRODUCTS_IN_FLIGHT)

    def _fetch_photos(self, item: Product | Rejection) -> tuple[Product | Rejection, dict[str, PhotoError]]:
        """Fetch the remote photos of an item into the cache; return the item with the errors, by photo."""
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
                encoded, is_new = self._encode_photo(photo, problems.get(photo))
                photos.append(encoded)
                new += is_new
            except PhotoError as problem:
                stored = self._stored_photo(product.id, photo)
                if stored is not None:
                    photos.append(stored)
                rejections.append(_photo_rejection(product.id, photo, problem, kept=stored is not None))
        if not photos:
            rejections.append(_unusable_rejection(product))
            return Outcome(rejections=tuple(rejections))
        usable = replace(product, photos=tuple(photo.source for photo, _ in photos))
        vectors = np.stack([vector for _, vector in photos])
        names = [photo.content_hash for photo, _ in photos]
        scores = None if self.scorer is None else self.scorer.scores(usable, names, self._features)
        trained = None if self._look is None else self._trained_vectors(self._look, names)
        entry = IndexedProduct(usable, tuple(photo for photo, _ in photos), vectors, scores, trained)
        return Outcome(entry, tuple(rejections), new, len(photos) - new)

    def _trained_vectors(self, look: EmbeddingHead, names: Sequence[str]) -> Vectors:
        """Compute the trained vectors of photos; a photo whose features were lost has features of zero."""
        known, zeros = self._features.read(names), np.zeros(look.card.width, np.float32)
        return look.embed(np.stack([known.get(name, zeros) for name in names]))

    def _encode_photo(self, source: str, problem: PhotoError | None) -> tuple[tuple[Photo, Vectors], bool]:
        """Return a photo with its vector, and whether it had to be embedded."""
        if problem is not None:
            raise problem
        data = self._source.bytes_of(source)
        name = content_hash(data)
        with self._known.single_flight(name):
            known = self._known.get(name)
            if known is not None and self._features.has(name):
                self._read_words(name, data)
                return (replace(known[0], source=source), known[1]), False
            try:
                self._read_words(name, data)
                picture = decode_photo(data, self._settings, shortest=self._embedder.min_side)
            except PhotoError:
                self._source.forget(source)
                raise
            try:
                extracted = extract_features(self._embedder, name, picture.pixels)
            except ModelError as error:
                if error.code != NO_DIRECTION:
                    raise
                raise PhotoError(
                    error.problem, "Replace the photo; it may be blank.", code="photo-no-embedding"
                ) from error
            photo = Photo(source, name, picture.pixel_hash, picture.width, picture.height)
            self._features.add(name, extracted.features)
            self._known.add(photo, extracted.vector)
            return (photo, extracted.vector), True

    def _read_words(self, name: str, data: bytes) -> None:
        """Read the words in a photo, unless this reader has read it before.

        Raises:
            PhotoError: as :func:`~shoplens.images.decode_photo`.
        """
        if self._reader is not None and not self._features.texts.has(name, self._reader.model):
            picture = decode_photo(data, self._settings, shortest=SHARP_SIDE)
            self._features.texts.add(name, self._reader.model, self._reader.read(picture.pixels, PRODUCT))

    def _stored_photo(self, product_id: str, source: str) -> tuple[Photo, Vectors] | None:
        """Return a photo as the live generation has it, for a server that does not answer or a file that is gone."""
        for record in self._live.records([product_id]) if self._live is not None else ():
            for photo in record.photos:
                if photo.source == source and (known := self._known.get(photo.content_hash)) is not None:
                    return replace(known[0], source=source), known[1]
        return None


class _KnownPhotos:
    """Known vectors: of the photos encoded last, and of those in the given indexes."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        self._indexes = indexes
        self._may_be_indexed = any(next(index.ids(), None) is not None for index in indexes)
        self._recent: OrderedDict[str, tuple[Photo, Vectors]] = OrderedDict()
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()
        self._done = threading.Condition(self._lock)

    @contextmanager
    def single_flight(self, content_hash: str) -> Iterator[None]:
        """Let only one thread at a time encode photos of this content, so that equal photos are embedded once."""
        with self._done:
            self._done.wait_for(lambda: content_hash not in self._in_flight)
            self._in_flight.add(content_hash)
        try:
            yield
        finally:
            with self._done:
                self._in_flight.remove(content_hash)
                self._done.notify_all()

    def add(self, photo: Photo, vector: Vectors) -> None:
        with self._lock:
            self._recent[photo.content_hash] = (photo, vector)
            if len(self._recent) > RECENT_PHOTOS:
                self._recent.popitem(last=False)
                self._may_be_indexed = True

    def get(self, content_hash: str) -> tuple[Photo, Vectors] | None:
        with self._lock:
            if (recent := self._recent.get(content_hash)) is not None:
                self._recent.move_to_end(content_hash)
                return recent
        for index in self._indexes if self._may_be_indexed else ():
            if (known := index.photo_vectors([content_hash]).get(content_hash)) is not None:
                self.add(*known)
                return known
        return None


def _photo_rejection(product_id: str, photo: str, problem: PhotoError, *, kept: bool) -> Rejection:
    reason = f"{problem.problem} The copy of the last run is used." if kept else problem.problem
    level = "note" if kept else "rejected"
    return Rejection(problem.code, reason, problem.fix, level, None, product_id, "photos", photo)  # type: ignore[arg-type]


def _unusable_rejection(product: Product) -> Rejection:
    return Rejection(
        UNUSABLE,
        "None of the product's photos can be used.",
        "Repair or replace one of them.",
        product_id=product.id,
        field="photos",
        value=", ".join(product.photos),
    )
