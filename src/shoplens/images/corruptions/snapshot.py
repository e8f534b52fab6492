"""A recipe: a catalogue's picture, laid on a table and photographed in a hurry."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from shoplens.images.corruptions.backgrounds import draw_wooden_table
from shoplens.images.corruptions.blur import blur
from shoplens.images.corruptions.compression import encode_jpeg
from shoplens.images.corruptions.noise import add_noise
from shoplens.types import Pixels

SIZE = (720, 960)


def take_snapshot(pixels: Pixels, seed: int) -> bytes:
    """Return a JPEG file as a hurried phone would make it of a picture: askew, off centre, warm, soft and compressed.

    Args:
        pixels: uint8 (h, w, 3), RGB, upright.
        seed: the same picture and seed give the same bytes.
    """
    rng = np.random.default_rng(seed)
    image = ImageOps.contain(Image.fromarray(pixels), (560, 720), Image.Resampling.BICUBIC)
    table = draw_wooden_table(SIZE, rng)
    left, top = (int(rng.integers(40, table.size[axis] - image.size[axis] - 30)) for axis in (0, 1))
    table.paste(image, (left, top))
    width, height = table.size
    corners = np.array([[0, 0], [0, height], [width, height], [width, 0]]) + rng.uniform(-60, 60, (4, 2))
    photo = table.transform(table.size, Image.Transform.QUAD, tuple(corners.ravel()), Image.Resampling.BICUBIC)
    left_light, right_light = rng.uniform(0.62, 1.12, 2)
    light = np.linspace(left_light, right_light, width)[None, :, None] * rng.uniform(0.85, 1.12, 3)
    levels = np.asarray(photo).astype(np.float32) * light
    photo = blur(add_noise(levels, rng.normal(0, 5, levels.shape)), 1.2)
    photo = ImageEnhance.Contrast(photo).enhance(float(rng.uniform(0.8, 1.05)))
    return encode_jpeg(photo, int(rng.integers(45, 70)))
