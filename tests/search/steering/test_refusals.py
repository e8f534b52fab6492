"""Invalid steering is an error, and does not change later searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, PhotoError
from shoplens.settings import DimensionRule, DimensionRules, Preferences
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Steering
from tests.patterned_shop import product_name, query_photo
from tests.search.steering.steered_search import (
    NAMES,
    open_shop,
    product_ids,
    search,
)


@pytest.mark.parametrize(
    ("steering", "code"),
    [
        ({"weights": {"colour": 1}}, "unknown-dimension"),
        ({"weights": {"season": 1}}, "unknown-dimension"),  # all products are of one class
        ({"weights": dict.fromkeys(NAMES, 0)}, "no-weight"),
        ({"profile": "nothing"}, "unknown-profile"),
        ({"like": "nothing"}, "unknown-product"),
        ({"color": "greenish"}, "unknown-color"),
    ],
)
def test_unknown_names_are_errors_and_later_searches_are_unchanged(
    shop: Shop, folder: Path, steering: dict[str, Any], code: str
) -> None:
    photo = None if "like" in steering else query_photo(folder, "red", "plain")
    before = product_ids(shop.search(query_photo(folder, "red", "plain")))
    with pytest.raises(InvalidValue) as error:
        search(shop, photo, **steering)
    assert error.value.code == code
    assert error.value.fix
    assert product_ids(shop.search(query_photo(folder, "red", "plain"))) == before


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_negative_nan_or_infinite_weight_is_an_error(shop: Shop, folder: Path, weight: float) -> None:
    with pytest.raises(InvalidValue, match="The weight of 'color' is") as error:
        search(shop, query_photo(folder, "red", "plain"), weights={"color": weight})
    assert error.value.code == "bad-weight"


@pytest.mark.parametrize(
    ("steering", "code"),
    [
        ({"like": product_name("red", "plain", 1)}, "conflicting-query"),
        ({"color": "red", "weights": {"color": 0}}, "color-without-weight"),
    ],
)
def test_contradictory_steering_is_an_error(shop: Shop, folder: Path, steering: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidValue) as error:
        search(shop, query_photo(folder, "blue", "plain"), **steering)
    assert error.value.code == code


def test_a_search_by_color_alone_with_zero_color_weight_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue) as error:
        search(shop, None, color="red", weights={"color": 0})
    assert error.value.code == "no-weight"


def test_a_region_without_a_photo_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="A region was given without a photo") as error:
        shop.search(None, region=(0, 0, 5, 5), steering=Steering(color="red"))
    assert error.value.code == "region-of-nothing"


def test_weights_for_a_strategy_without_filters_are_an_error(shop: Shop, folder: Path) -> None:
    with pytest.raises(InvalidValue, match="has one dimension only") as error:
        shop.search(query_photo(folder, "red", "plain"), strategy="pretrained", steering=Steering(weights={"color": 1}))
    assert error.value.code == "needs-filters"


def test_a_search_without_photo_color_and_product_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="There is nothing to search by"):
        search(shop, None)


def test_a_missing_negative_photo_is_an_error(shop: Shop, folder: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.png") as error:
        search(shop, query_photo(folder, "red", "plain"), unlike=str(folder / "gone.png"))
    assert error.value.code == "photo-missing"


def test_a_color_dimension_that_the_rules_drop_cannot_be_searched_or_weighed(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    rules = DimensionRules(rules={"color": DimensionRule(use=False)})
    with open_shop(tmp_path / "store", Preferences(dimensions=rules)) as shop:
        shop.training.train_filters()
        assert "color" not in shop.search(query_photo(folder, "red", "plain")).weights
        with pytest.raises(InvalidValue) as search_error:
            search(shop, None, color="red")
        assert search_error.value.code == "unknown-dimension"
        with pytest.raises(InvalidValue) as weight_error:
            search(shop, query_photo(folder, "red", "plain"), weights={"color": 1})
        assert weight_error.value.code == "unknown-dimension"


def test_rules_for_an_unknown_dimension_are_an_error_and_change_nothing(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    rules = DimensionRules(rules={"colour": DimensionRule(use=True)})
    with open_shop(tmp_path / "store", Preferences(dimensions=rules)) as shop:
        before = product_ids(shop.search(query_photo(folder, "red", "plain")))
        live = shop._parts.store.live.name
        with pytest.raises(InvalidValue) as error:
            shop.training.train_filters()
        assert error.value.code == "unknown-dimension"
        assert shop._parts.store.live.name == live
        assert product_ids(shop.search(query_photo(folder, "red", "plain"))) == before
