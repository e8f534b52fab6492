"""The cache of what a search page shows before a search, read once per generation."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import Any

from shoplens.errors import InvalidValue
from shoplens.shop import Shop

LASTS_S = 600.0
"""Seconds after which prices and samples are read again, because products change without a new generation."""


class StorefrontCache:
    """The storefront of a shop; thread-safe. Threads that ask while it is read wait for it.

    Args:
        shop: that it is of.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop, self._lock = shop, threading.Lock()
        self._version: tuple[str, int] = ("", -1)
        self._read_at = 0.0
        self._document: dict[str, Any] = {}

    def get(self) -> dict[str, Any]:
        """Return the documented object."""
        with self._lock:
            version = (self._shop.generations.live, len(self._shop))
            if version != self._version or time.monotonic() > self._read_at + LASTS_S:
                self._document, self._version = _document(self._shop), version
                self._read_at = time.monotonic()
            return self._document


def _document(shop: Shop) -> dict[str, Any]:
    storefront = shop.products.describe_storefront()
    hashes = shop.products.photo_hashes([one.id for one in storefront.samples])
    samples = [
        {"product_id": one.id, "title": one.title, "photo": f"/v1/photos/{hashes[one.id][one.photos[0]]}"}
        for one in storefront.samples
        if one.photos[0] in hashes.get(one.id, {})
    ]
    try:
        rows = [row for row in shop.dimensions() if row.weight is not None]
    except InvalidValue:  # a store without filters is not steered
        rows = []
    # the dimension of words counts only for queries with words, so it comes last
    rows.sort(key=lambda row: (row.name == "text", -(row.weight or 0)))
    return {
        "fields": [asdict(one) for one in storefront.fields],
        "dimensions": [{"name": row.name, "weight": row.weight} for row in rows],
        "samples": samples,
        "price": None if storefront.price is None else asdict(storefront.price),
        "currency": storefront.currency or shop.settings.currency,
        "photo_ratio": round(storefront.photo_ratio, 3),
    }
