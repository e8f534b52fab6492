"""A region counts pixels of the upright photo at full resolution, whatever was decoded."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.images import crop_pixels, decode_photo
from shoplens.settings import Settings
from shoplens.types import Region
from tests.images.made_photos import encoded, scene


def test_a_region_of_full_pixels_is_a_slice(settings: Settings) -> None:
    pixels = np.asarray(scene())
    assert np.array_equal(crop_pixels(pixels, Region(10, 5, 30, 20)), pixels[5:25, 10:40])
    picture = decode_photo(encoded(scene(), "PNG"), settings)
    assert np.array_equal(picture.crop(Region(10, 5, 30, 20)), pixels[5:25, 10:40])
    assert np.array_equal(picture.crop(Region(0, 0, 96, 64)), pixels)
    assert picture.crop(Region(95, 63, 1, 1)).shape == (1, 1, 3)


@pytest.mark.parametrize("region", [(0, 0, 97, 64), (0, 0, 96, 65), (90, 0, 7, 5), (96, 0, 1, 1), (0, 64, 1, 1)])
def test_a_region_outside_names_the_size(region: tuple[int, int, int, int], settings: Settings) -> None:
    for shortest in (None, 8):
        picture = decode_photo(encoded(scene(), "JPEG"), settings, shortest=shortest)
        with pytest.raises(InvalidValue, match="96 x 64"):
            picture.crop(Region(*region))


def test_a_region_of_a_reduced_photo_is_scaled(settings: Settings) -> None:
    data = encoded(scene(800, 600), "JPEG", quality=95)
    whole, reduced = decode_photo(data, settings), decode_photo(data, settings, shortest=150)
    assert reduced.pixels.shape == (150, 200, 3)
    region = Region(400, 200, 160, 120)
    assert reduced.crop(region).shape == (30, 40, 3)
    assert np.abs(reduced.crop(region).mean((0, 1)) - whole.crop(region).mean((0, 1))).max() < 2
    assert reduced.crop(Region(799, 599, 1, 1)).shape == (1, 1, 3)
    assert reduced.crop(Region(1, 1, 2, 2)).shape == (1, 1, 3)
    assert reduced.crop(Region(2, 2, 4, 4)).shape == (2, 2, 3)
