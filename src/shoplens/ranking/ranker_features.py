"""The inputs of a ranker: per dimension, what the filters know of the query photo and how its candidates score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import ScoreNormalizer
from shoplens.types import SparseVector

Floats = npt.NDArray[np.float32]
SIGNALS = ("confidence", "entropy", "spread", "top", "lead", "margin")
"""The signals of a dimension for one query: the probability of its most probable class; the entropy of its classes,
0 to 1; the logarithm of its spread over the cohort; and, in standard deviations, the similarity of the best candidate,
its lead over the second, and its lead over the mean of the next five."""
NEAREST = 6
"""Number of candidates that the last three signals look at."""


@dataclass(frozen=True, slots=True, eq=False)
class RankerFeatures:
    """What a ranker knows of one query.

    Attributes:
        names: of d dimensions.
        look: float32 (e,), embedding of the query photo.
        signals: float32 (d, :data:`SIGNALS`).
        places: float32 (n, d), similarities of the candidates in standard deviations over the shop's products; the
            order of the candidates means nothing.
    """

    names: Sequence[str]
    look: Floats
    signals: Floats
    places: Floats


def standardize(similarities: Floats, norms: ScoreNormalizer, names: Sequence[str]) -> Floats:
    """Subtract each dimension's mean from the similarities, float32 (n, d), and divide by its spread."""
    means = np.array([norms.means[name] for name in names], np.float32)
    spreads = np.array([norms.spreads[name] for name in names], np.float32)
    standardized: Floats = (similarities - means) / spreads
    return standardized


def ranker_features(
    filters: Filters,
    look: Floats,
    marks: SparseVector,
    norms: ScoreNormalizer,
    names: Sequence[str],
    similarities: Floats,
) -> RankerFeatures:
    """Compute the inputs of a ranker for one query.

    Args:
        look, marks: of the query.
        norms: means and spreads of the query's similarities over the cohort.
        names: of d dimensions: the filters', in their order, and ``text`` where the query has words.
        similarities: float32 (n, d), of its candidates; n may be 0.
    """
    places = standardize(similarities, norms, names)
    spreads = np.log(np.array([norms.spreads[name] for name in names], np.float32))
    columns = [*_confidence_and_entropy(filters, names, marks), spreads, *_leads(places)]
    return RankerFeatures(names, look, np.stack(columns, axis=1).astype(np.float32), places)


def _confidence_and_entropy(filters: Filters, names: Sequence[str], marks: SparseVector) -> tuple[Floats, Floats]:
    """Return confidence and entropy of the query's class distributions, float32 (d,) each; 0 without classes."""
    confidence, entropy = np.zeros(len(names), np.float32), np.zeros(len(names), np.float32)
    wide = len(filters.class_dimensions)
    if not wide or not len(marks.indices):
        return confidence, entropy
    owners, p = filters.layout.entry_dimensions[marks.indices], marks.values.astype(np.float64) ** 2
    sums = np.bincount(owners, p, wide)
    shares = p / np.maximum(sums[owners], 1e-12)
    most = np.zeros(wide)
    np.maximum.at(most, owners, shares)
    sizes = np.bincount(filters.layout.entry_dimensions, minlength=wide)
    bits = np.bincount(owners, -shares * np.log(np.maximum(shares, 1e-12)), wide) / np.log(np.maximum(sizes, 2))
    for column, name in enumerate(names):
        if name in filters.class_dimensions:
            place = filters.class_dimensions.index(name)
            confidence[column], entropy[column] = most[place], bits[place]
    return confidence, entropy


def _leads(places: Floats) -> tuple[Floats, Floats, Floats]:
    """Return ``top``, ``lead`` and ``margin``, float32 (d,) each; 0 where there are too few candidates."""
    best = -np.sort(-places, axis=0)[:NEAREST]
    zeros = np.zeros(places.shape[1], np.float32)
    top = best[0] if len(best) else zeros
    if len(best) < 2:
        return top, zeros, zeros
    return top, best[0] - best[1], best[0] - best[1:].mean(axis=0)
