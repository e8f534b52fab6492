"""Pages of a ranking: whatever their size, each product is on exactly one of them, merchandised ones included."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from shoplens.index.condition_parser import parse_condition
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import PhotoConstraint, PhotoHits, VectorQuery
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.strategies import STRATEGIES, EncodedQuery
from shoplens.search.candidates import BLOCKS, merge_tiers, retrieve_tiers
from shoplens.search.constraint import RankingConstraint
from shoplens.settings import Merchandising
from tests.ranking.test_filter_retrieval import ToyShop, build_query
from tests.ranking.test_filter_retrieval import shop as shop  # a fixture

STRATEGY = STRATEGIES["filters-static"]


class ForgetfulIndex(ExactIndex):
    """An index that misses every sixth photo, other ones for each number of photos that it is asked for, as the search
    of a graph does."""

    def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
        hits = super().nearest_photos(query, limit, constraint)
        if len(hits.keys) < 20:  # few products that meet a condition are compared one by one
            return hits
        kept = [n for n in range(len(hits.keys)) if (n + limit // 25) % 6]
        return PhotoHits([hits.keys[n] for n in kept], hits.scores[kept])


@pytest.fixture(scope="module")
def index(shop: ToyShop) -> ForgetfulIndex:
    """Return the toy shop with groups of four products, of which every third product is sold out."""
    index = ForgetfulIndex(shop.index.dimensions)
    index.upsert(
        [
            replace(one, product=replace(one.product, group_id=f"design {n % 17}", in_stock=n % 3 > 0))
            for n, one in enumerate(shop.entries)
        ]
    )
    return index


def rank(index: ExactIndex, query: FilterQuery, constraint: RankingConstraint) -> list[str]:
    encoded = EncodedQuery(np.zeros(1, np.float32), filtered=query)
    results = merge_tiers(STRATEGY, encoded, retrieve_tiers(index, STRATEGY, encoded, constraint), constraint.k)
    assert [result.rank for result in results] == list(range(1, len(results) + 1))
    return [result.product.id for result in results]


@pytest.mark.parametrize("seed", range(12))
def test_pages_of_any_size_add_up_to_one_ranking(shop: ToyShop, index: ForgetfulIndex, seed: int) -> None:
    draw = random.Random(seed)
    ids = [one.product.id for one in shop.entries]
    chosen = draw.sample(ids, 9)
    merchandising = Merchandising(
        tuple(chosen[:2]),
        {one: draw.uniform(0.05, 0.5) for one in chosen[2:5]},
        {one: draw.uniform(0.05, 0.5) for one in chosen[5:]},
    )
    query = build_query(shop, draw.randrange(40), merchandising=merchandising)
    constraint = RankingConstraint(
        500,
        PhotoConstraint(draw.choice([None, parse_condition("shelf = left")])),
        draw.choice([None, 1, 2]),
        draw.choice(["show", "hide", "last"]),
    )
    whole = rank(index, query, constraint)
    assert len(set(whole)) == len(whole)
    for _ in range(8):
        k = draw.randint(1, len(whole) + 3)
        assert rank(index, query, replace(constraint, k=k)) == whole[:k]


def test_pinned_and_boosted_products_come_however_short_the_page(shop: ToyShop, index: ForgetfulIndex) -> None:
    plain = rank(index, build_query(shop), RankingConstraint(70))
    last, fourth_last = plain[-1], plain[-4]
    query = build_query(shop, merchandising=Merchandising((last,), {fourth_last: 1.0}))
    for k in (2, 7, 30):
        assert rank(index, query, RankingConstraint(k))[:2] == [last, fourth_last]


def test_merchandised_products_still_meet_the_conditions(shop: ToyShop, index: ForgetfulIndex) -> None:
    left = PhotoConstraint(parse_condition("shelf = left"))
    query = build_query(shop, merchandising=Merchandising(("p01", "p02"), {"p03": 1.0}))
    found = rank(index, query, RankingConstraint(10, left))
    assert found[0] == "p02" and not {"p01", "p03"} & {*found}


def test_a_first_page_is_ranked_from_the_first_block_alone(shop: ToyShop) -> None:
    asked = []

    class CountingIndex(ExactIndex):
        def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
            asked.append(limit)
            return super().nearest_photos(query, limit, constraint)

    index = CountingIndex(shop.index.dimensions)
    index.upsert(shop.entries)
    for k, blocks in ((1, 1), (BLOCKS[0], 1), (BLOCKS[0] + 1, 2)):
        asked.clear()
        rank(index, build_query(shop), RankingConstraint(k))
        assert len(asked) == blocks
