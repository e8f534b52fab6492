"""Any table or JSON by a mapping."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from shoplens.types import Product
from tests.feeds.feeds import outcome, written

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
    found = outcome(written(tmp_path / "f.csv", "\n".join([header, *rows])), mapping=COLUMNS)
    one, two = found.products
    assert (found.format, one.id, one.title) == ("mapped", "1", "Tasse & Teller")
    assert one.photos == tuple(str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert (one.price, one.currency, one.category, one.in_stock) == (12.5, "EUR", ("Haus", "Küche"), True)
    assert (dict(one.attributes), one.identifiers) == ({"farbe": ("rot",), "material": ("Ton",)}, ("4000",))
    assert (two.price, two.currency, two.in_stock) == (9.9, "CHF", None)
    assert [(row.kind, row.row, row.field) for row in found.rejections] == [
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
    found = outcome(written(tmp_path / "f.json", text), mapping=columns)
    (one,) = found.products
    assert (one.id, one.title, one.price, one.currency, one.in_stock) == ("7", "Tasse", 12.5, "EUR", False)
    assert one.photos == ("https://h.example/a.jpg", str(tmp_path / "b.jpg"))
    assert dict(one.attributes) == {"colour": ("red", "blue")}
    assert [(row.kind, row.row) for row in found.rejections] == [("product-without-photos", 2), ("missing-id", 3)]


def test_objects_that_stand_for_photos_are_mapped_by_their_key(tmp_path: Path) -> None:
    text = json.dumps(
        {"products": [{"id": 1, "title": "Tee", "images": [{"id": 3, "src": "a.jpg"}, {"src": "b.jpg"}]}]}
    )
    path = written(tmp_path / "f.json", text)
    with pytest.raises(FeedError) as caught:
        outcome(path)
    assert "--map id=id --map title=title --map photos=images" in caught.value.fix
    (one,) = outcome(path, mapping={"id": "id", "title": "title", "photos": "images"}).products
    assert one.photos == (str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg"))


def test_a_group_of_a_mapped_table_is_joined_as_any_other(tmp_path: Path) -> None:
    text = "Nr,Bild,Modell,Größe\n1,a.jpg,G,36\n2,b.jpg,G,38\n"
    columns = {"id": "Nr", "photos": "Bild", "group_id": "Modell"}
    (one,) = outcome(written(tmp_path / "f.csv", text), mapping=columns).products
    assert (one.id, one.identifiers, one.attributes["größe"]) == ("1", ("2",), ("36", "38"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,x.jpg\n", "its first line has a, b"),
        ("<rss><channel/></rss>", "neither a table nor JSON"),
    ],
)
def test_a_mapping_that_does_not_fit_the_feed(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(FeedError, match=told) as caught:
        outcome(written(tmp_path / "f", text), mapping={"id": "Nr", "photos": "Bild"})
    assert caught.value.code == "bad-mapping"


def test_a_known_format_may_be_mapped_otherwise(tmp_path: Path) -> None:
    text = "id,mpn,title,image_link\n1,X,Tee,a.jpg\n"
    found = outcome(written(tmp_path / "f", text), mapping={"id": "mpn", "title": "title", "photos": "image_link"})
    assert (found.format, found.products[0].id) == ("mapped", "X")


def test_a_heading_may_hold_signs_that_patterns_have(tmp_path: Path) -> None:
    path = written(tmp_path / "f.csv", "SKU,Image [1],A|B\nm,a.jpg,Mug\n")
    with read_feed(path, mapping={"id": "SKU", "photos": "Image [1]", "title": "A|B"}) as feed:
        (one,) = feed
    assert isinstance(one, Product) and (one.title, one.photos) == ("Mug", (str(tmp_path / "a.jpg"),))
