"""Decides why a field of the feed is no dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from shoplens.filters.dimensions.feed_counts import FieldCounter
from shoplens.filters.dimensions.feed_values import BRAND, CATEGORY
from shoplens.filters.dimensions.identifiers import ProductNames
from shoplens.filters.dimensions.value_forms import Form, recognize_form
from shoplens.filters.model.class_layout import ClassTree
from shoplens.settings import FeedKind

MAX_VALUES_PER_PRODUCT = 1 / 3
"""Values per product above which they are (nearly) unique, and so are no classes."""
_MAX_SHOWN = 40
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
    """A field that became no dimension.

    Attributes:
        name: the name that the dimension would have.
        reason: the reason as a sentence, for people.
        kind: the reason, for programs.
    """

    name: str
    reason: str
    kind: Reason


@dataclass(frozen=True, slots=True)
class CandidateField:
    """A field of the feed that could be a dimension.

    Attributes:
        counter: counts of the field's values over all products.
        kind: kind of the dimension that it would be.
        is_requested: whether the shop requests it, so that the form of its values does not matter.
        classes: class, as in ``counter.nodes`` -> number of products, for classes with ``min_products`` of them.
        min_products: least products of a class.
        product_names: the names of all products.
    """

    counter: FieldCounter
    kind: FeedKind
    is_requested: bool
    classes: Mapping[str, int]
    min_products: int
    product_names: ProductNames


Check = Callable[[CandidateField], str]
"""Returns the reason as a sentence where it applies, else an empty text."""


def find_skip_reason(name: str, field: CandidateField) -> SkippedDimension | None:
    """Return the first reason why the field is no dimension; None where it is one."""
    for kind, check in _CHECKS.items():
        if reason := check(field):
            return SkippedDimension(name, reason, kind)
    return None


def _check_links(field: CandidateField) -> str:
    return _check_forms(field, "links", "link")


def _check_codes(field: CandidateField) -> str:
    """Article numbers are classes where products share them, and codes where most of them have few products."""
    values = field.counter.values
    are_rare = sum(count < field.min_products for count in values.values()) * 2 > len(values)
    reason = _check_forms(field, "codes", "code")
    return reason or (are_rare and _check_forms(field, "codes", "code", "article-number")) or ""


def _check_related_products(field: CandidateField) -> str:
    if field.is_requested or not field.counter.fields.keys() - {BRAND, CATEGORY}:
        return ""
    names = field.product_names.select_names(field.counter.values)
    return _check_majority(field, "ids of products or groups of this feed", names)


def _check_numbers(field: CandidateField) -> str:
    counter = field.counter
    if field.is_requested or counter.numeric * 2 <= counter.products:
        return ""
    return f"{counter.numeric} of its {counter.products} products hold numbers. {_REQUEST_HINT}"


def _check_value_count(field: CandidateField) -> str:
    if not field.counter.overflowed:
        return ""
    return f"It has more than {field.counter.max_values} values. Merge some, or raise max_classes."


def _check_uniqueness(field: CandidateField) -> str:
    values, products = len(field.counter.nodes), field.counter.products
    if field.is_requested or field.counter.is_tree or values <= products * MAX_VALUES_PER_PRODUCT:
        return ""
    return f"It has {values} values for {products} products. {_REQUEST_HINT}"


def _check_class_sizes(field: CandidateField) -> str:
    if field.classes:
        return ""
    nodes = field.counter.nodes
    largest = max(nodes.values(), default=0)
    return f"None of its {len(nodes)} classes has {field.min_products} products; the largest has {largest}."


def _check_distinction(field: CandidateField) -> str:
    """One class distinguishes nothing, nor do classes that always occur together, nor a tree that never forks."""
    counter, classes = field.counter, field.classes
    if len(classes) == 1:
        return f"Only one of its {len(counter.nodes)} classes has {field.min_products} products or more."
    if min(classes.values()) == counter.products:
        return "All products are the same in it."
    if field.kind == "tree" and not ClassTree.from_nodes(counter.display_name(node) for node in classes).levels:
        deepest = _shorten(max(map(counter.display_name, classes), key=len))
        return (
            f"Its classes with {field.min_products} products or more lie on one path, {deepest}, "
            "and distinguish no products."
        )
    if counter.distinguishes_products(classes):
        return ""
    return "Its classes always occur together, so they distinguish no products."


_CHECKS: Mapping[Reason, Check] = {
    "links": _check_links,
    "codes": _check_codes,
    "related-products": _check_related_products,
    "numbers": _check_numbers,
    "too-many-values": _check_value_count,
    "nearly-unique": _check_uniqueness,
    "too-few-products": _check_class_sizes,
    "one-class": _check_distinction,
}
_REQUEST_HINT = "To use it nevertheless, set use = true."


def _check_forms(field: CandidateField, description: str, *forms: Form) -> str:
    if field.is_requested:
        return ""
    values = {value: count for value, count in field.counter.values.items() if recognize_form(value) in forms}
    return _check_majority(field, description, values)


def _check_majority(field: CandidateField, description: str, values: Mapping[str, int]) -> str:
    """Return the sentence where the given values are the majority of the field's values, counted by products."""
    if sum(values.values()) * 2 <= sum(field.counter.values.values()):
        return ""
    return f"Most of its values are {description}, such as {_shorten(next(iter(values)))}. {_REQUEST_HINT}"


def _shorten(value: str) -> str:
    return repr(value if len(value) <= _MAX_SHOWN else value[: _MAX_SHOWN - 1] + "…")
