"""How the similarities of all dimensions become one score.

A cohort of the shop's products normalizes similarities, so that weights are comparable; in the retrieval space the
weighted score is a dot product, which a search graph can answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, OBJECT, SHAPE
from shoplens.filters.fitting.design import DESIGN_SIZE, OBJECT_SIZE, SHAPE_SIZE, TINT_SIZE
from shoplens.filters.fitting.pca import principal_axes
from shoplens.filters.model.class_layout import ClassLayout
from shoplens.filters.model.principal_components import round_to_half
from shoplens.filters.photo_features.pixels import Floats
from shoplens.types import SparseVector

COHORT_SIZE = 256
"""Most products of a cohort."""
MIN_RELATIVE_SPREAD = 0.25
"""Least spread of a query's similarities, as a part of the shop's own spread; with less, noise would decide where a
query is similar to nothing."""
MIN_SPREAD = 1e-3
DENSE_PARTS = {
    DESIGN: slice(0, DESIGN_SIZE),
    SHAPE: slice(DESIGN_SIZE, DESIGN_SIZE + SHAPE_SIZE),
    COLOR: slice(DESIGN_SIZE + SHAPE_SIZE, DESIGN_SIZE + SHAPE_SIZE + TINT_SIZE),
    OBJECT: slice(DESIGN_SIZE + SHAPE_SIZE + TINT_SIZE, DESIGN_SIZE + SHAPE_SIZE + TINT_SIZE + OBJECT_SIZE),
}
"""Dimension -> where its unit vector lies in a photo's dense vector; for ``color`` it is the tint."""
DENSE_SIZE = DESIGN_SIZE + SHAPE_SIZE + TINT_SIZE
"""Length of a photo's dense vector without the object, which networks that find no objects do not give."""
SKETCH_SIZE = 256
"""Length of the sketch of a class vector; where there are no more entries than this, the sketch holds all of them."""

TINT_SHARE = 0.6
"""Share of the cosine of tints in the similarity in ``color``; classes and palette have the rest. It was chosen on
development groups."""
_MIN_USUAL_WEIGHT = 0.03
"""Least usual weight by which a dimension is scaled, so that queries can weigh every dimension."""


def dense_parts(size: int) -> dict[str, slice]:
    """Return the parts of dense vectors of this length, with the object or without it."""
    return {name: part for name, part in DENSE_PARTS.items() if part.stop <= size}


