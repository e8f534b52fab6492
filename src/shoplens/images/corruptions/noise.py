"""The noise of a sensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Levels = npt.NDArray[np.number[Any]]
"""Numbers per pixel on the scale of 0..255, shape (height, width, 3); of noise also (height, width, 1)."""


def add_noise(levels: Levels, noise: Levels) -> Image.Image:
    """Return a picture with noise; what leaves 0..255 is clipped, and fractions are cut off."""
    return Image.fromarray((levels + noise).clip(0, 255).astype(np.uint8))


def tile_noise(noise: Levels, height: int, width: int) -> Levels:
    """Return a small field of noise repeated to this size: drawing all of it would take longer than everything else."""
    rows, columns = noise.shape[:2]
    return np.tile(noise, (height // rows + 1, width // columns + 1, 1))[:height, :width]
