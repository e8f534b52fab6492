"""How similarities become one score: normalization over a cohort, and the space in which a dot product is the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, SHAPE
from shoplens.filters.fitting.design import DESIGN_SIZE, SHAPE_SIZE, TINT_SIZE
from shoplens.filters.fitting.pca import components
from shoplens.filters.model.class_layout import ClassLayout
from shoplens.filters.model.principal_components import half
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import SparseVector

MOST = 256
"""Products of a cohort."""
FLOOR = 0.25
"""Part of the shop's own spread that a query's counts for at least, or noise where it is like nothing would decide."""
LEAST = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Photos of c products of different groups, as a store holds them.

    Attributes:
        look: float32 (c, d).
        dense: float32 (c, DENSE).
        marks: float32 (c, T), the marks with all their zeros.
        spread: dimension -> standard deviation of its similarities to the cohort, over the cohort's own photos.
    """

    look: Floats
    dense: Floats
    marks: Floats
    spread: Mapping[str, float]

    def spreads(self, similarities: Mapping[str, Floats]) -> dict[str, float]:
        """Dimension -> how far a query's similarities spread: their standard deviation, not far below the shop's.

        Args:
            similarities: dimension -> float32 (c,), of the query to each photo of the cohort.
        """
        many = len(self.look) > 1 and bool(similarities)
        own = np.std([*similarities.values()], axis=1).tolist() if many else [0.0] * len(similarities)
        return {
            name: max(LEAST, FLOOR * self.spread.get(name, 0.0), spread)
            for name, spread in zip(similarities, own, strict=True)
        }


