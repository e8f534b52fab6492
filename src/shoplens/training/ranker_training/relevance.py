"""Graded relevance of products, by what the feed says: products after the right one should still be like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shoplens.build.filter_scoring import ProductScorer
from shoplens.types import Product, group_of

SAME, VARIANT, SIMILAR, RELATED, OTHER = 1.0, 0.3, 0.1, 0.03, 0.0
"""Gains: the same product; another of its group; one of its category for which the feed says the same in most other
dimensions; one of its category; any other."""
MIN_AGREEMENT = 0.5
"""Share of the known dimensions above which two products agree in most of them."""

Classes = Mapping[str, tuple[str, ...]]
Floats = npt.NDArray[np.float32]


class ProductRelevance:
    """The relevance of products to each other.

    Args:
        scorer: reads what the feed says of the products.
        products: n products.
    """

    def __init__(self, scorer: ProductScorer, products: Sequence[Product]) -> None:
        trees = {dimension.name for dimension in scorer.filters.dimensions if dimension.kind == "tree"}
        classes_of_products = [scorer.reader.read_classes(product) for product in products]
        self._categories = _number_values(
            [_category(product, classes, trees) for product, classes in zip(products, classes_of_products, strict=True)]
        )
        self._groups = _number_values([group_of(product) for product in products])
        names = sorted({name for classes in classes_of_products for name in classes} - trees)
        columns = [_number_values([classes.get(name, ()) for classes in classes_of_products]) for name in names]
        self._values = np.stack(columns, axis=1) if columns else np.zeros((len(products), 0), np.int64)

    def gains(self, product: int) -> Floats:
        """Return how relevant each product is to someone who searches for this one, float32 (n,)."""
        gains = np.full(len(self._categories), OTHER, np.float32)
        if self._categories[product] >= 0:
            related = self._categories == self._categories[product]
            values = self._values[product]
            is_known = (self._values >= 0) & (values >= 0)
            agrees = (is_known & (self._values == values)).sum(axis=1) > MIN_AGREEMENT * np.maximum(
                is_known.sum(axis=1), 1
            )
            gains[related] = RELATED
            gains[related & agrees] = SIMILAR
        gains[self._groups == self._groups[product]] = VARIANT
        gains[product] = SAME
        return gains


def _category(product: Product, classes: Classes, trees: set[str]) -> object:
    """Return the category of a product; an empty value if the feed does not name one."""
    return product.category or next((classes[name][-1:] for name in sorted(trees) if name in classes), ())


def _number_values(values: Sequence[object]) -> npt.NDArray[np.int64]:
    """Return a number for each value, the same for equal values; -1 for empty values."""
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) if value else -1 for value in values], np.int64)
