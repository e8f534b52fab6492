"""Thresholds of probabilities from which on claims hold a precision with 95 % confidence."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from shoplens.ranking.match_probability import PRECISIONS

CONFIDENCE = 0.95
"""Confidence with which a claim must hold its precision before it is made."""
MIN_CLAIMS = 30
"""Number of claims, counted as in :func:`precision_thresholds`, on which a threshold must have been tested."""
MIN_PROBABILITY = 0.5
"""No claim is made with a probability below this."""
_STEP = math.sqrt(2)

_Floats = npt.NDArray[np.float64]
_Places = npt.NDArray[np.intp]


def precision_thresholds(
    probabilities: _Floats, outcomes: npt.NDArray[np.bool_], clusters: npt.NDArray[np.object_], weights: _Floats
) -> tuple[float | None, ...]:
    """Return for each of ``PRECISIONS`` the smallest probability from which on a claim may be made; None for none.

    A threshold supports a precision p if claims that are right with probability p would have as few wrong ones as were
    observed with a probability of at most 0.05 / J. This is an exact binomial test (Clopper, Pearson 1934), with
    Bonferroni's correction for the J tested thresholds, so that the chosen threshold holds its precision with 95 %
    confidence. Thresholds are tested from the most probable answer down: at ``MIN_CLAIMS`` claims, each time there are
    √2 times as many, and at probability 0.5. This is "Learn then Test" (Angelopoulos and others 2021) for selective
    prediction (Geifman, El-Yaniv 2017). With no wrong claim in n, p holds if p^n <= 0.05 / J: 0.95 needs 104 claims for
    J = 10.

    Claims about one cluster are alike, and count as fewer independent ones (Kish 1965, "Survey Sampling"):

        n = (Σ w)² / ( (1 - r) Σ w² + r Σ_c (Σ_{i in c} w_i)² )

    with r the correlation of the residuals (outcome minus probability) of two answers of a cluster: over all answers,
    or over those with a probability of 0.5 or more, whichever is greater; the latter shows a product that is always
    mistaken.
    """
    order = np.argsort(-probabilities, kind="stable")
    p, y, w = probabilities[order], outcomes[order], weights[order]
    _, owner = np.unique(clusters[order], return_inverse=True)
    residuals, is_claim = y - p, p >= MIN_PROBABILITY
    correlation = max(_intra_cluster(residuals, owner), _intra_cluster(residuals[is_claim], owner[is_claim]))
    sizes = _effective_sizes(w, owner, correlation)
    shares = np.cumsum(w * y) / np.cumsum(w)
    places = _claim_ends(p, sizes)
    thresholds: list[float | None] = []
    lowest: float | None = None
    for precision in reversed(PRECISIONS):  # a threshold that holds a precision also holds all lower ones
        for place in places:
            wrong = math.ceil((1 - shares[place]) * sizes[place] - 1e-9)
            p_value = _binomial_cdf(wrong, int(sizes[place] + 1e-9), 1 - precision)
            if p_value <= (1 - CONFIDENCE) / len(places) and (lowest is None or p[place] < lowest):
                lowest = float(p[place])
        thresholds.append(lowest)
    return tuple(reversed(thresholds))


def _intra_cluster(residuals: _Floats, owner: _Places) -> float:
    """Return the correlation of two answers of one cluster, 0 to 1; 0 where no cluster has two answers."""
    sums, counts = np.bincount(owner, weights=residuals), np.bincount(owner)
    squares, pairs = float(residuals @ residuals), float((counts * (counts - 1)).sum())
    if not pairs or not squares:
        return 0.0
    return min(1.0, max(0.0, (float(sums @ sums) - squares) / pairs / (squares / len(residuals))))


def _effective_sizes(weights: _Floats, owner: _Places, correlation: float) -> _Floats:
    """Return the effective number of independent answers among the first 1, 2, … answers."""
    by_owner = np.argsort(owner, kind="stable")
    running = np.cumsum(weights[by_owner])
    starts = np.flatnonzero(np.diff(owner[by_owner], prepend=-1))
    before = np.empty(len(weights))
    before[by_owner] = (
        running
        - weights[by_owner]
        - np.repeat(running[starts] - weights[by_owner][starts], np.diff([*starts, len(weights)]))
    )
    squares = np.cumsum(weights**2)
    clustered = np.cumsum(weights**2 + 2 * weights * before)
    sizes: _Floats = np.cumsum(weights) ** 2 / ((1 - correlation) * squares + correlation * clustered)
    return sizes


def _claim_ends(probabilities: _Floats, sizes: _Floats) -> list[int]:
    """Return the last places of the claims that are tested; answers of equal probability are claimed together."""
    is_end = np.append(np.diff(probabilities) < 0, True) & (probabilities >= MIN_PROBABILITY)
    ends = np.flatnonzero(is_end)
    places: list[int] = []
    for end in ends.tolist():
        if sizes[end] >= (_STEP * sizes[places[-1]] if places else MIN_CLAIMS):
            places.append(end)
    if places and places[-1] != ends[-1]:
        places.append(int(ends[-1]))
    return places


def _binomial_cdf(wrong: int, count: int, rate: float) -> float:
    """Return the probability of ``wrong`` or fewer of ``count`` events, each with probability ``rate``."""
    if wrong >= count:
        return 1.0
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    terms = np.arange(wrong + 1)
    ways = factorials[count] - factorials[terms] - factorials[count - terms]
    return float(np.exp(ways + terms * math.log(rate) + (count - terms) * math.log1p(-rate)).sum())
