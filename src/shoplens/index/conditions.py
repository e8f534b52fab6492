"""Conditions on products: ``color = green and (price < 40 or brand in (Acme, 'Blue Sky'))``.

Text is compared without regard to letter case, and composed letters (Unicode NFC) equal decomposed ones. Ids (``id``,
``group_id``) are compared with letter case; the field ``id`` also holds every identifier of a product. A bare value
that can be read as a number also equals numbers; a quoted value is compared as text only: ``size = 7`` finds 7, 7.0 and
007, ``size = '007'`` finds 007. In a field that holds only numbers, such as the price, a quoted number is a number.

Where a product holds several values in a field, ``=`` and the inequalities are met when *any* value meets them.
``a != b`` means ``not a = b``, so products without the field meet it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shoplens.errors import ConditionError
from shoplens.types import Product, Value, fold, normalize_nfc, value_text

_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?")
BOOLEAN_FIELDS = {"in_stock"}
ID_FIELDS = ("id", "group_id")
"""Fields that are compared with letter case, and that hold no numbers."""
_OWN_FIELDS = frozenset((*ID_FIELDS, "brand", "category", "currency", "in_stock", "price"))
INEQUALITY_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class OneOf:
    """The condition that any value of ``field`` equals one of the given values.

    Attributes:
        values: bare values, as the shop writes them (``3`` for a number); compared as text, and as numbers where they
            can be read as numbers.
        texts: quoted values, compared as text.
    """

    field: str
    values: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def operands(self) -> tuple[str, ...]:
        """All values, bare and quoted."""
        return (*self.values, *self.texts)


@dataclass(frozen=True, slots=True)
class IsProduct:
    """The condition that the product's own id is one of these, whatever its identifiers are. No condition text can
    express it."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inequality:
    """The condition that any number of ``field`` stands in the relation ``sign`` to ``bound``.

    Attributes:
        sign: a key of :data:`INEQUALITY_OPERATORS`.
    """

    field: str
    sign: str
    bound: float


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """The conjunction of conditions."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The disjunction of conditions."""

    conditions: tuple[Condition, ...]


Condition = OneOf | Inequality | IsProduct | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class FieldValues:
    """The values of a product in one field, in the form in which they are compared.

    Attributes:
        texts: folded texts; in :data:`ID_FIELDS` texts in NFC with their letter case.
        numbers: the numbers among those texts.
    """

    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()


def field_values(product: Product) -> dict[str, FieldValues]:
    """Return the fields of one product that conditions and facets may name; the first text of ``id`` is its own id.

    An attribute with the name of one of the product's own fields is named ``attributes.<name>``.
    """
    ids: dict[str, tuple[str, ...]] = {
        "id": (product.id, *map(normalize_nfc, (product.id, *product.identifiers))),
        "group_id": (normalize_nfc(product.group_id),) if product.group_id else (),
    }
    others: dict[str, tuple[Value, ...]] = {
        "brand": (product.brand,) if product.brand else (),
        "category": product.category,
        "currency": (product.currency,) if product.currency else (),
        "in_stock": () if product.in_stock is None else (product.in_stock,),
    }
    for attribute, values in product.attributes.items():
        name = normalize_nfc(attribute)
        name = f"attributes.{name}" if name in _OWN_FIELDS else name
        others[name] = others.get(name, ()) + values
    fields = {name: FieldValues(tuple(dict.fromkeys(texts))) for name, texts in ids.items() if texts}
    fields |= {name: _fold_values(values) for name, values in others.items() if values}
    if product.price is not None:
        fields["price"] = FieldValues(numbers=(float(product.price),))
    return fields


def _fold_values(values: tuple[Value, ...]) -> FieldValues:
    texts = tuple(dict.fromkeys(fold(value_text(value)) for value in values))
    return FieldValues(texts, tuple(number for number in map(parse_number, texts) if number is not None))


