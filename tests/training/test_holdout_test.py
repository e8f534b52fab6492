"""Tests of which photos are queries, at which rank the right product comes, and what is concluded from it."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.evaluation.results import Estimate, PairedDifference
from shoplens.training.data.samples import Samples, Split, assign_splits
from shoplens.training.holdout_test import (
    KNOWN_PRODUCTS,
    MAIN_METRIC,
    METRICS,
    NEW_PRODUCTS,
    HoldoutQueries,
    HoldoutResult,
    compare_ranks,
    compute_ranks,
    judge_look,
    plan_holdout,
)
from tests.training.toy_samples import create_toy_samples, sample_photo


def create_shop_samples(products: int, photos: int, *, augmented_views: int = 2, per_group: int = 1) -> Samples:
    return create_toy_samples(
        [sample_photo(f"p{n}", view, group=f"g{n // per_group}") for n in range(products) for view in range(photos)],
        augmented_views=augmented_views,
    )


def test_ranks_equal_their_definition() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    classes = rng.integers(0, 8, 60)
    queries = HoldoutQueries(
        np.arange(40), classes[:40], np.full(40, -1), tuple(map(str, range(40))), np.arange(20, 60), classes[20:]
    )
    for query, rank in enumerate(compute_ranks(queries, vectors).tolist()):
        order = sorted(range(40), key=lambda place: -float(vectors[20 + place] @ vectors[query]))
        expected = next(n for n, place in enumerate(order, 1) if classes[20 + place] == classes[query])
        assert rank == expected


def test_the_right_product_ranks_last_among_ties() -> None:
    equal_vectors = np.ones((6, 3), np.float32)
    queries = HoldoutQueries(
        np.array([0]), np.array([2]), np.array([-1]), ("g",), np.arange(1, 6), np.array([0, 1, 2, 3, 4])
    )
    assert compute_ranks(queries, equal_vectors).tolist() == [5]


def test_a_products_own_photo_does_not_count_among_its_group() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    queries = HoldoutQueries(np.array([0]), np.array([0]), np.array([0]), ("g",), np.arange(3), np.array([0, 1, 0]))
    assert compute_ranks(queries, vectors).tolist() == [2]


def test_queries_are_further_photos_that_are_not_trained_on() -> None:
    samples = create_shop_samples(300, 3)
    plan = plan_holdout(samples, "product")
    by_photo = assign_splits(samples.photos)
    for name, use in ((NEW_PRODUCTS, Split.TEST_NEW), (KNOWN_PRODUCTS, Split.TEST)):
        queries = plan.test[name]
        owners = samples.owners[queries.rows]
        assert len(queries) >= 30 and not queries.simulated
        assert {by_photo[n] for n in owners.tolist()} == {use}
        assert not any(samples.photos[n].is_first for n in owners.tolist())
        assert (samples.views[queries.rows] == 0).all()
        assert not plan.train_rows[np.isin(samples.owners, owners)].any()
    learned_groups = {samples.photos[n].group for n in samples.owners[plan.train_rows].tolist()}
    assert learned_groups.isdisjoint(plan.test[NEW_PRODUCTS].clusters)
    assert learned_groups.issuperset(plan.test[KNOWN_PRODUCTS].clusters)


def test_products_of_one_photo_get_simulated_queries_that_are_not_trained_on() -> None:
    samples = create_shop_samples(200, 1, augmented_views=3)
    plan = plan_holdout(samples, "product")
    assert all(queries.simulated for queries in plan.test.values())
    for queries in plan.test.values():
        assert (samples.views[queries.rows] == 3).all()
        assert not plan.train_rows[queries.rows].any()
    assert set(plan.test[KNOWN_PRODUCTS].rows.tolist()).isdisjoint(plan.validation[0].rows.tolist())
    assert plan.train_rows[samples.views < 3].any()


def test_by_group_the_right_products_are_the_others_of_the_group() -> None:
    samples = create_shop_samples(300, 1, augmented_views=0, per_group=3)
    plan = plan_holdout(samples, "group")
    assert list(plan.test) == [NEW_PRODUCTS]
    queries = plan.test[NEW_PRODUCTS]
    for row, own_places in zip(queries.rows.tolist(), queries.own_places.tolist(), strict=True):
        assert queries.gallery[own_places] == row
    alone = plan_holdout(create_shop_samples(100, 1, augmented_views=0), "group")
    assert not alone.test and not alone.validation


def test_products_without_a_first_photo_are_no_queries() -> None:
    photos = [sample_photo(f"p{n}", view) for n in range(300) for view in (1, 2)]
    assert not plan_holdout(create_toy_samples(photos), "product").test


def test_figures_are_those_of_the_ranks() -> None:
    queries = HoldoutQueries(
        np.arange(4), np.zeros(4, int), np.full(4, -1), ("a", "b", "c", "d"), np.arange(1), np.zeros(1)
    )
    result = compare_ranks(NEW_PRODUCTS, queries, np.array([1, 2, 6, 10]), np.array([1, 1, 1, 4]), 0)
    assert [result.before[name].value for name in METRICS] == pytest.approx(
        [1 / 4, 2 / 4, (1 + 1 / 2 + 1 / 6 + 0.1) / 4]
    )
    assert result.change[MAIN_METRIC].difference.value == pytest.approx(2 / 4)
    assert (result.queries, result.clusters) == (4, 4)


def create_result(name: str, low: float, high: float, p: float = 0.01) -> HoldoutResult:
    middle = (low + high) / 2
    figures = {metric: Estimate(0.5, 0.4, 0.6) for metric in METRICS}
    after = {metric: Estimate(0.5 + middle, 0.4, 0.9) for metric in METRICS}
    change = {metric: PairedDifference(Estimate(middle, low, high), p) for metric in METRICS}
    return HoldoutResult(name, 100, 50, False, figures, after, change)


def test_a_look_is_better_if_one_part_is_significantly_better_and_none_worse() -> None:
    assert judge_look([create_result(NEW_PRODUCTS, 0.1, 0.2), create_result(KNOWN_PRODUCTS, -0.1, 0.2)])[0]
    assert judge_look([create_result(NEW_PRODUCTS, 0.1, 0.2)])[1] == (
        "It is better: for 65.0 % of the queries for new products the right product comes first, instead of 50.0 % "
        "(+10.0 to +20.0 points)."
    )
    unsure = judge_look([create_result(NEW_PRODUCTS, -0.1, 0.2), create_result(KNOWN_PRODUCTS, -0.1, 0.2)])
    assert not unsure[0] and "not significantly better" in unsure[1]
    forgot = judge_look([create_result(NEW_PRODUCTS, -0.2, -0.1), create_result(KNOWN_PRODUCTS, 0.1, 0.2)])
    assert not forgot[0] and "tells other products apart less well than before" in forgot[1]
    assert judge_look([]) == (False, "Nothing could be tested: there are too few products.")


def test_what_few_designs_may_show_by_chance_decides_nothing() -> None:
    """The interval of few designs is too narrow; the exact test has to agree. What may be worse is told."""
    doubtful, known = create_result(NEW_PRODUCTS, -0.2, -0.1, p=0.09), create_result(KNOWN_PRODUCTS, 0.1, 0.2)
    better, reason = judge_look([doubtful, known])
    assert better and reason.endswith(
        " It may be worse: for 35.0 % of the queries for new products the right product comes first, instead of 50.0 % "
        "(-20.0 to -10.0 points)."
    )
    assert not judge_look([create_result(KNOWN_PRODUCTS, 0.1, 0.2, p=0.09)])[0]