@dataclass(frozen=True, slots=True)
class ScoreNormalizer:
    """How the similarities of one query lie over the shop's products, by dimension: their mean, and their spread.

    Similarities of one dimension lie close together, those of another far apart, and how close depends on the query: a
    clean photo is like some products and unlike others, a dim one is equally unlike all. Summed as they are, the
    dimension that spreads most would decide, whatever the weights say. So a weight counts standard deviations (T-norm:
    Auckenthaler, Carey, Lloyd-Thomas 2000, "Score Normalization for Text-Independent Speaker Verification Systems";
    z-score normalisation: Jain, Nandakumar, Ross 2005, "Score normalization in multimodal biometric systems").

    Attributes:
        means: 0 where there is no cohort.
        spreads: above 0.
    """

    means: Mapping[str, float]
    spreads: Mapping[str, float]

    def effective(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Weights that make dimensions comparable: each divided by its spread; they sum to 1. Subtracting means would
        add the same to every product, and is left out.

        Args:
            weights: dimension -> weight, not all zero.
        """
        scaled = {name: weight / self.spreads[name] for name, weight in weights.items()}
        total = sum(scaled.values())
        return {name: weight / total for name, weight in scaled.items()}

    def average(self, effective: Mapping[str, float]) -> float:
        """The score of the shop's average product, by weights as :meth:`effective` gives them; 0 without a cohort."""
        return sum(weight * self.means[name] for name, weight in effective.items())


def sample_groups(groups: tuple[str, ...], first: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[int]:
    """Places of up to :data:`MOST` first photos of different groups; the same for the same groups."""
    places = {groups[n]: int(n) for n in np.flatnonzero(first)[::-1]}  # the first one of each group
    chosen = sorted(places.values())
    if len(chosen) > MOST:
        picked = np.random.default_rng(0).choice(len(chosen), MOST, replace=False)
        chosen = [chosen[n] for n in sorted(picked)]
    return chosen


DENSE_PARTS = {
    DESIGN: slice(0, DESIGN_SIZE),
    SHAPE: slice(DESIGN_SIZE, DESIGN_SIZE + SHAPE_SIZE),
    COLOR: slice(DESIGN_SIZE + SHAPE_SIZE, DESIGN_SIZE + SHAPE_SIZE + TINT_SIZE),
}
"""Where the unit vectors of dimensions lie among a photo's dense scores; of ``color`` it is the tint."""
DENSE = DESIGN_SIZE + SHAPE_SIZE + TINT_SIZE
"""Numbers of a photo's dense scores."""
SKETCH_SIZE = 256
"""Numbers of a sketch of marks; where there are no more entries than this, it is all of them."""
PLACED = DENSE + SKETCH_SIZE
"""Numbers that lie beside an embedding."""
TINT_SHARE = 0.6
"""Of ``color`` the cosine of tints; classes and palette have the rest. Chosen on development groups."""
_LEAST = 0.03
"""Usual weight that a dimension is placed by at least, so that it can be asked for at all."""


def slope(name: str) -> float:
    """How much a dimension's similarity grows with the cosine of its dense part; see :meth:`Filters.similarities`."""
    return TINT_SHARE if name == COLOR else 0.5


def mark_slope(name: str) -> float:
    """How much a classified dimension's similarity grows with the agreement of its marks."""
    return 1 - TINT_SHARE if name == COLOR else 1.0


@dataclass(frozen=True, eq=False)
class Space:
    """Where photos lie for the graph.

    A photo's embedding keeps its length of 1. Beside it lie its dense scores and a sketch of its marks, each
    dimension as long as the root of what it usually counts against ``look``. So the dot product of two photos is their
    score by the usual weights, but for a factor and a constant, and neighbours in the graph are neighbours by the
    score. A query with any other weights is stretched instead, by weight / length, which leaves dot products what they
    should be; only the graph then serves it less well, the less the weights are the usual ones.

    The sketch is the best of its size: the marks' leading right singular vectors (Eckart, Young 1936).

    Attributes:
        layout: of the marks.
        usual: dimension -> its weight in an average query, see :meth:`ScoreNormalizer.effective`; they sum to 1.
        axes: float32 (T, SKETCH_SIZE), orthonormal columns, zeros where T is smaller; held to half precision.
    """

    layout: ClassLayout
    usual: Mapping[str, float]
    axes: Floats

    @property
    def lossless(self) -> bool:
        """Whether the sketch holds all that marks hold."""
        return self.layout.size <= SKETCH_SIZE

    def placed(self, dense: Floats, marks: Sequence[SparseVector]) -> Floats:
        """float32 (n, PLACED): what lies beside the embeddings of photos with these scores.

        Args:
            dense: float32 (n, DENSE).
            marks: of each.
        """
        sketches = (self.layout.wide(marks) * self._mark_lengths) @ self.axes
        return np.concatenate([dense * self._lengths, sketches], axis=1)

    def dense(self, placed: Floats) -> Floats:
        """float32 (n, DENSE): the dense scores of photos, by what lies beside their embeddings (n, PLACED)."""
        return placed[:, :DENSE] / self._lengths

    def query_vector(self, dense: Floats, marks: SparseVector, weights: Mapping[str, float]) -> Floats:
        """float32 (PLACED,): its dot product with what is placed is the weighted score but for ``look`` and a constant.

        Args:
            dense: float32 (DENSE,), the query's.
            marks: the query's.
            weights: dimension -> weight.
        """
        result = np.zeros(PLACED, np.float32)
        for name, part in DENSE_PARTS.items():
            result[part] = np.float32(weights.get(name, 0.0) * slope(name)) * dense[part] / self._lengths[part]
        factors = np.array([weights.get(name, 0.0) * mark_slope(name) for name in self.layout.names], np.float32)
        if factors.any():
            stretched = factors[self.layout.dimension_of] / self._mark_lengths
            result[DENSE:] = (marks.values * stretched[marks.indices]) @ self.axes[marks.indices]
        return result

    def dimension_query_vector(self, name: str, dense: Floats) -> Floats:
        """float32 (PLACED,): its dot product with what is placed is the cosine of one dimension's dense part."""
        result = np.zeros(PLACED, np.float32)
        part = DENSE_PARTS[name]
        result[part] = dense[part] / self._lengths[part]
        return result

    def overlap(self, weights: Mapping[str, float]) -> float:
        """In [0, 1]: how much of what a query weighs is usual; 1 for the usual weights. Both sum to 1."""
        return sum(min(weight, self.usual.get(name, 0.0)) for name, weight in weights.items())

    @cached_property
    def _lengths(self) -> Floats:
        """float32 (DENSE,)."""
        lengths = np.ones(DENSE)
        for name, part in DENSE_PARTS.items():
            lengths[part] = self._length(name, slope(name))
        return lengths.astype(np.float32)

    @cached_property
    def _mark_lengths(self) -> Floats:
        """float32 (T,)."""
        each = np.array([self._length(name, mark_slope(name)) for name in self.layout.names], np.float32)
        return each[self.layout.dimension_of]

    def _length(self, name: str, steepness: float) -> float:
        counts = max(self.usual.get(name, 0.0), _LEAST) * steepness
        return float(np.sqrt(counts / (max(self.usual.get(LOOK, 0.0), _LEAST) * slope(LOOK))))


def space_over(layout: ClassLayout, usual: Mapping[str, float], marks: Floats) -> Space:
    """The space for photos like some.

    Args:
        usual: as of :class:`Space`.
        marks: float32 (n, T) of some photos, with all their zeros.
    """
    space = Space(layout, usual, np.eye(layout.size, SKETCH_SIZE, dtype=np.float32))
    if space.lossless or not len(marks):
        return space
    found = components(marks * space._mark_lengths, SKETCH_SIZE)
    axes = np.zeros((layout.size, SKETCH_SIZE), np.float32)
    axes[:, : found.shape[1]] = half(found)
    return replace(space, axes=axes)
