"""Tables and JSON that are read by a mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from shoplens.types import Product
from tests.feeds.feeds import read_checked, write_file

COLUMNS: Mapping[str, str | Sequence[str]] = {
    "id": "Nr",
    "title": "Name",
    "photos": "Bild 1, Bild 2, Bild *",
    "price": ["Angebot", "Preis"],
    "currency": "Waehrung",
    "category": "Gruppe",
    "in_stock": "Bestand",
    "identifiers": "EAN",
    "sold": "Aktiv",
    "attributes.farbe": "Farbton",
}


def test_every_field_of_a_table(tmp_path: Path) -> None:
    header = "Nr;Name;Bild 10;Bild 2;Bild 1;Angebot;Preis;Waehrung;Gruppe;Bestand;EAN;Aktiv;Farbton;Material"
    rows = [
        '1;"Tasse &amp; Teller";c.jpg;b.jpg;a.jpg;;12,50;eur;Haus > Küche;3;4000;ja;rot;Ton',
        "2;Krug;;;d.jpg;9,90 CHF;12,50;eur;Start;kaum;;ja;;",
        "3;Kanne;;;e.jpg;;;;;;;nein;;",
    ]
    result = read_checked(write_file(tmp_path / "f.csv", "\n".join([header, *rows])), mapping=COLUMNS)
    product, two = result.products
    assert (result.format, product.id, product.title) == ("mapped", "1", "Tasse & Teller")
    assert product.photos == tuple(str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert (product.price, product.currency, product.category, product.in_stock) == (
        12.5,
        "EUR",
        ("Haus", "Küche"),
        True,
    )
    assert (dict(product.attributes), product.identifiers) == ({"farbe": ("rot",), "material": ("Ton",)}, ("4000",))
    assert (two.price, two.currency, two.in_stock) == (9.9, "CHF", None)
    assert [(row.kind, row.row, row.field) for row in result.rejections] == [
        ("bad-availability", 2, "bestand"),
        ("not-sold", 3, ""),
    ]


@pytest.mark.parametrize("shape", ["array", "lines", "envelope"])
def test_json_by_paths_of_keys(tmp_path: Path, shape: str) -> None:
    rows = [
        {"no": 7, "names": {"de": "Tasse"}, "media": [{"src": "https://h.example/a.jpg"}, {"src": "b.jpg"}],
         "cost": {"value": 12.5, "unit": "eur"}, "stock": False, "colour": ["red", "blue"], "deep": {"x": 1}},
        {"no": 8, "names": {"de": "Krug"}, "media": []},
        {"names": {"de": "Nichts"}, "media": [{"src": "c.jpg"}]},
    ]  # fmt: skip
    text = {
        "array": json.dumps(rows, indent=2),
        "lines": "\n".join(map(json.dumps, rows)),
        "envelope": json.dumps({"items": rows}),
    }[shape]
    columns = {"id": "no", "title": "names.de", "photos": "media.src", "price": "cost.value", "currency": "cost.unit",
               "in_stock": "stock"}  # fmt: skip
    result = read_checked(write_file(tmp_path / "f.json", text), mapping=columns)
    (product,) = result.products
    assert (product.id, product.title, product.price, product.currency, product.in_stock) == (
        "7",
        "Tasse",
        12.5,
        "EUR",
        False,
    )
    assert product.photos == ("https://h.example/a.jpg", str(tmp_path / "b.jpg"))
    assert dict(product.attributes) == {"colour": ("red", "blue")}
    assert [(row.kind, row.row) for row in result.rejections] == [("product-without-photos", 2), ("missing-id", 3)]


def test_objects_that_stand_for_photos_are_mapped_by_their_key(tmp_path: Path) -> None:
    text = json.dumps(
        {"products": [{"id": 1, "title": "Tee", "images": [{"id": 3, "src": "a.jpg"}, {"src": "b.jpg"}]}]}
    )
    path = write_file(tmp_path / "f.json", text)
    with pytest.raises(FeedError) as caught:
        read_checked(path)
    assert "--map id=id --map title=title --map photos=images" in caught.value.fix
    (product,) = read_checked(path, mapping={"id": "id", "title": "title", "photos": "images"}).products
    assert product.photos == (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))


def test_a_group_of_a_mapped_table_is_joined_as_any_other(tmp_path: Path) -> None:
    text = "Nr,Bild,Modell,Größe\n1,a.jpg,G,36\n2,b.jpg,G,38\n"
    columns = {"id": "Nr", "photos": "Bild", "group_id": "Modell"}
    (product,) = read_checked(write_file(tmp_path / "f.csv", text), mapping=columns).products
    assert (product.id, product.identifiers, product.attributes["größe"]) == ("1", ("2",), ("36", "38"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,x.jpg\n", "its first line has a, b"),
        ("<rss><channel/></rss>", "neither a table nor JSON"),
    ],
)
def test_a_mapping_that_does_not_fit_the_feed(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FeedError, match=message) as caught:
        read_checked(write_file(tmp_path / "f", text), mapping={"id": "Nr", "photos": "Bild"})
    assert caught.value.code == "bad-mapping"


def test_a_known_format_may_be_mapped_otherwise(tmp_path: Path) -> None:
    text = "id,mpn,title,image_link\n1,X,Tee,a.jpg\n"
    result = read_checked(
        write_file(tmp_path / "f", text), mapping={"id": "mpn", "title": "title", "photos": "image_link"}
    )
    assert (result.format, result.products[0].id) == ("mapped", "X")


def test_a_heading_may_hold_signs_that_patterns_have(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f.csv", "SKU,Image [1],A|B\nm,a.jpg,Mug\n")
    with read_feed(path, mapping={"id": "SKU", "photos": "Image [1]", "title": "A|B"}) as feed:
        (product,) = feed
    assert isinstance(product, Product) and (product.title, product.photos) == ("Mug", (str(tmp_path / "a.jpg"),))
