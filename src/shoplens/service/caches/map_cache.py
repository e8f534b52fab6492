"""The cache of the map of the catalogue, computed once per generation."""

from __future__ import annotations

import threading
from typing import Any

from shoplens.evaluation.catalogue_map.child_projection import ChildProjector
from shoplens.shop import Shop


class MapCache:
    """The map of a shop's catalogue; thread-safe. Threads that ask while it is computed wait for it.

    Args:
        shop: whose catalogue it is.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop, self._lock = shop, threading.Lock()
        self._version: tuple[str, int] = ("", -1)
        self._map: dict[str, Any] = {}
        self._projector = ChildProjector()

    def get(self) -> dict[str, Any]:
        """Return products with their coordinates in [0, 1], and a note on the method.

        Raises:
            StoreError: ``closed-store``, the cache was closed.
        """
        with self._lock:
            version = (self._shop.generations.live, len(self._shop))
            if version != self._version:
                self._map, self._version = _map_document(self._shop, self._projector), version
            return self._map

    def close(self) -> None:
        """Give up the map that is being computed; may be called at any time, from any thread."""
        self._projector.close()


def _map_document(shop: Shop, projector: ChildProjector) -> dict[str, Any]:
    catalogue = shop.quality.map(projector=projector)
    hashes = shop.products.photo_hashes([one.product_id for one in catalogue.products])
    products = [
        {
            "id": one.product_id,
            "title": one.title,
            "photo": f"/v1/photos/{next(iter(hashes[one.product_id].values()))}",
            "x": round(one.x, 5),
            "y": round(one.y, 5),
            "dimensions": dict(one.dimensions),
        }
        for one in catalogue.products
        if one.product_id in hashes
    ]
    return {"products": products, "note": catalogue.note}
