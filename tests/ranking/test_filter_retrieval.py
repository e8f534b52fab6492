"""Candidates by all filters, compared with the definition: all photos of a toy catalogue scored in all dimensions."""

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
from shoplens.ranking.filter_query import Example, FilterQuery
from shoplens.ranking.filter_retrieval import (
    NOT,
    PHOTOS_PER_PROBE,
    UNLIKE,
    UNUSUAL_FACTOR,
    build_candidates,
    retrieve_pool,
)
from shoplens.ranking.merchandising.adjustments import BOOST, BURY, PIN
from shoplens.ranking.weighted_sum import rank_candidates
from shoplens.settings import Merchandising
from shoplens.types import Candidate, FilterScores, Photo, Result, SparseVector
from tests.fakes import product
from tests.filters.toy_training import DIMENSIONS, toy_photos

NAMES = [dimension.name for dimension in DIMENSIONS]
WEIGHTS = {"look": 0.2, "design": 0.1, "shape": 0.05, "color": 0.3, "pattern": 0.15, "material": 0.1, "category": 0.1}
PRODUCTS = 70


@dataclass(frozen=True)
class ToyShop:
    """A catalogue with its filters, and examples of query photos."""

    filters: Filters
    index: ExactIndex
    entries: list[IndexedProduct]
    examples: list[Example]


@pytest.fixture(scope="module")
def shop() -> ToyShop:
    """Return 70 products of one to three photos of many designs, with filter scores, and 40 more photos as examples."""
    labeled = toy_photos(60)
    filters = fit_to_photos(labeled, DIMENSIONS, "made")
    rng = np.random.default_rng(3)
    predictions = filters.predict(labeled.features)
    order = iter(rng.permutation(len(labeled.features)).tolist())
    index, entries = ExactIndex(labeled.vectors.shape[1]), []
    for number in range(PRODUCTS):
        rows = [next(order) for _ in range(1 + number % 3)]
        sources = [f"/{number}-{view}.png" for view in range(len(rows))]
        photos = tuple(Photo(source, f"{number:016x}{view:016x}", "", 8, 8) for view, source in enumerate(sources))
        marks = tuple(
            filters.class_vector(predictions.probabilities[row], labeled.known[row] if number % 2 else {})
            for row in rows
        )
        scores = FilterScores(filters.space.filter_vectors(predictions.dense[rows], marks), marks)
        shelf = {"shelf": (("left", "right")[number % 2],)}
        item = product(f"p{number:02}", *sources, attributes=shelf)
        entries.append(IndexedProduct(item, photos, labeled.vectors[rows], scores))
    index.upsert(entries)
    examples = []
    for _ in range(40):
        row = next(order)
        example_marks = filters.class_vector(predictions.probabilities[row], {})
        examples.append(Example(labeled.vectors[row], predictions.dense[row], example_marks))
    return ToyShop(filters, index, entries, examples)


# The definition


def similarity(shop: ToyShop, name: str, example: Example, entry: IndexedProduct, view: int) -> float:
    """Return the similarity of an example and a photo in one dimension, in [0, 1]."""
    assert entry.scores is not None
    dense = shop.filters.space.dense_vectors(entry.scores.filter_vectors)[view]
    if name == LOOK:
        return (1 + float(example.look @ entry.vectors[view])) / 2
    if name in (DESIGN, SHAPE):
        part = DENSE_PARTS[name]
        return (1 + float(example.dense[part] @ dense[part])) / 2
    query_marks, photo_marks = to_dict(example.marks), to_dict(entry.scores.class_vectors[view])
    blocks = shop.filters.layout.blocks_of(name)
    entries = [n for block in blocks for n in range(block.start, block.start + len(block.classes))]
    agreement = sum(query_marks.get(n, 0.0) * photo_marks.get(n, 0.0) for n in entries)
    if name == COLOR:
        tint = float(example.dense[DENSE_PARTS[COLOR]] @ dense[DENSE_PARTS[COLOR]])
        agreement = (1 - TINT_SHARE) * agreement + TINT_SHARE * tint
    return min(1.0, max(0.0, agreement))


def to_dict(marks: SparseVector) -> dict[int, float]:
    return dict(zip(marks.indices.tolist(), marks.values.tolist(), strict=True))


@dataclass(frozen=True)
class ExpectedRow:
    """A product with its best photo, as the definition ranks it.

    Attributes:
        id: of the product.
        photo: the source of its best photo.
        score: the weighted sum of the similarities, less the penalty.
        similarities: dimension -> similarity in [0, 1].
        penalty: what the negative example takes off the score; 0 without one.
    """

    id: str
    photo: str
    score: float
    similarities: dict[str, float]
    penalty: float