def filter_vector_size(*, has_object: bool) -> int:
    """Return the length of a filter vector."""
    return DENSE_SIZE + (OBJECT_SIZE if has_object else 0) + SKETCH_SIZE


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Photos of c products of different groups, in the form in which a store holds them.

    Their similarities to a query show how much a difference in similarity means.

    Attributes:
        look: float32 (c, d), embeddings.
        dense: float32 (c, m), dense vectors.
        class_vectors: float32 (c, T), class vectors with all their zeros.
        spreads: dimension -> mean standard deviation of similarities to the cohort, over the cohort's own photos.
    """

    look: Floats
    dense: Floats
    class_vectors: Floats
    spreads: Mapping[str, float]

    def query_spreads(self, similarities: Mapping[str, Floats]) -> dict[str, float]:
        """Return dimension -> standard deviation of a query's similarities, at least a part of the shop's own spread.

        Args:
            similarities: dimension -> float32 (c,), similarities of the query to each photo of the cohort.
        """
        is_measurable = len(self.look) > 1 and bool(similarities)
        deviations = np.std([*similarities.values()], axis=1).tolist() if is_measurable else [0.0] * len(similarities)
        return {
            name: max(MIN_SPREAD, MIN_RELATIVE_SPREAD * self.spreads.get(name, 0.0), deviation)
            for name, deviation in zip(similarities, deviations, strict=True)
        }


@dataclass(frozen=True, slots=True)
class ScoreNormalizer:
    """Mean and spread of the similarities of one query over the shop's products, by dimension.

    The similarities of one dimension lie close together and those of another far apart, and how close depends on the
    query: a clear photo is similar to some products and not to others, a dim one is equally dissimilar to all. Summed
    without normalization, the dimension with the largest spread would decide, whatever the weights are. A weight
    therefore counts standard deviations (T-norm: Auckenthaler, Carey, Lloyd-Thomas 2000, "Score Normalization for
    Text-Independent Speaker Verification Systems"; z-score normalisation: Jain, Nandakumar, Ross 2005, "Score
    normalization in multimodal biometric systems").

    Attributes:
        means: 0 where there is no cohort.
        spreads: standard deviations, above 0.
    """

    means: Mapping[str, float]
    spreads: Mapping[str, float]

    def normalize_weights(self, weights: Mapping[str, float]) -> dict[str, float]:
        """Divide each weight by the spread of its dimension, and scale them to sum to 1.

        Means are not subtracted, because that would add the same number to every product's score.

        Args:
            weights: dimension -> weight, not all zero.
        """
        scaled = {name: weight / self.spreads[name] for name, weight in weights.items()}
        total = sum(scaled.values())
        return {name: weight / total for name, weight in scaled.items()}

    def with_dimension(self, name: str, spread: float, mean: float = 0.0) -> ScoreNormalizer:
        """Return the same with one more dimension, in which the average product has the similarity ``mean``."""
        return ScoreNormalizer({**self.means, name: mean}, {**self.spreads, name: spread})

    def average_score(self, normalized: Mapping[str, float]) -> float:
        """Return the score of the shop's average product; 0 without a cohort.

        Args:
            normalized: weights as :meth:`normalize_weights` returns them.
        """
        return sum(weight * self.means[name] for name, weight in normalized.items())


def sample_cohort(groups: tuple[str, ...], is_first: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[int]:
    """Draw up to :data:`COHORT_SIZE` first photos of different groups, and return their positions; the same for the
    same groups.

    Args:
        groups: the group of each photo.
        is_first: bool (n,), whether a photo is the first of its product.
    """
    positions = {groups[n]: int(n) for n in np.flatnonzero(is_first)[::-1]}  # the first photo of each group
    chosen = sorted(positions.values())
    if len(chosen) > COHORT_SIZE:
        drawn = np.random.default_rng(0).choice(len(chosen), COHORT_SIZE, replace=False)
        chosen = [chosen[n] for n in sorted(drawn)]
    return chosen


def cosine_slope(name: str) -> float:
    """Return by how much a dimension's similarity grows with the cosine of its unit vectors; see
    :meth:`Filters.similarities`."""
    return TINT_SHARE if name == COLOR else 0.5


def agreement_slope(name: str) -> float:
    """Return by how much a dimension's similarity grows with the agreement of its class vectors."""
    return 1 - TINT_SHARE if name == COLOR else 1.0


@dataclass(frozen=True, eq=False)
class RetrievalSpace:
    """The space in which photos lie in the search graph: the embedding, followed by the filter vector.

    A photo's embedding keeps its length of 1. The filter vector holds the photo's dense vector and a sketch of its
    class vector, each dimension scaled by the root of its usual weight relative to ``look``. The dot product of two
    photos is thus their score by the usual weights, but for a factor and a constant, and neighbours in the graph are
    neighbours by the score. A query with other weights is scaled by weight / scale instead, so that dot products stay
    correct; the graph then serves it less well, the more the weights differ from the usual ones.

    The sketch is the best of its size: a projection onto the leading right singular vectors of the class vectors
    (Eckart, Young 1936).

    Attributes:
        layout: layout of the class vectors.
        usual_weights: dimension -> its weight in an average query, see :meth:`ScoreNormalizer.normalize_weights`; they
            sum to 1.
        sketch_axes: float32 (T, SKETCH_SIZE), orthonormal columns, zeros where T is smaller; rounded to half precision.
        dense_size: length m of a dense vector.
    """

    layout: ClassLayout
    usual_weights: Mapping[str, float]
    sketch_axes: Floats
    dense_size: int = DENSE_SIZE

    @property
    def is_lossless(self) -> bool:
        """Whether the sketch holds everything that class vectors hold."""
        return self.layout.size <= SKETCH_SIZE

    def filter_vectors(self, dense: Floats, class_vectors: Sequence[SparseVector]) -> Floats:
        """Return the filter vectors of photos, float32 (n, m + SKETCH_SIZE).

        Args:
            dense: float32 (n, m).
            class_vectors: one per photo.
        """
        sketches = (self.layout.to_dense(class_vectors) * self._class_scales) @ self.sketch_axes
        return np.concatenate([dense * self._dense_scales, sketches], axis=1)

    def dense_vectors(self, filter_vectors: Floats) -> Floats:
        """Return the dense vectors, float32 (n, m), of photos with these filter vectors."""
        return filter_vectors[:, : self.dense_size] / self._dense_scales

    def query_vector(self, dense: Floats, class_vector: SparseVector, weights: Mapping[str, float]) -> Floats:
        """Return float32 (m + SKETCH_SIZE,): its dot product with filter vectors is the weighted score, but for
        ``look`` and a constant.

        Args:
            dense: float32 (m,), the query's.
            class_vector: the query's.
            weights: dimension -> weight.
        """
        result = np.zeros(self.dense_size + SKETCH_SIZE, np.float32)
        for name, part in dense_parts(self.dense_size).items():
            factor = np.float32(weights.get(name, 0.0) * cosine_slope(name))
            result[part] = factor * dense[part] / self._dense_scales[part]
        names = self.layout.dimension_names
        factors = np.array([weights.get(name, 0.0) * agreement_slope(name) for name in names], np.float32)
        if factors.any():
            scales = factors[self.layout.entry_dimensions] / self._class_scales
            entries = class_vector.indices
            result[self.dense_size :] = (class_vector.values * scales[entries]) @ self.sketch_axes[entries]
        return result

    def dimension_query_vector(self, name: str, dense: Floats) -> Floats:
        """Return float32 (m + SKETCH_SIZE,): its dot product with filter vectors is the cosine of one dimension's
        unit vectors."""
        result = np.zeros(self.dense_size + SKETCH_SIZE, np.float32)
        part = DENSE_PARTS[name]
        result[part] = dense[part] / self._dense_scales[part]
        return result

    def usual_overlap(self, weights: Mapping[str, float]) -> float:
        """Return the overlap of weights with the usual ones, in [0, 1]: 1 for the usual weights. Both sum to 1."""
        return sum(min(weight, self.usual_weights.get(name, 0.0)) for name, weight in weights.items())

    @cached_property
    def _dense_scales(self) -> Floats:
        """float32 (m,)."""
        scales = np.ones(self.dense_size)
        for name, part in dense_parts(self.dense_size).items():
            scales[part] = self._scale(name, cosine_slope(name))
        return scales.astype(np.float32)

    @cached_property
    def _class_scales(self) -> Floats:
        """float32 (T,)."""
        by_dimension = [self._scale(name, agreement_slope(name)) for name in self.layout.dimension_names]
        return np.array(by_dimension, np.float32)[self.layout.entry_dimensions]

    def _scale(self, name: str, slope: float) -> float:
        usual = max(self.usual_weights.get(name, 0.0), _MIN_USUAL_WEIGHT) * slope
        look = max(self.usual_weights.get(LOOK, 0.0), _MIN_USUAL_WEIGHT) * cosine_slope(LOOK)
        return float(np.sqrt(usual / look))


def fit_retrieval_space(
    layout: ClassLayout, usual_weights: Mapping[str, float], class_vectors: Floats, dense_size: int = DENSE_SIZE
) -> RetrievalSpace:
    """Fit the retrieval space to a sample of photos.

    Args:
        usual_weights: as of :class:`RetrievalSpace`.
        class_vectors: float32 (n, T), class vectors of the sample with all their zeros.
    """
    space = RetrievalSpace(layout, usual_weights, np.eye(layout.size, SKETCH_SIZE, dtype=np.float32), dense_size)
    if space.is_lossless or not len(class_vectors):
        return space
    axes = principal_axes(class_vectors * space._class_scales, SKETCH_SIZE)
    sketch_axes = np.zeros((layout.size, SKETCH_SIZE), np.float32)
    sketch_axes[:, : axes.shape[1]] = round_to_half(axes)
    return replace(space, sketch_axes=sketch_axes)
