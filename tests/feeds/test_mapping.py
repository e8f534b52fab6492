"""Mappings of columns that a person writes, and proposals of mappings."""

from __future__ import annotations

import doctest
from collections.abc import Mapping

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import mapping
from shoplens.feeds.mapping import FIELDS, FieldMapping, has_required_columns, parse_mapping, propose_mapping


def test_names_of_columns_are_normalized_as_in_tables() -> None:
    result = parse_mapping({"id": " SKU ", "photos": ["Bild 1", "g:Bild_2"], "attributes.Farbe": "Farbe, Color"})
    assert dict(result.columns) == {
        "id": ("sku",),
        "photos": ("bild_1", "bild_2"),
        "attributes.Farbe": ("farbe", "color"),
    }
    assert result.required == (("sku",), ("bild_1",))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"id": "a", "photos": "b", "colour": "c"}, "attributes.NAME"),
        ({"id": "a", "photos": "b", "attributes.": "c"}, "attributes.NAME"),
        ({"id": "", "photos": "b"}, "--map id=Column"),
        ({"id": "a", "photos": [" ", ""]}, "--map photos=Column"),
        ({"id": "a"}, "--map photos=Column"),
        ({}, "--map id=Column"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_what_would_be_right(pairs: Mapping[str, str], message: str) -> None:
    with pytest.raises(FeedError) as caught:
        parse_mapping(pairs)
    assert caught.value.code == "bad-mapping" and message in caught.value.fix


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        ("sku,name,image,price", {"id": "sku", "title": "name", "photos": "image", "price": "price"}),
        ("Artikelnummer;Bezeichnung;Bild-URL;Preis", {}),
        ("Artikelnummer,Bezeichnung,Bild URL,Preis,Marke", {"id": "Artikelnummer", "title": "Bezeichnung",
         "photos": "Bild URL", "price": "Preis", "brand": "Marke"}),
        ("Артикул,Название,Фото 1,Фото 2,Цена", {"id": "Артикул", "title": "Название", "photos": "Фото 1",
         "price": "Цена"}),
        ("product_code,product_name,main_photo,in stock", {"id": "product_code", "title": "product_name",
         "photos": "main_photo", "in_stock": "in stock"}),
        ("id,image", {"id": "id", "photos": "image"}),
        ("foo,bar", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_mapping_is_proposed_for_headings_of_many_languages(headings: str, expected: Mapping[str, str]) -> None:
    assert propose_mapping(headings.split(",")) == expected


def test_a_proposal_can_be_used() -> None:
    proposed = propose_mapping(["SKU", "Titel", "Bild 1", "Preis"])
    assert set(proposed) <= set(FIELDS)
    assert has_required_columns(parse_mapping(proposed), ["sku", "titel", "bild_1", "preis"])
    assert not has_required_columns(parse_mapping(proposed), ["sku", "titel", "preis"])


def test_patterns_and_alternatives() -> None:
    columns = {"id": ("id", "no"), "photos": ("image_*",)}
    table = FieldMapping(columns, ignored=("meta_*",), required=(("id", "no"), ("image_*",)))
    assert [
        has_required_columns(table, columns) for columns in (["no", "image_1"], ["id", "image_"], ["id"], ["image_1"])
    ] == [*[True, True, False, False]]
    assert (table.field_of("image_9"), table.field_of("title")) == ("photos", None)
    assert table.is_ignored("meta_title") and not table.is_ignored("title")


def test_examples_in_the_code_hold() -> None:
    results = doctest.testmod(mapping)
    assert results.attempted and not results.failed
