"""Outlines written like SVG paths, as polylines.

Commands, all absolute: ``M x y`` start, ``L x y`` line, ``Q`` quadratic and ``C`` cubic Bezier curve, ``E cx cy rx ry``
a whole ellipse, ``Z`` nothing more (an outline is closed anyway). Product units: 100 x 100, y downwards.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""float64, shape (n, 2): x, y."""

_STEPS = np.linspace(0.0, 1.0, 19)[1:, None]
_TURN = np.linspace(0.0, 2 * np.pi, 72, endpoint=False)
_NUMBERS = {"M": 2, "L": 2, "Q": 4, "C": 6, "E": 4, "Z": 0}


@lru_cache(maxsize=4096)
def polyline(path: str, mirrored: bool = False) -> Points:
    """Points along ``path``.

    Args:
        path: see the module.
        mirrored: the path is the left half of an outline, from top to bottom of the axis x = 50; add the right half.
    """
    pieces: list[Points] = []
    for command, numbers in re.findall(r"([A-Z])([^A-Z]*)", path):
        values = np.array([float(n) for n in numbers.replace(",", " ").split()])
        if _NUMBERS.get(command) != values.size:
            raise ValueError(f"Path {path!r} has {command} with {values.size} numbers.")
        if command != "Z":
            pieces.append(_piece(command, values.reshape(-1, 2), pieces[-1][-1] if pieces else np.zeros(2)))
    points = np.concatenate(pieces)
    return np.concatenate([points, (points * [-1, 1] + [100, 0])[::-1]]) if mirrored else points


def _piece(command: str, p: Points, start: Points) -> Points:
    t, points = _STEPS, p
    if command == "Q":
        points = (1 - t) ** 2 * start + 2 * t * (1 - t) * p[0] + t**2 * p[1]
    elif command == "C":
        points = (1 - t) ** 3 * start + 3 * t * (1 - t) ** 2 * p[0] + 3 * t**2 * (1 - t) * p[1] + t**3 * p[2]
    elif command == "E":
        points = p[0] + np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1) * p[1]
    return points
