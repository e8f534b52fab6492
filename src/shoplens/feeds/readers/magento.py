"""Reader of Magento's product export (Magento 2, CSV).

A configurable product (the parent) names its simple products (the variants) in ``configurable_variations``. Variants
that differ only in size become one product, whose id is ``PARENT-Colour`` (or the other option values, joined by ``-``)
and whose group is the parent. It inherits the values that its own rows lack. Where variants differ in nothing but size,
the product has the id of the parent, and only then it has the parent's own photos, which may show another colour
elsewhere.

Rows of store views repeat a product in another language and are skipped. A ``product_online`` other than 1 means not
sold. A special price without dates is the price.

Of several categories the deepest counts, and of equally deep ones the first; those under collections, promotions and
the like count only if there is no other. ``Default Category``, the root of every path, is dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from shoplens.feeds.assembly.size_words import is_size
from shoplens.feeds.assembly.variants import FamilyRules
from shoplens.feeds.rows import Event, Options, RawProduct, Role, Row, SkippedRow
from shoplens.feeds.text.delimited import TableRow, read_table
from shoplens.feeds.text.photo_lists import split_photos
from shoplens.feeds.text.plain_text import clean_line, html_to_text, word_set
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.types import Rejection, Value

READS = {
    "id": "`sku`; of a variant's product the parent's `sku` and the option values that differ",
    "title": "`name`",
    "photos": "`base_image`, `small_image`, `thumbnail_image`, `additional_images`",
    "description": "`description`, else `short_description`",
    "url": "`url_key`; of a variant that is not visible individually the parent's, which Magento makes of its `name`"
    " where it has no key",
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
    "photos that only a configurable product names, where its variants have their own": "it is unknown what they show",
    "housekeeping in `additional_attributes`": "not about what shoppers see",
}

COLUMNS = ("sku", "product_type")
MEDIA_FOLDERS = ("media", "pub/media/catalog/product")

FAMILIES = FamilyRules(galleries=True, labelled=False)

_PHOTO_COLUMNS = ("base_image", "small_image", "thumbnail_image", "additional_images")
_NO_PHOTO = "no_selection"
_HIDDEN = "not visible individually"
_ROOT = "Default Category"
_SIDE_BRANCHES = frozenset({"collections", "promotions", "sale", "what's new", "gift ideas"})
_COLOURS = ("color", "colour")
_BRANDS = ("brand", "manufacturer")
_CODES = ("gtin", "ean", "ean13", "upc", "isbn", "mpn", "barcode", "gtin13", "gtin14")
_HOUSEKEEPING = word_set(
    "has_options required_options options_container msrp msrp_display_actual_price_type "
    "gift_message_available quantity_and_stock_status shipment_type price_type price_view sku_type "
    "weight_type links_exist links_title links_purchased_separately samples_title swatch_image tax_class_id "
    "custom_layout custom_layout_update_file custom_design page_layout url_path url_key image_label "
    "small_image_label thumbnail_label cost category_gear ts_dimensions_length ts_dimensions_width "
    "ts_dimensions_height ts_country_of_origin"
)
_BEFORE_NAME = re.compile(r",(?=[A-Za-z][A-Za-z0-9_]*=)")


def read(path: Path) -> Iterator[Event]:
    """Yield the rows of a product export, and the notes and rejections about them."""
    for row in read_table(path, COLUMNS):
        if isinstance(row, TableRow):
            yield from _read_row(row)
        else:
            yield row


def _read_row(row: TableRow) -> Iterator[Event]:
    values = row.values
    if view := values.get("store_view_code"):
        yield SkippedRow(_store_view(row, view))
        return
    attributes = _attributes(values.get("additional_attributes", ""))
    product = RawProduct(
        id=values.get("sku", ""),
        title=clean_line(html_to_text(values.get("name", ""))),
        photos=_photos(values),
        description=html_to_text(values.get("description") or values.get("short_description", "")),
        url=_page(values),
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
        colors = next(filter(None, map(attributes.get, _COLOURS)), [])
        yield Row(row.number, product, options=[("color", str(value)) for value in colors])


def _page(values: Mapping[str, str]) -> str:
    """Return the page of a product in the shop; empty for a variant that has none of its own.

    Magento makes the key of a product without ``url_key`` of its name.
    """
    key = values.get("url_key", "")
    if values.get("visibility", "").lower() == _HIDDEN:
        return ""
    if not key and values.get("product_type", "").lower() == "configurable":
        plain = unicodedata.normalize("NFKD", values.get("name", "")).encode("ascii", "ignore").decode()
        key = re.sub("[^0-9a-z]+", "-", plain.lower()).strip("-")
    return f"{key}.html" if key else ""


def _photos(values: Mapping[str, str]) -> dict[str, str]:
    hidden = set(split_photos(values.get("hide_from_product_page", "")))
    photos: dict[str, str] = {}
    for column in _PHOTO_COLUMNS:
        for photo in split_photos(values.get(column, "")):
            if photo != _NO_PHOTO and photo not in hidden:
                photos.setdefault(photo, column)
    return photos


def _attributes(text: str) -> dict[str, list[Value]]:
    """Parse ``material=Wool|Silk,note=warm, dry`` to name -> values; a value may contain commas."""
    attributes: dict[str, list[Value]] = {}
    for pair in _BEFORE_NAME.split(text):
        name, _, value = pair.partition("=")
        name = name.strip().lower()
        if name and name not in _HOUSEKEEPING:
            values = (clean_line(html_to_text(_unquote(part))) for part in value.split("|"))
            attributes[name] = [value for value in values if value]
    return {name: values for name, values in attributes.items() if values}


def _unquote(text: str) -> str:
    text = text.strip()
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _variations(values: Mapping[str, str]) -> dict[str, Options]:
    """Return the options of each variant by its sku, e.g. ``[("color", "Black"), ("size", "M")]``.

    An option is a size if either its code or its label is a word for size.
    """
    labels = dict(pair.partition("=")[::2] for pair in values.get("configurable_variation_labels", "").split(","))
    sizes = {code.strip().lower() for code, label in labels.items() if is_size(label)}
    variations: dict[str, Options] = {}
    for variation in values.get("configurable_variations", "").split("|"):
        pairs = dict(pair.partition("=")[::2] for pair in _BEFORE_NAME.split(variation))
        options = {name.strip().lower(): clean_line(_unquote(value)) for name, value in pairs.items()}
        if sku := options.pop("sku", ""):
            variations[sku] = [
                ("size" if name in sizes and not is_size(name) else name, value) for name, value in options.items()
            ]
    return variations


def _category(text: str) -> tuple[str, ...]:
    best: tuple[str, ...] = ()
    best_score = (False, 0)
    for path in text.split(","):
        levels = tuple(clean_line(level.replace("\\/", "/")) for level in re.split(r"(?<!\\)/", path) if level.strip())
        levels = levels[1:] if levels[:1] == (_ROOT,) else levels
        score = (bool(levels) and levels[0].lower() not in _SIDE_BRANCHES, len(levels))
        if score > best_score:
            best, best_score = levels, score
    return best


def _in_stock(values: Mapping[str, str]) -> bool | None:
    """Return the value of ``is_in_stock``; without that column, whether ``qty`` is above 0."""
    if flag := values.get("is_in_stock"):
        return flag == "1"
    try:
        return float(values["qty"]) > 0 if "qty" in values else None
    except ValueError:
        return None


def _set_price(row: TableRow, product: RawProduct) -> Iterator[Rejection]:
    has_dates = "special_price_from_date" in row.values or "special_price_to_date" in row.values
    for column in ("price",) if has_dates else ("price", "special_price"):
        if text := row.values.get(column):
            price = parse_price(text)
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
        fix="Nothing has to be done; export one store view to avoid this note.",
    )
