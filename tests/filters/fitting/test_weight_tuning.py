"""The choice of static weights: more of what finds the product, the default where nothing finds more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoplens.filters.dimensions.dimension import COLOR, LOOK, TEXT
from shoplens.filters.fitting.crossfit import FOLDS
from shoplens.filters.fitting.fit import fit_to_photos, replace_weights
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.fitting.weight_tuning import (
    MAX_QUERIES,
    MIN_QUERIES,
    MIN_WITH_WORDS,
    WITH_WORDS,
    TuningPhotos,
    ViewTrial,
    WordComparison,
    _Comparison,
    further_photos,
    try_views,
    tune_weights,
)
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.view_metric import ViewMetric
from shoplens.types import SparseRows, SparseVector
from tests.filters.toy_training import BACKBONE, DIMENSIONS, toy_photos


@pytest.fixture(scope="module")
def shop() -> LabeledPhotos:
    """Products in three colours; the photos of one design look alike."""
    photos = toy_photos(40)
    names, number = [], -1
    for is_first in photos.is_first.tolist():
        number += is_first
        names.append(f"p{number}")
    looks = {group: photos.vectors[photos.groups.index(group)] for group in set(photos.groups)}
    vectors = np.stack([looks[group] for group in photos.groups])
    return replace(photos, products=tuple(names), vectors=vectors)


@pytest.fixture(scope="module")
def filters(shop: LabeledPhotos) -> Filters:
    return fit_to_photos(shop, DIMENSIONS, "m")


def photos_of(shop: LabeledPhotos, *, true_colors: bool, noise: float = 0.0) -> TuningPhotos:
    """Return a photo of every product's first photo, in its own colour, or in that of another product."""
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(shop.is_first)
    features, vectors = shop.features[rows].copy(), shop.vectors[rows].copy()
    if not true_colors:
        others = rng.permutation(len(rows))
        features[:, BACKBONE:] = shop.features[rows[others], BACKBONE:]
        features[:, :3] = shop.features[rows[others], :3]
    vectors += noise * rng.standard_normal(vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [(shop.products[n], shop.groups[n]) for n in rows.tolist()]
    products, groups = (tuple(one) for one in zip(*names, strict=True))
    return TuningPhotos("toys", vectors.astype(np.float32), features, products, groups, ("",) * len(names))


def test_where_colour_tells_products_apart_its_weight_grows(shop: LabeledPhotos, filters: Filters) -> None:
    start = replace_weights(filters, shop, {**dict.fromkeys(filters.weights, 0.0), LOOK: 1.0, COLOR: 0.1})
    tuning = tune_weights(start, shop, [photos_of(shop, true_colors=True, noise=0.3)])
    assert tuning.weights[COLOR] > 0.1
    assert tuning.gain > tuning.error > 0
    (before, after) = tuning.ndcg["toys"]
    assert after - before == pytest.approx(tuning.gain, abs=1e-6)
    assert "color" in tuning.reason


def test_where_colour_is_that_of_the_light_its_weight_falls(shop: LabeledPhotos, filters: Filters) -> None:
    start = replace_weights(filters, shop, {**dict.fromkeys(filters.weights, 0.0), LOOK: 1.0, COLOR: 2.0})
    tuning = tune_weights(start, shop, [photos_of(shop, true_colors=False)])
    assert tuning.weights[COLOR] < 2.0
    assert tuning.gain > 0
    assert {name: one for name, one in tuning.weights.items() if name != COLOR} == {
        name: one for name, one in start.weights.items() if name != COLOR
    }


def test_where_every_weight_finds_the_same_the_default_stays(shop: LabeledPhotos, filters: Filters) -> None:
    start = replace_weights(filters, shop, {**dict.fromkeys(filters.weights, 0.0), COLOR: 1.0})
    tuning = tune_weights(start, shop, [photos_of(shop, true_colors=True)])  # the order by colour alone never changes
    assert tuning.weights == start.weights == tuning.default_weights
    assert (tuning.gain, tuning.error) == (0.0, 0.0)


def test_too_few_photos_choose_nothing(shop: LabeledPhotos, filters: Filters) -> None:
    photos = photos_of(shop, true_colors=False)
    few = MIN_QUERIES - 1
    part = photos.subset(range(few))
    strangers = replace(photos, products=tuple(f"unknown-{n}" for n in range(len(photos.products))))
    tuning = tune_weights(filters, shop, [part, strangers])
    assert tuning.weights == dict(filters.weights)
    assert tuning.ndcg == {} and "too few" in tuning.reason


def test_gains_are_those_of_the_ranks_by_the_weighted_sum(shop: LabeledPhotos, filters: Filters) -> None:
    photos = photos_of(shop, true_colors=False, noise=0.5)
    weights = dict(filters.weights)
    (gains,) = _Comparison(filters, shop, photos, None).values([weights])
    rows = [shop.products.index(name) for name in dict.fromkeys(shop.products)]
    stored = filters.predict(shop.features[rows])
    marks = filters.class_vectors(stored.probabilities, [shop.known[n] for n in rows])
    for n in (0, 17, 119):
        described = filters.predict(photos.features[n : n + 1], [photos.groups[n]])
        own = filters.class_vector(described.probabilities[0], {})
        cosines = {LOOK: shop.vectors[rows] @ photos.vectors[n]}
        for name, part in filters.dense_parts.items():
            cosines[name] = stored.dense[:, part] @ described.dense[0, part]
        by_name = filters.similarities(cosines, filters.agreements(own, marks))
        norms = filters.score_normalizer(photos.vectors[n], described.dense[0], own)
        scores = sum(weight / norms.spreads[name] * by_name[name] for name, weight in weights.items())
        right = [shop.products[row] for row in rows].index(photos.products[n])
        rank = 1 + int((scores > scores[right]).sum())
        assert gains[n] == pytest.approx(1 / np.log2(1 + rank) if rank <= 10 else 0.0, abs=1e-6)


def with_views(filters: Filters, matrix: np.ndarray) -> Filters:
    """Filters whose looks are compared by this matrix, as if it had been learned from nine photos."""
    views = ViewMetric({LOOK: np.repeat(matrix[None].astype(np.float32), FOLDS + 1, axis=0)}, photos=9)
    return replace(filters, models=replace(filters.models, views=views))


def test_a_view_metric_that_hides_what_looks_show_is_harmful(shop: LabeledPhotos, filters: Filters) -> None:
    photos = photos_of(shop, true_colors=False, noise=0.2)
    size = shop.vectors.shape[1]
    hidden = np.zeros((size, size))
    hidden[0, 0] = 1
    for matrix, is_harmful in ((hidden, True), (np.eye(size), False)):
        trial = try_views(with_views(filters, matrix), shop, [photos])
        assert trial.photos == 9 and trial.is_harmful == is_harmful
    assert trial.gain == pytest.approx(0, abs=1e-6), "the identity changes nothing"


def test_without_photos_to_judge_by_a_view_metric_stays(shop: LabeledPhotos, filters: Filters) -> None:
    few = photos_of(shop, true_colors=False).subset(range(MIN_QUERIES - 1))
    assert try_views(filters, shop, [few]) == ViewTrial(filters.models.views.photos if filters.models.views else 0)
    assert not ViewTrial(9).is_harmful


def test_further_photos_are_all_but_the_first_of_each_product(shop: LabeledPhotos) -> None:
    photos = further_photos(shop, [f"words {n}" for n in range(len(shop.products))])
    assert len(photos.products) == 40 <= MAX_QUERIES  # the first colour of each design has a second view
    assert len(set(photos.products)) == 40
    rows = np.flatnonzero(~shop.is_first)
    assert (photos.features == shop.features[rows]).all()
    assert photos.products == tuple(shop.products[n] for n in rows.tolist())
    assert photos.words == tuple(f"words {n}" for n in rows.tolist())


def compare_words(shop: LabeledPhotos) -> WordComparison:
    """Compare words that are names of products: they agree wholly with the photos of the product that they name."""
    places = {name: n for n, name in enumerate(dict.fromkeys(shop.products))}
    rows = [SparseVector(np.array([places[name]], np.uint32), np.ones(1, np.float32)) for name in shop.products]

    def agreements(words: str, stored: SparseRows) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return (stored.indices == places.get(words, -1)).astype(np.float32)

    return WordComparison(rows, agreements, spread=0.1, weight=0.1)


def test_where_words_name_the_product_their_weight_grows(shop: LabeledPhotos, filters: Filters) -> None:
    photos = photos_of(shop, true_colors=False, noise=0.5)
    named = replace(photos, words=photos.products)
    tuning = tune_weights(filters, shop, [named], compare_words(shop))
    assert tuning.weights[TEXT] > tuning.default_weights[TEXT] == 0.1
    assert tuning.photos == {"toys": len(photos.products), WITH_WORDS: len(photos.products)}
    before, after = tuning.ndcg[WITH_WORDS]
    assert after > before and "text" in tuning.reason


def test_where_words_name_another_product_they_do_not_count(shop: LabeledPhotos, filters: Filters) -> None:
    start = replace_weights(filters, shop, {**dict.fromkeys(filters.weights, 0.0), LOOK: 1.0})
    photos = photos_of(shop, true_colors=True)
    misnamed = replace(photos, words=photos.products[7:] + photos.products[:7])
    tuning = tune_weights(start, shop, [misnamed], replace(compare_words(shop), weight=5.0))
    assert tuning.weights[TEXT] == 0.0


def test_few_photos_with_words_choose_no_weight_of_words(shop: LabeledPhotos, filters: Filters) -> None:
    photos = photos_of(shop, true_colors=False, noise=0.5)
    few = MIN_WITH_WORDS - 1
    named = replace(photos, words=photos.products[:few] + ("",) * (len(photos.products) - few))
    tuning = tune_weights(filters, shop, [named], compare_words(shop))
    assert tuning.weights[TEXT] == 0.1 and WITH_WORDS not in tuning.photos
