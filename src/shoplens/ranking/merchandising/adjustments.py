"""What merchandising adds to scores, as named parts of them."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.index.protocol import Index, PhotoKey
from shoplens.settings import Merchandising

PIN, BOOST, BURY = "pin", "boost", "bury"
"""Names of the parts of a score that merchandising adds."""
PIN_SCORE = 2.0
"""The part ``pin`` of the last pinned product; it is above any score."""


def score_adjustments(
    index: Index, merchandising: Merchandising, keys: Sequence[PhotoKey]
) -> dict[int, dict[str, float]]:
    """Return place in the pool -> named parts of the score, for products that are pinned, boosted or buried."""
    named = [*merchandising.pins, *merchandising.boosts, *merchandising.buries]
    if not named:
        return {}
    products = {name: index.product_key(name) for name in named}
    places = {key.product: n for n, key in enumerate(keys)}
    adjustments: dict[int, dict[str, float]] = {}
    parts = (
        (PIN, {name: PIN_SCORE + len(merchandising.pins) - 1 - place for place, name in enumerate(merchandising.pins)}),
        (BOOST, merchandising.boosts),
        (BURY, {name: -value for name, value in merchandising.buries.items()}),
    )
    for part, values in parts:
        for name, value in values.items():
            if (place := places.get(products[name])) is not None:
                adjustments.setdefault(place, {})[part] = value
    return adjustments
