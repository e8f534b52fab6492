"""What merchandising adds to scores, as named parts of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shoplens.index.protocol import Index, PhotoKey
from shoplens.settings import Merchandising

PIN, BOOST, BURY = "pin", "boost", "bury"
"""Names of the parts of a score that merchandising adds."""
PIN_SCORE = 2.0
"""The part ``pin`` of the last pinned product; it is above any score."""


def score_adjustments(
    index: Index,
    merchandising: Merchandising,
    keys: Sequence[PhotoKey],
    rule_parts: Mapping[str | int, Mapping[str, float]],
) -> dict[int, dict[str, float]]:
    """Return place in the pool -> named parts of the score, for products that are pinned, boosted or buried.

    An entry for a single product overrides rules with conditions.

    Args:
        rule_parts: the index's key of a product -> parts by rules with conditions.
    """
    named = [*merchandising.pins, *merchandising.boosts, *merchandising.buries]
    if not named and not rule_parts:
        return {}
    products = {name: index.product_key(name) for name in named}
    places = {key.product: n for n, key in enumerate(keys)}
    adjustments = {place: dict(rule_parts[key]) for key, place in places.items() if key in rule_parts}
    for name in named:
        if (place := places.get(products[name])) is not None:
            adjustments.pop(place, None)
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
