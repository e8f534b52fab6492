"""A recipe: one thing that goes wrong with a shopper's photo, alone, for the quality gate.

Every kind starts from the photo a little smaller than it was (longest side at most :data:`LONGEST`), so that not even
``clean`` is equal, byte for byte or pixel for pixel, to the photo that the store knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.images.corruptions.blur import blur_at_half_size
from shoplens.images.corruptions.compression import STORED_AS, encode_jpeg, encode_turned_jpeg
from shoplens.images.corruptions.framing import crop_too_close, resize_by, tilt
from shoplens.images.corruptions.hands import EDGES, HandPlacement, cover_with_hand, pick_hand
from shoplens.images.corruptions.light import Exposure, add_glare, expose
from shoplens.images.corruptions.noise import add_noise, tile_noise
from shoplens.images.corruptions.screenshot import draw_screenshot
from shoplens.types import Pixels

Rng = np.random.Generator
LONGEST = 800
"""Pixels of the longest side, at most."""
SMALLEST = 8
"""Pixels of the shortest side of a photo that can be corrupted."""

_QUALITY = 92
_SHRINK = 0.94
_GRAIN = (160, 160, 3)


@dataclass(frozen=True, slots=True)
class Corruption:
    """One thing that goes wrong.

    Attributes:
        about: a sentence for people.
        file: upright RGB picture and random numbers -> the JPEG file's bytes.
    """

    about: str
    file: Callable[[Image.Image, Rng], bytes]


def corrupt(pixels: Pixels, kind: str, seed: int) -> bytes:
    """Return the photo as it would arrive with one thing gone wrong: a JPEG file's bytes.

    Args:
        pixels: uint8 (h, w, 3), RGB, upright, at least 8 x 8.
        kind: of :data:`CORRUPTIONS`.
        seed: 0 or more; the same photo, kind and seed give the same bytes. Give each photo its own, or all of them
            are tilted by the same angle.

    Raises:
        InvalidValue: for anything else.
    """
    if kind not in CORRUPTIONS:
        raise InvalidValue(f"Corruption is {kind!r}.", f"Choose of {', '.join(CORRUPTIONS)}.")
    if seed < 0:
        raise InvalidValue(f"The seed is {seed!r}.", "Choose 0 or more.")
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < SMALLEST:
        raise InvalidValue(
            f"A photo of shape {pixels.shape}, {pixels.dtype}, cannot be corrupted.",
            f"Give uint8 of shape (height, width, 3), both at least {SMALLEST}.",
        )
    rng = np.random.default_rng([seed, crc32(kind.encode())])
    image = Image.fromarray(np.ascontiguousarray(pixels))
    smaller = resize_by(image, min(_SHRINK, LONGEST / max(image.size)))
    return CORRUPTIONS[kind].file(smaller, rng)


def _clean(image: Image.Image, rng: Rng) -> bytes:
    return encode_jpeg(image, _QUALITY)


def _blur(image: Image.Image, rng: Rng) -> bytes:
    """Out of focus, and shaken along one side."""
    half = min(max(1, round(side * 0.5)) for side in image.size)
    radius = float(rng.uniform(0.009, 0.013)) * half
    shaken = radius * float(rng.uniform(1.2, 2.2))
    both = (shaken, radius) if rng.random() < 0.5 else (radius, shaken)
    return encode_jpeg(blur_at_half_size(image, both), _QUALITY)


def _glare(image: Image.Image, rng: Rng) -> bytes:
    return encode_jpeg(add_glare(image, rng), _QUALITY)


def _dark(image: Image.Image, rng: Rng) -> bytes:
    """Hardly any light: noise, a warm cast, faint colours."""
    gain, warmth = float(rng.uniform(0.20, 0.32)), float(rng.uniform(0.0, 0.25))
    exposed = expose(image, Exposure(gain, float(rng.uniform(0.55, 0.8)), warmth))
    grain = (rng.standard_normal(_GRAIN, dtype=np.float32) * rng.uniform(5.0, 9.0)).astype(np.int16)
    levels = np.asarray(exposed).astype(np.int16)
    return encode_jpeg(add_noise(levels, tile_noise(grain, image.height, image.width)), _QUALITY)


def _rotation(image: Image.Image, rng: Rng) -> bytes:
    """Tilted by 10 to 25 degrees either way."""
    angle = float(np.radians(rng.uniform(10, 25))) * (1 if rng.random() < 0.5 else -1)
    return encode_jpeg(tilt(image, angle), _QUALITY)


def _crop(image: Image.Image, rng: Rng) -> bytes:
    return encode_jpeg(crop_too_close(image, rng), _QUALITY)


def _screenshot(image: Image.Image, rng: Rng) -> bytes:
    return encode_jpeg(draw_screenshot(image, LONGEST, rng), _QUALITY)


def _hand(image: Image.Image, rng: Rng) -> bytes:
    """Fingers reach over the product from below or from a side."""
    side = max(4, round(min(image.size) * float(rng.uniform(0.46, 0.58))))
    hand = pick_hand(rng, side)
    edge = EDGES[int(rng.integers(len(EDGES)))]
    along = float(rng.uniform(0.3, 0.7))
    held = image.copy()
    cover_with_hand(held, hand, HandPlacement(edge, along, 0.0, side / 40, (side // 40, side // 30)))
    return encode_jpeg(held, _QUALITY)


def _few_bytes(image: Image.Image, rng: Rng) -> bytes:
    """Forwarded too often: small, and in the blocks of a heavy JPEG."""
    small = resize_by(image, min(0.6, float(rng.uniform(280, 360)) / max(image.size)))
    return encode_jpeg(small, int(rng.integers(10, 16)))


def _sideways(image: Image.Image, rng: Rng) -> bytes:
    """The same picture as ``clean``, turned by 90, 180 or 270 degrees in the file, which says how to turn it back."""
    orientation = tuple(STORED_AS)[int(rng.integers(len(STORED_AS)))]
    return encode_turned_jpeg(image, _QUALITY, orientation)


CORRUPTIONS: dict[str, Corruption] = {
    "clean": Corruption("Nothing went wrong: the photo a little smaller, encoded again.", _clean),
    "blur": Corruption("Out of focus and shaken.", _blur),
    "glare": Corruption("A lamp is mirrored in the product.", _glare),
    "dark": Corruption("Hardly any light, and the noise that comes with it.", _dark),
    "rotation": Corruption("The phone was tilted by 10 to 25 degrees.", _rotation),
    "crop": Corruption("Too close: the edges of the product are cut off.", _crop),
    "screenshot": Corruption("A screenshot of a shop's page, with its bars and buttons.", _screenshot),
    "hand": Corruption("Fingers are in front of the product.", _hand),
    "jpeg": Corruption("Small and compressed until blocks show.", _few_bytes),
    "sideways": Corruption("Stored turned, with a tag that says how to turn it back.", _sideways),
}
"""What can go wrong, by name."""
