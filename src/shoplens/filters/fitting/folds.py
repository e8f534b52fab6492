"""Folds that never cut a group: two colours or views of one product never stand on both sides of a split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.crossfit import Ints
from shoplens.preferences import fold_name
from shoplens.types import Product


def group_of(product: Product) -> str:
    """The group of a product; one without a group is its own, by its id."""
    return product.group_id or product.id


def fold_of(group: str, folds: int) -> int:
    """The fold of a group, 0 to ``folds`` - 1: the same on every machine and in every run, whatever other groups
    there are. Groups are compared folded.

    The first 8 bytes of the SHA-256 of the name, modulo ``folds``.

    >>> fold_of("MH01", 5) == fold_of(" mh01", 5)
    True

    Raises:
        InvalidValue: fewer than two folds.
    """
    if folds < 2:
        raise InvalidValue(f"There are {folds} folds.", "Ask for 2 or more, one to test on and the others to learn.")
    digest = hashlib.sha256(fold_name(group).encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:8], "big") % folds


def number_groups(groups: Iterable[str]) -> Ints:
    """int64 (n,): a number for the group of each of n photos, from 0 on.

    >>> number_groups(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)
