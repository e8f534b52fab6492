"""Metrics: the definitions again in plain loops, worked examples, and another implementation on random runs."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoplens.errors import InvalidValue
from shoplens.evaluation.statistics.metrics import (
    METRICS,
    Grades,
    MetricTable,
    average_precision_at_r,
    compute_metrics,
    first_right_rank,
    ndcg_at,
    recall_at,
    reciprocal_rank,
    required_depth,
)

PRODUCTS = [f"p{number}" for number in range(40)]


def random_query(rng: np.random.Generator) -> tuple[list[str], dict[str, float]]:
    """A ranking of some products and grades of some; a few right ones may not be ranked at all."""
    ranked = [str(name) for name in rng.permutation(PRODUCTS)[: rng.integers(0, 41)]]
    right = rng.permutation(PRODUCTS)[: rng.choice([1, 1, 2, 3, 9, 10, 11, 20])]
    return ranked, {str(name): float(rng.integers(1, 5)) for name in right}


def restated(ranked: Sequence[str], grades: Grades) -> dict[str, float]:
    """The definitions, term by term."""
    rel = [1 if name in grades else 0 for name in ranked]
    ranks = [rank for rank in range(1, len(ranked) + 1) if rel[rank - 1]]
    dcg = sum(grades[ranked[rank - 1]] / math.log2(rank + 1) for rank in ranks if rank <= 10)
    best = sorted(grades.values(), reverse=True)[:10]
    ideal = sum(grade / math.log2(rank + 1) for rank, grade in enumerate(best, 1))
    r = len(grades)
    return {
        **{f"recall@{k}": 1.0 if sum(rel[:k]) > 0 else 0.0 for k in (1, 5, 10)},
        "mrr": 1 / min(ranks) if ranks else 0.0,
        "map@r": sum(sum(rel[:rank]) / rank for rank in ranks if rank <= r) / r,
        "ndcg@10": dcg / ideal,
    }


def test_the_table_names_every_metric_and_says_what_it_is() -> None:
    assert list(METRICS) == ["recall@1", "recall@5", "recall@10", "mrr", "map@r", "ndcg@10"]
    assert all(len(metric.about) > 10 for metric in METRICS.values())


@pytest.mark.parametrize(
    ("ranked", "expected"),
    [
        (["a", "b", "c"], (1, 1, 1, 1, 1, 1)),
        (["a", "x", "b", "c"], (1, 1, 1, 1, (1 + 2 / 3) / 3, (3 + 2 / 2 + 1 / math.log2(5)) / 4.761859507142915)),
        (["x", "c"], (0, 1, 1, 1 / 2, (1 / 2) / 3, (1 / math.log2(3)) / 4.761859507142915)),
        ([*"vwxyz", "b"], (0, 0, 1, 1 / 6, 0, (2 / math.log2(7)) / 4.761859507142915)),
        ([*"0123456789", "a"], (0, 0, 0, 1 / 11, 0, 0)),
        (["x"], (0, 0, 0, 0, 0, 0)),
        ([], (0, 0, 0, 0, 0, 0)),
    ],
)
def test_worked_examples_with_three_right_products(ranked: list[str], expected: tuple[float, ...]) -> None:
    values = compute_metrics(ranked, {"c": 1.0, "a": 3.0, "b": 2.0})
    assert values == pytest.approx(dict(zip(METRICS, expected, strict=True)), abs=1e-12)


def test_the_example_of_the_paper_that_names_map_at_r() -> None:
    """Musgrave, Belongie, Lim 2020, table 1: ten right products, first only; first and last; first two; all."""
    grades = {f"right {number}": 1.0 for number in range(10)}
    wrong = [f"wrong {number}" for number in range(10)]
    right = list(grades)
    assert average_precision_at_r([right[0], *wrong[:9]], grades) == pytest.approx(0.1)
    assert average_precision_at_r([right[0], *wrong[:8], right[1]], grades) == pytest.approx(0.12)
    assert average_precision_at_r([*right[:2], *wrong[:8]], grades) == pytest.approx(0.2)
    assert average_precision_at_r(right, grades) == pytest.approx(1.0)


def test_every_metric_equals_its_definition_on_random_rankings() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        ranked, grades = random_query(rng)
        assert compute_metrics(ranked, grades) == pytest.approx(restated(ranked, grades), abs=1e-12)


def test_another_implementation_gives_equal_metrics_on_random_runs() -> None:
    rng = np.random.default_rng(2)
    queries = {f"q{number}": random_query(rng) for number in range(300)}
    queries = {name: query for name, query in queries.items() if query[0]}
    judged = {name: {item: int(grade) for item, grade in grades.items()} for name, (_, grades) in queries.items()}
    run = {
        name: {item: float(len(ranked) - place) for place, item in enumerate(ranked)}
        for name, (ranked, _) in queries.items()
    }
    same = {
        ir_measures.Success @ 1: "recall@1",
        ir_measures.Success @ 5: "recall@5",
        ir_measures.Success @ 10: "recall@10",
        ir_measures.RR: "mrr",
        ir_measures.nDCG @ 10: "ndcg@10",
        **{ir_measures.AP @ r: "map@r" for r in {len(grades) for _, grades in queries.values()}},
    }
    compared = dict.fromkeys(METRICS, 0)
    for theirs in ir_measures.iter_calc(list(same), judged, run):
        ranked, grades = queries[theirs.query_id]
        name = same[theirs.measure]
        if name == "map@r" and theirs.measure != ir_measures.AP @ len(grades):
            continue
        assert compute_metrics(ranked, grades)[name] == pytest.approx(theirs.value, abs=1e-6), (name, ranked, grades)
        compared[name] += 1
    assert compared == dict.fromkeys(METRICS, len(queries))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PRODUCTS), unique=True),
    st.dictionaries(
        st.sampled_from(PRODUCTS),
        st.floats(min_value=0, exclude_min=True, max_value=sys.float_info.max),
        min_size=1,
    ),
)
def test_metrics_are_shares_and_agree_with_the_rank_of_the_first(ranked: list[str], grades: dict[str, float]) -> None:
    values = compute_metrics(ranked, grades)
    assert all(0 <= number <= 1 for number in values.values())
    rank = first_right_rank(ranked, grades)
    assert values["mrr"] == (0 if rank is None else 1 / rank)
    for k in (1, 5, 10):
        assert values[f"recall@{k}"] == (rank is not None and rank <= k)


@given(st.dictionaries(st.sampled_from(PRODUCTS), st.floats(min_value=1e-6, max_value=1e6), min_size=1))
def test_the_best_order_is_worth_one_whatever_follows(grades: dict[str, float]) -> None:
    best = sorted(grades, key=lambda name: -grades[name])
    wrong = [name for name in PRODUCTS if name not in grades]
    assert compute_metrics(best + wrong, grades) == pytest.approx(dict.fromkeys(METRICS, 1.0))


def test_ndcg_does_not_depend_on_the_order_or_scale_of_equal_grades() -> None:
    first, second = ["a", "b", "x", "c"], ["b", "a", "x", "c"]
    assert compute_metrics(first, {"a": 2.0, "b": 2.0, "c": 1.0}) == compute_metrics(
        second, {"a": 2.0, "b": 2.0, "c": 1.0}
    )
    assert ndcg_at(10)(first, {"a": 2.0, "c": 1.0}) == pytest.approx(ndcg_at(10)(first, {"a": 20.0, "c": 10.0}))
    assert ndcg_at(10)(first, {"a": 2.0, "c": 1.0}) > ndcg_at(10)(first, {"a": 1.0, "c": 2.0})


def test_rounding_makes_no_order_better_than_the_best() -> None:
    grades = {name: 1 - ulps * 2.0**-53 for name, ulps in zip("abcdef", (0, 2, 2, 1, 2, 2), strict=True)}
    assert ndcg_at(10)("abcdef", grades) == 1.0


def test_the_ideal_counts_right_products_that_were_not_ranked() -> None:
    assert ndcg_at(10)(["a"], {"a": 1.0, "b": 1.0}) == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_a_ranking_of_the_required_depth_determines_all_but_a_later_first_rank() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        ranked, grades = random_query(rng)
        whole, cut = compute_metrics(ranked, grades), compute_metrics(ranked[: required_depth(grades)], grades)
        assert {**cut, "mrr": 0} == {**whole, "mrr": 0}
        assert cut["mrr"] in (whole["mrr"], 0.0)


def test_the_depth_is_ten_or_the_number_of_right_products() -> None:
    assert [required_depth({f"{n}": 1.0 for n in range(count)}) for count in (1, 10, 11, 40)] == [10, 10, 11, 40]


def test_the_rank_of_the_first_right_product_counts_from_one() -> None:
    assert first_right_rank(["a", "b", "c"], {"a": 1.0, "c": 9.0}) == 1
    assert first_right_rank(["a", "b", "c"], {"c": 9.0}) == 3
    assert first_right_rank(["a", "b", "c"], {"d": 1.0}) is None
    assert first_right_rank([], {"d": 1.0}) is None


def test_recall_at_k_ends_at_k() -> None:
    ranked = [*"0123456789"]
    for rank, name in enumerate(ranked, 1):
        assert [recall_at(k)(ranked, {name: 1.0}) for k in range(1, 11)] == [float(k >= rank) for k in range(1, 11)]
        assert reciprocal_rank(ranked, {name: 1.0}) == 1 / rank


@pytest.mark.parametrize("grade", [0.0, -1.0, float("nan"), float("inf")])
def test_a_grade_that_is_no_gain_is_refused(grade: float) -> None:
    with pytest.raises(InvalidValue, match=r"grade of 'b' is .* above 0"):
        compute_metrics(["a"], {"a": 1.0, "b": grade})


def test_a_query_without_right_products_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no right products"):
        compute_metrics(["a"], {})


def test_a_product_ranked_twice_is_refused_by_name() -> None:
    with pytest.raises(InvalidValue, match="'b' is ranked more than once"):
        compute_metrics(["a", "b", "c", "b"], {"a": 1.0})


def test_a_table_gives_back_what_was_added_in_order() -> None:
    rng = np.random.default_rng(4)
    table, rows = MetricTable(), []
    for number in range(50):
        rows.append(compute_metrics(*random_query(rng)))
        table.add(rows[-1], f"product {number % 7}", "Shoes")
    assert len(table) == 50
    for name in METRICS:
        assert table.values(name).dtype == np.float32
        assert table.values(name).tolist() == pytest.approx([row[name] for row in rows], rel=1e-7)
    same = table.clusters[:, None] == table.clusters[None, :]
    assert (same == (np.subtract.outer(np.arange(50), np.arange(50)) % 7 == 0)).all()


def test_a_table_goes_on_after_it_was_read() -> None:
    table = MetricTable(["rank"])
    table.add({"rank": 3.0}, "a")
    before = table.values("rank"), table.clusters
    table.add({"rank": 4.0}, "a")
    assert [column.tolist() for column in before] == [[3.0], table.clusters[:1].tolist()]
    assert table.values("rank").tolist() == [3.0, 4.0]


def test_clusters_are_the_same_numbers_in_every_process() -> None:
    table = MetricTable(["rank"])
    table.add({"rank": 1.0}, "p1")
    table.add({"rank": 1.0}, "a name that is no text \udcff")
    assert table.clusters.tolist()[0] == 10506498227197777640


def test_parts_are_all_then_the_categories_with_the_most_queries_first() -> None:
    table = MetricTable(["rank"])
    for category in ("Hats", "Shoes", "", "Bags", "Shoes", "all"):
        table.add({"rank": 1.0}, "p", category)
    parts = [(name, rows.tolist()) for name, rows in table.subsets()]
    assert parts == [("all", [0, 1, 2, 3, 4, 5]), ("Shoes", [1, 4]), ("Bags", [3]), ("Hats", [0]), ("all", [5])]


def test_the_rows_of_a_part_are_those_of_its_category_in_order() -> None:
    categories = [str(name) for name in np.random.default_rng(5).choice(["Hats", "Shoes", "Bags", "Belts"], 1000)]
    table = MetricTable(["rank"])
    for number, category in enumerate(categories):
        table.add({"rank": number}, "p", category)
    for name, rows in list(table.subsets())[1:]:
        assert rows.tolist() == [number for number, category in enumerate(categories) if category == name]


def test_an_empty_table_has_no_subsets() -> None:
    table = MetricTable()
    assert (len(table), list(table.subsets()), table.values("mrr").size, table.clusters.size) == (0, [], 0, 0)


def test_a_row_that_does_not_fit_is_refused_and_leaves_nothing_behind() -> None:
    table = MetricTable(["one", "two"])
    with pytest.raises(InvalidValue, match=r"A row has the numbers \['one'\]. Give exactly \['one', 'two'\]"):
        table.add({"one": 1.0}, "p")
    with pytest.raises(InvalidValue, match="two of a query of 'p' is nan"):
        table.add({"one": 1.0, "two": float("nan")}, "p")
    with pytest.raises(InvalidValue, match="no column 'three'"):
        table.values("three")
    assert (len(table), table.values("one").size) == (0, 0)
