"""Columns as unit vectors."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.model import projection as module
from shoplens.filters.model.projection import Projection, half, unit

RANDOM = np.random.default_rng(2)


def made(size: int | None = None) -> Projection:
    axes = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    return Projection.of(2, np.arange(5.0, dtype=np.float32), 9 * axes, size)


def test_it_is_its_definition() -> None:
    rows = RANDOM.standard_normal((4, 9)).astype(np.float32)
    axes = np.random.default_rng(0).standard_normal((5, 3))
    expected = (rows[:, 2:7] - np.arange(5)) @ axes
    found = made().apply(rows)
    assert np.allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-3)
    assert np.allclose(unit(made().project(rows)), found)


def test_the_mean_and_what_was_not_read_are_zeros() -> None:
    rows = np.zeros((2, 7), np.float32)
    rows[0, 2:] = np.arange(5)
    rows[1, :2] = 3
    assert not made().apply(rows).any()


def test_axes_are_at_most_one_survive_half_precision_and_are_padded() -> None:
    found = made(6)
    assert found.axes.shape == (5, 6)
    assert found.size == 6
    assert np.abs(found.axes).max() == 1
    assert not found.axes[:, 3:].any()
    assert np.array_equal(half(found.axes), found.axes)
    assert Projection.of(0, np.zeros(2, np.float32), np.zeros((2, 0), np.float32), 4).axes.shape == (2, 4)


def test_chunks_do_not_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = RANDOM.standard_normal((50, 8)).astype(np.float32)
    whole = made().apply(rows)
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.allclose(made().apply(rows), whole, atol=1e-6)


def test_rows_that_are_too_short_are_refused() -> None:
    with pytest.raises(InvalidValue, match="at least 7"):
        made().apply(np.zeros((2, 6), np.float32))
