"""A snapshot shows the same picture, worse."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from shoplens.images.corruptions.snapshot import take_snapshot


def test_a_snapshot_is_the_same_picture_at_lower_quality() -> None:
    pixels = np.zeros((400, 300, 3), np.uint8)
    pixels[100:300, 80:220] = (200, 30, 30)
    taken = take_snapshot(pixels, seed=3)
    assert taken == take_snapshot(pixels, seed=3)
    assert taken != take_snapshot(pixels, seed=4)
    shown = np.asarray(Image.open(io.BytesIO(taken))).astype(int)
    assert shown.shape == (960, 720, 3)
    red = (shown[..., 0] > 90) & (shown[..., 1] < 70) & (shown[..., 2] < 70)
    assert 0.05 < red.mean() < 0.5
