"""What is on the map: all products of a small shop by their first photos, and a sample of the queries."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from shoplens.evaluation.catalogue_map.mapping import MAX_QUERIES, QuerySample, build_catalogue_map
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_runs import JudgedRun
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.ranking.strategies import EncodedQuery
from shoplens.types import Photo
from tests.fakes import BLUE, GREEN, RED, Color, colour_vector, numbered_color, product


def index_of(colors: dict[str, list[Color]]) -> ExactIndex:
    index = ExactIndex(4)
    for name, several in colors.items():
        sources = [f"/{name}-{number}.png" for number in range(len(several))]
        photos = tuple(
            Photo(source, hashlib.blake2b(source.encode(), digest_size=16).hexdigest(), "", 8, 8) for source in sources
        )
        vectors = np.stack([colour_vector(color) for color in several])
        index.upsert([IndexedProduct(product(name, *sources, category=(name[0],)), photos, vectors)])
    return index


def run(photo: str, color: Color = RED, rank: int | None = 1) -> JudgedRun:
    vector = EncodedQuery(colour_vector(color))
    return JudgedRun(JudgedQuery(photo, {"right": 2.0, "other": 1.0}), vector, product("right", "/r"), [], {}, rank, {})


def sample_of(*runs: JudgedRun) -> QuerySample:
    sample = QuerySample()
    for item in runs:
        sample.add(item)
    return sample


def test_products_lie_by_their_first_photos_and_queries_beside_what_they_look_like() -> None:
    index = index_of({"red": [RED, BLUE], "green": [GREEN, RED], "blue": [BLUE], "wine": [(200, 0, 30)]})
    sample = sample_of(run("/a.png", (250, 5, 5)), run("/b.png", BLUE, 2), run("/c.png", BLUE, None))
    drawn = build_catalogue_map(index, sample)
    assert [item.product_id for item in drawn.products] == ["blue", "green", "red", "wine"]
    assert [item.photo for item in drawn.products] == [f"/{name}-0.png" for name in ("blue", "green", "red", "wine")]
    assert [item.dimensions["category"] for item in drawn.products] == ["b", "g", "r", "w"]
    places = {item.product_id: np.array([item.x, item.y]) for item in drawn.products}
    near = np.linalg.norm(places["red"] - places["wine"])
    assert near < np.linalg.norm(places["red"] - places["blue"])
    assert near < np.linalg.norm(places["red"] - places["green"])
    values = {item.photo: item for item in drawn.queries}
    assert {name: item.found_right for name, item in values.items()} == {
        "/a.png": True,
        "/b.png": False,
        "/c.png": False,
    }
    assert values["/a.png"].right == ("right", "other")
    assert np.linalg.norm(np.array([values["/b.png"].x, values["/b.png"].y]) - places["blue"]) < 0.2
    assert "PCA" in drawn.note and "drawn by" not in drawn.note


def test_the_same_queries_are_drawn_whatever_their_order() -> None:
    runs = [run(f"/{number}.png", numbered_color(number)) for number in range(3 * MAX_QUERIES)]
    few = sample_of(*runs[:5]).queries()
    assert sorted(seen.photo for seen in few) == [f"/{number}.png" for number in range(5)]
    once, again = (sample_of(*order).queries() for order in (runs, runs[::-1]))
    assert len(once) == MAX_QUERIES
    assert [seen.photo for seen in once] == [seen.photo for seen in again]


@pytest.mark.parametrize("count", [1, 2])
def test_a_tiny_shop_has_a_map_too(count: int) -> None:
    drawn = build_catalogue_map(
        index_of({f"p{number}": [numbered_color(number)] for number in range(count)}), QuerySample()
    )
    assert len(drawn.products) == count
    assert drawn.queries == []
    assert all(0 <= item.x <= 1 and 0 <= item.y <= 1 for item in drawn.products)


def test_a_shop_without_products_has_an_empty_map() -> None:
    drawn = build_catalogue_map(ExactIndex(4), sample_of(run("/a.png")))
    assert (list(drawn.products), len(drawn.queries)) == ([], 1)
