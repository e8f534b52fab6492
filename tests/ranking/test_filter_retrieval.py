"""Candidates by all filters, against the definition: every photo of a toy catalogue scored in every dimension."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from shoplens.filters.dimensions.dimension import COLOR, DESIGN, LOOK, SHAPE
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS, TINT_SHARE
from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import field_values as fields_of
from shoplens.index.conditions import matches
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct, PhotoConstraint
from shoplens.ranking.filter_retrieval import (
    BOOST,
    BURY,
    NOT,
    PHOTOS_PER_PROBE,
    PIN,
    UNLIKE,
    UNUSUAL_FACTOR,
    Example,
    FilterQuery,
    build_candidates,
    retrieve_pool,
)
from shoplens.ranking.weighted_sum import rank_candidates
from shoplens.settings import Merchandising
from shoplens.types import Candidate, FilterScores, Photo, Result, SparseVector
from tests.fakes import product
from tests.filters.toy_training import DIMENSIONS, toy_photos

NAMES = [dimension.name for dimension in DIMENSIONS]
WEIGHTS = {"look": 0.2, "design": 0.1, "shape": 0.05, "color": 0.3, "pattern": 0.15, "material": 0.1, "category": 0.1}
PRODUCTS = 70


@dataclass(frozen=True)
class Shop:
    """A catalogue and its filters, and examples to ask by."""

    filters: Filters
    index: ExactIndex
    entries: list[IndexedProduct]
    examples: list[Example]


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Products of one to three photos, with the filter scores of photos of many designs; and 40 more to ask by."""
    seen = toy_photos(60)
    filters = fit_to_photos(seen, DIMENSIONS, "made")
    rng = np.random.default_rng(3)
    described = filters.predict(seen.features)
    order = iter(rng.permutation(len(seen.features)).tolist())
    index, entries = ExactIndex(seen.vectors.shape[1]), []
    for number in range(PRODUCTS):
        places = [next(order) for _ in range(1 + number % 3)]
        sources = [f"/{number}-{view}.png" for view in range(len(places))]
        photos = tuple(Photo(one, f"{number:016x}{view:016x}", "", 8, 8) for view, one in enumerate(sources))
        marks = tuple(
            filters.class_vector(described.probabilities[n], seen.known[n] if number % 2 else {}) for n in places
        )
        scores = FilterScores(filters.space.filter_vectors(described.dense[places], marks), marks)
        shelf = {"shelf": (("left", "right")[number % 2],)}
        one = product(f"p{number:02}", *sources, attributes=shelf)
        entries.append(IndexedProduct(one, photos, seen.vectors[places], scores))
    index.upsert(entries)
    examples = []
    for _ in range(40):
        n = next(order)
        examples.append(
            Example(seen.vectors[n], described.dense[n], filters.class_vector(described.probabilities[n], {}))
        )
    return Shop(filters, index, entries, examples)


# The definition


def similarity(shop: Shop, name: str, example: Example, one: IndexedProduct, view: int) -> float:
    """How alike an example and a photo are in one dimension."""
    assert one.scores is not None
    dense = shop.filters.space.dense_vectors(one.scores.filter_vectors)[view]
    if name == LOOK:
        return (1 + float(example.look @ one.vectors[view])) / 2
    if name in (DESIGN, SHAPE):
        part = DENSE_PARTS[name]
        return (1 + float(example.dense[part] @ dense[part])) / 2
    asked, held = as_dict(example.marks), as_dict(one.scores.class_vectors[view])
    blocks = shop.filters.layout.blocks_of(name)
    entries = [n for block in blocks for n in range(block.start, block.start + len(block.classes))]
    agreement = sum(asked.get(n, 0.0) * held.get(n, 0.0) for n in entries)
    if name == COLOR:
        tint = float(example.dense[DENSE_PARTS[COLOR]] @ dense[DENSE_PARTS[COLOR]])
        agreement = (1 - TINT_SHARE) * agreement + TINT_SHARE * tint
    return min(1.0, max(0.0, agreement))


def as_dict(marks: SparseVector) -> dict[int, float]:
    return dict(zip(marks.indices.tolist(), marks.values.tolist(), strict=True))