def rank_by_definition(
    shop: ToyShop, query: FilterQuery, constraint: PhotoConstraint | None = None
) -> list[ExpectedRow]:
    """Rank all products by the definition, best first, without merchandising."""
    constraint = constraint or PhotoConstraint()
    rows = []
    for entry in shop.entries:
        if constraint.condition is not None and not matches(constraint.condition, fields_of(entry.product)):
            continue
        photo_rows = []
        for view, photo in enumerate(entry.photos[:1] if constraint.first_photos_only else entry.photos):
            if photo.content_hash == constraint.excluded_hash:
                continue
            similarities = {name: similarity(shop, name, query.like, entry, view) for name in NAMES}
            penalty = 0.0
            if query.unlike is not None:
                negative = (query.weights[name] * similarity(shop, name, query.unlike, entry, view) for name in NAMES)
                penalty = UNLIKE * sum(negative)
            score = sum(query.weights[name] * similarities[name] for name in NAMES) - penalty
            photo_rows.append(ExpectedRow(entry.product.id, photo.source, score, similarities, penalty))
        if photo_rows:
            rows.append(max(photo_rows, key=lambda row: row.score))
    return sorted(rows, key=lambda row: -row.score)


def build_query(shop: ToyShop, number: int = 0, **changes: object) -> FilterQuery:
    """Build the query for the example of this number, with these attributes replaced."""
    return replace(
        FilterQuery(
            shop.filters,
            like := shop.examples[number],
            WEIGHTS,
            shop.filters.score_normalizer(like.look, like.dense, like.marks),
        ),
        **changes,
    )  # type: ignore[arg-type]


def retrieve_candidates(
    shop: ToyShop, query: FilterQuery, k: int, constraint: PhotoConstraint | None = None
) -> list[Candidate]:
    return build_candidates(shop.index, query, retrieve_pool(shop.index, query, k, constraint or PhotoConstraint()), k)


def rank_results(shop: ToyShop, query: FilterQuery, k: int) -> list[Result]:
    return rank_candidates(retrieve_candidates(shop, query, k), query.weights)


def product_ids(candidates: list[Candidate]) -> list[str]:
    return [candidate.product.id for candidate in candidates]


CONSTRAINTS = [
    PhotoConstraint(),
    PhotoConstraint(parse_condition("shelf = left")),
    PhotoConstraint(first_photos_only=True),
    PhotoConstraint(parse_condition("not shelf = left"), first_photos_only=True),
    PhotoConstraint(excluded_hash=f"{5:016x}{0:016x}"),
]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=range(len(CONSTRAINTS)))
@pytest.mark.parametrize("k", [1, 8, 500])
def test_candidates_equal_the_definition(shop: ToyShop, constraint: PhotoConstraint, k: int) -> None:
    for number in range(5):
        query = build_query(shop, number)
        expected = rank_by_definition(shop, query, constraint)[:k]
        candidates = retrieve_candidates(shop, query, k, constraint)
        assert product_ids(candidates) == [row.id for row in expected]
        assert [candidate.photo for candidate in candidates] == [row.photo for row in expected]
        for candidate, row in zip(candidates, expected, strict=True):
            assert candidate.scores == pytest.approx(row.similarities, abs=1e-5)
            assert (dict(candidate.adjustments), candidate.same_photo, candidate.reasons) == ({}, False, None)


