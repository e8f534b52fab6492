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
from tests.filters.dimensions.toy_products import (
    PHOTO_DIMENSIONS,
    dimension_names,
    product,
    products_with_values,
    rules_for,
    tree_products,
)


def skip_reasons(dimensions: Dimensions) -> dict[str, str]:
    return {item.name: item.kind for item in dimensions.skipped if item.name != "design"}


def test_without_a_product_there_is_what_needs_no_feed() -> None:
    result = derive_dimensions([])
    assert result.used == (
        Dimension("look", "embedding"),
        Dimension("shape", "measured", is_measured=True),
        Dimension("color", "measured", is_measured=True),
    )
    assert result.skipped == (
        SkippedDimension("design", "0 groups have two or more products; 20 are needed.", "too-few-groups"),
    )


def test_one_product_has_no_more() -> None:
    item = product(0, {"color": ("green",)}, ("Hats",), "g", "Acme")
    result = derive_dimensions([item])
    assert dimension_names(result) == PHOTO_DIMENSIONS
    assert skip_reasons(result) == {"color": "nearly-unique", "category": "too-few-products", "brand": "nearly-unique"}


@pytest.mark.parametrize("seed", range(6))
def test_classes_are_those_of_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = ["Red", "red ", "RED", "Blue", "blue", "Wool", "rare", "unusual"]
    chances = np.array([0.2, 0.1, 0.1, 0.2, 0.1, 0.24, 0.03, 0.03])
    several = 0.01 if seed % 2 else 0.3
    product_values = [
        tuple(map(str, random.choice(values, 2 if random.random() < several else 1, p=chances)))
        if random.random() < 0.9
        else ()
        for _ in range(300)
    ]
    products = [product(n, {"stuff": item}) for n, item in enumerate(product_values)]
    stuff = derive_dimensions(iter(products), DimensionRules(min_products=12)).find("stuff")
    folded = [{text.strip().casefold() for text in item} for item in product_values]
    counts = {name: sum(name in item for item in folded) for name in ("red", "blue", "wool", "rare", "unusual")}
    error = dict(zip(stuff.classes, stuff.products, strict=True)) | stuff.untrained
    assert {name.casefold(): count for name, count in error.items()} == counts
    assert all(count >= 12 for count in stuff.products) and all(count < 12 for count in stuff.untrained.values())
    assert list(stuff.products) == sorted(stuff.products, reverse=True)
    written = [
        text.strip() for item in product_values for text in {part.casefold(): part for part in reversed(item)}.values()
    ]
    assert next(name for name in error if name.casefold() == "red") == max(["RED", "Red", "red"], key=written.count)
    multi = sum(len(item) > 1 for item in folded) / sum(bool(item) for item in folded) > 0.02
    assert stuff.kind == ("multi" if multi else "single")
    reader = ClassReader([stuff])
    for item, texts in zip(products, folded, strict=True):
        classes = reader.read_classes(item).get("stuff", ())
        assert {name.casefold() for name in classes} == {name for name in texts if counts[name] >= 12}
        assert classes == read_classes(stuff, item)
        assert reader.missing_dimensions(item) == (() if texts else ("stuff",))


@pytest.mark.parametrize(("several", "kind"), [(0, "single"), (2, "single"), (3, "multi")])
def test_two_percent_with_several_values_are_still_single(several: int, kind: str) -> None:
    product_values = [("a", "b")] * several + [("a",)] * 50 + [("b",)] * (50 - several)
    assert derive_dimensions(products_with_values("x", *product_values)).find("x").kind == kind


def test_equal_values_of_a_product_count_once() -> None:
    result = derive_dimensions(products_with_values("x", *[("a", "A ")] * 6, *["b"] * 6)).find("x")
    assert (result.kind, result.classes, result.products) == ("single", ("a", "b"), (6, 6))


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
    result = derive_dimensions(products_with_values("x", *values))
    assert dimension_names(result) == PHOTO_DIMENSIONS
    (skipped,) = (item for item in result.skipped if item.name == "x")
    assert skipped.kind == kind and says in skipped.reason
    with pytest.raises(InvalidValue, match=r"There is no dimension 'X'\. .*There are: look, shape, color\.") as error:
        result.find("X")
    assert error.value.code == "unknown-dimension" and skipped.reason in error.value.problem


