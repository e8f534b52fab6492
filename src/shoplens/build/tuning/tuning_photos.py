"""Phone photos that are made of a catalogue's own photos, to choose the weights of the dimensions by."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest

import numpy as np

from shoplens.build.photo_features import (
    PhotoFeatures,
    extract_features,
    filter_input_width,
    word_features,
    word_head_of,
)
from shoplens.embedders import Embedder
from shoplens.errors import ModelError, PhotoError
from shoplens.filters.fitting.weight_tuning import MAX_QUERIES, MIN_QUERIES, TuningPhotos
from shoplens.images import PhotoSource, decode_photo
from shoplens.images.corruptions.augmentation import augment_photo
from shoplens.index.protocol import Index
from shoplens.reading.text_reader import QUERY, SHARP_SIDE, TextReader
from shoplens.settings import Settings
from shoplens.types import Pixels, Product, group_of
from shoplens.types.iteration import map_in_order

SHARE = 8
"""One photo is made for so many photos of the catalogue, so that indexing takes at most a fifth more time."""
KIND = "made phone photos"
AHEAD = 32
"""Number of photos that are made at once, or wait for a thread."""


@dataclass(frozen=True, slots=True)
class PhotoMaker:
    """Makes phone photos: the product of a catalogue photo in a scene, turned, in other light, blurred, compressed.

    Attributes:
        embedder: of the generation.
        source: of the catalogue's photos.
        settings: limits and threads.
        reader: reads the words in the photos; None reads none.
    """

    embedder: Embedder
    source: PhotoSource
    settings: Settings
    reader: TextReader | None = None

    def make_photos(self, index: Index, read: bool = False) -> TuningPhotos:
        """Make photos of products that are drawn by a hash, each of the last photo of its product.

        Photos that cannot be read are left out. None are made where they would be too few to choose weights by.

        Args:
            read: whether to read the words in the photos that are made.
        """
        drawn, width = _draw_products(index), filter_input_width(self.embedder)
        make = functools.partial(self._make_photo, reader=self.reader if read else None)
        with ThreadPoolExecutor(self.settings.cores) as pool:
            photos = map_in_order(pool, make, drawn, AHEAD)
            made = [(product, *photo) for product, photo in zip(drawn, photos, strict=True) if photo is not None]
        return TuningPhotos(
            KIND,
            np.array([one.vector for _, one, _ in made], np.float32).reshape(-1, self.embedder.dimensions),
            np.array([one.features[:width] for _, one, _ in made], np.float32).reshape(-1, width),
            tuple(product.id for product, _, _ in made),
            tuple(group_of(product) for product, _, _ in made),
            tuple(words for _, _, words in made),
        )

    def _make_photo(self, product: Product, reader: TextReader | None) -> tuple[PhotoFeatures, str] | None:
        """Return the features of a made photo and the words that are read in it; None where it cannot be made."""
        shortest = self.embedder.min_side if reader is None else max(self.embedder.min_side, SHARP_SIDE)
        try:
            data = self.source.bytes_of(product.photos[-1])
            pixels = decode_photo(data, self.settings, shortest=shortest).pixels
            seed = int.from_bytes(_digest(product)[:4], "big")
            made = augment_photo(pixels, "home", (seed,), readable=reader is not None)
            features = extract_features(self.embedder, product.id, made)
            return features, "" if reader is None else self._read_words(made, features, reader)
        except (PhotoError, ModelError):
            return None

    def _read_words(self, made: Pixels, features: PhotoFeatures, reader: TextReader) -> str:
        head = word_head_of(self.embedder)
        effort = QUERY if head is None else head.choose_effort(word_features(self.embedder, features.features))
        return "" if effort is None else reader.read(made, effort)


def _draw_products(index: Index) -> list[Product]:
    """Return the products of which photos are made, at most :data:`MAX_QUERIES`; none where there are too few."""
    photos = products = 0

    def count() -> Iterator[Product]:
        nonlocal photos, products
        for record in index.all_records():
            photos, products = photos + len(record.photos), products + 1
            yield record.product

    drawn = nsmallest(MAX_QUERIES, count(), key=_digest)
    number = min(photos // SHARE, products)
    return drawn[:number] if number >= MIN_QUERIES else []


def _digest(product: Product) -> bytes:
    return sha256(product.id.encode("utf-8", "backslashreplace")).digest()
