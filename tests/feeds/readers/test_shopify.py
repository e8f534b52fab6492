"""Shopify's product CSV."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.feeds.feeds import FeedResult, read_checked

OLD = ("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Published", "Option1 Name",
       "Option1 Value", "Option2 Name", "Option2 Value", "Variant SKU", "Variant Inventory Qty",
       "Variant Inventory Policy", "Variant Price", "Image Src", "Variant Image", "Status")  # fmt: skip
SHIRT = {
    "Handle": "shirt",
    "Title": "Linen Shirt",
    "Body (HTML)": "<p>Cool &amp; dry</p>",
    "Vendor": "Luma",
    "Product Category": "Apparel & Accessories > Clothing > Shirts",
    "Published": "true",
    "Option1 Name": "Size",
    "Option2 Name": "Color",
    "Status": "active",
}


def read_rows(folder: Path, *rows: dict[str, str]) -> FeedResult:
    columns = list(dict.fromkeys([*OLD, *(name for row in rows for name in row)]))
    path = folder / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return read_checked(path)


def variant(size: str, color: str, **more: str) -> dict[str, str]:
    result = {"Handle": "shirt", "Option1 Value": size, "Option2 Value": color, "Variant Price": "20.00"}
    return {**result, "Variant Inventory Qty": "3", **more}


def url(name: str) -> str:
    return f"https://cdn.example/{name}.jpg"


def test_variants_with_photos_of_their_own_are_products_and_sizes_are_not(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        {**SHIRT, **variant("S", "Red", **{"Image Src": url("red"), "Variant Image": url("red")})},
        variant("M", "Red", **{"Variant Price": "18.50", "Image Src": url("blue"), "Variant Image": url("red")}),
        variant("S", "Blue", **{"Variant Image": url("blue"), "Variant Inventory Qty": "0"}),
        {"Handle": "shirt", "Image Src": url("street")},
        {"Handle": "shirt", "Image Src": url("red")},
    )
    red, blue = result.products
    assert (red.id, blue.id, red.group_id, blue.group_id) == ("shirt-Red", "shirt-Blue", "shirt", "shirt")
    assert (red.photos, blue.photos) == ((url("red"),), (url("blue"),))
    assert (red.price, red.in_stock, blue.in_stock) == (18.5, True, False)
    assert dict(red.attributes) == {"size": ("S", "M"), "color": ("Red",)}
    assert red.title == "Linen Shirt - Red" and red.description == "Cool & dry" and red.brand == "Luma"
    assert red.category == ("Apparel & Accessories", "Clothing", "Shirts") and red.url == "/products/shirt"
    assert {rejection.kind for rejection in result.rejections} == {"photo-of-no-variant", "photo-row"}


def test_variants_with_the_same_photos_are_one_product(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        {**SHIRT, **variant("S", "Red", **{"Image Src": url("one")})},
        variant("S", "Blue", **{"Image Src": url("two")}),
        {"Handle": "shirt", "Image Src": url("three")},
    )
    (product,) = result.products
    assert (product.id, product.group_id, product.title) == ("shirt", "", "Linen Shirt")
    assert product.photos == (url("one"), url("two"), url("three"))
    assert dict(product.attributes) == {"size": ("S",), "color": ("Red", "Blue")}
    assert not result.rejections


def test_a_product_without_options(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        {"Handle": "mug", "Title": "Mug", "Type": "Kitchen > Mugs", "Option1 Name": "Title",
         "Option1 Value": "Default Title", "Variant Price": "€9", "Image Src": url("mug"),
         "Variant Inventory Qty": "0", "Variant Inventory Policy": "continue",
         "Google Shopping / Gender": "unisex", "Material (product.metafields.custom.material)": "clay; glaze"},
    )  # fmt: skip
    (product,) = result.products
    assert (product.id, product.price, product.currency, product.in_stock) == ("mug", 9, "EUR", True)
    assert product.category == ("Kitchen", "Mugs")
    assert dict(product.attributes) == {"gender": ("unisex",), "material": ("clay", "glaze")}


@pytest.mark.parametrize("change", [{"Published": "false"}, {"Status": "draft"}, {"Status": "archived"}])
def test_what_is_not_published_is_not_sold(tmp_path: Path, change: dict[str, str]) -> None:
    result = read_rows(tmp_path, {**SHIRT, **variant("S", "Red", **{"Image Src": url("red")}), **change})
    assert not result.products and [rejection.kind for rejection in result.rejections] == ["not-sold"]


def test_newer_headings_give_the_same_products(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(
        "Title,URL handle,Description,Vendor,Status,Option1 name,Option1 value,Price,Inventory quantity,"
        "Product image URL,Variant image URL\n"
        f"Cap,cap,Warm,Luma,Active,Color,Red,12,4,{url('red')},{url('red')}\n"
        f",cap,,,,,Blue,12,0,{url('blue')},{url('blue')}\n",
        "utf-8",
    )
    red, blue = read_checked(path).products
    assert (red.id, blue.id, red.photos, blue.in_stock) == ("cap-Red", "cap-Blue", (url("red"),), False)


def test_an_invalid_price_is_noted_and_a_description_may_have_several_lines(tmp_path: Path) -> None:
    body = {"Body (HTML)": 'One\n"two",\nthree'}
    result = read_rows(
        tmp_path, {**SHIRT, **body, **variant("S", "Red", **{"Image Src": url("a"), "Variant Price": "soon"})}
    )
    (product,) = result.products
    assert product.price is None and [row.kind for row in result.rejections] == ["bad-price"]
    assert "two" in product.description
