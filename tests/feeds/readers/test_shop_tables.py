"""Tables of Wix, BigCommerce and PrestaShop."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.feeds.feeds import FeedResult, read_checked

WIX_MEDIA = "https://static.wixstatic.com/media/"


def read_rows(folder: Path, rows: list[Mapping[str, str]], delimiter: str = ",") -> FeedResult:
    path = folder / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        out = csv.DictWriter(file, columns, restval="", delimiter=delimiter)
        out.writeheader()
        out.writerows(rows)
    return read_checked(path)


def wix(handle: str, kind: str, **more: str) -> dict[str, str]:
    return {"handleId": handle, "fieldType": kind, "name": "", "productImageUrl": "", **more}


OPTIONS = {"productOptionName1": "Color", "productOptionType1": "COLOR", "productOptionName2": "Size"}


def test_wix_variants_are_one_product(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        [
            wix("p1", "Product", name="Tee", productImageUrl="a_1~mv2.jpg;a_2~mv2.jpg", collection="New;Tops", sku="T",
                price="20", visible="true", inventory="InStock", brand="Luma", ribbon="Sale", **OPTIONS,
                productOptionDescription1="#ff0000:Red;#0000ff:Blue", productOptionDescription2="S;M"),
            wix("p1", "Variant", sku="T-R-S", inventory="0", productOptionDescription1="#ff0000:Red",
                productOptionDescription2="S", visible="true"),
            wix("p1", "Variant", sku="T-B-M", inventory="2", productOptionDescription1="#0000ff:Blue",
                productOptionDescription2="M", visible="true"),
            wix("p2", "Product", name="Mug", productImageUrl="https://h.example/m.jpg", visible="false"),
        ],
    )  # fmt: skip
    (product,) = result.products
    assert (result.format, product.id, product.title, product.price, product.brand) == ("wix", "p1", "Tee", 20, "Luma")
    assert product.photos == (f"{WIX_MEDIA}a_1~mv2.jpg", f"{WIX_MEDIA}a_2~mv2.jpg")
    assert (product.category, product.in_stock) == (("New",), True)
    assert dict(product.attributes) == {"color": ("Red", "Blue"), "size": ("S", "M")}
    assert set(product.identifiers) == {"T", "T-R-S", "T-B-M", "p1-Red", "p1-Blue"}
    assert [(row.kind, row.row) for row in result.rejections] == [("not-sold", 4)]
    assert (result.counts.used, result.counts.skipped) == (3, 1)


def test_wix_options_without_variants_are_attributes(tmp_path: Path) -> None:
    row = wix(
        "p1", "Product", name="Tee", productImageUrl="a.jpg", productOptionDescription1="#fff:White;Off", **OPTIONS
    )
    (product,) = read_rows(tmp_path, [row]).products
    assert dict(product.attributes) == {"color": ("White", "Off")}


def test_bigcommerce_options_and_rules_are_no_products(tmp_path: Path) -> None:
    product_row = {"Item Type": "Product", "Product ID": "77", "Product Name": "Mug", "Product Code/SKU": "MUG"}
    result = read_rows(
        tmp_path,
        [
            {**product_row, "Brand Name": "Acme", "Price": "9", "Sale Price": "7.50", "Current Stock Level": "0",
             "Product Visible?": "Y", "Category": "Sale;Kitchen/Mugs", "Product Weight": "3",
             "Product Image File - 1": "https://h.example/1.jpg", "Product Image File - 2": "https://h.example/2.jpg",
             "Product Custom Fields": '"Glaze=Matte";"Made in=Peru"', "Glass": "no"},
            {"Item Type": "SKU", "Product Name": "[S]Color=Red", "Product Code/SKU": "MUG-R"},
            {"Item Type": "Rule", "Product Code/SKU": "MUG-R"},
            {**product_row, "Product ID": "78", "Product Visible?": "N", "Product Image File - 1": "https://h.example/3.jpg"},
        ],
    )  # fmt: skip
    (product,) = result.products
    assert (result.format, product.id, product.title, product.brand, product.price) == (
        "bigcommerce",
        "77",
        "Mug",
        "Acme",
        7.5,
    )
    assert product.photos == ("https://h.example/1.jpg", "https://h.example/2.jpg")
    assert (product.category, product.in_stock, product.identifiers) == (("Kitchen", "Mugs"), False, ("MUG",))
    assert dict(product.attributes) == {"glaze": ("Matte",), "made in": ("Peru",), "glass": ("no",)}
    assert [(row.kind, row.row, row.level) for row in result.rejections] == [
        ("row-of-no-product", 2, "note"),
        ("row-of-no-product", 3, "note"),
        ("not-sold", 4, "note"),
    ]
    assert (result.counts.used, result.counts.skipped) == (1, 3)


def test_prestashop_features_and_images(tmp_path: Path) -> None:
    row = {"Product ID": "1", "Active (0/1)": "1", "Name *": "Mug", "Categories (x,y,z...)": "Home,Kitchen/Mugs",
           "Price tax included": "7,50", "Reference #": "MUG", "Quantity": "4", "Manufacturer": "Acme",
           "Image URLs (x,y,z...)": "https://h.example/a.jpg,https://h.example/b.jpg",
           "Feature(Name:Value:Position)": "Material:Clay:1,Glaze:Matte:2", "Meta title": "x",
           "EAN13": "4000"}  # fmt: skip
    result = read_rows(tmp_path, [row, {**row, "Product ID": "2", "Active (0/1)": "0"}], ";")
    (product,) = result.products
    assert (result.format, product.id, product.title, product.price, product.brand) == (
        "prestashop",
        "1",
        "Mug",
        7.5,
        "Acme",
    )
    assert product.photos == ("https://h.example/a.jpg", "https://h.example/b.jpg")
    assert (product.category, product.in_stock, product.identifiers) == (("Kitchen", "Mugs"), True, ("MUG", "4000"))
    assert dict(product.attributes) == {"material": ("Clay",), "glaze": ("Matte",)}
    assert result.kinds == ["not-sold"]


@pytest.mark.parametrize("price", ["Price (tax incl.)", "Price tax included", "Final price"])
def test_prestashops_list_of_products_is_read_too(tmp_path: Path, price: str) -> None:
    row = {"ID": "1", "Image": "https://h.example/a.jpg", "Name": "Mug", "Reference": "M", "Category": "Art",
           "Price (tax excl.)": "10.00", price: "12.30", "Quantity": "3", "Status": "1"}  # fmt: skip
    (product,) = read_rows(tmp_path, [row]).products
    assert (product.id, product.price, product.category, product.identifiers) == (
        "1",
        12.3 if "incl" in price else 10,
        ("Art",),
        ("M",),
    )
