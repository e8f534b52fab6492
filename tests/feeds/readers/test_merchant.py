"""Google Merchant Center feeds as tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from shoplens.feeds.text.prices import parse_price
from tests.feeds.feeds import FeedResult, read_checked, write_file


def read_rows(folder: Path, *rows: Mapping[str, str]) -> FeedResult:
    columns = list(dict.fromkeys(["id", "title", "image_link", *(name for row in rows for name in row)]))
    lines = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    return read_checked(write_file(folder / "f.tsv", "\n".join("\t".join(line) for line in lines)))


def row(name: str, **more: str) -> dict[str, str]:
    return {"id": name, "title": "Hoodie", "image_link": "a.jpg", **more}


def test_every_field(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        row(
            "A",
            description="Warm &amp; <b>dry</b>",
            link="https://shop.example/a",
            additional_image_link="b.jpg, a.jpg,c.jpg",
            price="12.99 EUR",
            availability="in stock",
            brand="Luma",
            product_type="Men > Tops",
            google_product_category="Apparel > Shirts",
            item_group_id="G",
            color="Black/White",
            material="cotton / silk",
            pattern="Striped",
            gender="unisex",
            age_group="adult",
            condition="new",
            custom_label_0="spring/summer",
            frame_shape="round",
            gtin="123",
            product_detail="General:Neckline:V,Care:Wash:cold",
        ),
    )
    (product,) = result.products
    assert (product.description, product.url, product.brand) == ("Warm & dry", "https://shop.example/a", "Luma")
    assert product.photos == tuple(str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))
    assert (product.price, product.currency, product.in_stock) == (12.99, "EUR", True)
    assert (product.category, product.group_id) == (("Men", "Tops"), "G")
    assert dict(product.attributes) == {
        "color": ("Black", "White"),
        "material": ("cotton", "silk"),
        "pattern": ("Striped",),
        "gender": ("unisex",),
        "age_group": ("adult",),
        "condition": ("new",),
        "custom_label_0": ("spring/summer",),
        "frame_shape": ("round",),
        "neckline": ("V",),
        "wash": ("cold",),
    }
    assert result.rejections == []


def test_rows_that_differ_only_in_size_are_one_product_with_the_first_id(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        row("1", item_group_id="G", size="S", price="12 EUR", gtin="1", availability="out of stock", link="/1"),
        row("2", item_group_id="H", size="S"),
        row("3", item_group_id="G", size="M", price="10 EUR", gtin="2", availability="in stock", link="/2"),
    )
    first, second = result.products
    assert (first.id, first.attributes["size"], first.price, first.in_stock) == ("1", ("S", "M"), 10, True)
    assert (second.id, second.group_id) == ("2", "H")
    assert result.counts.used == 3


@pytest.mark.parametrize("differs", ["color", "material", "title", "description", "size_type"])
def test_rows_that_differ_in_more_than_size_stay_apart(tmp_path: Path, differs: str) -> None:
    base = row("1", item_group_id="G", size="S", **({} if differs == "title" else {differs: "x"}))
    result = read_rows(tmp_path, base, {**base, "id": "2", "size": "M", "image_link": "https://h/2.jpg", differs: "y"})
    assert [product.id for product in result.products] == ["1", "2"]
    assert {product.group_id for product in result.products} == {"G"}


def test_rows_without_size_or_without_group_are_never_joined(tmp_path: Path) -> None:
    other = {"image_link": "https://h/2.jpg"}
    grouped = [row("1", item_group_id="G"), row("2", item_group_id="G", **other)]
    result = read_rows(tmp_path, *grouped, row("3", size="S"), row("4", size="S"))
    assert [product.id for product in result.products] == ["1", "2", "3", "4"]


def test_a_size_at_the_end_of_the_title_is_no_difference(tmp_path: Path) -> None:
    titles = {"S": "Hoodie - S", "M": "Hoodie (M)", "L": "Hoodie, size L"}
    rows = [row(size, item_group_id="G", size=size, title=title) for size, title in titles.items()]
    result = read_rows(tmp_path, *rows, row("10", item_group_id="K", size="10", title="Model 10"))
    assert [(product.title, product.attributes["size"]) for product in result.products] == [
        ("Hoodie", ("S", "M", "L")),
        ("Model 10", ("10",)),
    ]


def test_columns_of_a_list_are_one_attribute_and_metas_housekeeping_is_none(tmp_path: Path) -> None:
    lists = {"product_tags[0]": "warm", "product_tags[1]": "dry", "style[0]": "Boho", "video[0].tag[0]": "x"}
    photos = {"image[0].url": "b.jpg", "image[1].url": "c.jpg", "image[0].tag[0]": "x", "video[0].url": "v.mp4"}
    row_ = row("A", **lists, **photos, fb_product_category="Clothing", quantity_to_sell_on_facebook="5")
    (product,) = read_rows(tmp_path, row_).products
    assert dict(product.attributes) == {"product_tags": ("warm", "dry"), "style": ("Boho",)}
    assert product.photos == tuple(str(tmp_path / name) for name in ("a.jpg", "b.jpg", "c.jpg"))


def test_a_photo_url_may_hold_commas_and_a_column_may_repeat(tmp_path: Path) -> None:
    urls = "https://c.example/w_1,h_2/a.jpg,https://c.example/b.jpg"
    text = f"id\timage_link\tadditional_image_link\tadditional_image_link\nA\ta.jpg\t{urls}\thttps://c.example/c.jpg\n"
    (product,) = read_checked(write_file(tmp_path / "f", text)).products
    names = ["https://c.example/w_1,h_2/a.jpg", "https://c.example/b.jpg", "https://c.example/c.jpg"]
    assert list(product.photos) == [str(tmp_path / "a.jpg"), *names]


@pytest.mark.parametrize(
    ("fields", "price", "attributes"),
    [
        ({"price": "20 EUR", "sale_price": "15 EUR"}, 15, {"regular_price": (20,)}),
        ({"price": "20 EUR", "sale_price": "15 EUR", "sale_price_effective_date": "x/y"}, 20, {"sale_price": (15,)}),
        ({"price": "20 EUR"}, 20, {}),
        ({"sale_price": "15 EUR"}, 15, {}),
    ],
)
def test_sale_prices(
    tmp_path: Path, fields: dict[str, str], price: float, attributes: dict[str, tuple[float, ...]]
) -> None:
    (product,) = read_rows(tmp_path, row("A", **fields)).products
    assert (product.price, product.currency) == (price, "EUR")
    assert {name: product.attributes[name] for name in attributes} == attributes


def test_a_bad_price_and_a_bad_availability_are_notes(tmp_path: Path) -> None:
    result = read_rows(tmp_path, row("A", price="-3 EUR", availability="maybe"))
    assert (result.products[0].price, result.products[0].in_stock) == (None, None)
    assert [(rejection.kind, rejection.level, rejection.field, rejection.value) for rejection in result.rejections] == [
        ("bad-price", "note", "price", "-3 EUR"),
        ("bad-availability", "note", "availability", "maybe"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.99 EUR", (12.99, "EUR")),
        ("EUR 12.99", (12.99, "EUR")),
        ("12,99 eur", (12.99, "EUR")),
        ("€12", (12.0, "EUR")),
        ("1,299.50 USD", (1299.5, "USD")),
        ("1.299,50 EUR", (1299.5, "EUR")),
        ("1,299 USD", (1299.0, "USD")),
        ("1.299.000 IDR", (1299000.0, "IDR")),
        ("1'299.50 CHF", (1299.5, "CHF")),
        ("1 299,50 SEK", (1299.5, "SEK")),
        ("2.500 KWD", (2.5, "KWD")),
        ("0", (0.0, "")),
        ("12.", (12.0, "")),
        ("", None),
        ("free", None),
        ("-1 EUR", None),
        ("12 EUR 3", None),
        ("EUR 12 EUR", (12, "EUR")),
        ("1,2,3.4.5", None),
        ("nan", None),
        ("9" * 400, None),
    ],
)
def test_prices(text: str, expected: tuple[float, str] | None) -> None:
    assert parse_price(text) == expected


def test_a_category_that_is_a_number_is_none_and_googles_stands_in(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path, row("A", google_product_category="212"), row("B", google_product_category="Apparel &gt; Shirts")
    )
    assert [product.category for product in result.products] == [(), ("Apparel", "Shirts")]


@pytest.mark.data
def test_every_article_of_the_real_feed_is_read(data_folder: Path) -> None:
    result = read_checked(data_folder / "hm" / "feed.tsv")
    assert (result.format, len(result.products), result.rejections) == ("merchant", 5_947, [])
    assert (result.counts.rows, result.counts.used) == (5_947, 5_947)
    assert len({product.group_id for product in result.products}) == 3_405
    assert all(Path(photo).is_file() for product in result.products for photo in product.photos)
    assert result.products[0].category == ("Garment Lower body", "Leggings/Tights")


def test_a_trade_number_with_separators_is_kept_without_them_too(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path, row("1", gtin="978-3-16-148410-0", mpn="AB 12-34"), row("4006381333931", gtin="4006381333931")
    )
    assert [product.identifiers for product in result.products] == [
        ("978-3-16-148410-0", "9783161484100", "AB 12-34"),
        (),
    ]
