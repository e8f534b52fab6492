"""The protocol of embedders, and the checks of their output that a plug-in need not write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeGuard

import numpy as np

from shoplens.embedders.second_order import FeatureMap, SecondOrderPooling
from shoplens.errors import InvalidValue, ModelError
from shoplens.types import Embeddings, Mask, Pixels, Vectors

NO_DIRECTION = "no-direction"
"""Code of the error for a vector that is zero or not finite, which the photo may cause."""


class Embedder(Protocol):
    """An embedder computes vectors of photos. A plug-in implements ``embed``; :func:`embed_photos` checks the number,
    the lengths and the finiteness of its vectors.

    Attributes:
        model: id of the weights and the preprocessing; vectors of two models are never compared.
        dimensions: length of a vector.
        features: number of features for the filters that follow a vector; with 0 the filters use the vector itself.
        extra_features: number of further features, which only trained heads use.
        min_side: the smallest shorter side, in pixels, at which a photo loses no detail for this model.
    """

    model: str
    dimensions: int
    features: int
    extra_features: int
    min_side: int

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """Return float32 (number of photos, dimensions + features + extra_features): vectors of any length but zero,
        followed by the features from the same pass. May be called from several threads."""


@dataclass(frozen=True, slots=True)
class ObjectUse:
    """What an embedder does with the object in a photo.

    Attributes:
        compared: the object is found, and features of it alone are compared beside those of the photo.
        framed: photos are cut to the object and a margin before they are embedded.
        second_order: the object's features are pooled products, see :class:`SecondOrderPooling`; else they come from a
            pass over the object that is cut out.
        by_finder: the object in the whole photo is found by a small network that does nothing else; else by a pass of
            the embedder over the whole photo. (One that cannot find objects always has another network find them.)

    Raises:
        InvalidValue: there is nothing to frame or to pool where objects are not found.
    """

    compared: bool = False
    framed: bool = False
    second_order: bool = False
    by_finder: bool = False

    def __post_init__(self) -> None:
        if not self.compared and (self.framed or self.second_order or self.by_finder):
            raise InvalidValue(f"{self} uses objects that are not found.", "Set `compared`, too.")

    def __str__(self) -> str:
        """In words, after "with": ``framed objects``."""
        if not self.compared:
            return "no objects"
        how = ["found by a small network"] * self.by_finder + ["compared by pooled products"] * self.second_order
        return f"{'framed ' if self.framed else ''}objects{' ' if how else ''}{' and '.join(how)}"


NO_OBJECTS = ObjectUse()
ALL_OBJECTS = ObjectUse(compared=True, framed=True, second_order=True, by_finder=True)


class Encoding(NamedTuple):
    """How photos become vectors; only those of one encoding are compared.

    Attributes:
        model: id of the weights and the preprocessing.
        objects: what is done with the object in a photo.
    """

    model: str
    objects: ObjectUse


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPass:
    """What one pass of a network gives of a photo and of the object in it.

    Attributes:
        row: float32 (1, any), as of :meth:`Embedder.embed`.
        mask: float32 (rows, columns) in [0, 1], the probability that a cell of the photo shows the object; None where
            the network finds no objects.
        feature_map: float32 (channels, rows, columns), of which the features of the object are pooled; None where they
            come from a pass over the object alone.
    """

    row: Vectors
    mask: Mask | None
    feature_map: FeatureMap | None = None


class ObjectEmbedder(Embedder, Protocol):
    """An embedder that finds the object in a photo, too.

    Attributes:
        objects: what it does with the object.
        mask_shape: rows and columns of its masks.
        object_sizes: lengths of the outputs of which the features of an object consist.
        pooling: pools these features from the pass over the photo; None where a pass over the object alone gives them,
            which are then those of the embedder, or the vector where it gives none.
        finder: id of another network that finds the object in the whole photo for it; empty where it does so itself.
    """

    objects: ObjectUse
    mask_shape: tuple[int, int]
    object_sizes: tuple[int, ...]
    pooling: SecondOrderPooling | None
    finder: str

    def find_mask(self, photo: Pixels) -> Mask:
        """Return the mask of the object in the whole photo alone."""

    def embed_with_object(self, photo: Pixels) -> ObjectPass:
        """Return one row as of :meth:`Embedder.embed`, and what shows the object, from one pass."""

    def backbone_features(self, photo: Pixels) -> Vectors:
        """Return the features alone, or the vector where it gives none, float32 (1, any)."""


def object_use(embedder: Embedder) -> ObjectUse:
    """Return what an embedder does with the object in a photo; a plug-in that only embeds does nothing with it."""
    use: ObjectUse = getattr(embedder, "objects", NO_OBJECTS)
    return use


def finds_objects(embedder: Embedder) -> TypeGuard[ObjectEmbedder]:
    """Whether an embedder finds the object in a photo."""
    return object_use(embedder).compared


def encoding_of(embedder: Embedder) -> Encoding:
    """Return how an embedder makes vectors of photos."""
    return Encoding(embedder.model, object_use(embedder))


def embed_photos(embedder: Embedder, ids: Sequence[str], photos: Sequence[Pixels]) -> Embeddings:
    """Return unit vectors of the photos, in their order, and their features (the vectors, where the embedder gives no
    others), followed by the extra features.

    Raises:
        ModelError: the embedder's output has another shape; ``no-direction``: a vector is not finite or zero.
    """
    if not photos:
        return Embeddings((), np.zeros((0, embedder.dimensions), np.float32), embedder.model)
    return check_output(embedder, ids, np.asarray(embedder.embed(photos), np.float32))


def check_output(embedder: Embedder, ids: Sequence[str], output: Vectors) -> Embeddings:
    """Return what :func:`embed_photos` returns, from the output of the embedder.

    Raises:
        ModelError: as there.
    """
    expected = (len(ids), embedder.dimensions + embedder.features + embedder.extra_features)
    if output.shape != expected:
        raise ModelError(
            f"{embedder.model} returned {output.shape}, not {expected}.", "Correct `dimensions` in its card."
        )
    vectors, features = output[:, : embedder.dimensions], output[:, embedder.dimensions :]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise ModelError(
            f"{embedder.model} returned a vector that is zero or not finite.",
            "Check the scale and offset of the pixels in its card.",
            code=NO_DIRECTION,
        )
    vectors = vectors / lengths
    if not embedder.features:
        features = np.concatenate([vectors, features], axis=1)
    return Embeddings(tuple(ids), vectors, embedder.model, features)
