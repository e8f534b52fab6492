"""Joining of families: which variants of a shop's product become products."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path

from tests.feeds.feeds import FeedResult, read_checked

Row = dict[str, str]
SHOPIFY = ("Handle", "Title", "Option1 Name", "Option1 Value", "Option2 Name", "Option2 Value", "Variant SKU",
           "Variant Barcode", "Variant Price", "Image Src", "Variant Image")  # fmt: skip
MAGENTO = ("sku", "product_type", "name", "base_image", "additional_images", "additional_attributes", "qty", "price",
           "configurable_variations", "configurable_variation_labels", "hide_from_product_page")  # fmt: skip


def read_rows(folder: Path, columns: tuple[str, ...], *rows: Row) -> FeedResult:
    path = folder / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, columns, restval="")
        out.writeheader()
        out.writerows(rows)
    return read_checked(path)


def bag(colour: str, image: str = "", size: str = "", **more: str) -> Row:
    photo = f"https://h.example/{image}.jpg" if image else ""
    row = {"Handle": "bag", "Option1 Value": colour, "Option2 Value": size, "Variant Image": photo, "Image Src": photo}
    return {**row, "Variant SKU": f"{colour}{size}", "Variant Price": "5", **more}


FIRST = {"Title": "Bag", "Option1 Name": "Color", "Option2 Name": "Größe"}


def ids(result: FeedResult) -> list[str]:
    return [product.id for product in result.products]


def test_labels_that_share_an_image_are_one_product(tmp_path: Path) -> None:
    result = read_rows(tmp_path, SHOPIFY, bag("Red", "warm", **FIRST), bag("Wine", "warm"), bag("Blue", "cold"))
    assert ids(result) == ["bag-Red", "bag-Blue"]
    red = result.products[0]
    assert (red.attributes["color"], red.title) == (("Red", "Wine"), "Bag - Red")
    assert set(red.identifiers) == {"Red", "Wine", "bag-Wine"}


def test_one_image_for_all_is_one_product(tmp_path: Path) -> None:
    (product,) = read_rows(
        tmp_path, SHOPIFY, bag("Red", "a", "S", **FIRST), bag("Blue", "a", "M"), bag("Green", "a")
    ).products
    assert (product.id, product.group_id, product.title) == ("bag", "", "Bag")
    assert dict(product.attributes) == {"color": ("Red", "Blue", "Green"), "größe": ("S", "M")}
    assert {"bag-Red", "bag-Blue", "bag-Green", "RedS", "BlueM", "Green"} == set(product.identifiers)


def test_sizes_of_any_language_make_no_products_even_with_images_of_their_own(tmp_path: Path) -> None:
    rows = [bag("Red", "r1", "S", **FIRST), bag("Red", "r2", "M"), bag("Blue", "b", "S")]
    result = read_rows(tmp_path, SHOPIFY, *rows)
    assert ids(result) == ["bag-Red", "bag-Blue"]
    assert result.products[0].photos == ("https://h.example/r1.jpg", "https://h.example/r2.jpg")


def test_ids_are_the_same_however_rows_are_sorted(tmp_path: Path) -> None:
    rows = [bag("Red", "a", **FIRST), bag("Wine", "a"), bag("Blue", "b"), {"Handle": "hat", "Title": "Hat", **hat()}]
    usual = {
        (product.id, product.photos, frozenset(product.identifiers))
        for product in read_rows(tmp_path, SHOPIFY, *rows).products
    }
    assert {name for name, *_ in usual} == {"bag-Red", "bag-Blue", "hat"}
    for permutation in permutations(rows):
        result = read_rows(tmp_path, SHOPIFY, *permutation)
        assert {(product.id, product.photos, frozenset(product.identifiers)) for product in result.products} == usual


def hat() -> Row:
    return {"Variant SKU": "hat", "Image Src": "https://h.example/hat.jpg"}


def test_ids_stay_when_a_colour_without_a_photo_is_added(tmp_path: Path) -> None:
    rows = [bag("Red", "r", **FIRST), bag("Blue", "b")]
    before = ids(read_rows(tmp_path, SHOPIFY, *rows))
    result = read_rows(tmp_path, SHOPIFY, *rows, bag("Yellow", "", "S"), bag("Yellow", "", "M"))
    assert ids(result) == before == ["bag-Red", "bag-Blue"]
    (rejection,) = result.rejections
    assert (rejection.kind, rejection.level, rejection.row) == ("variant-without-photo", "rejected", 3)
    assert (rejection.product_id, rejection.value, result.counts.rejected) == ("bag-Yellow", "Yellow", 2)


def test_a_photo_of_no_variant_is_noted_with_the_row_that_names_it(tmp_path: Path) -> None:
    street, back = "https://h.example/street.jpg", "https://h.example/back.jpg"
    rows = [bag("Red", "r", **FIRST), bag("Blue", "b"), bag("Green", "g"), {"Handle": "bag", "Image Src": back}]
    rows[1]["Image Src"] = rows[2]["Image Src"] = street
    result = read_rows(tmp_path, SHOPIFY, *rows)
    assert ids(result) == ["bag-Red", "bag-Blue", "bag-Green"]
    assert [(note.kind, note.row, note.field, note.value, note.product_id) for note in result.rejections] == [
        ("photo-of-no-variant", 2, "image_src", street, "bag"),
        ("photo-of-no-variant", 4, "image_src", back, "bag"),
    ]


def test_barcodes_and_skus_of_every_row_find_it(tmp_path: Path) -> None:
    rows = [
        bag("Red", "r", "S", **FIRST, **{"Variant Barcode": "'4001"}),
        bag("Red", "r", "M", **{"Variant Barcode": "4002"}),
    ]
    (product,) = read_rows(tmp_path, SHOPIFY, *rows).products
    assert (product.id, set(product.identifiers)) == ("bag", {"RedS", "RedM", "4001", "4002", "bag-Red"})


def test_an_image_that_several_products_share_is_a_placeholder(tmp_path: Path) -> None:
    rows = [bag("Red", "none", **FIRST), bag("Blue", "none"), bag("Green", "g")]
    cap = {"Handle": "cap", "Title": "Cap", "Variant SKU": "c", "Variant Image": "https://h.example/none.jpg"}
    result = read_rows(tmp_path, SHOPIFY, *rows, cap)
    assert ids(result) == ["bag-Red", "bag-Blue", "bag-Green", "cap"]


def simple(sku: str, photo: str = "", **more: str) -> Row:
    return {"sku": sku, "product_type": "simple", "name": sku, "base_image": photo, "price": "9", "qty": "1", **more}


def parent(sku: str, variations: str, **more: str) -> Row:
    return {
        "sku": sku,
        "product_type": "configurable",
        "name": f"The {sku}",
        "configurable_variations": variations,
        **more,
    }


def test_magentos_parent_stands_for_variants_without_photos(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        MAGENTO,
        *[simple("J-S-Red"), simple("J-M-Blue", price="7", qty="0")],
        parent(
            "J",
            "sku=J-S-Red,size=S,color=Red|sku=J-M-Blue,size=M,color=Blue",
            base_image="1.jpg",
            additional_images="2.jpg,3.jpg",
        ),
    )
    (product,) = result.products
    assert (product.id, product.title, product.price, product.in_stock) == ("J", "The J", 7, True)
    assert product.photos == tuple(str(tmp_path / name) for name in ("1.jpg", "2.jpg", "3.jpg"))
    assert dict(product.attributes) == {"size": ("S", "M"), "color": ("Red", "Blue")}
    assert set(product.identifiers) == {"J-S-Red", "J-M-Blue", "J-Red", "J-Blue"}
    assert (result.rejections, result.counts.used) == ([], 3)


def test_a_photo_that_only_some_variants_of_magento_have(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        MAGENTO,
        *[simple("J-Red", "red.jpg"), simple("J-Blue")],
        parent("J", "sku=J-Red,color=Red|sku=J-Blue,color=Blue", base_image="red.jpg"),
    )
    assert ids(result) == ["J-Red"]
    assert [(rejection.kind, rejection.product_id) for rejection in result.rejections] == [
        ("variant-without-photo", "J-Blue")
    ]


def test_magentos_axis_is_a_size_by_its_label(tmp_path: Path) -> None:
    result = read_rows(
        tmp_path,
        MAGENTO,
        *[simple("J-1", "a.jpg"), simple("J-2", "b.jpg"), simple("J-3", "c.jpg")],
        parent(
            "J",
            "sku=J-1,mass=36,farbe=Rot|sku=J-2,mass=38,farbe=Rot|sku=J-3,mass=36,farbe=Blau",
            configurable_variation_labels="mass=Größe,farbe=Farbe",
        ),
    )
    assert [(product.id, product.attributes["size"]) for product in result.products] == [
        ("J-Rot", ("36", "38")),
        ("J-Blau", ("36",)),
    ]


def test_images_that_magento_hides_are_no_photos(tmp_path: Path) -> None:
    hidden = {"additional_images": "/back.jpg,/chart.jpg", "hide_from_product_page": "/chart.jpg,/other.jpg"}
    (product,) = read_rows(tmp_path, MAGENTO, simple("A", "/a.jpg", **hidden)).products
    assert product.photos == (str(tmp_path / "a.jpg"), str(tmp_path / "back.jpg"))


def test_a_parent_that_is_exported_twice_counts_once(tmp_path: Path) -> None:
    twice = [parent("J", "sku=J-1,color=Red|sku=J-2,color=Blue")] * 2
    result = read_rows(tmp_path, MAGENTO, simple("J-1", "a.jpg"), simple("J-2", "b.jpg"), *twice)
    assert ids(result) == ["J-Red", "J-Blue"] and result.kinds == ["duplicate-id"]
    assert [product.identifiers for product in result.products] == [("J-1",), ("J-2",)]
    assert (result.counts.used, result.counts.rejected) == (3, 1)
