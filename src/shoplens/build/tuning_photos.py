"""Phone photos that are made of a catalogue's own photos, to choose the weights of the dimensions by."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from shoplens.build.photo_features import PhotoFeatures, extract_features
from shoplens.embedders import Embedder
from shoplens.errors import ModelError, PhotoError
from shoplens.filters.fitting.weight_tuning import MAX_QUERIES, MIN_QUERIES, TuningPhotos
from shoplens.images import PhotoSource, decode_photo
from shoplens.images.corruptions.augmentation import augment_photo
from shoplens.index.protocol import Index
from shoplens.settings import Settings
from shoplens.types import Product, group_of

SHARE = 8
"""One photo is made for so many photos of the catalogue, so that indexing takes at most a fifth more time."""
KIND = "made phone photos"


@dataclass(frozen=True, slots=True)
class PhotoMaker:
    """Makes phone photos: the product of a catalogue photo in a scene, turned, in other light, blurred, compressed.

    Attributes:
        embedder: of the generation.
        source: of the catalogue's photos.
        settings: limits and threads.
        width: number of a photo's features that filters read.
    """

    embedder: Embedder
    source: PhotoSource
    settings: Settings
    width: int

    def make_photos(self, index: Index) -> TuningPhotos:
        """Make photos of products that are drawn by a hash, each of the last photo of its product.

        Photos that cannot be read are left out. None are made where they would be too few to choose weights by.
        """
        drawn = list(_draw_products(index))
        with ThreadPoolExecutor(self.settings.cores) as pool:
            made = [
                (product, features)
                for product, features in zip(drawn, pool.map(self._make_photo, drawn), strict=True)
                if features is not None
            ]
        sizes = self.embedder.dimensions, self.width
        return TuningPhotos(
            KIND,
            np.array([one.vector for _, one in made], np.float32).reshape(-1, sizes[0]),
            np.array([one.features[: self.width] for _, one in made], np.float32).reshape(-1, sizes[1]),
            tuple(product.id for product, _ in made),
            tuple(group_of(product) for product, _ in made),
        )

    def _make_photo(self, product: Product) -> PhotoFeatures | None:
        try:
            data = self.source.bytes_of(product.photos[-1])
            pixels = decode_photo(data, self.settings, shortest=self.embedder.min_side).pixels
            seed = int.from_bytes(sha256(product.id.encode("utf-8", "backslashreplace")).digest()[:4], "big")
            return extract_features(self.embedder, product.id, augment_photo(pixels, "home", (seed,)))
        except (PhotoError, ModelError):
            return None


def _draw_products(index: Index) -> Iterator[Product]:
    """Yield the products of which photos are made, at most :data:`MAX_QUERIES`; none where there are too few."""
    products = {record.product.id: record.product for record in index.all_records()}
    photos = sum(len(product.photos) for product in products.values())
    number = min(MAX_QUERIES, photos // SHARE, len(products))
    if number >= MIN_QUERIES:
        order = sorted(products, key=lambda name: sha256(name.encode("utf-8", "backslashreplace")).digest())
        yield from (products[name] for name in order[:number])
