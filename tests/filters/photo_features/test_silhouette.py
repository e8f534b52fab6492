"""Silhouettes and edges of shapes that can be drawn by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shoplens.filters.photo_features.pixels import Floats, foreground, oklab
from shoplens.filters.photo_features.silhouette import OUTLINE, outline

SILHOUETTE = 144


def lab_of(lightness: Floats) -> Floats:
    return np.stack([lightness, np.zeros_like(lightness), np.zeros_like(lightness)], axis=-1)


def parts(lightness: Floats, mask: Floats) -> tuple[Floats, Floats]:
    """Silhouette (12, 12) and edges (6, 6, 8)."""
    result = outline(lab_of(lightness), mask)
    assert (result.shape, result.dtype) == ((OUTLINE,), np.float32)
    assert 0 <= result.min() <= result.max() <= 1
    return result[:SILHOUETTE].reshape(12, 12), result[SILHOUETTE:].reshape(6, 6, 8)


def test_the_silhouette_is_of_the_bounding_box() -> None:
    mask = np.zeros((96, 96), np.float32)
    mask[20:68, 30:78] = 1
    mask[20:44, 30:54] = 0
    silhouette, _ = parts(mask, mask)
    expected = np.ones((12, 12))
    expected[:6, :6] = 0
    assert silhouette == pytest.approx(expected)


def test_where_the_product_is_does_not_matter() -> None:
    shape = np.zeros((96, 96), np.float32)
    shape[5:45, 10:40] = shape[30:50, 20:60] = 0.8
    there = np.roll(shape, (30, 20), (0, 1))
    assert outline(lab_of(shape), shape) == pytest.approx(outline(lab_of(there), there), abs=1e-5)


def test_edges_by_loops() -> None:
    lightness = np.random.default_rng(5).random((48, 48), dtype=np.float32)
    sums = np.zeros((6, 6, 8))
    for y in range(48):
        for x in range(48):
            above, below = max(y - 1, 0), min(y + 1, 47)
            left, right = max(x - 1, 0), min(x + 1, 47)
            down = (lightness[below, x] - lightness[above, x]) / (below - above)
            across = (lightness[y, right] - lightness[y, left]) / (right - left)
            turn = math.atan2(down, across) % math.pi / math.pi * 8
            first, part = int(turn), turn - int(turn)
            sums[y // 8, x // 8, first % 8] += math.hypot(down, across) * (1 - part)
            sums[y // 8, x // 8, (first + 1) % 8] += math.hypot(down, across) * part
    _, edges = parts(lightness, np.ones((48, 48), np.float32))
    assert edges == pytest.approx(np.sqrt(sums / np.linalg.norm(sums)), abs=1e-3)


def test_upright_and_level_stripes_differ() -> None:
    stripes = np.tile(np.sin(np.arange(96) / 3).astype(np.float32) / 2 + 0.5, (96, 1))
    everything = np.ones((96, 96), np.float32)
    _, upright = parts(stripes, everything)
    _, level = parts(np.ascontiguousarray(stripes.T), everything)
    assert upright.sum(axis=(0, 1)).argmax() == 0
    assert level.sum(axis=(0, 1)).argmax() == 4
    assert (upright**2).ravel() @ (level**2).ravel() < 0.05


@pytest.mark.parametrize("shape", [(96, 96), (1, 40), (40, 1), (1, 1)])
def test_a_blank_photo_has_no_edges(shape: tuple[int, int]) -> None:
    lab = oklab(np.full((*shape, 3), 200, np.uint8))
    result = outline(lab, foreground(lab))
    assert result[:SILHOUETTE] == pytest.approx(0.5)
    assert (result[SILHOUETTE:] == 0).all()


def test_a_few_pixels_are_no_box() -> None:
    mask = np.zeros((96, 96), np.float32)
    mask[40:45, 40:45] = 1
    silhouette, _ = parts(mask, mask)
    assert silhouette.mean() == pytest.approx(25 / 96**2, abs=1e-4)
