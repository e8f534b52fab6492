"""Translates conditions into filters of Qdrant, and fields into the payload paths that hold them.

The embedded engine and the server's client write the same filters with types of their own: :class:`FilterTypes` is all
in which they differ.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

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
PointLookup = Callable[[OneOf | IsProduct], Any]
"""Returns the points of the products that meet a condition which cannot be decided without reading records."""
Filter = TypeVar("Filter")
_RANGE_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_TIGHTEST = {"<": min, "<=": min, ">": max, ">=": max}
_PRICE = "price"
"""A product has one price at most, so that several inequalities of it are one range. The engine looks up the products
within one range, and goes through all that meet the rarest of several conditions."""


@dataclass(frozen=True, slots=True)
class FilterTypes(Generic[Filter]):
    """How a library writes filters.

    Attributes:
        combine: makes a filter of conditions and filters, by ``must``, ``should`` or ``must_not``.
        equals_any: makes the condition that a payload path holds one of some texts.
        within: makes the condition that it holds a number within bounds ``lt``, ``lte``, ``gt``, ``gte``.
        has_points: makes the condition that a point is one of some.
        text_forms: returns every form in which the index may hold a text that is compared.
    """

    combine: Callable[..., Filter]
    equals_any: Callable[[str, list[str]], Any]
    within: Callable[[str, Mapping[str, float]], Any]
    has_points: Callable[[Any], Any]
    text_forms: Callable[[str], set[str]]


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


def build_filter(
    condition: Condition, paths: FieldPaths, types: FilterTypes[Filter], find_points: PointLookup
) -> Filter:
    """Return a library's form of a condition whose fields have been checked."""
    return types.combine(must=_build_members(condition, paths, types, find_points))


def _build_members(
    condition: Condition, paths: FieldPaths, types: FilterTypes[Any], find_points: PointLookup
) -> list[Any]:
    """Return the conditions and filters that all have to be met; a filter only where there is a choice, since the
    engine evaluates bare conditions faster."""

    def build(inner: Condition) -> list[Any]:
        return _build_members(inner, paths, types, find_points)

    match condition:
        case IsProduct():
            return [types.has_points(find_points(condition))]
        case OneOf(field) if field in ID_FIELDS:
            return _any_of(_id_conditions(condition, paths[field], types, find_points), types)
        case OneOf(field):
            return _any_of(_value_conditions(condition, paths[field], types), types)
        case Inequality():
            return _any_of(_range_conditions([condition], paths, types), types)
        case Not(inner):
            return [types.combine(must_not=_all_of(build(inner), types))]
        case AllOf():
            members = [*_conjuncts(condition)]
            prices = [one for one in members if isinstance(one, Inequality) and one.field == _PRICE]
            others = [built for one in members if one not in prices for built in build(one)]
            return [*others, *_any_of(_range_conditions(prices, paths, types), types)] if prices else others
        case AnyOf(conditions):
            return _any_of([built for one in conditions for built in _all_of(build(one), types)], types)


def _any_of(conditions: list[Any], types: FilterTypes[Any]) -> list[Any]:
    """Return what is met where any of these is: a bare condition, or a filter."""
    return conditions if len(conditions) == 1 else [types.combine(should=conditions)]


def _all_of(conditions: list[Any], types: FilterTypes[Any]) -> list[Any]:
    """Return what is met where all of these are: a bare condition, or a filter."""
    return conditions if len(conditions) == 1 else [types.combine(must=conditions)]


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    """Yield the conditions that all have to be met, those of inner conjunctions in their place."""
    if isinstance(condition, AllOf):
        for inner in condition.conditions:
            yield from _conjuncts(inner)
    else:
        yield condition


def _range_conditions(inequalities: Sequence[Inequality], paths: FieldPaths, types: FilterTypes[Any]) -> list[Any]:
    """Return the conditions that one number of a field meets all of these inequalities, for each path of the field."""
    bounds: dict[str, float] = {}
    for one in inequalities:
        key = _RANGE_BOUNDS[one.sign]
        bounds[key] = _TIGHTEST[one.sign](bounds.get(key, one.bound), one.bound)
    return [types.within(path, bounds) for path in paths[inequalities[0].field].get("number", ())]


def _id_conditions(
    comparison: OneOf, by_kind: Mapping[str, tuple[str, ...]], types: FilterTypes[Any], find_points: PointLookup
) -> list[Any]:
    ids = sorted({comparable_text(comparison.field, text) for text in comparison.operands})
    conditions = [types.equals_any(path, ids) for path in by_kind.get("exact", ())]
    return [*conditions, types.has_points(find_points(comparison))] if "text" in by_kind else conditions


def _value_conditions(comparison: OneOf, by_kind: Mapping[str, tuple[str, ...]], types: FilterTypes[Any]) -> list[Any]:
    forms = sorted(set().union(*map(types.text_forms, comparison.operands)))
    conditions = [types.equals_any(path, forms) for path in by_kind.get("text", ())]
    for path in by_kind.get("number", ()):
        for number in sorted(operand_numbers(comparison, include_quoted="text" not in by_kind)):
            conditions.append(types.within(path, {"gte": number, "lte": number}))
    return conditions
