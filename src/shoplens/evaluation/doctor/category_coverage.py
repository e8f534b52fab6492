"""Which dimensions the feed usually fills in for a category: trousers, for example, have no neckline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from shoplens.types import Product

MIN_FILLED_SHARE = 0.5
"""A value counts as missing if at least this share of the products of the same category have a value."""


class CategoryCoverage:
    """Counts per category in how many products the feed leaves a dimension empty."""

    def __init__(self) -> None:
        self._products: Counter[tuple[str, ...]] = Counter()
        self._empty: Counter[tuple[tuple[str, ...], str]] = Counter()

    def add(self, product: Product, empty_dimensions: Collection[str]) -> None:
        """Count one more product, and the dimensions for which the feed gives it no value."""
        self._products[product.category] += 1
        self._empty.update((product.category, name) for name in empty_dimensions)

    def is_expected(self, product: Product, dimension: str) -> bool:
        """Return whether products of its category usually have a value in the dimension.

        For a product without a category, all products decide.
        """
        if product.category:
            products = self._products[product.category]
            empty = self._empty[product.category, dimension]
        else:
            products = sum(self._products.values())
            empty = sum(count for (_, name), count in self._empty.items() if name == dimension)
        return products - empty >= MIN_FILLED_SHARE * products
