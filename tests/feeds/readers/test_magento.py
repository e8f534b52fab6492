"""Magento 2 product exports."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from shoplens.feeds import read_feed
from tests.feeds.feeds import FeedResult, read_checked

COLUMNS = [
    *["sku", "store_view_code", "product_type", "categories", "name", "description", "short_description", "price"],
    *["special_price", "special_price_from_date", "url_key", "base_image", "small_image", "additional_images", "qty"],
    *["is_in_stock", "visibility", "product_online", "additional_attributes", "configurable_variations"],
]


def write_export(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, COLUMNS)
        out.writeheader()
        out.writerows({"product_type": "simple", "name": row["sku"], **row} for row in rows)
    return path


def variant(sku: str, colour: str, size: str, **more: str) -> dict[str, str]:
    axes = f"has_options=0,size={size},color={colour}"
    return {"sku": sku, "base_image": f"/{colour}.jpg", "additional_attributes": axes, **more}


def parent(sku: str, variations: str, **more: str) -> dict[str, str]:
    return {"sku": sku, "product_type": "configurable", "configurable_variations": variations, **more}


HOODIE = [
    variant("H-S-Red", "Red", "S", price="30", additional_images="/red_back.jpg,/Red.jpg", is_in_stock="0"),
    variant("H-S-Blue", "Blue", "S", price="32", is_in_stock="0"),
    variant("H-M-Red", "Red", "M", price="28", small_image="/red_side.jpg", is_in_stock="1"),
    parent(
        "H",
        "sku=H-S-Red,size=S,color=Red|sku=H-S-Blue,size=S,color=Blue|sku=H-M-Red,size=M,color=Red",
        name="Hoodie &amp; Hat",
        description="<p>Warm.</p><p>&bull; Soft.<br/>&bull; Dry.</p>",
        url_key="hoodie",
        base_image="/Red.jpg",
        additional_images="/green.jpg",
        categories="Default Category/Sale,Default Category/Collections/New/Yes,Default Category/Men/Tops",
        additional_attributes="has_options=1,material=Wool|Silk,care=wash cold, dry flat,pattern=Solid",
    ),
]


def test_a_product_per_parent_and_colour_with_sizes_folded_and_the_parents_words(tmp_path: Path) -> None:
    result = read_checked(write_export(tmp_path, *HOODIE))
    red, blue = result.products
    assert (red.id, blue.id, red.group_id, blue.group_id) == ("H-Red", "H-Blue", "H", "H")
    assert (red.title, red.description, red.url) == ("Hoodie & Hat", "Warm.\nSoft.\nDry.", "hoodie.html")
    assert red.photos == tuple(str(tmp_path / name) for name in ("Red.jpg", "red_back.jpg", "red_side.jpg"))
    assert blue.photos == (str(tmp_path / "Blue.jpg"),)
    assert (red.price, blue.price, red.in_stock, blue.in_stock) == (28, 32, True, False)
    assert red.category == ("Men", "Tops")
    assert dict(red.attributes) == {
        "size": ("S", "M"),
        "color": ("Red",),
        "material": ("Wool", "Silk"),
        "care": ("wash cold, dry flat",),
        "pattern": ("Solid",),
    }


def test_a_photo_that_only_the_parent_names_is_reported_and_never_inherited(tmp_path: Path) -> None:
    result = read_checked(write_export(tmp_path, *HOODIE))
    (note,) = result.rejections
    assert (note.kind, note.level, note.row) == ("photo-of-no-variant", "note", 4)
    assert (note.field, note.value, note.product_id) == ("additional_images", "/green.jpg", "H")
    assert not any("green" in photo for product in result.products for photo in product.photos)


def test_parents_may_come_first_and_variants_apart(tmp_path: Path) -> None:
    other = {"sku": "Z", "base_image": "z.jpg"}
    usual = {product.id: product for product in read_checked(write_export(tmp_path, *HOODIE)).products}
    reordered = read_checked(write_export(tmp_path, HOODIE[3], HOODIE[0], other, HOODIE[1], HOODIE[2]))
    assert {product.id: product for product in reordered.products if product.id != "Z"} == usual
    assert [product.id for product in reordered.products] == ["H-Red", "Z", "H-Blue"]


def test_a_simple_product_without_a_parent_is_kept(tmp_path: Path) -> None:
    row = {"sku": "Z", "base_image": "z.jpg", "url_key": "z", "short_description": "<b>Z</b>", "qty": "3.0000"}
    (product,) = read_checked(write_export(tmp_path, row)).products
    assert (product.id, product.group_id, product.url, product.description, product.in_stock) == (
        "Z",
        "",
        "z.html",
        "Z",
        True,
    )


def test_a_variant_without_a_page_of_its_own_links_to_that_of_its_parent(tmp_path: Path) -> None:
    hidden = {"visibility": "Not Visible Individually"}
    rows = [
        variant("H-Red", "Red", "S", url_key="h-red", **hidden),
        variant("H-Blue", "Blue", "S", url_key="h-blue", **hidden),
        parent("H", "sku=H-Red,color=Red|sku=H-Blue,color=Blue", name="Été & Hoodie"),
        {"sku": "alone", "base_image": "a.jpg", "url_key": "alone", **hidden},
    ]
    addresses = {product.id: product.url for product in read_checked(write_export(tmp_path, *rows)).products}
    assert addresses == {"H-Red": "ete-hoodie.html", "H-Blue": "ete-hoodie.html", "alone": ""}


def test_where_only_size_varies_the_parent_is_the_product_and_its_photos_count(tmp_path: Path) -> None:
    rows = [
        {"sku": "C-1", "additional_attributes": "size=1"},
        {"sku": "C-2", "additional_attributes": "size=2"},
        parent("C", "sku=C-1,size=1|sku=C-2,size=2", base_image="c.jpg"),
    ]
    result = read_checked(write_export(tmp_path, *rows))
    (product,) = result.products
    assert (product.id, product.photos, product.attributes["size"]) == ("C", (str(tmp_path / "c.jpg"),), ("1", "2"))
    assert result.rejections == [] and result.counts.used == 3


def test_any_axis_but_size_tells_products_apart_and_a_variants_own_colour_stands_in(tmp_path: Path) -> None:
    rows = [
        {"sku": "P-1", "base_image": "1.jpg"},
        {"sku": "P-2", "base_image": "2.jpg"},
        parent("P", "sku=P-1,storage=64 GB,finish=matte|sku=P-2,storage=64 GB,finish=gloss"),
        {"sku": "S-1", "base_image": "3.jpg", "additional_attributes": "color=Red"},
        parent("S", "sku=S-1,shoe_size=41"),
    ]
    assert [product.id for product in read_checked(write_export(tmp_path, *rows)).products] == [
        "P-64 GB-matte",
        "P-64 GB-gloss",
        "S-Red",
    ]


def test_generated_ids_never_repeat_other_ids(tmp_path: Path) -> None:
    rows = [
        {"sku": "A-B-C", "base_image": "x.jpg"},
        variant("v1", "C", "S"),
        parent("A-B", "sku=v1,size=S,color=C"),
        variant("v2", "B-D", "S"),
        parent("A", "sku=v2,size=S,color=B-D"),
        variant("v3", "D", "S"),
        parent("A-B2", "sku=v3,size=S,color=D"),
    ]
    result = read_checked(write_export(tmp_path, *rows))
    assert [product.id for product in result.products] == ["A-B-C", "A-B-D", "A-B2-D"]
    assert (result.only("duplicate-id").row, result.only("duplicate-id").value) == (2, "A-B-C")


def test_missing_parents_and_missing_variants_are_reported(tmp_path: Path) -> None:
    rows = [
        variant("H-S", "Red", "S"),
        parent("H", "sku=H-S,size=S,color=Red|sku=H-M,size=M,color=Red"),
        parent("K", "sku=K-S,size=S,color=Red"),
    ]
    result = read_checked(write_export(tmp_path, *rows))
    note, rejection = result.only("variant-missing"), result.only("parent-without-variants")
    assert (note.level, note.row, note.value) == ("note", 2, "H-M")
    assert (rejection.level, rejection.row, rejection.value) == ("rejected", 3, "K")
    assert (result.counts.used, result.counts.rejected) == (2, 1)


def test_other_store_views_and_what_is_switched_off_are_skipped(tmp_path: Path) -> None:
    rows = [
        {"sku": "A", "base_image": "a.jpg", "name": "Shirt"},
        {"sku": "A", "store_view_code": "de", "name": "Hemd"},
        {"sku": "B", "base_image": "b.jpg", "product_online": "2"},
        variant("H-S", "Red", "S"),
        variant("H-M", "Red", "M", product_online="2"),
        parent("H", "sku=H-S,size=S,color=Red|sku=H-M,size=M,color=Red"),
    ]
    result = read_checked(write_export(tmp_path, *rows))
    assert [(product.id, product.title) for product in result.products] == [("A", "Shirt"), ("H-Red", "H")]
    assert result.products[1].attributes["size"] == ("S",)
    assert [(rejection.kind, rejection.level, rejection.row, rejection.value) for rejection in result.rejections] == [
        ("store-view-row", "note", 2, "de"),
        ("not-sold", "note", 3, ""),
        ("not-sold", "note", 5, ""),
    ]
    assert (result.counts.rows, result.counts.used, result.counts.skipped) == (6, 3, 3)


def test_a_switched_off_parent_takes_its_variants_along(tmp_path: Path) -> None:
    result = read_checked(write_export(tmp_path, *HOODIE[:3], {**HOODIE[3], "product_online": "2"}))
    assert (result.products, result.counts.skipped) == ([], 4)
    assert Counter(result.kinds)["not-sold"] == 1


def test_a_repeated_sku_is_rejected_before_it_is_folded(tmp_path: Path) -> None:
    result = read_checked(write_export(tmp_path, *HOODIE, {**HOODIE[0], "base_image": "/other.jpg"}))
    rejection = result.only("duplicate-id")
    assert (rejection.row, rejection.field, rejection.value) == (5, "sku", "H-S-Red") and "row 1" in rejection.reason
    assert not any("other" in photo for product in result.products for photo in product.photos)


def test_special_prices_without_dates_count(tmp_path: Path) -> None:
    plain = {"base_image": "a.jpg", "price": "20.0000", "special_price": "15.5"}
    dated = {**plain, "special_price_from_date": "1/1/24"}
    bad = {**plain, "price": "n/a", "special_price": ""}
    rows = [{"sku": "A", **plain}, {"sku": "B", **dated}, {"sku": "C", **bad}]
    result = read_checked(write_export(tmp_path, *rows))
    assert [product.price for product in result.products] == [15.5, 20, None]
    assert (result.only("bad-price").row, result.only("bad-price").value) == (3, "n/a")


def test_quoted_attributes_brands_and_placeholders(tmp_path: Path) -> None:
    row = {
        "sku": "A",
        "base_image": "no_selection",
        "additional_images": "a.jpg,no_selection",
        "additional_attributes": 'manufacturer="Luma, Inc.",fit="Slim"|"""Wide""",note=<b>a</b> &amp; b,empty=',
    }
    (product,) = read_checked(write_export(tmp_path, row)).products
    assert (product.brand, product.photos) == ("Luma, Inc.", (str(tmp_path / "a.jpg"),))
    assert dict(product.attributes) == {"fit": ("Slim", '"Wide"'), "note": ("a & b",)}


@pytest.mark.parametrize(
    ("categories", "expected"),
    [
        ("", ()),
        ("Default Category", ()),
        (
            "Default Category/Men,Default Category/Men/Tops/Tees,Default Category/Men/Tops/Tanks",
            ("Men", "Tops", "Tees"),
        ),
        ("Default Category/Collections/Eco/Very,Default Category/Men", ("Men",)),
        ("Default Category/Promotions/Tees", ("Promotions", "Tees")),
        ("Shop/Home\\/Garden/Lamps", ("Shop", "Home/Garden", "Lamps")),
    ],
)
def test_the_category_is_the_first_deepest_path(tmp_path: Path, categories: str, expected: tuple[str, ...]) -> None:
    (product,) = read_checked(
        write_export(tmp_path, {"sku": "A", "base_image": "a.jpg", "categories": categories})
    ).products
    assert product.category == expected


@pytest.mark.parametrize("folder", ["media", "pub/media/catalog/product"])
def test_media_beside_the_feed_is_found(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (product,) = read_checked(write_export(tmp_path, {"sku": "A", "base_image": "/m/a.jpg"})).products
    assert product.photos == (str(tmp_path / folder / "m" / "a.jpg"),)


@pytest.fixture(scope="module")
def luma(data_folder: Path) -> FeedResult:
    return read_checked(data_folder / "luma" / "products.csv")


@pytest.mark.data
def test_luma_is_417_products_and_668_photos_and_every_row_is_accounted_for(luma: FeedResult) -> None:
    photos = [photo for product in luma.products for photo in product.photos]
    assert (len(luma.products), len(photos), len(set(photos))) == (417, 668, 668)
    assert all(Path(photo).is_file() for photo in photos)
    assert (luma.counts.rows, luma.counts.used, luma.counts.rejected) == (1_994, 1_994, 0)


@pytest.mark.data
def test_luma_has_seven_photos_of_colours_that_are_not_sold(luma: FeedResult) -> None:
    assert Counter((rejection.kind, rejection.level) for rejection in luma.rejections) == {
        ("photo-of-no-variant", "note"): 7
    }
    inherited = {photo for product in luma.products for photo in product.photos}
    assert not any(photo.endswith(rejection.value) for rejection in luma.rejections for photo in inherited)


@pytest.mark.data
def test_luma_products_agree_with_a_simple_reading_of_the_table(luma: FeedResult, data_folder: Path) -> None:
    feed = data_folder / "luma" / "products.csv"
    with feed.open(newline="", encoding="utf-8") as file:
        rows = {row["sku"]: row for row in csv.DictReader(file)}
    expected: dict[str, set[str]] = {}
    for row in rows.values():
        for variation in filter(None, row["configurable_variations"].split("|")):
            axes = dict(pair.split("=") for pair in variation.split(","))
            child = rows[axes["sku"]]
            photos = [child["base_image"], child["small_image"], child["thumbnail_image"]]
            photos += child["additional_images"].split(",")
            expected.setdefault(f"{row['sku']}-{axes['color']}", set()).update(filter(None, photos))
    media = str(feed.parent / "media")
    assert {
        product.id: {photo.removeprefix(media) for photo in product.photos} for product in luma.products
    } == expected


@pytest.mark.data
def test_a_hoodie_of_luma_has_all_its_fields(luma: FeedResult) -> None:
    hoodie = next(product for product in luma.products if product.id == "MH01-Black")
    assert (hoodie.title, hoodie.group_id, hoodie.price, hoodie.in_stock) == ("Chaz Kangeroo Hoodie", "MH01", 52, True)
    assert hoodie.category == ("Men", "Tops", "Hoodies & Sweatshirts")
    assert hoodie.attributes["size"] == ("XS", "S", "M", "L", "XL")
    assert hoodie.attributes["climate"] == ("All-weather", "Cool", "Indoor", "Spring", "Windy")
    assert "<" not in hoodie.description and "&bull;" not in hoodie.description
    assert not {"has_options", "required_options"} & set(hoodie.attributes)


@pytest.mark.data
def test_the_media_folder_can_be_named(data_folder: Path) -> None:
    with read_feed(data_folder / "luma" / "products.csv", media=data_folder / "luma" / "media") as feed:
        assert feed.count == 417
