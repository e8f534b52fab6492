"""Who is asked, at which rank the right product comes, and what is concluded from it."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.evaluation.results import Estimate, Paired
from shoplens.training.data.samples import Samples, Split, assign_splits
from shoplens.training.holdout import (
    FIRST,
    KNOWN,
    METRICS,
    NEW,
    HoldoutResult,
    HoldoutQueries,
    compare_ranks,
    plan_holdout,
    compute_ranks,
    judge_look,
)
from tests.training.toy_samples import create_toy_samples, sample_photo


def shop(products: int, photos: int, *, times: int = 2, per_group: int = 1) -> Samples:
    return create_toy_samples(
        [sample_photo(f"p{n}", view, group=f"g{n // per_group}") for n in range(products) for view in range(photos)],
        times=times,
    )


def test_ranks_are_the_definition() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    classes = rng.integers(0, 8, 60)
    asked = HoldoutQueries(
        np.arange(40), classes[:40], np.full(40, -1), tuple(map(str, range(40))), np.arange(20, 60), classes[20:]
    )
    for query, rank in enumerate(compute_ranks(asked, vectors).tolist()):
        order = sorted(range(40), key=lambda place: -float(vectors[20 + place] @ vectors[query]))
        expected = next(n for n, place in enumerate(order, 1) if classes[20 + place] == classes[query])
        assert rank == expected


def test_of_equals_the_right_product_comes_last() -> None:
    everything_alike = np.ones((6, 3), np.float32)
    asked = HoldoutQueries(
        np.array([0]), np.array([2]), np.array([-1]), ("g",), np.arange(1, 6), np.array([0, 1, 2, 3, 4])
    )
    assert compute_ranks(asked, everything_alike).tolist() == [5]


def test_a_products_own_photo_does_not_count_among_its_group() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1]], np.float32)
    asked = HoldoutQueries(np.array([0]), np.array([0]), np.array([0]), ("g",), np.arange(3), np.array([0, 1, 0]))
    assert compute_ranks(asked, vectors).tolist() == [2]


def test_further_photos_are_asked_and_nothing_asked_is_learned() -> None:
    samples = shop(300, 3)
    found = plan_holdout(samples, "product")
    by_photo = assign_splits(samples.photos)
    for name, use in ((NEW, Split.NEW), (KNOWN, Split.ASK)):
        asked = found.asked[name]
        owners = samples.owners[asked.rows]
        assert len(asked) >= 30 and not asked.made
        assert {by_photo[n] for n in owners.tolist()} == {use}
        assert not any(samples.photos[n].is_first for n in owners.tolist())
        assert (samples.views[asked.rows] == 0).all()
        assert not found.learned[np.isin(samples.owners, owners)].any()
    learned_groups = {samples.photos[n].group for n in samples.owners[found.learned].tolist()}
    assert learned_groups.isdisjoint(found.asked[NEW].clusters)
    assert learned_groups.issuperset(found.asked[KNOWN].clusters)


def test_with_one_photo_each_made_photos_are_asked_that_were_not_learned() -> None:
    samples = shop(200, 1, times=3)
    found = plan_holdout(samples, "product")
    assert all(asked.made for asked in found.asked.values())
    for asked in found.asked.values():
        assert (samples.views[asked.rows] == 3).all()
        assert not found.learned[asked.rows].any()
    assert set(found.asked[KNOWN].rows.tolist()).isdisjoint(found.watched[0].rows.tolist())
    assert found.learned[samples.views < 3].any()


def test_by_group_other_products_of_it_are_sought() -> None:
    samples = shop(300, 1, times=0, per_group=3)
    found = plan_holdout(samples, "group")
    assert list(found.asked) == [NEW]
    asked = found.asked[NEW]
    for row, own in zip(asked.rows.tolist(), asked.own.tolist(), strict=True):
        assert asked.gallery[own] == row
    alone = plan_holdout(shop(100, 1, times=0), "group")
    assert not alone.asked and not alone.watched


def test_products_whose_first_photo_is_missing_are_not_asked() -> None:
    photos = [sample_photo(f"p{n}", view) for n in range(300) for view in (1, 2)]
    assert not plan_holdout(create_toy_samples(photos), "product").asked


def test_figures_are_those_of_the_ranks() -> None:
    asked = HoldoutQueries(
        np.arange(4), np.zeros(4, int), np.full(4, -1), ("a", "b", "c", "d"), np.arange(1), np.zeros(1)
    )
    part = compare_ranks(NEW, asked, np.array([1, 2, 6, 10]), np.array([1, 1, 1, 4]), 0)
    assert [part.before[name].value for name in METRICS] == pytest.approx([1 / 4, 2 / 4, (1 + 1 / 2 + 1 / 6 + 0.1) / 4])
    assert part.change[FIRST].difference.value == pytest.approx(2 / 4)
    assert (part.queries, part.clusters) == (4, 4)


def part(name: str, low: float, high: float) -> HoldoutResult:
    middle = (low + high) / 2
    figures = {metric: Estimate(0.5, 0.4, 0.6) for metric in METRICS}
    after = {metric: Estimate(0.5 + middle, 0.4, 0.9) for metric in METRICS}
    change = {metric: Paired(Estimate(middle, low, high), 0.5) for metric in METRICS}
    return HoldoutResult(name, 100, 50, False, figures, after, change)


def test_better_is_surely_better_somewhere_and_surely_worse_nowhere() -> None:
    assert judge_look([part(NEW, 0.1, 0.2), part(KNOWN, -0.1, 0.2)])[0]
    assert judge_look([part(NEW, 0.1, 0.2)])[1] == (
        "It is better: of new products, 65.0 % come first instead of 50.0 (+10.0 to +20.0 points)."
    )
    unsure = judge_look([part(NEW, -0.1, 0.2), part(KNOWN, -0.1, 0.2)])
    assert not unsure[0] and "not surely better" in unsure[1]
    forgot = judge_look([part(NEW, -0.2, -0.1), part(KNOWN, 0.1, 0.2)])
    assert not forgot[0] and "forgot" in forgot[1]
    assert judge_look([]) == (False, "Nothing could be asked: there are too few products.")
