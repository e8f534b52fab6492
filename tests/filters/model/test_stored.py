"""Filters on disk: the same after a restart, never half, never another's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.filters.model.class_layout import ClassTree
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_SIZE
from shoplens.filters.model.stored import DESCRIPTION_FILE, load_filters, save_filters
from tests.filters.toy_training import DIMENSIONS, toy_photos


@pytest.fixture(scope="module")
def filters() -> Filters:
    return fit_to_photos(toy_photos(20), DIMENSIONS, "model 1")


def test_without_stored_filters_none_are_loaded(tmp_path: Path) -> None:
    assert load_filters(tmp_path) is None


def test_stored_filters_give_identical_results(filters: Filters, tmp_path: Path) -> None:
    save_filters(tmp_path, filters)
    second = load_filters(tmp_path)
    assert second is not None
    data = toy_photos(8, seed=3)
    for groups in (None, data.groups):
        item, two = filters.predict(data.features, groups), second.predict(data.features, groups)
        assert np.array_equal(item.dense, two.dense)
        assert np.array_equal(item.probabilities, two.probabilities)
    marks = filters.class_vector(item.probabilities[0], data.known[0])
    weights = {"look": 1.0, "color": 1.0}
    query = data.vectors[0], item.dense[0], marks
    assert second.score_normalizer(*query).normalize_weights(weights) == pytest.approx(
        filters.score_normalizer(*query).normalize_weights(weights), rel=1e-6
    )
    assert second.dimensions == filters.dimensions
    assert second.quality == filters.quality
    assert second.weights == filters.weights
    assert (second.backbone, second.model) == (filters.backbone, "model 1")


def test_how_photos_of_one_product_differ_is_stored(tmp_path: Path) -> None:
    photos = toy_photos(20)
    numbers = np.cumsum(photos.is_first)
    filters = fit_to_photos(replace(photos, products=tuple(f"p{n}" for n in numbers)), DIMENSIONS, "m")
    save_filters(tmp_path, filters)
    second = load_filters(tmp_path)
    assert second is not None and second.models.views is not None
    assert second.models.views.photos == 20, "the first colour of each design has a second view"
    dense = filters.predict(photos.features[:1]).dense[0]
    for group in (None, photos.groups[0]):
        one, two = (each.query_vectors(photos.vectors[0], dense, group)[0] for each in (filters, second))
        assert np.array_equal(one, two) and not np.array_equal(one, photos.vectors[0])


def test_a_trained_look_is_compared_as_it_is() -> None:
    photos = toy_photos(20)
    numbers = np.cumsum(photos.is_first)
    trained = replace(photos, products=tuple(f"p{n}" for n in numbers), trained_look=True)
    filters = fit_to_photos(trained, DIMENSIONS, "m")
    dense = filters.predict(photos.features[:1]).dense[0]
    assert np.array_equal(filters.query_vectors(photos.vectors[0], dense)[0], photos.vectors[0])


def test_filters_of_an_empty_shop_are_stored_too(tmp_path: Path) -> None:
    empty = fit_to_photos(toy_photos(0), DIMENSIONS, "m")
    save_filters(tmp_path, empty)
    second = load_filters(tmp_path)
    assert second is not None
    features = toy_photos(2).features
    assert np.array_equal(second.predict(features).probabilities, empty.predict(features).probabilities)


def test_a_stored_tree_that_never_forks_is_left_out(filters: Filters, tmp_path: Path) -> None:
    """As stores of an earlier version hold it, where no photo's features were known."""
    chain = Dimension("shelf", "tree", "shelf", ("A", "A > B"), (9, 9))
    quality = filters.quality | {"shelf": filters.quality["category"]}
    models = replace(filters.models, trees={**filters.models.trees, "shelf": ClassTree.from_nodes(chain.classes)})
    weights = {**filters.weights, "shelf": 0.1}
    old = replace(filters, dimensions=(*DIMENSIONS, chain), quality=quality, models=models, weights=weights)
    save_filters(tmp_path, old)
    result = load_filters(tmp_path)
    assert result is not None
    assert (result.dimensions, result.weights, result.quality) == (DIMENSIONS, filters.weights, filters.quality)
    marks = result.class_vector(result.predict(toy_photos(1).features).probabilities[0], {"shelf": ("A",)})
    assert set(result.score_normalizer(toy_photos(1).vectors[0], np.zeros(DENSE_SIZE, np.float32), marks).means) == set(
        result.weights
    )


def test_new_filters_replace_old_ones_and_leave_nothing_behind(filters: Filters, tmp_path: Path) -> None:
    save_filters(tmp_path, fit_to_photos(toy_photos(8), DIMENSIONS, "model 0"))
    save_filters(tmp_path, filters)
    result = load_filters(tmp_path)
    assert result is not None
    assert result.model == "model 1"
    assert len(list(tmp_path.iterdir())) == 2


def test_other_weights_reuse_the_numbers(filters: Filters, tmp_path: Path) -> None:
    save_filters(tmp_path, filters)
    [numbers] = tmp_path.glob("*.npz")
    save_filters(tmp_path, filters.with_weights({"color": 9}))
    assert [path.name for path in tmp_path.glob("*.npz")] == [numbers.name]
    result = load_filters(tmp_path)
    assert result is not None
    assert result.weights == {"color": 9}


def test_a_crash_before_the_last_step_keeps_the_old_filters(
    filters: Filters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_filters(tmp_path, filters)
    replaced = Path.replace

    def fail(path: Path, target: Path) -> Path:
        if target.name == DESCRIPTION_FILE:
            raise OSError("the power went off")
        return replaced(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="power"):
            save_filters(tmp_path, fit_to_photos(toy_photos(8), DIMENSIONS, "model 2"))
    result = load_filters(tmp_path)
    assert result is not None
    assert result.model == "model 1"


def truncate_arrays(folder: Path) -> None:
    [numbers] = folder.glob("*.npz")
    numbers.write_bytes(numbers.read_bytes()[:-100])


def remove_arrays(folder: Path) -> None:
    [numbers] = folder.glob("*.npz")
    numbers.unlink()


def break_json(folder: Path) -> None:
    (folder / DESCRIPTION_FILE).write_text("{", "utf-8")


def change_description(**values: object) -> object:
    def change(folder: Path) -> None:
        meaning = json.loads((folder / DESCRIPTION_FILE).read_text("utf-8"))
        (folder / DESCRIPTION_FILE).write_text(json.dumps({**meaning, **values}), "utf-8")

    return change


@pytest.mark.parametrize(
    "harm",
    [
        truncate_arrays,
        remove_arrays,
        break_json,
        change_description(version=99),
        change_description(measured=7),
        change_description(dimensions=[]),
        change_description(dimensions=[{"name": "color"}]),
        change_description(quality={"color": {"wrong": 1}}),
        change_description(weights={"color": -1}),
        change_description(arrays="../../etc/passwd"),
    ],
    ids=[
        "cut off",
        "gone",
        "no JSON",
        "version",
        "measured",
        "dimensions",
        "dimension",
        "quality",
        "weights",
        "elsewhere",
    ],
)
def test_damaged_filters_are_an_error_that_says_what_to_do(filters: Filters, tmp_path: Path, harm: object) -> None:
    save_filters(tmp_path, filters)
    assert callable(harm)
    harm(tmp_path)
    with pytest.raises(StoreError) as caught:
        load_filters(tmp_path)
    assert caught.value.code == "damaged-filters"
    assert "shoplens train filters" in caught.value.fix
    assert DESCRIPTION_FILE in caught.value.problem
