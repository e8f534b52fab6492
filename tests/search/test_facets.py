"""Facets: counts compared with a loop over all products, and conditions without the part about the facet's field."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from shoplens.errors import ConditionError
from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import AllOf, Condition, IsProduct, Not, field_values, matches
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct, PhotoConstraint
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.ranking.weighted_sum import similarity_from_cosine
from shoplens.search.constraint import RankingConstraint
from shoplens.search.facets import FacetRequest, count_facets, count_values, remove_field
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.types import Photo
from tests.fakes import colour_vector, numbered_color, product

PRETRAINED = PreparedStrategy(strategy_named("pretrained"))
SIMILARITY_THRESHOLD = 0.75
QUERY = EncodedQuery(colour_vector((250, 20, 20)))


def build_index(count: int) -> ExactIndex:
    """Return an index of products of many colours.

    Some lack a brand, some have two tags, and one attribute has the name of the field ``brand``.
    """
    index = ExactIndex(4)
    for number in range(count):
        name = f"/{number}.png"
        attributes = {"tag": ("New", "Sale")[: 1 + number % 2], "brand": ("Label",), "size": (str(number % 4),)}
        item = product(
            f"p{number}",
            name,
            brand=("", "Acme", "Blue Sky")[number % 3],
            category=("Shop", f"Shelf {number % 5}"),
            attributes=attributes,
            group_id=f"g{number // 2}",
        )
        photo = Photo(name, f"{number:032x}", "", 8, 8)
        index.upsert([IndexedProduct(item, (photo,), colour_vector(numbered_color(number))[None])])
    return index


def facet_request(index: ExactIndex, *fields: str, condition: Condition | None = None, k: int = 3) -> FacetRequest:
    constraint = RankingConstraint(k, PhotoConstraint(condition), per_group=1)
    return FacetRequest(index, PRETRAINED, QUERY, constraint, fields)


def count_by_definition(
    index: ExactIndex, field: str, condition: Condition | None
) -> tuple[dict[str, tuple[int, int]], int]:
    """Return folded value -> (relevant products, all products), and the number of relevant products."""
    relevant_counts: Counter[str] = Counter()
    all_counts: Counter[str] = Counter()
    relevant = 0
    for entry in index.entries():
        fields = field_values(entry.product)
        if condition is not None and not matches(condition, fields):
            continue
        values = fields[field].texts if field in fields else ()
        all_counts.update(values)
        if similarity_from_cosine(float(entry.vectors[0] @ QUERY.vector)) >= SIMILARITY_THRESHOLD:
            relevant_counts.update(values)
            relevant += 1
    return {value: (relevant_counts[value], all_counts[value]) for value in all_counts}, relevant


@pytest.mark.parametrize("field", ["brand", "tag", "category", "size", "attributes.brand", "group_id"])
@pytest.mark.parametrize("text", [None, "not brand = acme", "category = 'shelf 1' and id != p1"])
def test_counts_equal_a_loop_over_all_products(field: str, text: str | None) -> None:
    index, condition = build_index(60), parse_condition(text) if text else None
    (facet,) = count_facets(facet_request(index, field, condition=condition))
    expected, relevant = count_by_definition(index, field, remove_field(condition, field))
    assert {value.casefold(): counts for value, counts in facet.values.items()} == expected
    assert (facet.field, facet.relevant, facet.complete) == (field, relevant, True)
    assert relevant > 0 or text is not None
    order = [(-near, -total, value.casefold()) for value, (near, total) in facet.values.items()]
    assert order == sorted(order)


def test_values_keep_the_spelling_of_the_shop() -> None:
    brand, tag = count_facets(facet_request(build_index(30), "brand", "tag"))
    assert {"Acme", "Blue Sky"} == set(brand.values)
    assert {"New", "Sale"} == set(tag.values)


def test_group_limit_and_k_do_not_change_counts() -> None:
    index = build_index(40)
    small, large = facet_request(index, "tag", k=1), facet_request(index, "tag", k=40)
    assert count_facets(small) == count_facets(replace(large, constraint=replace(large.constraint, per_group=None)))


def test_a_condition_on_one_facet_narrows_the_counts_of_the_others() -> None:
    index, condition = build_index(60), parse_condition("tag = sale and size in (1, 3)")
    tag, size, brand = count_facets(facet_request(index, "tag", "size", "brand", condition=condition))
    for facet, rest in ((tag, "size in (1, 3)"), (size, "tag = sale"), (brand, "tag = sale and size in (1, 3)")):
        expected, relevant = count_by_definition(index, facet.field, parse_condition(rest))
        assert {value.casefold(): counts for value, counts in facet.values.items()} == expected
        assert facet.relevant == relevant


def test_composed_and_decomposed_letters_are_the_same_value() -> None:
    index = ExactIndex(4)
    for number, (name, value) in enumerate(
        [("gr\u00f6\u00dfe", "gr\u00fcn"), ("gro\u0308\u00dfe", "gru\u0308n"), ("gr\u00f6\u00dfe", "GRU\u0308N")]
    ):
        item = product(
            f"p{number}", f"/{number}.png", attributes={name: (value,)}, group_id=f"{'Gg'[number % 2]}\u0308"
        )
        index.upsert(
            [
                IndexedProduct(
                    item, (Photo(f"/{number}.png", f"{number:032x}", "", 8, 8),), colour_vector((250, 20, 20))[None]
                )
            ]
        )
    value, group = count_facets(facet_request(index, "gro\u0308\u00dfe", "group_id"))
    assert {name.casefold(): counts for name, counts in value.values.items()} == {"gr\u00fcn": (3, 3)}
    assert group.values == {"G\u0308": (2, 2), "g\u0308": (1, 1)}, "ids differ by letter case"
    assert count_values(index, ["gro\u0308\u00dfe"], None, 5) == {"gr\u00f6\u00dfe": {"gr\u00fcn": 3}}


def test_no_fields_give_no_facets_and_no_products_give_an_empty_facet() -> None:
    assert count_facets(facet_request(build_index(5))) == ()
    (facet,) = count_facets(facet_request(build_index(5), "tag", condition=parse_condition("id = nothing")))
    assert (facet.values, facet.relevant, facet.complete) == ({}, 0, True)


@pytest.mark.parametrize("field", ["colour", "price"])
def test_a_field_that_is_missing_or_not_text_is_refused(field: str) -> None:
    with pytest.raises(ConditionError, match=f"There is no field '{field}' to count") as error:
        count_facets(facet_request(build_index(5), field))
    assert error.value.code == "unknown-field"
    assert "brand, category" in error.value.fix


@pytest.mark.parametrize(
    ("text", "field", "rest"),
    [
        ("color = red", "color", None),
        ("color = red", "size", "color = red"),
        ("color = red and size = 3", "color", "size = 3"),
        ("color = red and size = 3 and price < 4", "color", "size = 3 and price < 4"),
        ("color = red and (color = blue and size = 3)", "color", "size = 3"),
        ("color = red and not color = blue", "color", None),
        ("color = red or color = blue", "color", None),
        ("color = red or size = 3", "color", "color = red or size = 3"),
        ("not (color = red and size = 3)", "color", "not (color = red and size = 3)"),
        ("color = red or predicted.color = 'red@0.5'", "color", None),
    ],
)
def test_remove_field_drops_the_parts_about_that_field_alone(text: str, field: str, rest: str | None) -> None:
    assert remove_field(parse_condition(text), field) == (parse_condition(rest) if rest else None)


def test_remove_field_keeps_the_exclusion_of_the_query_product() -> None:
    exclusion = Not(IsProduct(("p1",)))
    assert remove_field(AllOf((parse_condition("color = red"), exclusion)), "color") == exclusion
    assert remove_field(exclusion, "id") == exclusion


def test_remove_field_of_no_condition_is_none() -> None:
    assert remove_field(None, "color") is None
