"""The features of a photo: its embedding, and the input of the filters."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shoplens.embedders import Embedder, FineTunedEmbedder, embed_photos
from shoplens.embedders.embedder import (
    ObjectEmbedder,
    ObjectPass,
    check_output,
    finds_objects,
    object_use,
)
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, measure_photo
from shoplens.filters.photo_features.pixels import SIDE
from shoplens.images.objects import FoundObject, cut_out, find_object, frame_object
from shoplens.reading.word_head import WordHead, find_word_head
from shoplens.types import Embeddings, Features, Pixels, Vectors

_NO_FEATURES = np.zeros(0, np.float32)
_MIN_PEAK = 0.9
"""Highest probability in the mask of the small network below which it is not sure enough to cut a photo."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFeatures:
    """The features of one photo.

    Attributes:
        vector: float32 (d,), length 1, the embedding.
        features: float32 (b + MEASURED_SIZE + o + w + c,): those of the network, those measured on the pixels, those of
            the network for the object alone; and what only trained networks use: those of the network for the whole
            photo where it is framed, and the network's further ones.
        found: the object in the whole photo; None where none was found, or where the embedder finds none.
    """

    vector: Vectors
    features: Features
    found: FoundObject | None = None


def extract_features(embedder: Embedder, name: str, photo: Pixels) -> PhotoFeatures:
    """Run the network on a photo, and on the object in it, and measure its pixels.

    A photo in which the object is small is framed: all features are those of the part around the object. Where no
    object is found, the whole photo counts as the object; pooled products count each place as the mask does.

    Raises:
        ModelError: as :func:`~shoplens.embedders.embed_photos`.
    """
    view, width = embed_framed(embedder, name, photo), backbone_width(embedder)
    row, whole_row = _network_row(view.embedded), view.whole[: whole_width(embedder)]
    object_row = _object_row(embedder, view, row[:width]) if finds_objects(embedder) else np.zeros(0, np.float32)
    features = np.concatenate([row[:width], measure_photo(view.pixels).to_row(), object_row, whole_row, row[width:]])
    rounded = features.astype(np.float16).astype(np.float32)  # as they are read from the cache
    return PhotoFeatures(view.embedded.vectors[0], rounded, view.found)


@dataclass(frozen=True, slots=True, eq=False)
class FramedPhoto:
    """A photo as it is embedded.

    Attributes:
        pixels: uint8 (h, w, 3), the part around the object, or the whole photo.
        embedded: its embedding and features.
        found: the object in the whole photo; None where none was found.
        object_in_frame: the object in ``pixels``, by the mask of this part, which is finer.
        last: the pass over ``pixels``; None where the embedder finds no objects.
        whole: float32, the features of the whole photo; empty where the network did not pass over it.
    """

    pixels: Pixels
    embedded: Embeddings
    found: FoundObject | None = None
    object_in_frame: FoundObject | None = None
    last: ObjectPass | None = None
    whole: Features = field(default_factory=lambda: _NO_FEATURES)


def embed_framed(embedder: Embedder, name: str, photo: Pixels) -> FramedPhoto:
    """Embed a photo, framed where the embedder frames objects: one pass of the network, or two where it finds the
    objects itself.

    Raises:
        ModelError: as :func:`~shoplens.embedders.embed_photos`.
    """
    if not finds_objects(embedder):
        return FramedPhoto(photo, embed_photos(embedder, [name], [photo]))
    first = None if embedder.finder else embedder.embed_with_object(photo)
    found = find_object(embedder.find_mask(photo)) if first is None else _object_of(first)
    part = _frame(embedder, photo, found)
    pixels = photo if part is None else part
    last = embedder.embed_with_object(pixels) if first is None or part is not None else first
    inner = _object_of(last)
    if last.mask is None:
        inner = found if part is None else find_object(embedder.find_mask(part))
    whole = _NO_FEATURES if first is None else _network_row(check_output(embedder, [name], first.row))
    return FramedPhoto(pixels, check_output(embedder, [name], last.row), found, inner, last, whole)


def _object_of(seen: ObjectPass) -> FoundObject | None:
    return None if seen.mask is None else find_object(seen.mask)


