"""Photos and what is computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue

Pixels = npt.NDArray[np.uint8]
"""A decoded photo: uint8, shape (height, width, 3), RGB, upright."""

Vectors = npt.NDArray[np.float32]
"""float32, shape (n, dimensions), each row of length 1."""

Features = npt.NDArray[np.float32]
"""float32, shape (n, f): what the filters read off photos; see :mod:`shoplens.build.photo_features`."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors and what they are of, in one object so that they cannot lose their order.

    Attributes:
        ids: n names, one per row.
        vectors: float32 (n, d), rows of length 1 (tolerance 1e-3).
        model: id of the model that made them; vectors of two models never meet.
        features: float32 (n, f), what the same pass of the network gives the filters; None where it gives nothing.
    """

    ids: tuple[str, ...]
    vectors: Vectors
    model: str
    features: Features | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids) or self.vectors.dtype != np.float32:
            raise InvalidValue(
                f"Vectors of shape {self.vectors.shape}, {self.vectors.dtype}, for {len(self.ids)} ids.",
                "Give float32 of shape (number of ids, dimensions).",
            )
        if len(self.ids) and not np.allclose(np.linalg.norm(self.vectors, axis=1), 1.0, atol=1e-3):
            raise InvalidValue("Some vectors are not of length 1.", "Divide each by its Euclidean norm.")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """A vector by its entries that are not zero.

    Attributes:
        indices: uint32 (m,), ascending, no repeats.
        values: float32 (m,).
    """

    indices: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.indices.shape != self.values.shape or self.indices.ndim != 1:
            raise InvalidValue(
                f"A sparse vector of {self.indices.shape} indices and {self.values.shape} values.",
                "Give one value per index.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """Many sparse vectors, one after the other.

    Attributes:
        lengths: intp (n,), entries of each.
        indices: uint32 (sum of lengths,).
        values: float32 (sum of lengths,).
    """

    lengths: npt.NDArray[np.intp]
    indices: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Sequence[SparseVector]) -> SparseRows:
        """These vectors, in their order."""
        return cls(
            np.array([len(one.indices) for one in vectors], np.intp),
            np.concatenate([np.zeros(0, np.uint32), *(one.indices for one in vectors)]),
            np.concatenate([np.zeros(0, np.float32), *(one.values for one in vectors)]),
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> SparseVector:
        end = int(self.lengths[: row + 1].sum())
        part = slice(end - int(self.lengths[row]), end)
        order = np.argsort(self.indices[part])
        return SparseVector(self.indices[part][order], self.values[part][order])


@dataclass(frozen=True, slots=True, eq=False)
class FilterScores:
    """What the filters say of the photos of one product.

    Attributes:
        placed: float32 (photos, m): what lies beside the embeddings in the space that the graph is built over.
        marks: per photo, square roots of the class probabilities of all classified dimensions.
        predicted: dimension -> class -> probability, where the feed is silent; likely classes only.
    """

    placed: npt.NDArray[np.float32]
    marks: tuple[SparseVector, ...]
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.placed.ndim != 2 or len(self.placed) != len(self.marks):
            raise InvalidValue(
                f"Filter scores of shape {self.placed.shape} and {len(self.marks)} marks.", "Give both per photo."
            )
