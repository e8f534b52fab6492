"""WooCommerce's product export (CSV), variations included.

A product's id is its SKU, or its number where it has none; both find it. A variable product and its variations are a
family: where two or more variations have different images, each is a product (``SKU-Red``) of the group that the
variable product is, else all are one product with all photos and values. The sale price counts where it has no dates.

Of several categories the deepest is taken, of equally deep ones the first. Attributes, brands and tags become
attributes. What is not published, or hidden in the catalogue, is not sold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from shoplens.feeds.rows import Event, Options, RawProduct, Role, Row
from shoplens.feeds.text.availability import bad_availability, stock_of
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import photos_in
from shoplens.feeds.text.plain_text import from_html, line
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.types import Rejection

READS = {
    "id": "`SKU`, else `ID`; of variations the variable product's, and what tells them apart",
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
_MORE = ("id", "published", "parent", "categories", "regular_price", "short_description", "in_stock?")
_CODES = ("id", "sku", "gtin,_upc,_ean,_or_isbn")
_ATTRIBUTES = range(1, 31)
_COMMA = re.compile(r"(?<!\\),")


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a product export."""
    for row in read_table(path, [*COLUMNS, *_MORE]):
        if isinstance(row, TableRow):
            yield from _events(row)
        else:
            yield row


def _events(row: TableRow) -> Iterator[Event]:
    values = row.values
    attributes = {name: texts for name, texts in _attributes(values) if texts}
    product = RawProduct(
        id=values.get("sku") or values.get("id", ""),
        title=line(from_html(values.get("name", ""))),
        photos=dict.fromkeys(photos_in(values.get("images", "")), "images"),
        description=from_html(values.get("description") or values.get("short_description", "")),
        url=values.get("external_url", ""),
        brand=next(reversed(_category(values.get("brands", ""))), ""),
        category=_category(values.get("categories", "")),
        sold=values.get("published", "1") == "1" and values.get("visibility_in_catalog", "") != "hidden",
        identifiers=[values[column] for column in _CODES if column in values],
    )
    yield from _set_price(row, product)
    yield from _set_stock(row, product)
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
        if name := line(values.get(f"attribute_{n}_name", "")):
            yield name, _split_list(values.get(f"attribute_{n}_value(s)", ""))


def _split_list(text: str) -> list[str]:
    """The values between commas; a comma inside a value has a backslash before it."""
    parts = (line(part.replace("\\,", ",")) for part in _COMMA.split(text))
    return list(dict.fromkeys(part for part in parts if part))


def _category(text: str) -> tuple[str, ...]:
    paths = (tuple(level for level in map(line, path.split(">")) if level) for path in _split_list(text))
    return max(paths, key=len, default=())


def _set_price(row: TableRow, product: RawProduct) -> Iterator[Rejection]:
    dated = "date_sale_price_starts" in row.values or "date_sale_price_ends" in row.values
    amounts: dict[str, float] = {}
    for column in ("sale_price", "regular_price"):
        if text := row.values.get(column):
            price = price_of(text)
            if price is None:
                yield bad_price(row.number, column, text, product.id)
            else:
                amounts[column], product.currency = price
    regular, sale = amounts.get("regular_price"), amounts.get("sale_price")
    product.price = regular if sale is None or (dated and regular is not None) else sale


def _set_stock(row: TableRow, product: RawProduct) -> Iterator[Rejection]:
    if text := row.values.get("in_stock?"):
        product.in_stock = stock_of(text)
        if product.in_stock is None:
            yield bad_availability(row.number, "in_stock?", text, product.id)
