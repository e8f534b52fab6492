"""Yandex Market's YML: offers with pictures, a tree of categories, and parameters.

``group_id`` is the group. The name is ``name``, else what ``typePrefix``, ``vendor`` and ``model`` say together.
Parameters become attributes. ``RUR`` is the rouble.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from shoplens.feeds.rows import Event, RawProduct, Row
from shoplens.feeds.text.availability import stock_of
from shoplens.feeds.text.photo_lists import photos_in
from shoplens.feeds.text.plain_text import decode_entities, from_html, line
from shoplens.feeds.text.prices import bad_price, price_of
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
_ATTRIBUTES = {"country_of_origin": "country of origin", "color": "color", "author": "author", "material": "material"}
DEEPEST = 50
"""Levels of categories that are followed."""


def read(path: Path) -> Iterator[Event]:
    """Offers, and what is wrong with them."""
    names: dict[str, str] = {}
    parents: dict[str, str] = {}
    number = 0
    for found in read_elements(path, {"offer", "category"}):
        if isinstance(found, Rejection):
            number += found.level == "rejected"
            yield replace(found, row=number + (found.level == "note"))
        elif local_name(found.element.tag) == "category":
            category = found.element.get("id", "")
            names[category] = line("".join(found.element.itertext()))
            parents[category] = found.element.get("parentId", "")
        else:
            number += 1
            yield from _events(number, found.element, names, parents)


def _events(number: int, offer: Element, names: Mapping[str, str], parents: Mapping[str, str]) -> Iterator[Event]:
    texts: dict[str, list[str]] = {}
    for child in offer:
        if text := "".join(child.itertext()).strip():
            texts.setdefault(local_name(child.tag), []).append(text)
    first = {name: several[0] for name, several in texts.items()}
    spoken = " ".join(first[name] for name in ("typePrefix", "vendor", "model") if name in first)
    stock = offer.get("available") or first.get("count") or first.get("available", "")
    product = RawProduct(
        id=offer.get("id", "").strip(),
        title=line(from_html(first.get("name") or spoken)),
        photos={photo: "picture" for text in texts.get("picture", ()) for photo in photos_in(text)},
        description=from_html(first.get("description", "")),
        url=decode_entities(first.get("url", "")),
        brand=line(first.get("vendor", "")),
        category=_path(first.get("categoryId", ""), names, parents),
        attributes=_parameters(offer, first),
        group_id=offer.get("group_id", "").strip(),
        in_stock=stock_of(stock) if stock else None,
        sold=first.get("disabled", "false").lower() != "true",
        identifiers=[code for name in _CODES for code in texts.get(name, ())],
    )
    if text := first.get("price", ""):
        price = price_of(text)
        if price is None:
            yield bad_price(number, "price", text, product.id)
        else:
            product.price = price[0]
            product.currency = price[1] or line(first.get("currencyId", "")).upper().replace("RUR", "RUB")
    yield Row(number, product)


def _path(category: str, names: Mapping[str, str], parents: Mapping[str, str]) -> tuple[str, ...]:
    """Names from the root down; a circle ends where it closes."""
    steps: list[str] = []
    seen: set[str] = set()
    while category in names and category not in seen and len(steps) < DEEPEST:
        seen.add(category)
        steps.append(names[category])
        category = parents.get(category, "")
    return tuple(step for step in reversed(steps) if step)


def _parameters(offer: Element, first: Mapping[str, str]) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {name: [line(first[tag])] for tag, name in _ATTRIBUTES.items() if tag in first}
    for parameter in offer:
        if local_name(parameter.tag) != "param":
            continue
        name, unit = line(parameter.get("name", "")).lower(), line(parameter.get("unit", ""))
        value = line("".join(parameter.itertext()))
        if name and value:
            known = found.setdefault(name, [])
            text = f"{value} {unit}" if unit and not is_worded(unit) else value
            if text not in known:
                known.append(text)
    return found


def is_worded(unit: str) -> bool:
    """Whether a unit names a scale, as ``RU`` and ``INT`` do for sizes, rather than a measure."""
    return unit.isupper()
