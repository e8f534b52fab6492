"""Why a field of the feed is no dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from shoplens.filters.dimensions.feed_counts import FieldCount
from shoplens.filters.dimensions.feed_values import BRAND, CATEGORY
from shoplens.filters.dimensions.identifiers import Identifiers
from shoplens.filters.dimensions.value_forms import Form, recognize_form
from shoplens.filters.model.class_layout import ClassTree
from shoplens.settings import FeedKind

UNIQUE_ABOVE = 1 / 3
"""Values per product above which they are (nearly) unique and no classes."""
_SHOWN = 40
"""Characters of a value that a sentence shows."""

Reason = Literal[
    "dropped",
    "links",
    "codes",
    "related-products",
    "numbers",
    "too-many-values",
    "nearly-unique",
    "too-few-products",
    "one-class",
    "too-few-groups",
]


@dataclass(frozen=True, slots=True)
class SkippedDimension:
    """A dimension that a shop could have had.

    Attributes:
        name: as it would be called.
        reason: for people, a sentence.
        kind: for machines.
    """

    name: str
    reason: str
    kind: Reason


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the feed that could be a dimension.

    Attributes:
        count: what all products say in it.
        kind: of the dimension that it would be.
        wanted: whether the shop asks for it, so that what its values look like does not matter.
        trained: class, as ``count.nodes`` names it -> products, of those with ``least`` of them.
        least: products that a class needs.
        identifiers: of all products.
    """

    count: FieldCount
    kind: FeedKind
    wanted: bool
    trained: Mapping[str, int]
    least: int
    identifiers: Identifiers


Check = Callable[[Field], str]
"""The sentence, where it holds; else nothing."""


def find_reason(name: str, field: Field) -> SkippedDimension | None:
    """Why it is no dimension, by the first reason that holds; None where it is one."""
    for kind, tell in _CHECKS.items():
        if reason := tell(field):
            return SkippedDimension(name, reason, kind)
    return None


def _tell_links(field: Field) -> str:
    return _tell_form(field, "links", "link")


def _tell_codes(field: Field) -> str:
    """Article numbers are classes where the products share them, and codes where most of them have few products."""
    values = field.count.values
    rare = sum(held < field.least for held in values.values()) * 2 > len(values)
    return _tell_form(field, "codes", "code") or (rare and _tell_form(field, "codes", "code", "article-number")) or ""


def _tell_related(field: Field) -> str:
    if field.wanted or not field.count.fields.keys() - {BRAND, CATEGORY}:
        return ""
    return _tell_most(field, "ids of products or groups of this feed", field.identifiers.find_named(field.count.values))


def _tell_numbers(field: Field) -> str:
    count = field.count
    holds = not field.wanted and count.numbers * 2 > count.products
    return f"{count.numbers} of its {count.products} products hold numbers. {_TAKE}" if holds else ""


def _tell_too_many(field: Field) -> str:
    sentence = f"It has more than {field.count.most} values. Merge some, or raise max_classes."
    return sentence if field.count.overflowed else ""


def _tell_unique(field: Field) -> str:
    values, products = len(field.count.nodes), field.count.products
    holds = not field.wanted and not field.count.tree and values > products * UNIQUE_ABOVE
    return f"It has {values} values for {products} products. {_TAKE}" if holds else ""


def _tell_few(field: Field) -> str:
    nodes = field.count.nodes
    largest = max(nodes.values(), default=0)
    sentence = f"None of its {len(nodes)} classes has {field.least} products; the largest has {largest}."
    return "" if field.trained else sentence


def _tell_one_class(field: Field) -> str:
    """Nothing is told apart: by one class, by classes that always come together, or by a tree that never forks."""
    count, trained = field.count, field.trained
    if len(trained) == 1:
        return f"Only one of its {len(count.nodes)} classes has {field.least} products or more."
    if min(trained.values()) == count.products:
        return "All products are the same in it."
    if field.kind == "tree" and not ClassTree.from_nodes(count.shown(one) for one in trained).levels:
        deepest = _shorten(max(map(count.shown, trained), key=len))
        return f"Its classes with {field.least} products or more lie on one path, {deepest}, and tell nothing apart."
    return "" if count.tells_apart(trained) else "Its classes always come together, so they tell nothing apart."


_CHECKS: Mapping[Reason, Check] = {
    "links": _tell_links,
    "codes": _tell_codes,
    "related-products": _tell_related,
    "numbers": _tell_numbers,
    "too-many-values": _tell_too_many,
    "nearly-unique": _tell_unique,
    "too-few-products": _tell_few,
    "one-class": _tell_one_class,
}
_TAKE = "To take it nevertheless, say use = true."


def _tell_form(field: Field, what: str, *forms: Form) -> str:
    if field.wanted:
        return ""
    found = {value: held for value, held in field.count.values.items() if recognize_form(value) in forms}
    return _tell_most(field, what, found)


def _tell_most(field: Field, what: str, found: Mapping[str, int]) -> str:
    """The sentence, where these values are most of what products say."""
    if sum(found.values()) * 2 <= sum(field.count.values.values()):
        return ""
    return f"Most of its values are {what}, such as {_shorten(next(iter(found)))}. {_TAKE}"


def _shorten(value: str) -> str:
    return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
