"""What a classifier retrieves, against the definition: by probability, those that exist and meet the condition."""

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
    """Odd numbers have two photos."""
    views = range(1 + number % 2)
    photos = tuple(Photo(f"{name}-{view}.png", f"{name}{view}", f"{name}{view}x", 8, 8) for view in views)
    sources = [photo.source for photo in photos]
    return IndexedProduct(product(name, *sources, price=float(number)), photos, np.stack([VECTOR] * len(photos)))


@pytest.fixture
def index() -> ExactIndex:
    index = ExactIndex(2)
    index.upsert([entry(name, number) for number, name in enumerate(IDS) if number % 10])  # p00, p10, … were removed
    index.upsert([entry("new", 3)])
    return index


@pytest.fixture
def classified() -> Classification:
    probabilities = np.random.default_rng(0).random(len(IDS)).astype(np.float32)
    probabilities[5] = probabilities[7]  # equals
    return Classification(IDS, probabilities / probabilities.sum())


def expected(classified: Classification, kept: set[str]) -> list[str]:
    order = np.argsort(-classified.probabilities, kind="stable")
    return [IDS[n] for n in order if IDS[n] in kept]


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_the_most_probable_come_first(index: ExactIndex, classified: Classification, k: int) -> None:
    found = retrieve_by_classifier(index, classified, k, PhotoConstraint())
    there = {name for number, name in enumerate(IDS) if number % 10}
    assert [one.product.id for one in found] == expected(classified, there)[:k]
    assert "new" not in {one.product.id for one in found}, "it was never trained on"
    for one in found:
        assert one.scores == {"look": float(classified.probabilities[IDS.index(one.product.id)])}
        assert one.photo == one.product.photos[0]


def test_conditions_leave_as_many_as_there_are(index: ExactIndex, classified: Classification) -> None:
    found = retrieve_by_classifier(index, classified, 3, PhotoConstraint(parse_condition("price > 35")))
    assert [one.product.id for one in found] == expected(classified, {"p36", "p37", "p38", "p39"})[:3]
    assert not retrieve_by_classifier(index, classified, 3, PhotoConstraint(parse_condition("price > 99")))


def test_a_photo_that_is_left_out_is_not_named(index: ExactIndex, classified: Classification) -> None:
    sieve = PhotoConstraint(parse_condition("price = 35 or price = 36"), excluded_hash="p350")
    assert {one.photo for one in retrieve_by_classifier(index, classified, 9, sieve)} == {"p35-1.png", "p36-0.png"}
    sieve = PhotoConstraint(parse_condition("price = 35 or price = 36"), first_photos_only=True, excluded_hash="p360")
    assert {one.photo for one in retrieve_by_classifier(index, classified, 9, sieve)} == {"p35-0.png"}


def test_a_photo_that_it_did_not_see_is_refused(index: ExactIndex) -> None:
    with pytest.raises(InvalidValue, match="not encoded by the classifier"):
        strategy_named("classifier").retrieve(index, EncodedQuery(VECTOR), PhotoConstraint(), 3)
