"""Black, white and noise show nothing; anything with a shape in it shows something."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.images.blankness import is_blank
from tests.images.made_photos import scene

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_one_colour_is_blank(level: int) -> None:
    assert is_blank(np.full((60, 40, 3), level, np.uint8))
    almost = np.clip(level + RNG.integers(-2, 3, (60, 40, 3)), 0, 255).astype(np.uint8)
    assert is_blank(almost)


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
