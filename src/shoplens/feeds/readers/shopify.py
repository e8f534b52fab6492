"""Shopify's product CSV, as the admin exports it; of its headings the old ones and those of 2024.

Rows with one handle, wherever they stand, are one product of the shop: its variants, and further photos. Where variants
that differ in more than their size have two or more different images, each of those (``HANDLE-Black``) is a product of
the group HANDLE: variants with the same image are one, a variant without an image cannot be shown and is rejected, and
photos that belong to no variant are told of, since nothing says what they show. Else all rows are one product HANDLE
with all photos and all values. Sizes never make products of their own. The lowest price counts, and one row in stock is
enough: a row is where the quantity is above 0, is not counted, or selling goes on without.

``Product Category`` is the category, else ``Type``. Options, metafields and what is said for Google Shopping become
attributes. What is not published, or archived or a draft, is not sold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from shoplens.feeds.assembly.families import FamilyRules
from shoplens.feeds.rows import Event, RawProduct, Role, Row
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import photos_in
from shoplens.feeds.text.plain_text import from_html, line
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.types import Rejection, Value

READS = {
    "id": "`Handle`, and what tells variants apart",
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
    "photos of no variant, where variants are products of their own": "nothing says what they show",
    "`Tags`, SEO, weights, taxes, shipping": "not about what shoppers see",
}

COLUMNS = ("handle", "title", "image_src")
NEWER = {
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
"""Headings of 2024 -> the old ones."""
NEWER_COLUMNS = ("url_handle", "title", "product_image_url")
OPTIONS = (1, 2, 3)
VARIANT_IMAGE = "variant_image"
FAMILIES = FamilyRules(own_columns=frozenset({VARIANT_IMAGE}))
_IDENTIFIERS = ("variant_sku", "variant_barcode")
_METAFIELD = re.compile(r"(?P<name>.+?)_\(product\.metafields\..+\)")
_GOOGLE = re.compile(r"google_shopping_?/_?(?P<name>gender|age_group|condition)")
_FALSE = {"false", "no", "0"}


def is_shopify(columns: Collection[str]) -> bool:
    """Whether these are the columns of such an export."""
    return set(COLUMNS) <= set(columns) or set(NEWER_COLUMNS) <= set(columns)


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a product export."""
    for row in read_table(path, [*COLUMNS, *NEWER_COLUMNS]):
        if isinstance(row, TableRow):
            yield from _events(_rename_columns(row))
        else:
            yield row


def _rename_columns(row: TableRow) -> TableRow:
    if "url_handle" not in row.values:
        return row
    return TableRow(row.number, {NEWER.get(name, name): value for name, value in row.values.items()})


def _events(row: TableRow) -> Iterator[Event]:
    values = row.values
    handle = values.get("handle", "")
    product = RawProduct(
        title=line(from_html(values.get("title", ""))),
        photos=_photos(values),
        description=from_html(values.get("body_(html)", "")),
        url=f"/products/{handle}" if handle else "",
        brand=line(values.get("vendor", "")),
        category=_category(row),
        attributes=_attributes(row),
        in_stock=_in_stock(row),
        sold=values.get("published", "true").lower() not in _FALSE
        and values.get("status", "active").lower() == "active",
        identifiers=[text.lstrip("'") for column in _IDENTIFIERS if (text := values.get(column, ""))],
    )
    yield from _set_price(row, product, handle)
    if any(values.get(name) for name in ("option1_value", "variant_sku", "variant_price")):
        options = [(line(values.get(f"option{n}_name", "")), line(values.get(f"option{n}_value", ""))) for n in OPTIONS]
        yield Row(row.number, product, Role.VARIANT, handle, options)
    else:
        yield Row(row.number, product, Role.PHOTO, handle)


def _photos(values: Mapping[str, str]) -> dict[str, str]:
    return {photo: column for column in ("image_src", VARIANT_IMAGE) for photo in photos_in(values.get(column, ""))}


def _category(row: TableRow) -> tuple[str, ...]:
    text = line(row.values.get("product_category") or row.values.get("type", ""))
    return tuple(level.strip() for level in text.split(">") if level.strip())


def _attributes(row: TableRow) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {}
    for column, text in row.values.items():
        known = _METAFIELD.fullmatch(column) or _GOOGLE.fullmatch(column)
        if known and (values := [part for part in map(line, re.split(r"[;,]", text)) if part]):
            found[known["name"]] = [*values]
    return found


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
        price = price_of(text)
        if price is None:
            yield bad_price(row.number, "variant_price", text, handle)
        else:
            product.price, product.currency = price
