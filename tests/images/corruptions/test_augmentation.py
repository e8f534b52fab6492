"""Tests of augmented photos."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.images.corruptions.augmentation import LONGEST, Strength, augment_photo
from shoplens.types import Pixels


def on_white(side: int = 200) -> Pixels:
    """A red square on a white background."""
    photo = np.full((side, side, 3), 255, np.uint8)
    photo[side // 4 : -side // 4, side // 4 : -side // 4] = (200, 20, 20)
    return photo


def corners(photo: Pixels) -> Pixels:
    return np.stack([photo[0, 0], photo[0, -1], photo[-1, 0], photo[-1, -1]])


@pytest.mark.parametrize("strength", ["again", "phone"])
def test_a_seed_gives_the_same_pixels_and_others_give_others(strength: Strength) -> None:
    photo = on_white()
    one, same, other = (augment_photo(photo, strength, seed) for seed in ((5, 1), (5, 1), (5, 2)))
    assert one.dtype == np.uint8 and one.ndim == 3 and one.shape[2] == 3
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_a_plain_background_becomes_clutter_and_the_product_stays() -> None:
    views = [augment_photo(on_white(), "phone", (0, view)) for view in range(20)]
    still_white = [(corners(view) > 225).all() for view in views]
    assert np.mean(still_white) < 0.2
    red = [((view[..., 0].astype(int) - view[..., 1] > 60).mean()) for view in views]
    assert min(red) > 0.02


def test_another_background_is_kept_with_the_product() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    mean = [float(augment_photo(noise, "again", (0, view)).mean()) for view in range(10)]
    assert np.std(mean) > 0, "light differs"
    assert 60 < np.mean(mean) < 200


def test_large_photos_are_reduced_and_small_ones_are_accepted() -> None:
    assert max(augment_photo(on_white(900), "again", (1,)).shape) <= LONGEST
    for side in (1, 2, 9):
        for strength in ("again", "phone"):
            assert augment_photo(on_white(side), strength, (1,)).size >= 3  # type: ignore[arg-type]