@dataclass(frozen=True)
class Row:
    """A product by its best photo."""

    id: str
    photo: str
    score: float
    similarities: dict[str, float]
    against: float


def definition(shop: Shop, query: FilterQuery, sieve: PhotoConstraint | None = None) -> list[Row]:
    """All products, best first, without a merchandiser."""
    sieve = sieve or PhotoConstraint()
    rows = []
    for one in shop.entries:
        if sieve.condition is not None and not matches(sieve.condition, fields_of(one.product)):
            continue
        found = []
        for view, photo in enumerate(one.photos[:1] if sieve.first_photos_only else one.photos):
            if photo.content_hash == sieve.excluded_hash:
                continue
            alike = {name: similarity(shop, name, query.like, one, view) for name in NAMES}
            against = 0.0
            if query.unlike is not None:
                wrong = (query.weights[name] * similarity(shop, name, query.unlike, one, view) for name in NAMES)
                against = UNLIKE * sum(wrong)
            score = sum(query.weights[name] * alike[name] for name in NAMES) - against
            found.append(Row(one.product.id, photo.source, score, alike, against))
        if found:
            rows.append(max(found, key=lambda row: row.score))
    return sorted(rows, key=lambda row: -row.score)


def asked(shop: Shop, number: int = 0, **changes: object) -> FilterQuery:
    return replace(
        FilterQuery(
            shop.filters,
            like := shop.examples[number],
            WEIGHTS,
            shop.filters.score_normalizer(like.look, like.dense, like.marks),
        ),
        **changes,
    )  # type: ignore[arg-type]


def found_by(shop: Shop, query: FilterQuery, k: int, sieve: PhotoConstraint | None = None) -> list[Candidate]:
    return build_candidates(shop.index, query, retrieve_pool(shop.index, query, k, sieve or PhotoConstraint()), k)


def results_of(shop: Shop, query: FilterQuery, k: int) -> list[Result]:
    return rank_candidates(found_by(shop, query, k), query.weights)


def ids(found: list[Candidate]) -> list[str]:
    return [one.product.id for one in found]


SIEVES = [
    PhotoConstraint(),
    PhotoConstraint(parse_condition("shelf = left")),
    PhotoConstraint(first_photos_only=True),
    PhotoConstraint(parse_condition("not shelf = left"), first_photos_only=True),
    PhotoConstraint(excluded_hash=f"{5:016x}{0:016x}"),
]


@pytest.mark.parametrize("sieve", SIEVES, ids=range(len(SIEVES)))
@pytest.mark.parametrize("k", [1, 8, 500])
def test_candidates_are_those_of_the_definition(shop: Shop, sieve: PhotoConstraint, k: int) -> None:
    for number in range(5):
        query = asked(shop, number)
        expected = definition(shop, query, sieve)[:k]
        found = found_by(shop, query, k, sieve)
        assert ids(found) == [row.id for row in expected]
        assert [one.photo for one in found] == [row.photo for row in expected]
        for one, row in zip(found, expected, strict=True):
            assert one.scores == pytest.approx(row.similarities, abs=1e-5)
            assert (dict(one.adjustments), one.same_photo, one.reasons) == ({}, False, None)


