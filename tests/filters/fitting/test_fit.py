"""From photos and the feed's values to filters, on a shop whose truth is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.fitting.crossfit import FOLDS, fold_index
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.filters.fitting.labeled_photos import LabeledPhotos
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_SIZE
from shoplens.filters.photo_features.color_histogram import ANCHOR_COUNT, FINE_SIZE
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from tests.filters.toy_training import BACKBONE, COLORS, DIMENSIONS, MATERIALS, PATTERNS, WITHOUT_FEED, toy_photos


@pytest.fixture(scope="module")
def filters() -> Filters:
    return fit_to_photos(toy_photos(), DIMENSIONS, "m")


def select_rows(data: LabeledPhotos, rows: Sequence[int]) -> LabeledPhotos:
    """Some photos of a training."""
    return dataclasses.replace(
        data,
        vectors=data.vectors[rows],
        features=data.features[rows],
        groups=tuple(data.groups[row] for row in rows),
        is_first=data.is_first[rows],
        known=[data.known[row] for row in rows],
    )


def test_every_learned_dimension_is_predicted_on_held_out_groups(filters: Filters) -> None:
    assert set(filters.quality) == {"color", "pattern", "material", "category"}
    data = toy_photos()
    for name, quality in filters.quality.items():
        assert quality.is_visible
        assert quality.photos == sum(name in known for known in data.known)
        assert quality.accuracy > quality.majority_accuracy + 0.2
    assert filters.quality["color"].accuracy > 0.95
    assert filters.quality["material"].average_precision is not None
    assert filters.quality["material"].average_precision > 0.75


def test_new_photos_are_predicted(filters: Filters) -> None:
    new = toy_photos(groups=40, seed=9)
    read = filters.predict(new.features).probabilities
    for name, classes in (("color", COLORS), ("pattern", PATTERNS)):
        named = [next(iter(filters.distribution(row, name))) for row in read]
        is_correct = [label == known[name][0] for label, known in zip(named, new.known, strict=True)]
        assert np.mean(is_correct) > 0.8
        assert set(named) <= set(classes)


def test_quality_is_measured_on_what_described_says_of_a_group(filters: Filters) -> None:
    data = toy_photos()
    read = filters.predict(data.features, data.groups).probabilities
    named = [next(iter(filters.distribution(row, "pattern"))) for row in read]
    is_correct = [label == known["pattern"][0] for label, known in zip(named, data.known, strict=True)]
    assert np.mean(is_correct) == pytest.approx(filters.quality["pattern"].accuracy, abs=0.005)


def test_values_by_chance_are_not_visible() -> None:
    data = toy_photos()
    random = np.random.default_rng(4)
    by_group = {group: ("yes", "no")[int(random.integers(2))] for group in dict.fromkeys(data.groups)}
    flagged = dataclasses.replace(data, known=[{"sale": (by_group[group],)} for group in data.groups])
    result = fit_to_photos(flagged, (Dimension("sale", "single", "sale", ("yes", "no"), (90, 90)),), "m")
    assert not result.quality["sale"].is_visible
    assert result.weights["sale"] == 0


def test_fitted_weights_are_positive_and_given_weights_replace_them(filters: Filters) -> None:
    assert set(filters.weights) == {dimension.name for dimension in DIMENSIONS}
    assert all(weight > 0 for weight in filters.weights.values())
    assert fit_to_photos(dataclasses.replace(toy_photos(9), weights={"look": 2}), DIMENSIONS, "m").weights == {
        "look": 2
    }


def test_a_group_is_never_predicted_by_a_head_trained_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the choices that see all folds held still, wrong labels in one fold change nothing that is said of it."""
    monkeypatch.setattr("shoplens.filters.fitting.lda._SHRINKAGES", (0.3,))
    monkeypatch.setattr("shoplens.filters.fitting.lda._DOUBTFUL_OWN", -1.0)
    data = toy_photos()
    inside = np.array([fold_index(group, FOLDS) == 1 for group in data.groups])
    wrong = [
        {**known, "pattern": (PATTERNS[1 - PATTERNS.index(known["pattern"][0])],)} if is_inside else known
        for known, is_inside in zip(data.known, inside, strict=True)
    ]
    logits = []
    for training_of in (data, dataclasses.replace(data, known=wrong)):
        result = fit_to_photos(training_of, DIMENSIONS[4:5], "m")
        x = result.models.components.transform(data.features)
        folds = np.full(len(x), 1)
        raw = result.models.heads.logits(x, folds)
        margin = raw[:, 0] - raw[:, 1]
        logits.append(margin - margin.mean())
    assert np.corrcoef(logits[0], logits[1])[0, 1] > 0.9999


def test_the_same_training_gives_the_same_filters(filters: Filters) -> None:
    second = fit_to_photos(toy_photos(), DIMENSIONS, "m")
    features = toy_photos(5, seed=3).features
    assert np.array_equal(second.predict(features).probabilities, filters.predict(features).probabilities)
    assert np.array_equal(second.predict(features).dense, filters.predict(features).dense)
    assert second.quality == filters.quality


@pytest.mark.parametrize(
    "rows", [[], [0], [0, 1], [0, 2, 3], [0, 4, 8], list(range(12))], ids=lambda rows: f"{len(rows)} photos"
)
def test_few_photos_are_accepted(rows: list[int]) -> None:
    data = select_rows(toy_photos(), rows)
    result = fit_to_photos(data, DIMENSIONS, "m")
    described = result.predict(toy_photos(2).features)
    assert np.isfinite(described.dense).all()
    assert np.isfinite(described.probabilities).all()
    for name in ("color", "pattern", "category"):
        for block in result.layout.blocks_of(name):
            assert np.allclose(described.probabilities[:, block.entries].sum(axis=1), 1, atol=1e-4)
    assert result.class_vector(described.probabilities[0], {}).values.max() <= 1


