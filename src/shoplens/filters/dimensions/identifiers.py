"""Collects the names of the products of a feed, to recognize attributes that name products rather than classes.

Only a hash of eight bytes per name is kept: a million products with three names each take 24 MB while dimensions are
derived. Which attributes could name products is known only after all products were read, and a second pass over a store
would cost more than that.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping

import numpy as np

from shoplens.filters.fitting.crossfit import Ints
from shoplens.settings import fold_name
from shoplens.types import Product

_SEPARATORS = re.compile(r"[,;|]")
"""Separators of ids that a feed writes as one text."""


class ProductNames:
    """The ids, further identifiers and groups of products, as hashes."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, product: Product) -> None:
        """Add all names of a product."""
        for name in (product.id, product.group_id, *product.identifiers):
            if name:
                self._hashes.append(hash(fold_name(name)))

    def select_names(self, values: Mapping[str, int]) -> dict[str, int]:
        """Return the values that are one of these names, or several of them with separators in between.

        Args:
            values: value -> number of products.
        """
        if not self._hashes:
            return {}
        known = np.frombuffer(self._hashes, np.int64)
        known.sort()  # in place, because a copy would double the memory
        return {
            value: count
            for value, count in values.items()
            if _are_known(known, [value]) or _are_known(known, _SEPARATORS.split(value))
        }


def _are_known(known: Ints, texts: list[str]) -> bool:
    """Return whether any text is not empty, and the hashes of all are among the known ones, which are sorted."""
    hashes = np.array([hash(name) for name in map(fold_name, texts) if name], np.int64)
    positions = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return len(hashes) > 0 and bool((known[positions] == hashes).all())
