"""Which view of a query photo decided what came first: the whole photo, or the object in it."""

from __future__ import annotations

from collections.abc import Sequence

from shoplens.filters.dimensions.dimension import LOOK, OBJECT
from shoplens.types import Result, View


def deciding_view(results: Sequence[Result]) -> View | None:
    """Return the view by which the first result leads the second one more; with one result, the one with more score.

    None where the results were not compared by both views, or both say the same.
    """
    if not results or results[0].same_photo or not {LOOK, OBJECT} <= results[0].parts.keys():
        return None
    first, second = results[0].parts, results[1].parts if len(results) > 1 else {}
    whole, thing = (first[name] - second.get(name, 0.0) for name in (LOOK, OBJECT))
    return None if whole == thing else "whole" if whole > thing else "object"
