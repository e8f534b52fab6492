"""What is kept of many answers: means, curves, the worst, the confused; in little memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_runs import CATEGORY_RECALL, JudgedRun
from shoplens.evaluation.statistics.intervals import estimate
from shoplens.evaluation.statistics.metrics import METRICS, compute_metrics
from shoplens.evaluation.statistics.scores import CONFUSED, CURVE, MAX_PAIRS, SHOWN, WORST, Scores
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.ranking.strategies import EncodedQuery
from shoplens.types import Photo, Product, Region, Result
from tests.fakes import product

PHOTO = EncodedQuery(np.array([1, 0, 0, 0], np.float32))


def result(rank: int, found: Product, score: float = 0.5) -> Result:
    return Result(rank, found, score, f"/{found.id}-matched.png", {"look": score})


def run(
    right: str,
    rank: int | None,
    *,
    first: str = "wrong",
    score: float = 0.5,
    category: str = "Hats",
    group: str = "",
    grades: Mapping[str, float] | None = None,
) -> JudgedRun:
    """An answer whose right product is at this rank; ``first`` comes first, then ``x2``, ``x3``, …"""
    wanted = product(right, f"/{right}.png", category=(category,) if category else (), group_id=group)
    fillers = [first, *(f"x{place}" for place in range(2, 8))]
    results = [result(place, product(name, f"/{name}.png"), score) for place, name in enumerate(fillers, 1)]
    if rank is not None and rank <= 7:
        results[rank - 1] = result(rank, wanted, score)
    values = dict(grades or {right: 1.0})
    numbers = compute_metrics([item.product.id for item in results], values)
    numbers[CATEGORY_RECALL] = float(rank == 1) if category else -1.0
    times = {"retrieve": 2.0, "rank": 1.0, "total": 3.5}
    return JudgedRun(JudgedQuery(f"/{right}-query.png", values), PHOTO, wanted, results, numbers, rank, times)


def scores_of(*runs: JudgedRun, seed: int = 0) -> Scores:
    scores = Scores(seed)
    for item in runs:
        scores.add(item)
    return scores


def many(count: int, start: int = 0) -> Iterator[JudgedRun]:
    """Answers of which no two are alike; every seventh is right."""
    patterns = [run("right", 1 if number == 0 else 1 + number, category=f"c{number}") for number in range(7)]
    for number in range(start, start + count):
        pattern = patterns[number % 7]
        right = replace(pattern.right, id=f"p{number}")
        first = right if pattern.rank == 1 else product(f"w{number}", "/w.png")
        results = [result(1, first, (number % 1000) / 1000), *pattern.results[1:]]
        query = JudgedQuery(f"/p{number}-query.png", {right.id: 1.0})
        yield replace(pattern, query=query, right=right, results=results)


def test_means_have_the_intervals_of_their_designs() -> None:
    runs = [run("a", 1, group="g"), run("b", 2, group="g"), run("c", None), run("d", 1, category="")]
    scores = scores_of(*runs, seed=3)
    assert len(scores) == 4
    fields = scores.metrics()
    assert list(fields) == [*METRICS, CATEGORY_RECALL]
    clusters = ["g", "g", "c", "d"]
    for name in METRICS:
        values = np.float32([item.metrics[name] for item in runs])
        assert fields[name].value == pytest.approx(estimate(values, clusters, 3).value)
    first = fields["recall@1"]
    assert (first.value, 0 <= first.low < 0.5 < first.high <= 1) == (0.5, True)
    assert fields[CATEGORY_RECALL].value == pytest.approx(1 / 3)  # of the three that have a category
    assert scores.metrics([2]) == {name: estimate([0.0], ["c"], 3) for name in fields}
    assert CATEGORY_RECALL not in scores.metrics([3])
    assert Scores().metrics() == {}


def test_each_category_has_metrics_of_its_own() -> None:
    scores = scores_of(run("a", 1), run("b", 3, category="Shoes"), run("c", 2), run("d", 1, category=""))
    parts = {part.name: (part.queries, part.metrics["recall@1"].value) for part in scores.categories()}
    assert list(parts.items()) == [("Hats", (2, 0.5)), ("Shoes", (1, 0.0))]


def test_the_curve_is_recall_at_every_k() -> None:
    curve = scores_of(run("a", 1), run("b", 3), run("c", 50), run("d", None), run("e", 51)).curve()
    assert [item.value for item in curve] == pytest.approx([0.2, 0.2] + [0.4] * 47 + [0.6])
    assert len(curve) == CURVE
    assert all(item.low <= item.value <= item.high for item in curve)


def test_times_are_medians() -> None:
    scores = scores_of(run("a", 1), run("b", 1))
    assert scores.milliseconds() == {"retrieve": 2.0, "rank": 1.0}
    assert Scores().milliseconds() == {}


def test_worst_answers_are_sorted_by_rank_and_score_with_one_per_design() -> None:
    runs = [
        run("right", 1),
        run("third", 3, score=0.9),
        run("sure", None, score=0.8, group="h"),
        run("unsure", None, score=0.2),
        run("variant", 7, group="h"),
        run("variant2", None, score=0.5, group="g"),
        run("variant1", None, score=0.6, group="g"),
    ]
    worst = scores_of(*runs).worst()
    assert [answer.photo for answer in worst] == [
        f"/{name}-query.png" for name in ("sure", "variant1", "unsure", "third")
    ]
    assert [answer.rank for answer in worst] == [None, None, None, 3]
    third = worst[-1]
    assert [item.product_id for item in third.results] == ["wrong", "x2", "third", "x4", "x5"]
    assert len(third.results) == SHOWN
    assert [(item.product_id, item.photo, item.score) for item in third.right] == [("third", "/third-matched.png", 0.9)]
    assert [(item.product_id, item.photo, item.score) for item in worst[0].right] == [("sure", "/sure.png", 0.0)]


def test_the_other_right_products_that_were_found_are_shown_too() -> None:
    (answer,) = scores_of(run("a", 2, grades={"a": 2.0, "x5": 1.0, "elsewhere": 1.0})).worst()
    assert [item.product_id for item in answer.right] == ["a", "x5"]


def test_an_answer_without_results_is_kept() -> None:
    empty = run("a", None)
    bare = JudgedRun(
        JudgedQuery("/a.png", {"a": 1.0}, Region(1, 2, 3, 4)),
        PHOTO,
        empty.right,
        [],
        empty.metrics,
        None,
        empty.milliseconds,
    )
    scores = scores_of(bare)
    (answer,) = scores.worst()
    assert (answer.results, answer.rank, answer.region) == ((), None, Region(1, 2, 3, 4))
    assert scores.confused(ExactIndex(4)) == []


def test_worst_answers_are_kept_whatever_follows() -> None:
    terrible = [run(f"t{number}", None, score=0.99 - number / 1000) for number in range(WORST)]
    scores = scores_of(*list(many(300)), *terrible[:10], *many(600, 300), *terrible[10:], *many(600, 900))
    assert [answer.photo for answer in scores.worst()] == [f"/t{number}-query.png" for number in range(WORST)]


def index_of(*names: str) -> ExactIndex:
    index = ExactIndex(4)
    for name in names:
        photo = Photo(f"/{name}.png", f"{len(name):032x}", "", 8, 8)
        index.upsert([IndexedProduct(product(name, photo.source), (photo,), PHOTO.vector[None])])
    return index


def test_confused_products_are_counted_in_pairs() -> None:
    runs = [run("a", 2, first="b"), run("b", 3, first="a"), run("a", 2, first="b"), run("a", 1), run("c", 2, first="a")]
    values = scores_of(*runs).confused(index_of("a", "b", "c"))
    assert [(item.right.product_id, item.first_result.product_id, item.times) for item in values] == [
        ("a", "b", 2),
        ("b", "a", 1),
        ("c", "a", 1),
    ]
    assert (values[0].right.title, values[0].first_result.photo) == ("The a", "/b.png")


def test_the_most_confused_pairs_are_kept_among_many() -> None:
    names = [f"a{number:02}" for number in range(CONFUSED + 2)]
    often = [run(name, 2, first="b") for name in names for _ in range(5)]
    scores = scores_of(*often, *many(3 * MAX_PAIRS // 2), *often)
    values = scores.confused(index_of("b", *names))
    assert [(item.right.product_id, item.times) for item in values] == [(name, 10) for name in names[:CONFUSED]]


@pytest.mark.slow
def test_memory_is_flat() -> None:
    scores = scores_of(*many(100))
    tracemalloc.start()
    held = []
    for start in range(0, 20_000, 10_000):
        for item in many(10_000, start):
            scores.add(item)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(scores) == 20_100
    assert held[1] < 5e6
    assert len(scores.worst()) == WORST
