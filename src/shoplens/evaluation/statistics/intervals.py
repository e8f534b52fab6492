"""How far a mean can be trusted: intervals, and probabilities of differences, where queries come in clusters.

Queries of one product are alike, so it is clusters that are drawn, flipped or dealt out again, never single queries.
Every value is in [0, 1]. Nothing here depends on the order of the queries or on the names of the clusters.

Two clusters with the same sum of values and the same number of queries cannot be told apart. They are counted, and
what is drawn is how often each *kind* of cluster comes: the same distribution as drawing cluster by cluster, in less
time. Memory does not grow with the number of draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.evaluation.results import Estimate, Paired

Values = Sequence[float] | npt.NDArray[np.floating[Any]]
"""One number per query, each in [0, 1]."""

Clusters = Sequence[str] | npt.NDArray[Any]
"""The cluster of each query, in the same order."""

REARRANGEMENTS, DEALS = 9_999, 99_999
"""Draws of a test that is not exact; its p is never below 1 / (draws + 1)."""

_LEVEL = 0.95
_OUTCOMES = 1 << 16
"""Up to as many different outcomes a test is exact."""
_NUMBERS = 1 << 20
"""Held at once, whatever is drawn."""
_TIE = 1e-9
_BILLION = 1e9
_NOISE = 1000
"""In billionths: float32 rounds, so that differences up to a millionth are none, and sums that near are equal."""

_Floats = npt.NDArray[np.float64]
_Extreme = Callable[[_Floats, float], npt.NDArray[np.bool_]]


class _Kinds(NamedTuple):
    """Clusters, one row per kind: sum of the values and number of queries of each, and how many there are."""

    sums: _Floats
    sizes: _Floats
    times: npt.NDArray[np.int64]

    @property
    def clusters(self) -> int:
        return int(self.times.sum())

    @property
    def mean(self) -> float:
        return float(self.sums @ self.times / (self.sizes @ self.times))


def estimate(
    values: Values, clusters: Clusters, seed: int = 0, resamples: int = 1000, level: float = _LEVEL
) -> Estimate:
    """Mean of the values, with its percentile interval under the cluster bootstrap.

    As many clusters as there are get drawn with replacement, and the mean of all their values is taken, ``resamples``
    times; the interval is from the (1 - level) / 2 to the (1 + level) / 2 quantile of these means. Source: Efron,
    Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; Davison, Hinkley 1997, "Bootstrap Methods and
    their Application", section 3.8, for whole clusters.

    *No spread.* Where all clusters have the same mean c, and so where there is only one, every draw gives c, and that
    interval would say that nothing is unknown. Then: of n clusters none was different, so the share u of different
    ones is at most 1 - ((1 - level) / 2)^(1 / n) (Clopper, Pearson 1934, for 0 of n; one-sided this is the rule of
    three, Hanley, Lippman-Hand 1983), and those can be anywhere in [0, 1]. The interval is c (1 - u) to c + u (1 - c):
    0 of 5 right is 0 to 0.52, and one cluster says next to nothing. With fewer than about ten clusters that do differ
    the interval is still somewhat too narrow, as all percentile intervals are.

    Raises:
        InvalidValue: for no values, for one outside [0, 1], and for another number of clusters than of values.

    >>> none_of_five = estimate([0.0] * 5, ["a", "b", "c", "d", "e"])
    >>> none_of_five.value, none_of_five.low, round(none_of_five.high, 3)
    (0.0, 0.0, 0.522)
    """
    return _interval(_kinds(_validate_values(values, clusters), clusters), 0.0, seed, resamples, level)


def paired_difference(
    one: Values, other: Values, clusters: Clusters, seed: int = 0, resamples: int = 1000, level: float = _LEVEL
) -> Paired:
    """One way of answering less another, on the same queries.

    The interval is that of :func:`estimate`, of the differences, which are in [-1, 1]: where all clusters have the
    same mean difference c, and u as there, it is c - u (c + 1) to c + u (1 - c).

    The p is two-sided and of a test by sign flips: if the two are equal, the differences of a cluster could as well
    have come with the other sign, all of them together. It is the probability that the mean, every cluster's sign
    drawn anew, is as far from 0 as it was, or farther. Source: Fisher 1935, "The Design of Experiments", section 21;
    Smucker, Allan, Carterette 2007, "A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation". Differences and sums up to a millionth are taken for 0; clusters whose differences sum to 0 do not
    matter. Exact where that takes up to 65,536 outcomes (always for up to 16 clusters that differ); else
    (b + 1) / (n + 1) with b of n = 9,999 draws (Phipson, Smyth 2010).

    Raises:
        InvalidValue: as :func:`estimate`.

    >>> paired([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], ["a", "b", "c", "d"]).p
    0.25
    """
    differences = _validate_values(one, clusters) - _validate_values(other, clusters)
    difference = _interval(_kinds(differences, clusters), -1.0, seed, resamples, level)
    flips = _Flips.of(differences, clusters)
    return Paired(difference, flips.share(_as_far, seed))


def p_of_drop(now: Values, before: Values, clusters: Clusters, seed: int = 0) -> float:
    """Probability of a drop this large or larger, on the same queries, in a system that did not change.

    The one-sided form of the test of :func:`paired_difference`: 1 where nothing changed, small where ``now`` is clearly
    lower.

    Raises:
        InvalidValue: as :func:`estimate`.

    >>> p_of_drop([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], ["a", "b", "c"])
    0.125
    """
    return _Flips.of(_validate_values(now, clusters) - _validate_values(before, clusters), clusters).share(
        _as_low, seed
    )


def independent_drop(
    now: Values, now_clusters: Clusters, before: Values, before_clusters: Clusters, seed: int = 0
) -> tuple[Estimate, float]:
    """``now`` less ``before``, on different queries, and the probability of a drop this large or larger by chance.

    The 95 % interval is made of those of the two means a and b (:func:`estimate`), by the distance of each end:
    a - b - √((a - a.low)² + (b.high - b)²) to a - b + √((a.high - a)² + (b - b.low)²). Source: Newcombe 1998,
    "Interval Estimation for the Difference between Independent Proportions", method 10; Zou, Donner 2008. It stays
    honest where one of the two has no spread.

    The p is one-sided: clusters of both are put together and dealt out again, as many to each as it had, and this is
    the share of deals whose difference is as low as it was, or lower: (b + 1) / (n + 1) with b of n = 99,999 deals
    (Fisher 1935; for shares of single queries this is his exact test). A cluster that is in both counts as two; where
    the queries are the same, :func:`p_of_drop` sees more. Quick for recall, where many clusters are of one kind;
    100,000 clusters that are all different take minutes.

    Raises:
        InvalidValue: as :func:`estimate`.
    """
    mine = _kinds(_validate_values(now, now_clusters), now_clusters)
    theirs = _kinds(_validate_values(before, before_clusters), before_clusters)
    a, b = (_interval(kinds, 0.0, seed, 1000, _LEVEL) for kinds in (mine, theirs))
    difference = a.value - b.value
    low = difference - math.hypot(a.value - a.low, b.high - b.value)
    high = difference + math.hypot(a.high - a.value, b.value - b.low)
    return Estimate(difference, max(-1.0, low), min(1.0, high)), _p_of_deal(mine, theirs, seed)


def _validate_values(values: Values, clusters: Clusters) -> _Floats:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not found.size:
        raise InvalidValue(f"There are values of shape {found.shape}.", "Give one per query, and one query or more.")
    if len(clusters) != len(found):
        raise InvalidValue(f"There are {len(clusters)} clusters for {len(found)} values.", "Give one for each value.")
    wrong = ~((found >= 0) & (found <= 1))
    if wrong.any():
        raise InvalidValue(f"A value is {found[wrong][0]}.", "Give shares or metrics, from 0 to 1.")
    return found


def _per_cluster(values: _Floats, clusters: Clusters) -> tuple[_Floats, npt.NDArray[np.int64]]:
    """Sum and number of the values of each cluster."""
    # As objects: an array of text would give every name the room of the longest.
    names = clusters if isinstance(clusters, np.ndarray) else np.array(clusters, dtype=object)
    _, owner = np.unique(names, return_inverse=True)
    return np.bincount(owner, weights=values).astype(np.float64), np.bincount(owner).astype(np.int64)


def _kinds(values: _Floats, clusters: Clusters) -> _Kinds:
    rows: _Floats = np.column_stack(_per_cluster(values, clusters)).astype(np.float64)
    found, times = np.unique(rows, axis=0, return_counts=True)
    return _Kinds(found[:, 0], found[:, 1], times)


def _interval(kinds: _Kinds, floor: float, seed: int, resamples: int, level: float) -> Estimate:
    """The mean of values in [floor, 1]."""
    if resamples < 1 or not 0 < level < 1:
        raise InvalidValue(
            f"An interval of level {level} of {resamples} resamples is none.",
            "Give a level between 0 and 1, e.g. 0.95.",
        )
    value, tail = kinds.mean, (1 - level) / 2
    if np.ptp(kinds.sums / kinds.sizes) <= _TIE:
        unseen = 1 - tail ** (1 / kinds.clusters)
        return Estimate(value, value - unseen * (value - floor), value + unseen * (1 - value))
    generator = np.random.default_rng(seed)
    shares = kinds.times / kinds.clusters
    means = np.empty(resamples)
    for rows in _chunks(resamples, len(shares)):
        drawn = generator.multinomial(kinds.clusters, shares, rows.stop - rows.start)
        means[rows] = (drawn @ kinds.sums) / (drawn @ kinds.sizes)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(value, max(floor, min(value, float(low))), min(1.0, max(value, float(high))))


def _chunks(draws: int, width: int) -> Iterator[slice]:
    """Draws 0 … in pieces, so few at a time that their numbers fit into what may be held."""
    step = max(1, _NUMBERS // width)
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))


def _as_far(totals: _Floats, observed: float) -> npt.NDArray[np.bool_]:
    return np.abs(totals) >= abs(observed) - _NOISE


def _as_low(totals: _Floats, observed: float) -> npt.NDArray[np.bool_]:
    return totals <= observed + _NOISE


class _Flips(NamedTuple):
    """Differences to flip: distances from 0 in whole billionths, how many clusters have each, and their signed sum."""

    distances: _Floats
    times: npt.NDArray[np.int64]
    observed: float

    @classmethod
    def of(cls, differences: _Floats, clusters: Clusters) -> _Flips:
        billionths = differences * _BILLION
        sums, _ = _per_cluster(np.where(np.abs(billionths) > _NOISE, billionths, 0), clusters)
        sums = np.rint(sums[np.abs(sums) > _NOISE])
        distances, times = np.unique(np.abs(sums), return_counts=True)
        return cls(distances, times, float(sums.sum()))

    def share(self, extreme: _Extreme, seed: int) -> float:
        """Of all ways to give signs, those whose sum is ``extreme(sums, observed)``."""
        if math.prod(int(times) + 1 for times in self.times) <= _OUTCOMES:
            totals, weights = self._outcomes()
            return min(1.0, float(weights[extreme(totals, self.observed)].sum()))
        distances, coins = self._coins()
        most = float(self.distances @ self.times)
        generator = np.random.default_rng(seed)
        extremes = 0
        for rows in _chunks(REARRANGEMENTS, len(coins)):
            tosses = generator.integers(0, 2**64, (rows.stop - rows.start, len(coins)), dtype=np.uint64)
            plus = np.bitwise_count(tosses & coins) @ distances
            extremes += int(extreme(2 * plus - most, self.observed).sum())
        return (extremes + 1) / (REARRANGEMENTS + 1)

    def _coins(self) -> tuple[_Floats, npt.NDArray[np.uint64]]:
        """Distances, each for up to 64 clusters, and as many bits as there are clusters: a random bit is a sign."""
        words = -(-self.times // 64)
        full = np.full(int(words.sum()), 64)
        full[np.cumsum(words) - 1] = self.times - 64 * (words - 1)
        return np.repeat(self.distances, words), np.uint64(2**64 - 1) >> (64 - full).astype(np.uint64)

    def _outcomes(self) -> tuple[_Floats, _Floats]:
        """Every sum that signs can give, and its probability."""
        totals, weights = np.zeros(1), np.ones(1)
        for distance, times in zip(self.distances, self.times, strict=True):
            plus = np.arange(times + 1)
            totals = np.add.outer(totals, distance * (2 * plus - times)).ravel()
            weights = np.multiply.outer(weights, _binomial(int(times))).ravel()
        return totals, weights


def _binomial(times: int) -> _Floats:
    """Probability of 0, 1, … ``times`` heads of a fair coin."""
    shares, ways, everything = np.empty(times + 1), 1, 2**times
    for heads in range(times + 1):
        shares[heads] = ways / everything
        ways = ways * (times - heads) // (heads + 1)
    return shares


def _p_of_deal(now: _Kinds, before: _Kinds, seed: int) -> float:
    both = np.concatenate([np.column_stack(now), np.column_stack(before)])
    pairs, owner = np.unique(both[:, :2], axis=0, return_inverse=True)
    times = np.bincount(owner, weights=both[:, 2]).astype(np.int64)
    all_sum, all_size = times @ pairs[:, 0], times @ pairs[:, 1]
    generator = np.random.default_rng(seed)
    extremes = 0
    for rows in _chunks(DEALS, len(times)):
        dealt = generator.multivariate_hypergeometric(times, now.clusters, rows.stop - rows.start)
        sums, sizes = dealt @ pairs[:, 0], dealt @ pairs[:, 1]
        means, others = sums / sizes, (all_sum - sums) / (all_size - sizes)
        extremes += int((means - others <= now.mean - before.mean + _TIE).sum())
    return (extremes + 1) / (DEALS + 1)
