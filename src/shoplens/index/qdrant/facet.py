"""How many products hold each value of a field, counted by the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import qdrant_edge as engine

from shoplens.index.conditions import comparable_text

_MOST_VALUES = 100_000


class _Held(NamedTuple):
    path: str
    form: str
    points: int


def values_counted(
    shard: engine.EdgeShard, field: str, paths: Iterable[str], among: engine.Filter
) -> list[tuple[str, int]]:
    """Values and how many points hold each, exactly; most first, ties by value. All of them: it takes all to decide
    which ties a limit cuts.

    Args:
        paths: where the field lies.
        among: points that count.
    """
    held: dict[str, list[_Held]] = {}
    for path in paths:
        request = engine.FacetRequest(path, limit=_MOST_VALUES, exact=True, filter=among)
        for hit in shard.facet(request).hits:
            if hit.count:
                form = str(hit.value)
                held.setdefault(comparable_text(field, form), []).append(_Held(path, form, hit.count))
    counts = [
        (value, forms[0].points if len(forms) == 1 else _count(shard, forms, among)) for value, forms in held.items()
    ]
    return sorted(counts, key=lambda item: (-item[1], item[0]))


def _count(shard: engine.EdgeShard, forms: Sequence[_Held], among: engine.Filter) -> int:
    """Points that hold any of several forms of a value, which stores of before kept apart."""
    ways: list[Any] = [engine.FieldCondition(one.path, match=engine.MatchValue(one.form)) for one in forms]
    either = engine.Filter(must=[among, engine.Filter(should=ways)])
    return int(shard.count(engine.CountRequest(exact=True, filter=either)))
