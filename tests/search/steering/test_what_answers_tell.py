"""Reasons, values that the filters predict, and facets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import ConditionError, InvalidValue
from shoplens.types import Answer, Facet, Steering
from tests.patterned_shop import COLORS, PER_KIND, PRODUCTS, asked, tells_color
from tests.search.steering.steered_search import (
    colors,
    product_ids,
    search,
)


def test_reasons_are_given_where_they_are_asked_for(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "green", "striped")
    assert all(result.reasons is None for result in search(shop, photo).results)
    answer = search(shop, photo, 10, explain=True)
    for result in answer.results:
        reasons = result.reasons
        assert reasons is not None
        assert reasons.weights == answer.weights
        for name, part in result.parts.items():
            assert part == pytest.approx(answer.weights[name] * reasons.similarities[name])
        assert reasons.ranks_without.keys() == {name for name, weight in answer.weights.items() if weight}
    first = answer.results[0].reasons
    assert first is not None
    assert first.matches["pattern"].name == "striped"
    assert first.matches["color"].name.casefold() == "green"


@pytest.mark.parametrize("color", COLORS)
def test_predicted_values_are_taken_where_the_feed_is_silent(shop: Shop, folder: Path, color: str) -> None:
    photo, where = asked(folder, color, "plain"), f"color = {color}"
    told = search(shop, photo, where=where)
    assert {int(name.rsplit("-", 1)[1]) % 2 for name in product_ids(told)} == {0}
    assert len(product_ids(told)) == 2 * sum(map(tells_color, range(PER_KIND)))
    assert all(result.predicted == {} for result in told.results)
    both = search(shop, photo, where=where, predicted=0.5)
    assert set(product_ids(told)) < set(product_ids(both))
    assert colors(both, PRODUCTS) == {color}
    for result in both.results:
        silent = "color" not in result.product.attributes
        assert bool(result.predicted.get("color")) == silent
        if silent:
            assert result.predicted["color"][color.title()] >= 0.5
    sure = search(shop, photo, where=where, predicted=0.99)
    assert set(product_ids(told)) <= set(product_ids(sure)) <= set(product_ids(both))


def test_what_is_not_so_is_not_predicted_so_either(shop: Shop, folder: Path) -> None:
    answer = search(shop, asked(folder, "red", "plain"), where="not color = red", predicted=0.5)
    assert "red" not in colors(answer, PRODUCTS)


def test_a_probability_out_of_range_is_refused() -> None:
    for probability in (0.49, 1.0, float("nan")):
        with pytest.raises(InvalidValue, match=r"Choose 0\.50 to 0\.99"):
            Steering(predicted=probability)


def facet(answer: Answer, name: str) -> Facet:
    (found,) = [one for one in answer.facets if one.field == name]
    return found


def test_facets_count_relevant_products_and_all(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "red", "striped")
    answer = search(shop, photo, 3, facets=("color", "pattern"))
    everything = search(shop, photo)
    for name in ("color", "pattern"):
        found = facet(answer, name)
        assert 0 < found.relevant < PRODUCTS
        near = [one.product for one in everything.results[: found.relevant]]
        counts = Counter(str(value) for product in near for value in product.attributes.get(name, ()))
        every = Counter(str(value) for one in everything.results for value in one.product.attributes.get(name, ()))
        assert dict(found.values) == {value: (counts[value], count) for value, count in every.items()}
        assert list(found.values) == sorted(found.values, key=lambda one: (-counts[one], -every[one], one.casefold()))
    assert facet(answer, "color").complete


def test_a_facet_with_ticks_is_counted_without_them(shop: Shop, folder: Path) -> None:
    photo = asked(folder, "red", "striped")
    free = search(shop, photo, facets=("color", "pattern"))
    ticked = search(shop, photo, where=("pattern = striped",), facets=("color", "pattern"))
    assert facet(ticked, "pattern") == facet(free, "pattern")
    assert {value: every for value, (_, every) in facet(ticked, "color").values.items()} == {
        color.title(): sum(map(tells_color, range(PER_KIND))) for color in COLORS
    }


def test_a_field_that_is_not_there_cannot_be_counted(shop: Shop, folder: Path) -> None:
    for name in ("colour", "price"):
        with pytest.raises(ConditionError, match=f"There is no field '{name}' to count") as told:
            search(shop, asked(folder, "red", "plain"), facets=(name,))
        assert told.value.code == "unknown-field" and "color" in told.value.fix
