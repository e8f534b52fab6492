"""Folds: by group, the same everywhere."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.crossfit import fold_index, number_groups


def test_a_fold_is_the_hash_of_the_folded_group() -> None:
    for name in ("MH01", "", "Straße", "\udce4"):
        digest = hashlib.sha256(name.strip().casefold().encode("utf-8", "backslashreplace")).hexdigest()
        assert fold_index(f" {name}", 7) == int(digest[:16], 16) % 7


def test_folds_never_change() -> None:
    assert [fold_index(name, 5) for name in ("MH01", "mh01 ", "MH02", "111586")] == [2, 2, 4, 2]


def test_folds_are_about_equal() -> None:
    sizes = Counter(fold_index(f"g{number}", 5) for number in range(5000))
    assert set(sizes) == set(range(5))
    assert max(sizes.values()) - min(sizes.values()) < 150


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"There are 1 folds\. Use 2 or more"):
        fold_index("a", 1)


def test_groups_are_numbered_in_order_and_only_equal_names_are_one() -> None:
    assert number_groups(["b", "a", "b", "b\0", "B"]).tolist() == [0, 1, 0, 2, 3]
    assert number_groups([]).shape == (0,)
