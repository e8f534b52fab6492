"""Which dimensions a feed has, restated by brute force, and every reason to have none."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.derivation import ClassReader, Dimensions, derive_dimensions, read_classes
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.filters.dimensions.skipped import SkippedDimension
from shoplens.settings import DimensionRule, DimensionRules, FeedKind
from shoplens.types import Value
from tests.filters.dimensions.made_products import MEASURED, holding, names, product, ruled, tree


def why(dimensions: Dimensions) -> dict[str, str]:
    return {one.name: one.kind for one in dimensions.skipped if one.name != "design"}


def test_without_a_product_there_is_what_needs_no_feed() -> None:
    found = derive_dimensions([])
    assert found.used == (
        Dimension("look", "embedding"),
        Dimension("shape", "measured", is_measured=True),
        Dimension("color", "measured", is_measured=True),
    )
    assert found.skipped == (
        SkippedDimension("design", "0 groups have two or more products; 20 are needed.", "too-few-groups"),
    )


def test_one_product_has_no_more() -> None:
    one = product(0, {"color": ("green",)}, ("Hats",), "g", "Acme")
    found = derive_dimensions([one])
    assert names(found) == MEASURED
    assert why(found) == {"color": "nearly-unique", "category": "too-few-products", "brand": "nearly-unique"}


@pytest.mark.parametrize("seed", range(6))
def test_classes_are_those_of_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = ["Red", "red ", "RED", "Blue", "blue", "Wool", "rare", "unusual"]
    chances = np.array([0.2, 0.1, 0.1, 0.2, 0.1, 0.24, 0.03, 0.03])
    several = 0.01 if seed % 2 else 0.3
    held = [
        tuple(map(str, random.choice(values, 2 if random.random() < several else 1, p=chances)))
        if random.random() < 0.9
        else ()
        for _ in range(300)
    ]
    products = [product(n, {"stuff": one}) for n, one in enumerate(held)]
    stuff = derive_dimensions(iter(products), DimensionRules(min_products=12)).find("stuff")
    folded = [{text.strip().casefold() for text in one} for one in held]
    counts = {name: sum(name in one for one in folded) for name in ("red", "blue", "wool", "rare", "unusual")}
    told = dict(zip(stuff.classes, stuff.products, strict=True)) | stuff.untrained
    assert {name.casefold(): count for name, count in told.items()} == counts
    assert all(count >= 12 for count in stuff.products) and all(count < 12 for count in stuff.untrained.values())
    assert list(stuff.products) == sorted(stuff.products, reverse=True)
    written = [text.strip() for one in held for text in {part.casefold(): part for part in reversed(one)}.values()]
    assert next(name for name in told if name.casefold() == "red") == max(["RED", "Red", "red"], key=written.count)
    multi = sum(len(one) > 1 for one in folded) / sum(bool(one) for one in folded) > 0.02
    assert stuff.kind == ("multi" if multi else "single")
    reader = ClassReader([stuff])
    for one, texts in zip(products, folded, strict=True):
        classes = reader.read_classes(one).get("stuff", ())
        assert {name.casefold() for name in classes} == {name for name in texts if counts[name] >= 12}
        assert classes == read_classes(stuff, one)
        assert reader.missing_dimensions(one) == (() if texts else ("stuff",))


@pytest.mark.parametrize(("several", "kind"), [(0, "single"), (2, "single"), (3, "multi")])
def test_two_percent_with_several_values_are_still_single(several: int, kind: str) -> None:
    held = [("a", "b")] * several + [("a",)] * 50 + [("b",)] * (50 - several)
    assert derive_dimensions(holding("x", *held)).find("x").kind == kind


def test_equal_values_of_a_product_count_once() -> None:
    found = derive_dimensions(holding("x", *[("a", "A ")] * 6, *["b"] * 6)).find("x")
    assert (found.kind, found.classes, found.products) == ("single", ("a", "b"), (6, 6))


@pytest.mark.parametrize(
    ("values", "kind", "says"),
    [
        (["a"] * 20, "one-class", "Only one of its 1 classes has 5 products or more."),
        (["a"] * 20 + ["b"] * 4, "one-class", "Only one of its 2 classes"),
        ([("a", "b")] * 20, "one-class", "All products are the same in it."),
        (["a", "b", "c", "d"] * 4, "too-few-products", "None of its 4 classes has 5 products; the largest has 4."),
        (["a"] * 8 + ["b"] * 8 + [f"c{n}" for n in range(8)], "nearly-unique", "10 values for 24 products"),
        ([1, 2] * 10, "numbers", "20 of its 20 products hold numbers. To use it nevertheless, set use = true."),
        (["32", "4,5", "-6.0"] * 10 + ["S"] * 20, "numbers", "30 of its 50 products hold numbers"),
        ([f"v{n}" for n in range(201)] * 5, "too-many-values", "more than 200 values. Merge some, or raise max_cla"),
    ],
)
def test_why_an_attribute_is_no_dimension(values: list[Value], kind: str, says: str) -> None:
    found = derive_dimensions(holding("x", *values))
    assert names(found) == MEASURED
    (skipped,) = (one for one in found.skipped if one.name == "x")
    assert skipped.kind == kind and says in skipped.reason
    with pytest.raises(InvalidValue, match=r"There is no dimension 'X'\. .*There are: look, shape, color\.") as told:
        found.find("X")
    assert told.value.code == "unknown-dimension" and skipped.reason in told.value.problem


def test_the_limits_themselves_are_within() -> None:
    assert len(derive_dimensions(holding("x", *[f"v{n}" for n in range(200)] * 5)).find("x").classes) == 200
    third = ["a"] * 8 + ["b"] * 8 + [f"c{n}" for n in range(6)] + ["a", "b"]
    assert derive_dimensions(holding("x", *third)).find("x").products == (9, 9)
    assert derive_dimensions(holding("x", *["1"] * 10, *["S"] * 10)).find("x").classes == ("1", "S")


def test_true_and_false_are_classes() -> None:
    found = derive_dimensions(holding("new", *[True] * 6, *[False] * 9)).find("new")
    assert (found.kind, found.classes, found.products) == ("single", ("false", "true"), (9, 6))


def test_order_of_products_breaks_no_ties() -> None:
    products = holding("x", *["b", "a"] * 6)
    assert (
        derive_dimensions(products).find("x").classes
        == derive_dimensions(reversed(products)).find("x").classes
        == ("a", "b")
    )


def test_a_category_is_a_tree_of_all_its_nodes() -> None:
    products = tree(
        ("Women/Tops/Tees", 6), ("women/Tops/tees ", 1), ("Women/Tops/Bras", 3), ("Men/Tops", 5), ("Men", 1)
    )
    found = derive_dimensions(products).find("category")
    assert (found.kind, found.field) == ("tree", "category")
    assert dict(zip(found.classes, found.products, strict=True)) == {
        "Women": 10,
        "Women > Tops": 10,
        "Women > Tops > Tees": 7,
        "Men": 6,
        "Men > Tops": 5,
    }
    assert found.untrained == {"Women > Tops > Bras": 3}
    reader = ClassReader([found])
    assert reader.read_classes(products[0])["category"] == ("Women", "Women > Tops", "Women > Tops > Tees")
    assert reader.read_classes(products[8])["category"] == ("Women", "Women > Tops")
    assert reader.read_classes(products[6])["category"] == ("Women", "Women > Tops", "Women > Tops > Tees")


@pytest.mark.parametrize(
    ("paths", "kind"),
    [([("Hats", 9)], "one-class"), ([("Shop/Hats", 9)], "one-class"), ([("A", 4), ("B", 4)], "too-few-products")],
)
def test_a_tree_that_tells_nothing_apart(paths: list[tuple[str, int]], kind: str) -> None:
    assert why(derive_dimensions(tree(*paths))) == {"category": kind}


def test_a_category_may_have_more_nodes_than_an_attribute_values() -> None:
    found = derive_dimensions(tree(*((f"All/c{n}", 5) for n in range(210))))
    assert len(found.find("category").classes) == 211


@pytest.mark.parametrize(("pairs", "has"), [(19, False), (20, True)])
def test_design_needs_twenty_groups_of_two(pairs: int, has: bool) -> None:
    groups = [f"g{n}" for n in range(pairs)] * 3 + [f"alone{n}" for n in range(50)] + [""] * 50
    found = derive_dimensions(product(n, group=group) for n, group in enumerate(groups))
    assert ("design" in names(found)) is has
    assert any("19 groups have two" in one.reason for one in found.skipped) is not has


def test_a_brand_is_a_dimension_like_an_attribute() -> None:
    products = [product(n, brand="Acme" if n % 2 else "Blue Sky") for n in range(12)]
    assert derive_dimensions(products).find("brand") == Dimension(
        "brand", "single", "brand", ("Acme", "Blue Sky"), (6, 6)
    )


def test_color_of_the_feed_is_measured_too_and_comes_before_the_others() -> None:
    products = [
        product(n, {"x": ("ab"[n % 2],), "Color": ("green", "red")[n % 2 :][:1]}, "AB"[n % 2]) for n in range(12)
    ]
    found = derive_dimensions(products)
    assert names(found) == [*MEASURED, "category", "x"]
    assert found.find("color") == Dimension("color", "single", "Color", ("green", "red"), (6, 6), is_measured=True)
    assert ClassReader(found.used).read_classes(products[1]) == {"color": ("red",), "category": ("B",), "x": ("b",)}


def test_a_color_without_classes_is_measured_only_and_it_is_told_why() -> None:
    found = derive_dimensions(holding("color", *["green"] * 9))
    assert found.find("color") == Dimension("color", "measured", is_measured=True)
    assert why(found) == {"color": "one-class"}


def test_another_name_for_color() -> None:
    products = holding("Farbe", *["grün", "rot"] * 6)
    found = derive_dimensions(products, ruled("farbe", DimensionRule("color")))
    assert found.find("color") == Dimension("color", "single", "Farbe", ("grün", "rot"), (6, 6), is_measured=True)
    assert ClassReader(found.used, found.rules).read_classes(products[0]) == {"color": ("grün",)}


@pytest.mark.parametrize(
    ("attribute", "name", "field"),
    [
        ("shape", "attributes.shape", "shape"),
        ("Look", "attributes.Look", "Look"),
        ("Pin", "attributes.Pin", "Pin"),
        ("context", "attributes.context", "context"),
        ("brand", "attributes.brand", "attributes.brand"),
        ("Price", "attributes.Price", "Price"),
    ],
)
def test_attributes_with_taken_names(attribute: str, name: str, field: str) -> None:
    products = holding(attribute, *["round", "square"] * 6)
    found = derive_dimensions(products)
    one = found.find(name)
    assert (one.name, one.field) == (name, field)
    assert ClassReader(found.used).read_classes(products[0]) == {name: ("round",)}
    renamed = derive_dimensions(products, ruled(name, DimensionRule("form")))
    assert ClassReader(renamed.used, renamed.rules).read_classes(products[1]) == {"form": ("square",)}


@pytest.mark.parametrize("name", ["design", "shape", "color", "x", "category"])
def test_what_is_dropped_is_gone(name: str) -> None:
    products = [
        product(n, {"x": ("ab"[n % 2],), "color": ("ab"[n % 2],)}, "AB"[n % 2], f"g{n // 2}") for n in range(40)
    ]
    before, after = derive_dimensions(products), derive_dimensions(products, ruled(name, DimensionRule(use=False)))
    assert [one for one in names(before) if one != name] == names(after) and name in names(before)
    assert after.skipped == (SkippedDimension(name, "shoplens.toml drops it.", "dropped"),)


def test_the_measured_color_can_be_dropped() -> None:
    found = derive_dimensions([], ruled("color", DimensionRule(use=False)))
    assert names(found) == ["look", "shape"] and why(found) == {"color": "dropped"}


@pytest.mark.parametrize("rule", [DimensionRule(use=True), DimensionRule(kind="single")])
def test_numbers_can_be_ruled_in(rule: DimensionRule) -> None:
    products = holding("level", *[1, 2.0, 2.5] * 5)
    found = derive_dimensions(products, ruled("level", rule)).find("level")
    assert (found.kind, found.classes) == ("single", ("1", "2", "2.5"))


def test_min_products_and_max_classes_hold_even_for_what_is_wanted() -> None:
    products = holding("x", *["a", "b", "c"] * 3)
    assert why(derive_dimensions(products, ruled("x", DimensionRule(use=True)))) == {"x": "too-few-products"}
    assert why(derive_dimensions(products, ruled("x", DimensionRule(use=True), 3, 2))) == {"x": "too-many-values"}
    assert names(derive_dimensions(products, ruled("x", DimensionRule(use=True), 3, 3))) == [*MEASURED, "x"]


def test_merged_values_are_one_class_as_the_shop_writes_it() -> None:
    products = holding("x", *["gray", " GREY", ("Gray melange", "gray")] * 5, *["red"] * 15)
    rule = DimensionRule(merge={"Grey": ("Gray", "gray melange", "grau")})
    found = derive_dimensions(products, ruled("X", rule))
    x = found.find("x")
    assert (x.kind, x.classes, x.products) == ("single", ("Grey", "red"), (15, 15))
    assert found.notes == ("shoplens.toml merges 'grau' of 'x' into another class, but no product has it.",)
    assert {ClassReader([x], found.rules).read_classes(one)["x"] for one in products} == {("Grey",), ("red",)}
    many = holding("x", *[f"red {n}" for n in range(40)] * 2, *["blue"] * 40)
    swallowed = DimensionRule(merge={"Red": tuple(f"red {n}" for n in range(40))})
    assert derive_dimensions(many, ruled("x", swallowed, 5, 2)).find("x").products == (80, 40)


def test_a_merged_class_is_written_as_the_shop_says_even_where_the_feed_mostly_does_not() -> None:
    products = holding("x", *["grey"] * 9, "gray", *["red"] * 10)
    found = derive_dimensions(products, ruled("x", DimensionRule(merge={"Grey": ("gray",)}))).find("x")
    assert dict(zip(found.classes, found.products, strict=True)) == {"Grey": 10, "red": 10}


def test_of_two_merges_on_a_path_the_longer_one_counts() -> None:
    rule = DimensionRule(merge={"B": ("A",), "C": ("A > Tees",)})
    found = derive_dimensions(tree(("A/Tees/Long", 5), ("A/Tops", 5)), ruled("category", rule)).find("category")
    assert set(found.classes) == {"C", "C > Long", "B", "B > Tops"}


def test_attributes_whose_names_differ_in_case_only_are_one() -> None:
    products = [product(n, {"Stuff": ("a",), "stuff": ("b",)} if n % 2 else {"Stuff": ("c",)}) for n in range(20)]
    found = derive_dimensions(products).find("STUFF")
    assert (found.kind, dict(zip(found.classes, found.products, strict=True))) == ("multi", {"a": 10, "b": 10, "c": 10})
    assert list(ClassReader([found]).read_classes(products[1]).values()) == [("a", "b")]


def test_letters_in_one_piece_and_put_together_are_the_same_in_names_and_values() -> None:
    whole, pieces = "gr\u00fcn", "gru\u0308n"
    products = [product(n, {(whole, pieces)[n % 2]: ((whole, pieces, "rot")[n % 3],)}) for n in range(18)]
    found = derive_dimensions(products)
    assert found.used[3] == Dimension(pieces, "single", pieces, (pieces, "rot"), (12, 6))
    assert found.find(whole) == found.find(pieces)
    assert {ClassReader(found.used).read_classes(one)[pieces] for one in products} == {(pieces,), ("rot",)}


def test_merged_branches_of_a_tree() -> None:
    products = tree(("Women/Tees/Long", 5), ("Women/Tops/Long", 5), ("women/tees", 5), ("Men", 5))
    rule = DimensionRule(merge={"Women > Tops": ("Women>Tees",)})
    found = derive_dimensions(products, ruled("category", rule))
    category = found.find("category")
    assert dict(zip(category.classes, category.products, strict=True)) == {
        "Women": 15,
        "Women > Tops": 15,
        "Women > Tops > Long": 10,
        "Men": 5,
    }
    assert ClassReader([category], found.rules).read_classes(products[10])["category"] == ("Women", "Women > Tops")


@pytest.mark.parametrize(
    ("name", "kind", "classes"),
    [
        ("category", "single", ("A", "A > B")),
        ("x", "tree", ("p", "p > q", "r")),
        ("x", "multi", ("p > q", "r")),
    ],
)
def test_a_kind_can_be_given(name: str, kind: FeedKind, classes: tuple[str, ...]) -> None:
    products = [product(n, {"x": (("p > q", "r")[n % 2],)}, ("A", "B")[: 1 + n % 2]) for n in range(12)]
    found = derive_dimensions(products, ruled(name, DimensionRule(kind=kind)))
    one = found.find(name)
    assert one.kind == kind and one.classes == classes
    held = [ClassReader([one], found.rules).read_classes(some)[name] for some in products[:2]]
    assert held == ([("p", "p > q"), ("r",)] if kind == "tree" else [(classes[0],), (classes[1],)])


def test_a_rule_for_what_no_product_has_lists_what_there_is() -> None:
    with pytest.raises(
        InvalidValue, match=r"no product has 'stil'\. There are: look, design, shape, color, x\."
    ) as told:
        derive_dimensions(holding("x", "a"), ruled("stil", DimensionRule("style")))
    assert told.value.code == "unknown-dimension"
    with pytest.raises(InvalidValue, match="no product has 'color'"):
        derive_dimensions([], ruled("color", DimensionRule(kind="multi")))


def test_two_dimensions_of_one_name() -> None:
    products = [product(n, {"x": ("ab"[n % 2],), "y": ("ab"[n % 2],)}) for n in range(12)]
    with pytest.raises(InvalidValue, match=r"'x' and 'y' of the feed are both called 'y'\. Give one") as told:
        derive_dimensions(products, ruled("x", DimensionRule("y")))
    assert told.value.code == "duplicate-dimension"
