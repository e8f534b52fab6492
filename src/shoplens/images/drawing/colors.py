"""Named colours as CIELAB values, and the way to displayable RGB."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Lab = tuple[float, float, float]
Rgb = npt.NDArray[np.float32]
"""Display RGB in 0..1, float32, shape (3,)."""

COLORS: dict[str, Lab] = {
    "black": (17.0, 0.0, -1.0),
    "grey": (60.0, 0.0, -1.5),
    "white": (95.5, 0.0, 1.5),
    "cream": (90.0, 1.0, 13.0),
    "beige": (76.0, 5.0, 19.0),
    "brown": (37.0, 16.0, 25.0),
    "burgundy": (29.0, 39.0, 14.0),
    "red": (46.0, 62.0, 38.0),
    "coral": (66.0, 45.0, 32.0),
    "orange": (67.0, 37.0, 63.0),
    "yellow": (81.0, 5.0, 66.0),
    "olive": (46.0, -6.0, 31.0),
    "green": (45.0, -36.0, 22.0),
    "mint": (83.0, -23.0, 8.0),
    "teal": (43.0, -26.0, -11.0),
    "sky": (75.0, -10.0, -23.0),
    "blue": (43.0, 8.0, -52.0),
    "navy": (21.0, 5.0, -26.0),
    "purple": (38.0, 33.0, -38.0),
    "pink": (78.0, 27.0, 1.0),
}
"""Centre of each colour: L* 0..100, a* and b* about -100..100, D65."""

_SPREAD = np.array([2.2, 2.4, 2.6])
_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def distance(one: str, other: str) -> float:
    """CIE76 difference of two named colours; about 2 is just noticeable."""
    return float(np.linalg.norm(np.subtract(COLORS[one], COLORS[other])))


def dye(name: str, rng: np.random.Generator) -> Lab:
    """Return one dye lot: the named colour, a little off, as real products are."""
    lightness, a, b = np.asarray(COLORS[name]) + np.clip(rng.standard_normal(3), -1.8, 1.8) * _SPREAD
    return float(np.clip(lightness, 12.0, 97.0)), float(a), float(b)


def rgb(lab: Lab) -> Rgb:
    """Display RGB (sRGB curve) of a CIELAB colour, clipped to what a screen shows."""
    y = (lab[0] + 16.0) / 116.0
    f = np.array([y + lab[1] / 500.0, y, y - lab[2] / 200.0])
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * _WHITE
    linear = np.clip(_TO_RGB @ xyz, 0.0, 1.0)
    display: Rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear).astype(np.float32)
    return display
