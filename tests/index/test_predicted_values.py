"""Conditions on predicted values: restated by going through products one by one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import FieldValues, field_values, matches
from shoplens.index.predicted_values import PROBABILITY_STEPS, bounded_class, include_predicted, predicted_values
from shoplens.types import Product

DIMENSIONS = {"color": "color", "fabric": "material"}
Predicted = Mapping[str, Mapping[str, float]]


def fields_of(product: Product, predicted: Predicted) -> dict[str, FieldValues]:
    return {**field_values(product), **predicted_values(predicted)}


KINDS = {
    name: frozenset({"text"}) for name in ("color", "fabric", "price", "predicted.color", "predicted.material", "brand")
}


def test_a_predicted_class_is_stored_for_every_probability_step_it_reaches() -> None:
    assert predicted_values({"color": {"Light Green": 0.85, "blue": 0.5, "red": 0.49}, "pattern": {}}) == {
        "predicted.color": FieldValues(
            ("light green@0.5", "light green@0.6", "light green@0.7", "light green@0.8", "blue@0.5")
        )
    }
    assert predicted_values({}) == {}
    assert predicted_values({"color": {"red": 1.0}})["predicted.color"].texts[-1] == "red@0.99"


def products(seed: int) -> list[tuple[Product, Predicted]]:
    """Products with a feed's color, or with a predicted one, or with neither."""
    rng, made = np.random.default_rng(seed), []
    for number in range(60):
        names = ("green", "Red", "blue")
        attributes = {"fabric": (("wool", "silk")[int(rng.integers(2))],)} if rng.random() < 0.5 else {}
        predicted: dict[str, dict[str, float]] = {}
        if rng.random() < 0.5:
            attributes["color"] = (names[int(rng.integers(3))],)
        elif rng.random() < 0.8:
            predicted["color"] = {names[int(rng.integers(3))]: round(float(rng.uniform(0.5, 1)), 3)}
        if "fabric" not in attributes:
            predicted["material"] = {"wool": 0.6, "silk": 0.95}
        made.append((Product(f"p{number}", "P", (f"/{number}.png",), attributes=attributes), predicted))
    return made


def is_color(product: Product, predicted: Predicted, color: str, probability: float) -> bool:
    """The feed says so; or it is silent, and the filters say so with this probability or more."""
    if "color" in product.attributes:
        return str(product.attributes["color"][0]).casefold() == color
    classes = {name.casefold(): p for name, p in predicted.get("color", {}).items()}
    return classes.get(color, 0.0) >= probability


@pytest.mark.parametrize("probability", PROBABILITY_STEPS)
def test_a_predicted_value_counts_where_the_feed_has_none(probability: float) -> None:
    green = include_predicted(parse_condition("color = GREEN"), DIMENSIONS, probability, KINDS)
    other = include_predicted(parse_condition("color != green"), DIMENSIONS, probability, KINDS)
    either = include_predicted(
        parse_condition("color in (green, red) and not brand = acme"), DIMENSIONS, probability, KINDS
    )
    met = 0
    for product, predicted in products(3):
        fields = fields_of(product, predicted)
        expected = is_color(product, predicted, "green", probability)
        assert matches(green, fields) == expected
        assert matches(other, fields) == (not expected)
        assert matches(either, fields) == (expected or is_color(product, predicted, "red", probability))
        met += expected and "color" not in product.attributes
    assert met or probability == 0.99


@pytest.mark.parametrize(("probability", "step"), [(0.5, 0.5), (0.51, 0.6), (0.8, 0.8), (0.96, 0.99), (0.99, 0.99)])
def test_a_probability_between_two_steps_takes_the_next_higher(probability: float, step: float) -> None:
    condition = include_predicted(parse_condition("color = green"), DIMENSIONS, probability, KINDS)
    for p in (*PROBABILITY_STEPS, 0.55, 0.85):
        assert matches(condition, predicted_values({"color": {"green": p}})) == (p >= step)


def test_a_field_is_searched_in_its_dimension() -> None:
    condition = include_predicted(parse_condition("fabric = silk"), DIMENSIONS, 0.9, KINDS)
    assert matches(condition, predicted_values({"material": {"silk": 0.95}}))
    assert not matches(condition, predicted_values({"material": {"silk": 0.85}}))
    assert not matches(condition, predicted_values({"color": {"silk": 0.99}}))


@pytest.mark.parametrize("text", ["price < 20", "brand = acme", "not price > 3", "color < 3"])
def test_other_conditions_stay_as_they_are(text: str) -> None:
    assert include_predicted(parse_condition(text), DIMENSIONS, 0.5, KINDS) == parse_condition(text)


def test_conditions_on_dimensions_without_predictions_do_not_change() -> None:
    kinds = {name: field_kinds for name, field_kinds in KINDS.items() if not name.startswith("predicted.")}
    assert include_predicted(parse_condition("color = green"), DIMENSIONS, 0.5, kinds) == parse_condition(
        "color = green"
    )


def test_classes_are_written_without_regard_to_case() -> None:
    assert bounded_class("Light Blue", 0.95) == "light blue@0.95"
