"""The protocol of embedders, and the checks of their output that a plug-in need not write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeGuard

import numpy as np

from shoplens.errors import ModelError
from shoplens.types import ByteMask, Embeddings, Mask, Pixels, Vectors

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


class ObjectEmbedder(Embedder, Protocol):
    """An embedder that finds the object in a photo, too.

    Attributes:
        mask_shape: rows and columns of its masks; (0, 0) for one that finds no objects.
        frames_objects: whether photos are cut to the object and a margin before they are embedded.
        object_sizes: lengths of the outputs of which the features of an object consist, or that of the vector where it
            gives none.
        second_order: whether the last of these are pooled products of features, see
            :class:`~shoplens.embedders.second_order.SecondOrderPooling`.
        finder: id of another network that finds the objects for it; empty where it finds them itself, in the same pass.
    """

    mask_shape: tuple[int, int]
    frames_objects: bool
    object_sizes: tuple[int, ...]
    second_order: bool
    finder: str

    def find_mask(self, photo: Pixels) -> Mask:
        """Return the mask of the object in the photo alone."""

    def embed_with_mask(self, photo: Pixels) -> tuple[Vectors, Mask]:
        """Return one row as of :meth:`Embedder.embed`, and the mask of the object in the photo, float32 (rows, columns)
        in [0, 1], from one pass."""

    def object_features(self, photo: Pixels, mask: ByteMask) -> Vectors:
        """Return the features of an object, float32 (1, sum of ``object_sizes``); the vector where it gives none.

        Args:
            photo: the object, with nothing else in it.
            mask: uint8 (h, w), how much each pixel of the photo belongs to the object.
        """


def finds_objects(embedder: Embedder) -> TypeGuard[ObjectEmbedder]:
    """Whether an embedder finds the object in a photo."""
    return getattr(embedder, "mask_shape", (0, 0)) != (0, 0)


def frames_objects(embedder: Embedder) -> TypeGuard[ObjectEmbedder]:
    """Whether an embedder finds the object in a photo, and photos are cut to it before they are embedded."""
    return finds_objects(embedder) and embedder.frames_objects


def pools_second_order(embedder: Embedder) -> bool:
    """Whether the features of objects hold pooled products of features."""
    return finds_objects(embedder) and embedder.second_order


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
