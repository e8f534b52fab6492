"""Reader of WooCommerce's product export (CSV) with its variations.

A product's id is its SKU, or its number where it has no SKU; it is found by both. A variable product and its variations
are a family. Where two or more variations have different images, each is a product (``SKU-Red``) and the variable
product is their group; otherwise all are one product with all photos and values. The sale price counts if it has no
dates.

Of several categories the deepest counts, and of equally deep ones the first. Attributes and tags become attributes. A
product that is not published, or hidden in the catalogue, is not sold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from shoplens.feeds.rows import Event, Options, RawProduct, Role, Row
from shoplens.feeds.text.availability import set_availability
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import split_photos
from shoplens.feeds.text.plain_text import clean_line, html_to_text
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.types import Rejection

READS = {
    "id": "`SKU`, else `ID`; of variations the variable product's, and the option values that differ",
    "title": "`Name`",
    "photos": "`Images`",
    "description": "`Description`, else `Short description`",
    "url": "`External URL`",
    "price": "`Sale price` where it has no dates, else `Regular price`",
    "brand": "`Brands`",
    "category": "`Categories`: the deepest one",
    "attributes": "`Attribute 1 name`, `Attribute 1 value(s)` and so on; `Tags`",
    "group_id": "the `Parent` of a variation",
    "in_stock": "`In stock?`",
    "identifiers": "`ID`, `SKU`, `GTIN, UPC, EAN, or ISBN`",
}
IGNORES = {
    "products that are not published, or hidden in the catalogue": "they are not sold",
    "`Meta: …`, taxes, weights, shipping, downloads, reviews": "not about what shoppers see",
}

COLUMNS = ("type", "sku", "name", "images")
_OTHER_COLUMNS = ("id", "published", "parent", "categories", "regular_price", "short_description", "in_stock?")
_CODES = ("id", "sku", "gtin,_upc,_ean,_or_isbn")
_ATTRIBUTES = range(1, 31)
_COMMA = re.compile(r"(?<!\\),")


def read(path: Path) -> Iterator[Event]:
    """Yield the rows of a product export, and the notes and rejections about them."""
    for row in read_table(path, [*COLUMNS, *_OTHER_COLUMNS]):
        if isinstance(row, TableRow):
            yield from _read_row(row)
        else:
            yield row


def _read_row(row: TableRow) -> Iterator[Event]:
    values = row.values
    attributes = {name: texts for name, texts in _attributes(values) if texts}
    product = RawProduct(
        id=values.get("sku") or values.get("id", ""),
        title=clean_line(html_to_text(values.get("name", ""))),
        photos=dict.fromkeys(split_photos(values.get("images", "")), "images"),
        description=html_to_text(values.get("description") or values.get("short_description", "")),
        url=values.get("external_url", ""),
        brand=next(reversed(_category(values.get("brands", ""))), ""),
        category=_category(values.get("categories", "")),
        sold=values.get("published", "1") == "1" and values.get("visibility_in_catalog", "") != "hidden",
        identifiers=[values[column] for column in _CODES if column in values],
    )
    yield from _set_price(row, product)
    yield from set_availability(product, row.number, "in_stock?", values.get("in_stock?", ""))
    kinds = {kind.strip() for kind in values.get("type", "").lower().split(",")}
    if "variation" in kinds:
        options: Options = [(name, ", ".join(texts)) for name, texts in attributes.items()]
        yield Row(row.number, product, Role.VARIANT, values.get("parent", ""), options)
        return
    product.attributes = {name.lower(): [*texts] for name, texts in attributes.items()}
    if tags := _split_list(values.get("tags", "")):
        product.attributes["tags"] = [*tags]
    if "variable" in kinds:
        number = values.get("id", "")
        yield Row(row.number, product, Role.PARENT, product.id, names=(f"id:{number}",) if number else ())
    else:
        yield Row(row.number, product)


def _attributes(values: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for n in _ATTRIBUTES:
        if name := clean_line(values.get(f"attribute_{n}_name", "")):
            yield name, _split_list(values.get(f"attribute_{n}_value(s)", ""))


def _split_list(text: str) -> list[str]:
    """Return the values between commas; a comma inside a value has a backslash before it."""
    parts = (clean_line(part.replace("\\,", ",")) for part in _COMMA.split(text))
    return list(dict.fromkeys(part for part in parts if part))


def _category(text: str) -> tuple[str, ...]:
    paths = (tuple(level for level in map(clean_line, path.split(">")) if level) for path in _split_list(text))
    return max(paths, key=len, default=())


def _set_price(row: TableRow, product: RawProduct) -> Iterator[Rejection]:
    has_dates = "date_sale_price_starts" in row.values or "date_sale_price_ends" in row.values
    amounts: dict[str, float] = {}
    for column in ("sale_price", "regular_price"):
        if text := row.values.get(column):
            price = parse_price(text)
            if price is None:
                yield bad_price(row.number, column, text, product.id)
            else:
                amounts[column], product.currency = price
    regular, sale = amounts.get("regular_price"), amounts.get("sale_price")
    product.price = regular if sale is None or (has_dates and regular is not None) else sale
