"""Reader of Google Merchant Center feeds (TSV, CSV, RSS 2.0 or Atom), and of the variants of Meta and others.

``item_group_id`` is the group. ``product_type`` is the category, else ``google_product_category`` if it is text. A sale
price without dates is the price, and the other one becomes the attribute ``regular_price``; a sale price with dates
becomes the attribute ``sale_price``. Colours, patterns and materials are split at ``/``. Preorder and backorder count
as not in stock. ``product_detail`` and columns that Google does not know become attributes, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from shoplens.feeds.readers.merchant_xml import is_xml, read_items
from shoplens.feeds.rows import Event, RawProduct, Row, SkippedRow
from shoplens.feeds.text.availability import set_availability
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import split_photos
from shoplens.feeds.text.plain_text import clean_line, decode_entities, html_to_text, word_set
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.types import Rejection, Value

READS = {
    "id": "`id`",
    "title": "`title`",
    "photos": "`image_link`, `additional_image_link`, `image[0].url` and other numbered columns",
    "description": "`description`",
    "url": "`link`",
    "price": "`sale_price` where it has no dates, else `price`",
    "brand": "`brand`",
    "category": "`product_type`, else `google_product_category` if it is text",
    "attributes": "`product_detail`, and every other column",
    "group_id": "`item_group_id`",
    "in_stock": "`availability`",
    "identifiers": "`gtin`, `mpn`",
}
IGNORES = {
    "`lifestyle_image_link`, `video`, `virtual_model_link`": "they show more than the product",
    "shipping, taxes, ads, loyalty, energy labels, links for other devices": "not about what shoppers see",
}

COLUMNS = ("id", "image_link")
META_COLUMNS = ("id", "image[0].url")
REPEATED = frozenset({"additional_image_link", "product_detail"})
"""Columns that may occur more than once."""

_READ = word_set(
    "id title description link image_link additional_image_link price sale_price availability brand "
    "product_type google_product_category item_group_id product_detail"
)
_NOT_ABOUT_LOOKS = word_set(
    "gtin mpn mobile_link canonical_link ads_redirect checkout_link_template availability_date quantity "
    "sell_on_google_quantity cost_of_goods_sold unit_pricing_measure unit_pricing_base_measure "
    "identifier_exists shipping shipping_label shipping_weight shipping_length shipping_width shipping_height "
    "ships_from_country transit_time_label min_handling_time max_handling_time tax tax_category installment "
    "subscription_cost loyalty_points loyalty_program expiration_date included_destination "
    "excluded_destination shopping_ads_excluded_country pause promotion_id display_ads_id "
    "display_ads_similar_ids display_ads_title display_ads_link display_ads_value lifestyle_image_link "
    "video_link virtual_model_link product_highlight short_title external_seller_id item_group_title "
    "structured_title structured_description certification auto_pricing_min_price energy_efficiency_class "
    "min_energy_efficiency_class max_energy_efficiency_class disclosure_date "
    "quantity_to_sell_on_facebook fb_product_category rich_text_description commerce_tax_category importer_name "
    "importer_address manufacturer_info return_policy_info wa_compliance_category internal_label"
)
_SPLIT = frozenset({"color", "pattern", "material"})
_CODES = ("gtin", "mpn")
_PHOTO_COLUMN = re.compile(r"image(?:\[\d+\](?:\.url)?|_url)?|additional_image_link(?:\[\d+\]|_\d+)(?:\.url)?")
"""Further columns of photos, from Meta's documentation."""
_LIST_NUMBER = re.compile(r"\[\d+\]$")
"""The end of the name of a list's column."""
_MEDIA_COLUMN = re.compile(r"(?:image|video|additional_image_link)\[\d+\].*|image_tag.*|video.*|.*\[\d+\]\.tag.*")


def read(path: Path) -> Iterator[Event]:
    """Yield the rows of a Merchant Center feed, and the notes and rejections about them."""
    if is_xml(path):
        rows: Iterator[TableRow | SkippedRow | Rejection] = read_items(path)
    else:
        rows = read_table(path, [*COLUMNS, *META_COLUMNS, *_READ], repeated=REPEATED)
    for row in rows:
        if isinstance(row, TableRow):
            yield from _read_row(row)
        else:
            yield row


def _read_row(row: TableRow) -> Iterator[Event]:
    values = row.values
    product = RawProduct(
        id=values.get("id", ""),
        title=clean_line(html_to_text(values.get("title", ""))),
        photos=_photos(values),
        description=html_to_text(values.get("description", "")),
        url=decode_entities(values.get("link", "")),
        brand=clean_line(values.get("brand", "")),
        category=_category(values),
        attributes=_attributes(values),
        group_id=values.get("item_group_id", ""),
        identifiers=[values[name] for name in _CODES if name in values],
    )
    yield from _set_price(row, product)
    yield from set_availability(product, row.number, "availability", values.get("availability", ""))
    yield Row(row.number, product)


def _photos(values: Mapping[str, str]) -> dict[str, str]:
    numbered = sorted(filter(_PHOTO_COLUMN.fullmatch, values), key=_photo_order)
    columns = ["image_link", *numbered, "additional_image_link"]
    photos: dict[str, str] = {}
    for column in columns:
        for photo in split_photos(values.get(column, "")):
            photos.setdefault(photo, column)
    return photos


def _photo_order(column: str) -> tuple[bool, int]:
    """Return the sort key of a numbered column; ``image[0].url`` comes before ``additional_image_link[0]``."""
    number = re.search(r"\[(\d+)\]", column)
    return column.startswith("additional"), int(number[1]) if number else 0


def _category(values: Mapping[str, str]) -> tuple[str, ...]:
    text = clean_line(html_to_text(values.get("product_type") or values.get("google_product_category", "")))
    return () if text.isdecimal() else tuple(level.strip() for level in text.split(">") if level.strip())


def _attributes(values: Mapping[str, str]) -> dict[str, list[Value]]:
    attributes: dict[str, list[Value]] = {}
    for name, text in values.items():
        if name and name not in _READ and name not in _NOT_ABOUT_LOOKS and not _is_media(name):
            parts = text.split("/") if name in _SPLIT else [text]
            name = _LIST_NUMBER.sub("", name) if name.endswith("]") else name
            attributes[name] = list(dict.fromkeys([*attributes.get(name, ()), *filter(None, map(clean_line, parts))]))
    for detail in values.get("product_detail", "").split(","):
        section_and_name, _, value = detail.rpartition(":")
        if (name := clean_line(section_and_name.rpartition(":")[2]).lower()) and (value := clean_line(value)):
            attributes[name] = [*attributes.get(name, []), value]
    return attributes


def _is_media(name: str) -> bool:
    return bool(_PHOTO_COLUMN.fullmatch(name) or _MEDIA_COLUMN.fullmatch(name))


def _set_price(row: TableRow, product: RawProduct) -> Iterator[Rejection]:
    amounts: dict[str, tuple[float, str]] = {}
    for column in ("price", "sale_price"):
        if text := row.values.get(column):
            if price := parse_price(text):
                amounts[column] = price
            else:
                yield bad_price(row.number, column, text, product.id)
    regular, sale = amounts.get("price"), amounts.get("sale_price")
    if sale and regular and "sale_price_effective_date" in row.values:
        product.attributes["sale_price"] = [sale[0]]
        sale = None
    if sale and regular:
        product.attributes["regular_price"] = [regular[0]]
    product.price, product.currency = sale or regular or (None, "")
