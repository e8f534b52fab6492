"""Texts are read by the names of a toy shop's classes and values, in three languages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import SettingsError
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.types import Photo, Product
from shoplens.words.concepts import load_concepts
from shoplens.words.vocabulary import MOST_VALUES, build_vocabulary, combine_classes
from tests.words.toy_vocabulary import DIMENSIONS, read, summary, vocabulary

WOMEN_TEE, MEN_TEE = "Women > Tops > T-Shirts", "Men > Tops > T-Shirts"
HOODIES = "Women > Tops > Hoodies & Sweatshirts"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in red", ["red: wanted color Red, Dark Red"]),
        ("en ROUGE foncé", ["ROUGE foncé: wanted color Dark Red"]),
        ("ein dunkelrotes Kissen", ["dunkelrotes: wanted color Dark Red", "Kissen: wanted category Home > Cushions"]),
        ("navy", ["navy: wanted color Blue"]),  # there is no dark blue, so the broader colour
        ("striped", ["striped: wanted pattern Striped"]),
        ("à rayures", ["rayures: wanted pattern Striped"]),
        ("sans motif", ["sans motif: wanted pattern Solid"]),  # no negation: it means plain
        ("women's t-shirts", ["women: wanted category Women", f"t-shirts: wanted category {WOMEN_TEE}, {MEN_TEE}"]),
        ("Damenshirts", ["Damenshirts: wanted category Women"]),
        ("sweat à capuche", [f"sweat à capuche: wanted category {HOODIES}"]),
        ("cotton", ["cotton: wanted material Cotton, Organic Cotton"]),
        ("Bio-Baumwolle", ["Bio-Baumwolle: wanted material Organic Cotton"]),
        ("Lederjacke", ["Lederjacke: wanted material Leather; category Men > Jackets"]),
        ("stripd cushon", ["stripd: wanted pattern Striped", "cushon: wanted category Home > Cushions"]),
        ("size m", ["size m: wanted size M"]),
        ("Größe 38", ["Größe 38: wanted size 38"]),
        ("m 38", ["m: title", "38: title"]),  # a letter or number alone is no size
        ("xl", ["xl: wanted size XL"]),
        ("eco", ["eco: wanted eco Yes"]),
        ("lace", ["lace: condition pattern = 'Lace'"]),  # too few products to learn it, so only a value
        ("by blue sky", ["blue sky: condition brand = 'blue sky'"]),
        ("not spring break", ["not spring break: condition collection != 'spring break'"]),
        ("a flurbel, please", ["flurbel: title"]),
        ("no flurbel", ["no flurbel: unwanted"]),
        ("ohne flurbel garn, red", ["ohne flurbel garn: unwanted", "red: wanted color Red, Dark Red"]),
        ("", []),
        ("the in and", []),
        ("not", []),
    ],
)
def test_words_are_read_as_classes_and_values(text: str, expected: list[str]) -> None:
    assert summary(text) == expected


def test_a_rare_colour_of_the_feed_is_a_value_rather_than_a_hue() -> None:
    """Four brown products are too few to learn what brown looks like; the feed says which they are."""
    rare = [replace(one, untrained={"Brown": 4}) if one.name == "color" else one for one in DIMENSIONS]
    words = vocabulary(dimensions=rare)
    assert summary("brown", words) == ["brown: condition color = 'Brown'"]
    assert summary("not brown", words) == ["not brown: condition color != 'Brown'"]
    assert summary("ein braunes Kissen", words)[0] == "braunes: condition color = 'Brown'"
    (hue,) = read("brown")
    assert (hue.kind, hue.color) == ("wanted", "brown"), "where no product is called so, the hue is searched for"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nicht rot", ["nicht rot: unwanted color Red, Dark Red"]),
        ("no black skirt", ["no black: unwanted color Black", "skirt: wanted category Women > Skirts"]),
        (
            "sans rayures ni carreaux",
            ["sans rayures: unwanted pattern Striped", "ni carreaux: unwanted pattern Checked"],
        ),
        ("not blue or black", ["not blue: unwanted color Blue", "black: unwanted color Black"]),
        ("not blue and black", ["not blue: unwanted color Blue", "black: unwanted color Black"]),
        ("not blue and striped", ["not blue: unwanted color Blue", "striped: wanted pattern Striped"]),
        ("blue or black", ["blue: wanted color Blue", "black: wanted color Black"]),
        ("anything but black", ["anything but black: unwanted color Black"]),
    ],
)
def test_a_negation_holds_for_what_follows_it(text: str, expected: list[str]) -> None:
    assert summary(text) == expected


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("cheaper than 40", "price < 40"),
        ("unter 1.299,50 €", "price < 1299.5"),
        ("moins de 30 euros", "price < 30"),
        ("bis zu 40", "price <= 40"),
        ("jusqu'à 40", "price <= 40"),
        ("at least $20", "price >= 20"),
        ("ab 20", "price >= 20"),
        ("plus de 20", "price > 20"),
        ("nicht teurer als 40", "price <= 40"),
        ("not between 20 and 40", "price < 20 or price > 40"),
        ("zwischen 40 und 20 Euro", "price >= 20 and price <= 40"),
        ("entre 20 et 40", "price >= 20 and price <= 40"),
        ("20-40 €", "price >= 20 and price <= 40"),
        ("price under 40", "price < 40"),
        ("about 50", "price >= 40 and price <= 60"),
        ("for 40 euros", "price <= 40"),
        ("40 or less", "price <= 40"),
        ("40 Euro oder weniger", "price <= 40"),
        ("20 € and up", "price >= 20"),
    ],
)
def test_prices_become_conditions(text: str, condition: str) -> None:
    (meaning,) = read(text)
    assert (meaning.kind, meaning.condition) == ("condition", condition)
    assert meaning.words == text and (meaning.start, meaning.end) == (0, len(text))


@pytest.mark.parametrize("text", ["under 30 cm", "40", "pas cher", "for 40"])
def test_other_numbers_and_vague_words_are_no_prices(text: str) -> None:
    assert {meaning.kind for meaning in read(text)} <= {"unknown", "title"} and read(text)


def test_a_shop_without_prices_does_not_understand_them() -> None:
    words = vocabulary()
    without = replace(words, has_price=False)
    assert summary("red under 40", without)[1] == "under 40: unknown"


def test_a_meaning_has_its_place_in_the_text_and_what_was_corrected() -> None:
    text = "a Hoddie, not  stripd"
    hoodie, stripes = read(text)
    assert text[hoodie.start : hoodie.end] == hoodie.words == "Hoddie" and hoodie.corrected == "hoodie"
    assert text[stripes.start : stripes.end] == stripes.words == "not  stripd" and stripes.corrected == "striped"
    assert read("hoodies")[0].corrected == "", "another form is no mistake"


def test_shares_say_which_classes_are_meant_most() -> None:
    (red,) = read("red")
    assert red.classes["color"]["Red"] > 2 * red.classes["color"]["Dark Red"]
    assert sum(red.classes["color"].values()) == pytest.approx(1) and red.color == "red"


def test_a_word_of_titles_is_not_taken_for_another_one() -> None:
    words = vocabulary()
    assert summary("cushikn", words) == ["cushikn: wanted category Home > Cushions"]
    known = replace(words, has_word=lambda word: word == "cushikn")
    assert summary("cushikn", known) == ["cushikn: title"]


def test_a_colour_without_a_class_is_a_palette() -> None:
    (teal,) = read("turquoise")
    assert (teal.kind, teal.classes, teal.color) == ("wanted", {}, "turquoise")
    no_colors = vocabulary(dimensions=[one for one in DIMENSIONS if one.name != "color"])
    assert read("turquoise", no_colors)[0].kind == "title"


def test_a_german_shop_is_searched_in_english_and_a_french_one_in_german() -> None:
    german = vocabulary(dimensions=[Dimension("color", "single", "color", ("Rot", "Hellblau"), (3, 3))])
    assert summary("red", german) == ["red: wanted color Rot"]
    assert summary("bleu clair", german) == ["bleu clair: wanted color Hellblau"]
    french = vocabulary(dimensions=[Dimension("type", "single", "type", ("Robes", "Vestes"), (3, 3))])
    assert summary("Kleid", french) == ["Kleid: wanted type Robes"]


def test_classes_of_two_phrases_are_intersected_where_one_lies_in_the_other() -> None:
    tees = {WOMEN_TEE: 0.5, MEN_TEE: 0.5}
    assert combine_classes({"Women": 1.0}, tees) == {WOMEN_TEE: 1.0} == combine_classes(tees, {"Women": 1.0})
    assert combine_classes({"Red": 1.0}, {"Blue": 1.0}) == {"Red": 0.5, "Blue": 0.5}
    assert combine_classes(tees, tees) == tees


def test_a_shop_adds_words_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_text('[products]\ncushion = ["Zierkissen", "nap pad"]\n', "utf-8")
    words = vocabulary(file)
    assert summary("nap pads", words) == ["nap pads: wanted category Home > Cushions"]
    assert summary("kissen", words) == ["kissen: wanted category Home > Cushions"]
    assert summary("nap pads") == ["nap: title", "pads: title"]


@pytest.mark.parametrize("text", ["[products\n", "[products]\ncushion = 3\n", "[grammar]\nnot = 3\n", "cushion = 3\n"])
def test_a_file_that_is_no_table_of_words_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "words.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"words\.toml"):
        load_concepts(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_concepts(tmp_path / "missing.toml")


def test_a_field_of_many_values_names_nothing() -> None:
    photo = Photo("a.jpg", "hash", "", 8, 8)
    entries = [
        IndexedProduct(
            Product(f"p{n}", "A", ("a.jpg",), brand=f"Brand {n % 3}", attributes={"code": (f"code of {n}",)}),
            (photo,),
            np.array([[1, 0]], np.float32),
        )
        for n in range(MOST_VALUES + 1)
    ]
    index = ExactIndex(2)
    index.upsert(entries)
    words = build_vocabulary((), index, load_concepts())
    assert summary("Brand 2, code of 7", words) == ["Brand 2: condition brand = 'brand 2'", "code: title", "7: title"]
    index.remove(["p0"])
    assert "condition code = 'code of 7'" in summary("code of 7", build_vocabulary((), index, load_concepts()))[0]
