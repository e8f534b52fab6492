"""How well probabilities are calibrated: reliability bins, and the calibration error without its bias.

Answers about one product are alike, so whole clusters are resampled, and pairs are made of answers of different
clusters. Bins hold about the same weight of answers each; answers with equal probability are in the same bin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.evaluation.results import Estimate, ReliabilityBin

Numbers = Sequence[float] | npt.NDArray[np.floating[Any]]
"""One number per answer."""

Outcomes = Sequence[bool] | npt.NDArray[np.bool_]
"""Whether each answer was right, in the same order."""

Clusters = Sequence[str] | npt.NDArray[Any]
"""The cluster of each answer, in the same order."""

BINS = 15
RESAMPLES = 1000
_BATCH_SIZE = 100
_QUANTILE = 1.959964
"""Quantile of the normal distribution for a two-sided interval of 95 %."""

_Floats = npt.NDArray[np.float64]


class _Answers(NamedTuple):
    probabilities: _Floats
    outcomes: _Floats
    weights: _Floats
    clusters: npt.NDArray[np.int64]
    bins: npt.NDArray[np.int64]


class _Sums(NamedTuple):
    """Sums per cluster and bin, each (clusters, bins): weighted residuals outcome - probability, and weights."""

    residuals: _Floats
    weights: _Floats


def reliability_bins(
    probabilities: Numbers,
    outcomes: Outcomes,
    clusters: Clusters,
    weights: Numbers | None = None,
    bins: int = BINS,
) -> tuple[ReliabilityBin, ...]:
    """Group the answers by their probability into bins, from the least probable to the most.

    The interval of a bin with a share t of right answers is Wilson's (1927), for the effective number of answers:
    n = (Σw)² / Σw² divided by the design effect, which is the variance of t between clusters over that of n single
    answers, or 1 if that is less (Korn, Graubard 1998, "Confidence Intervals for Proportions with Small Expected Number
    of Positive Counts Estimated from Survey Data").

    Args:
        probabilities: the predicted probabilities, each in [0, 1].
        weights: weights of the answers, above 0; equal when omitted.
        bins: maximum number of bins; there are fewer where many answers have the same probability.

    Raises:
        InvalidValue: there are no answers, lengths differ, or a number is out of range.

    >>> low, high = reliability_bins([0.1, 0.1, 0.8, 0.9], [False, False, True, True], ["a", "b", "c", "d"], bins=2)
    >>> low.count, round(low.predicted, 3), high.count, round(high.predicted, 3), high.observed.value
    (2, 0.1, 2, 0.85, 1.0)
    """
    answers = _validate_answers(probabilities, outcomes, clusters, weights, bins)
    return tuple(_build_bin(answers, answers.bins == number) for number in range(int(answers.bins.max()) + 1))


def calibration_error(
    probabilities: Numbers,
    outcomes: Outcomes,
    clusters: Clusters,
    weights: Numbers | None = None,
    *,
    bins: int = BINS,
    seed: int = 0,
) -> Estimate:
    """Return the debiased root mean square of the gaps between observed shares and predicted probabilities of the bins.

        ECE² = Σ_b W_b / W * (gap_b² without its bias)           b: bins, W_b: weight in the bin, W: total weight

    The square of a measured gap is too large by the variance of the gap, so that even perfect probabilities seem to be
    wrong by some per cent. Without this bias, the square is the mean product of the residuals r = outcome - probability
    of answers of different clusters: with R_c = Σ w r and W_c = Σ w over the answers of cluster c in the bin,

        gap_b² = (  (Σ_c R_c)² - Σ_c R_c²  ) / (  (Σ_c W_c)² - Σ_c W_c²  )

    Where no two answers share a cluster this is the debiased ECE of Bröcker 2012, "Estimating reliability and
    resolution of probability forecasts through decomposition of the empirical score", of Ferro, Fricker 2012, "A
    bias-corrected decomposition of the Brier score", and of Kumar, Liang, Ma 2019, "Verified Uncertainty Calibration",
    for residuals instead of outcomes. Its square is unbiased; where it is below 0, the error is 0. A bin with a single
    cluster has no pairs and does not count; if all bins are such, the error is unknown: 0, with the interval 0 to 1.

    The 95 % interval is the basic interval of the cluster bootstrap, for the square: the estimate minus the 97.5 % and
    the 2.5 % quantile of the resamples minus the square that they estimate, which is that of the measured gaps without
    debiasing (Davison, Hinkley 1997, "Bootstrap Methods and their Application", section 5.2). For perfect probabilities
    it begins at 0, which a percentile interval does not.

    Arguments and errors are those of :func:`reliability_bins`; ``seed`` is the seed of the resampling.

    >>> probabilities = [0.2, 0.2, 0.2, 0.2, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9]
    >>> outcomes = [False, False, False, False, True, False, False, False, False, False]
    >>> error = calibration_error(probabilities, outcomes, [str(n) for n in range(10)], bins=2)
    >>> round(error.value, 2), error.high > 0.6
    (0.62, True)
    """
    answers = _validate_answers(probabilities, outcomes, clusters, weights, bins)
    sums = _sums(answers)
    count = len(sums.weights)
    squared = _debiased_squared_ece(np.ones((1, count)), sums)[0]
    if not math.isfinite(squared):
        return Estimate(0.0, 0.0, 1.0)
    true_square = _biased_squared_ece(sums)
    generator = np.random.default_rng(seed)
    deviations = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, _BATCH_SIZE):
        drawn = generator.multinomial(count, np.full(count, 1 / count), _BATCH_SIZE).astype(np.float64)
        deviations[start : start + _BATCH_SIZE] = _debiased_squared_ece(drawn, sums) - true_square
    deviations = deviations[np.isfinite(deviations)]
    if not deviations.size:
        return Estimate(_root(squared), 0.0, 1.0)
    upper, lower = np.quantile(deviations, [0.975, 0.025])
    value = _root(squared)
    return Estimate(value, min(value, _root(squared - upper)), max(value, _root(squared - lower)))


def _validate_answers(
    probabilities: Numbers, outcomes: Outcomes, clusters: Clusters, weights: Numbers | None, bins: int
) -> _Answers:
    p, y = np.asarray(probabilities, np.float64), np.asarray(outcomes, np.float64)
    w = np.ones(p.shape) if weights is None else np.asarray(weights, np.float64)
    if p.ndim != 1 or not p.size or not p.shape == y.shape == w.shape == (len(clusters),):
        raise InvalidValue(
            f"There are {p.size} probabilities, {y.size} outcomes, {len(clusters)} clusters and {w.size} weights.",
            "Give one of each per answer, and one answer or more.",
        )
    for name, wrong, fix in (
        ("probability", ~((p >= 0) & (p <= 1)), "a number from 0 to 1"),
        ("outcome", (y != 0) & (y != 1), "True or False"),
        ("weight", ~((w > 0) & np.isfinite(w)), "a number above 0"),
    ):
        if wrong.any():
            raise InvalidValue(f"The {name} of answer {int(wrong.argmax())} is invalid.", f"Give {fix}.")
    if bins < 1:
        raise InvalidValue(f"There are {bins} bins.", "Give 1 bin or more.")
    names = clusters if isinstance(clusters, np.ndarray) else np.array(clusters, dtype=object)
    _, cluster_numbers = np.unique(names, return_inverse=True)
    return _Answers(p, y, w, cluster_numbers.astype(np.int64), _assign_bins(p, w, bins))


def _assign_bins(probabilities: _Floats, weights: _Floats, bins: int) -> npt.NDArray[np.int64]:
    """Return the number of each answer's bin, from 0 without gaps, by the weight of all less probable answers."""
    _, place = np.unique(probabilities, return_inverse=True)
    mass = np.bincount(place, weights=weights)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    _, numbers = np.unique(np.minimum((middle * bins).astype(np.int64), bins - 1), return_inverse=True)
    return numbers[place].astype(np.int64)


def _build_bin(answers: _Answers, inside: npt.NDArray[np.bool_]) -> ReliabilityBin:
    weights, outcomes = answers.weights[inside], answers.outcomes[inside]
    share = float(weights @ outcomes / weights.sum())
    residuals = np.bincount(answers.clusters[inside], weights=weights * (outcomes - share))
    count = float(weights.sum() ** 2 / (weights @ weights))
    if 0 < share < 1:
        between = float(residuals @ residuals) / float(weights.sum()) ** 2
        count /= max(1.0, between * count / (share * (1 - share)))
    predicted = float(weights @ answers.probabilities[inside] / weights.sum())
    return ReliabilityBin(int(inside.sum()), predicted, _wilson_interval(share, count))


def _wilson_interval(share: float, count: float) -> Estimate:
    square = _QUANTILE**2 / count
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def _sums(answers: _Answers) -> _Sums:
    shape = (int(answers.clusters.max()) + 1, int(answers.bins.max()) + 1)
    residuals, weights = np.zeros(shape), np.zeros(shape)
    places = (answers.clusters, answers.bins)
    np.add.at(residuals, places, answers.weights * (answers.outcomes - answers.probabilities))
    np.add.at(weights, places, answers.weights)
    return _Sums(residuals, weights)


def _debiased_squared_ece(times: _Floats, sums: _Sums) -> _Floats:
    """Return ECE² (draws,) with each cluster ``times`` (draws, clusters); nan where no bin has two clusters."""
    weights = times @ sums.weights
    pairs = weights**2 - times @ sums.weights**2
    products = (times @ sums.residuals) ** 2 - times @ sums.residuals**2
    known = pairs > 1e-12 * weights**2
    squares = np.divide(products, pairs, out=np.zeros_like(pairs), where=known)
    total = (weights * known).sum(axis=1)
    result: _Floats = np.full(len(times), np.nan)
    np.divide((weights * squares * known).sum(axis=1), total, out=result, where=total > 0)
    return result


def _biased_squared_ece(sums: _Sums) -> float:
    """Return ECE² of the measured gaps without debiasing, the true value for the population of the resamples."""
    weights = sums.weights.sum(axis=0)
    return float((sums.residuals.sum(axis=0) ** 2 / weights).sum() / weights.sum())


def _root(square: float) -> float:
    return min(1.0, math.sqrt(max(0.0, square)))
