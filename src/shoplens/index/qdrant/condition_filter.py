"""Translates conditions into the engine's filters, and fields into the payload paths that hold them."""

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
    Inequality,
    IsProduct,
    Not,
    OneOf,
    comparable_text,
    operand_numbers,
)
from shoplens.index.qdrant.points import field_path, parse_field_path
from shoplens.types import fold, normalize_nfc

FieldPaths = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Field -> kind of its values -> payload paths. There are several paths where an older store wrote one name in several
Unicode forms; ids are of the kind ``exact``, and of the kind ``text`` where an older store wrote them."""
PointLookup = Callable[[OneOf | IsProduct], "set[engine.PointId]"]
"""Returns the points of the products that meet a condition which cannot be decided without reading records."""
_RANGE_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def field_paths(schema: Iterable[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the payload paths of the fields of a shard, see :data:`FieldPaths`.

    Args:
        schema: the payload paths that the shard indexes.
    """
    paths: dict[str, dict[str, tuple[str, ...]]] = {}
    for kind, stored_name in filter(None, map(parse_field_path, schema)):
        field = normalize_nfc(stored_name)
        if kind != "number" or field not in ID_FIELDS:
            kinds = paths.setdefault(field, {})
            kinds[kind] = (*kinds.get(kind, ()), field_path(kind, stored_name))
    return paths


def field_kinds(paths: FieldPaths) -> dict[str, frozenset[str]]:
    """Return field -> kinds of its values, ``text``, ``number`` or both."""
    return {
        field: frozenset("text" if kind == "exact" else kind for kind in by_kind) for field, by_kind in paths.items()
    }


def stored_forms(text: str) -> set[str]:
    """Return every form in which a store may hold a folded text; older stores did not compose letters."""
    folded = fold(text)
    return {folded, text.casefold(), unicodedata.normalize("NFD", folded)}


def build_filter(condition: Condition, paths: FieldPaths, find_points: PointLookup) -> engine.Filter:
    """Return the engine's form of a condition whose fields have been checked."""
    match condition:
        case IsProduct():
            return engine.Filter(must=[engine.HasIdCondition(find_points(condition))])
        case OneOf(field) if field in ID_FIELDS:
            return engine.Filter(should=_id_conditions(condition, paths[field], find_points))
        case OneOf(field):
            return engine.Filter(should=_value_conditions(condition, paths[field]))
        case Inequality(field, sign, bound):
            limits = engine.RangeFloat(**{_RANGE_BOUNDS[sign]: bound})
            return engine.Filter(
                should=[engine.FieldCondition(path, range=limits) for path in paths[field].get("number", ())]
            )
        case Not(inner):
            return engine.Filter(must_not=[build_filter(inner, paths, find_points)])
        case AllOf(conditions):
            return engine.Filter(must=[build_filter(inner, paths, find_points) for inner in conditions])
        case AnyOf(conditions):
            return engine.Filter(should=[build_filter(inner, paths, find_points) for inner in conditions])


def _id_conditions(comparison: OneOf, by_kind: Mapping[str, tuple[str, ...]], find_points: PointLookup) -> list[Any]:
    ids = sorted({comparable_text(comparison.field, text) for text in comparison.operands})
    conditions: list[Any] = [
        engine.FieldCondition(path, match=engine.MatchAny(ids)) for path in by_kind.get("exact", ())
    ]
    if "text" in by_kind:
        conditions.append(engine.HasIdCondition(find_points(comparison)))
    return conditions


def _value_conditions(comparison: OneOf, by_kind: Mapping[str, tuple[str, ...]]) -> list[Any]:
    forms = sorted(set().union(*map(stored_forms, comparison.operands)))
    conditions = [engine.FieldCondition(path, match=engine.MatchAny(forms)) for path in by_kind.get("text", ())]
    for path in by_kind.get("number", ()):
        for number in sorted(operand_numbers(comparison, include_quoted="text" not in by_kind)):
            conditions.append(engine.FieldCondition(path, range=engine.RangeFloat(gte=number, lte=number)))
    return conditions


def both(one: engine.FieldCondition | engine.Filter, other: engine.Filter | None) -> engine.Filter:
    """Return the filter that both meet, or the first alone."""
    return engine.Filter(must=[one] if other is None else [one, other])
