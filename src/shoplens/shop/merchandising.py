"""What a shop pins, boosts and buries."""

from __future__ import annotations

from shoplens.ranking.merchandising.resolution import MerchandisingNote, merchandising_notes
from shoplens.shop.parts import ShopParts


class ShopMerchandising:
    """The merchandising of an open shop."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def notes(self) -> list[MerchandisingNote]:
        """Return a note per entry of ``shoplens.toml`` that names a product by anything but its id, or no product."""
        with self._parts.store.reading() as generation:
            return merchandising_notes(generation.index, self._parts.settings.preferences.merchandising)
