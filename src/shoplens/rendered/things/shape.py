"""A kind of product that can be drawn, and what a shop says about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoplens.images.drawing.parts import Part


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