def test_one_product_with_many_photos_is_accepted() -> None:
    data = select_rows(toy_photos(), [0] * 8)
    result = fit_to_photos(dataclasses.replace(data, is_first=np.arange(8) == 0), DIMENSIONS, "m")
    assert not any(quality.is_visible for quality in result.quality.values())


def test_a_feed_without_values_leaves_what_is_measured() -> None:
    data = dataclasses.replace(toy_photos(20), known=[{}] * 80)
    result = fit_to_photos(data, WITHOUT_FEED, "m")
    assert result.class_dimensions == ("color",)
    assert dict(result.quality) == {}
    read = result.predict(data.features).probabilities
    assert next(iter(result.distribution(read[0], "color"))).endswith("red")


def test_classes_without_photos_are_accepted() -> None:
    data = dataclasses.replace(toy_photos(20), known=[{}] * 80)
    result = fit_to_photos(data, DIMENSIONS, "m")
    assert {quality.photos for quality in result.quality.values()} == {0}
    read = result.predict(data.features).probabilities
    assert result.distribution(read[0], "pattern") == pytest.approx({"plain": 0.5, "starry": 0.5})


def test_a_class_of_a_single_group_is_accepted() -> None:
    data = toy_photos(12)
    known = [{"pattern": ("starry" if group == "g3" else "plain",)} for group in data.groups]
    result = fit_to_photos(dataclasses.replace(data, known=known), DIMENSIONS[4:5], "m")
    read = result.predict(data.features, data.groups).probabilities
    assert np.isfinite(read).all()
    assert read[:, 1].mean() < 0.5


def test_several_values_in_a_single_valued_dimension_are_not_fitted() -> None:
    data = toy_photos(12)
    both = [{"pattern": PATTERNS} for _ in data.groups]
    result = fit_to_photos(dataclasses.replace(data, known=both), DIMENSIONS[4:5], "m")
    assert result.quality["pattern"].photos == 0


def test_progress_is_reported() -> None:
    calls: list[tuple[str, int, int]] = []
    fit_to_photos(toy_photos(6), DIMENSIONS, "m", lambda *error: calls.append(error))
    assert [done for _, done, _ in calls] == [0, 1, 2, 3, 4, 5]
    assert {total for *_, total in calls} == {5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": ("a",)}, "one row per photo"),
        ({"features": np.zeros((80, 7), np.float32)}, f"{BACKBONE} \\+ {MEASURED_SIZE}"),
        ({"features": np.full((80, BACKBONE + MEASURED_SIZE), np.nan, np.float32)}, "photo 0"),
    ],
    ids=["lengths", "width", "no numbers"],
)
def test_training_that_does_not_fit_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        dataclasses.replace(toy_photos(20), **change)


def test_materials_are_predicted_independently(filters: Filters) -> None:
    new = toy_photos(groups=40, seed=9)
    read = filters.predict(new.features).probabilities
    [block] = filters.layout.blocks_of("material")
    for place, name in enumerate(MATERIALS):
        has = np.array([name in known.get("material", ()) for known in new.known])
        predicted = read[:, block.start + place]
        assert predicted[has].mean() > predicted[~has].mean() + 0.2


CHAIN = Dimension("category", "tree", "category", ("A", "A > B"), (9, 9))


@pytest.mark.parametrize("dimension", [CHAIN, Dimension("x", "single", "x"), Dimension("x", "multi", "x")], ids=str)
def test_a_dimension_in_which_nothing_can_be_compared_is_left_out(dimension: Dimension) -> None:
    result = fit_to_photos(toy_photos(6), (*DIMENSIONS[:5], dimension), "m")
    assert result.dimensions == DIMENSIONS[:5]
    assert set(result.weights) == {item.name for item in DIMENSIONS[:5]}
    marks = result.class_vector(result.predict(toy_photos(1).features).probabilities[0], {dimension.name: ("A",)})
    assert set(result.score_normalizer(toy_photos(1).vectors[0], np.zeros(DENSE_SIZE, np.float32), marks).means) == set(
        result.weights
    )


def test_a_dimension_in_which_all_photos_are_the_same_has_no_weight() -> None:
    data = toy_photos(30)
    features = data.features.copy()
    features[:, BACKBONE + FINE_SIZE : -ANCHOR_COUNT] = 0.5
    result = fit_to_photos(dataclasses.replace(data, features=features), DIMENSIONS, "m")
    assert (result.models.constant_dimensions, result.weights["shape"]) == (("shape",), 0)
    features[:] = features[0]
    result = fit_to_photos(dataclasses.replace(data, features=features), DIMENSIONS, "m")
    assert result.models.constant_dimensions == ("design", "shape")
    assert [name for name, weight in result.weights.items() if weight] == ["look", "color"]
    assert fit_to_photos(data, DIMENSIONS, "m").models.constant_dimensions == ()


def test_names_of_groups_of_any_length_take_no_more_memory() -> None:
    data = toy_photos(8)
    names = {group: group + "x" * 1_000_000 if group == "g0" else group + "\0" for group in data.groups}
    result = fit_to_photos(
        dataclasses.replace(data, groups=tuple(names[group] for group in data.groups)), DIMENSIONS, "m"
    )
    assert result.quality["pattern"].photos == len(data.groups)
