"""A photo's measures as one row, whatever the photo."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.measured import MEASURED, Measured, measure
from shoplens.filters.photo_features.palette import ANCHOR_NAMES, ANCHORS, FINE, fine_histograms, palette
from shoplens.filters.photo_features.pixels import foreground, oklab, small
from shoplens.filters.photo_features.silhouette import OUTLINE
from shoplens.types import Pixels

RANDOM = np.random.default_rng(6)


def shirt(color: tuple[int, int, int]) -> Pixels:
    photo = np.full((600, 500, 3), 245, np.uint8)
    photo[150:520, 140:360] = color
    photo[150:260, 60:440] = color
    return photo


def test_a_row_is_read_back() -> None:
    first = measure(shirt((30, 60, 160)))
    row = first.as_row()
    assert (row.shape, row.dtype) == ((MEASURED,), np.float32)
    assert MEASURED == FINE + OUTLINE + ANCHORS
    assert (row[:FINE] == first.fine).all()
    assert (row[-ANCHORS:] == first.palette).all()
    again = Measured.from_row(row)
    assert (again.as_row() == row).all()
    assert (again.outline == first.outline).all()


def test_it_is_what_the_parts_measure() -> None:
    photo = shirt((200, 30, 40))
    lab = oklab(small(photo))
    mask = foreground(lab)
    result = measure(photo)
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
    row = measure(photo).as_row()
    assert np.isfinite(row).all()
    assert row.min() >= 0
    assert row[-ANCHORS:].sum() == pytest.approx(1, abs=1e-5)
    assert (row == measure(photo.copy()).as_row()).all()


def test_colour_and_shape_are_told_apart() -> None:
    blue, red = measure(shirt((30, 60, 160))), measure(shirt((200, 30, 40)))
    trousers = np.full((600, 500, 3), 245, np.uint8)
    trousers[60:560, 150:240] = trousers[60:560, 270:350] = trousers[60:160, 150:350] = (30, 60, 160)
    other = measure(trousers)
    assert np.sqrt(blue.palette * red.palette).sum() < 0.2
    assert np.sqrt(blue.palette * other.palette).sum() > 0.9
    assert np.linalg.norm(blue.outline - red.outline) < np.linalg.norm(blue.outline - other.outline)
    assert ANCHOR_NAMES[red.palette.argmax()].endswith("red")
    assert ANCHOR_NAMES[blue.palette.argmax()].endswith("blue")


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(InvalidValue, match="measure the photo again"):
        Measured.from_row(np.zeros(MEASURED - 1, np.float32))
    with pytest.raises(InvalidValue, match=r"fine is of shape .* float64"):
        Measured.from_row(np.zeros(MEASURED))
