"""Fingers that reach over the thing in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from shoplens.images.drawing.colors import Lab
from shoplens.images.drawing.drawing import Look, Pose, draw_parts, to_rgba
from shoplens.images.drawing.parts import Part

Rng = np.random.Generator
Edge = Literal["bottom", "right", "left"]
EDGES: tuple[Edge, ...] = ("bottom", "right", "left")
SKINS: tuple[Lab, ...] = ((80, 11, 18), (72, 14, 21), (60, 16, 24), (45, 15, 21), (34, 11, 14))
_TURNS: dict[Edge, int] = {"bottom": 0, "right": 90, "left": -90}
_KEPT_HANDS, _KEPT_SIDE = 12, 360


@dataclass(frozen=True, slots=True)
class HandPlacement:
    """Where a hand comes into the picture.

    Attributes:
        edge: that it reaches in from.
        along: where along this edge, 0..1.
        overhang: share of the hand that is beyond the edge.
        shadow_blur: how soft its shadow is, pixels.
        shadow_shift: how far to the right and down its shadow falls, pixels.
    """

    edge: Edge
    along: float
    overhang: float
    shadow_blur: float
    shadow_shift: tuple[int, int]


def draw_hand(rng: Rng, pixels: int) -> Image.Image:
    """Draw three fingers that come from below: RGBA, ``pixels`` x ``pixels``."""
    lightness, a, b = SKINS[int(rng.integers(len(SKINS)))]
    look = Look((lightness, a, b), (min(lightness + 8, 92), a + 5, b - 4), "jersey", folds=int(rng.integers(2**31)))
    return to_rgba(draw_parts(_HAND, look, Pose(1.0, flip=bool(rng.integers(2))), pixels))


def pick_hand(rng: Rng, pixels: int) -> Image.Image:
    """Return one of a few hands that are drawn once: drawing one takes longer than everything else."""
    hand = _kept_hand(int(rng.integers(_KEPT_HANDS)))
    return hand.resize((pixels, pixels), Image.Resampling.BICUBIC, reducing_gap=2.0)


def cover_with_hand(picture: Image.Image, hand: Image.Image, placement: HandPlacement) -> None:
    """Put a hand over a part of the picture.

    Args:
        picture: RGB; changed.
        hand: RGBA, square, from below.
        placement: where it comes in.
    """
    side, (width, height) = hand.width, picture.size
    hand = hand.rotate(_TURNS[placement.edge], expand=True)
    across, down = (round((length - side) * placement.along) for length in (width, height))
    beyond = math.floor(side * placement.overhang)
    left, top = {
        "bottom": (across, height - side + beyond),
        "right": (width - side + beyond, down),
        "left": (math.floor(-side * placement.overhang), down),
    }[placement.edge]
    alpha = hand.getchannel("A")
    shadow = alpha.filter(ImageFilter.GaussianBlur(placement.shadow_blur)).point([n * 2 // 5 for n in range(256)])
    picture.paste((10, 8, 8), (left + placement.shadow_shift[0], top + placement.shadow_shift[1]), shadow)
    picture.paste(hand.convert("RGB"), (left, top), alpha)


@cache
def _kept_hand(number: int) -> Image.Image:
    return draw_hand(np.random.default_rng([86, number]), _KEPT_SIDE)


def _finger(x: float, top: float, width: float) -> tuple[Part, ...]:
    left, right = x - width / 2, x + width / 2
    start, near, far = top + width * 0.5, x - width * 0.28, x + width * 0.28
    outline = f"M{left} 104 L{left} {start} C{left} {top - 2} {right} {top - 2} {right} {start} L{right} 104 Z"
    lower = top + width * 0.65
    nail = f"M{near} {lower} C{near} {top} {far} {top} {far} {lower} Q{x} {top + width * 0.85} {near} {lower} Z"
    crease = f"M{near} {top + 24} L{far} {top + 24}"
    return (
        Part(outline, "main", "soft", 6, folds=(crease,), shadow=0.5),
        Part(nail, "accent", "flat", 1.0, shadow=0.1),
    )


_HAND = (*_finger(30, 26, 17), *_finger(50, 14, 18), *_finger(69.5, 22, 17))
