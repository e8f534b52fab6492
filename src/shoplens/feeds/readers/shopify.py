"""Reader of Shopify's product CSV, as the admin exports it, with the old headings or with those of 2024.

Rows with one handle, wherever they stand, are one product of the shop: its variants, and rows for further photos. Where
variants that differ in more than their size have two or more different images, each image is a product
(``HANDLE-Black``) of the group HANDLE. Then variants with the same image are one product, a variant without an image is
rejected, and there is a note on each photo that belongs to no variant, since it is unknown what it shows. Otherwise all
rows are one product HANDLE with all photos and all values. A size is never a product of its own. The lowest price
counts. A product is in stock if one of its rows is: if its quantity is above 0 or is not tracked, or if it is sold
without stock.

``Product Category`` is the category, else ``Type``. Options, metafields and the Google Shopping columns become
attributes. A product that is not published, archived or a draft is not sold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from shoplens.feeds.assembly.variants import FamilyRules
from shoplens.feeds.rows import Event, RawProduct, Role, Row
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import split_photos
from shoplens.feeds.text.plain_text import clean_line, html_to_text
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.types import Rejection, Value

READS = {
    "id": "`Handle`, and the option values of variants that are products",
    "title": "`Title`",
    "photos": "`Variant Image`, `Image Src`",
    "description": "`Body (HTML)`",
    "url": "`/products/` and the handle",
    "price": "`Variant Price`: the lowest",
    "brand": "`Vendor`",
    "category": "`Product Category`, else `Type`",
    "attributes": "options, metafields, Google Shopping's gender, age group and condition",
    "group_id": "`Handle`, where variants are products of their own",
    "in_stock": "`Variant Inventory Qty`, `Variant Inventory Policy`, `Variant Inventory Tracker`",
    "identifiers": "`Variant SKU`, `Variant Barcode`",
}
IGNORES = {
    "products that are drafts, archived or not published": "they are not sold",
    "photos of no variant, where variants are products of their own": "it is unknown what they show",
    "`Tags`, SEO, weights, taxes, shipping": "not about what shoppers see",
}

COLUMNS = ("handle", "title", "image_src")
OLD_NAMES = {
    "url_handle": "handle",
    "description": "body_(html)",
    "product_category": "product_category",
    "published_on_online_store": "published",
    "sku": "variant_sku",
    "barcode": "variant_barcode",
    "price": "variant_price",
    "inventory_quantity": "variant_inventory_qty",
    "inventory_tracker": "variant_inventory_tracker",
    "continue_selling_when_out_of_stock": "variant_inventory_policy",
    "product_image_url": "image_src",
    "variant_image_url": "variant_image",
}
"""Heading of 2024 -> old heading."""
COLUMNS_OF_2024 = ("url_handle", "title", "product_image_url")
OPTIONS = (1, 2, 3)
VARIANT_IMAGE = "variant_image"
FAMILIES = FamilyRules(own_columns=frozenset({VARIANT_IMAGE}))
_IDENTIFIERS = ("variant_sku", "variant_barcode")
_METAFIELD = re.compile(r"(?P<name>.+?)_\(product\.metafields\..+\)")
_GOOGLE = re.compile(r"google_shopping_?/_?(?P<name>gender|age_group|condition)")
_FALSE = {"false", "no", "0"}


def is_shopify(columns: Collection[str]) -> bool:
    """Return whether these are the columns of Shopify's product export."""
    return set(COLUMNS) <= set(columns) or set(COLUMNS_OF_2024) <= set(columns)


def read(path: Path) -> Iterator[Event]:
    """Yield the rows of a product export, and the notes and rejections about them."""
    for row in read_table(path, [*COLUMNS, *COLUMNS_OF_2024]):
        if isinstance(row, TableRow):
            yield from _read_row(_rename_columns(row))
        else:
            yield row


def _rename_columns(row: TableRow) -> TableRow:
    if "url_handle" not in row.values:
        return row
    return TableRow(row.number, {OLD_NAMES.get(name, name): value for name, value in row.values.items()})


def _read_row(row: TableRow) -> Iterator[Event]:
    values = row.values
    handle = values.get("handle", "")
    product = RawProduct(
        title=clean_line(html_to_text(values.get("title", ""))),
        photos=_photos(values),
        description=html_to_text(values.get("body_(html)", "")),
        url=f"/products/{handle}" if handle else "",
        brand=clean_line(values.get("vendor", "")),
        category=_category(row),
        attributes=_attributes(row),
        in_stock=_in_stock(row),
        sold=values.get("published", "true").lower() not in _FALSE
        and values.get("status", "active").lower() == "active",
        identifiers=[text.lstrip("'") for column in _IDENTIFIERS if (text := values.get(column, ""))],
    )
    yield from _set_price(row, product, handle)
    if any(values.get(name) for name in ("option1_value", "variant_sku", "variant_price")):
        options = [
            (clean_line(values.get(f"option{n}_name", "")), clean_line(values.get(f"option{n}_value", "")))
            for n in OPTIONS
        ]
        yield Row(row.number, product, Role.VARIANT, handle, options)
    else:
        yield Row(row.number, product, Role.PHOTO, handle)


def _photos(values: Mapping[str, str]) -> dict[str, str]:
    return {photo: column for column in ("image_src", VARIANT_IMAGE) for photo in split_photos(values.get(column, ""))}


def _category(row: TableRow) -> tuple[str, ...]:
    text = clean_line(row.values.get("product_category") or row.values.get("type", ""))
    return tuple(level.strip() for level in text.split(">") if level.strip())


def _attributes(row: TableRow) -> dict[str, list[Value]]:
    attributes: dict[str, list[Value]] = {}
    for column, text in row.values.items():
        match = _METAFIELD.fullmatch(column) or _GOOGLE.fullmatch(column)
        if match and (values := [part for part in map(clean_line, re.split(r"[;,]", text)) if part]):
            attributes[match["name"]] = [*values]
    return attributes


def _in_stock(row: TableRow) -> bool | None:
    quantity, policy = row.values.get("variant_inventory_qty"), row.values.get("variant_inventory_policy", "")
    if policy.lower() in ("continue", "true"):
        return True
    if quantity is None:
        return None
    try:
        return float(quantity) > 0 or not row.values.get("variant_inventory_tracker", "shopify")
    except ValueError:
        return None


def _set_price(row: TableRow, product: RawProduct, handle: str) -> Iterator[Rejection]:
    if text := row.values.get("variant_price"):
        price = parse_price(text)
        if price is None:
            yield bad_price(row.number, "variant_price", text, handle)
        else:
            product.price, product.currency = price
