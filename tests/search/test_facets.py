"""Facets: what a facet is counted without, and counts by going through the products one by one."""

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
BAR = 0.75
PHOTO = EncodedQuery(colour_vector((250, 20, 20)))


def index_of(count: int) -> ExactIndex:
    """Products of many colours; some lack a brand, some have two tags, an attribute bears the name of a field."""
    index = ExactIndex(4)
    for number in range(count):
        name = f"/{number}.png"
        attributes = {"tag": ("New", "Sale")[: 1 + number % 2], "brand": ("Label",), "size": (str(number % 4),)}
        one = product(
            f"p{number}",
            name,
            brand=("", "Acme", "Blue Sky")[number % 3],
            category=("Shop", f"Shelf {number % 5}"),
            attributes=attributes,
            group_id=f"g{number // 2}",
        )
        photo = Photo(name, f"{number:032x}", "", 8, 8)
        index.upsert([IndexedProduct(one, (photo,), colour_vector(numbered_color(number))[None])])
    return index


def counting(index: ExactIndex, *fields: str, condition: Condition | None = None, k: int = 3) -> FacetRequest:
    constraint = RankingConstraint(k, PhotoConstraint(condition), per_group=1)
    return FacetRequest(index, PRETRAINED, PHOTO, constraint, fields)


def definition(index: ExactIndex, field: str, condition: Condition | None) -> tuple[dict[str, tuple[int, int]], int]:
    """Folded value -> counts, and how many products are relevant."""
    near: Counter[str] = Counter()
    every: Counter[str] = Counter()
    relevant = 0
    for entry in index.entries():
        fields = field_values(entry.product)
        if condition is not None and not matches(condition, fields):
            continue
        held = fields[field].texts if field in fields else ()
        every.update(held)
        if similarity_from_cosine(float(entry.vectors[0] @ PHOTO.vector)) >= BAR:
            near.update(held)
            relevant += 1
    return {value: (near[value], every[value]) for value in every}, relevant


@pytest.mark.parametrize("field", ["brand", "tag", "category", "size", "attributes.brand", "group_id"])
@pytest.mark.parametrize("text", [None, "not brand = acme", "category = 'shelf 1' and id != p1"])
def test_counts_are_those_of_the_definition(field: str, text: str | None) -> None:
    index, condition = index_of(60), parse_condition(text) if text else None
    (found,) = count_facets(counting(index, field, condition=condition))
    expected, relevant = definition(index, field, remove_field(condition, field))
    assert {value.casefold(): counts for value, counts in found.values.items()} == expected
    assert (found.field, found.relevant, found.complete) == (field, relevant, True)
    assert relevant > 0 or text is not None
    order = [(-near, -every, value.casefold()) for value, (near, every) in found.values.items()]
    assert order == sorted(order)


def test_values_are_written_as_the_shop_does() -> None:
    brand, tag = count_facets(counting(index_of(30), "brand", "tag"))
    assert {"Acme", "Blue Sky"} == set(brand.values)
    assert {"New", "Sale"} == set(tag.values)


def test_full_groups_and_a_small_k_do_not_matter() -> None:
    index = index_of(40)
    few, many = counting(index, "tag", k=1), counting(index, "tag", k=40)
    assert count_facets(few) == count_facets(replace(many, constraint=replace(many.constraint, per_group=None)))


def test_ticks_of_a_facet_count_for_the_others() -> None:
    index, condition = index_of(60), parse_condition("tag = sale and size in (1, 3)")
    tag, size, brand = count_facets(counting(index, "tag", "size", "brand", condition=condition))
    for found, rest in ((tag, "size in (1, 3)"), (size, "tag = sale"), (brand, "tag = sale and size in (1, 3)")):
        expected, relevant = definition(index, found.field, parse_condition(rest))
        assert {value.casefold(): counts for value, counts in found.values.items()} == expected
        assert found.relevant == relevant


def test_values_are_one_whatever_their_letters_are_put_together_of() -> None:
    index = ExactIndex(4)
    for number, (name, value) in enumerate(
        [("gr\u00f6\u00dfe", "gr\u00fcn"), ("gro\u0308\u00dfe", "gru\u0308n"), ("gr\u00f6\u00dfe", "GRU\u0308N")]
    ):
        one = product(f"p{number}", f"/{number}.png", attributes={name: (value,)}, group_id=f"{'Gg'[number % 2]}\u0308")
        index.upsert(
            [
                IndexedProduct(
                    one, (Photo(f"/{number}.png", f"{number:032x}", "", 8, 8),), colour_vector((250, 20, 20))[None]
                )
            ]
        )
    value, group = count_facets(counting(index, "gro\u0308\u00dfe", "group_id"))
    assert {name.casefold(): counts for name, counts in value.values.items()} == {"gr\u00fcn": (3, 3)}
    assert group.values == {"G\u0308": (2, 2), "g\u0308": (1, 1)}, "letter case of ids counts"
    assert count_values(index, ["gro\u0308\u00dfe"], None, 5) == {"gr\u00f6\u00dfe": {"gr\u00fcn": 3}}


def test_nothing_is_counted_where_nothing_is_asked_or_there() -> None:
    assert count_facets(counting(index_of(5))) == ()
    (found,) = count_facets(counting(index_of(5), "tag", condition=parse_condition("id = nothing")))
    assert (found.values, found.relevant, found.complete) == ({}, 0, True)


@pytest.mark.parametrize("field", ["colour", "price"])
def test_a_field_without_values_is_refused(field: str) -> None:
    with pytest.raises(ConditionError, match=f"There is no field '{field}' to count") as told:
        count_facets(counting(index_of(5), field))
    assert told.value.code == "unknown-field"
    assert "brand, category" in told.value.fix


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
def test_the_ticks_of_a_facet_are_taken_out(text: str, field: str, rest: str | None) -> None:
    assert remove_field(parse_condition(text), field) == (parse_condition(rest) if rest else None)


def test_the_product_that_is_started_from_stays_left_out() -> None:
    itself = Not(IsProduct(("p1",)))
    assert remove_field(AllOf((parse_condition("color = red"), itself)), "color") == itself
    assert remove_field(itself, "id") == itself


def test_without_a_condition_nothing_is_left() -> None:
    assert remove_field(None, "color") is None
