"""A sample of the shop's own products: how far likenesses spread over it says how much a difference in them means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shoplens.filters.photo_features.pixels import Floats

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
