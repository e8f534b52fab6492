"""Conditions of merchandising: which products a rule is about, and which are hidden."""

from __future__ import annotations

from functools import lru_cache

from shoplens.errors import ConditionError
from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import AnyOf, Condition, IsProduct, Not, check_fields
from shoplens.index.identifiers import find_products
from shoplens.index.protocol import Index
from shoplens.settings import Merchandising

_parse = lru_cache(maxsize=1_000)(parse_condition)


def rule_condition(index: Index, where: str) -> Condition | None:
    """Return the condition of a rule; None where it does not fit the catalogue any more, so that searches go on."""
    try:
        condition = _parse(where)
        check_fields(condition, index.field_kinds())
    except ConditionError:
        return None
    return condition


def shown_condition(index: Index, merchandising: Merchandising) -> Condition | None:
    """Return the condition that a product is not hidden; None where none is."""
    named = find_products(index, merchandising.hides) if merchandising.hides else {}
    ids = tuple(dict.fromkeys(one for match in named.values() for one in match.ids))
    hidden: list[Condition] = [IsProduct(ids)] if ids else []
    for rule in merchandising.rules:
        if rule.action == "hide" and (condition := rule_condition(index, rule.where)) is not None:
            hidden.append(condition)
    return Not(AnyOf(tuple(hidden))) if hidden else None
