"""Candidates by words: compared with the definition, alone, beside all other dimensions, and with their reasons."""

# ruff: noqa: F811  (fixtures are asked for by the names they are imported by)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoplens.index.exact import ExactIndex
from shoplens.ranking.filter_query import FilterQuery
from shoplens.ranking.text_retrieval import TEXT_SPREAD
from shoplens.reading.product_text import WeightedText
from shoplens.reading.text_model import TextModel, TextQuery, fit_text_model
from tests.ranking.test_filter_retrieval import (  # noqa: F401
    NAMES,
    PRODUCTS,
    WEIGHTS,
    ToyShop,
    build_query,
    product_ids,
    rank_by_definition,
    rank_results,
    retrieve_candidates,
    shop,
)

WORDS = ("arla", "oatly", "mellanmjolk", "havredryck", "eko", "yoghurt", "vanilj")


@pytest.fixture(scope="module")
def model() -> TextModel:
    return fit_text_model([WeightedText(title_of(number), 1.0)] for number in range(PRODUCTS))


@pytest.fixture(scope="module")
def text_shop(shop: ToyShop, model: TextModel) -> ToyShop:
    """Return the toy shop with a title for each product."""
    index, entries = ExactIndex(shop.index.dimensions), []
    for number, entry in enumerate(shop.entries):
        assert entry.scores is not None
        vector = model.product_vector([WeightedText(title_of(number), 1.0)])
        scores = replace(entry.scores, text_vectors=(vector,) * len(entry.photos))
        entries.append(replace(entry, scores=scores))
    index.upsert(entries)
    return replace(shop, index=index, entries=entries)


def title_of(number: int) -> str:
    """Return two words and a number that no other product has."""
    return f"{WORDS[number % 7]} {WORDS[number // 7 % 7]} {number}{number}"


def text_query(shop: ToyShop, text: TextQuery | None, weight: float, number: int = 0) -> FilterQuery:
    query = build_query(shop, number)
    weights = {name: (1 - weight) * value / sum(WEIGHTS.values()) for name, value in WEIGHTS.items()}
    return replace(
        query,
        like=replace(query.like, text=text),
        weights={**weights, "text": weight},
        norms=query.norms.with_dimension("text", TEXT_SPREAD),
    )


def test_candidates_with_words_equal_the_definition(text_shop: ToyShop, model: TextModel) -> None:
    for number, weight in ((0, 0.1), (1, 0.4), (2, 0.9)):
        text = model.query(f"MELLANMJ0LK arla {number}")
        assert text is not None
        query = text_query(text_shop, text, weight, number)
        agreement = {
            entry.product.id: text.agreement(entry.scores.text_vectors[0])
            for entry in text_shop.entries
            if entry.scores is not None
        }
        scores = {
            row.id: row.score + weight * agreement[row.id]
            for row in rank_by_definition(text_shop, replace(query, like=replace(query.like, text=None)))
        }
        expected = sorted(scores, key=lambda one: -scores[one])
        assert product_ids(retrieve_candidates(text_shop, query, 20)) == expected[:20]
        for result in rank_results(text_shop, query, PRODUCTS):
            assert result.score == pytest.approx(scores[result.product.id], abs=1e-5)
            assert result.parts["text"] == pytest.approx(weight * agreement[result.product.id], abs=1e-5)
            assert sum(result.parts.values()) == result.score


def test_words_find_what_nothing_else_finds(text_shop: ToyShop, model: TextModel) -> None:
    last = rank_by_definition(text_shop, build_query(text_shop))[-1].id
    text = model.query(title_of(int(last[1:])))
    query = text_query(text_shop, text, 0.9)
    assert product_ids(retrieve_candidates(text_shop, query, 1)) == [last]


def test_words_alone_find_only_products_with_common_letters(text_shop: ToyShop, model: TextModel) -> None:
    text = model.query("vanilj 6969")
    query = text_query(text_shop, text, 1.0)
    results = rank_results(text_shop, query, PRODUCTS)
    assert results[0].product.id == "p69"
    assert 0 < len(results) < PRODUCTS
    assert all(result.score == result.parts["text"] > 0 for result in results)
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)


def test_a_query_without_words_is_as_before(shop: ToyShop, text_shop: ToyShop) -> None:
    for number in range(3):
        assert rank_results(shop, build_query(shop, number), 10) == rank_results(
            text_shop, build_query(text_shop, number), 10
        )


def test_the_negative_example_takes_nothing_off_for_words(text_shop: ToyShop, model: TextModel) -> None:
    query = text_query(text_shop, model.query("arla eko"), 0.5)
    for result in rank_results(text_shop, replace(query, unlike=text_shop.examples[3]), 10):
        assert sum(result.parts.values()) == result.score
        assert result.parts["not"] < 0


def test_reasons_name_the_words_and_the_rank_without_them(text_shop: ToyShop, model: TextModel) -> None:
    query = replace(text_query(text_shop, model.query(f"ARLA MELLANMJ0LK blah {33}{33}"), 0.9), explain=True)
    first = rank_results(text_shop, query, 10)[0]
    assert first.reasons is not None
    match = first.reasons.matches["text"]
    shown = set(match.name.split(" · "))
    assert shown <= {"arla", "mellanmj0lk", "3333"} and shown
    assert match.query == pytest.approx(len(shown) / 4)
    assert match.product == pytest.approx(first.reasons.similarities["text"])
    assert set(first.reasons.ranks_without) == {*NAMES, "text"}
    without = replace(query, explain=False, weights={**query.weights, "text": 0.0})
    ranks = product_ids(retrieve_candidates(text_shop, without, PRODUCTS))
    assert first.reasons.ranks_without["text"] == 1 + ranks.index(first.product.id)


def test_similarities_in_text_are_from_0_to_1(text_shop: ToyShop, model: TextModel) -> None:
    for text in ("arla", title_of(4), "arla oatly mellanmjolk havredryck eko yoghurt vanilj"):
        query = text_query(text_shop, model.query(text), 0.5)
        values = [candidate.scores["text"] for candidate in retrieve_candidates(text_shop, query, PRODUCTS)]
        assert min(values) >= 0 and max(values) <= 1
        assert np.ptp(values) > 0
