"""The object in a photo: where a mask says that it is, what is cut out, and photos that show nothing."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.images.objects import cut_out, find_object, is_blank
from tests.images.made_photos import scene

RNG = np.random.default_rng(0)


def mask_with(rows: slice, columns: slice, size: int = 10, inside: float = 0.9) -> np.ndarray:
    mask = np.full((size, size), 0.1, np.float32)
    mask[rows, columns] = inside
    return mask


def test_the_box_of_an_object_is_in_shares_and_in_pixels() -> None:
    found = find_object(mask_with(slice(2, 6), slice(0, 5)))
    assert found is not None
    assert found.box == pytest.approx((0.0, 0.2, 0.5, 0.6))
    region = found.region(200, 100)
    assert (region.x, region.y, region.width, region.height) == (0, 20, 100, 40)


def test_an_empty_mask_shows_no_object() -> None:
    assert find_object(np.zeros((65, 65), np.float32)) is None
    assert find_object(mask_with(slice(0, 0), slice(0, 0))) is None


def test_a_box_has_at_least_one_pixel() -> None:
    found = find_object(mask_with(slice(9, 10), slice(9, 10)))
    assert found is not None
    region = found.region(3, 3)
    assert (region.x, region.y, region.width, region.height) == (2, 2, 1, 1)


def test_the_object_is_cut_out_on_white_in_its_proportions() -> None:
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[..., 0] = 200
    found = find_object(mask_with(slice(3, 7), slice(1, 9), inside=1.0))
    assert found is not None
    square = cut_out(photo, found)
    assert square.shape[0] == square.shape[1] == 180  # 8 of 10 columns of 200 pixels, and a margin of 6 % on both sides
    assert square.dtype == np.uint8
    middle = square[90, 90]
    assert tuple(middle) == (200, 0, 0)
    assert (square[0] == 255).all() and (square[-1] == 255).all()


def test_an_object_that_fills_the_photo_stays_whole() -> None:
    photo = np.full((30, 30, 3), 7, np.uint8)
    found = find_object(np.ones((5, 5), np.float32))
    assert found is not None
    assert (cut_out(photo, found) == 7).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_one_colour_is_blank(level: int) -> None:
    assert is_blank(np.full((60, 40, 3), level, np.uint8))
    almost = np.clip(level + RNG.integers(-2, 3, (60, 40, 3)), 0, 255).astype(np.uint8)
    assert is_blank(almost)


def test_a_swatch_of_a_clear_colour_is_not_blank() -> None:
    assert not is_blank(np.full((60, 40, 3), (180, 30, 40), np.uint8))


def test_noise_is_blank() -> None:
    assert is_blank(RNG.integers(0, 256, (60, 40, 3)).astype(np.uint8))


def test_a_scene_and_a_shape_in_the_dark_are_not_blank() -> None:
    assert not is_blank(np.asarray(scene(90, 60, 1)))
    dark = np.full((60, 40, 3), 5, np.uint8)
    dark[20:40, 10:30] = 25
    assert not is_blank(dark)


def test_a_line_of_pixels_is_judged_by_its_contrast() -> None:
    assert is_blank(np.zeros((1, 40, 3), np.uint8))
    assert not is_blank(np.arange(120, dtype=np.uint8).reshape(1, 40, 3))
