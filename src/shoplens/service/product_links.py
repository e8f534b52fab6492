"""What a shop's settings add to products in answers: a currency, and the address of the product's page."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from shoplens.settings import Settings

_IN_PATHS = "/?&=%#~:@!$'()*+,;"
"""Characters of a feed's own address that are kept as they are."""


def complete_product(row: dict[str, Any], product_id: str, settings: Settings) -> None:
    """Complete the documented object of a product: a missing currency, and its address.

    Args:
        row: with ``price``, ``currency``, ``url`` and ``group_id``; it is changed.
        product_id: its id.
    """
    if row["price"] is not None and not row["currency"]:
        row["currency"] = settings.currency
    row["url"] = product_address(settings.url_template, row["url"], product_id, row["group_id"])


def product_address(template: str, url: str, product_id: str, group_id: str) -> str:
    """Return the address of a product's page.

    An address of the feed that is complete stays as it is.

    Args:
        template: with ``{id}``, ``{group_id}`` and ``{url}``; empty for none.
        url: of the feed, complete or relative.

    >>> product_address("https://shop.example/{url}", "/bags/joust.html", "24-MB01", "")
    'https://shop.example/bags/joust.html'
    >>> product_address("https://shop.example/p/{id}", "", "A/1", "")
    'https://shop.example/p/A%2F1'
    """
    if not template or url.lower().startswith(("http://", "https://")):
        return url
    if "{url}" in template and not url:
        return ""
    values = {
        "{id}": quote(product_id, safe=""),
        "{group_id}": quote(group_id or product_id, safe=""),
        "{url}": quote(url.lstrip("/"), safe=_IN_PATHS),
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template
