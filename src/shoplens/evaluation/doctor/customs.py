"""Which dimensions the feed fills in at all for products of a category: trousers have no neckline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from shoplens.types import Product

USUAL = 0.5
"""A value is missing where at least this share of the products of the same category have one."""


class Customs:
    """Counts, product by product, what the feed says something about; then tells what is usual."""

    def __init__(self) -> None:
        self._products: Counter[tuple[str, ...]] = Counter()
        self._silent: Counter[tuple[tuple[str, ...], str]] = Counter()

    def add(self, product: Product, silent: Collection[str]) -> None:
        """One more product, and the dimensions in which the feed says nothing of it."""
        self._products[product.category] += 1
        self._silent.update((product.category, name) for name in silent)

    def expects(self, product: Product, dimension: str) -> bool:
        """Whether products of its category usually have a value; of a dimension that their category is, all do."""
        among = self._products[product.category]
        if not product.category:
            among = sum(self._products.values())
            silent = sum(times for (_, name), times in self._silent.items() if name == dimension)
        else:
            silent = self._silent[product.category, dimension]
        return among - silent >= USUAL * among
