"""Which products are photographed with a phone, how, and which dimension then decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from shoplens.images.drawing.patterns import PATTERNS, SCALES
from shoplens.rendered.specs import ProductSpec, spec_of, specs
from shoplens.rendered.things.shapes import SHAPES

_ORDER = (
    "plain",
    "grey-light",
    "angled",
    "blur",
    "cluttered",
    "dark",
    "plain",
    "grey-light",
    "warm-light",
    "blur",
    "occluded",
)
"""Kinds, over and over; prime in length, so that they do not beat with the groups."""

_QUALITIES = (42, 75)


@dataclass(frozen=True, slots=True)
class Query:
    """A phone photo to be taken.

    Attributes:
        number: from 1; also the seed of the photo.
        spec: the product, the right answer.
        kind: of :data:`~shoplens.rendered.phone.KINDS`.
        deciding: the dimension that names the product because another one is hidden; empty when none does.
        quality: of the JPEG.
    """

    number: int
    spec: ProductSpec
    kind: str
    deciding: str
    quality: int


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What a kind of photo hides.

    Attributes:
        seen: the part of the appearance that can still be seen.
        deciding: what then tells products of one shape apart.
        hides: whether it really does, of this product.
    """

    seen: Callable[[ProductSpec], tuple[str, ...]]
    deciding: str
    hides: Callable[[ProductSpec], bool]


_BLURRED_REPEAT = 10.0


def repeat_of(spec: ProductSpec) -> float:
    """Size of one repeat of the product's pattern, drawing units; 0 when it has none."""
    if not spec.scale:
        return 0.0
    return SCALES[spec.scale] * PATTERNS[spec.pattern].stretch * SHAPES[spec.shape].print_scale


HIDDEN: dict[str, _Hidden] = {
    "grey-light": _Hidden(
        lambda s: (s.shape, s.cut, s.material, s.pattern, s.scale, s.direction), "pattern", lambda s: True
    ),
    "blur": _Hidden(lambda s: (s.shape, s.color, s.accent), "color", lambda s: repeat_of(s) <= _BLURRED_REPEAT),
}
"""Grey light hides the colours, so the pattern decides; blur hides patterns of small repeats, so colour decides."""


def queries_of(products: int, count: int, seed: int) -> Iterator[Query]:
    """``count`` phone photos of the first ``products`` products.

    For a kind that hides a dimension, products are preferred that no other product equals in what is left to see, and
    whose shape comes in several values of the deciding dimension, which is then named. Where there is no such product,
    any is taken and ``deciding`` is empty.
    """
    decided = {kind: _distinguishable_products(hidden, products, seed) for kind, hidden in HIDDEN.items()}
    for number in range(1, count + 1):
        rng = np.random.default_rng([seed, 61, number])
        kind = _ORDER[(number - 1) % len(_ORDER)]
        fit = decided.get(kind, [])
        chosen = fit[int(rng.integers(len(fit)))] if fit else int(rng.integers(products)) + 1
        deciding = HIDDEN[kind].deciding if fit else ""
        yield Query(number, spec_of(chosen, seed), kind, deciding, int(rng.integers(*_QUALITIES, endpoint=True)))


def _distinguishable_products(hidden: _Hidden, products: int, seed: int) -> list[int]:
    """Numbers of the products that what ``hidden`` leaves to see tells from all others."""
    seen = Counter(hidden.seen(spec) for spec in specs(products, seed))
    values: dict[str, set[str]] = {}
    for spec in specs(products, seed):
        values.setdefault(spec.shape, set()).add(getattr(spec, hidden.deciding))
    return [
        spec.number
        for spec in specs(products, seed)
        if seen[hidden.seen(spec)] == 1 and len(values[spec.shape]) > 1 and hidden.hides(spec)
    ]
