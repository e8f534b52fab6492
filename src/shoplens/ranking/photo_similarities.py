"""The similarities of photos to an example, in every dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import LOOK
from shoplens.filters.model.filters import Filters
from shoplens.index.protocol import Index, PhotoKey, VectorQuery
from shoplens.types import SparseRows, SparseVector, Vectors

Floats = npt.NDArray[np.float32]


class Described(Protocol):
    """A photo as the filters describe it."""

    @property
    def look(self) -> Vectors: ...

    @property
    def dense(self) -> Floats: ...

    @property
    def marks(self) -> SparseVector: ...


def photo_similarities(
    index: Index, filters: Filters, example: Described, keys: Sequence[PhotoKey], marks: SparseRows
) -> Floats:
    """Return the similarities of photos to an example, float32 (photos, dimensions), each in [0, 1].

    Args:
        marks: class vectors of the photos.
    """
    probes = dimension_probes(filters, example)
    cosines = dict(zip(probes, index.photo_scores([*probes.values()], keys), strict=True))
    return combine_scores(filters, example, cosines, marks)


def dimension_probes(filters: Filters, example: Described) -> dict[str, VectorQuery]:
    """Return the query of each dimension that is compared by vectors."""
    probes = {LOOK: VectorQuery(look=example.look)}
    for name in filters.dense_parts:
        probes[name] = VectorQuery(filter_vector=filters.space.dimension_query_vector(name, example.dense))
    return probes


def combine_scores(filters: Filters, example: Described, cosines: Mapping[str, Floats], marks: SparseRows) -> Floats:
    """Return the similarities of photos, as :func:`photo_similarities`, from the scores of the queries of
    :func:`dimension_probes`."""
    by_name = filters.similarities(cosines, filters.agreements(example.marks, marks))
    return np.stack([by_name[dimension.name] for dimension in filters.dimensions], axis=1)
