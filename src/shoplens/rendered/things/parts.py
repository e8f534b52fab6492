"""The words in which a shape is described: parts, painted from back to front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """One piece of a product.

    Attributes:
        path: outline, or centre line when ``stroke`` is given; see :mod:`shoplens.rendered.surfaces.paths`.
        paint: ``main`` is the product's colour with its pattern, ``plain`` without it, ``trim`` a darker one,
            ``accent`` the second colour, ``mark`` legible on it, ``dark`` an inside in shadow; the others are what
            they are called.
        form: ``soft`` rises like a filled bag, ``flat`` has a small bevel, ``round`` is turned around an upright
            axis, ``tube`` is a cord.
        puff: how far from the rim it rises, product units.
        stroke: width of a drawn line, product units; 0 for an outline.
        dash: length of the dashes of a line, product units; 0 for an unbroken one.
        mirrored: the path is the left half of the outline.
        twin: draw it again, mirrored at x = 50.
        folds: lines along which the surface is creased.
        shadow: how dark a shadow it throws on the parts behind it, 0..1.
        texture: name of a material that it has instead of the product's.
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


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of product.

    Attributes:
        cuts: name of the cut -> parts, back to front.
        materials: that it may be made of.
        category: from the root down.
        prices: lowest and highest, euros.
        stands: stands upright on a table, rather than lying or hanging.
        print_scale: size of its patterns, relative to those of a garment.
        nouns: what a title calls a cut, where that is not the name of the shape.
    """

    cuts: Mapping[str, tuple[Part, ...]]
    materials: tuple[str, ...]
    category: tuple[str, ...]
    prices: tuple[int, int]
    stands: bool = False
    print_scale: float = 1.0
    nouns: Mapping[str, str] = field(default_factory=dict)
