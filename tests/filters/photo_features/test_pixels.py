"""OKLab against published values, and the foreground of photos whose product is known."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.pixels import SIDE, downsample, foreground_mask, oklab_to_linear_rgb, rgb_to_oklab
from shoplens.types import Pixels

PUBLISHED = {
    (255, 255, 255): (1.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (0.62796, 0.22486, 0.12585),
    (0, 255, 0): (0.86644, -0.23389, 0.17950),
    (0, 0, 255): (0.45201, -0.03246, -0.31153),
}
"""sRGB -> OKLab, as in CSS Color 4 and in Ottosson's own table."""


def plain(color: tuple[int, int, int], height: int = SIDE, width: int = SIDE) -> Pixels:
    return np.full((height, width, 3), color, np.uint8)


def with_square(ground: Pixels, color: tuple[int, int, int]) -> Pixels:
    photo = ground.copy()
    photo[20:44, 20:44] = color
    return photo


@pytest.mark.parametrize(("rgb", "lab"), PUBLISHED.items())
def test_known_colours(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert rgb_to_oklab(plain(rgb, 1, 1))[0, 0] == pytest.approx(lab, abs=2e-5)


def test_oklab_is_inverted() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    scaled = rgb / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    lab = rgb_to_oklab(rgb)
    assert (lab.shape, lab.dtype) == (rgb.shape, np.float32)
    assert oklab_to_linear_rgb(lab) == pytest.approx(linear, abs=1e-5)


@pytest.mark.parametrize("shape", [(600, 500), (1, 1), (1, 300), (300, 1), (20, 20)])
def test_every_photo_is_downsampled(shape: tuple[int, int]) -> None:
    result = downsample(plain((10, 200, 30), *shape))
    assert result.shape == (SIDE, SIDE, 3)
    assert (result == (10, 200, 30)).all()


def test_small_takes_means_of_pixels_spread_evenly() -> None:
    photo = np.random.default_rng(1).integers(0, 256, (48, 80, 3), dtype=np.uint8)
    looked = photo[1::3, 2::5].astype(float)
    assert np.abs(downsample(photo, 8) - looked.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))).max() <= 0.5


def test_small_keeps_the_colours_of_smooth_photos_and_of_fine_stripes() -> None:
    y, x = np.mgrid[:810, :617]
    photo = np.stack([x * 255 / 616, y * 255 / 809, 255 - x * 255 / 616], axis=-1).astype(np.uint8)
    expected = [
        [block.mean(axis=(0, 1)) for block in np.array_split(row, 8, axis=1)] for row in np.array_split(photo, 8)
    ]
    assert np.abs(downsample(photo).reshape(8, 8, 8, 8, 3).mean(axis=(1, 3)) - np.array(expected)).max() < 2
    stripes = np.repeat(np.where(np.arange(1000) % 7 < 3, 250, 20).astype(np.uint8), 800 * 3).reshape(1000, 800, 3)
    assert downsample(stripes).mean() == pytest.approx(stripes.mean(), abs=4)


@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_invalid_arguments_are_refused(photo: Pixels) -> None:
    with pytest.raises(InvalidValue, match="Give uint8 of shape"):
        downsample(photo)


@pytest.mark.parametrize(
    ("ground", "color"),
    [
        ((255, 255, 255), (20, 30, 90)),
        ((200, 200, 198), (250, 250, 250)),
        ((245, 245, 243), (255, 255, 255)),
        ((20, 20, 20), (200, 40, 40)),
    ],
    ids=["navy on white", "white on grey", "white on nearly white", "red on black"],
)
def test_the_product_is_the_foreground(ground: tuple[int, int, int], color: tuple[int, int, int]) -> None:
    mask = foreground_mask(rgb_to_oklab(with_square(plain(ground), color)))
    assert (mask.shape, mask.dtype) == ((SIDE, SIDE), np.float32)
    assert mask[20:44, 20:44].min() > 0.9
    mask[20:44, 20:44] = 0
    assert mask.max() == 0


def test_a_ground_with_uneven_light_is_background() -> None:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    ground = np.repeat((225 - 14 * (x**2 + y**2) + 10 * x)[..., None], 3, axis=2).astype(np.uint8)
    mask = foreground_mask(rgb_to_oklab(with_square(ground, (150, 60, 60))))
    assert mask[21:43, 21:43].min() > 0.9
    assert mask[:17].max() < 0.1


def test_a_ground_of_two_colours_is_background() -> None:
    ground = plain((240, 240, 240))
    ground[40:] = (120, 90, 60)
    mask = foreground_mask(rgb_to_oklab(with_square(ground, (20, 40, 200))))
    assert mask[22:42, 22:42].min() > 0.9
    assert mask[:, :17].max() == mask[:, 47:].max() == 0


def test_the_inside_of_an_outline_is_foreground() -> None:
    photo = with_square(plain((255, 255, 255)), (225, 225, 225))
    photo[22:42, 22:42] = 255
    mask = foreground_mask(rgb_to_oklab(photo))
    assert mask[32, 32] == pytest.approx(0.7)
    assert mask[7, 32] == 0


def test_a_single_pixel_is_no_foreground() -> None:
    photo = with_square(plain((255, 255, 255)), (20, 30, 90))
    photo[7, 32] = 0
    mask = foreground_mask(rgb_to_oklab(photo))
    assert mask[14, 32] == 0


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (1, 1), (1, 40), (40, 1)])
def test_one_colour_is_half_foreground(shape: tuple[int, int]) -> None:
    assert (foreground_mask(rgb_to_oklab(plain((90, 20, 20), *shape))) == 0.5).all()


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (1, 30), (30, 1), (2, 2), (3, 5)])
def test_a_photo_filled_by_the_product_has_some_foreground(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    mask = foreground_mask(rgb_to_oklab(photo))
    assert np.isfinite(mask).all()
    assert 0.02 <= mask.mean() <= 1
