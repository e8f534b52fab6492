"""Counts the products that hold each value of a field, with the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import qdrant_edge as engine

from shoplens.index.conditions import comparable_text
from shoplens.index.qdrant.engine_errors import GuardedShard

_MAX_VALUES = 100_000


class _StoredValue(NamedTuple):
    """A value as one payload path holds it, and the number of points that have it."""

    path: str
    form: str
    points: int


def count_values(shard: GuardedShard, field: str, paths: Iterable[str], among: engine.Filter) -> list[tuple[str, int]]:
    """Return the values of a field and the exact number of points with each: most first, ties by value.

    All values are returned, because all are needed to decide which of several equally frequent ones a limit keeps.

    Args:
        paths: payload paths of the field.
        among: a filter for the points that are counted.
    """
    stored: dict[str, list[_StoredValue]] = {}
    for path in paths:
        request = engine.FacetRequest(path, limit=_MAX_VALUES, exact=True, filter=among)
        for hit in shard.facet(request).hits:
            if hit.count:
                form = str(hit.value)
                stored.setdefault(comparable_text(field, form), []).append(_StoredValue(path, form, hit.count))
    counts = [
        (value, forms[0].points if len(forms) == 1 else _count_any(shard, forms, among))
        for value, forms in stored.items()
    ]
    return sorted(counts, key=lambda item: (-item[1], item[0]))


def _count_any(shard: GuardedShard, forms: Sequence[_StoredValue], among: engine.Filter) -> int:
    """Return the number of points with any of several forms of a value, which older stores kept apart."""
    conditions: list[Any] = [engine.FieldCondition(form.path, match=engine.MatchValue(form.form)) for form in forms]
    either = engine.Filter(must=[among, engine.Filter(should=conditions)])
    return int(shard.count(engine.CountRequest(exact=True, filter=either)))
