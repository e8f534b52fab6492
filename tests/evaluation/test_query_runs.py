"""Answers are those of a search, judged by the definitions: on toy catalogues of colours, by brute force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_runs import (
    ABSENT,
    CATEGORY_RECALL,
    DEPTH,
    Gallery,
    JudgedRun,
    evaluate_query,
    select_answerable,
)
from shoplens.evaluation.statistics.metrics import compute_metrics
from shoplens.feeds import Report
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.ranking.match_probability import REFERENCE
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.types import MAX_RESULTS, Photo, Rejection
from tests.fakes import BLUE, GREEN, RED, WHITE, Color, colour_vector, numbered_color, product

PRETRAINED = PreparedStrategy(strategy_named("pretrained"))
Categories = Mapping[str, tuple[str, ...]]


def index_of(colors: Mapping[str, Sequence[Color]], categories: Categories | None = None) -> ExactIndex:
    """Products with a photo of each of their colours; equal colours are equal photos."""
    index = ExactIndex(4)
    for name, several in colors.items():
        sources = [f"/{name}-{number}.png" for number in range(len(several))]
        photos = tuple(
            Photo(source, f"{color}".encode().hex()[:32].ljust(32, "0"), "", 8, 8)
            for source, color in zip(sources, several, strict=True)
        )
        item = product(name, *sources, category=(categories or {}).get(name, ()), group_id=f"group of {name[0]}")
        index.upsert([IndexedProduct(item, photos, np.stack([colour_vector(color) for color in several]))])
    return index


def run(
    index: ExactIndex,
    color: Color,
    grades: Mapping[str, float] | Iterable[str],
    excluded: Iterable[str] = (),
    *,
    gallery: Gallery = "all",
) -> JudgedRun:
    values = grades if isinstance(grades, Mapping) else dict.fromkeys(grades, 1.0)
    query = JudgedQuery("/query.png", values, excluded=frozenset(excluded))
    result = evaluate_query(index, PRETRAINED, query, EncodedQuery(colour_vector(color)), gallery)
    assert result is not None
    return result


def ids(found: JudgedRun) -> list[str]:
    return [result.product.id for result in found.results]


@pytest.mark.parametrize("seed", range(5))
def test_answers_and_metrics_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    colors = {
        f"p{number:02}": [numbered_color(int(item)) for item in rng.integers(0, 9_999, rng.integers(1, 4))]
        for number in range(40)
    }
    categories = {name: (("A", "B"), ("A", "C"), ())[int(rng.integers(3))] for name in colors}
    index = index_of(colors, categories)
    for first_photos in False, True:
        names = rng.permutation(list(colors)).tolist()
        grades = {name: float(rng.integers(1, 4)) for name in names[: rng.integers(1, 6)]}
        excluded = names[20:30]
        asked = numbered_color(int(rng.integers(0, 9_999)))
        result = run(index, asked, grades, excluded, gallery="first-photos" if first_photos else "all")
        vectors = {
            name: [colour_vector(item) for item in (several[:1] if first_photos else several)]
            for name, several in colors.items()
        }
        best = {name: max(float(item @ colour_vector(asked)) for item in vectors[name]) for name in colors}
        expected = sorted(set(colors) - set(excluded), key=lambda name: (-best[name], name))
        assert ids(result) == expected
        assert {**result.metrics, CATEGORY_RECALL: 0.0} == {**compute_metrics(expected, grades), CATEGORY_RECALL: 0.0}
        right = next(iter(grades))
        same = next((name for name in expected if categories[name] == categories[right]), None)
        assert result.metrics[CATEGORY_RECALL] == (float(same in grades) if categories[right] else -1.0)
        assert result.rank == 1 + min(expected.index(name) for name in grades)
        assert (result.right.id, result.category) == (right, " / ".join(categories[right]))


def test_designs_are_clusters() -> None:
    index = index_of({"a1": [RED], "b": [GREEN]})
    assert run(index, RED, ["a1"]).cluster == "group group of a"
    index.replace_products([product("a1", "/a1-0.png")])
    assert run(index, RED, ["a1"]).cluster == "product a1"
    assert run(index, RED, ["a1"]).category == ""


def test_times_of_retrieval_and_ranking_are_measured() -> None:
    values = run(index_of({"a": [RED]}), RED, ["a"]).milliseconds
    assert values["retrieve"] >= 0 and values["rank"] >= 0


def test_the_first_photo_of_another_product_is_found_although_it_is_held_out() -> None:
    """Where two products share a photo, the one whose first photo it is is in the gallery, by that very photo."""
    index = index_of({"red": [RED, GREEN], "green": [GREEN], "blue": [BLUE, GREEN]})
    query = JudgedQuery("/red-1.png", {"red": 1.0})
    photo = index.records(["green"])[0].photos[0]
    asked = EncodedQuery(colour_vector(GREEN), (photo.pixel_hash,), photo.content_hash)
    held_out = evaluate_query(index, PRETRAINED, query, asked, "first-photos")
    assert held_out is not None
    assert (held_out.results[0].product.id, held_out.results[0].same_photo) == ("green", True)
    assert [item.same_photo for item in held_out.results[1:]] == [False, False]
    assert [item.photo for item in held_out.results if item.product.id == "red"] == ["/red-0.png"]
    everything = evaluate_query(index, PRETRAINED, query, asked)
    assert everything is not None
    assert [item.same_photo for item in everything.results] == [True, True, True]
    assert (held_out.rank in (2, 3), everything.rank) == (True, 3)
    others = evaluate_query(index, PRETRAINED, query, asked, "other-photos")
    assert others is not None
    assert sorted(ids(others)) == ["blue", "red"], "the only photo of green is the query photo"
    assert not any(item.same_photo for item in others.results)


def test_a_product_that_was_removed_meanwhile_is_not_judged() -> None:
    index = index_of({"red": [RED], "green": [GREEN]})
    index.remove(["red"])
    assert (
        evaluate_query(index, PRETRAINED, JudgedQuery("/q.png", {"red": 1.0}), EncodedQuery(colour_vector(RED))) is None
    )


def test_the_query_itself_can_be_excluded() -> None:
    index = index_of({"a": [RED], "b": [(250, 0, 0)], "c": [BLUE]})
    assert (ids(run(index, RED, ["b"])), run(index, RED, ["b"]).rank) == (["a", "b", "c"], 2)
    alone = run(index, RED, ["b"], ["a", "unknown"])
    assert (ids(alone), alone.rank, alone.metrics["recall@1"]) == (["b", "c"], 1, 1.0)


def test_as_many_results_are_ranked_as_the_metrics_need() -> None:
    colors = {f"p{number:03}": [(0, number, 0)] for number in range(200)}
    index = index_of(colors)
    assert len(run(index, WHITE, ["p000"]).results) == DEPTH
    missed = run(index, (0, 255, 0), ["p000"])
    assert (missed.rank, missed.metrics["mrr"]) == (None, 0.0)
    assert len(run(index, WHITE, list(colors)[:150]).results) == 150 + REFERENCE
    assert run(index, WHITE, list(colors)).metrics["map@r"] == pytest.approx(1.0)
    excluded = sorted(colors)[150:]
    assert len(run(index, (0, 255, 0), ["p000"], excluded).results) == DEPTH


def test_the_best_of_the_category_is_searched_beyond_the_first_hundred() -> None:
    colors = {f"near{number:03}": [(255, number, 0)] for number in range(DEPTH + 20)}
    colors |= {"far1": [(0, 0, 250)], "far2": [(0, 0, 200)], "twin": [(0, 0, 255)]}
    categories = dict.fromkeys(colors, ("Men", "Shoes"))
    categories |= {"far1": ("Men", "Hats"), "far2": ("Men", "Hats"), "twin": ("Women", "Hats")}
    index = index_of(colors, categories)

    def category_recall(right: list[str], excluded: Sequence[str] = ()) -> float:
        result = run(index, RED, right, excluded)
        assert not {"far1", "far2", "twin"} & set(ids(result))
        return result.metrics[CATEGORY_RECALL]

    red = colour_vector(RED)
    first, second = sorted(("far1", "far2"), key=lambda name: -float(colour_vector(colors[name][0]) @ red))
    assert (
        category_recall([first]),
        category_recall([second]),
        category_recall([second, first]),
        category_recall([second], [first]),
    ) == (
        1.0,
        0.0,
        1.0,
        1.0,
    )
    assert category_recall(["twin"]) == 1.0  # "Hats" of another branch are another category
    assert run(index, RED, ["near000"]).metrics[CATEGORY_RECALL] == 1.0


@pytest.mark.slow
def test_a_category_behind_ten_thousand_others_is_not_found() -> None:
    colors: dict[str, Sequence[Color]] = {f"p{number}": [RED] for number in range(MAX_RESULTS + 5)}
    categories: dict[str, tuple[str, ...]] = dict.fromkeys(colors, ("Hats", "Men"))
    result = run(index_of(colors | {"right": [BLUE]}, categories | {"right": ("Men", "Hats")}), RED, ["right"])
    assert result.metrics[CATEGORY_RECALL] == 0.0


def answered(index: ExactIndex, *queries: JudgedQuery | Rejection) -> tuple[list[JudgedQuery], Report]:
    report = Report()
    return list(select_answerable(index, queries, report)), report


def test_only_right_products_in_the_index_with_a_positive_grade_are_judged() -> None:
    index = index_of({"a": [RED], "b": [GREEN]})

    def query(grades: Sequence[str], excluded: Sequence[str] = (), row: int = 1) -> JudgedQuery:
        values = {name: float(place) for place, name in enumerate(grades, start=1)}
        return JudgedQuery(f"/{row}.png", values, None, frozenset(excluded), row)

    queries = [
        query(["b", "a"]),
        query(["gone", "b"], row=2),
        query(["gone", "lost"], row=3),
        query(["a", "b"], ["a"], row=4),
        query(["a", "b"], ["a", "b"], row=5),
        query(["a", "gone"], ["a"], row=6),
        Rejection("query-incomplete", "no photo", "write it", row=7),
    ]
    left, report = answered(index, *queries)
    assert [(item.row, dict(item.grades)) for item in left] == [
        (1, {"b": 1.0, "a": 2.0}),
        (2, {"b": 2.0}),
        (4, {"b": 2.0}),
    ]
    assert list(left[0].grades) == ["b", "a"]
    assert [(row.level, row.kind, row.times, row.example) for row in report.summary()] == [
        ("rejected", ABSENT, 2, "row 3, product_id: gone|lost"),
        ("rejected", "query-all-excluded", 1, "row 5, exclude: /5.png"),
        ("rejected", "query-incomplete", 1, "row 7"),
        ("note", "right-product-not-in-store", 1, "row 2, product_id: gone"),
    ]
    assert all(row.fix for row in report.summary())


def test_a_right_product_may_be_named_by_a_row_of_it_or_its_old_id() -> None:
    index = index_of({"a": [RED], "b": [GREEN], "c": [BLUE]})
    records = {record.product.id: record.product for record in index.all_records()}
    names = {"a": ("a-S", "both"), "b": ("b-S", "both"), "c": ("a",)}
    index.replace_products([replace(records[name], identifiers=some) for name, some in names.items()])
    index.renames = lambda: {"old b": "b"}

    def left(grades: dict[str, float], *excluded: str) -> tuple[dict[str, float], set[str]] | None:
        item, report = answered(index, JudgedQuery("/q.png", grades, None, frozenset(excluded), 1))
        assert len(item) + report.rejected == 1
        return (dict(item[0].grades), set(item[0].excluded)) if item else None

    assert left({"a-S": 1.0}) == ({"a": 1.0}, set())
    assert left({"a": 2.0, "a-S": 1.0, "old b": 0.5}) == ({"a": 2.0, "b": 0.5}, set())
    assert left({"both": 1.0}) == ({"a": 1.0, "b": 1.0}, set())
    assert left({"both": 1.0}, "b-S") == ({"a": 1.0}, {"b", "b-S"})
    assert left({"a-S": 1.0}, "a") is None
