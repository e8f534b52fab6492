"""The gate fails when the store got worse, and lets an unchanged one pass."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.evaluation.regression.baseline import Baseline, GateQuery, sample_queries
from shoplens.evaluation.regression.comparison import GateOptions, compare_with_baseline, estimate_power
from shoplens.evaluation.statistics.holm import holm_rejections

KINDS = {"clean": 0.95, "blur": 0.6, "dark": 0.7}
CATEGORIES = ("Tops", "Shoes", "Bags")


def query(number: int, group: str = "", category: str = "") -> GateQuery:
    return GateQuery(f"p{number}", f"/{number}.jpg", f"hash{number}", group, category or CATEGORIES[number % 3])


def baseline(numbers: Iterable[int] = range(120), seed: int = 0, **recalls: float) -> Baseline:
    """A run in which each product is easy or hard under all kinds; its rank depends on its number and the seed."""
    queries = tuple(query(number) for number in numbers)
    ease = {item: random.Random(f"{item.product_id} {seed}").random() for item in queries}
    ranks = {
        kind: tuple(1 if ease[item] < recall else 3 if ease[item] < recall + 0.1 else 0 for item in queries)
        for kind, recall in {**KINDS, **recalls}.items()
    }
    return Baseline("m1", "hybrid", 5000, "2026-01-31T12:00:00Z", seed, queries, ranks)


def swapped(run: Baseline, lost: Iterable[int], kinds: Iterable[str] = KINDS) -> Baseline:
    """The same run with some queries, by place, not found."""
    lost = set(lost)
    ranks = {
        kind: tuple(0 if kind in kinds and place in lost else rank for place, rank in enumerate(row))
        for kind, row in run.ranks.items()
    }
    return replace(run, ranks=ranks)


def only(run: Baseline, places: Iterable[int]) -> Baseline:
    kept = list(places)
    ranks = {kind: tuple(row[place] for place in kept) for kind, row in run.ranks.items()}
    return replace(run, queries=tuple(run.queries[place] for place in kept), ranks=ranks)


# --- the sample


def smallest(candidates: list[GateQuery], count: int, seed: int) -> set[GateQuery]:
    """The definition, with the order of the hashes taken from samples of one."""
    rest, order = list(candidates), []
    while rest:
        order += sample_queries(rest, 1, seed)
        rest.remove(order[-1])
    first_of_group = {item.cluster: item for item in reversed(order)}
    firsts = [item for item in order if first_of_group[item.cluster] is item]
    others = [item for item in order if first_of_group[item.cluster] is not item]
    return set([*firsts, *others][:count])


@pytest.mark.parametrize("count", [1, 5, 9, 10, 14, 30, 50])
def test_a_sample_is_the_smallest_hashes_one_per_group_and_then_others(count: int) -> None:
    candidates = [query(n, f"g{n % 10}" if n < 25 else "") for n in range(30)]
    assert set(sample_queries(candidates, count, 4)) == smallest(candidates, count, 4)


def test_the_order_of_the_candidates_does_not_matter_and_the_seed_does() -> None:
    candidates = [query(n, f"g{n // 3}") for n in range(900)]
    mixed = random.Random(1).sample(candidates, 900)
    assert sample_queries(candidates, 50, 7) == sample_queries(iter(mixed), 50, 7)
    assert len(set(sample_queries(candidates, 50, 7)) & set(sample_queries(candidates, 50, 8))) < 20


@pytest.mark.parametrize("count", [20, 200, 280])
def test_a_product_that_leaves_changes_the_sample_by_itself_alone(count: int) -> None:
    candidates = [query(n, f"g{n // 2}" if n % 5 else "") for n in range(300)]
    before = set(sample_queries(candidates, count, 0))
    for gone in candidates[::17]:
        after = set(sample_queries([item for item in candidates if item != gone], count, 0))
        assert len(before - after) == len(after - before) == (gone in before)
        assert before - after <= {gone}


def test_groups_come_once_while_they_last_and_few_candidates_all_come() -> None:
    candidates = [query(n, f"g{n % 40}") for n in range(400)]
    assert len({item.group for item in sample_queries(candidates, 40, 0)}) == 40
    assert len(sample_queries(candidates, 60, 0)) == 60
    assert len({item.group for item in sample_queries(candidates, 60, 0)}) == 40
    assert set(sample_queries(candidates, 1000, 0)) == set(candidates)
    assert sample_queries([], 3, 0) == ()


def test_a_sample_of_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="Choose 1 or more"):
        sample_queries([query(1)], 0, 0)


# --- the file


def test_a_baseline_comes_back_from_its_file() -> None:
    run = baseline(range(300))
    text = run.as_json()
    assert Baseline.from_json(text) == Baseline.from_json(text.encode()) == run
    assert len(text) < 300 * 100
    assert json.loads(text)["format"] == "shoplens-gate"


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(baseline(range(4)).as_json()), **fields})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[1, 2]", "no usable baseline"),
        ("[" * 100_000, "recursion"),
        (b"\xff\xd8\xff", "decode"),
        ('{"queries": []}', "another format"),
        (changed(format="other"), "another format"),
        (changed(version=2), "upgrade Shoplens"),
        (changed(version="1"), "'1'"),
        (changed(model=None), "None"),
        (changed(queries=[["p1", "/1.jpg"]]), "argument"),
        (changed(queries=[["p", "/", "h", "", 5]]), "5"),
        (changed(ranks={"clean": [1, 1]}), "do not fit 4 queries"),
        (changed(ranks={"clean": [1, 1, 1, 11]}), "1 to 10"),
        (changed(ranks={"clean": [1, 1, 1, 0.5]}), "0.5"),
        (changed(ranks=[1]), "items"),
    ],
)
def test_a_file_that_is_no_baseline_says_what_to_do(text: str | bytes, why: str) -> None:
    with pytest.raises(InvalidValue, match=why) as caught:
        Baseline.from_json(text)
    assert "make a new baseline" in caught.value.fix


def test_a_repeated_query_in_a_baseline_is_refused() -> None:
    with pytest.raises(InvalidValue, match="twice"):
        Baseline("m", "s", 1, "", 0, (query(1), query(1)), {"clean": (1, 1)})


# --- the decision


def closed(ps: list[float], alpha: float) -> list[bool]:
    """Holm by its other definition: one falls when every set with it in, of n, has a p of alpha / n or less."""
    places = range(len(ps))
    sets = [chosen for n in places for chosen in itertools.combinations(places, n + 1)]
    return [all(min(ps[k] for k in s) <= alpha / len(s) for s in sets if place in s) for place in places]


def test_holm_rejections_equal_those_of_the_closed_test() -> None:
    generator = np.random.default_rng(3)
    for n in (1, 2, 3, 5, 6):
        for _ in range(40):
            ps = [float(p) for p in generator.random(n) ** 3]
            assert holm_rejections(ps, 0.05) == closed(ps, 0.05)
    assert holm_rejections([0.01, 0.01, 0.04], 0.04) == [True, True, True]
    assert holm_rejections([0.02, 0.02], 0.03) == [False, False]
    assert holm_rejections([], 0.05) == []


def test_the_same_ranks_always_pass() -> None:
    run = baseline()
    report = compare_with_baseline(run, replace(run, model="m2", created="later"))
    assert report.passed
    assert report.paired
    assert {cell.p for cell in report.cells} == {1.0}
    assert [(cell.kind, cell.name) for cell in report.cells] == [
        ("all", "all"),
        *(("corruption", kind) for kind in KINDS),
        *(("category", name) for name in sorted(CATEGORIES)),
    ]
    assert [cell.queries for cell in report.cells] == [120, 120, 120, 120, 40, 40, 40]


def test_a_gain_passes_and_a_few_changes_pass() -> None:
    run = baseline()
    assert compare_with_baseline(swapped(run, range(40)), run).passed
    assert compare_with_baseline(run, swapped(run, range(4))).passed


def test_a_drop_in_one_corruption_fails_by_that_one() -> None:
    run = baseline()
    hit = [place for place, rank in enumerate(run.ranks["blur"]) if rank == 1]
    report = compare_with_baseline(run, swapped(run, hit[:20], ["blur"]))
    fell = {cell.name: cell for cell in report.cells if cell.fell}
    assert not report.passed
    assert "blur" in fell
    assert {"clean", "dark"}.isdisjoint(fell)
    assert fell["blur"].difference.value == pytest.approx(-20 / 120)
    assert fell["blur"].p == pytest.approx(2**-20)


def test_a_drop_in_one_category_fails_by_that_one() -> None:
    run = baseline(range(300))
    report = compare_with_baseline(run, swapped(run, range(1, 120, 3)))
    assert {cell.name for cell in report.cells if cell.fell} >= {"all", "Shoes"}
    assert {cell.name for cell in report.cells if cell.fell}.isdisjoint({"Tops", "Bags"})


def test_photos_of_one_group_count_once() -> None:
    queries = tuple(query(n, group="g") for n in range(60))
    run = Baseline("m", "s", 60, "", 0, queries, {"clean": (1,) * 60})
    assert compare_with_baseline(run, swapped(run, range(60))).cells[0].p == 0.5
    alone = replace(run, queries=tuple(replace(item, group="") for item in queries))
    assert not compare_with_baseline(alone, swapped(alone, range(60))).passed


def test_a_fresh_sample_of_an_unchanged_store_passes_and_of_a_broken_one_fails() -> None:
    run = baseline(range(300))
    same = compare_with_baseline(run, baseline(range(300, 600), seed=1))
    assert same.passed
    assert not same.paired
    assert same.left_out == ()
    broken = compare_with_baseline(run, baseline(range(300, 600), seed=2, dark=0.4))
    assert not broken.passed
    assert "dark" in {cell.name for cell in broken.cells if cell.fell}
    assert "clean" not in {cell.name for cell in broken.cells if cell.fell}


def test_unchanged_stores_hardly_ever_fail() -> None:
    run = baseline(range(100, 220), seed=50)
    assert all(compare_with_baseline(run, baseline(range(120), seed=seed)).passed for seed in range(12))


def test_what_cannot_be_compared_is_left_out_and_named() -> None:
    run = baseline()
    now = only(run, range(5, 120))
    gone = {"p0": "product-gone", "p1": "product-gone", "p2": "photo-gone", "p3": "photo-changed"}
    report = compare_with_baseline(run, replace(now, ranks={**now.ranks, "fog": (1,) * 115}), omissions=gone)
    values = {item.kind: (item.times, item.example) for item in report.left_out}
    assert report.passed
    assert report.paired
    assert report.cells[0].queries == 115
    assert values == {
        "product-gone": (2, "p0, p1"),
        "photo-gone": (1, "p2"),
        "photo-changed": (1, "p3"),
        "not-searched": (1, "p4"),
        "new-kind": (1, "fog"),
    }
    assert all(item.fix for item in report.left_out)
    assert sum("left out" in line for line in report.lines()) == 5


def test_the_order_of_the_queries_does_not_matter() -> None:
    run = baseline()
    worse = swapped(run, range(30))
    mixed = only(worse, random.Random(2).sample(range(120), 120))
    assert compare_with_baseline(run, mixed) == compare_with_baseline(run, worse)


def test_small_categories_are_pooled() -> None:
    names = ["A"] * 30 + ["B"] * 12 + ["C"] * 6 + ["D"] * 5
    queries = tuple(query(n, category=name) for n, name in enumerate(names))
    run = Baseline("m", "s", 60, "", 0, queries, {"clean": (1,) * 53})

    def category_sizes(**options: int) -> dict[str, int]:
        cells = compare_with_baseline(run, run, GateOptions(**options)).cells
        return {cell.name: cell.queries for cell in cells if cell.kind == "category"}

    assert category_sizes() == {"A": 30, "B": 12, "other": 11}
    assert category_sizes(max_categories=1) == {"A": 30, "other": 23}
    assert category_sizes(min_queries=31) == {}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_samples_pass_because_no_drop_can_be_significant(count: int) -> None:
    run = baseline(range(count))
    assert compare_with_baseline(run, swapped(run, range(count))).passed
    assert compare_with_baseline(run, baseline(range(100, 100 + count), seed=9)).passed


def test_runs_that_cannot_be_compared_are_refused() -> None:
    run = baseline()
    with pytest.raises(InvalidValue, match="were not searched for: blur, dark"):
        compare_with_baseline(run, replace(run, ranks={"clean": run.ranks["clean"]}))
    with pytest.raises(InvalidValue, match="nothing to compare"):
        compare_with_baseline(run, only(run, []))
    with pytest.raises(InvalidValue, match="nothing to compare"):
        compare_with_baseline(replace(run, ranks={}), run)
    with pytest.raises(InvalidValue, match=r"'lost'.*product-gone"):
        compare_with_baseline(run, only(run, range(1, 120)), omissions={"p0": "lost"})
    with pytest.raises(InvalidValue, match=r"could not fail. Raise alpha to 0.0007"):
        compare_with_baseline(run, run, GateOptions(alpha=0.0005))


def test_recall_at_5_is_reported_and_does_not_decide() -> None:
    run = baseline()
    later = replace(
        run, ranks={kind: tuple(4 if rank == 1 else rank for rank in row) for kind, row in run.ranks.items()}
    )
    report = compare_with_baseline(run, later)
    assert not report.passed
    assert report.cells[0].now.value == 0
    assert report.recall_at_5.difference.value == 0
    assert compare_with_baseline(later, swapped(later, range(120))).passed


def test_the_lines_begin_with_the_largest_drop() -> None:
    run = baseline()
    lines = compare_with_baseline(run, swapped(run, range(60), ["blur", "dark"])).lines()
    fell = [line for line in lines if line.startswith("FELL  ")]
    assert lines[: len(fell)] == fell
    drops = [float(line.split("(")[1].split(",")[0]) for line in fell]
    assert drops == sorted(drops) and drops[-1] < 0
    blur = run.ranks["blur"].count(1) / 1.2
    assert any(line.startswith(f"FELL  blur: {blur:.1f} % -> ") and line.endswith("120 queries)") for line in fell)
    assert f"passed  {7 - len(fell)} of 7 figures, on the same queries" in lines
    assert lines[-1].startswith("overall  recall@5: ")
    held, *values = compare_with_baseline(run, run).lines()
    assert held == "passed  7 of 7 figures, on the same queries"
    assert [line.split(":")[0] for line in values] == ["overall  all", "overall  recall@5"]


def test_the_report_is_ready_for_json() -> None:
    run = baseline()
    values = json.loads(json.dumps(compare_with_baseline(run, swapped(run, range(60))).as_json()))
    assert values["passed"] is False
    assert values["paired"] is True
    assert values["cells"][0].keys() == {"kind", "name", "queries", "before", "now", "difference", "p", "fell"}


# --- the power


def test_power_grows_with_the_share_and_with_the_same_queries() -> None:
    run = baseline(range(200))
    result = [estimate_power(run, share, trials=12) for share in (0.0, 0.04, 0.08, 0.3)]
    assert result[0] == 0
    assert result == sorted(result)
    assert result[-1] == 1
    assert result[1] < result[2]
    fresh = estimate_power(run, 0.08, fresh=True, trials=6)
    assert fresh <= result[2]
    assert fresh == estimate_power(run, 0.08, fresh=True, trials=6)
    assert estimate_power(run, 0.6, fresh=True, trials=3) == 1


def test_power_takes_a_share() -> None:
    with pytest.raises(InvalidValue, match="from 0 to 1"):
        estimate_power(baseline(), 5)
