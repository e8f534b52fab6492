"""Encoding of queries: from a photo, or what steering names in its place, to the form in which strategies rank it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import embed_framed, extract_features, feature_model, word_features, word_head_of
from shoplens.embedders import Embedder
from shoplens.embedders.embedder import finds_objects
from shoplens.embedders.text.tower import text_tower
from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR
from shoplens.images import PhotoSource, Picture, decode_photo, photo_size
from shoplens.images.decode import crop_pixels, decode_grey
from shoplens.images.objects import FoundObject, find_objects, is_blank
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import EncodedQuery
from shoplens.reading.barcodes import Barcode, read_barcodes
from shoplens.reading.photo_reading import PhotoReading
from shoplens.reading.text_reader import QUERY, SHARP_SIDE, ReadingEffort, TextReader
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.search.text_meanings import caption_text, title_text
from shoplens.search.wishes import wishes_steer
from shoplens.settings import Settings
from shoplens.store.generation import FindEmbedder, Generation
from shoplens.types import ObjectBox, Pixels, Query, Region, StageTimer


@dataclass(frozen=True, slots=True)
class QueryEncoder:
    """Encodes query photos.

    Attributes:
        embedder: of the store's model.
        source: gives the photos' bytes.
        settings: limits, and the shop's preferences.
        reader: reads the words in photos; None reads none.
        find_embedder: finds the embedder of a generation that took over meanwhile; None keeps ``embedder``.
    """

    embedder: Embedder
    source: PhotoSource
    settings: Settings
    reader: TextReader | None = None
    find_embedder: FindEmbedder | None = None

    def for_generation(self, generation: Generation) -> QueryEncoder:
        """Return the encoder with the embedder of a generation."""
        return self if self.find_embedder is None else replace(self, embedder=self.find_embedder(generation))

    def encode_photo(
        self,
        photo: str | bytes,
        index: Index,
        region: Region | None = None,
        *,
        features: bool = True,
        scan: bool = False,
        read: bool = False,
        timer: StageTimer | None = None,
    ) -> EncodedQuery:
        """Encode a photo, or a region of it, by the network; :meth:`PreparedStrategy.encode` adds the rest.

        Args:
            photo: path, URL, or the bytes of a file.
            index: to be searched; it knows whether it has photos of the same size.
            region: the part to encode; None for the whole photo.
            features: whether to compute the input of the filters, too.
            scan: whether to read the barcodes in it, too.
            read: whether to read the words in it, too, for no longer than the setting ``read_seconds`` says.
            timer: measures the stages ``decode``, ``scan``, ``embed`` and ``ocr``, the time after ``embed``.

        Raises:
            PhotoError: the photo cannot be read, or is no photo.
            InvalidValue: the region reaches outside the photo.
            ModelError: as :func:`~shoplens.embedders.embed_photos`.
        """
        timer = timer or StageTimer()
        with timer.stage("decode"):
            data = photo if isinstance(photo, bytes) else self.source.bytes_of(photo)
            picture = self._decode(data, region)
            hashes = self._pixel_hashes(data, picture, index) if region is None else ()
        head = word_head_of(self.embedder) if read and features and self.reader is not None else None
        reading = self._start_reading(data, picture, region, QUERY) if read and head is None else None
        codes: tuple[Barcode, ...] = ()
        if scan:
            with timer.stage("scan"):
                codes = self._read_barcodes(data, picture, region)
        with timer.stage("embed"):
            encoded = self._embed(picture, region, hashes, features=features)
        if head is not None and encoded.features is not None:
            effort = head.choose_effort(word_features(self.embedder, encoded.features))
            reading = None if effort is None else self._start_reading(data, picture, region, effort)
        if reading is not None:
            with timer.stage("ocr"):
                encoded = replace(encoded, text=reading.result())
        return replace(encoded, barcodes=codes) if codes else encoded

    def _decode(self, data: bytes, region: Region | None) -> Picture:
        """Decode a photo at no more resolution than the network needs, as the photos of products are decoded."""
        shortest = self.embedder.min_side
        if region is not None:
            width, height = photo_size(data, self.settings)
            part = min(region.width / width, region.height / height, 1.0)
            shortest = round(shortest / max(part, 0.01))
        return decode_photo(data, self.settings, shortest=shortest)

    def _start_reading(
        self, data: bytes, picture: Picture, region: Region | None, effort: ReadingEffort
    ) -> PhotoReading | None:
        """Start to read the words in a picture, or in a region of it; None without a reader."""
        if self.reader is None or not self.settings.read_seconds:
            return None

        def sharpen() -> Pixels:
            part = 1.0 if region is None else min(region.width / picture.width, region.height / picture.height)
            sharp = decode_photo(data, self.settings, shortest=round(SHARP_SIDE / max(part, 0.01)))
            return sharp.pixels if region is None else sharp.crop(region)

        is_reduced = picture.pixels.shape[:2] != (picture.height, picture.width)
        pixels = picture.pixels if region is None else picture.crop(region)
        return PhotoReading(self.reader, pixels, sharpen if is_reduced else None, self.settings.read_seconds, effort)

    def _read_barcodes(self, data: bytes, picture: Picture, region: Region | None) -> tuple[Barcode, ...]:
        """Read the barcodes in a picture, or in a region of it."""

        def enlarge() -> npt.NDArray[np.uint8]:
            grey = decode_grey(data, self.settings)
            return grey if region is None else crop_pixels(grey, region)

        is_reduced = picture.pixels.shape[:2] != (picture.height, picture.width)
        pixels = picture.pixels if region is None else picture.crop(region)
        return read_barcodes(pixels, enlarge if is_reduced else None)

    def _pixel_hashes(self, data: bytes, picture: Picture, index: Index) -> tuple[str, ...]:
        """Return the hashes that an equal photo in the index may have; older stores decoded every photo in full."""
        if not index.has_photo_size(picture.width, picture.height):
            return ()
        if picture.pixels.shape[:2] == (picture.height, picture.width):
            return (picture.pixel_hash,)
        return picture.pixel_hash, decode_photo(data, self.settings).pixel_hash

    def _embed(
        self, picture: Picture, region: Region | None, hashes: tuple[str, ...], *, features: bool
    ) -> EncodedQuery:
        pixels = picture.pixels if region is None else picture.crop(region)
        model = feature_model(self.embedder)
        if features:
            extracted = extract_features(self.embedder, "query", pixels)
            encoded = EncodedQuery(extracted.vector, features=extracted.features, encoded_by=model)
            found = extracted.found
        else:
            encoded = EncodedQuery(embed_framed(self.embedder, "query", pixels).embedded.vectors[0], encoded_by=model)
            found = None
        if finds_objects(self.embedder) and is_blank(pixels):
            encoded = replace(encoded, is_blank=True, objects=())
        elif finds_objects(self.embedder) and features:
            part = region or Region(0, 0, picture.width, picture.height)
            encoded = _add_objects(encoded, found, part)
        if region is not None:
            return encoded
        return replace(encoded, pixel_hashes=hashes, content_hash=picture.content_hash)


def _add_objects(encoded: EncodedQuery, found: FoundObject | None, part: Region) -> EncodedQuery:
    """Add the boxes of what was found in a part of a photo, in pixels of the photo."""
    if found is None:
        return replace(encoded, objects=())

    def box(one: FoundObject) -> Region:
        inner = one.region(part.width, part.height)
        return replace(inner, x=part.x + inner.x, y=part.y + inner.y)

    objects = tuple(ObjectBox(box(one), one.score) for one in find_objects(found.mask))
    return replace(encoded, object=box(found), objects=objects, mask=(255 * found.mask).astype(np.uint8))


def encode_query(
    query: Query,
    prepared: PreparedStrategy,
    encoder: QueryEncoder,
    index: Index,
    encoded: EncodedQuery | None,
    timer: StageTimer,
) -> tuple[EncodedQuery | None, EncodedQuery]:
    """Encode a query; return its photo as the network encodes it, None without one, and the query to rank.

    Args:
        encoded: the photo as it was encoded before; it is not decoded again.

    Raises:
        PhotoError, InvalidValue, ModelError: as :meth:`QueryEncoder.encode_photo`.
        InvalidValue: ``model-changed``, ``color-without-weight``, or what steers the query does not exist.
    """
    needs = bool(prepared.strategy.needs)
    if encoded is not None:
        _check_encoding(encoded, feature_model(encoder.embedder), features=needs)
    elif query.photo is not None:
        photos = (query.photo, *query.more_photos)
        read = prepared.filters is not None and prepared.filters.reads_photos
        encoded = merge_photos(
            [
                encoder.encode_photo(photo, index, query.region, features=needs, scan=True, read=read, timer=timer)
                for photo in photos
            ]
        )
    if prepared.filters is None:
        if encoded is None:
            raise InvalidValue("A strategy without filters ranks photos only.", "Give a photo.", code="needs-filters")
        return encoded, prepared.encode(encoded)
    with timer.stage("filter"):
        negative = query.steering.unlike
        unlike = None if negative is None else encoder.encode_photo(negative, index)
        text = prepared.filters.text_query(title_text(query.steering.meanings))
        caption = prepared.filters.caption_query(caption_text(query.steering.meanings), text_tower(encoder.embedder))
        filtered = prepared.filters.build(encoded, query.steering, unlike, text=text, caption=caption)
    if not query.steering.color and not wishes_steer(query.steering):
        return encoded, replace(encoded or EncodedQuery(filtered.like.photo_embedding), filtered=filtered)
    if query.steering.color and not filtered.weights.get(COLOR):
        raise InvalidValue(
            f"The query asks for the colour {query.steering.color!r}, and the dimension color has no weight.",
            "Give color a weight above 0, or leave the colour out.",
            code="color-without-weight",
        )
    # In another colour, or with other wishes, no photo is equal to it, and it does not show what is searched for.
    return encoded, EncodedQuery(filtered.like.photo_embedding, filtered=filtered, keeps_weights=True)


def merge_photos(photos: Sequence[EncodedQuery]) -> EncodedQuery:
    """Return several photos of one thing as one query: the mean of their vectors and of their features.

    The dot product with a mean of vectors is the mean of the dot products, so a product has to be similar to all of
    the photos. A product that has one of them itself counts as the same photo; the object is that of the first photo.
    """
    first = photos[0]
    if len(photos) == 1:
        return first
    seen = [photo for photo in photos if not photo.is_blank] or [first]
    vector = np.mean([photo.vector for photo in seen], axis=0)
    features = [photo.features for photo in seen if photo.features is not None]
    hashes = [name for photo in photos for name in (*photo.pixel_hashes, photo.content_hash)]
    return replace(
        first,
        vector=np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32),
        features=np.mean(features, axis=0, dtype=np.float32) if features else None,
        pixel_hashes=tuple(dict.fromkeys(name for name in hashes if name and name != first.content_hash)),
        is_blank=all(photo.is_blank for photo in photos),
        barcodes=tuple(dict.fromkeys(code for photo in photos for code in photo.barcodes)),
        text="\n".join(filter(None, (photo.text for photo in photos))),
    )


def _check_encoding(encoded: EncodedQuery, model: str, *, features: bool) -> None:
    if encoded.encoded_by != model or (features and encoded.features is None):
        raise InvalidValue(
            "The photo was encoded by a network that is not used any more.",
            "Send the photo again.",
            code="model-changed",
        )
