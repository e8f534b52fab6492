"""What a thing is made of: how its surface catches the light, and its fine relief."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shoplens.images.drawing.patterns import Plane

Relief = Callable[[Plane, Plane], Plane]
"""(u, v) in drawing units -> height, about -1..1."""


@dataclass(frozen=True, slots=True)
class Material:
    """A surface.

    Attributes:
        gloss: strength of the highlight, 0..1.
        power: how tight the highlight is; a power of two.
        relief: fine texture, or None.
        grain: size of one repeat of the relief, drawing units: finer than a pixel, it is faded out.
        depth: height of the relief, drawing units.
        drape: height of soft folds, drawing units; 0 for stiff things.
        sheen: brightening towards the rim, as velvet has.
        mirror: how much of the light is a reflection of the studio, 0..1.
        speckle: how much the relief also changes the colour, 0..1.
    """

    gloss: float
    power: int
    relief: Relief | None = None
    grain: float = 1.0
    depth: float = 0.0
    drape: float = 0.0
    sheen: float = 0.0
    mirror: float = 0.0
    speckle: float = 0.0


def _wave(t: Plane) -> Plane:
    """Triangle wave of period 1, -1..1."""
    height: Plane = np.abs((t - np.floor(t)) * np.float32(4) - np.float32(2)) - np.float32(1)
    return height


def _stitches(u: Plane, v: Plane) -> Plane:
    """Rows of V-shaped knitted stitches."""
    column = u * np.float32(1 / 2.3)
    slant = np.abs(column - np.floor(column) - np.float32(0.5))
    height: Plane = np.float32(0.65) * np.sin(
        (v * np.float32(1 / 1.9) + slant * np.float32(0.9)) * np.float32(2 * np.pi)
    ) + (np.float32(0.6) - np.float32(2.2) * np.abs(slant - np.float32(0.25)) * 2)
    return height


def _ribs(u: Plane, v: Plane) -> Plane:
    height: Plane = np.sin(u * np.float32(2 * np.pi / 1.7))
    return height


def _cords(u: Plane, v: Plane) -> Plane:
    height: Plane = np.abs(np.sin(u * np.float32(np.pi / 2.0))) * 2 - 1
    return height


def _twill(u: Plane, v: Plane) -> Plane:
    return _wave((u + v * np.float32(0.8)) * np.float32(1 / 1.7)) * np.float32(0.7) + np.float32(0.5) * _fuzz(u, v)


def _weave(u: Plane, v: Plane) -> Plane:
    height: Plane = np.sin(u * np.float32(2 * np.pi / 1.3)) * np.sin(v * np.float32(2 * np.pi / 1.3))
    return height


def _slub(u: Plane, v: Plane) -> Plane:
    """Linen: threads of uneven thickness both ways."""
    thread = np.sin(u * np.float32(4.6) + np.float32(2) * np.sin(v * np.float32(0.21)))
    height: Plane = thread * np.float32(0.5) + np.sin(
        v * np.float32(5.1) + np.float32(2) * np.sin(u * np.float32(0.17))
    ) * np.float32(0.6)
    return height


def _fuzz(u: Plane, v: Plane) -> Plane:
    """Short-range noise that sticks to the thing: sums of incommensurable waves."""
    a = np.sin(u * np.float32(3.1) + np.float32(1.7) * np.sin(v * np.float32(1.3)))
    b = np.sin(v * np.float32(3.7) + np.float32(1.9) * np.sin(u * np.float32(1.1) + np.float32(1)))
    height: Plane = a * b
    return height


def _pebbles(u: Plane, v: Plane) -> Plane:
    """Leather grain."""
    return _fuzz(u, v) * np.float32(0.6) + _fuzz(u * np.float32(1.9) + 5, v * np.float32(1.9)) * np.float32(0.4)


def _freckles(u: Plane, v: Plane) -> Plane:
    """Stoneware: few dark specks."""
    spots = _fuzz(u * np.float32(1.1), v * np.float32(1.1)) * _fuzz(v * np.float32(0.83) + 3, u * np.float32(0.9))
    return -np.clip((spots - np.float32(0.52)) * np.float32(5), 0, 1)


def _brush_strokes(u: Plane, v: Plane) -> Plane:
    height: Plane = np.sin(v * np.float32(7.3)) * np.sin(v * np.float32(2.9) + np.float32(1)) * np.float32(0.8)
    return height


def _planks(u: Plane, v: Plane) -> Plane:
    return np.sin(u * np.float32(1.9) + np.float32(2.5) * np.sin(v * np.float32(0.13) + u * np.float32(0.2)))


MATERIALS: dict[str, Material] = {
    "cotton": Material(0.03, 8, _weave, 1.3, 0.05, 0.9),
    "jersey": Material(0.05, 8, None, 1.0, 0.0, 1.2),
    "knit": Material(0.02, 4, _stitches, 2.0, 0.42, 0.5, 0.10, 0.0, 0.13),
    "wool": Material(0.02, 4, _fuzz, 1.9, 0.22, 0.5, 0.20, 0.0, 0.10),
    "corduroy": Material(0.05, 8, _cords, 2.0, 0.5, 0.5, 0.12, 0.0, 0.10),
    "denim": Material(0.03, 8, _twill, 1.35, 0.13, 0.7, 0.0, 0.0, 0.17),
    "linen": Material(0.02, 8, _slub, 1.3, 0.12, 1.1, 0.0, 0.0, 0.10),
    "silk": Material(0.42, 16, None, 1.0, 0.0, 1.7, 0.10),
    "velvet": Material(0.10, 4, None, 1.0, 0.0, 0.9, 0.55),
    "leather": Material(0.34, 16, _pebbles, 1.5, 0.06, 0.35, 0.0, 0.10, 0.03),
    "suede": Material(0.02, 4, _fuzz, 1.8, 0.06, 0.5, 0.30, 0.0, 0.06),
    "canvas": Material(0.03, 8, _weave, 1.3, 0.14, 0.5, 0.0, 0.0, 0.10),
    "nylon": Material(0.26, 32, None, 1.0, 0.0, 0.9, 0.0, 0.06),
    "ceramic": Material(0.55, 64, None, 1.0, 0.0, 0.0, 0.0, 0.55),
    "stoneware": Material(0.10, 8, _freckles, 1.4, 0.0, 0.0, 0.0, 0.05, 0.45),
    "enamel": Material(0.8, 128, None, 1.0, 0.0, 0.0, 0.0, 0.35),
    "metal": Material(0.6, 32, _brush_strokes, 0.8, 0.02, 0.0, 0.0, 1.0, 0.05),
    "paper": Material(0.03, 8, _fuzz, 1.5, 0.03, 0.0),
    "rubber": Material(0.08, 16, None, 1.0, 0.0, 0.0),
    "wood": Material(0.12, 16, _planks, 1.2, 0.02, 0.0, 0.0, 0.0, 0.22),
    "ribbing": Material(0.02, 4, _ribs, 1.7, 0.34, 0.2, 0.0, 0.0, 0.10),
}
"""Every surface that is drawn; the ones a product can be made of are named by its shape."""
