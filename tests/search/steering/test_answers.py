"""Reasons, predicted values and facets in the answers of searches."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import ConditionError, InvalidValue
from shoplens.types import Answer, Facet, Steering
from tests.patterned_shop import COLORS, PER_KIND, PRODUCTS, feed_has_color, query_photo
from tests.search.steering.steered_search import (
    colors,
    product_ids,
    search,
)


def test_results_have_reasons_only_when_the_query_asks_for_them(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "green", "striped")
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
def test_predicted_values_meet_a_condition_where_the_feed_has_no_value(shop: Shop, folder: Path, color: str) -> None:
    photo, where = query_photo(folder, color, "plain"), f"color = {color}"
    feed_only = search(shop, photo, where=where)
    assert {int(name.rsplit("-", 1)[1]) % 2 for name in product_ids(feed_only)} == {0}
    assert len(product_ids(feed_only)) == 2 * sum(map(feed_has_color, range(PER_KIND)))
    assert all(result.predicted == {} for result in feed_only.results)
    with_predicted = search(shop, photo, where=where, predicted=0.5)
    assert set(product_ids(feed_only)) < set(product_ids(with_predicted))
    assert colors(with_predicted, PRODUCTS) == {color}
    for result in with_predicted.results:
        lacks_color = "color" not in result.product.attributes
        assert bool(result.predicted.get("color")) == lacks_color
        if lacks_color:
            assert result.predicted["color"][color.title()] >= 0.5
    confident = search(shop, photo, where=where, predicted=0.99)
    assert set(product_ids(feed_only)) <= set(product_ids(confident)) <= set(product_ids(with_predicted))


def test_a_negated_condition_excludes_predicted_values_too(shop: Shop, folder: Path) -> None:
    answer = search(shop, query_photo(folder, "red", "plain"), where="not color = red", predicted=0.5)
    assert "red" not in colors(answer, PRODUCTS)


def test_a_probability_out_of_range_is_refused() -> None:
    for probability in (0.49, 1.0, float("nan")):
        with pytest.raises(InvalidValue, match=r"Choose 0\.50 to 0\.99"):
            Steering(predicted=probability)


def facet_of(answer: Answer, name: str) -> Facet:
    """Return the answer's facet of this field."""
    (facet,) = [facet for facet in answer.facets if facet.field == name]
    return facet


def test_facets_count_relevant_products_and_all_products(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "red", "striped")
    answer = search(shop, photo, 3, facets=("color", "pattern"))
    products = [result.product for result in search(shop, photo).results]
    for name in ("color", "pattern"):
        facet = facet_of(answer, name)
        assert 0 < facet.relevant < PRODUCTS
        relevant, total = (
            Counter(str(value) for product in subset for value in product.attributes.get(name, ()))
            for subset in (products[: facet.relevant], products)
        )
        assert dict(facet.values) == {value: (relevant[value], count) for value, count in total.items()}
        order = sorted(facet.values, key=lambda value: (-relevant[value], -total[value], value.casefold()))
        assert list(facet.values) == order
    assert facet_of(answer, "color").complete


def test_a_facet_ignores_the_condition_on_its_own_field(shop: Shop, folder: Path) -> None:
    photo = query_photo(folder, "red", "striped")
    unrestricted = search(shop, photo, facets=("color", "pattern"))
    restricted = search(shop, photo, where=("pattern = striped",), facets=("color", "pattern"))
    assert facet_of(restricted, "pattern") == facet_of(unrestricted, "pattern")
    assert {value: total for value, (_, total) in facet_of(restricted, "color").values.items()} == {
        color.title(): sum(map(feed_has_color, range(PER_KIND))) for color in COLORS
    }


def test_a_field_that_is_missing_or_not_text_cannot_be_counted(shop: Shop, folder: Path) -> None:
    for name in ("colour", "price"):
        with pytest.raises(ConditionError, match=f"There is no field '{name}' to count") as error:
            search(shop, query_photo(folder, "red", "plain"), facets=(name,))
        assert error.value.code == "unknown-field" and "color" in error.value.fix