def comparable_text(field: str, text: str) -> str:
    """Return a text in the form in which the texts of a field are compared."""
    return normalize_nfc(text) if field in ID_FIELDS else fold(text)


def parse_number(text: str) -> float | None:
    """Return the number that a text stands for; None for anything but a plain, finite decimal number.

    >>> parse_number("-3.50"), parse_number("1e5"), parse_number("XL")
    (-3.5, None, None)
    """
    number = float(text) if text.isascii() and _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def matches(condition: Condition, fields: Mapping[str, FieldValues]) -> bool:
    """Return whether a product with these fields meets the condition; every index is tested against this definition."""
    match condition:
        case OneOf(field):
            values = fields.get(field, FieldValues())
            texts = {comparable_text(field, text) for text in condition.operands}
            numbers = operand_numbers(condition, include_quoted=not values.texts)
            return not texts.isdisjoint(values.texts) or not numbers.isdisjoint(values.numbers)
        case IsProduct(ids):
            return fields["id"].texts[0] in ids
        case Inequality(field, sign, bound):
            return any(INEQUALITY_OPERATORS[sign](number, bound) for number in fields.get(field, FieldValues()).numbers)
        case Not(inner):
            return not matches(inner, fields)
        case AllOf(inner_all):
            return all(matches(inner, fields) for inner in inner_all)
        case AnyOf(inner_any):
            return any(matches(inner, fields) for inner in inner_any)


def operand_numbers(comparison: OneOf, *, include_quoted: bool) -> set[float]:
    """Return the numbers among the values that a field is compared with.

    Args:
        include_quoted: whether quoted values count as numbers, as they do in a field without any text.
    """
    operands = comparison.operands if include_quoted else comparison.values
    return {number for number in map(parse_number, operands) if number is not None}


def field_comparisons(condition: Condition) -> Iterator[OneOf | Inequality]:
    """Yield the comparisons of fields in a condition, left to right."""
    match condition:
        case IsProduct():
            return
        case OneOf() | Inequality():
            yield condition
        case Not(inner):
            yield from field_comparisons(inner)
        case AllOf(conditions) | AnyOf(conditions):
            for inner in conditions:
                yield from field_comparisons(inner)


def check_fields(condition: Condition, kinds: Mapping[str, frozenset[str]]) -> None:
    """Check that every comparison of a condition makes sense for the fields of this catalogue.

    Args:
        kinds: field -> kinds of its values, ``text``, ``number`` or both.

    Raises:
        ConditionError: ``unknown-field``; ``wrong-type``, an inequality on a field without numbers, a text compared
            with a field of numbers, or another value than true and false compared with a boolean field.
    """
    for comparison in field_comparisons(condition):
        field = comparison.field
        field_kinds = kinds.get(field)
        if field_kinds is None:
            raise ConditionError(
                f"No product has a field {field!r}.", f"There are: {', '.join(sorted(kinds))}.", code="unknown-field"
            )
        if isinstance(comparison, Inequality):
            if "number" not in field_kinds:
                numeric = ", ".join(sorted(name for name, kind in kinds.items() if "number" in kind)) or "none"
                raise _type_error(
                    f"{field!r} holds text and cannot be compared by {comparison.sign}.",
                    f"Use =, != or in. Fields with numbers: {numeric}.",
                )
            continue
        if "text" not in field_kinds:
            texts = [value for value in comparison.operands if parse_number(value) is None]
            if texts:
                raise _type_error(
                    f"{field!r} holds numbers and is compared with {texts[0]!r}.", f"Give a number, e.g. {field} < 40."
                )
        if field in BOOLEAN_FIELDS:
            others = [value for value in comparison.operands if fold(value) not in ("true", "false")]
            if others:
                raise _type_error(
                    f"{field!r} is true or false and is compared with {others[0]!r}.",
                    f"Write {field} = true or {field} = false.",
                )


def _type_error(problem: str, fix: str) -> ConditionError:
    return ConditionError(problem, fix, code="wrong-type")