def test_the_limits_themselves_are_within() -> None:
    assert (
        len(derive_dimensions(products_with_values("x", *[f"v{n}" for n in range(200)] * 5)).find("x").classes) == 200
    )
    third = ["a"] * 8 + ["b"] * 8 + [f"c{n}" for n in range(6)] + ["a", "b"]
    assert derive_dimensions(products_with_values("x", *third)).find("x").products == (9, 9)
    assert derive_dimensions(products_with_values("x", *["1"] * 10, *["S"] * 10)).find("x").classes == ("1", "S")


def test_true_and_false_are_classes() -> None:
    result = derive_dimensions(products_with_values("new", *[True] * 6, *[False] * 9)).find("new")
    assert (result.kind, result.classes, result.products) == ("single", ("false", "true"), (9, 6))


def test_order_of_products_breaks_no_ties() -> None:
    products = products_with_values("x", *["b", "a"] * 6)
    assert (
        derive_dimensions(products).find("x").classes
        == derive_dimensions(reversed(products)).find("x").classes
        == ("a", "b")
    )


def test_a_category_is_a_tree_of_all_its_nodes() -> None:
    products = tree_products(
        ("Women/Tops/Tees", 6), ("women/Tops/tees ", 1), ("Women/Tops/Bras", 3), ("Men/Tops", 5), ("Men", 1)
    )
    result = derive_dimensions(products).find("category")
    assert (result.kind, result.field) == ("tree", "category")
    assert dict(zip(result.classes, result.products, strict=True)) == {
        "Women": 10,
        "Women > Tops": 10,
        "Women > Tops > Tees": 7,
        "Men": 6,
        "Men > Tops": 5,
    }
    assert result.untrained == {"Women > Tops > Bras": 3}
    reader = ClassReader([result])
    assert reader.read_classes(products[0])["category"] == ("Women", "Women > Tops", "Women > Tops > Tees")
    assert reader.read_classes(products[8])["category"] == ("Women", "Women > Tops")
    assert reader.read_classes(products[6])["category"] == ("Women", "Women > Tops", "Women > Tops > Tees")


@pytest.mark.parametrize(
    ("paths", "kind"),
    [([("Hats", 9)], "one-class"), ([("Shop/Hats", 9)], "one-class"), ([("A", 4), ("B", 4)], "too-few-products")],
)
def test_a_tree_that_distinguishes_no_products_is_skipped(paths: list[tuple[str, int]], kind: str) -> None:
    assert skip_reasons(derive_dimensions(tree_products(*paths))) == {"category": kind}


def test_a_category_may_have_more_nodes_than_an_attribute_values() -> None:
    result = derive_dimensions(tree_products(*((f"All/c{n}", 5) for n in range(210))))
    assert len(result.find("category").classes) == 211


@pytest.mark.parametrize(("pairs", "has"), [(19, False), (20, True)])
def test_design_needs_twenty_groups_of_two(pairs: int, has: bool) -> None:
    groups = [f"g{n}" for n in range(pairs)] * 3 + [f"alone{n}" for n in range(50)] + [""] * 50
    result = derive_dimensions(product(n, group=group) for n, group in enumerate(groups))
    assert ("design" in dimension_names(result)) is has
    assert any("19 groups have two" in item.reason for item in result.skipped) is not has


def test_a_brand_is_a_dimension_like_an_attribute() -> None:
    products = [product(n, brand="Acme" if n % 2 else "Blue Sky") for n in range(12)]
    assert derive_dimensions(products).find("brand") == Dimension(
        "brand", "single", "brand", ("Acme", "Blue Sky"), (6, 6)
    )


def test_color_of_the_feed_is_measured_too_and_comes_before_the_others() -> None:
    products = [
        product(n, {"x": ("ab"[n % 2],), "Color": ("green", "red")[n % 2 :][:1]}, "AB"[n % 2]) for n in range(12)
    ]
    result = derive_dimensions(products)
    assert dimension_names(result) == [*PHOTO_DIMENSIONS, "category", "x"]
    assert result.find("color") == Dimension("color", "single", "Color", ("green", "red"), (6, 6), is_measured=True)
    assert ClassReader(result.used).read_classes(products[1]) == {"color": ("red",), "category": ("B",), "x": ("b",)}


