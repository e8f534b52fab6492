"""By what names the products of a feed are known, so that an attribute that names products is told from one of classes.

Eight bytes per name, a hash of it: no text is kept, and a million products of three names each take 24 MB while
dimensions are found. Which attributes could name products is known only when all have been seen, and a second pass over
a store costs more than that.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping

import numpy as np

from shoplens.filters.fitting.crossfit import Ints
from shoplens.settings import fold_name
from shoplens.types import Product

_BETWEEN = re.compile(r"[,;|]")
"""Between ids that a feed writes as one text."""


class Identifiers:
    """The ids, further identifiers and groups of products."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, product: Product) -> None:
        for name in (product.id, product.group_id, *product.identifiers):
            if name:
                self._hashes.append(hash(fold_name(name)))

    def find_named(self, values: Mapping[str, int]) -> dict[str, int]:
        """Those of the values (with their products) that are one of these names, or several with commas between."""
        if not self._hashes:
            return {}
        known = np.frombuffer(self._hashes, np.int64)
        known.sort()  # in place: a copy would take as much again
        return {
            value: held
            for value, held in values.items()
            if _are_known(known, [value]) or _are_known(known, _BETWEEN.split(value))
        }


def _are_known(known: Ints, texts: list[str]) -> bool:
    """Whether there are such texts, and the hashes of all are among the known ones, which are sorted."""
    wanted = np.array([hash(name) for name in map(fold_name, texts) if name], np.int64)
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return len(wanted) > 0 and bool((known[places] == wanted).all())
