"""Translates conditions into filters of the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qdrant_client import models as api

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
from shoplens.index.qdrant.condition_filter import FieldPaths
from shoplens.types import fold

PointLookup = Callable[[Sequence[str]], list[Any]]
"""Returns the points of the products with these ids."""
_RANGE_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def build_filter(condition: Condition, paths: FieldPaths, find_points: PointLookup) -> api.Filter:
    """Return the server's form of a condition whose fields have been checked."""
    match condition:
        case IsProduct(ids):
            return api.Filter(must=[api.HasIdCondition(has_id=find_points(ids))])
        case OneOf(field):
            return api.Filter(should=_value_conditions(condition, paths[field]))
        case Inequality(field, sign, bound):
            limits = api.Range(**{_RANGE_BOUNDS[sign]: bound})
            numbers = paths[field].get("number", ())
            return api.Filter(should=[api.FieldCondition(key=path, range=limits) for path in numbers])
        case Not(inner):
            return api.Filter(must_not=[build_filter(inner, paths, find_points)])
        case AllOf(conditions):
            return api.Filter(must=[build_filter(inner, paths, find_points) for inner in conditions])
        case AnyOf(conditions):
            return api.Filter(should=[build_filter(inner, paths, find_points) for inner in conditions])


def _value_conditions(comparison: OneOf, by_kind: Any) -> list[Any]:
    if comparison.field in ID_FIELDS:
        ids = sorted({comparable_text(comparison.field, text) for text in comparison.operands})
        return [api.FieldCondition(key=path, match=api.MatchAny(any=ids)) for path in by_kind.get("exact", ())]
    texts = sorted(set(map(fold, comparison.operands)))
    conditions = [api.FieldCondition(key=path, match=api.MatchAny(any=texts)) for path in by_kind.get("text", ())]
    for path in by_kind.get("number", ()):
        for number in sorted(operand_numbers(comparison, include_quoted="text" not in by_kind)):
            conditions.append(api.FieldCondition(key=path, range=api.Range(gte=number, lte=number)))
    return conditions


def every(*conditions: Any) -> api.Filter | None:
    """Return the filter that meets all of these conditions and filters; None where there is none."""
    present = [one for one in conditions if one is not None]
    return api.Filter(must=present) if present else None
