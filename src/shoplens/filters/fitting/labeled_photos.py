"""The photos of a catalogue to which filters are fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.crossfit import Bools
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import Vectors

KnownClasses = Mapping[str, tuple[str, ...]]
"""Dimension -> trained classes that the feed gives a product."""


@dataclass(frozen=True, slots=True, eq=False)
class LabeledPhotos:
    """The photos of a catalogue to which filters are fitted, with the feed's values, one row per photo.

    Attributes:
        vectors: float32 (n, d), unit ``look`` embeddings.
        features: float32 (n, backbone + MEASURED_SIZE + o): the backbone's features, the measured row, the object's.
        backbone: number of the backbone's features.
        groups: the group of each photo; photos of one group are never on both sides of a split.
        is_first: bool (n,), whether the photo is its product's first.
        known: for each photo, dimension -> trained classes that the feed gives its product.
        products: the product of each photo; without them, nothing is learned of how photos of one product differ, and
            no weights are tuned.
        weights: dimension -> default static weight; computed when empty.
        trained_look: whether the vectors are those of a trained look, which knows how photos of one product differ.
        object_parts: lengths of the outputs of which the object's features consist; empty where there are none.
        name_vectors: dimension -> float32 (classes, backbone), text vectors of the names of its classes, for dimensions
            whose classes are known by their names.
        logit_scale: factor of the cosines of photos and texts, as the model was trained.

    Raises:
        InvalidValue: lengths or widths do not fit, or features are not finite.
    """

    vectors: Vectors
    features: Floats
    backbone: int
    groups: tuple[str, ...]
    is_first: Bools
    known: Sequence[KnownClasses]
    products: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    trained_look: bool = False
    object_parts: Sequence[int] = ()
    name_vectors: Mapping[str, Vectors] = field(default_factory=dict)
    logit_scale: float = 100.0

    def __post_init__(self) -> None:
        counts = {len(self.vectors), len(self.features), len(self.groups), len(self.is_first), len(self.known)}
        if len(counts) != 1:
            raise InvalidValue(
                f"The training data have columns of {sorted(counts)} rows.", "Give one row per photo in every column."
            )
        if self.features.ndim != 2 or self.features.shape[1] != self.object_start + self.object_width:
            raise InvalidValue(
                f"The features are of shape {self.features.shape}.",
                f"Give rows of {self.backbone} + {MEASURED_SIZE} + {self.object_width} numbers.",
            )
        if not np.isfinite(self.features).all():
            row = int(np.flatnonzero(~np.isfinite(self.features).all(axis=1))[0])
            raise InvalidValue(f"Features of photo {row} are not all finite numbers.", "Embed the photo again.")

    @property
    def object_start(self) -> int:
        """Number of the first column of the object's features."""
        return self.backbone + MEASURED_SIZE

    @property
    def object_width(self) -> int:
        """Number of the object's features."""
        return sum(self.object_parts)
