"""Filters at work: what they see, how alike it is, and why."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.crossfit import FOLDS, fold_index
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS, DENSE_SIZE, TINT_SHARE
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT, parse_palette
from shoplens.types import SparseRows, SparseVector
from tests.filters.toy_training import DIMENSIONS, toy_photos


@pytest.fixture(scope="module")
def filters() -> Filters:
    return fit_to_photos(toy_photos(), DIMENSIONS, "m")


def sparse(filters: Filters, **blocks: dict[str, float]) -> SparseVector:
    """Marks from dimension -> class -> probability; the classes of every block of the dimension."""
    row = np.zeros(filters.layout.size, np.float32)
    for name, classes in blocks.items():
        for block in filters.layout.blocks_of(name):
            for entry, label in enumerate(block.classes, start=block.start):
                if block.kind != "palette":
                    row[entry] = math.sqrt(block.share * classes.get(label, 0))
    indices = np.flatnonzero(row)
    return SparseVector(indices.astype(np.uint32), row[indices])


def test_dense_vectors_are_of_length_one_and_of_the_same_design(filters: Filters) -> None:
    data = toy_photos()
    described = filters.predict(data.features)
    assert described.dense.shape == (len(data.groups), DENSE_SIZE)
    assert described.dense.dtype == described.probabilities.dtype == np.float32
    for part in (described.design, described.shape, described.tint):
        assert np.allclose(np.linalg.norm(part, axis=1), 1, atol=1e-4)
    groups = np.array(data.groups)
    same = groups[:, None] == groups
    for part in (described.design, described.shape):
        cosines = part @ part.T
        assert cosines[same].mean() > cosines[~same].mean() + 0.4


def test_a_photo_of_the_catalogue_is_read_by_the_head_of_its_fold(filters: Filters) -> None:
    data = toy_photos()
    read = filters.predict(data.features, data.groups).probabilities
    x = filters.models.components.transform(data.features)
    heads = filters.models.heads
    [block] = filters.layout.blocks_of("pattern")
    place = filters.layout.predicted_entries.tolist().index(block.start)
    for number, group in enumerate(data.groups):
        fold = fold_index(group, FOLDS)
        logits = (x[number] @ heads.weights[fold] + heads.bias[fold])[place : place + 2]
        floor = heads.floor[place : place + 2]
        expected = np.exp(logits) / np.exp(logits).sum() * (1 - floor.sum()) + floor
        assert read[number, block.entries] == pytest.approx(expected, abs=1e-4)


def test_other_photos_are_read_by_the_mean_of_the_heads(filters: Filters) -> None:
    data = toy_photos(4, seed=5)
    by_fold = [
        filters.models.heads.logits(filters.models.components.transform(data.features), np.full(len(data.groups), fold))
        for fold in range(FOLDS)
    ]
    mean = filters.models.heads.logits(filters.models.components.transform(data.features))
    assert np.allclose(mean, np.mean(by_fold, axis=0), atol=0.02)


def test_the_palette_is_what_was_measured(filters: Filters) -> None:
    data = toy_photos(3)
    read = filters.predict(data.features).probabilities
    block = next(block for block in filters.layout.blocks_of("color") if block.kind == "palette")
    assert np.array_equal(read[:, block.entries], data.features[:, -ANCHOR_COUNT:])


def test_a_photo_without_features_has_no_predicted_values(filters: Filters) -> None:
    described = filters.predict(np.zeros_like(toy_photos(1).features[:1]))
    assert not described.dense.any()
    assert not described.probabilities.any()
    assert not len(filters.class_vector(described.probabilities[0], {}).indices)
    marks = filters.class_vector(described.probabilities[0], {"pattern": ("starry",)})
    assert filters.best_match(marks, marks, "pattern") == ("starry", 1.0, 1.0)


def test_features_of_other_models_are_refused(filters: Filters) -> None:
    with pytest.raises(InvalidValue, match="numbers"):
        filters.predict(np.zeros((2, 5), np.float32))
    with pytest.raises(InvalidValue, match="a group per photo"):
        filters.predict(toy_photos(1).features, ["g0"])


def test_agreements_are_dot_products_per_dimension(filters: Filters) -> None:
    data = toy_photos(20, seed=2)
    read = filters.predict(data.features).probabilities
    marks = [filters.class_vector(row, known) for row, known in zip(read, data.known, strict=True)]
    query = filters.class_vector(read[0], {})
    result = filters.agreements(query, marks)
    assert result.shape == (len(marks), 4)
    assert filters.class_dimensions == ("color", "pattern", "material", "category")
    dense = np.zeros((len(marks) + 1, filters.layout.size))
    for row, vector in zip(dense, [*marks, query], strict=True):
        row[vector.indices] = vector.values
    for place in range(4):
        own = filters.layout.entry_dimensions == place
        assert np.allclose(result[:, place], dense[:-1, own] @ dense[-1, own], atol=1e-6)
    assert np.array_equal(result, filters.agreements(query, SparseRows.of(marks)))
    assert filters.agreements(query, []).shape == (0, 4)


def test_a_photo_agrees_fully_with_itself(filters: Filters) -> None:
    read = filters.predict(toy_photos(2).features).probabilities
    marks = filters.class_vector(read[0], {})
    assert filters.agreements(marks, [marks])[0] == pytest.approx([1, 1, 1, 1], abs=1e-5)


def test_similarities_lie_between_0_and_1(filters: Filters) -> None:
    cosines = {name: np.array([-1, 0.5, 1], np.float32) for name in ("look", "design", "shape", "color")}
    agreements = np.array([[0, 0, 0, 0], [0.4, 0.1, 0.2, 0.3], [1, 1, 1, 1]], np.float32)
    result = filters.similarities(cosines, agreements)
    assert result["look"] == pytest.approx([0, 0.75, 1])
    assert result["pattern"] == pytest.approx([0, 0.1, 1])
    assert result["color"] == pytest.approx([0, (1 - TINT_SHARE) * 0.4 + TINT_SHARE * 0.5, 1])
    assert set(result) == {dimension.name for dimension in DIMENSIONS}


def test_a_weight_counts_standard_deviations_of_the_query_over_the_cohort(filters: Filters) -> None:
    data = toy_photos(3, seed=7)
    described = filters.predict(data.features)
    marks, look = filters.class_vector(described.probabilities[0], {}), data.vectors[0]
    cohort = filters.cohort
    stored = []
    for row in cohort.class_vectors:
        indices = np.flatnonzero(row)
        stored.append(SparseVector(indices.astype(np.uint32), row[indices]))
    cosines = {name: cohort.dense[:, part] @ described.dense[0, part] for name, part in DENSE_PARTS.items()}
    similar = filters.similarities({"look": cohort.look @ look, **cosines}, filters.agreements(marks, stored))
    spreads = cohort.query_spreads(similar)
    weights = {"look": 1.0, "color": 2.0, "pattern": 0.0}
    result = filters.score_normalizer(look, described.dense[0], marks).normalize_weights(weights)
    total = sum(weights[name] / spreads[name] for name in weights)
    assert result == pytest.approx({name: weights[name] / spreads[name] / total for name in weights}, abs=1e-5)
    assert sum(result.values()) == pytest.approx(1)


def test_a_weighted_query_is_the_classified_part_of_the_score(filters: Filters) -> None:
    data = toy_photos(20, seed=2)
    read = filters.predict(data.features).probabilities
    marks = [filters.class_vector(row, known) for row, known in zip(read, data.known, strict=True)]
    query = filters.class_vector(read[0], {})
    weights = {"look": 5.0, "color": 2.0, "material": 0.5}
    weighted = filters.weight_query(query, weights)
    agreements = filters.agreements(query, marks)
    expected = 2 * (1 - TINT_SHARE) * agreements[:, 0] + 0.5 * agreements[:, 2]
    row = np.zeros(filters.layout.size)
    row[weighted.indices] = weighted.values
    result = [float(row[item.indices] @ item.values) for item in marks]
    assert result == pytest.approx(expected.tolist(), abs=1e-5)
    assert not len(filters.weight_query(query, {"look": 1.0}).indices)


def test_the_best_match_is_the_class_that_agrees_most(filters: Filters) -> None:
    query = sparse(filters, pattern={"plain": 0.2, "starry": 0.8}, material={"wool": 0.5, "silk": 0.5})
    photo = sparse(filters, pattern={"plain": 0.3, "starry": 0.7}, material={"silk": 1.0})
    assert filters.best_match(query, photo, "pattern") == ("starry", pytest.approx(0.8), pytest.approx(0.7))
    assert filters.best_match(query, photo, "material") == ("silk", pytest.approx(0.5), pytest.approx(1.0))


def test_without_agreement_the_best_match_is_the_class_of_the_query(filters: Filters) -> None:
    query, photo = sparse(filters, pattern={"starry": 1.0}), sparse(filters, pattern={"plain": 1.0})
    assert filters.best_match(query, photo, "pattern") == ("starry", pytest.approx(1.0), 0.0)
    assert filters.best_match(sparse(filters), photo, "pattern") == ("", 0.0, 0.0)


def test_the_best_match_in_a_tree_is_the_deepest_node_that_agrees(filters: Filters) -> None:
    hoodie, shirt, home = "tops > hoodie", "tops > shirt", "home"
    query = sparse(filters, category={"tops": 0.9, hoodie: 0.8, shirt: 0.1, home: 0.1})
    alike = sparse(filters, category={"tops": 1.0, hoodie: 1.0})
    other = sparse(filters, category={"tops": 1.0, shirt: 1.0})
    assert filters.best_match(query, alike, "category") == (hoodie, pytest.approx(0.8), pytest.approx(1.0))
    assert filters.best_match(query, other, "category") == ("tops", pytest.approx(0.9), pytest.approx(1.0))
    result = filters.best_match(query, sparse(filters, category={home: 1.0}), "category")
    assert result == (home, pytest.approx(0.1), pytest.approx(1.0))  # a leaf of both levels counts once


def test_anchors_with_the_same_color_name_match_as_one_class(filters: Filters) -> None:
    block = next(block for block in filters.layout.blocks_of("color") if block.kind == "palette")
    read = np.zeros(filters.layout.size, np.float32)
    read[block.entries] = parse_palette("red")
    marks = filters.class_vector(read, {})
    label, in_query, in_photo = filters.best_match(marks, marks, "color")
    names = np.array(block.classes)
    assert in_query == in_photo == pytest.approx(float(parse_palette("red")[names == label].sum()), abs=0.02)


def test_distributions_are_given_by_class(filters: Filters) -> None:
    row = np.zeros(filters.layout.size, np.float32)
    for name, values in (("pattern", [0.3, 0.7]), ("material", [0.9, 0.2, 0.5])):
        [block] = filters.layout.blocks_of(name)
        row[block.entries] = values
    first, second = filters.layout.blocks_of("category")
    row[first.entries], row[second.entries] = [0.8, 0.2], [0.2, 0.5, 0.3]
    assert list(filters.distribution(row, "pattern").items()) == [
        ("starry", pytest.approx(0.7)),
        ("plain", pytest.approx(0.3)),
    ]
    assert filters.distribution(row, "material") == pytest.approx({"wool": 0.9, "linen": 0.5, "silk": 0.2})
    assert filters.distribution(row, "category") == pytest.approx(
        {"tops": 0.8, "home": 0.2, "tops > hoodie": 0.5, "tops > shirt": 0.3}
    )
    assert filters.distribution(row, "look") == {}


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ({"smell": 1.0}, "unknown-dimension"),
        ({"color": -1.0}, "bad-weight"),
        ({"color": math.nan}, "bad-weight"),
        ({"color": math.inf}, "bad-weight"),
        ({"color": True}, "bad-weight"),
    ],
    ids=str,
)
def test_invalid_weights_are_refused(filters: Filters, weights: dict[str, float], code: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        filters.with_weights(weights)
    assert caught.value.code == code


def test_other_weights_keep_the_models(filters: Filters) -> None:
    other = filters.with_weights({"color": 3})
    assert dict(other.weights) == {"color": 3}
    assert other.models is filters.models
    with pytest.raises(TypeError, match="does not support item assignment"):
        other.weights["color"] = 2  # type: ignore[index]
    assert dict(other.weights) == {"color": 3}
