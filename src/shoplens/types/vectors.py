"""Arrays of photos, and the vectors that are computed from photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue

Pixels = npt.NDArray[np.uint8]
"""A decoded photo: uint8, shape (height, width, 3), RGB, upright."""

Mask = npt.NDArray[np.float32]
"""float32, shape (rows, columns), in [0, 1]: how probable it is that a cell of a photo shows the object."""

ByteMask = npt.NDArray[np.uint8]
"""uint8, shape (rows, columns): a :data:`Mask` times 255, as answers have it."""

Vectors = npt.NDArray[np.float32]
"""float32, shape (n, dimensions), each row of length 1."""

Features = npt.NDArray[np.float32]
"""float32, shape (n, f): the input of the filters, a row per photo; see :mod:`shoplens.build.photo_features`."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors with the ids of their rows, in one object so that they cannot lose their order.

    Attributes:
        ids: n names, one per row.
        vectors: float32 (n, d); every row has length 1 (tolerance 1e-3).
        model: id of the model that computed the vectors. Vectors of two models are never compared.
        features: float32 (n, f), the input of the filters from the same pass of the network; None where the network
            gives none.

    Raises:
        InvalidValue: shape, dtype or lengths of the vectors are not as stated.
    """

    ids: tuple[str, ...]
    vectors: Vectors
    model: str
    features: Features | None = None

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids) or self.vectors.dtype != np.float32:
            raise InvalidValue(
                f"There are {len(self.ids)} ids, but the vectors are {self.vectors.dtype} of shape "
                f"{self.vectors.shape}.",
                "Give float32 of shape (number of ids, dimensions).",
            )
        if len(self.ids) and not np.allclose(np.linalg.norm(self.vectors, axis=1), 1.0, atol=1e-3):
            raise InvalidValue("Some vectors are not of length 1.", "Divide each by its Euclidean norm.")

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """A vector given by its entries that are not zero.

    Attributes:
        indices: uint32 (m,), ascending, without repeats.
        values: float32 (m,), a value per index.
    """

    indices: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.indices.shape != self.values.shape or self.indices.ndim != 1:
            raise InvalidValue(
                f"A sparse vector has indices of shape {self.indices.shape} and values of shape {self.values.shape}.",
                "Give one value per index.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class SparseRows:
    """Many sparse vectors, stored one after the other.

    Attributes:
        lengths: intp (n,), number of entries of each vector.
        indices: uint32 (sum of lengths,).
        values: float32 (sum of lengths,).
    """

    lengths: npt.NDArray[np.intp]
    indices: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Sequence[SparseVector]) -> SparseRows:
        """Return the given vectors in their order."""
        return cls(
            np.array([len(vector.indices) for vector in vectors], np.intp),
            np.concatenate([np.zeros(0, np.uint32), *(vector.indices for vector in vectors)]),
            np.concatenate([np.zeros(0, np.float32), *(vector.values for vector in vectors)]),
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
    """The scores that the filters give to the photos of one product.

    Attributes:
        filter_vectors: float32 (photos, m), appended to the embeddings; the index builds its graph over the two
            together.
        class_vectors: per photo, the square roots of the class probabilities of all classified dimensions.
        predicted: dimension -> class -> probability, for dimensions of which the feed gives no value; likely classes
            only.
        text_vectors: per photo, the letters of the product's title, brand, category and attributes, and of what is read
            in the photo; see :mod:`shoplens.reading.text_model`. Empty where the store has no texts.
    """

    filter_vectors: npt.NDArray[np.float32]
    class_vectors: tuple[SparseVector, ...]
    predicted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    text_vectors: tuple[SparseVector, ...] = ()

    def __post_init__(self) -> None:
        counts = {len(self.filter_vectors), len(self.class_vectors), len(self.text_vectors or self.class_vectors)}
        if self.filter_vectors.ndim != 2 or len(counts) != 1:
            raise InvalidValue(
                f"There are filter vectors of shape {self.filter_vectors.shape}, {len(self.class_vectors)} class "
                f"vectors and {len(self.text_vectors)} text vectors.",
                "Give one filter vector and one class vector per photo, and one text vector per photo or none.",
            )