def test_the_parts_are_weight_times_similarity_and_add_up(shop: Shop) -> None:
    query = asked(shop)
    for result, row in zip(results_of(shop, query, 20), definition(shop, query), strict=False):
        assert result.product.id == row.id
        assert result.parts == pytest.approx({name: WEIGHTS[name] * row.similarities[name] for name in NAMES}, abs=1e-5)
        assert sum(result.parts.values()) == result.score
        assert result.score == pytest.approx(row.score, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_dimension_orders_by_itself(shop: Shop, name: str) -> None:
    query = asked(shop, 7, weights={other: float(other == name) for other in NAMES})
    expected = definition(shop, query)
    found = found_by(shop, query, PRODUCTS)
    assert [one.scores[name] for one in found] == pytest.approx([row.score for row in expected], abs=1e-5)
    assert len(set(ids(found))) == PRODUCTS


def test_other_weights_give_another_order(shop: Shop) -> None:
    plain = ids(found_by(shop, asked(shop, 2), 10))
    assert ids(found_by(shop, asked(shop, 2, weights={**dict.fromkeys(NAMES, 0.0), "pattern": 1.0}), 10)) != plain


def test_a_product_is_as_alike_as_its_best_photo(shop: Shop) -> None:
    one = next(entry for entry in shop.entries if len(entry.photos) == 3)
    assert one.scores is not None
    for view in range(3):
        dense = shop.filters.space.dense_vectors(one.scores.filter_vectors)
        like = Example(one.vectors[view], dense[view], one.scores.class_vectors[view])
        best = found_by(shop, asked(shop, like=like), 1)[0]
        assert (best.product.id, best.photo) == (one.product.id, one.photos[view].source)
        assert (best.scores["look"], best.scores["category"]) == pytest.approx((1.0, 1.0), abs=1e-5)


def test_what_is_unlike_takes_its_share_off(shop: Shop) -> None:
    for number in range(5):
        query = asked(shop, number, unlike=shop.examples[number + 10])
        expected = definition(shop, query)
        results = results_of(shop, query, PRODUCTS)
        assert [one.product.id for one in results] == [row.id for row in expected]
        for one, row in zip(results, expected, strict=True):
            assert one.parts[NOT] == pytest.approx(-row.against, abs=1e-5) and one.parts[NOT] < 0
            assert sum(one.parts.values()) == one.score == pytest.approx(row.score, abs=1e-5)
    same = asked(shop, 1, unlike=shop.examples[1])
    assert [row.score for row in definition(shop, same)] == pytest.approx(
        [(1 - UNLIKE) * row.score for row in definition(shop, asked(shop, 1))]
    )


def test_a_merchandisers_say_is_a_named_part(shop: Shop) -> None:
    plain = definition(shop, asked(shop))
    last, second_last, middle, first = plain[-1].id, plain[-2].id, plain[30].id, plain[0].id
    say = Merchandising((last, "nothing", second_last), {middle: 0.5, "unknown": 0.1}, {first: 0.9})
    results = results_of(shop, asked(shop, merchandising=say), PRODUCTS)
    order = [one.product.id for one in results]
    assert order[:3] == [last, second_last, middle]
    assert order[-1] == first
    parts = {one.product.id: one.parts for one in results}
    scores = {row.id: row.score for row in plain}
    assert parts[last][PIN] > parts[second_last][PIN] >= 2
    assert (parts[middle][BOOST], parts[first][BURY]) == (0.5, -0.9)
    for one in results:
        extra = {name: value for name, value in one.parts.items() if name in (PIN, BOOST, BURY)}
        assert bool(extra) == (one.product.id in (last, second_last, middle, first))
        assert one.score == pytest.approx(scores[one.product.id] + sum(extra.values()), abs=1e-5)
    others = [row.id for row in plain if row.id not in (last, second_last, middle, first)]
    assert order[3:-1] == others


def test_a_pin_outranks_a_boost_of_the_best(shop: Shop) -> None:
    plain = definition(shop, asked(shop))
    say = Merchandising((plain[-1].id,), {plain[0].id: 1.0})
    found = results_of(shop, asked(shop, merchandising=say), PRODUCTS)
    assert [one.product.id for one in found[:2]] == [plain[-1].id, plain[0].id]


def test_what_a_condition_leaves_out_is_not_pinned(shop: Shop) -> None:
    say = Merchandising(("p01",))  # on the right shelf
    assert "p01" not in ids(
        found_by(shop, asked(shop, merchandising=say), 50, PhotoConstraint(parse_condition("shelf = left")))
    )


def test_reasons_say_the_rank_without_each_dimension(shop: Shop) -> None:
    weights = {**WEIGHTS, "design": 0.0, "look": 0.3}
    say = Merchandising(boosts={"p07": 0.05})
    query = asked(shop, 4, weights=weights, explain=True, merchandising=say)
    rows = definition(shop, query)
    for one in found_by(shop, query, 10):
        assert one.reasons is not None
        assert (one.reasons.weights, one.reasons.similarities) == (weights, one.scores)
        assert one.reasons.ranks_without.keys() == {name for name in NAMES if weights[name]}
        for name, rank in one.reasons.ranks_without.items():
            rest = sum(weight for other, weight in weights.items() if other != name)
            without = {
                row.id: sum(weights[other] * row.similarities[other] for other in NAMES if other != name) / rest
                + (0.05 if row.id == "p07" else 0.0)
                for row in rows
            }
            assert rank == 1 + sum(score > without[one.product.id] + 1e-6 for score in without.values())


def test_a_dimension_that_alone_counts_has_no_rank_without(shop: Shop) -> None:
    weights = {name: float(name == "color") for name in NAMES}
    (one,) = found_by(shop, asked(shop, weights=weights, explain=True), 1)
    assert one.reasons is not None and one.reasons.ranks_without == {}


def test_reasons_name_the_class_that_matched(shop: Shop) -> None:
    query = asked(shop, 3, explain=True)
    for one in found_by(shop, query, 10):
        assert one.reasons is not None
        entry = next(entry for entry in shop.entries if entry.product.id == one.product.id)
        view = one.product.photos.index(one.photo)
        assert entry.scores is not None
        for name, match in one.reasons.matches.items():
            assert 0 <= match.product <= 1 and 0 < match.query <= 1
            told = shop.filters.best_match(query.like.marks, entry.scores.class_vectors[view], name)
            assert (match.name, match.query, match.product) == told
        assert "pattern" in one.reasons.matches and "look" not in one.reasons.matches


def test_an_empty_index_has_no_candidates(shop: Shop) -> None:
    query = asked(shop, explain=True, unlike=shop.examples[3])
    empty = ExactIndex(8)
    pool = retrieve_pool(empty, query, 5, PhotoConstraint())
    assert (pool.keys, build_candidates(empty, query, pool, 5)) == ([], [])


def test_a_product_that_is_removed_meanwhile_is_passed_over(shop: Shop) -> None:
    index, query = ExactIndex(8), asked(shop)
    index.upsert(shop.entries)
    pool = retrieve_pool(index, query, 5, PhotoConstraint())
    first = definition(shop, query)[0].id
    index.remove([first])
    assert ids(build_candidates(index, query, pool, 5)) == [row.id for row in definition(shop, query)[1:5]]


def test_equal_products_are_ordered_by_id(shop: Shop) -> None:
    index = ExactIndex(8)
    index.upsert([replace(shop.entries[0], product=replace(shop.entries[0].product, id=name)) for name in "cab"])
    query = asked(shop)
    candidates = build_candidates(index, query, retrieve_pool(index, query, 3, PhotoConstraint()), 3)
    assert [one.product.id for one in rank_candidates(candidates, WEIGHTS)] == ["a", "b", "c"]


def test_each_probe_brings_its_best_where_there_are_too_many_photos(shop: Shop) -> None:
    """More photos than a probe brings: the best by embeddings and the best by classes are candidates all the same."""
    rng = np.random.default_rng(8)
    index, entries = ExactIndex(8), []
    for number in range(UNUSUAL_FACTOR * PHOTOS_PER_PROBE + 100):
        vector = rng.normal(size=(1, 8)).astype(np.float32)
        one = shop.entries[number % PRODUCTS]
        assert one.scores is not None
        scores = FilterScores(one.scores.filter_vectors[:1], one.scores.class_vectors[:1])
        name = f"/{number}.png"
        photo = Photo(name, f"{number:032x}", "", 8, 8)
        entries.append(IndexedProduct(product(f"p{number}", name), (photo,), vector / np.linalg.norm(vector), scores))
    index.upsert(entries)
    many = replace(shop, index=index, entries=entries)
    for name in ("look", "pattern"):
        query = asked(shop, 5, weights={other: float(other == name) for other in NAMES})
        pool = retrieve_pool(index, query, 10, PhotoConstraint())
        assert len(pool.keys) < len(entries)
        expected = [row.score for row in definition(many, query)[:10]]
        found = build_candidates(index, query, pool, 10)
        assert [one.scores[name] for one in found] == pytest.approx(expected, abs=1e-5)
    everything = retrieve_pool(index, asked(shop, 5), len(entries), PhotoConstraint())
    assert len(everything.keys) == len(entries)
