"""Intervals and probabilities: against brute force where there are few clusters, against the truth where it is made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from shoplens.errors import InvalidValue
from shoplens.evaluation.results import Estimate
from shoplens.evaluation.statistics.intervals import estimate, independent_drop, p_of_drop, paired_difference

Floats = npt.NDArray[np.float64]


def per_cluster(values: Floats, clusters: list[str]) -> tuple[list[float], list[int]]:
    names = sorted(set(clusters))
    own = [[value for value, cluster in zip(values, clusters, strict=True) if cluster == name] for name in names]
    return [math.fsum(ones) for ones in own], [len(ones) for ones in own]


def sample(rng: np.random.Generator, clusters: int, sizes: int = 5) -> tuple[Floats, list[str]]:
    """Right or wrong for queries whose products are easy or hard: the true share is 0.6."""
    size = rng.integers(1, sizes + 1, clusters)
    share = np.repeat(rng.beta(1.2, 0.8, clusters), size)
    names = np.repeat([f"p{number}" for number in range(clusters)], size)
    return (rng.random(len(share)) < share).astype(np.float64), names.tolist()


def as_tuple(one: Estimate) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def test_the_value_is_the_mean_over_queries_not_over_clusters() -> None:
    assert estimate([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"]).value == 0.75


def test_the_interval_is_that_of_drawing_clusters_one_by_one() -> None:
    values, clusters = sample(np.random.default_rng(1), 30)
    sums, sizes = (np.array(item) for item in per_cluster(values, clusters))
    drawn = np.random.default_rng(2).integers(0, 30, (20_000, 30))
    low, high = np.percentile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [2.5, 97.5])
    assert as_tuple(estimate(values, clusters, resamples=20_000)) == pytest.approx((values.mean(), low, high), abs=0.01)


def test_few_clusters_give_the_quantiles_of_all_that_can_be_drawn() -> None:
    values, clusters = [1.0, 0.0, 0.5, 0.25, 0.25], ["a", "a", "b", "c", "c"]
    sums, sizes = per_cluster(np.array(values), clusters)
    means = [sum(sums[n] for n in draw) / sum(sizes[n] for n in draw) for draw in itertools.product(range(3), repeat=3)]
    low, high = np.percentile(means, [25, 75], method="inverted_cdf")
    fields = estimate(values, clusters, resamples=20_000, level=0.5)
    assert as_tuple(fields) == pytest.approx((0.4, low, high), abs=1e-9)


def test_drawing_in_pieces_is_drawing_at_once() -> None:
    """So many kinds of clusters that their draws are not held together; here they are."""
    rng = np.random.default_rng(3)
    kinds, resamples = 3000, 800
    values = rng.random(kinds)
    at_once = np.random.default_rng(7).multinomial(kinds, np.full(kinds, 1 / kinds), resamples) @ np.sort(values)
    low, high = np.quantile(at_once / kinds, [0.025, 0.975])
    fields = estimate(values, [f"p{number}" for number in range(kinds)], 7, resamples)
    assert as_tuple(fields) == pytest.approx((values.mean(), low, high), abs=1e-9)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    held, held_alone = 0, 0
    for _ in range(400):
        values, clusters = sample(rng, 60, sizes=8)
        fields = estimate(values, clusters, resamples=400)
        alone = estimate(values, [str(number) for number in range(len(values))], resamples=400)
        held += fields.low <= 0.6 <= fields.high
        held_alone += alone.low <= 0.6 <= alone.high
    assert 0.92 <= held / 400 <= 0.975
    assert held_alone / 400 < 0.88, "queries of one product are not independent"


def test_the_interval_of_a_rare_miss_holds_the_truth_too() -> None:
    """Of 20 products with a true share of 0.99, most samples have no spread at all."""
    rng = np.random.default_rng(5)
    names = [f"p{number}" for number in range(20)]
    held = 0
    for _ in range(400):
        values = estimate((rng.random(20) < 0.99).astype(float), names, resamples=200)
        held += values.low <= 0.99 <= values.high
    assert held / 400 >= 0.95


def test_a_wider_level_gives_a_wider_interval_and_the_seed_decides() -> None:
    values, clusters = sample(np.random.default_rng(6), 40)
    narrow, wide = estimate(values, clusters, level=0.5), estimate(values, clusters, level=0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert estimate(values, clusters, seed=1) == estimate(values, clusters, seed=1)
    assert estimate(values, clusters, seed=1) != estimate(values, clusters, seed=2)


def test_neither_order_nor_names_nor_their_kind_matter() -> None:
    rng = np.random.default_rng(7)
    values, clusters = sample(rng, 25)
    order = rng.permutation(len(values))
    shuffled = [f"other {clusters[place]}" for place in order]
    numbers = np.array([int(name[1:]) for name in clusters], np.uint64)
    assert estimate(values, clusters) == estimate(values[order], shuffled) == estimate(values, numbers)
    assert p_of_drop(values, values[::-1], clusters) == p_of_drop(values, values[::-1], numbers)


@pytest.mark.parametrize("clusters", [1, 2, 5, 100])
def test_nothing_right_is_the_interval_of_clopper_and_pearson(clusters: int) -> None:
    names = [f"p{number // 2}" for number in range(2 * clusters)]
    values = estimate([0.0] * (2 * clusters), names)
    assert (values.value, values.low) == (0.0, 0.0)
    assert (1 - values.high) ** clusters == pytest.approx(0.025)
    everything = estimate([1.0] * (2 * clusters), names)
    assert as_tuple(everything) == pytest.approx((1.0, 1 - values.high, 1.0))


def test_the_widened_interval_is_about_the_rule_of_three() -> None:
    assert estimate([0.0] * 100, [str(number) for number in range(100)], level=0.9).high == pytest.approx(
        0.03, abs=1e-3
    )


def test_clusters_that_agree_on_any_value_are_widened_on_both_sides() -> None:
    values = estimate([0.25, 0.75, 0.5], ["a", "a", "b"])
    unseen = 1 - math.sqrt(0.025)
    assert as_tuple(values) == pytest.approx((0.5, 0.5 * (1 - unseen), 0.5 + 0.5 * unseen))


def test_one_cluster_has_a_wide_interval() -> None:
    values = estimate([1.0, 0.0, 0.0, 0.0], ["a"] * 4)
    assert as_tuple(values) == pytest.approx((0.25, 0.25 * 0.025, 0.25 + 0.75 * 0.975))


@pytest.mark.parametrize(
    ("values", "clusters", "problem"),
    [
        ([], [], "shape"),
        ([[1.0]], ["a"], "shape"),
        ([1.0, 0.0], ["a"], "1 clusters for 2 values"),
        ([1.0, 1.5], ["a", "b"], r"A value is 1\.5"),
        ([-0.1], ["a"], r"A value is -0\.1"),
        ([float("nan")], ["a"], "A value is nan"),
    ],
)
def test_invalid_values_are_refused_by_every_function(values: list[float], clusters: list[str], problem: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: estimate(values, clusters),
        lambda: paired_difference(values, values, clusters),
        lambda: p_of_drop(values, values, clusters),
        lambda: independent_drop(values, clusters, [1.0], ["a"]),
        lambda: independent_drop([1.0], ["a"], values, clusters),
    ]
    for call in calls:
        with pytest.raises(InvalidValue, match=problem):
            call()


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0), (10, float("nan"))])
def test_an_invalid_level_or_number_of_resamples_is_refused(resamples: int, level: float) -> None:
    with pytest.raises(InvalidValue, match="level"):
        estimate([1.0], ["a"], resamples=resamples, level=level)


def flipped_everywhere(differences: list[float]) -> tuple[float, float]:
    """Two-sided p, and p of a drop, over all signs of the differences of clusters."""
    observed = math.fsum(differences)
    totals = [
        math.fsum(sign * item for sign, item in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    far = sum(abs(total) >= abs(observed) - 1e-9 for total in totals)
    return far / len(totals), sum(total <= observed + 1e-9 for total in totals) / len(totals)


@pytest.mark.parametrize("grain", [1, 2, 7, 1000])
def test_sign_flips_are_all_counted_where_few_clusters_differ(grain: int) -> None:
    rng = np.random.default_rng(grain)
    for _ in range(12):
        clusters = [f"p{number}" for number in rng.integers(0, 9, 15)]
        now, before = rng.integers(0, grain + 1, (2, 15)) / grain
        sums, _ = per_cluster(now - before, clusters)
        two_sided, drop = flipped_everywhere(sums)
        assert paired_difference(now, before, clusters, resamples=10).p == pytest.approx(two_sided)
        assert p_of_drop(now, before, clusters) == pytest.approx(drop)


def test_a_share_that_fell_is_a_sign_test_however_many_queries() -> None:
    """120 clusters fell and 80 rose: exactly the binomial tail, although 2^200 flips are never listed."""
    now, before = [0.0] * 120 + [1.0] * 80 + [1.0] * 50, [1.0] * 120 + [0.0] * 80 + [1.0] * 50
    clusters = [str(number) for number in range(250)]
    tail = sum(math.comb(200, fell) for fell in range(120, 201)) / 2**200
    assert p_of_drop(now, before, clusters) == pytest.approx(tail, rel=1e-9)
    assert paired_difference(now, before, clusters, resamples=10).p == pytest.approx(2 * tail, rel=1e-9)


def test_drawn_flips_are_near_the_exact_ones() -> None:
    """Distances of 64, 65 and 200 clusters, and single ones: too many outcomes to list, but convolved here."""
    distances = [0.1] * 200 + [0.2] * 65 + [0.3] * 64 + [number / 100 for number in range(31, 40)]
    rng = np.random.default_rng(8)
    signs = rng.permutation([-1] * 200 + [1] * (len(distances) - 200))
    exact = np.ones(1)
    for distance in distances:
        step = round(100 * distance)
        exact = np.concatenate([exact / 2, np.zeros(2 * step)]) + np.concatenate([np.zeros(2 * step), exact / 2])
    total = round(100 * math.fsum(signs * np.array(distances)))
    reach = round(100 * math.fsum(distances))
    sums = np.arange(-reach, reach + 1)
    now, before = np.where(signs > 0, distances, 0), np.where(signs < 0, distances, 0)
    clusters = [str(number) for number in range(len(distances))]
    assert p_of_drop(now, before, clusters) == pytest.approx(exact[sums <= total].sum(), abs=0.02)
    two_sided = exact[abs(sums) >= abs(total)].sum()
    assert 0.01 < two_sided < 0.9
    assert paired_difference(now, before, clusters, resamples=10).p == pytest.approx(two_sided, abs=0.02)


def test_a_drawn_p_value_is_never_zero() -> None:
    now = [number / 1000 for number in range(1, 201)]
    assert p_of_drop([0.0] * 200, now, [str(number) for number in range(200)]) == 1 / 10_000


def test_clusters_whose_differences_sum_to_zero_do_not_matter() -> None:
    now, before, clusters = [1.0, 0.0, 0.0, 0.3], [0.0, 0.0, 1.0, 0.2], ["a", "b", "c", "d"]
    more = ([*now, 0.1, 0.5, 0.3], [*before, 0.3, 0.4, 0.2], [*clusters, "e", "e", "e"])
    assert paired_difference(*more, resamples=10).p == paired_difference(now, before, clusters, resamples=10).p
    assert p_of_drop(*more) == p_of_drop(now, before, clusters)


def test_noise_of_float32_is_no_difference() -> None:
    before = np.random.default_rng(9).random(20_000)
    now = before.astype(np.float32) - np.float32(1e-8)
    assert p_of_drop(now, before, [str(number // 1000) for number in range(20_000)]) == 1.0
    thirds, one_of_three = np.full(6000, 1 / 3, np.float32), np.array([0.0, 0.0, 1.0] * 2000)
    assert p_of_drop(one_of_three, thirds, [str(number // 3) for number in range(6000)]) == 1.0


def test_swapping_the_systems_changes_the_sign_of_the_difference() -> None:
    rng = np.random.default_rng(10)
    first, clusters = sample(rng, 40)
    second = np.where(rng.random(len(first)) < 0.8, first, 0)
    there, back = (
        paired_difference(first, second, clusters, resamples=20_000),
        paired_difference(second, first, clusters, resamples=20_000),
    )
    assert back.p == there.p
    assert back.difference.value == -there.difference.value
    assert back.difference.low == pytest.approx(-there.difference.high, abs=0.01)
    assert back.difference.high == pytest.approx(-there.difference.low, abs=0.01)
    assert there.p < 0.05 < there.difference.low + 0.05
    assert p_of_drop(first, second, clusters) > 0.95 > 0.05 > p_of_drop(second, first, clusters)


def test_the_interval_of_a_difference_is_that_of_the_differences() -> None:
    rng = np.random.default_rng(11)
    first, clusters = sample(rng, 50)
    second = np.where(rng.random(len(first)) < 0.7, first, 0)
    values, shares = paired_difference(first, second, clusters).difference, estimate(first - second, clusters)
    assert as_tuple(values) == pytest.approx(as_tuple(shares))


def test_without_a_difference_the_interval_is_still_wide() -> None:
    values = paired_difference([1.0, 0.0, 1.0], [1.0, 0.0, 1.0], ["a", "b", "c"])
    unseen = 1 - 0.025 ** (1 / 3)
    assert values.p == 1.0
    assert as_tuple(values.difference) == pytest.approx((0.0, -unseen, unseen))
    assert p_of_drop([1.0], [1.0], ["a"]) == 1.0


def test_answers_that_always_differ_give_the_largest_difference() -> None:
    values = paired_difference([1.0] * 10, [0.0] * 10, [str(number) for number in range(10)])
    unseen = 1 - 0.025**0.1
    assert as_tuple(values.difference) == pytest.approx((1.0, 1 - 2 * unseen, 1.0))
    assert values.p == 2 / 2**10


def dealt_everywhere(now: Floats, mine: list[str], before: Floats, theirs: list[str]) -> float:
    """Share of all ways to deal the clusters out whose difference is as low as it was, or lower."""
    my_sums, my_sizes = per_cluster(now, mine)
    their_sums, their_sizes = per_cluster(before, theirs)
    sums, sizes = my_sums + their_sums, my_sizes + their_sizes
    places, own = range(len(sums)), len(set(mine))

    def mean(chosen: set[int]) -> float:
        return sum(sums[n] for n in chosen) / sum(sizes[n] for n in chosen)

    deals = [set(chosen) for chosen in itertools.combinations(places, own)]
    differences = [mean(deal) - mean(set(places) - deal) for deal in deals]
    return sum(item <= differences[0] + 1e-9 for item in differences) / len(deals)


def test_independent_samples_are_tested_by_permutation_of_the_clusters() -> None:
    rng = np.random.default_rng(12)
    for clusters, others in ((1, 1), (1, 6), (4, 4), (5, 7), (6, 3)):
        now, mine = sample(rng, clusters)
        before, theirs = sample(rng, others)
        difference, p = independent_drop(now, mine, before, theirs)
        assert difference.value == pytest.approx(now.mean() - before.mean())
        assert difference.low <= difference.value <= difference.high
        assert p == pytest.approx(dealt_everywhere(now, mine, before, theirs), abs=0.02)


def test_single_queries_are_the_exact_test_of_fisher() -> None:
    now, before = [1.0] * 3 + [0.0] * 9, [1.0] * 9 + [0.0] * 2
    names = [str(number) for number in range(12)]
    tail = sum(math.comb(12, right) * math.comb(11, 12 - right) for right in range(4)) / math.comb(23, 12)
    _, p = independent_drop(now, names, before, names[:11])
    assert p == pytest.approx(tail, abs=0.003)


def test_the_interval_of_an_independent_difference_is_newcombes() -> None:
    now, mine = sample(np.random.default_rng(13), 40)
    before, theirs = sample(np.random.default_rng(14), 30)
    a, b = estimate(now, mine, seed=5), estimate(before, theirs, seed=5)
    values, _ = independent_drop(now, mine, before, theirs, seed=5)
    assert values.value - values.low == pytest.approx(math.hypot(a.value - a.low, b.high - b.value))
    assert values.high - values.value == pytest.approx(math.hypot(a.high - a.value, b.value - b.low))


def test_a_few_wrong_answers_are_no_proof_of_a_drop() -> None:
    difference, p = independent_drop([0.0, 0.0], ["a", "b"], [1.0, 1.0], ["c", "d"])
    assert (difference.value, difference.low) == (-1.0, -1.0)
    assert difference.high > 0
    assert p == pytest.approx(1 / 6, abs=0.02)


@pytest.mark.slow
def test_the_independent_test_keeps_its_rate_of_false_alarms() -> None:
    rng = np.random.default_rng(15)
    cried = sum(independent_drop(*sample(rng, 15), *sample(rng, 20), seed=n)[1] <= 0.05 for n in range(50))
    assert cried / 50 <= 0.1


def test_an_unchanged_system_drops_no_more_often_than_p_says() -> None:
    rng = np.random.default_rng(16)
    cried = 0
    for _ in range(300):
        now, clusters = sample(rng, 30)
        before = np.where(rng.random(len(now)) < 0.5, now, rng.permutation(now))
        swap = (rng.random(30) < 0.5)[[int(name[1:]) for name in clusters]]
        first, second = np.where(swap, now, before), np.where(swap, before, now)
        cried += p_of_drop(first, second, clusters) <= 0.05
    assert cried / 300 <= 0.075
