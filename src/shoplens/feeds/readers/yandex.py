"""Reader of Yandex Market's YML: offers with pictures, a tree of categories, and parameters.

``group_id`` is the group. The title is ``name``, else ``typePrefix``, ``vendor`` and ``model`` together. Parameters
become attributes. The old currency code ``RUR`` is read as ``RUB``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from shoplens.feeds.rows import Event, RawProduct, Row
from shoplens.feeds.text.availability import parse_availability
from shoplens.feeds.text.photo_lists import split_photos
from shoplens.feeds.text.plain_text import clean_line, decode_entities, html_to_text
from shoplens.feeds.text.prices import bad_price, parse_price
from shoplens.feeds.text.xml_elements import local_name, read_elements
from shoplens.types import Rejection, Value

READS = {
    "id": "`id` of the offer",
    "title": "`name`, else `typePrefix`, `vendor` and `model`",
    "photos": "`picture`",
    "description": "`description`",
    "url": "`url`",
    "price": "`price`",
    "currency": "`currencyId`",
    "brand": "`vendor`",
    "category": "`categoryId` in the tree of `categories`",
    "attributes": "`param`, `country_of_origin`, `color`, `material`, `author`",
    "group_id": "`group_id`",
    "in_stock": "`available`, else `count`",
    "identifiers": "`vendorCode`, `barcode`, `sku`, `shop-sku`",
}
IGNORES = {"`oldprice`, delivery, pickup, warranties, `sales_notes`": "not about what shoppers see"}

ROOT = "yml_catalog"
_CODES = ("vendorCode", "barcode", "shop-sku", "sku")
_ATTRIBUTE_TAGS = {
    "country_of_origin": "country of origin",
    "color": "color",
    "author": "author",
    "material": "material",
}
MAX_LEVELS = 50
"""Maximum number of levels of a category."""


def read(path: Path) -> Iterator[Event]:
    """Yield the offers, numbered from 1, and the notes and rejections about them."""
    names: dict[str, str] = {}
    parents: dict[str, str] = {}
    number = 0
    for item in read_elements(path, {"offer", "category"}):
        if isinstance(item, Rejection):
            number += item.level == "rejected"
            yield replace(item, row=number + (item.level == "note"))
        elif local_name(item.element.tag) == "category":
            category = item.element.get("id", "")
            names[category] = clean_line("".join(item.element.itertext()))
            parents[category] = item.element.get("parentId", "")
        else:
            number += 1
            yield from _read_offer(number, item.element, names, parents)


def _read_offer(number: int, offer: Element, names: Mapping[str, str], parents: Mapping[str, str]) -> Iterator[Event]:
    texts: dict[str, list[str]] = {}
    for child in offer:
        if text := "".join(child.itertext()).strip():
            texts.setdefault(local_name(child.tag), []).append(text)
    first = {name: values[0] for name, values in texts.items()}
    composed_name = " ".join(first[name] for name in ("typePrefix", "vendor", "model") if name in first)
    stock = offer.get("available") or first.get("count") or first.get("available", "")
    product = RawProduct(
        id=offer.get("id", "").strip(),
        title=clean_line(html_to_text(first.get("name") or composed_name)),
        photos={photo: "picture" for text in texts.get("picture", ()) for photo in split_photos(text)},
        description=html_to_text(first.get("description", "")),
        url=decode_entities(first.get("url", "")),
        brand=clean_line(first.get("vendor", "")),
        category=_category_path(first.get("categoryId", ""), names, parents),
        attributes=_read_attributes(offer, first),
        group_id=offer.get("group_id", "").strip(),
        in_stock=parse_availability(stock) if stock else None,
        sold=first.get("disabled", "false").lower() != "true",
        identifiers=[code for name in _CODES for code in texts.get(name, ())],
    )
    if text := first.get("price", ""):
        price = parse_price(text)
        if price is None:
            yield bad_price(number, "price", text, product.id)
        else:
            product.price = price[0]
            product.currency = price[1] or clean_line(first.get("currencyId", "")).upper().replace("RUR", "RUB")
    yield Row(number, product)


def _category_path(category: str, names: Mapping[str, str], parents: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of a category's levels from the root down; a cycle of parents is followed once."""
    levels: list[str] = []
    visited: set[str] = set()
    while category in names and category not in visited and len(levels) < MAX_LEVELS:
        visited.add(category)
        levels.append(names[category])
        category = parents.get(category, "")
    return tuple(level for level in reversed(levels) if level)


def _read_attributes(offer: Element, first: Mapping[str, str]) -> dict[str, list[Value]]:
    attributes: dict[str, list[Value]] = {
        name: [clean_line(first[tag])] for tag, name in _ATTRIBUTE_TAGS.items() if tag in first
    }
    for parameter in offer:
        if local_name(parameter.tag) != "param":
            continue
        name, unit = clean_line(parameter.get("name", "")).lower(), clean_line(parameter.get("unit", ""))
        value = clean_line("".join(parameter.itertext()))
        if name and value:
            values = attributes.setdefault(name, [])
            text = f"{value} {unit}" if unit and not _is_scale_name(unit) else value
            if text not in values:
                values.append(text)
    return attributes


def _is_scale_name(unit: str) -> bool:
    """Return whether a unit is the name of a size scale, such as ``RU`` and ``INT``, rather than a measure."""
    return unit.isupper()
