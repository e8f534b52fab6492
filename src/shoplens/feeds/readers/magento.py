"""Magento 2 product export (CSV).

A configurable product (the parent) names its simple products in ``configurable_variations``. Those that differ only in
size become one product, whose id is ``PARENT-Colour`` (or whatever else tells them apart, joined by ``-``), and whose
group is the parent; what they do not say themselves they inherit. Where nothing but size varies, the product's id is
the parent's, and only then are the parent's own photos among its photos: elsewhere they may show another colour.

Rows of store views repeat a product in another language and are set aside. ``product_online`` other than 1 means not
sold. A special price without dates is the price.

Of several categories the deepest is taken, of equally deep ones the first; those under collections, promotions and the
like only if there is no other. ``Default Category``, the root of every path, is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from shoplens.feeds.assembly.families import FamilyRules
from shoplens.feeds.assembly.sizes import is_size
from shoplens.feeds.rows import Event, Options, RawProduct, Role, Row, SkippedRow
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import photos_in
from shoplens.feeds.text.plain_text import from_html, line, words
from shoplens.feeds.text.prices import bad_price, price_of
from shoplens.types import Rejection, Value

READS = {
    "id": "`sku`; of a variant's product the parent's `sku` and what tells it from its siblings",
    "title": "`name`",
    "photos": "`base_image`, `small_image`, `thumbnail_image`, `additional_images`",
    "description": "`description`, else `short_description`",
    "url": "`url_key`",
    "price": "`special_price` where it has no dates, else `price`",
    "brand": "`brand`, `manufacturer` in `additional_attributes`",
    "category": "`categories`: the deepest one",
    "attributes": "`additional_attributes`",
    "group_id": "the configurable product that names it in `configurable_variations`",
    "in_stock": "`is_in_stock`, else `qty`",
    "identifiers": "`sku` of every variant; GTIN, EAN, UPC, ISBN and MPN in `additional_attributes`",
}
IGNORES = {
    "rows with a `store_view_code`": "they repeat a product in another language",
    "photos in `hide_from_product_page`": "the shop hides them",
    "photos that only a configurable product names, where its variants have their own": "nothing says what they show",
    "housekeeping in `additional_attributes`": "not about what shoppers see",
}

COLUMNS = ("sku", "product_type")
MEDIA_FOLDERS = ("media", "pub/media/catalog/product")

FAMILIES = FamilyRules(galleries=True, labelled=False)

_PHOTO_COLUMNS = ("base_image", "small_image", "thumbnail_image", "additional_images")
_NO_PHOTO = "no_selection"
_ROOT = "Default Category"
_SIDE_BRANCHES = frozenset({"collections", "promotions", "sale", "what's new", "gift ideas"})
_COLOURS = ("color", "colour")
_BRANDS = ("brand", "manufacturer")
_CODES = ("gtin", "ean", "ean13", "upc", "isbn", "mpn", "barcode", "gtin13", "gtin14")
_HOUSEKEEPING = words(
    "has_options required_options options_container msrp msrp_display_actual_price_type "
    "gift_message_available quantity_and_stock_status shipment_type price_type price_view sku_type "
    "weight_type links_exist links_title links_purchased_separately samples_title swatch_image tax_class_id "
    "custom_layout custom_layout_update_file custom_design page_layout url_path url_key image_label "
    "small_image_label thumbnail_label cost category_gear ts_dimensions_length ts_dimensions_width "
    "ts_dimensions_height ts_country_of_origin"
)
_NEXT_NAME = re.compile(r",(?=[A-Za-z][A-Za-z0-9_]*=)")


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a product export."""
    for row in read_table(path, COLUMNS):
        if isinstance(row, TableRow):
            yield from _events(row)
        else:
            yield row


