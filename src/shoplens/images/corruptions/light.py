"""Too little light, light of a colour, uneven light, and lamps that are mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.images.drawing.relief import resize

Rng = np.random.Generator
_GREY = np.array([0.3, 0.59, 0.11])


@dataclass(frozen=True, slots=True)
class Exposure:
    """How much light of which colour a sensor got.

    Attributes:
        gain: factor of all levels; 1 leaves them as they are.
        saturation: of the colours; 0 is grey, 1 leaves them as they are.
        warmth: gain of red over blue, in natural logarithms.
        tint: gain of green, in natural logarithms.
    """

    gain: float
    saturation: float
    warmth: float = 0.0
    tint: float = 0.0


def expose(image: Image.Image, exposure: Exposure) -> Image.Image:
    """Return the RGB picture under this light."""
    mix = exposure.saturation * np.eye(3) + (1 - exposure.saturation) * _GREY
    gain = exposure.gain * np.exp([exposure.warmth / 2, exposure.tint, -exposure.warmth / 2])
    matrix = np.column_stack([mix * gain[:, None], np.zeros(3)])
    return image.convert("RGB", tuple(float(number) for number in matrix.ravel()))


def uneven_light(size: tuple[int, int], unevenness: tuple[float, float], rng: Rng) -> npt.NDArray[np.floating[Any]]:
    """Brightness over a picture: a gradient, dim corners, at times the edge of a shadow.

    Args:
        size: of the picture, (width, height) pixels.
        unevenness: how much darker one side is, 0..1; drawn evenly between these two.
        rng: decides the directions.

    Returns:
        Factors, float32 (height, width).
    """
    y, x = np.mgrid[-1:1:24j, -1:1:24j].astype(np.float32)
    toward = float(rng.uniform(0, 2 * np.pi))
    ramp = x * np.float32(np.cos(toward)) + y * np.float32(np.sin(toward))
    light = np.float32(1.06) - np.float32(rng.uniform(*unevenness) * 0.45) * ramp - np.float32(0.06) * (x * x + y * y)
    if rng.random() < 0.45:
        across = float(rng.uniform(0, 2 * np.pi))
        edge = x * np.float32(np.cos(across)) + y * np.float32(np.sin(across)) - np.float32(rng.uniform(0.2, 0.7))
        light = light * (1 - np.float32(0.28) * np.clip(edge * 5 + np.float32(0.5), 0, 1))
    return resize(light, (size[1], size[0]))


def vary_light(image: Image.Image, strength: float, rng: Rng) -> Image.Image:
    """Return the picture in another colour and amount of light, with another gamma, more or less colour, and sometimes
    a shadow across; a ``strength`` of 1 is what differs between photos of phones."""
    values = np.asarray(image, np.float32) / 255
    values = values ** np.exp(rng.normal(0, 0.18 * strength))
    values = values * np.exp(rng.normal(0, 0.06 * strength, 3)) * np.exp(rng.normal(0, 0.08 * strength))
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * np.exp(rng.normal(0, 0.12 * strength))
    if rng.random() < 0.3 * strength:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[-1 : 1 : values.shape[0] * 1j, -1 : 1 : values.shape[1] * 1j]
        values = values * (1 + 0.25 * strength * (x * np.cos(angle) + y * np.sin(angle)))[..., None]
    return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))


def add_glare(image: Image.Image, rng: Rng) -> Image.Image:
    """Return the picture with a lamp mirrored in it: a burnt-out spot, a band of light, and a veil over everything."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    across = float(rng.uniform(0, np.pi))
    left, top = rng.uniform(-0.45, 0.45, 2)
    along = (x - left) * np.cos(across) + (y - top) * np.sin(across)
    aside = (y - top) * np.cos(across) - (x - left) * np.sin(across)
    spot = 1.5 * np.exp(-((along / rng.uniform(0.30, 0.42)) ** 2) - (aside / rng.uniform(0.22, 0.32)) ** 2)
    band = rng.uniform(0.35, 0.5) * np.exp(-((aside / rng.uniform(0.10, 0.16)) ** 2))
    light = 1 - np.exp(-1.6 * (spot + band) - rng.uniform(0.14, 0.24))
    mask = Image.fromarray((light * 255).astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    glaring = image.copy()
    glaring.paste((255, 253, 244), (0, 0), mask)
    return glaring
