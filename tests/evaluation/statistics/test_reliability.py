"""Reliability bins and the debiased calibration error: by definition, and in worlds whose truth is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest

from shoplens.errors import InvalidValue
from shoplens.evaluation.results import Estimate
from shoplens.evaluation.statistics.reliability import calibration_error, reliability_bins

Answers = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.object_]]


def answers(seed: int, off: float, clusters: int = 300, size: int = 4, alike: float = 0.5) -> Answers:
    """Probabilities that are ``off`` too high; answers of a cluster share their luck with probability √alike."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(clusters), size)
    true_probability = rng.uniform(0.05, 0.75, len(owner))
    shared = np.repeat(rng.uniform(size=clusters), size)
    luck = np.where(rng.uniform(size=len(owner)) < math.sqrt(alike), shared, rng.uniform(size=len(owner)))
    return true_probability + off, luck < true_probability, owner.astype(object)


def by_pairs(said: list[float], true: list[bool], clusters: list[str], bins: list[int]) -> float:
    """ECE²: in each bin the mean product of the residuals of every two answers of different clusters."""
    total = weight = 0.0
    for number in set(bins):
        here = [place for place, item in enumerate(bins) if item == number]
        products = [
            (true[a] - said[a]) * (true[b] - said[b])
            for a, b in itertools.permutations(here, 2)
            if clusters[a] != clusters[b]
        ]
        if products:
            total += len(here) * sum(products) / len(products)
            weight += len(here)
    return total / weight


