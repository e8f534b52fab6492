"""The map of the catalogue, drawn once for each generation."""

from __future__ import annotations

import threading
from typing import Any

from shoplens.shop import Shop


class Maps:
    """Thread-safe; whoever comes while it is drawn waits for it.

    Args:
        shop: whose catalogue.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop, self._lock = shop, threading.Lock()
        self._of: tuple[str, int] = ("", -1)
        self._drawn: dict[str, Any] = {}

    def get(self) -> dict[str, Any]:
        """Products with their places, 0 to 1 both ways; and how these were found."""
        with self._lock:
            now = (self._shop.generations.live, len(self._shop))
            if now != self._of:
                self._drawn, self._of = _document(self._shop), now
            return self._drawn


def _document(shop: Shop) -> dict[str, Any]:
    found = shop.quality.map()
    hashes = shop.products.photo_hashes([one.product_id for one in found.products])
    products = [
        {
            "id": one.product_id,
            "title": one.title,
            "photo": f"/v1/photos/{next(iter(hashes[one.product_id].values()))}",
            "x": round(one.x, 5),
            "y": round(one.y, 5),
            "dimensions": dict(one.dimensions),
        }
        for one in found.products
        if one.product_id in hashes
    ]
    return {"products": products, "note": found.note}
