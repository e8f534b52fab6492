"""Why a product was found, to be seen: the things in a photo, and where the photo matches a product's."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from shoplens.embedders.embedder import Embedder, finds_objects
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.errors import InvalidValue
from shoplens.images import decode_photo
from shoplens.images.objects import find_object, find_objects, is_blank
from shoplens.images.picture import crop_pixels
from shoplens.images.source import locate_query_photo
from shoplens.index.identifiers import find_product
from shoplens.search.objects.match_regions import match_regions, shift
from shoplens.search.objects.pictures import draw_match, draw_objects
from shoplens.shop.parts import ShopParts
from shoplens.types import MatchRegions, Pixels, Region

Photo = str | Path | bytes


class ShopExplanations:
    """Explanations of single answers of an open shop. Each runs the network anew; searches do not."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts
        self._network: MapNetwork | None = None
        self._embedder: Embedder | None = None

    def match_regions(
        self, photo: Photo, product_id: str, *, product_photo: str = "", region: Region | None = None
    ) -> MatchRegions | None:
        """Return which thing in a photo is like a product, and the places that the photo and the product's share.

        Args:
            photo: path, URL, or the bytes of a file.
            product_id: id, SKU or GTIN of the product.
            product_photo: which of its photos, as ``photo`` of a result says, or the hash of its content; its first
                photo when empty.
            region: the part of ``photo`` to compare; None for the whole.

        Returns:
            None where no thing is found in one of the photos.

        Raises:
            InvalidValue: ``no-maps``, ``unknown-product``, ``unknown-photo``, or the region lies outside the photo.
            PhotoError: a photo cannot be read.
        """
        compute = self._maps().compute
        part = self._query_pixels(photo, region)
        return shift(match_regions(part, self._product_pixels(product_id, product_photo), compute), region)

    def draw_match(
        self, photo: Photo, product_id: str, *, product_photo: str = "", region: Region | None = None
    ) -> Image.Image:
        """Return a picture of both photos with the places that they share. Parameters as of :meth:`match_regions`."""
        query, product = self._query_pixels(photo, region), self._product_pixels(product_id, product_photo)
        return draw_match(query, product, match_regions(query, product, self._maps().compute))

    def draw_objects(self, photo: Photo, *, region: Region | None = None) -> Image.Image:
        """Return a photo, or a region of it, with what is no object faded, and a frame around each object.

        Raises:
            InvalidValue: ``no-objects``: the network of the store finds none.
        """
        embedder = self._parts.embedders.for_live(self._parts.settings.cores)
        if not finds_objects(embedder):
            raise InvalidValue(
                f"The network {embedder.model} looks for no objects in this store.",
                "Build the store with objects = true and a network that finds them.",
                code="no-objects",
            )
        pixels = self._query_pixels(photo, region)
        mask = embedder.find_mask(pixels)
        if is_blank(pixels) or find_object(mask) is None:
            return Image.fromarray(pixels)
        return draw_objects(pixels, mask, find_objects(mask))

    def _maps(self) -> MapNetwork:
        embedder = self._parts.embedders.for_live(self._parts.settings.cores)
        if self._network is None or self._embedder is not embedder:
            self._network, self._embedder = MapNetwork(embedder), embedder
        return self._network

    def _query_pixels(self, photo: Photo, region: Region | None) -> Pixels:
        located = locate_query_photo(photo)
        data = located if isinstance(located, bytes) else self._parts.query_photos.bytes_of(located)
        pixels = decode_photo(data, self._parts.settings.for_queries).pixels
        return pixels if region is None else crop_pixels(pixels, region)

    def _product_pixels(self, product_id: str, photo: str) -> Pixels:
        with self._parts.store.reading() as generation:
            product = find_product(generation.index, product_id).product
            (record,) = generation.index.records([product.id])
        sources = [one.source for one in record.photos if photo in ("", one.source, one.content_hash)]
        if not sources:
            raise InvalidValue(
                f"Product {product.id!r} has no photo {photo[:200]!r}.",
                "Take it from an answer, or leave it out.",
                code="unknown-photo",
            )
        return decode_photo(self._parts.known_photos.bytes_of(sources[0]), self._parts.settings).pixels
