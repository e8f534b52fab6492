"""Retrieval by a classifier: products that exist and meet the condition, ordered by probability."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.embedders.classifier import Classification
from shoplens.errors import InvalidValue
from shoplens.index.condition_parser import parse_condition
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct, PhotoConstraint
from shoplens.ranking.classifier_retrieval import retrieve_by_classifier
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.types import Photo
from tests.fakes import product

IDS = [f"p{n:02}" for n in range(40)]
VECTOR = np.array([1.0, 0.0], np.float32)


def entry(name: str, number: int) -> IndexedProduct:
    """Return a product that costs its number; products of odd numbers have two photos."""
    views = range(1 + number % 2)
    photos = tuple(Photo(f"{name}-{view}.png", f"{name}{view}", f"{name}{view}x", 8, 8) for view in views)
    sources = [photo.source for photo in photos]
    return IndexedProduct(product(name, *sources, price=float(number)), photos, np.stack([VECTOR] * len(photos)))


@pytest.fixture
def index() -> ExactIndex:
    index = ExactIndex(2)
    index.upsert(
        [entry(name, number) for number, name in enumerate(IDS) if number % 10]
    )  # p00, p10, … are not in the index
    index.upsert([entry("new", 3)])
    return index


@pytest.fixture
def classification() -> Classification:
    probabilities = np.random.default_rng(0).random(len(IDS)).astype(np.float32)
    probabilities[5] = probabilities[7]  # a tie
    return Classification(IDS, probabilities / probabilities.sum())


def rank_by_probability(classification: Classification, product_ids: set[str]) -> list[str]:
    """Order these products by probability, the most probable first, and equal ones by id."""
    order = np.argsort(-classification.probabilities, kind="stable")
    return [IDS[n] for n in order if IDS[n] in product_ids]


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_the_most_probable_products_come_first(index: ExactIndex, classification: Classification, k: int) -> None:
    candidates = retrieve_by_classifier(index, classification, k, PhotoConstraint())
    indexed_ids = {name for number, name in enumerate(IDS) if number % 10}
    assert [candidate.product.id for candidate in candidates] == rank_by_probability(classification, indexed_ids)[:k]
    assert "new" not in {candidate.product.id for candidate in candidates}, "the classifier was not trained on it"
    for candidate in candidates:
        assert candidate.scores == {"look": float(classification.probabilities[IDS.index(candidate.product.id)])}
        assert candidate.photo == candidate.product.photos[0]


def test_conditions_limit_the_candidates_and_k_is_still_filled(
    index: ExactIndex, classification: Classification
) -> None:
    candidates = retrieve_by_classifier(index, classification, 3, PhotoConstraint(parse_condition("price > 35")))
    assert [candidate.product.id for candidate in candidates] == rank_by_probability(
        classification, {"p36", "p37", "p38", "p39"}
    )[:3]
    assert not retrieve_by_classifier(index, classification, 3, PhotoConstraint(parse_condition("price > 99")))


def test_candidates_name_no_excluded_photo(index: ExactIndex, classification: Classification) -> None:
    constraint = PhotoConstraint(parse_condition("price = 35 or price = 36"), excluded_hash="p350")
    candidates = retrieve_by_classifier(index, classification, 9, constraint)
    assert {candidate.photo for candidate in candidates} == {"p35-1.png", "p36-0.png"}
    constraint = PhotoConstraint(
        parse_condition("price = 35 or price = 36"), first_photos_only=True, excluded_hash="p360"
    )
    candidates = retrieve_by_classifier(index, classification, 9, constraint)
    assert {candidate.photo for candidate in candidates} == {"p35-0.png"}


def test_a_photo_without_a_classification_is_refused(index: ExactIndex) -> None:
    with pytest.raises(InvalidValue, match="not encoded by the classifier"):
        strategy_named("classifier").retrieve(index, EncodedQuery(VECTOR), PhotoConstraint(), 3)
