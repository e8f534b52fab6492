"""Whether probabilities mean what they say: reliability bins, and the calibration error without its bias.

Answers about one product are alike, so the unit that is drawn, and that pairs are made of, is the cluster. Bins hold
about the same mass of answers each; answers of equal probability are never parted.
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
"""One per answer."""

Outcomes = Sequence[bool] | npt.NDArray[np.bool_]
"""Whether what was said of an answer came true, in the same order."""

Clusters = Sequence[str] | npt.NDArray[Any]
"""Cluster of each answer, in the same order."""

BINS = 15
RESAMPLES = 1000
_DRAWN_AT_ONCE = 100
_QUANTILE = 1.959964
"""Of the normal distribution, for 95 % two-sided."""

_Floats = npt.NDArray[np.float64]


class _Answers(NamedTuple):
    said: _Floats
    true: _Floats
    weight: _Floats
    cluster: npt.NDArray[np.int64]
    bin: npt.NDArray[np.int64]


class _Sums(NamedTuple):
    """Per cluster and bin, each (clusters, bins): weighted residuals true - said, and weights."""

    residuals: _Floats
    weights: _Floats


def reliability(
    probabilities: Numbers,
    outcomes: Outcomes,
    clusters: Clusters,
    weights: Numbers | None = None,
    bins: int = BINS,
) -> tuple[ReliabilityBin, ...]:
    """What was said and what came true, from the least probable answers to the most.

    Of a bin with share t of true answers the interval is Wilson's (1927), of as many answers as the clusters and the
    weights leave: n = (Σw)² / Σw² divided by the design effect, which is the variance of t between clusters over that
    of n single answers, or 1 when it is less (Korn, Graubard 1998, "Confidence Intervals for Proportions with Small
    Expected Number of Positive Counts Estimated from Survey Data").

    Args:
        probabilities: each in [0, 1].
        weights: above 0; equal when omitted.
        bins: at most so many; fewer where many answers have the same probability.

    Raises:
        InvalidValue: for no answers, for lengths that differ, or for a number out of range.

    >>> low, high = reliability([0.1, 0.1, 0.8, 0.9], [False, False, True, True], ["a", "b", "c", "d"], bins=2)
    >>> low.count, round(low.said, 3), high.count, round(high.said, 3), high.true.value
    (2, 0.1, 2, 0.85, 1.0)
    """
    answers = _validate_answers(probabilities, outcomes, clusters, weights, bins)
    return tuple(_bin(answers, answers.bin == number) for number in range(int(answers.bin.max()) + 1))


def calibration_error(
    probabilities: Numbers,
    outcomes: Outcomes,
    clusters: Clusters,
    weights: Numbers | None = None,
    *,
    bins: int = BINS,
    seed: int = 0,
) -> Estimate:
    """Root mean square, over the answers, of what came true less what was said in their bin; debiased.

        ECE² = Σ_b W_b / W * (gap_b² without its bias)           b: bins, W_b: weight in the bin, W: in all

    The square of a measured gap is too large by the gap's variance, so that even perfect probabilities seem to be off
    by some per cent. Without that bias it is the mean product of the residuals r = true - said of answers of
    different clusters: with R_c = Σ w r and W_c = Σ w over the answers of cluster c in the bin,

        gap_b² = (  (Σ_c R_c)² - Σ_c R_c²  ) / (  (Σ_c W_c)² - Σ_c W_c²  )

    Where no two answers share a cluster this is the debiased ECE of Bröcker 2012, "Estimating reliability and
    resolution of probability forecasts through decomposition of the empirical score", of Ferro, Fricker 2012, "A
    bias-corrected decomposition of the Brier score", and of Kumar, Liang, Ma 2019, "Verified Uncertainty Calibration",
    for residuals instead of outcomes. Its square is right in the mean; it may be below 0, and then the error is 0. A
    bin with a single cluster has no pairs and does not count; when all are such, nothing is known: 0, from 0 to 1.

    The 95 % interval is the basic one of the cluster bootstrap, of the square: the estimate less the 97.5 % and the
    2.5 % quantile of what resamples are above the truth of the world they are drawn from, where gaps need no debiasing
    (Davison, Hinkley 1997, "Bootstrap Methods and their Application", section 5.2). For perfect probabilities it
    begins at 0; that of percentiles would not.

    Args and errors as for :func:`reliability`; ``seed`` is of the resampling.

    >>> said = [0.2, 0.2, 0.2, 0.2, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9]
    >>> true = [False, False, False, False, True, False, False, False, False, False]
    >>> error = calibration_error(said, true, [str(n) for n in range(10)], bins=2)
    >>> round(error.value, 2), error.high > 0.6
    (0.62, True)
    """
    answers = _validate_answers(probabilities, outcomes, clusters, weights, bins)
    sums = _sums(answers)
    count = len(sums.weights)
    squared = _debiased_squared_ece(np.ones((1, count)), sums)[0]
    if not math.isfinite(squared):
        return Estimate(0.0, 0.0, 1.0)
    truth = _plain(sums)
    generator = np.random.default_rng(seed)
    above = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, _DRAWN_AT_ONCE):
        drawn = generator.multinomial(count, np.full(count, 1 / count), _DRAWN_AT_ONCE).astype(np.float64)
        above[start : start + _DRAWN_AT_ONCE] = _debiased_squared_ece(drawn, sums) - truth
    above = above[np.isfinite(above)]
    if not above.size:
        return Estimate(_root(squared), 0.0, 1.0)
    most, least = np.quantile(above, [0.975, 0.025])
    value = _root(squared)
    return Estimate(value, min(value, _root(squared - most)), max(value, _root(squared - least)))


def _validate_answers(
    probabilities: Numbers, outcomes: Outcomes, clusters: Clusters, weights: Numbers | None, bins: int
) -> _Answers:
    said, true = np.asarray(probabilities, np.float64), np.asarray(outcomes, np.float64)
    weight = np.ones(said.shape) if weights is None else np.asarray(weights, np.float64)
    if said.ndim != 1 or not said.size or not said.shape == true.shape == weight.shape == (len(clusters),):
        raise InvalidValue(
            f"Probabilities: {said.size}; outcomes: {true.size}; clusters: {len(clusters)}; weights: {weight.size}.",
            "Give one of each per answer, and one answer or more.",
        )
    for name, wrong, fix in (
        ("probability", ~((said >= 0) & (said <= 1)), "0 to 1"),
        ("outcome", (true != 0) & (true != 1), "True or False"),
        ("weight", ~((weight > 0) & np.isfinite(weight)), "a number above 0"),
    ):
        if wrong.any():
            raise InvalidValue(f"The {name} of answer {int(wrong.argmax())} makes no sense.", f"Give {fix}.")
    if bins < 1:
        raise InvalidValue(f"There are {bins} bins.", "Give 1 or more.")
    names = clusters if isinstance(clusters, np.ndarray) else np.array(clusters, dtype=object)
    _, cluster = np.unique(names, return_inverse=True)
    return _Answers(said, true, weight, cluster.astype(np.int64), _bins_of(said, weight, bins))


def _bins_of(said: _Floats, weight: _Floats, bins: int) -> npt.NDArray[np.int64]:
    """Number of each answer's bin, from 0, without gaps: by the weight of all that was said to be less probable."""
    _, place = np.unique(said, return_inverse=True)
    mass = np.bincount(place, weights=weight)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    _, numbers = np.unique(np.minimum((middle * bins).astype(np.int64), bins - 1), return_inverse=True)
    return numbers[place].astype(np.int64)


def _bin(answers: _Answers, inside: npt.NDArray[np.bool_]) -> ReliabilityBin:
    weight, true = answers.weight[inside], answers.true[inside]
    share = float(weight @ true / weight.sum())
    residuals = np.bincount(answers.cluster[inside], weights=weight * (true - share))
    count = float(weight.sum() ** 2 / (weight @ weight))
    if 0 < share < 1:
        between = float(residuals @ residuals) / float(weight.sum()) ** 2
        count /= max(1.0, between * count / (share * (1 - share)))
    said = float(weight @ answers.said[inside] / weight.sum())
    return ReliabilityBin(int(inside.sum()), said, _wilson(share, count))


def _wilson(share: float, count: float) -> Estimate:
    square = _QUANTILE**2 / count
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def _sums(answers: _Answers) -> _Sums:
    shape = (int(answers.cluster.max()) + 1, int(answers.bin.max()) + 1)
    residuals, weights = np.zeros(shape), np.zeros(shape)
    np.add.at(residuals, (answers.cluster, answers.bin), answers.weight * (answers.true - answers.said))
    np.add.at(weights, (answers.cluster, answers.bin), answers.weight)
    return _Sums(residuals, weights)


def _debiased_squared_ece(times: _Floats, sums: _Sums) -> _Floats:
    """ECE² (draws,), each cluster ``times`` (draws, clusters); nan where no bin has two clusters."""
    weights = times @ sums.weights
    pairs = weights**2 - times @ sums.weights**2
    products = (times @ sums.residuals) ** 2 - times @ sums.residuals**2
    known = pairs > 1e-12 * weights**2
    squares = np.divide(products, pairs, out=np.zeros_like(pairs), where=known)
    total = (weights * known).sum(axis=1)
    found: _Floats = np.full(len(times), np.nan)
    np.divide((weights * squares * known).sum(axis=1), total, out=found, where=total > 0)
    return found


def _plain(sums: _Sums) -> float:
    """ECE² as measured, which is the truth of the world that resamples are drawn from."""
    weights = sums.weights.sum(axis=0)
    return float((sums.residuals.sum(axis=0) ** 2 / weights).sum() / weights.sum())


def _root(square: float) -> float:
    return min(1.0, math.sqrt(max(0.0, square)))
