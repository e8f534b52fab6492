"""Patterns as functions of a place on a thing: how much of the second colour is there.

Places are in drawing units (a thing is drawn in 100 x 100 of them), so a pattern turns, bends and zooms with the
thing and is antialiased by the width of a pixel, ``soft``, whatever the size of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.floating[Any]]
"""float32, shape (height, width)."""

SCALES: dict[str, float] = {"small": 6.5, "medium": 10.0, "large": 15.5}
"""Size of one repeat, in drawing units."""

ANGLES: dict[str, float] = {"horizontal": 90.0, "vertical": 0.0, "diagonal": 40.0}
"""Direction in which stripes run -> degrees."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of pattern.

    Attributes:
        draw: (u, v, soft) -> coverage in 0..1; u and v in repeats, ``soft`` the width of a pixel in repeats.
        adjective: how a title says it.
        directions: names of :data:`ANGLES` it may run in; empty when it has none.
        stretch: repeats are this much larger than :data:`SCALES` says.
    """

    draw: Callable[[Plane, Plane, float], Plane]
    adjective: str
    directions: tuple[str, ...] = ()
    stretch: float = 1.0


def coverage(name: str, u: Plane, v: Plane, repeat: tuple[float, float], soft: float) -> Plane:
    """How much of the second colour each place has, 0..1, shape of ``u``.

    Args:
        name: of :data:`PATTERNS`.
        u, v: place, drawing units.
        repeat: size of one repeat in drawing units, and the angle it is turned by in degrees.
        soft: width of a pixel, drawing units.
    """
    pattern = PATTERNS[name]
    period = np.float32(repeat[0] * pattern.stretch)
    turn = np.deg2rad(repeat[1])
    cos, sin = np.float32(np.cos(turn) / period), np.float32(np.sin(turn) / period)
    return pattern.draw(u * cos + v * sin, v * cos - u * sin, max(float(soft / period), 0.004))


def _inside(distance: Plane, soft: float) -> Plane:
    """1 where ``distance`` is negative, 0 where positive, a pixel wide in between."""
    cover: Plane = np.clip(np.float32(0.5) - distance * np.float32(1.0 / soft), 0, 1)
    return cover


def _cells(u: Plane, v: Plane, drop: float = 0.5) -> tuple[Plane, Plane, npt.NDArray[np.uint32]]:
    """Place within its cell (-0.5..0.5 each way; every second row shifted by ``drop``) and a number per cell."""
    row = np.floor(v)
    shifted = u + (row % 2) * np.float32(drop)
    column = np.floor(shifted)
    mixed = row.astype(np.int32).astype(np.uint32) * np.uint32(2654435761)
    mixed ^= column.astype(np.int32).astype(np.uint32) * np.uint32(2246822519)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(3266489917)
    return shifted - column - np.float32(0.5), v - row - np.float32(0.5), mixed ^ (mixed >> np.uint32(16))


def _chance(cell: npt.NDArray[np.uint32], which: int) -> Plane:
    """A number in 0..1 for each cell, another for every ``which`` (0..3)."""
    return ((cell >> np.uint32(8 * which)) & np.uint32(255)).astype(np.float32) * np.float32(1 / 255)


def _rotate(x: Plane, y: Plane, angle: Plane) -> tuple[Plane, Plane]:
    cos, sin = np.cos(angle), np.sin(angle)
    return x * cos + y * sin, y * cos - x * sin


def _band(t: Plane, width: float, soft: float) -> Plane:
    """Bands across ``t``, ``width`` of each repeat."""
    return _inside(np.abs(t - np.floor(t) - np.float32(0.5)) - np.float32(width / 2), soft)


def _solid(u: Plane, v: Plane, soft: float) -> Plane:
    return np.zeros_like(u)


def _stripes(u: Plane, v: Plane, soft: float) -> Plane:
    return _band(u, 0.46, soft)


def _dots(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, _ = _cells(u, v * np.float32(1.15))
    return _inside(np.hypot(x, y * np.float32(0.87)) - np.float32(0.25), soft)


def _checks(u: Plane, v: Plane, soft: float) -> Plane:
    return (_band(u, 0.5, soft) + _band(v, 0.5, soft)) * np.float32(0.5)


def _tartan(u: Plane, v: Plane, soft: float) -> Plane:
    across = _band(u, 0.34, soft) * np.float32(0.5) + _band(u + np.float32(0.5), 0.07, soft) * np.float32(0.8)
    along = _band(v, 0.34, soft) * np.float32(0.5) + _band(v + np.float32(0.5), 0.07, soft) * np.float32(0.8)
    cover: Plane = np.clip(across + along, 0, 1)
    return cover


def _stars(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, cell = _cells(u, v)
    x, y = _rotate(x, y, (_chance(cell, 0) - np.float32(0.5)) * np.float32(0.9))
    angle, radius = np.arctan2(x, -y), np.hypot(x, y)
    fold = np.abs((angle + np.float32(np.pi / 5)) % np.float32(2 * np.pi / 5) - np.float32(np.pi / 5))
    outer, inner = 0.37, 0.165
    tip, notch = np.array([outer, 0.0]), inner * np.array([np.cos(np.pi / 5), np.sin(np.pi / 5)])
    edge = (notch - tip) / np.linalg.norm(notch - tip)
    px, py = radius * np.cos(fold) - np.float32(tip[0]), radius * np.sin(fold)
    return _inside(px * np.float32(edge[1]) - py * np.float32(edge[0]), soft)


def _hearts(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, cell = _cells(u, v)
    x, y = _rotate(x, y, (_chance(cell, 0) - np.float32(0.5)) * np.float32(0.7))
    x, y = x * np.float32(3.3), y * np.float32(-3.3) + np.float32(0.25)
    curve = np.hypot(x, y - np.float32(0.72) * np.sqrt(np.abs(x))) - 1
    return _inside(curve * np.float32(0.3), soft)


def _floral(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, cell = _cells(u, v)
    x = x + (_chance(cell, 0) - np.float32(0.5)) * np.float32(0.16)
    y = y + (_chance(cell, 1) - np.float32(0.5)) * np.float32(0.16)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    petals = np.float32(0.245) + np.float32(0.085) * np.cos(5 * angle + 6 * _chance(cell, 2))
    flower = _inside(radius - petals, soft) * _inside(np.float32(0.085) - radius, soft)
    lx, ly, leaf = _cells(u + np.float32(0.5), v)
    lx, ly = _rotate(lx, ly, _chance(leaf, 3) * np.float32(6.3))
    cover: Plane = np.maximum(
        flower, _inside(np.hypot(lx, ly * np.float32(2.6)) - np.float32(0.1), soft) * np.float32(0.75)
    )
    return cover


def _zigzag(u: Plane, v: Plane, soft: float) -> Plane:
    tooth = np.abs(u - np.floor(u) - np.float32(0.5))
    return _band(v * np.float32(1.35) + tooth * np.float32(1.1), 0.46, soft * 1.6)


def _diamonds(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, _ = _cells(u, v * np.float32(0.7), 0.0)
    line = _inside(np.abs(np.abs(x) - np.abs(y)) - np.float32(0.016), soft) * np.float32(0.7)
    cover: Plane = np.maximum(_inside(np.abs(x) + np.abs(y) - np.float32(0.36), soft), line)
    return cover


def _leaves(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, cell = _cells(u, v)
    x, y = _rotate(x, y, np.float32(0.6) + (_chance(cell, 0) > 0.5) * np.float32(1.9))
    lens = np.hypot(np.abs(x) + np.float32(0.22), y) - np.float32(0.43)
    vein = _inside(np.float32(0.014) - np.abs(x), soft)
    return _inside(lens, soft) * vein


def _moons(u: Plane, v: Plane, soft: float) -> Plane:
    x, y, cell = _cells(u, v)
    x, y = _rotate(x, y, (_chance(cell, 0) - np.float32(0.5)) * np.float32(1.6))
    disc = np.hypot(x, y) - np.float32(0.32)
    bite = np.hypot(x - np.float32(0.15), y + np.float32(0.05)) - np.float32(0.26)
    return _inside(np.maximum(disc, -bite), soft)


def _terrazzo(u: Plane, v: Plane, soft: float) -> Plane:
    total = np.zeros_like(u)
    for layer in range(2):
        x, y, cell = _cells(
            u * np.float32(1.3) + np.float32(0.37 * layer), v * np.float32(1.3) + np.float32(0.5 * layer)
        )
        x, y = _rotate(x, y, _chance(cell, 0) * np.float32(6.3))
        size = np.float32(0.11) + _chance(cell, 1) * np.float32(0.16)
        chip = np.maximum(np.abs(x) * np.float32(0.87) + y * np.float32(0.5), -y) - size * np.float32(0.6)
        chip = np.maximum(chip, np.abs(x + y * (_chance(cell, 2) - np.float32(0.5))) - size)
        total = np.maximum(total, _inside(chip, soft) * (np.float32(1.0) if layer else np.float32(0.6)))
    return total


PATTERNS: dict[str, Pattern] = {
    "solid": Pattern(_solid, "Plain"),
    "stripes": Pattern(_stripes, "Striped", tuple(ANGLES), 0.85),
    "dots": Pattern(_dots, "Dotted", (), 0.9),
    "checks": Pattern(_checks, "Checked", (), 0.9),
    "tartan": Pattern(_tartan, "Tartan", (), 1.7),
    "stars": Pattern(_stars, "Starry", (), 1.25),
    "hearts": Pattern(_hearts, "Heart-print", (), 1.15),
    "floral": Pattern(_floral, "Floral", (), 1.45),
    "zigzag": Pattern(_zigzag, "Zigzag", (), 1.1),
    "diamonds": Pattern(_diamonds, "Argyle", (), 1.2),
    "leaves": Pattern(_leaves, "Leafy", (), 1.15),
    "moons": Pattern(_moons, "Moonlit", (), 1.15),
    "terrazzo": Pattern(_terrazzo, "Terrazzo", (), 1.2),
}
