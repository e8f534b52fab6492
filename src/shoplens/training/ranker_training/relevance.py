"""Graded likeness of products, by what the feed says: what comes after the right product should still be like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shoplens.build.filter_scoring import ProductScorer
from shoplens.filters.fitting.crossfit import group_of
from shoplens.types import Product

SAME, VARIANT, AGREEING, RELATED, OTHER = 1.0, 0.3, 0.1, 0.03, 0.0
"""Gains: the same product; another of its group; one of its category of which the feed says the same in most other
dimensions; one of its category; any other."""
MOST = 0.5

Classes = Mapping[str, tuple[str, ...]]
Floats = npt.NDArray[np.float32]


class ProductRelevance:
    """Products to compare.

    Args:
        scorer: reads what the feed says of them.
        products: n products.
    """

    def __init__(self, scorer: ProductScorer, products: Sequence[Product]) -> None:
        trees = {one.name for one in scorer.filters.dimensions if one.kind == "tree"}
        told = [scorer.reader.of(product) for product in products]
        self._kinds = _numbers(
            [_kind(product, classes, trees) for product, classes in zip(products, told, strict=True)]
        )
        self._groups = _numbers([group_of(product) for product in products])
        names = sorted({name for classes in told for name in classes} - trees)
        columns = [_numbers([classes.get(name, ()) for classes in told]) for name in names]
        self._values = np.stack(columns, axis=1) if columns else np.zeros((len(products), 0), np.int64)

    def gains(self, product: int) -> Floats:
        """float32 (n,): how much each product is worth to who looks for this one."""
        found = np.full(len(self._kinds), OTHER, np.float32)
        if self._kinds[product] >= 0:
            related = self._kinds == self._kinds[product]
            mine = self._values[product]
            both = (self._values >= 0) & (mine >= 0)
            agreeing = (both & (self._values == mine)).sum(axis=1) > MOST * np.maximum(both.sum(axis=1), 1)
            found[related] = RELATED
            found[related & agreeing] = AGREEING
        found[self._groups == self._groups[product]] = VARIANT
        found[product] = SAME
        return found


def _kind(product: Product, classes: Classes, trees: set[str]) -> object:
    """What kind of thing it is; nothing where the feed does not say."""
    return product.category or next((classes[name][-1:] for name in sorted(trees) if name in classes), ())


def _numbers(values: Sequence[object]) -> npt.NDArray[np.int64]:
    """A number for each value, equal for equal ones; -1 for nothing."""
    known: dict[object, int] = {}
    return np.array([known.setdefault(value, len(known)) if value else -1 for value in values], np.int64)
