"""How a surface looks in the studio: one soft light from the upper left, a window, a white room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.images.drawing.materials import Material
from shoplens.images.drawing.patterns import Plane

Light = npt.NDArray[np.floating[Any]]
"""Light, float32, shape (height, width, 3); its square root is display RGB in 0..1."""

_KEY = np.array([-0.46, -0.58, 0.67], dtype=np.float32)
_HALF = np.array([-0.25, -0.32, 0.914], dtype=np.float32)
_AMBIENT = 0.40


@dataclass(frozen=True, slots=True)
class Surface:
    """Direction a surface faces, as unit vectors: right, down, towards the eye; each of shape (height, width)."""

    x: Plane
    y: Plane
    z: Plane

    @classmethod
    def of_slopes(cls, right: Plane, down: Plane) -> Surface:
        """Surface that rises by ``right`` and ``down`` per pixel."""
        z = 1 / np.sqrt(1 + right * right + down * down)
        return cls(-right * z, -down * z, z)

    @classmethod
    def of_normal(cls, x: Plane, y: Plane) -> Surface:
        """Surface facing (x, y), the rest towards the eye."""
        length = np.maximum(np.hypot(x, y), 1e-6)
        keep = np.minimum(1, np.float32(0.985) / length)
        x, y = x * keep, y * keep
        return cls(x, y, np.sqrt(1 - x * x - y * y))


def shade_surface(albedo: Light, surface: Surface, material: Material) -> Light:
    """Return the light that the surface sends to the eye.

    Args:
        albedo: its colour, as light; shape (height, width, 3) or (3,).
        surface: where it faces.
        material: what it is.
    """
    x, y, z = surface.x, surface.y, surface.z
    key = np.maximum(x * _KEY[0] + y * _KEY[1] + z * _KEY[2], 0)
    sky = np.float32(_AMBIENT) * (np.float32(0.8) + np.float32(0.2) * z - np.float32(0.22) * y)
    diffuse = sky + key * np.float32((1 - _AMBIENT) / _KEY[2])
    if material.sheen:
        diffuse = diffuse * np.float32(1 - 0.35 * material.sheen) + np.float32(material.sheen) * (1 - z) ** 2 * 2
    shine = _highlight(surface, material)
    if material.mirror:
        room = _room(surface)
        if material.mirror >= 1:
            diffuse, shine = np.float32(0.25) * diffuse + room, shine * np.float32(0.6)
        else:
            shine = shine + np.maximum(room - np.float32(0.62), 0) * np.float32(material.mirror * 0.55)
    light: Light = albedo * diffuse[..., None] + shine[..., None]
    return light


def _highlight(surface: Surface, material: Material) -> Plane:
    base = np.maximum(surface.x * _HALF[0] + surface.y * _HALF[1] + surface.z * _HALF[2], 0)
    power = 1
    while power < material.power:
        base = base * base
        power *= 2
    light: Plane = base * np.float32(material.gloss * 0.55)
    return light


def _room(surface: Surface) -> Plane:
    """What a mirror sees: a tall window at the left, a pale wall at the right, a darker floor; about 0..1.4."""
    window = _step(surface.x, -0.78, -0.66) * _step(-surface.x, 0.30, 0.42)
    window = window * _step(-surface.y, -0.55, -0.25)
    wall = _step(surface.x, 0.70, 0.92) * np.float32(0.45)
    floor = np.float32(0.28) * _step(surface.y, 0.1, 0.6)
    light: Plane = np.float32(0.42) + window + wall - floor + np.float32(0.15) * surface.z
    return light


def _step(t: Plane, low: float, high: float) -> Plane:
    s = np.clip((t - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    light: Plane = s * s * (3 - 2 * s)
    return light
