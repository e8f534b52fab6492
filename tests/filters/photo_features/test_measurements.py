"""What is measured in a photo: outlines of shapes that can be drawn by hand, and one row for any photo."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.color_histogram import (
    ANCHOR_COUNT,
    ANCHOR_NAMES,
    FINE_SIZE,
    fine_histograms,
    palette,
)
from shoplens.filters.photo_features.measurements import (
    MEASURED_SIZE,
    OUTLINE_SIZE,
    Measurements,
    measure_photo,
    outline_features,
)
from shoplens.filters.photo_features.pixels import Floats, downsample, foreground_mask, rgb_to_oklab
from shoplens.types import Pixels

SILHOUETTE = 144


def lab_of(lightness: Floats) -> Floats:
    return np.stack([lightness, np.zeros_like(lightness), np.zeros_like(lightness)], axis=-1)


def parts(lightness: Floats, mask: Floats) -> tuple[Floats, Floats]:
    """Silhouette (12, 12) and edges (6, 6, 8)."""
    result = outline_features(lab_of(lightness), mask)
    assert (result.shape, result.dtype) == ((OUTLINE_SIZE,), np.float32)
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
    shifted = np.roll(shape, (30, 20), (0, 1))
    assert outline_features(lab_of(shape), shape) == pytest.approx(outline_features(lab_of(shifted), shifted), abs=1e-5)


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
    lab = rgb_to_oklab(np.full((*shape, 3), 200, np.uint8))
    result = outline_features(lab, foreground_mask(lab))
    assert result[:SILHOUETTE] == pytest.approx(0.5)
    assert (result[SILHOUETTE:] == 0).all()


def test_a_few_pixels_are_no_box() -> None:
    mask = np.zeros((96, 96), np.float32)
    mask[40:45, 40:45] = 1
    silhouette, _ = parts(mask, mask)
    assert silhouette.mean() == pytest.approx(25 / 96**2, abs=1e-4)


RANDOM = np.random.default_rng(6)


def shirt(color: tuple[int, int, int]) -> Pixels:
    photo = np.full((600, 500, 3), 245, np.uint8)
    photo[150:520, 140:360] = color
    photo[150:260, 60:440] = color
    return photo


def test_a_row_is_read_back() -> None:
    first = measure_photo(shirt((30, 60, 160)))
    row = first.to_row()
    assert (row.shape, row.dtype) == ((MEASURED_SIZE,), np.float32)
    assert MEASURED_SIZE == FINE_SIZE + OUTLINE_SIZE + ANCHOR_COUNT
    assert (row[:FINE_SIZE] == first.fine).all()
    assert (row[-ANCHOR_COUNT:] == first.palette).all()
    second = Measurements.from_row(row)
    assert (second.to_row() == row).all()
    assert (second.outline == first.outline).all()


def test_a_measurement_consists_of_its_parts() -> None:
    photo = shirt((200, 30, 40))
    lab = rgb_to_oklab(downsample(photo))
    mask = foreground_mask(lab)
    result = measure_photo(photo)
    assert (result.fine == fine_histograms(lab, mask)).all()
    assert (result.palette == palette(lab, mask)).all()


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((400, 300, 3), 255, np.uint8),
        RANDOM.integers(0, 256, (1, 500, 3), dtype=np.uint8),
        RANDOM.integers(0, 256, (500, 1, 3), dtype=np.uint8),
        RANDOM.integers(0, 256, (120, 90, 3), dtype=np.uint8),
        np.asfortranarray(RANDOM.integers(0, 256, (50, 60, 3), dtype=np.uint8))[::-1],
    ],
    ids=["one pixel", "blank", "a row", "a column", "all product", "another memory order"],
)
def test_every_photo_can_be_measured(photo: Pixels) -> None:
    row = measure_photo(photo).to_row()
    assert np.isfinite(row).all()
    assert row.min() >= 0
    assert row[-ANCHOR_COUNT:].sum() == pytest.approx(1, abs=1e-5)
    assert (row == measure_photo(photo.copy()).to_row()).all()


def test_colour_and_shape_are_measured_independently() -> None:
    blue, red = measure_photo(shirt((30, 60, 160))), measure_photo(shirt((200, 30, 40)))
    trousers = np.full((600, 500, 3), 245, np.uint8)
    trousers[60:560, 150:240] = trousers[60:560, 270:350] = trousers[60:160, 150:350] = (30, 60, 160)
    other = measure_photo(trousers)
    assert np.sqrt(blue.palette * red.palette).sum() < 0.2
    assert np.sqrt(blue.palette * other.palette).sum() > 0.9
    assert np.linalg.norm(blue.outline - red.outline) < np.linalg.norm(blue.outline - other.outline)
    assert ANCHOR_NAMES[red.palette.argmax()].endswith("red")
    assert ANCHOR_NAMES[blue.palette.argmax()].endswith("blue")


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidValue, match="measure the photo again"):
        Measurements.from_row(np.zeros(MEASURED_SIZE - 1, np.float32))
    with pytest.raises(InvalidValue, match=r"fine is of shape .* float64"):
        Measurements.from_row(np.zeros(MEASURED_SIZE))
