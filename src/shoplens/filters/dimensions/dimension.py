"""A dimension in which products can be similar, and the classes that it distinguishes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shoplens.errors import InvalidValue

Kind = Literal["embedding", "design", "measured", "single", "multi", "tree"]
"""``embedding`` is ``look``, and ``object``, the look of the object alone;
``design`` is learned from groups; ``measured`` is computed from the pixels; in the others
a product has one class (``single``), several (``multi``), or a path from the root down (``tree``)."""
LOOK, OBJECT, DESIGN, SHAPE, COLOR = "look", "object", "design", "shape", "color"
"""Names of the dimensions that need no feed."""
TEXT = "text"
"""Name of the dimension that compares words. It counts only for queries with words, so it is none of a generation's
:class:`Dimension` values; see :mod:`shoplens.reading.text_model`."""
CAPTION = "caption"
"""Name of the dimension that compares words with photos, by the text tower of the store's model; as ``text``, it counts
only for queries with words. See :mod:`shoplens.filters.model.caption`."""
PATH = " > "
"""Separator of the steps of a path in a tree."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of one shop.

    Attributes:
        name: the name in weights, facets and partial scores.
        kind: what a product has in this dimension.
        field: the name in the feed (an attribute, or ``category``); empty where the dimension is not from the feed.
        classes: the trained classes, most products first; in a tree every node, as its path ``A > B``.
        products: number of products with each class, in the same order.
        untrained: class -> number of products, for classes with too few products to learn from.
        is_named: whether photos are scored by the names of its classes, through the text tower of the model.
        is_measured: whether it is (also) computed from the pixels: the palette of ``color``, the outline of ``shape``.

    Raises:
        InvalidValue: the numbers of classes and of product counts differ.
    """

    name: str
    kind: Kind
    field: str = ""
    classes: tuple[str, ...] = ()
    products: tuple[int, ...] = ()
    untrained: Mapping[str, int] = dataclasses.field(default_factory=dict)
    is_measured: bool = False
    is_named: bool = False

    def __post_init__(self) -> None:
        if len(self.classes) != len(self.products):
            raise InvalidValue(
                f"Dimension {self.name!r} has {len(self.classes)} classes and {len(self.products)} counts.",
                "Give a count per class.",
            )
