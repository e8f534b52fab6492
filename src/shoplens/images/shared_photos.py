"""Photos that a large share of all products have, found in one pass and flat memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

COUNTERS = 400
"""Photos that are counted at once: no photo that more than one product in 400 has is missed."""


class SharedPhoto(NamedTuple):
    """A photo that many products have.

    Attributes:
        source: where the first of these products has it.
        product_id: that product.
        products: how many have it, at least; at most one product in 400 more.
    """

    source: str
    product_id: str
    products: int


class SharedPhotos:
    """Counts photos by their content with a fixed number of counters (Misra and Gries 1982, "Finding repeated
    elements")."""

    def __init__(self) -> None:
        self.products = 0
        self._counts: dict[str, SharedPhoto] = {}

    def add(self, product_id: str, photos: Iterable[tuple[str, str]]) -> None:
        """Count a product.

        Args:
            product_id: its id.
            photos: content hash and source of each of its photos.
        """
        self.products += 1
        for name, source in dict(photos).items():
            known = self._counts.get(name)
            if known is not None:
                self._counts[name] = known._replace(products=known.products + 1)
            elif len(self._counts) < COUNTERS:
                self._counts[name] = SharedPhoto(source, product_id, 1)
            else:
                self._lower()

    def of_more_than(self, share: float, least: int = 2) -> list[SharedPhoto]:
        """Photos that more than this share of the products have, and ``least`` or more of them, most first.

        >>> shared = SharedPhotos()
        >>> for name in "abcd":
        ...     shared.add(name, [("placeholder", f"{name}.jpg"), (name, f"{name}-own.jpg")])
        >>> [(one.source, one.products) for one in shared.of_more_than(0.5)]
        [('a.jpg', 4)]
        """
        least = max(least, int(share * self.products) + 1)
        return sorted((one for one in self._counts.values() if one.products >= least), key=lambda one: -one.products)

    def _lower(self) -> None:
        """Take one off every counter, and give away those that are at nothing."""
        lowered = ((name, one._replace(products=one.products - 1)) for name, one in self._counts.items())
        self._counts = {name: one for name, one in lowered if one.products}