def frame_photo(embedder: Embedder, photo: Pixels) -> Pixels:
    """Return the part of a photo that is embedded, uint8 (h, w, 3): the part around the object, or the whole photo."""
    if not finds_objects(embedder) or not embedder.objects.framed:
        return photo
    part = _frame(embedder, photo, find_object(embedder.find_mask(photo)))
    return photo if part is None else part


def _frame(embedder: ObjectEmbedder, photo: Pixels, found: FoundObject | None) -> Pixels | None:
    """Return the part of a photo around the object; None where the whole photo is embedded."""
    if found is None or not embedder.objects.framed or (embedder.objects.by_finder and found.mask.max() < _MIN_PEAK):
        return None
    return frame_object(photo, found)


def _object_row(embedder: ObjectEmbedder, view: FramedPhoto, row: Features) -> Features:
    """Return the features of the object in a photo: pooled where it is, or those of the object that is cut out; those
    of the whole photo where none was found.

    Args:
        row: the network's features of the photo.
    """
    last = view.last
    if embedder.pooling is not None and last is not None and last.feature_map is not None and last.mask is not None:
        return embedder.pooling.pool(last.feature_map, last.mask)
    if view.object_in_frame is None:
        return row
    own: Features = embedder.backbone_features(cut_out(view.pixels, view.object_in_frame))[0]
    return own if embedder.features else own / max(float(np.linalg.norm(own)), 1e-12)


def _network_row(embedded: Embeddings) -> Features:
    """Return the network's features of the only photo."""
    row: Features = embedded.vectors[0] if embedded.features is None else embedded.features[0]
    return row


def backbone_width(embedder: Embedder) -> int:
    """Return how many of the network's features the filters use; they are the first of a photo's."""
    return embedder.features or embedder.dimensions


def object_width(embedder: Embedder) -> int:
    """Return how many features a photo has of the object alone; they follow those measured on the pixels."""
    return sum(object_parts(embedder))


def second_order_width(embedder: Embedder) -> int:
    """Return how many features of the object are pooled products of features: all of them, or none."""
    return object_width(embedder) if object_use(embedder).second_order else 0


def whole_width(embedder: Embedder) -> int:
    """Return how many features a photo has of the whole photo beside those of its frame; they follow the object's."""
    if not finds_objects(embedder) or not embedder.objects.framed or embedder.finder:
        return 0
    return backbone_width(embedder)


def object_parts(embedder: Embedder) -> tuple[int, ...]:
    """Return the lengths of the outputs of which these features consist; none where no objects are found."""
    return embedder.object_sizes if finds_objects(embedder) else ()


def feature_model(embedder: Embedder) -> str:
    """Return the id of what makes the features, with the side in pixels; features of different ids are never mixed."""
    framed = f"+whole{whole_width(embedder)}" if object_use(embedder).framed else ""
    framed += f"+finder={embedder.finder}" if finds_objects(embedder) and embedder.finder else ""
    objects = f"+object{object_width(embedder)}{framed}" if finds_objects(embedder) else ""
    further = f"+{embedder.extra_features}" if embedder.extra_features else ""
    trained = f"/{embedder.tail_id}" if isinstance(embedder, FineTunedEmbedder) else ""
    return f"{embedder.model}/{backbone_width(embedder)}+{MEASURED_SIZE}@{SIDE}{objects}{further}{trained}"


def filter_input_width(embedder: Embedder) -> int:
    """Return how many of a photo's features filters read; they are the first."""
    return backbone_width(embedder) + MEASURED_SIZE + object_width(embedder)


def feature_width(embedder: Embedder) -> int:
    """Return how many features a photo has."""
    return filter_input_width(embedder) + whole_width(embedder) + embedder.extra_features


def word_head_of(embedder: Embedder) -> WordHead | None:
    """Return what tells from :func:`word_features` whether a photo shows words; None where nothing does."""
    head = None if isinstance(embedder, FineTunedEmbedder) else find_word_head(embedder.model)
    return head if head is not None and len(head.weights) == backbone_width(embedder) else None


def word_features(embedder: Embedder, features: Features) -> Features:
    """Return, of a photo's features, those of the network for as much of the photo as it passes over: the whole photo,
    or where another network finds the object, the part around it."""
    width, start = backbone_width(embedder), filter_input_width(embedder)
    return features[start : start + width] if whole_width(embedder) == width else features[:width]
