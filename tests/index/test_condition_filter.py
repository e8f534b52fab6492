from __future__ import annotations

from typing import Any

import pytest

from shoplens.index.condition_parser import parse_condition
from shoplens.index.qdrant.condition_filter import FilterTypes, build_filter

PATHS = {
    "price": {"number": ("number.price",)},
    "sizes": {"number": ("number.sizes",), "text": ("text.sizes",)},
    "color": {"text": ("text.color",)},
}
TYPES: FilterTypes[Any] = FilterTypes(
    lambda **members: members,
    lambda path, texts: (path, *texts),
    lambda path, bounds: (path, dict(bounds)),
    lambda points: ("points", points),
    lambda text: {text},
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("color = red", {"must": [("text.color", "red")]}),
        ("price >= 20 and price < 50", {"must": [("number.price", {"gte": 20.0, "lt": 50.0})]}),
        (
            "price > 10 and color = red and (price > 20 and price < 50)",
            {"must": [("text.color", "red"), ("number.price", {"gt": 20.0, "lt": 50.0})]},
        ),
        # one product has several sizes, and two of them may meet the two inequalities
        (
            "sizes >= 20 and sizes < 50",
            {"must": [("number.sizes", {"gte": 20.0}), ("number.sizes", {"lt": 50.0})]},
        ),
        (
            "color = red or price < 5",
            {"must": [{"should": [("text.color", "red"), ("number.price", {"lt": 5.0})]}]},
        ),
        (
            "not (color = red and price < 5)",
            {"must": [{"must_not": [{"must": [("text.color", "red"), ("number.price", {"lt": 5.0})]}]}]},
        ),
    ],
)
def test_conditions_are_bare_and_prices_are_one_range(condition: str, expected: dict[str, Any]) -> None:
    assert build_filter(parse_condition(condition), PATHS, TYPES, lambda comparison: set()) == expected