def test_a_color_without_classes_is_only_measured_and_has_a_note() -> None:
    result = derive_dimensions(products_with_values("color", *["green"] * 9))
    assert result.find("color") == Dimension("color", "measured", is_measured=True)
    assert skip_reasons(result) == {"color": "one-class"}


def test_a_color_attribute_may_have_another_name() -> None:
    products = products_with_values("Farbe", *["grün", "rot"] * 6)
    result = derive_dimensions(products, rules_for("farbe", DimensionRule("color")))
    assert result.find("color") == Dimension("color", "single", "Farbe", ("grün", "rot"), (6, 6), is_measured=True)
    assert ClassReader(result.used, result.rules).read_classes(products[0]) == {"color": ("grün",)}


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
    products = products_with_values(attribute, *["round", "square"] * 6)
    result = derive_dimensions(products)
    item = result.find(name)
    assert (item.name, item.field) == (name, field)
    assert ClassReader(result.used).read_classes(products[0]) == {name: ("round",)}
    renamed = derive_dimensions(products, rules_for(name, DimensionRule("form")))
    assert ClassReader(renamed.used, renamed.rules).read_classes(products[1]) == {"form": ("square",)}


@pytest.mark.parametrize("name", ["design", "shape", "color", "x", "category"])
def test_dropped_dimensions_are_left_out(name: str) -> None:
    products = [
        product(n, {"x": ("ab"[n % 2],), "color": ("ab"[n % 2],)}, "AB"[n % 2], f"g{n // 2}") for n in range(40)
    ]
    before, after = derive_dimensions(products), derive_dimensions(products, rules_for(name, DimensionRule(use=False)))
    assert [item for item in dimension_names(before) if item != name] == dimension_names(
        after
    ) and name in dimension_names(before)
    assert after.skipped == (SkippedDimension(name, "shoplens.toml drops it.", "dropped"),)


def test_the_measured_color_can_be_dropped() -> None:
    result = derive_dimensions([], rules_for("color", DimensionRule(use=False)))
    assert dimension_names(result) == ["look", "shape"] and skip_reasons(result) == {"color": "dropped"}


@pytest.mark.parametrize("rule", [DimensionRule(use=True), DimensionRule(kind="single")])
def test_a_rule_can_make_numbers_a_dimension(rule: DimensionRule) -> None:
    products = products_with_values("level", *[1, 2.0, 2.5] * 5)
    result = derive_dimensions(products, rules_for("level", rule)).find("level")
    assert (result.kind, result.classes) == ("single", ("1", "2", "2.5"))


def test_min_products_and_max_classes_hold_even_for_what_is_wanted() -> None:
    products = products_with_values("x", *["a", "b", "c"] * 3)
    assert skip_reasons(derive_dimensions(products, rules_for("x", DimensionRule(use=True)))) == {
        "x": "too-few-products"
    }
    assert skip_reasons(derive_dimensions(products, rules_for("x", DimensionRule(use=True), 3, 2))) == {
        "x": "too-many-values"
    }
    assert dimension_names(derive_dimensions(products, rules_for("x", DimensionRule(use=True), 3, 3))) == [
        *PHOTO_DIMENSIONS,
        "x",
    ]


def test_merged_values_are_one_class_as_the_shop_writes_it() -> None:
    products = products_with_values("x", *["gray", " GREY", ("Gray melange", "gray")] * 5, *["red"] * 15)
    rule = DimensionRule(merge={"Grey": ("Gray", "gray melange", "grau")})
    result = derive_dimensions(products, rules_for("X", rule))
    x = result.find("x")
    assert (x.kind, x.classes, x.products) == ("single", ("Grey", "red"), (15, 15))
    assert result.notes == ("shoplens.toml merges 'grau' of 'x' into another class, but no product has it.",)
    assert {ClassReader([x], result.rules).read_classes(item)["x"] for item in products} == {("Grey",), ("red",)}
    many = products_with_values("x", *[f"red {n}" for n in range(40)] * 2, *["blue"] * 40)
    swallowed = DimensionRule(merge={"Red": tuple(f"red {n}" for n in range(40))})
    assert derive_dimensions(many, rules_for("x", swallowed, 5, 2)).find("x").products == (80, 40)


