"""The object in a photo: where a mask says that it is, what is cut out, and photos that show nothing."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.images.objects import (
    MAX_OBJECTS,
    cut_out,
    find_object,
    find_objects,
    frame_object,
    is_blank,
    label_components,
)
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


def test_a_frame_is_the_object_and_a_tenth_of_its_sides_around_it() -> None:
    photo = np.arange(100 * 200 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 200, 3)
    found = find_object(mask_with(slice(2, 6), slice(0, 5)))
    assert found is not None
    part = frame_object(photo, found)  # the box is rows 20 to 60, columns 0 to 100
    assert part is not None
    assert (part == photo[16:64, 0:110]).all()


def test_a_frame_of_nearly_the_whole_photo_is_no_frame() -> None:
    found = find_object(mask_with(slice(0, 10), slice(0, 9)))
    assert found is not None
    assert frame_object(np.zeros((50, 50, 3), np.uint8), found) is None


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


def test_things_apart_are_objects_of_their_own_and_the_largest_comes_first() -> None:
    mask = np.full((20, 20), 0.05, np.float32)
    mask[2:6, 2:6], mask[10:18, 8:18], mask[12:13, 0:2] = 0.9, 0.8, 0.4
    found = find_objects(mask)
    assert [one.box for one in found] == [pytest.approx((0.4, 0.5, 0.9, 0.9)), pytest.approx((0.1, 0.1, 0.3, 0.3))]
    assert [one.score for one in found] == pytest.approx([0.8, 0.9])
    assert not (found[0].mask * found[1].mask).any()


def test_a_single_thing_is_the_object_and_an_empty_mask_has_none() -> None:
    mask = mask_with(slice(2, 6), slice(0, 5))
    main = find_object(mask)
    assert main is not None and [one.box for one in find_objects(mask)] == [main.box]
    assert find_objects(np.zeros((65, 65), np.float32)) == ()


def test_specks_beside_a_thing_are_no_objects_and_there_are_at_most_eight() -> None:
    mask = np.zeros((60, 60), np.float32)
    mask[5:45, 5:45], mask[50:56, 50:56] = 0.9, 0.9  # the speck has a fortieth of the size
    assert len(find_objects(mask)) == 1
    many = np.zeros((60, 60), np.float32)
    for number in range(12):
        row, column = divmod(number, 4)
        many[row * 20 : row * 20 + 10, column * 15 : column * 15 + 10] = 0.9
    assert len(find_objects(many)) == MAX_OBJECTS == 8


@pytest.mark.parametrize("share", [0.0, 0.3, 0.55, 0.7, 1.0])
def test_connected_parts_are_those_that_a_flood_reaches(share: float) -> None:
    inside = np.random.default_rng(3).random((17, 23)) < share
    labels = label_components(inside)
    assert ((labels > 0) == inside).all()
    for label in range(1, labels.max() + 1):
        reached = np.zeros_like(inside)
        reached[tuple(np.argwhere(labels == label)[0])] = True
        for _ in range(inside.size):
            grown = reached.copy()
            grown[1:] |= reached[:-1]
            grown[:-1] |= reached[1:]
            grown[:, 1:] |= reached[:, :-1]
            grown[:, :-1] |= reached[:, 1:]
            grown &= inside
            if (grown == reached).all():
                break
            reached = grown
        assert (reached == (labels == label)).all()
