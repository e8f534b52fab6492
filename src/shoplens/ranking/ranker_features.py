"""What a ranker sees: what the filters make of the query photo, and how its candidates lie, in every dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.filters.model.cohort import ScoreNormalizer
from shoplens.filters.model.filters import Filters
from shoplens.types import SparseVector

Floats = npt.NDArray[np.float32]
SIGNALS = ("confidence", "entropy", "spread", "top", "lead", "margin")
"""What is known of a dimension for one query: the probability of its most probable class; how undecided it is, 0 to 1;
log of its spread over the cohort; the best candidate, how far it is ahead of the second, and of the next five, in
standard deviations."""
NEXT = 6


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Of one query.

    Attributes:
        names: of d dimensions.
        look: float32 (e,), the query's embedding.
        signals: float32 (d, :data:`SIGNALS`).
        places: float32 (n, d), similarities of the candidates in standard deviations over the shop's products; the
            order of the candidates means nothing.
    """

    names: Sequence[str]
    look: Floats
    signals: Floats
    places: Floats


def standardize(similarities: Floats, norms: ScoreNormalizer, names: Sequence[str]) -> Floats:
    """float32 (n, d): similarities (n, d), less the mean and divided by the spread of each dimension."""
    means = np.array([norms.means[name] for name in names], np.float32)
    spreads = np.array([norms.spreads[name] for name in names], np.float32)
    found: Floats = (similarities - means) / spreads
    return found


def evidence(
    filters: Filters, look: Floats, marks: SparseVector, norms: ScoreNormalizer, similarities: Floats
) -> Evidence:
    """What is to be said of a query.

    Args:
        look, marks: the query's.
        norms: its own.
        similarities: float32 (n, d), of its candidates, in the order of the filters' dimensions; any number, also 0.
    """
    names = [dimension.name for dimension in filters.dimensions]
    places = standardize(similarities, norms, names)
    spreads = np.log(np.array([norms.spreads[name] for name in names], np.float32))
    columns = [*_confidence_and_entropy(filters, names, marks), spreads, *_ahead(places)]
    return Evidence(names, look, np.stack(columns, axis=1).astype(np.float32), places)


def _confidence_and_entropy(filters: Filters, names: Sequence[str], marks: SparseVector) -> tuple[Floats, Floats]:
    """float32 (d,) twice: confidence and entropy of the query's distributions; 0 of dimensions without classes."""
    confidence, entropy = np.zeros(len(names), np.float32), np.zeros(len(names), np.float32)
    wide = len(filters.classified)
    if not wide or not len(marks.indices):
        return confidence, entropy
    owners, p = filters.layout.dimension_of[marks.indices], marks.values.astype(np.float64) ** 2
    sums = np.bincount(owners, p, wide)
    shares = p / np.maximum(sums[owners], 1e-12)
    most = np.zeros(wide)
    np.maximum.at(most, owners, shares)
    sizes = np.bincount(filters.layout.dimension_of, minlength=wide)
    bits = np.bincount(owners, -shares * np.log(np.maximum(shares, 1e-12)), wide) / np.log(np.maximum(sizes, 2))
    for column, name in enumerate(names):
        if name in filters.classified:
            place = filters.classified.index(name)
            confidence[column], entropy[column] = most[place], bits[place]
    return confidence, entropy


def _ahead(places: Floats) -> tuple[Floats, Floats, Floats]:
    """float32 (d,), three times: ``top``, ``lead`` and ``margin``; 0 where there are too few candidates."""
    best = -np.sort(-places, axis=0)[:NEXT]
    nothing = np.zeros(places.shape[1], np.float32)
    top = best[0] if len(best) else nothing
    if len(best) < 2:
        return top, nothing, nothing
    return top, best[0] - best[1], best[0] - best[1:].mean(axis=0)
