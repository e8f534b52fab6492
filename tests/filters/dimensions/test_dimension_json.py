"""Dimensions as a generation stores them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.derivation import derive_dimensions
from shoplens.filters.dimensions.dimension_json import (
    dimension_from_json,
    dimension_json,
    dimensions_from_json,
    dimensions_json,
)
from shoplens.settings import DimensionRule
from tests.filters.dimensions.toy_products import products_with_values, rules_for, tree_products


def test_dimensions_go_through_json() -> None:
    products = [*products_with_values("x", *["gray", "red", "grey"] * 5, "rare"), *tree_products(("A/B", 5), ("C", 5))]
    rule = DimensionRule("style", True, {"Grey": ("gray",)}, "multi", Path("/l.csv"))
    result = derive_dimensions(products, rules_for("x", rule, 4, 99))
    stored = json.loads(json.dumps(dimensions_json(result)))
    assert dimensions_from_json(stored) == result
    assert [dimension_from_json(json.loads(json.dumps(dimension_json(item)))) for item in result.used] == list(
        result.used
    )


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"used": [{"name": "x"}]}, {"rules": {"x": {"nome": 1}}}, {"min_products": 0}, {"used": 1}],
)
def test_other_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(
        InvalidValue, match=r"stored dimensions cannot be read: .*shoplens index FEED --replace"
    ) as error:
        dimensions_from_json({**dimensions_json(derive_dimensions([])), **change})
    assert error.value.code == "bad-dimensions"
    with pytest.raises(InvalidValue, match="cannot be read"):
        dimensions_from_json({})