def test_a_merged_class_is_written_as_the_shop_says_even_where_the_feed_mostly_does_not() -> None:
    products = products_with_values("x", *["grey"] * 9, "gray", *["red"] * 10)
    result = derive_dimensions(products, rules_for("x", DimensionRule(merge={"Grey": ("gray",)}))).find("x")
    assert dict(zip(result.classes, result.products, strict=True)) == {"Grey": 10, "red": 10}


def test_of_two_merges_on_a_path_the_longer_one_counts() -> None:
    rule = DimensionRule(merge={"B": ("A",), "C": ("A > Tees",)})
    result = derive_dimensions(tree_products(("A/Tees/Long", 5), ("A/Tops", 5)), rules_for("category", rule)).find(
        "category"
    )
    assert set(result.classes) == {"C", "C > Long", "B", "B > Tops"}


def test_attributes_whose_names_differ_in_case_only_are_one() -> None:
    products = [product(n, {"Stuff": ("a",), "stuff": ("b",)} if n % 2 else {"Stuff": ("c",)}) for n in range(20)]
    result = derive_dimensions(products).find("STUFF")
    assert (result.kind, dict(zip(result.classes, result.products, strict=True))) == (
        "multi",
        {"a": 10, "b": 10, "c": 10},
    )
    assert list(ClassReader([result]).read_classes(products[1]).values()) == [("a", "b")]


def test_letters_in_one_piece_and_put_together_are_the_same_in_names_and_values() -> None:
    whole, pieces = "gr\u00fcn", "gru\u0308n"
    products = [product(n, {(whole, pieces)[n % 2]: ((whole, pieces, "rot")[n % 3],)}) for n in range(18)]
    result = derive_dimensions(products)
    assert result.used[3] == Dimension(pieces, "single", pieces, (pieces, "rot"), (12, 6))
    assert result.find(whole) == result.find(pieces)
    assert {ClassReader(result.used).read_classes(item)[pieces] for item in products} == {(pieces,), ("rot",)}


def test_merged_branches_of_a_tree() -> None:
    products = tree_products(("Women/Tees/Long", 5), ("Women/Tops/Long", 5), ("women/tees", 5), ("Men", 5))
    rule = DimensionRule(merge={"Women > Tops": ("Women>Tees",)})
    result = derive_dimensions(products, rules_for("category", rule))
    category = result.find("category")
    assert dict(zip(category.classes, category.products, strict=True)) == {
        "Women": 15,
        "Women > Tops": 15,
        "Women > Tops > Long": 10,
        "Men": 5,
    }
    assert ClassReader([category], result.rules).read_classes(products[10])["category"] == ("Women", "Women > Tops")


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
    result = derive_dimensions(products, rules_for(name, DimensionRule(kind=kind)))
    item = result.find(name)
    assert item.kind == kind and item.classes == classes
    classes_read = [ClassReader([item], result.rules).read_classes(sample)[name] for sample in products[:2]]
    assert classes_read == ([("p", "p > q"), ("r",)] if kind == "tree" else [(classes[0],), (classes[1],)])


def test_a_rule_for_what_no_product_has_lists_what_there_is() -> None:
    with pytest.raises(
        InvalidValue, match=r"no product has 'stil'\. There are: look, object, design, shape, color, x\."
    ) as error:
        derive_dimensions(products_with_values("x", "a"), rules_for("stil", DimensionRule("style")))
    assert error.value.code == "unknown-dimension"
    with pytest.raises(InvalidValue, match="no product has 'color'"):
        derive_dimensions([], rules_for("color", DimensionRule(kind="multi")))


def test_two_dimensions_of_one_name() -> None:
    products = [product(n, {"x": ("ab"[n % 2],), "y": ("ab"[n % 2],)}) for n in range(12)]
    with pytest.raises(InvalidValue, match=r"'x' and 'y' of the feed are both called 'y'\. Give one") as error:
        derive_dimensions(products, rules_for("x", DimensionRule("y")))
    assert error.value.code == "duplicate-dimension"
