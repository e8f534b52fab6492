"""Steering that makes no sense is an error, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, PhotoError
from shoplens.settings import DimensionRule, DimensionRules, Preferences
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Steering
from tests.patterned_shop import asked, product_name
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
        ({"weights": {"season": 1}}, "unknown-dimension"),  # all of one class
        ({"weights": dict.fromkeys(NAMES, 0)}, "no-weight"),
        ({"profile": "nothing"}, "unknown-profile"),
        ({"like": "nothing"}, "unknown-product"),
        ({"color": "greenish"}, "unknown-color"),
    ],
)
def test_what_is_not_there_is_an_error_and_nothing_changes(
    shop: Shop, folder: Path, steering: dict[str, Any], code: str
) -> None:
    photo = None if "like" in steering else asked(folder, "red", "plain")
    before = product_ids(shop.search(asked(folder, "red", "plain")))
    with pytest.raises(InvalidValue) as told:
        search(shop, photo, **steering)
    assert told.value.code == code
    assert told.value.fix
    assert product_ids(shop.search(asked(folder, "red", "plain"))) == before


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_an_error(shop: Shop, folder: Path, weight: float) -> None:
    with pytest.raises(InvalidValue, match="The weight of 'color' is") as told:
        search(shop, asked(folder, "red", "plain"), weights={"color": weight})
    assert told.value.code == "bad-weight"


@pytest.mark.parametrize(
    ("steering", "code"),
    [
        ({"like": product_name("red", "plain", 1)}, "conflicting-query"),
        ({"color": "red", "weights": {"color": 0}}, "color-without-weight"),
    ],
)
def test_settings_that_contradict_each_other_are_an_error(
    shop: Shop, folder: Path, steering: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidValue) as told:
        search(shop, asked(folder, "blue", "plain"), **steering)
    assert told.value.code == code


def test_a_color_alone_that_does_not_count_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue) as told:
        search(shop, None, color="red", weights={"color": 0})
    assert told.value.code == "no-weight"


def test_a_region_of_no_photo_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="A region was given without a photo") as told:
        shop.search(None, region=(0, 0, 5, 5), steering=Steering(color="red"))
    assert told.value.code == "region-of-nothing"


def test_a_strategy_that_cannot_be_steered_says_so(shop: Shop, folder: Path) -> None:
    with pytest.raises(InvalidValue, match="has one dimension only") as told:
        shop.search(asked(folder, "red", "plain"), strategy="pretrained", steering=Steering(weights={"color": 1}))
    assert told.value.code == "needs-filters"


def test_nothing_to_search_by_is_an_error(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match="There is nothing to search by"):
        search(shop, None)


def test_a_photo_that_is_not_wanted_must_be_a_photo(shop: Shop, folder: Path) -> None:
    with pytest.raises(PhotoError, match=r"gone\.png") as told:
        search(shop, asked(folder, "red", "plain"), unlike=str(folder / "gone.png"))
    assert told.value.code == "photo-missing"


def test_a_dropped_color_cannot_be_searched_by(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    rules = DimensionRules(rules={"color": DimensionRule(use=False)})
    with open_shop(tmp_path / "store", Preferences(dimensions=rules)) as shop:
        shop.training.train_filters()
        assert "color" not in shop.search(asked(folder, "red", "plain")).weights
        with pytest.raises(InvalidValue) as told:
            search(shop, None, color="red")
        assert told.value.code == "unknown-dimension"
        with pytest.raises(InvalidValue) as weighed:
            search(shop, asked(folder, "red", "plain"), weights={"color": 1})
        assert weighed.value.code == "unknown-dimension"


def test_rules_that_no_product_meets_change_nothing(folder: Path, tmp_path: Path) -> None:
    copy_tree(folder / "store", tmp_path / "store")
    rules = DimensionRules(rules={"colour": DimensionRule(use=True)})
    with open_shop(tmp_path / "store", Preferences(dimensions=rules)) as shop:
        before = product_ids(shop.search(asked(folder, "red", "plain")))
        live = shop._parts.store.live.name
        with pytest.raises(InvalidValue) as told:
            shop.training.train_filters()
        assert told.value.code == "unknown-dimension"
        assert shop._parts.store.live.name == live
        assert product_ids(shop.search(asked(folder, "red", "plain"))) == before
