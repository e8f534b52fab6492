"""The basis: which directions, how long, and from which photos."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters import basis as module
from shoplens.filters.basis import Basis, fitted_basis, half
from shoplens.filters.palette import FINE

BACKBONE = 6


def features(photos: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((photos, BACKBONE + FINE + 3))
    rows[:, :BACKBONE] = rows[:, :BACKBONE] * [1, 10, 100, 1, 1, 1] + 5
    rows[:, 1] += rows[:, 0]
    return rows.astype(np.float32)


def scaled(rows: np.ndarray) -> np.ndarray:
    """The two blocks by the definition: standardised or centred, then mean squared norm 1."""
    blocks = []
    for block, standard in ((rows[:, :BACKBONE], True), (rows[:, BACKBONE : BACKBONE + FINE], False)):
        centred = block.astype(np.float64) - block.mean(axis=0)
        if standard:
            centred = centred / centred.std(axis=0)
        blocks.append(centred / np.sqrt((centred**2).sum(axis=1).mean()))
    return np.hstack(blocks)


@pytest.mark.parametrize("photos", [50, 700], ids=["fewer photos than columns", "more"])
def test_directions_are_the_principal_components_of_scaled_blocks(photos: int) -> None:
    rows = features(photos)
    found = fitted_basis(rows, BACKBONE)
    truth = scaled(rows)
    assert found.size == min(photos - 1, BACKBONE + FINE, module.MOST)
    assert np.allclose((rows[:, : BACKBONE + FINE] - found.mean) * found.scale, truth, atol=1e-3)
    assert np.allclose(found.axes.T @ found.axes, np.eye(found.size), atol=5e-3)
    variances = np.linalg.svd(truth, compute_uv=False)[: found.size] ** 2
    projected = truth @ found.axes
    assert np.allclose((projected**2).sum(axis=0), variances, rtol=0.02, atol=1e-3)
    assert np.allclose(found.apply(rows), projected / np.linalg.norm(projected, axis=1, keepdims=True), atol=1e-2)


def test_rows_are_of_length_one_but_for_the_mean_and_for_photos_without_features() -> None:
    rows = features(40)
    found = fitted_basis(rows, BACKBONE)
    mean = np.concatenate([found.mean, np.ones(3, np.float32)])[None]
    given = np.concatenate([rows, mean, np.zeros_like(mean)])
    assert np.allclose(np.linalg.norm(found.apply(given), axis=1), [1] * 40 + [0, 0], atol=1e-5)


def test_a_constant_column_is_not_blown_up() -> None:
    rows = features(60)
    rows[:, 3] = 2.0
    rows[0, 3] += 1e-4
    found = fitted_basis(rows, BACKBONE)
    assert found.scale[3] < 100 * np.median(found.scale[:BACKBONE])
    assert np.isfinite(found.apply(rows)).all()


def test_color_can_be_left_out() -> None:
    assert len(fitted_basis(features(30), BACKBONE, with_color=False).mean) == BACKBONE


@pytest.mark.parametrize("photos", [0, 1])
def test_without_two_photos_there_is_no_direction(photos: int) -> None:
    found = fitted_basis(features(photos), BACKBONE)
    assert found.size == 0
    assert found.apply(features(3)).shape == (3, 0)


def test_equal_photos_have_no_direction() -> None:
    assert fitted_basis(np.repeat(features(1), 5, axis=0), BACKBONE).size == 0


def test_only_so_many_photos_and_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAMPLE", 30)
    monkeypatch.setattr(module, "MOST", 7)
    one, two = fitted_basis(features(90), BACKBONE, seed=1), fitted_basis(features(90), BACKBONE, seed=1)
    assert one.size == 7
    assert np.array_equal(one.axes, two.axes)
    assert not np.array_equal(one.mean, fitted_basis(features(90), BACKBONE, seed=2).mean)


def test_chunks_do_not_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = features(50)
    found = fitted_basis(rows, BACKBONE)
    whole = found.apply(rows)
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.allclose(found.apply(rows), whole, atol=1e-6)


def test_axes_survive_half_precision() -> None:
    found = fitted_basis(features(30), BACKBONE)
    assert np.array_equal(half(found.axes), found.axes)


def test_rows_that_are_too_short_are_refused() -> None:
    basis = Basis(np.zeros(5, np.float32), np.ones(5, np.float32), np.eye(5, dtype=np.float32))
    with pytest.raises(InvalidValue, match="at least 5"):
        basis.apply(np.zeros((2, 4), np.float32))