def _events(row: TableRow) -> Iterator[Event]:
    values = row.values
    if view := values.get("store_view_code"):
        yield SkippedRow(_store_view(row, view))
        return
    attributes = _attributes(values.get("additional_attributes", ""))
    product = RawProduct(
        id=values.get("sku", ""),
        title=line(from_html(values.get("name", ""))),
        photos=_photos(values),
        description=from_html(values.get("description") or values.get("short_description", "")),
        url=f"{values['url_key']}.html" if "url_key" in values else "",
        brand=", ".join(str(brand) for name in _BRANDS for brand in attributes.pop(name, ())),
        category=_category(values.get("categories", "")),
        identifiers=[str(code) for name in _CODES for code in attributes.pop(name, ())],
        attributes=attributes,
        in_stock=_in_stock(values),
        sold=values.get("product_online", "1") == "1",
    )
    yield from _set_price(row, product)
    if values.get("product_type", "").lower() == "configurable":
        children = _variations(values)
        yield Row(row.number, product, Role.PARENT, product.id, children=children)
    else:
        color = next((some for name in _COLOURS if (some := attributes.get(name))), [])
        yield Row(row.number, product, options=[("color", str(value)) for value in color])


def _photos(values: Mapping[str, str]) -> dict[str, str]:
    hidden = set(photos_in(values.get("hide_from_product_page", "")))
    photos: dict[str, str] = {}
    for column in _PHOTO_COLUMNS:
        for photo in photos_in(values.get(column, "")):
            if photo != _NO_PHOTO and photo not in hidden:
                photos.setdefault(photo, column)
    return photos


def _attributes(text: str) -> dict[str, list[Value]]:
    """``material=Wool|Silk,note=warm, dry`` as name -> values; a value may hold commas."""
    found: dict[str, list[Value]] = {}
    for pair in _NEXT_NAME.split(text):
        name, _, value = pair.partition("=")
        name = name.strip().lower()
        if name and name not in _HOUSEKEEPING:
            found[name] = [clean for one in value.split("|") if (clean := line(from_html(_unquote(one))))]
    return {name: values for name, values in found.items() if values}


def _unquote(text: str) -> str:
    text = text.strip()
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _variations(values: Mapping[str, str]) -> dict[str, Options]:
    """Sku of a variant -> its axes, e.g. ``[("color", "Black"), ("size", "M")]``.

    An axis is a size if either its code or its label says so.
    """
    labels = dict(pair.partition("=")[::2] for pair in values.get("configurable_variation_labels", "").split(","))
    sizes = {code.strip().lower() for code, label in labels.items() if is_size(label)}
    found: dict[str, Options] = {}
    for variation in values.get("configurable_variations", "").split("|"):
        axes = dict(pair.partition("=")[::2] for pair in _NEXT_NAME.split(variation))
        axes = {name.strip().lower(): line(_unquote(value)) for name, value in axes.items()}
        if sku := axes.pop("sku", ""):
            found[sku] = [("size" if name in sizes and not is_size(name) else name, v) for name, v in axes.items()]
    return found


def _category(text: str) -> tuple[str, ...]:
    best: tuple[str, ...] = ()
    rank = (False, 0)
    for path in text.split(","):
        levels = tuple(line(level.replace("\\/", "/")) for level in re.split(r"(?<!\\)/", path) if level.strip())
        levels = levels[1:] if levels[:1] == (_ROOT,) else levels
        this = (bool(levels) and levels[0].lower() not in _SIDE_BRANCHES, len(levels))
        if this > rank:
            best, rank = levels, this
    return best


def _in_stock(values: Mapping[str, str]) -> bool | None:
    """What ``is_in_stock`` says; without it, whether ``qty`` is above 0."""
    if flag := values.get("is_in_stock"):
        return flag == "1"
    try:
        return float(values["qty"]) > 0 if "qty" in values else None
    except ValueError:
        return None


def _set_price(row: TableRow, product: RawProduct) -> Iterator[Rejection]:
    dated = "special_price_from_date" in row.values or "special_price_to_date" in row.values
    for column in ("price",) if dated else ("price", "special_price"):
        if text := row.values.get(column):
            price = price_of(text)
            if price is None:
                yield bad_price(row.number, column, text, product.id)
            else:
                product.price, product.currency = price


def _store_view(row: TableRow, view: str) -> Rejection:
    return Rejection(
        kind="store-view-row",
        level="note",
        row=row.number,
        product_id=row.values.get("sku", ""),
        field="store_view_code",
        value=view,
        reason="The row repeats a product for another store view; the default view is used.",
        fix="Export one store view, or leave it.",
    )