def test_the_calibration_error_equals_its_definition() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        said = np.sort(rng.uniform(0, 1, 12))
        true = rng.uniform(size=12) < 0.4
        clusters = [f"p{number}" for number in rng.integers(0, 5, 12)]
        expected = by_pairs(said.tolist(), true.tolist(), clusters, [n // 4 for n in range(12)])
        result = calibration_error(said, true, clusters, bins=3).value
        assert result == pytest.approx(math.sqrt(max(0.0, expected)))


def test_perfect_probabilities_have_no_error_and_the_interval_says_so() -> None:
    result = [calibration_error(*answers(seed, 0.0), seed=seed) for seed in range(40)]
    assert np.mean([item.value for item in result]) < 0.015
    assert np.mean([item.value == 0 for item in result]) > 0.3
    assert np.mean([item.low == 0 for item in result]) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("off", [0.05, 0.1, 0.2])
def test_a_known_error_is_found_and_covered(off: float) -> None:
    result = [calibration_error(*answers(seed, off), seed=seed) for seed in range(40)]
    assert math.sqrt(np.mean([item.value**2 for item in result])) == pytest.approx(off, abs=0.01)
    assert np.mean([item.low <= off <= item.high for item in result]) >= 0.85


def test_the_plain_calibration_error_of_perfect_probabilities_is_biased_upwards() -> None:
    plain, debiased = [], []
    for seed in range(20):
        made = answers(seed, 0.0, clusters=60, size=1)
        squares = [item.count / 60 * (item.observed.value - item.predicted) ** 2 for item in reliability_bins(*made)]
        plain.append(math.sqrt(sum(squares)))
        debiased.append(calibration_error(*made).value)
    assert np.mean(plain) > 0.1
    assert np.mean(debiased) < 0.4 * np.mean(plain)


def test_answers_of_one_cluster_are_not_taken_for_many() -> None:
    """100 copies of an answer say no more than it does."""
    said, true, clusters = answers(2, 0.0, clusters=40, size=1)
    single = calibration_error(said, true, clusters, bins=4)
    copied = calibration_error(np.repeat(said, 100), np.repeat(true, 100), np.repeat(clusters, 100), bins=4)
    assert copied.value == pytest.approx(single.value)
    assert (copied.low, copied.high) == pytest.approx((single.low, single.high))


def test_a_weight_of_three_equals_three_clusters() -> None:
    said, true, _ = answers(3, 0.1, clusters=30, size=1)
    halves = np.tile([1.0, 3.0], 15)
    weighed = reliability_bins(said, true, np.arange(30).astype(object), halves, bins=1)[0]
    repeated = np.repeat(np.arange(30), np.tile([1, 3], 15))
    counted = reliability_bins(said[repeated], true[repeated], repeated.astype(object), bins=1)[0]
    assert weighed.predicted == pytest.approx(counted.predicted)
    assert weighed.observed.value == pytest.approx(counted.observed.value)
    assert weighed.count == 30


def test_the_order_does_not_matter() -> None:
    said, true, clusters = answers(4, 0.1, clusters=50)
    mixed = np.random.default_rng(0).permutation(len(said))
    for first, second in zip(
        reliability_bins(said[mixed], true[mixed], clusters[mixed]), reliability_bins(said, true, clusters), strict=True
    ):
        assert (first.count, first.predicted, *figures(first.observed)) == pytest.approx(
            (second.count, second.predicted, *figures(second.observed))
        )
    again = calibration_error(said[mixed], true[mixed], clusters[mixed])
    assert figures(again) == pytest.approx(figures(calibration_error(said, true, clusters)))


def figures(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def test_bins_have_equal_counts_and_rising_predictions() -> None:
    said, true, clusters = answers(6, 0.0)
    result = reliability_bins(said, true, clusters, bins=10)
    assert [item.count for item in result] == pytest.approx([120] * 10, abs=1)
    assert sum(item.count for item in result) == len(said)
    assert [item.predicted for item in result] == sorted(item.predicted for item in result)
    for item in result:
        assert 0 <= item.observed.low <= item.observed.value <= item.observed.high <= 1


def test_intervals_of_bins_cover_what_was_said_when_it_is_true() -> None:
    covered = [
        item.observed.low <= item.predicted <= item.observed.high
        for seed in range(40)
        for item in reliability_bins(*answers(seed, 0.0, alike=0.8), bins=10)
    ]
    assert 0.92 <= np.mean(covered) <= 0.99


def test_equal_probabilities_stay_together() -> None:
    said = [0.2] * 7 + [0.6] * 3
    result = reliability_bins(said, [True] * 10, [str(n) for n in range(10)], bins=5)
    assert [(item.count, round(item.predicted, 6)) for item in result] == [(7, 0.2), (3, 0.6)]
    assert [item.count for item in reliability_bins([0.5] * 4, [True] * 4, list("abcd"))] == [4]


def test_a_single_answer_has_a_wide_interval() -> None:
    (only,) = reliability_bins([0.7], [True], ["a"])
    assert (only.count, only.predicted, only.observed.value) == (1, 0.7, 1.0)
    assert only.observed.low < 0.25
    unknown = calibration_error([0.7, 0.9], [True, True], ["a", "a"])
    assert (unknown.value, unknown.low, unknown.high) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("said", "true", "clusters", "weights", "bins", "problem"),
    [
        ([], [], [], None, 15, "There are 0 probabilities"),
        ([0.1], [True, False], ["a"], None, 15, "2 outcomes"),
        ([0.1], [True], ["a", "b"], None, 15, "2 clusters"),
        ([0.1], [True], ["a"], [1.0, 1.0], 15, "2 weights"),
        ([0.1, 1.1], [True, True], ["a", "b"], None, 15, "probability of answer 1"),
        ([math.nan], [True], ["a"], None, 15, "probability of answer 0"),
        ([0.1], [0.5], ["a"], None, 15, "outcome of answer 0"),
        ([0.1], [True], ["a"], [0.0], 15, "weight of answer 0"),
        ([0.1], [True], ["a"], None, 0, "0 bins"),
    ],
)
def test_invalid_arguments_are_refused(
    said: list[float], true: list[bool], clusters: list[str], weights: list[float] | None, bins: int, problem: str
) -> None:
    with pytest.raises(InvalidValue, match=problem):
        reliability_bins(said, true, clusters, weights, bins)
    with pytest.raises(InvalidValue, match=problem):
        calibration_error(said, true, clusters, weights, bins=bins)
