"""The words in which a thing is described: parts, painted from back to front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Paint = Literal[
    "main",
    "plain",
    "trim",
    "accent",
    "dark",
    "stitch",
    "thread",
    "rubber",
    "steel",
    "wood",
    "paper",
    "ink",
    "mark",
    "glow",
]
Form = Literal["soft", "flat", "round", "tube"]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a thing.

    Attributes:
        path: outline, or centre line when ``stroke`` is given; see :mod:`shoplens.images.drawing.paths`.
        paint: ``main`` is the thing's colour with its pattern, ``plain`` without it, ``trim`` a darker one,
            ``accent`` the second colour, ``mark`` legible on it, ``dark`` an inside in shadow; the others are what
            they are called.
        form: ``soft`` rises like a filled bag, ``flat`` has a small bevel, ``round`` is turned around an upright
            axis, ``tube`` is a cord.
        puff: how far from the rim it rises, drawing units.
        stroke: width of a drawn line, drawing units; 0 for an outline.
        dash: length of the dashes of a line, drawing units; 0 for an unbroken one.
        mirrored: the path is the left half of the outline.
        twin: draw it again, mirrored at x = 50.
        folds: lines along which the surface is creased.
        shadow: how dark a shadow it throws on the parts behind it, 0..1.
        texture: name of a material that it has instead of the thing's.
    """

    path: str
    paint: Paint = "main"
    form: Form = "soft"
    puff: float = 4.0
    stroke: float = 0.0
    dash: float = 0.0
    mirrored: bool = False
    twin: bool = False
    folds: tuple[str, ...] = ()
    shadow: float = 0.35
    texture: str = ""


def seam(path: str, twin: bool = False) -> Part:
    """A dashed line of stitches."""
    return Part(path, "stitch", "flat", 0.3, stroke=0.55, dash=1.3, twin=twin, shadow=0.0)


def line(path: str, paint: Paint = "trim", stroke: float = 0.6, twin: bool = False) -> Part:
    """A thin unbroken line, drawn on the surface."""
    return Part(path, paint, "flat", 0.3, stroke=stroke, twin=twin, shadow=0.0)


def cord(path: str, paint: Paint = "accent", stroke: float = 3.0, twin: bool = False) -> Part:
    """A round cord, handle or strap."""
    return Part(path, paint, "tube", stroke * 0.5, stroke=stroke, twin=twin)
