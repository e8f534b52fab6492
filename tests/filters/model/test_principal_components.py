"""Projections to unit vectors; principal components of each block: which directions, how long, from which photos."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.model import principal_components as module
from shoplens.filters.model.principal_components import (
    FeatureProjection,
    fit_principal_components,
    normalize_rows,
    round_to_half,
)
from shoplens.filters.photo_features.color_histogram import FINE_SIZE
from shoplens.filters.photo_features.measurements import MEASURED_SIZE, OUTLINE_SIZE

RANDOM = np.random.default_rng(2)


def toy_projection(size: int | None = None) -> FeatureProjection:
    axes = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    return FeatureProjection.from_axes(2, np.arange(5.0, dtype=np.float32), 9 * axes, size)


def test_unit_vectors_equal_their_definition() -> None:
    rows = RANDOM.standard_normal((4, 9)).astype(np.float32)
    axes = np.random.default_rng(0).standard_normal((5, 3))
    expected = (rows[:, 2:7] - np.arange(5)) @ axes
    result = toy_projection().unit_vectors(rows)
    assert np.allclose(result, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-3)
    assert np.allclose(normalize_rows(toy_projection().project(rows)), result)


def test_the_mean_and_what_was_not_read_are_zeros() -> None:
    rows = np.zeros((2, 7), np.float32)
    rows[0, 2:] = np.arange(5)
    rows[1, :2] = 3
    assert not toy_projection().unit_vectors(rows).any()


def test_axes_are_at_most_one_survive_half_precision_and_are_padded() -> None:
    result = toy_projection(6)
    assert result.axes.shape == (5, 6)
    assert result.size == 6
    assert np.abs(result.axes).max() == 1
    assert not result.axes[:, 3:].any()
    assert np.array_equal(round_to_half(result.axes), result.axes)
    assert FeatureProjection.from_axes(0, np.zeros(2, np.float32), np.zeros((2, 0), np.float32), 4).axes.shape == (2, 4)


def test_chunks_do_not_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = RANDOM.standard_normal((50, 8)).astype(np.float32)
    whole = toy_projection().unit_vectors(rows)
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert np.allclose(toy_projection().unit_vectors(rows), whole, atol=1e-6)


def test_rows_that_are_too_short_for_a_projection_are_refused() -> None:
    with pytest.raises(InvalidValue, match="at least 7"):
        toy_projection().unit_vectors(np.zeros((2, 6), np.float32))


BACKBONE = 6
ENDS = np.cumsum([0, BACKBONE, FINE_SIZE, OUTLINE_SIZE])
SHARES = (0.64, 0.64, 0.424)


def features(photos: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.standard_normal((photos, BACKBONE + MEASURED_SIZE)) * 0.98 ** np.arange(BACKBONE + MEASURED_SIZE)
    rows[:, :BACKBONE] = random.standard_normal((photos, BACKBONE)) * [1, 10, 100, 1, 1, 1] + 5
    rows[:, 1] += rows[:, 0]
    return rows.astype(np.float32)


def blocks_of(rows: np.ndarray) -> list[np.ndarray]:
    """By the definition: the backbone standardised, the others centred."""
    result = []
    for number, (start, end) in enumerate(pairwise(ENDS)):
        centred = rows[:, start:end].astype(np.float64) - rows[:, start:end].mean(axis=0)
        result.append(centred / centred.std(axis=0) if number == 0 else centred)
    return result


def test_directions_are_the_principal_components_of_each_block() -> None:
    """As much of the variance lies along each as along the singular vectors of the same place."""
    rows = features(900)
    result = fit_principal_components(rows, BACKBONE)
    assert [block.size for block in result.blocks] == [6, 127, 127]
    for block, true_block in zip(result.blocks, blocks_of(rows), strict=True):
        strengths = np.linalg.svd(true_block, compute_uv=False)[:60]
        projected = block.project(rows)[:, :60]
        norms = np.linalg.norm(projected, axis=0)
        assert np.allclose(norms / norms[0], strengths[: len(norms)] / strengths[0], rtol=0.02)
        assert np.allclose((projected / norms).T @ (projected / norms), np.eye(len(norms)), atol=0.02)


def test_directions_are_fewer_than_photos() -> None:
    assert 70 < fit_principal_components(features(300), BACKBONE).size - BACKBONE < 0.85 * 300
    assert [block.size for block in fit_principal_components(features(2), BACKBONE).blocks] == [1, 1, 1]


def test_each_block_counts_by_its_share() -> None:
    rows = features(80)
    result = fit_principal_components(rows, BACKBONE)
    numbers = result.transform(rows)
    assert numbers.shape == (80, result.size)
    ends = np.cumsum([block.size for block in result.blocks])[:-1]
    for part, share in zip(np.split(numbers, ends, axis=1), SHARES, strict=True):
        assert np.allclose(np.linalg.norm(part, axis=1), share, atol=1e-5)
    assert np.allclose(result.join_blocks([block.project(rows) for block in result.blocks]), numbers)


def test_a_photo_without_features_is_zeros() -> None:
    result = fit_principal_components(features(40), BACKBONE)
    assert not result.transform(np.zeros((1, BACKBONE + MEASURED_SIZE), np.float32)).any()


def test_a_constant_column_is_not_blown_up() -> None:
    rows = features(60)
    rows[:, 3] = 2.0
    rows[0, 3] += 1e-4
    axes = fit_principal_components(rows, BACKBONE).blocks[0].axes
    assert np.abs(axes[3]).max() < 100 * np.median(np.abs(axes).max(axis=1))


@pytest.mark.parametrize("photos", [0, 1])
def test_without_two_photos_there_is_no_direction(photos: int) -> None:
    result = fit_principal_components(features(photos), BACKBONE)
    assert result.size == 0
    assert result.transform(features(3)).shape == (3, 0)


def test_equal_photos_have_no_direction() -> None:
    assert fit_principal_components(np.repeat(features(1), 5, axis=0), BACKBONE).size == 0


def test_a_large_catalogue_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAMPLE", 30)
    item, two = (
        fit_principal_components(features(90), BACKBONE, seed=1),
        fit_principal_components(features(90), BACKBONE, seed=1),
    )
    assert [block.size for block in item.blocks] == [6, 4, 4]
    assert np.array_equal(item.blocks[1].axes, two.blocks[1].axes)
    assert not np.array_equal(
        item.blocks[0].mean, fit_principal_components(features(90), BACKBONE, seed=2).blocks[0].mean
    )


def test_rows_that_are_too_short_are_refused() -> None:
    with pytest.raises(InvalidValue, match=f"at least {BACKBONE + FINE_SIZE + OUTLINE_SIZE}"):
        fit_principal_components(features(9), BACKBONE).transform(np.zeros((2, BACKBONE + FINE_SIZE), np.float32))


def test_rows_of_zeros_have_no_direction_and_stay() -> None:
    assert normalize_rows(np.array([[3, 4], [0, 0]], np.float32)).ravel().tolist() == pytest.approx([0.6, 0.8, 0, 0])
