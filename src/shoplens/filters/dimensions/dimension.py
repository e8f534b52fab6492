"""One way in which products can be alike, and the classes it tells apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shoplens.errors import InvalidValue

Kind = Literal["embedding", "design", "measured", "single", "multi", "tree"]
"""``embedding`` is ``look``; ``design`` is learned from groups; ``measured`` is read off the pixels; a product has one
class (``single``), several (``multi``), or a path from the root down (``tree``)."""
LOOK, DESIGN, SHAPE, COLOR = "look", "design", "shape", "color"
"""Names of the dimensions that need no feed."""
PATH = " > "
"""Between the steps of a path in a tree."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of one shop.

    Attributes:
        name: as weights, facets and parts call it.
        kind: how a product stands in it.
        field: what the feed calls it (an attribute, or ``category``); empty where it is not from the feed.
        classes: those that are told apart, most products first; of a tree every node, as its path ``A > B``.
        products: how many products hold each class, in the same order.
        untrained: class -> products, of those with too few to learn from.
        measured: whether it is (also) read off the pixels: the palette of ``color``, the outline of ``shape``.
    """

    name: str
    kind: Kind
    field: str = ""
    classes: tuple[str, ...] = ()
    products: tuple[int, ...] = ()
    untrained: Mapping[str, int] = dataclasses.field(default_factory=dict)
    measured: bool = False

    def __post_init__(self) -> None:
        if len(self.classes) != len(self.products):
            raise InvalidValue(
                f"Dimension {self.name!r} has {len(self.classes)} classes and {len(self.products)} counts.",
                "Give a count per class.",
            )
