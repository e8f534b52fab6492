"""Yandex Market's YML."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.errors import FeedError
from tests.feeds.feeds import FeedResult, read_checked, write_file

CATEGORIES = '<category id="1">Дом</category><category id="2" parentId="1">Кухня</category>'


def yml_text(*offers: str, categories: str = CATEGORIES) -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE yml_catalog SYSTEM "shops.dtd">\n'
    shop = (
        f"<name>Shop</name><currencies><currency id='RUR' rate='1'/></currencies><categories>{categories}</categories>"
    )
    return f"{head}<yml_catalog date='2024'><shop>{shop}<offers>{''.join(offers)}</offers></shop></yml_catalog>\n"


def offer(name: str, inside: str = "", **more: str) -> str:
    attributes = "".join(f' {key}="{value}"' for key, value in more.items())
    return f'<offer id="{name}"{attributes}><picture>https://h.example/{name}.jpg</picture>{inside}</offer>\n'


def read_offers(folder: Path, *offers: str, categories: str = CATEGORIES) -> FeedResult:
    return read_checked(write_file(folder / "f.yml", yml_text(*offers, categories=categories)))


def test_every_field(tmp_path: Path) -> None:
    inside = """<url>https://shop.example/1?a=1&amp;b=2</url><price>1290.50</price><oldprice>1500</oldprice>
    <currencyId>RUR</currencyId><categoryId>2</categoryId><picture>https://h.example/2.jpg</picture>
    <name>Кружка &amp; блюдце</name><vendor>Завод</vendor><vendorCode>K-1</vendorCode><barcode>4600</barcode>
    <description><![CDATA[<p>Тёплая</p>]]></description><country_of_origin>Россия</country_of_origin>
    <param name="Объём" unit="мл">300</param><param name="Цвет">белый</param><param name="Цвет">синий</param>
    <param name="Размер" unit="RU">42</param><param name="">x</param>"""
    result = read_offers(tmp_path, offer("1", inside, available="true", group_id="7"))
    (product,) = result.products
    assert (result.format, product.id, product.title, product.description) == (
        "yandex",
        "1",
        "Кружка & блюдце",
        "Тёплая",
    )
    assert (product.url, product.price, product.currency) == ("https://shop.example/1?a=1&b=2", 1290.5, "RUB")
    assert product.photos == ("https://h.example/1.jpg", "https://h.example/2.jpg")
    assert (product.brand, product.category, product.group_id, product.in_stock) == (
        "Завод",
        ("Дом", "Кухня"),
        "7",
        True,
    )
    assert product.identifiers == ("K-1", "4600")
    assert dict(product.attributes) == {
        "country of origin": ("Россия",),
        "объём": ("300 мл",),
        "цвет": ("белый", "синий"),
        "размер": ("42",),
    }
    assert result.rejections == []


def test_a_name_may_have_several_parts(tmp_path: Path) -> None:
    parts = "<typePrefix>Чайник</typePrefix><vendor>Завод</vendor><model>Т-100</model>"
    assert read_offers(tmp_path, offer("1", parts)).products[0].title == "Чайник Завод Т-100"


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        (CATEGORIES, ("Дом", "Кухня")),
        ('<category id="2" parentId="1">B</category>', ("B",)),
        ('<category id="2" parentId="2">B</category>', ("B",)),
        ('<category id="1" parentId="2">A</category><category id="2" parentId="1">B</category>', ("A", "B")),
        ('<category id="2">\n A  &amp; B </category>', ("A & B",)),
        ('<category id="2"/>', ()),
        ("", ()),
    ],
)
def test_the_tree_of_categories(tmp_path: Path, categories: str, expected: tuple[str, ...]) -> None:
    (product,) = read_offers(tmp_path, offer("1", "<categoryId>2</categoryId>"), categories=categories).products
    assert product.category == expected


def test_a_long_chain_of_categories_is_followed_to_a_limit(tmp_path: Path) -> None:
    chain = "".join(f'<category id="{n}" parentId="{n + 1}">c{n}</category>' for n in range(2, 200))
    (product,) = read_offers(tmp_path, offer("1", "<categoryId>2</categoryId>"), categories=chain).products
    assert len(product.category) == 50 and product.category[-1] == "c2"


@pytest.mark.parametrize(
    ("attributes", "inside", "expected"),
    [
        ({"available": "true"}, "", True),
        ({"available": "false"}, "<count>3</count>", False),
        ({}, "<count>3</count>", True),
        ({}, "<count>0</count>", False),
        ({}, "", None),
    ],
)
def test_availability(tmp_path: Path, attributes: dict[str, str], inside: str, expected: bool | None) -> None:
    assert read_offers(tmp_path, offer("1", inside, **attributes)).products[0].in_stock is expected


def test_offers_of_a_group_that_differ_in_size_are_one_product(tmp_path: Path) -> None:
    def shoe(name: str, size: str, colour: str) -> str:
        values = f'<param name="Цвет">{colour}</param><param name="Размер" unit="RU">{size}</param>'
        return offer(name, f"<name>Ботинки {colour}, размер {size}</name><price>{size}</price>{values}", group_id="9")

    result = read_offers(tmp_path, shoe("1", "41", "синие"), shoe("2", "42", "синие"), shoe("3", "41", "чёрные"))
    assert [
        (product.id, product.title, product.attributes["размер"], product.identifiers) for product in result.products
    ] == [
        ("1", "Ботинки синие", ("41", "42"), ("2",)),
        ("3", "Ботинки чёрные", ("41",), ()),
    ]
    assert result.products[0].price == 41 and len(result.products[0].photos) == 2


NAME = "<name>Кружка</name>"
OFFERS = [offer("1", NAME), offer("2").replace("</offer>", ""), offer("1"), offer("4", f"{NAME}<price>?</price>")]


def test_rows_are_numbered_by_offer_and_a_broken_one_is_lost_alone(tmp_path: Path) -> None:
    result = read_offers(tmp_path, *OFFERS)
    assert [product.id for product in result.products] == ["1", "4"]
    assert [(rejection.kind, rejection.row) for rejection in result.rejections] == [
        ("malformed-element", 2),
        ("duplicate-id", 3),
        ("bad-price", 4),
    ]
    assert (result.counts.rows, result.counts.used, result.counts.rejected) == (4, 2, 2)


def test_what_is_switched_off_is_not_sold(tmp_path: Path) -> None:
    assert read_offers(tmp_path, offer("1", "<disabled>true</disabled>"), offer("2", NAME)).kinds == ["not-sold"]


def test_windows_1251_is_read_as_declared(tmp_path: Path) -> None:
    content = yml_text(offer("1", "<name>Кружка</name>")).replace("UTF-8", "windows-1251").encode("windows-1251")
    result = read_checked(write_file(tmp_path / "f.yml", content))
    assert (result.products[0].title, result.rejections) == ("Кружка", [])


def test_a_catalogue_that_breaks_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="inside <offers>") as caught:
        read_checked(write_file(tmp_path / "f.yml", yml_text(offer("1")).partition("</offers>")[0]))
    assert caught.value.code == "bad-xml"
