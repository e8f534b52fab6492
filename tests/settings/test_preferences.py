"""The tables of shoplens.toml: what they hold, and every way in which they can contradict themselves."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import get_args

import pytest

from shoplens.errors import SettingsError
from shoplens.filters.dimensions.dimension import CAPTION, DESIGN, LOOK, OBJECT, SHAPE, TEXT, Kind
from shoplens.ranking.filter_retrieval import NOT
from shoplens.ranking.merchandising.adjustments import BOOST, BURY, PIN
from shoplens.settings import (
    FEED_KINDS,
    PHOTO_DIMENSIONS,
    SCORE_PARTS,
    TABLES,
    DimensionRule,
    DimensionRules,
    Merchandising,
    Preferences,
    Profile,
    fold_name,
)
from shoplens.settings.preferences import preferences_from

ALL_TABLES = """
[dimensions]
min_products = 7
max_classes = 50
[dimensions.size]
use = false
[dimensions.stil]
name = "style"
merge = { "Tops" = ["Tee", "Tank"], "Grey" = ["Gray", "gray melange"] }
kind = "multi"
[dimensions.season]
labels = "season.csv"
[weights]
color = 2
pattern = 0
[profiles.same-colour]
color = 4
pattern = 0
[profiles.same-colour.categories."Women>Tops "]
color = 6
[merchandising]
pins = ["SKU-1", "SKU-2"]
boosts = { "SKU-3" = 0.2, "SKU-1" = 1 }
buries = { "SKU-4" = 0.3 }
"""


def read(text: str) -> Preferences:
    return preferences_from(tomllib.loads(text), Path("/shop"))


def test_every_key_is_read() -> None:
    assert read(ALL_TABLES) == Preferences(
        DimensionRules(
            7,
            50,
            {
                "size": DimensionRule(use=False),
                "stil": DimensionRule(
                    "style", merge={"Tops": ("Tee", "Tank"), "Grey": ("Gray", "gray melange")}, kind="multi"
                ),
                "season": DimensionRule(labels=Path("/shop/season.csv")),
            },
        ),
        {"color": 2, "pattern": 0},
        {"same-colour": Profile({"color": 4, "pattern": 0}, {"Women > Tops": {"color": 6}})},
        Merchandising(("SKU-1", "SKU-2"), {"SKU-3": 0.2, "SKU-1": 1}, {"SKU-4": 0.3}),
    )


def test_missing_and_empty_tables_give_the_defaults() -> None:
    empty = "".join(f"[{table}]\n" for table in TABLES)
    assert read("") == read(empty) == Preferences()
    assert (Preferences().dimensions.min_products, Preferences().dimensions.max_classes) == (5, 200)


def test_an_absolute_labels_file_stays_where_it_is() -> None:
    assert read('[dimensions.x]\nlabels = "/else/l.csv"').dimensions.rules["x"].labels == Path("/else/l.csv")


def test_the_rule_of_an_attribute_is_found_folded() -> None:
    rules = DimensionRules(rules={"Stil ": DimensionRule("style")})
    assert rules.rule("STIL").name == "style"
    assert rules.rule("stile") == DimensionRule()


def test_a_profile_may_take_away_the_weight_of_a_single_dimension() -> None:
    text = "[profiles.p]\ncolor = 0\n[profiles.p.categories.Hats]\nlook = 0"
    assert read(text).profiles["p"] == Profile({"color": 0}, {"Hats": {"look": 0}})


def test_names_agree_with_those_of_the_filters_and_of_the_score() -> None:
    assert set(PHOTO_DIMENSIONS) == {LOOK, OBJECT, DESIGN, SHAPE, TEXT, CAPTION}
    assert set(SCORE_PARTS) == {PIN, BOOST, BURY, NOT, "context"}
    assert set(FEED_KINDS) < set(get_args(Kind))


def test_names_are_folded_for_comparison() -> None:
    assert fold_name("  Straße ") == fold_name("STRASSE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[weights]\ncolor = -1", r"^\[weights\]: color is -1\. Give a number from 0 to 1,000,000\.$"),
        ("[weights]\ncolor = nan", r"color is nan\. Give a number"),
        ("[weights]\ncolor = inf", r"color is inf\. Give a number"),
        ("[weights]\ncolor = 1" + "0" * 400, r"color is 10+\. Give a number"),
        ("[weights]\ncolor = true", r"color is True\. Give a number"),
        ("[weights]\ncolor = '2'", r"color is '2'\. Give a number"),
        ("[weights]\nattributes.shape = 2", r"attributes is a table\. Give a number\. Put quotes around a name with"),
        ("[weights]\ncolor = 1\nColor = 2", r"\[weights\]: 'color' and 'Color' are the same name"),
        ("weights = 3", r"^weights is 3\. Write a table of names and values\.$"),
        ("[profiles.p]\ncolor = -2", r"\[profiles\.p\]: color is -2"),
        ("[profiles]\np = 2", r"^\[profiles\]: p is 2\. Write a table"),
        ("[profiles.p]\ncategories = 2", r"^\[profiles\.p\]: categories is 2\. Write a table"),
        ("[profiles.p.categories]\nHats = 1", r"^\[profiles\.p\.categories\]: Hats is 1\. Write a table"),
        ("[profiles.p.categories.Hats]\ncolor = nan", r"^\[profiles\.p\.categories\.Hats\]: color is nan"),
        ("[profiles.p.categories.'A > B']\nx = nan", r"^\[profiles\.p\.categories\.'A > B'\]: x is nan"),
        (
            "[profiles.p.categories.'A>B']\nx = 1\n[profiles.p.categories.'a > b']\nx = 2",
            r"\[profiles\.p\.categories\]: 'A>B' and 'a > b' are the same name",
        ),
        (
            "[profiles.p.categories.' > ']\nx = 1",
            r"The category ' > ' is empty\. Write the path from the root down, e\.g\. 'Women > Tops'",
        ),
        ("[dimensions]\nmin_products = 1", r"\[dimensions\]: min_products is 1\. Give a whole number of 2 or more"),
        ("[dimensions]\nmin_products = 2.5", r"min_products is 2\.5"),
        ("[dimensions]\nmax_classes = true", r"max_classes is True"),
        ("[dimensions]\nsize = false", r"^\[dimensions\]: size is False\. Write a table \[dimensions\.size\], or"),
        (
            "[dimensions.a]\nnome = 'x'",
            r"^\[dimensions\.a\]: Unknown key 'nome'\. Known keys: name, use, merge, kind, c",
        ),
        ("[dimensions.a]\nuse = 1", r"\[dimensions\.a\]: use is 1\. Write true or false"),
        ("[dimensions.a]\nname = ''", r"name is ''\. Write a text, or leave it out"),
        ("[dimensions.a]\nname = 'a=b'", r"name is 'a=b'\. Write 1 to 128 printable characters, without '='"),
        ("[dimensions.a]\nname = ' a'", r"name is ' a'\. Write"),
        (
            "[dimensions.a]\nname = 'Look'",
            r"'a' would have the name 'Look', which is reserved\. Choose a name other than",
        ),
        (
            "[dimensions.a]\nname = 'Pin'",
            r"'a' would have the name 'Pin', which is reserved\. Choose .*, pin, boost, bury",
        ),
        (
            "[dimensions.Not]\nuse = false",
            r"'Not' is a part of every score, not a dimension\. Write \[dimensions\.\"attributes\.not\"\]",
        ),
        ("[dimensions.a]\nkind = 'several'", r"kind is 'several'\. Choose one of single, multi, tree"),
        ("[dimensions.a]\nlabels = ''", r"labels is ''\. Name a CSV file"),
        (
            "[dimensions.a]\nname='c'\n[dimensions.b]\nname='C'",
            r"\[dimensions\]: 'a' and 'b' would both have the name 'C'",
        ),
        ("[dimensions.a]\nname='b'\n[dimensions.b]\nkind='single'", r"'a' and 'b' would both have the name 'b'"),
        ("[dimensions.a]\n[dimensions.A]", r"'a' and 'A' are the same name\. Write the name only once"),
        ("[dimensions.look]\nuse = false", r"'look' cannot be dropped\. Give it the weight 0"),
        (
            "[dimensions.shape]\nname = 'form'",
            r"'shape' is computed from the photos .* the key use\. .* write \[dimensions\.\"attributes\.shape\"\]",
        ),
        ("[dimensions.a]\nmerge = ['x']", r"^\[dimensions\.a\]: merge is \['x'\]\. Write a table"),
        ("[dimensions.a.merge]\nX = 'y'", r"^\[dimensions\.a\.merge\]: X is 'y'\. Write a list of quoted texts"),
        ("[dimensions.a.merge]\nX = []", r"\[dimensions\.a\.merge\]: 'X' merges \[\]\. List the feed's values"),
        ("[dimensions.a.merge]\nX = ['y']\nZ = ['Y ']", r"'X' and 'Z' both merge 'y'\. Keep it in one of them only"),
        (
            "[dimensions.a.merge]\nX = ['y']\nY = ['z']",
            r"'X' merges 'Y', which merges other values itself\. List the values of 'Y' under 'X'",
        ),
        ("[dimensions.a.merge]\nX = ['y']\nx = ['z']", r"'X' and 'x' are the same name"),
        ("[merchandising]\npins = 'SKU-1'", r"^\[merchandising\]: pins is 'SKU-1'\. Write a list of quoted texts"),
        ("[merchandising]\npins = [1]", r"pins is \[1\]\. Write a list of quoted texts"),
        (
            "[merchandising]\npins = ['A', 'B', 'A']",
            r"^\[merchandising\]: pins contains 'A' twice\. List each product only once",
        ),
        ("[merchandising]\npins = ['']", r"pins contains the blank product id ''\. Remove it"),
        ("[merchandising]\nboosts = { A = 0 }", r"boosts gives 'A' the amount 0\. Give a number above 0 and at most 1"),
        ("[merchandising]\nburies = { ' ' = 1 }", r"buries contains the blank product id ' '\. Remove it"),
        ("[merchandising]\nburies = { A = 1.01 }", r"buries gives 'A' the amount 1\.01"),
        ("[merchandising]\nboosts = { A = true }", r"boosts gives 'A' the amount True"),
        ("[merchandising]\nboosts = { A = nan }", r"boosts gives 'A' the amount nan"),
        ("[merchandising]\nboosts = 2", r"^\[merchandising\]: boosts is 2\. Write a table of names and values"),
        (
            "[merchandising]\nboosts = { A = 1 }\nburies = { A = 1 }",
            r"boosts and buries both contain 'A'\. Remove it from boosts or from buries",
        ),
        ("[merchandising]\npins = ['A']\nburies = { A = 1 }", r"pins and buries both contain 'A'"),
        (
            "[merchandising]\nboost = { A = 1 }",
            r"^\[merchandising\]: Unknown key 'boost'\. Known keys: pins, boosts, buries",
        ),
        ("[weight]\ncolor = 1", r"^Unknown key 'weight'\. Known keys: dimensions, weights, profiles, merchandising"),
        ("feed = 1", r"^feed is 1\. Write a table"),
        ("[feed]\nmpa = 1", r"^\[feed\]: Unknown key 'mpa'\. Known keys: map\."),
        ("[feed.map]\nid = 1", r"^\[feed\.map\]: id is 1\. Write a list of quoted texts"),
    ],
)
def test_a_contradiction_names_the_table_and_the_key(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        read(text)
    assert (error.value.code, error.value.exit_code) == ("bad-settings", 2)


def test_values_made_in_code_are_checked_too() -> None:
    with pytest.raises(SettingsError, match="color is -1"):
        Profile({"color": -1})
    with pytest.raises(SettingsError, match="color is nan"):
        Preferences(weights={"color": float("nan")})
    with pytest.raises(SettingsError, match="pins and buries both contain 'A'"):
        Merchandising(("A",), {}, {"A": 0.5})


def test_a_dropped_dimension_keeps_its_other_lines_for_later() -> None:
    text = "[dimensions.a]\nuse = false\nname = 'style'\n[dimensions.b]\nname = 'style'"
    assert read(text).dimensions.rule("a").name == "style"


def test_a_class_may_list_its_own_name_among_the_values_that_it_merges() -> None:
    assert read("[dimensions.a.merge]\nGrey = ['grey', 'Gray']").dimensions.rule("a").merge == {
        "Grey": ("grey", "Gray")
    }
