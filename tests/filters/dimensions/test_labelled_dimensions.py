"""Dimensions that people's labels add to a feed, or complete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.derivation import ClassReader, derive_dimensions
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.dimensions.labels import Labels
from shoplens.settings import DimensionRule, DimensionRules
from tests.filters.dimensions.toy_products import PHOTO_DIMENSIONS, dimension_names, product, rules_for


def labels_of_seasons(seasons: Iterable[str], name: str = "Season") -> Labels:
    by_photo = {f"/{n}.jpg": {name: (season,)} for n, season in enumerate(seasons)}
    return Labels(by_photo, {name: len(by_photo)})


def test_labels_add_a_dimension_that_the_feed_lacks() -> None:
    products = [product(n) for n in range(30)]
    rules = rules_for("season", DimensionRule("time of year", labels=Path("/l.csv")))
    labels = labels_of_seasons(["Winter", "winter", "Summer"] * 5)
    result = derive_dimensions(products, rules, labels)
    season = result.find("time of year")
    assert season == Dimension("time of year", "single", "", ("Winter", "Summer"), (10, 5))
    reader = ClassReader(result.used, rules, labels)
    assert [reader.read_classes(products[n]) for n in (1, 2, 20)] == [
        {"time of year": ("Winter",)},
        {"time of year": ("Summer",)},
        {},
    ]
    assert reader.missing_dimensions(products[20]) == ("time of year",)
    assert dimension_names(derive_dimensions(products, None, labels)) == [*PHOTO_DIMENSIONS, "Season"]


def test_labels_may_use_the_name_of_a_dropped_dimension() -> None:
    rules = DimensionRules(rules={"x": DimensionRule("time", use=False), "Season": DimensionRule("time")})
    labels = labels_of_seasons(["Winter", "Summer"] * 5)
    products = [product(n, {"x": ("a",)}) for n in range(10)]
    result = derive_dimensions(products, rules, labels)
    assert ClassReader(result.used, rules, labels).read_classes(products[0]) == {"time": ("Winter",)}


def test_the_feed_has_the_word_and_labels_speak_where_it_is_silent() -> None:
    products = [product(n, {"season": ("Winter",)} if n < 10 else {}) for n in range(20)]
    labels = labels_of_seasons(["Summer"] * 20)
    season = derive_dimensions(products, None, labels).find("season")
    assert (season.field, season.classes, season.products) == ("season", ("Summer", "Winter"), (10, 10))
    assert ClassReader([season], None, labels).read_classes(products[0]) == {"season": ("Winter",)}


def test_a_labels_file_without_values_of_its_dimension() -> None:
    rules = rules_for("season", DimensionRule(labels=Path("/l.csv")))
    for labels in (None, labels_of_seasons(["calm"], "mood")):
        with pytest.raises(InvalidValue, match=r"No row of /l\.csv labels a product's photo in 'season'") as error:
            derive_dimensions([product(0)], rules, labels)
        assert error.value.code == "no-labels"
