"""What product number i is: every product another one, the same whatever the size of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.images.drawing.colors import COLORS, distance
from shoplens.images.drawing.patterns import PATTERNS, SCALES
from shoplens.rendered.things.shapes import SHAPES

MOST_PRODUCTS = 100_000
"""As many products can be told apart by what is drawn."""

_GROUP_SIZES = (3, 1, 4, 2, 3, 1, 5, 2)
"""Colours of a design, over and over; 21 products of 8 designs."""
_GROUP_STARTS = np.concatenate([[0], np.cumsum(_GROUP_SIZES)])
_SOLID_WEIGHT = 9.0
_CONTRAST = 38.0


@dataclass(frozen=True, slots=True)
class ProductSpec:
    """Everything that is to be seen of a product: the ground truth.

    Attributes:
        shape: of :data:`~shoplens.rendered.things.shapes.SHAPES`, e.g. ``hoodie``.
        color: the main one, of :data:`~shoplens.images.drawing.colors.COLORS`.
        pattern: of :data:`~shoplens.images.drawing.patterns.PATTERNS`, e.g. ``stars``.
        material: of :data:`~shoplens.images.drawing.materials.MATERIALS`, e.g. ``knit``.
        accent: second colour: of the pattern, and of trims, soles, handles.
        cut: of the shape, e.g. ``zipped``.
        scale: of the pattern, of :data:`~shoplens.images.drawing.patterns.SCALES`; empty for ``solid``.
        direction: of stripes; empty for other patterns.
        number: of the product, from 1.
        group: of the design; products of one group differ in ``color`` only.
        seed: of the catalogue; decides dye lots, folds and poses.
    """

    shape: str
    color: str
    pattern: str
    material: str
    accent: str
    cut: str
    scale: str = ""
    direction: str = ""
    number: int = 1
    group: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        allowed: dict[str, tuple[str, ...]] = {"shape": tuple(SHAPES), "color": tuple(COLORS), "accent": tuple(COLORS)}
        if self.shape in SHAPES:
            shape = SHAPES[self.shape]
            allowed |= {"material": shape.materials, "cut": tuple(shape.cuts), "pattern": tuple(PATTERNS)}
        if self.pattern in PATTERNS:
            allowed["scale"] = ("",) if self.pattern == "solid" else tuple(SCALES)
            allowed["direction"] = PATTERNS[self.pattern].directions or ("",)
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise InvalidValue(f"A product's {name} is {getattr(self, name)!r}.", f"Choose of {', '.join(values)}.")


def spec_of(number: int, seed: int = 0) -> ProductSpec:
    """Product ``number`` (from 1) of the catalogue with this ``seed``.

    Raises:
        InvalidValue: ``number`` is below 1 or above :data:`MOST_PRODUCTS`.
    """
    if seed < 0:
        raise InvalidValue(f"The seed is {seed!r}.", "Choose 0 or more.")
    if not 1 <= number <= MOST_PRODUCTS:
        raise InvalidValue(f"Product number is {number!r}.", f"Choose 1 to {MOST_PRODUCTS:,}.")
    cycle, place = divmod(number - 1, int(_GROUP_STARTS[-1]))
    within = int(np.searchsorted(_GROUP_STARTS, place, side="right")) - 1
    group, variant = cycle * len(_GROUP_SIZES) + within, place - int(_GROUP_STARTS[within])
    block, position = divmod(group, len(SHAPES))
    shape = _shape_order(seed, block)[position]
    material, cut, pattern, scale, direction, accent = _designs(seed, shape)[block]
    return ProductSpec(
        shape=shape,
        color=_color_order(seed, group, accent, pattern)[variant],
        pattern=pattern,
        material=material,
        accent=accent,
        cut=cut,
        scale=scale,
        direction=direction,
        number=number,
        group=group,
        seed=seed,
    )


def specs(count: int, seed: int = 0) -> Iterator[ProductSpec]:
    """The first ``count`` products."""
    return (spec_of(number, seed) for number in range(1, count + 1))


_Design = tuple[str, str, str, str, str, str]


@lru_cache(maxsize=256)
def _shape_order(seed: int, block: int) -> tuple[str, ...]:
    names = list(SHAPES)
    return tuple(names[i] for i in np.random.default_rng([seed, 11, block]).permutation(len(names)))


@lru_cache(maxsize=64)
def _designs(seed: int, shape: str) -> tuple[_Design, ...]:
    """All designs of a shape, in an order in which plain ones, the best-selling, are not lost among the others."""
    kind, index = SHAPES[shape], list(SHAPES).index(shape)
    designs: list[_Design] = []
    for material, cut, accent, pattern in product(kind.materials, kind.cuts, COLORS, PATTERNS):
        scales = ("",) if pattern == "solid" else tuple(SCALES)
        for scale, direction in product(scales, PATTERNS[pattern].directions or ("",)):
            designs.append((material, cut, pattern, scale, direction, accent))
    weights = np.array([_weight(design) for design in designs])
    keys = np.random.default_rng([seed, 12, index]).random(len(designs)) ** (1.0 / weights)
    return tuple(designs[i] for i in np.argsort(-keys, kind="stable"))


def _weight(design: _Design) -> float:
    _, _, pattern, _, direction, _ = design
    return _SOLID_WEIGHT if pattern == "solid" else 1.0 / 3 if direction else 1.0


@lru_cache(maxsize=256)
def _color_order(seed: int, group: int, accent: str, pattern: str) -> tuple[str, ...]:
    """Main colours of a design, in order; all contrast with ``accent``."""
    order = [list(COLORS)[i] for i in np.random.default_rng([seed, 13, group]).permutation(len(COLORS))]
    least = _CONTRAST if pattern != "solid" else _CONTRAST / 2
    return tuple(name for name in order if distance(name, accent) >= least)
