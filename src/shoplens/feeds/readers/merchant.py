"""Google Merchant Center feed: TSV, CSV, RSS 2.0 or Atom.

Rows of one ``item_group_id`` that agree in everything but size (and what goes with a size: id, gtin, mpn, link, price,
availability, weight, a size at the end of the title) are one product with all their sizes and the first row's id;
every other variant is a product of the group. The lowest price counts, and one row in stock is enough.

``product_type`` is the category, else ``google_product_category`` where it is words. A sale price without dates is the
price, the other one becomes the attribute ``regular_price``; with dates it is the attribute ``sale_price``. Colours,
patterns and materials are split at ``/``. Preorder and backorder count as not in stock. ``product_detail`` and columns
that Google does not know become attributes, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

from shoplens.feeds.readers.merchant_xml import is_xml, read_items
from shoplens.feeds.text.plain_text import from_html, line, words
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.feeds.rows import RawProduct, Event, Row
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.types import Rejection, Value

COLUMNS = ("id", "image_link")

_OF_A_SIZE = words(
    "id gtin mpn size link mobile_link canonical_link ads_redirect checkout_link_template price sale_price "
    "sale_price_effective_date availability availability_date quantity shipping shipping_weight "
    "product_weight item_group_title cost_of_goods_sold unit_pricing_measure sell_on_google_quantity "
    "display_ads_id short_title"
)
_READ = words(
    "id title description link image_link additional_image_link price sale_price availability brand "
    "product_type google_product_category item_group_id product_detail"
)
_NOT_ABOUT_LOOKS = words(
    "gtin mpn mobile_link canonical_link ads_redirect checkout_link_template availability_date quantity "
    "sell_on_google_quantity cost_of_goods_sold unit_pricing_measure unit_pricing_base_measure "
    "identifier_exists shipping shipping_label shipping_weight shipping_length shipping_width shipping_height "
    "ships_from_country transit_time_label min_handling_time max_handling_time tax tax_category installment "
    "subscription_cost loyalty_points loyalty_program expiration_date included_destination "
    "excluded_destination shopping_ads_excluded_country pause promotion_id display_ads_id "
    "display_ads_similar_ids display_ads_title display_ads_link display_ads_value lifestyle_image_link "
    "video_link virtual_model_link product_highlight short_title external_seller_id item_group_title "
    "structured_title structured_description certification auto_pricing_min_price energy_efficiency_class "
    "min_energy_efficiency_class max_energy_efficiency_class disclosure_date"
)
_SPLIT = frozenset({"color", "pattern", "material"})
_STOCK = {
    "in_stock": True,
    "limited_availability": True,
    "available_for_order": True,
    "out_of_stock": False,
    "preorder": False,
    "backorder": False,
    "discontinued": False,
}
_NEXT_URL = re.compile(r",\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a Merchant Center feed."""
    if is_xml(path):
        rows: Iterator[TableRow | Rejection] = read_items(path)
    else:
        rows = read_table(path, [*COLUMNS, *_READ])
    for row in rows:
        if isinstance(row, TableRow):
            yield from _events(row)
        else:
            yield row


def _events(row: TableRow) -> Iterator[Event]:
    values = row.values
    title, size = line(from_html(values.get("title", ""))), line(values.get("size", ""))
    group = values.get("item_group_id", "")
    draft = RawProduct(
        id=values.get("id", ""),
        title=title,
        photos=_photos(values),
        description=from_html(values.get("description", "")),
        url=values.get("link", ""),
        brand=line(values.get("brand", "")),
        category=_category(values),
        attributes=_attributes(values),
        group_id=group,
    )
    key = ""
    if group and size:
        draft.title = _without_size(title, size)
        key = _digest(draft.title, values)
    yield from _priced(row, draft)
    yield from _stocked(row, draft)
    yield Row(row.number, draft, key)


def _without_size(title: str, size: str) -> str:
    """The title without the size at its end: ``Chaz Hoodie - XS`` or ``Chaz Hoodie (XS)`` is ``Chaz Hoodie``."""
    end = rf"\s*(?:[-–—,/|(\[:]\s*(?:size\s+)?|\ssize\s+){re.escape(size)}\s*[)\]]?$"
    return re.sub(end, "", title, flags=re.IGNORECASE) or title


def _digest(title: str, values: Mapping[str, str]) -> str:
    same = sorted((name, value) for name, value in values.items() if name not in _OF_A_SIZE and name != "title")
    return blake2b(repr((title, same)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _photos(values: Mapping[str, str]) -> dict[str, str]:
    photos: dict[str, str] = {}
    if first := values.get("image_link"):
        photos[first] = "image_link"
    more = values.get("additional_image_link", "")
    for photo in _NEXT_URL.split(more) if "://" in more else more.split(","):
        if photo := photo.strip().rstrip(","):
            photos.setdefault(photo, "additional_image_link")
    return photos


def _category(values: Mapping[str, str]) -> tuple[str, ...]:
    text = line(from_html(values.get("product_type") or values.get("google_product_category", "")))
    return () if text.isdecimal() else tuple(level.strip() for level in text.split(">") if level.strip())


def _attributes(values: Mapping[str, str]) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {}
    for name, text in values.items():
        if name and name not in _READ and name not in _NOT_ABOUT_LOOKS:
            parts = text.split("/") if name in _SPLIT else [text]
            found[name] = list(dict.fromkeys(part for part in map(line, parts) if part))
    for detail in values.get("product_detail", "").split(","):
        section_and_name, _, value = detail.rpartition(":")
        if (name := line(section_and_name.rpartition(":")[2]).lower()) and (value := line(value)):
            found[name] = [*found.get(name, []), value]
    return found


def _priced(row: TableRow, draft: RawProduct) -> Iterator[Rejection]:
    amounts: dict[str, tuple[float, str]] = {}
    for column in ("price", "sale_price"):
        if text := row.values.get(column):
            if price := price_of(text):
                amounts[column] = price
            else:
                yield bad_price(row.number, column, text, draft.id)
    regular, sale = amounts.get("price"), amounts.get("sale_price")
    if sale and regular and "sale_price_effective_date" in row.values:
        draft.attributes["sale_price"] = [sale[0]]
        sale = None
    if sale and regular:
        draft.attributes["regular_price"] = [regular[0]]
    draft.price, draft.currency = sale or regular or (None, "")


def _stocked(row: TableRow, draft: RawProduct) -> Iterator[Rejection]:
    if text := row.values.get("availability"):
        draft.in_stock = _STOCK.get("_".join(text.lower().split()))
        if draft.in_stock is None:
            yield Rejection(
                kind="bad-availability",
                level="note",
                row=row.number,
                product_id=draft.id,
                field="availability",
                value=text,
                reason="This is not an availability; whether the product is in stock is left open.",
                fix=f"Use one of: {', '.join(_STOCK)}.",
            )