def test_parts_are_weight_times_similarity_and_sum_to_the_score(shop: ToyShop) -> None:
    query = build_query(shop)
    for result, row in zip(rank_results(shop, query, 20), rank_by_definition(shop, query), strict=False):
        assert result.product.id == row.id
        assert result.parts == pytest.approx({name: WEIGHTS[name] * row.similarities[name] for name in NAMES}, abs=1e-5)
        assert sum(result.parts.values()) == result.score
        assert result.score == pytest.approx(row.score, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_dimension_with_all_the_weight_determines_the_order(shop: ToyShop, name: str) -> None:
    query = build_query(shop, 7, weights={other: float(other == name) for other in NAMES})
    expected = rank_by_definition(shop, query)
    candidates = retrieve_candidates(shop, query, PRODUCTS)
    scores = [candidate.scores[name] for candidate in candidates]
    assert scores == pytest.approx([row.score for row in expected], abs=1e-5)
    assert len(set(product_ids(candidates))) == PRODUCTS


def test_weights_change_the_order(shop: ToyShop) -> None:
    plain = product_ids(retrieve_candidates(shop, build_query(shop, 2), 10))
    assert (
        product_ids(
            retrieve_candidates(shop, build_query(shop, 2, weights={**dict.fromkeys(NAMES, 0.0), "pattern": 1.0}), 10)
        )
        != plain
    )


def test_the_similarity_of_a_product_is_that_of_its_best_photo(shop: ToyShop) -> None:
    entry = next(entry for entry in shop.entries if len(entry.photos) == 3)
    assert entry.scores is not None
    for view in range(3):
        dense = shop.filters.space.dense_vectors(entry.scores.filter_vectors)
        like = Example(entry.vectors[view], dense[view], entry.scores.class_vectors[view])
        best = retrieve_candidates(shop, build_query(shop, like=like), 1)[0]
        assert (best.product.id, best.photo) == (entry.product.id, entry.photos[view].source)
        assert (best.scores["look"], best.scores["category"]) == pytest.approx((1.0, 1.0), abs=1e-5)


def test_the_negative_example_subtracts_its_share_of_similarity(shop: ToyShop) -> None:
    for number in range(5):
        query = build_query(shop, number, unlike=shop.examples[number + 10])
        expected = rank_by_definition(shop, query)
        results = rank_results(shop, query, PRODUCTS)
        assert [result.product.id for result in results] == [row.id for row in expected]
        for result, row in zip(results, expected, strict=True):
            assert result.parts[NOT] == pytest.approx(-row.penalty, abs=1e-5) and result.parts[NOT] < 0
            assert sum(result.parts.values()) == result.score == pytest.approx(row.score, abs=1e-5)
    self_negative = build_query(shop, 1, unlike=shop.examples[1])
    assert [row.score for row in rank_by_definition(shop, self_negative)] == pytest.approx(
        [(1 - UNLIKE) * row.score for row in rank_by_definition(shop, build_query(shop, 1))]
    )


def test_pins_boosts_and_buries_are_named_parts_of_the_score(shop: ToyShop) -> None:
    plain = rank_by_definition(shop, build_query(shop))
    last, second_last, middle, first = plain[-1].id, plain[-2].id, plain[30].id, plain[0].id
    merchandising = Merchandising((last, "nothing", second_last), {middle: 0.5, "unknown": 0.1}, {first: 0.9})
    results = rank_results(shop, build_query(shop, merchandising=merchandising), PRODUCTS)
    order = [result.product.id for result in results]
    assert order[:3] == [last, second_last, middle]
    assert order[-1] == first
    parts = {result.product.id: result.parts for result in results}
    scores = {row.id: row.score for row in plain}
    assert parts[last][PIN] > parts[second_last][PIN] >= 2
    assert (parts[middle][BOOST], parts[first][BURY]) == (0.5, -0.9)
    for result in results:
        extra = {name: value for name, value in result.parts.items() if name in (PIN, BOOST, BURY)}
        assert bool(extra) == (result.product.id in (last, second_last, middle, first))
        assert result.score == pytest.approx(scores[result.product.id] + sum(extra.values()), abs=1e-5)
    others = [row.id for row in plain if row.id not in (last, second_last, middle, first)]
    assert order[3:-1] == others


def test_a_pinned_last_product_outranks_a_boosted_first_one(shop: ToyShop) -> None:
    plain = rank_by_definition(shop, build_query(shop))
    merchandising = Merchandising((plain[-1].id,), {plain[0].id: 1.0})
    results = rank_results(shop, build_query(shop, merchandising=merchandising), PRODUCTS)
    assert [result.product.id for result in results[:2]] == [plain[-1].id, plain[0].id]


def test_a_pinned_product_that_does_not_meet_the_condition_is_left_out(shop: ToyShop) -> None:
    query = build_query(shop, merchandising=Merchandising(("p01",)))  # p01 is on the right shelf
    assert "p01" not in product_ids(
        retrieve_candidates(shop, query, 50, PhotoConstraint(parse_condition("shelf = left")))
    )


def test_reasons_give_the_rank_without_each_dimension(shop: ToyShop) -> None:
    weights = {**WEIGHTS, "design": 0.0, "look": 0.3}
    merchandising = Merchandising(boosts={"p07": 0.05})
    query = build_query(shop, 4, weights=weights, explain=True, merchandising=merchandising)
    rows = rank_by_definition(shop, query)
    for candidate in retrieve_candidates(shop, query, 10):
        assert candidate.reasons is not None
        assert (candidate.reasons.weights, candidate.reasons.similarities) == (weights, candidate.scores)
        assert candidate.reasons.ranks_without.keys() == {name for name in NAMES if weights[name]}
        for name, rank in candidate.reasons.ranks_without.items():
            rest = sum(weight for other, weight in weights.items() if other != name)
            without = {
                row.id: sum(weights[other] * row.similarities[other] for other in NAMES if other != name) / rest
                + (0.05 if row.id == "p07" else 0.0)
                for row in rows
            }
            assert rank == 1 + sum(score > without[candidate.product.id] + 1e-6 for score in without.values())


def test_a_dimension_with_all_the_weight_has_no_rank_without_it(shop: ToyShop) -> None:
    weights = {name: float(name == "color") for name in NAMES}
    (candidate,) = retrieve_candidates(shop, build_query(shop, weights=weights, explain=True), 1)
    assert candidate.reasons is not None and candidate.reasons.ranks_without == {}


def test_reasons_name_the_class_that_matched(shop: ToyShop) -> None:
    query = build_query(shop, 3, explain=True)
    for candidate in retrieve_candidates(shop, query, 10):
        assert candidate.reasons is not None
        entry = next(entry for entry in shop.entries if entry.product.id == candidate.product.id)
        view = candidate.product.photos.index(candidate.photo)
        assert entry.scores is not None
        for name, match in candidate.reasons.matches.items():
            assert 0 <= match.product <= 1 and 0 < match.query <= 1
            expected = shop.filters.best_match(query.like.marks, entry.scores.class_vectors[view], name)
            assert (match.name, match.query, match.product) == expected
        assert "pattern" in candidate.reasons.matches and "look" not in candidate.reasons.matches


def test_an_empty_index_has_no_candidates(shop: ToyShop) -> None:
    query = build_query(shop, explain=True, unlike=shop.examples[3])
    empty = ExactIndex(8)
    pool = retrieve_pool(empty, query, 5, PhotoConstraint())
    assert (pool.keys, build_candidates(empty, query, pool, 5)) == ([], [])


@pytest.mark.parametrize("boosts_last", [False, True])
def test_details_that_were_read_with_the_pool_give_the_same_candidates(shop: ToyShop, boosts_last: bool) -> None:
    query = build_query(shop, 2, weights=dict(shop.filters.space.usual_weights))
    alone = retrieve_pool(shop.index, query, 6, PhotoConstraint())
    pool = retrieve_pool(shop.index, query, 6, PhotoConstraint(), read=6)
    assert alone.read is None and pool.read is not None and pool.read.keys == pool.keys[:6] == alone.keys[:6]
    last = str(pool.keys[-1].product)
    assert last not in {key.product for key in pool.read.keys}
    query = replace(query, merchandising=Merchandising(boosts={last: 1.0} if boosts_last else {}))
    candidates = build_candidates(shop.index, query, pool, 6)
    assert candidates == build_candidates(shop.index, query, alone, 6)
    assert (last in product_ids(candidates)) == boosts_last


def test_a_product_that_was_removed_after_retrieval_is_skipped(shop: ToyShop) -> None:
    index, query = ExactIndex(8), build_query(shop)
    index.upsert(shop.entries)
    pool = retrieve_pool(index, query, 5, PhotoConstraint())
    first = rank_by_definition(shop, query)[0].id
    index.remove([first])
    assert product_ids(build_candidates(index, query, pool, 5)) == [
        row.id for row in rank_by_definition(shop, query)[1:5]
    ]


def test_equal_products_are_ordered_by_id(shop: ToyShop) -> None:
    index = ExactIndex(8)
    index.upsert([replace(shop.entries[0], product=replace(shop.entries[0].product, id=name)) for name in "cab"])
    query = build_query(shop)
    candidates = build_candidates(index, query, retrieve_pool(index, query, 3, PhotoConstraint()), 3)
    assert [result.product.id for result in rank_candidates(candidates, WEIGHTS)] == ["a", "b", "c"]


def test_the_best_products_are_candidates_in_an_index_larger_than_the_retrieval_limit(shop: ToyShop) -> None:
    """The index has more photos than one query returns: the best by embedding and the best by class are candidates."""
    rng = np.random.default_rng(8)
    index, entries = ExactIndex(8), []
    for number in range(UNUSUAL_FACTOR * PHOTOS_PER_PROBE + 100):
        vector = rng.normal(size=(1, 8)).astype(np.float32)
        template = shop.entries[number % PRODUCTS]
        assert template.scores is not None
        scores = FilterScores(template.scores.filter_vectors[:1], template.scores.class_vectors[:1])
        name = f"/{number}.png"
        photo = Photo(name, f"{number:032x}", "", 8, 8)
        entries.append(IndexedProduct(product(f"p{number}", name), (photo,), vector / np.linalg.norm(vector), scores))
    index.upsert(entries)
    large_shop = replace(shop, index=index, entries=entries)
    for name in ("look", "pattern"):
        query = build_query(shop, 5, weights={other: float(other == name) for other in NAMES})
        pool = retrieve_pool(index, query, 10, PhotoConstraint())
        assert len(pool.keys) < len(entries)
        expected = [row.score for row in rank_by_definition(large_shop, query)[:10]]
        candidates = build_candidates(index, query, pool, 10)
        assert [candidate.scores[name] for candidate in candidates] == pytest.approx(expected, abs=1e-5)
    whole_pool = retrieve_pool(index, build_query(shop, 5), len(entries), PhotoConstraint())
    assert len(whole_pool.keys) == len(entries)
