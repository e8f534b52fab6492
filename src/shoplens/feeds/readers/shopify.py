"""Shopify's product CSV, as the admin exports it; of its headings the old ones and those of 2024.

Rows with one handle, which follow each other, are one product of the shop: its variants, and further photos. Where
every variant that differs in more than its size has a photo of its own, each of those (``HANDLE-Black``) is a product
of the group HANDLE, and photos that belong to no variant are told of, since nobody says what they show; else all rows
are one product HANDLE with all photos and all values. Sizes never make products of their own. The lowest price counts,
and one row in stock is enough: a row is where the quantity is above 0, is not counted, or selling goes on without.

``Product Category`` is the category, else ``Type``. Options, metafields and what is said for Google Shopping become
attributes. What is not published, or archived or a draft, is not sold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from shoplens.feeds.text.plain_text import from_html, line
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.feeds.rows import RawProduct, Event, Row, SkippedRow
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.types import Rejection, Value

COLUMNS = ("handle", "title", "image_src")
NEWER = {
    "url_handle": "handle",
    "description": "body_(html)",
    "product_category": "product_category",
    "published_on_online_store": "published",
    "sku": "variant_sku",
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
_NO_OPTION = "default title"
_METAFIELD = re.compile(r"(?P<name>.+?)_\(product\.metafields\..+\)")
_GOOGLE = re.compile(r"google_shopping_?/_?(?P<name>gender|age_group|condition)")
_SIZE = re.compile(r"(?:^|[ _])(?:size|grösse|größe|taille|talla|maat)$", re.IGNORECASE)
_FALSE = {"false", "no", "0"}


def is_shopify(columns: Sequence[str]) -> bool:
    """Whether these are the columns of such an export."""
    return set(COLUMNS) <= set(columns) or set(NEWER_COLUMNS) <= set(columns)


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a product export."""
    for is_row, rows in groupby(read_table(path, [*COLUMNS, *NEWER_COLUMNS]), lambda one: isinstance(one, TableRow)):
        if not is_row:
            yield from (one for one in rows if isinstance(one, Rejection))
            continue
        named = (_renamed(one) for one in rows if isinstance(one, TableRow))
        for handle, some in groupby(named, lambda one: one.values.get("handle", "")):
            yield from _product(handle, list(some))


def _renamed(row: TableRow) -> TableRow:
    if "url_handle" not in row.values:
        return row
    return TableRow(row.number, {NEWER.get(name, name): value for name, value in row.values.items()})


def _product(handle: str, rows: list[TableRow]) -> Iterator[Event]:
    """All rows of a handle."""
    names = {n: line(rows[0].values.get(f"option{n}_name", "")) for n in OPTIONS}
    variants = [row for row in rows if _is_variant(row)]
    labels = {row.number: _label(row, names) for row in variants}
    apart = len(set(labels.values())) > 1 and _all_shown(variants, labels)
    photos: dict[str, dict[str, str]] = {}
    for row in variants:
        photos.setdefault(labels[row.number], {}).update(_photo(row, "variant_image"))
    everything = {name: column for row in rows for name, column in _photo(row, "image_src").items()}
    first = dict[str, int]()
    for row in rows:
        is_variant = row.number in labels
        label = labels.get(row.number, "") if apart else ""
        if apart and not is_variant:
            yield from _further(row, handle, photos)
            continue
        name = f"{handle}-{label}" if label else handle
        own = photos[label] if apart else {**everything, **_photo(row, "variant_image")}
        draft = _draft(rows[0], row, names if is_variant else {})
        yield from _priced(row, draft)
        draft.id = name if name not in first else f"{name}#{row.number}"
        draft.photos = own if name not in first or not apart else {}
        draft.group_id = handle if apart else ""
        if label:
            draft.title = f"{draft.title} - {label}"
        first.setdefault(name, row.number)
        yield Row(row.number, draft, key=name)


def _is_variant(row: TableRow) -> bool:
    """Whether a row is more than a further photo."""
    names = ("option1_value", "variant_sku", "variant_price")
    return any(row.values.get(name) for name in names)


def _label(row: TableRow, names: dict[int, str]) -> str:
    """What tells a variant from the others but for its size, e.g. ``Black-Wool``."""
    values = [line(row.values.get(f"option{n}_value", "")) for n in OPTIONS if not _SIZE.search(names[n])]
    return "-".join(value for value in values if value and value.casefold() != _NO_OPTION)


def _all_shown(variants: Sequence[TableRow], labels: dict[int, str]) -> bool:
    """Whether every variant has a photo of its own."""
    shown = {labels[row.number] for row in variants if row.values.get("variant_image")}
    return shown == set(labels.values())


def _photo(row: TableRow, column: str) -> dict[str, str]:
    photo = row.values.get(column, "")
    return {photo: column} if photo else {}


def _further(row: TableRow, handle: str, photos: dict[str, dict[str, str]]) -> Iterator[Event]:
    """A row that only adds a photo, of a product whose variants are apart."""
    photo = row.values.get("image_src", "")
    known = any(photo in some for some in photos.values())
    yield SkippedRow(
        Rejection(
            kind="photo-row" if known or not photo else "photo-of-no-variant",
            level="note",
            row=row.number,
            product_id=handle,
            field="image_src",
            value=photo,
            reason="The row repeats a photo of a variant." if known else "Nobody says which variant the photo shows.",
            fix="Nothing has to be done." if known else "Give the photo to the variants that it shows.",
        )
    )


def _draft(product: TableRow, row: TableRow, names: dict[int, str]) -> RawProduct:
    """What the product's first row and the variant's own say."""
    values = product.values
    attributes = _attributes(product)
    for n, name in names.items():
        value = line(row.values.get(f"option{n}_value", ""))
        if name and value and value.casefold() != _NO_OPTION:
            attributes[name.lower()] = [value]
    return RawProduct(
        id="",
        title=line(from_html(values.get("title", ""))),
        description=from_html(values.get("body_(html)", "")),
        url=f"/products/{values['handle']}" if values.get("handle") else "",
        brand=line(values.get("vendor", "")),
        category=_category(product),
        attributes=attributes,
        in_stock=_in_stock(row),
        sold=values.get("published", "true").lower() not in _FALSE
        and values.get("status", "active").lower() == "active",
    )


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


def _priced(row: TableRow, draft: RawProduct) -> Iterator[Rejection]:
    if text := row.values.get("variant_price"):
        price = price_of(text)
        if price is None:
            yield bad_price(row.number, "variant_price", text, draft.id)
        else:
            draft.price, draft.currency = price
