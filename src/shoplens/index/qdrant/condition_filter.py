"""A condition -> the engine's filter, and a field -> where the engine holds it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import qdrant_edge as engine

from shoplens.index.conditions import (
    ID_FIELDS,
    AllOf,
    AnyOf,
    Condition,
    IsProduct,
    Not,
    OneOf,
    Ordered,
    comparable_text,
    numbers_in,
)
from shoplens.index.qdrant.points import field_key, field_of
from shoplens.types import fold, normalize_nfc

Paths = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Field -> kind of what it holds -> paths of the engine. There are several where a store of before wrote one name in
several ways; ids are of the kind ``exact``, and of ``text`` where such a store wrote them."""
PointsOf = Callable[[OneOf | IsProduct], "set[engine.PointId]"]
"""The points of the products that meet a condition which takes looking at their records."""
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def paths_in(schema: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Where a shard holds its fields.

    Args:
        schema: the paths that it indexes.
    """
    paths: dict[str, dict[str, tuple[str, ...]]] = {}
    for kind, written in filter(None, map(field_of, schema)):
        field = normalize_nfc(written)
        if kind != "number" or field not in ID_FIELDS:
            kinds = paths.setdefault(field, {})
            kinds[kind] = (*kinds.get(kind, ()), field_key(kind, written))
    return paths


def kinds_in(paths: Paths) -> dict[str, frozenset[str]]:
    """Field -> what it holds, some of ``text`` and ``number``."""
    return {
        field: frozenset("text" if kind == "exact" else kind for kind in by_kind) for field, by_kind in paths.items()
    }


def written_forms(text: str) -> set[str]:
    """A folded text in every form in which a store holds it; those of before did not compose letters."""
    folded = fold(text)
    return {folded, text.casefold(), unicodedata.normalize("NFD", folded)}


def filter_from(condition: Condition, paths: Paths, points_of: PointsOf) -> engine.Filter:
    """The engine's form of a condition whose fields have been checked."""
    match condition:
        case IsProduct():
            return engine.Filter(must=[engine.HasIdCondition(points_of(condition))])
        case OneOf(field) if field in ID_FIELDS:
            return engine.Filter(should=_ways_to_id(condition, paths[field], points_of))
        case OneOf(field):
            return engine.Filter(should=_ways_to_value(condition, paths[field]))
        case Ordered(field, sign, bound):
            reach = engine.RangeFloat(**{_BOUNDS[sign]: bound})
            return engine.Filter(
                should=[engine.FieldCondition(path, range=reach) for path in paths[field].get("number", ())]
            )
        case Not(inner):
            return engine.Filter(must_not=[filter_from(inner, paths, points_of)])
        case AllOf(several):
            return engine.Filter(must=[filter_from(inner, paths, points_of) for inner in several])
        case AnyOf(several):
            return engine.Filter(should=[filter_from(inner, paths, points_of) for inner in several])


def _ways_to_id(leaf: OneOf, by_kind: Mapping[str, tuple[str, ...]], points_of: PointsOf) -> list[Any]:
    ids = sorted({comparable_text(leaf.field, text) for text in leaf.written})
    ways: list[Any] = [engine.FieldCondition(path, match=engine.MatchAny(ids)) for path in by_kind.get("exact", ())]
    if "text" in by_kind:
        ways.append(engine.HasIdCondition(points_of(leaf)))
    return ways


def _ways_to_value(leaf: OneOf, by_kind: Mapping[str, tuple[str, ...]]) -> list[Any]:
    forms = sorted(set().union(*map(written_forms, leaf.written)))
    ways = [engine.FieldCondition(path, match=engine.MatchAny(forms)) for path in by_kind.get("text", ())]
    for path in by_kind.get("number", ()):
        for number in sorted(numbers_in(leaf, quoted="text" not in by_kind)):
            ways.append(engine.FieldCondition(path, range=engine.RangeFloat(gte=number, lte=number)))
    return ways
