"""Confidence intervals of means, and tests of differences, where queries come in clusters.

Queries of one product are alike, so whole clusters are resampled, flipped or permuted, never single queries. Every
value is in [0, 1]. The results depend neither on the order of the queries nor on the names of the clusters.

Two clusters with the same sum of values and the same number of queries are equivalent. Such clusters form a *kind*,
and what is drawn is how often each kind occurs: this has the same distribution as drawing cluster by cluster, and takes
less time. Memory does not grow with the number of draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.evaluation.results import Estimate, PairedDifference

Values = Sequence[float] | npt.NDArray[np.floating[Any]]
"""A number in [0, 1] for each query."""

Clusters = Sequence[str] | npt.NDArray[Any]
"""The cluster of each query, in the same order."""

SIGN_FLIPS, PERMUTATIONS = 9_999, 99_999
"""Number of draws of a sign-flip and of a permutation test that is not exact; p is at least 1 / (draws + 1)."""

_LEVEL = 0.95
_MAX_OUTCOMES = 1 << 16
"""A sign-flip test is exact up to so many different outcomes."""
_MAX_NUMBERS = 1 << 20
"""Random numbers that are in memory at a time."""
_TIE = 1e-9
_BILLION = 1e9
_NOISE = 1000
"""In billionths. Because float32 rounds, differences up to a millionth count as 0, and sums so close as equal."""

_Floats = npt.NDArray[np.float64]
_IsExtreme = Callable[[_Floats, float], npt.NDArray[np.bool_]]


class _ClusterKinds(NamedTuple):
    """The clusters, a row per kind: sum of the values and number of queries of one cluster, and number of clusters."""

    sums: _Floats
    sizes: _Floats
    counts: npt.NDArray[np.int64]

    @property
    def clusters(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        return float(self.sums @ self.counts / (self.sizes @ self.counts))


def estimate(
    values: Values, clusters: Clusters, seed: int = 0, resamples: int = 1000, level: float = _LEVEL
) -> Estimate:
    """Return the mean of the values with its percentile interval by the cluster bootstrap.

    As many clusters as there are are drawn with replacement, and the mean of all their values is computed,
    ``resamples`` times; the interval is from the (1 - level) / 2 to the (1 + level) / 2 quantile of these means.
    Source: Efron, Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; Davison, Hinkley 1997, "Bootstrap
    Methods and their Application", section 3.8, for whole clusters.

    *No spread.* Where all clusters have the same mean c (or there is only one cluster), every draw gives c, and the
    interval would have no width. Instead: none of n clusters was different, so the share u of different clusters is at
    most 1 - ((1 - level) / 2)^(1 / n) (Clopper, Pearson 1934, for 0 of n; one-sided this is the rule of three,
    Hanley, Lippman-Hand 1983), and their means can be anywhere in [0, 1]. The interval is c (1 - u) to c + u (1 - c):
    0 of 5 right is 0 to 0.52, and one cluster says next to nothing. With fewer than about ten clusters that differ, the
    interval is somewhat too narrow, as all percentile intervals are.

    Raises:
        InvalidValue: there are no values, a value is outside [0, 1], or the numbers of clusters and values differ.

    >>> none_of_five = estimate([0.0] * 5, ["a", "b", "c", "d", "e"])
    >>> none_of_five.value, none_of_five.low, round(none_of_five.high, 3)
    (0.0, 0.0, 0.522)
    """
    return _interval(_count_kinds(_validate_values(values, clusters), clusters), 0.0, seed, resamples, level)


def paired_difference(
    first: Values, second: Values, clusters: Clusters, seed: int = 0, resamples: int = 1000, level: float = _LEVEL
) -> PairedDifference:
    """Return the mean of ``first`` minus ``second``, two ways of answering, on the same queries.

    The interval is that of :func:`estimate`, of the differences, which are in [-1, 1]: where all clusters have the
    same mean difference c, and with u as there, it is c - u (c + 1) to c + u (1 - c).

    The two-sided p is that of a sign-flip test: if both ways are equally good, all differences of a cluster could as
    well have the other sign. It is the probability that the mean with random signs of the clusters is as far from 0 as
    the observed mean, or farther. Source: Fisher 1935, "The Design of Experiments", section 21;
    Smucker, Allan, Carterette 2007, "A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation". Differences and sums up to a millionth count as 0; clusters whose differences sum to 0 do not matter.
    The test is exact for up to 65,536 outcomes (always for up to 16 clusters that differ); otherwise p is
    (b + 1) / (n + 1), with b of n = 9,999 draws (Phipson, Smyth 2010).

    Raises:
        InvalidValue: as :func:`estimate`.

    >>> paired_difference([1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], ["a", "b", "c", "d"]).p
    0.25
    """
    differences = _validate_values(first, clusters) - _validate_values(second, clusters)
    difference = _interval(_count_kinds(differences, clusters), -1.0, seed, resamples, level)
    flips = _SignFlips.from_differences(differences, clusters)
    return PairedDifference(difference, flips.probability(_is_as_far, seed))


def p_of_drop(now: Values, before: Values, clusters: Clusters, seed: int = 0) -> float:
    """Return the probability of a drop this large or larger, on the same queries, in a system that did not change.

    This is the one-sided form of the test of :func:`paired_difference`: 1 where nothing changed, and small where
    ``now`` is clearly lower.

    Raises:
        InvalidValue: as :func:`estimate`.

    >>> p_of_drop([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], ["a", "b", "c"])
    0.125
    """
    differences = _validate_values(now, clusters) - _validate_values(before, clusters)
    return _SignFlips.from_differences(differences, clusters).probability(_is_as_low, seed)


def independent_drop(
    now: Values, now_clusters: Clusters, before: Values, before_clusters: Clusters, seed: int = 0
) -> tuple[Estimate, float]:
    """Return ``now`` minus ``before`` on different queries, and the probability of such a drop by chance.

    The 95 % interval combines those of the two means a and b (:func:`estimate`) by the distances of their ends:
    a - b - √((a - a.low)² + (b.high - b)²) to a - b + √((a.high - a)² + (b - b.low)²). Source: Newcombe 1998,
    "Interval Estimation for the Difference between Independent Proportions", method 10; Zou, Donner 2008. It is
    valid also where one of the two has no spread.

    The one-sided p is that of a permutation test: the clusters of both are pooled and divided again at random, as many
    to each as it had. It is the share of permutations with a difference as low as the observed one, or lower:
    (b + 1) / (n + 1), with b of n = 99,999 permutations (Fisher 1935; for shares of single queries this is his exact
    test). A cluster that is in both counts as two; where the queries are the same, :func:`p_of_drop` has more power.
    The test is fast for recall, where many clusters are of one kind; 100,000 clusters that all differ take minutes.

    Raises:
        InvalidValue: as :func:`estimate`.
    """
    now_kinds = _count_kinds(_validate_values(now, now_clusters), now_clusters)
    before_kinds = _count_kinds(_validate_values(before, before_clusters), before_clusters)
    a, b = (_interval(kinds, 0.0, seed, 1000, _LEVEL) for kinds in (now_kinds, before_kinds))
    difference = a.value - b.value
    low = difference - math.hypot(a.value - a.low, b.high - b.value)
    high = difference + math.hypot(a.high - a.value, b.value - b.low)
    return Estimate(difference, max(-1.0, low), min(1.0, high)), _permutation_p(now_kinds, before_kinds, seed)


def _validate_values(values: Values, clusters: Clusters) -> _Floats:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not array.size:
        raise InvalidValue(
            f"There are values of shape {array.shape}.", "Give one value per query, and one query or more."
        )
    if len(clusters) != len(array):
        raise InvalidValue(f"There are {len(clusters)} clusters for {len(array)} values.", "Give one for each value.")
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        raise InvalidValue(f"A value is {array[wrong][0]}.", "Give shares or metrics from 0 to 1.")
    return array


def sum_by_cluster(values: _Floats, clusters: Clusters) -> tuple[_Floats, npt.NDArray[np.int64]]:
    """Return the sum of the values of each cluster, float64 (clusters,), and their number, int64 (clusters,)."""
    # An array of objects, because an array of text would use the length of the longest name for each of them.
    names = clusters if isinstance(clusters, np.ndarray) else np.array(clusters, dtype=object)
    _, owner = np.unique(names, return_inverse=True)
    return np.bincount(owner, weights=values).astype(np.float64), np.bincount(owner).astype(np.int64)


def _count_kinds(values: _Floats, clusters: Clusters) -> _ClusterKinds:
    rows: _Floats = np.column_stack(sum_by_cluster(values, clusters)).astype(np.float64)
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    return _ClusterKinds(kinds[:, 0], kinds[:, 1], counts)


def _interval(kinds: _ClusterKinds, floor: float, seed: int, resamples: int, level: float) -> Estimate:
    """Return the mean of values in [floor, 1] with its interval."""
    if resamples < 1 or not 0 < level < 1:
        raise InvalidValue(
            f"An interval of level {level} from {resamples} resamples is impossible.",
            "Give a level between 0 and 1, e.g. 0.95, and 1 resample or more.",
        )
    value, tail = kinds.mean, (1 - level) / 2
    if np.ptp(kinds.sums / kinds.sizes) <= _TIE:
        max_different = 1 - tail ** (1 / kinds.clusters)
        return Estimate(value, value - max_different * (value - floor), value + max_different * (1 - value))
    generator = np.random.default_rng(seed)
    shares = kinds.counts / kinds.clusters
    means = np.empty(resamples)
    for rows in _chunks(resamples, len(shares)):
        drawn = generator.multinomial(kinds.clusters, shares, rows.stop - rows.start)
        means[rows] = (drawn @ kinds.sums) / (drawn @ kinds.sizes)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(value, max(floor, min(value, float(low))), min(1.0, max(value, float(high))))


def _chunks(draws: int, width: int) -> Iterator[slice]:
    """Yield the draws from 0 on in slices that are so small that their random numbers fit into memory."""
    step = max(1, _MAX_NUMBERS // width)
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))


def _is_as_far(totals: _Floats, observed: float) -> npt.NDArray[np.bool_]:
    return np.abs(totals) >= abs(observed) - _NOISE


def _is_as_low(totals: _Floats, observed: float) -> npt.NDArray[np.bool_]:
    return totals <= observed + _NOISE


class _SignFlips(NamedTuple):
    """A sign-flip test: absolute differences in whole billionths, the number of clusters with each, and the sum."""

    distances: _Floats
    counts: npt.NDArray[np.int64]
    observed: float

    @classmethod
    def from_differences(cls, differences: _Floats, clusters: Clusters) -> _SignFlips:
        billionths = differences * _BILLION
        sums, _ = sum_by_cluster(np.where(np.abs(billionths) > _NOISE, billionths, 0), clusters)
        sums = np.rint(sums[np.abs(sums) > _NOISE])
        distances, counts = np.unique(np.abs(sums), return_counts=True)
        return cls(distances, counts, float(sums.sum()))

    def probability(self, is_extreme: _IsExtreme, seed: int) -> float:
        """Return the probability that random signs give a sum for which ``is_extreme(sums, observed)``."""
        if math.prod(int(count) + 1 for count in self.counts) <= _MAX_OUTCOMES:
            totals, weights = self._outcomes()
            return min(1.0, float(weights[is_extreme(totals, self.observed)].sum()))
        distances, coins = self._coins()
        largest = float(self.distances @ self.counts)
        generator = np.random.default_rng(seed)
        extremes = 0
        for rows in _chunks(SIGN_FLIPS, len(coins)):
            tosses = generator.integers(0, 2**64, (rows.stop - rows.start, len(coins)), dtype=np.uint64)
            plus = np.bitwise_count(tosses & coins) @ distances
            extremes += int(is_extreme(2 * plus - largest, self.observed).sum())
        return (extremes + 1) / (SIGN_FLIPS + 1)

    def _coins(self) -> tuple[_Floats, npt.NDArray[np.uint64]]:
        """Return distances, each for up to 64 clusters, with a bit per cluster: a random bit is a sign."""
        words = -(-self.counts // 64)
        bits = np.full(int(words.sum()), 64)
        bits[np.cumsum(words) - 1] = self.counts - 64 * (words - 1)
        return np.repeat(self.distances, words), np.uint64(2**64 - 1) >> (64 - bits).astype(np.uint64)

    def _outcomes(self) -> tuple[_Floats, _Floats]:
        """Return every sum that signs can give, and its probability."""
        totals, weights = np.zeros(1), np.ones(1)
        for distance, count in zip(self.distances, self.counts, strict=True):
            plus = np.arange(count + 1)
            totals = np.add.outer(totals, distance * (2 * plus - count)).ravel()
            weights = np.multiply.outer(weights, _binomial(int(count))).ravel()
        return totals, weights


def _binomial(tosses: int) -> _Floats:
    """Return the probabilities of 0, 1, … ``tosses`` heads of a fair coin."""
    probabilities, ways, outcomes = np.empty(tosses + 1), 1, 2**tosses
    for heads in range(tosses + 1):
        probabilities[heads] = ways / outcomes
        ways = ways * (tosses - heads) // (heads + 1)
    return probabilities


def _permutation_p(now: _ClusterKinds, before: _ClusterKinds, seed: int) -> float:
    pooled = np.concatenate([np.column_stack(now), np.column_stack(before)])
    kinds, owner = np.unique(pooled[:, :2], axis=0, return_inverse=True)
    counts = np.bincount(owner, weights=pooled[:, 2]).astype(np.int64)
    all_sum, all_size = counts @ kinds[:, 0], counts @ kinds[:, 1]
    generator = np.random.default_rng(seed)
    extremes = 0
    for rows in _chunks(PERMUTATIONS, len(counts)):
        drawn = generator.multivariate_hypergeometric(counts, now.clusters, rows.stop - rows.start)
        sums, sizes = drawn @ kinds[:, 0], drawn @ kinds[:, 1]
        means, others = sums / sizes, (all_sum - sums) / (all_size - sizes)
        extremes += int((means - others <= now.mean - before.mean + _TIE).sum())
    return (extremes + 1) / (PERMUTATIONS + 1)
