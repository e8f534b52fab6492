"""Conditions on products: ``color = green and (price < 40 or brand in (Acme, 'Blue Sky'))``.

Text is compared without regard to letter case, and letters in one piece (NFC) equal those that are put together of
several signs. Ids (``id``, ``group_id``) are compared with letter case; ``id`` is also every identifier of a product.
A bare value that reads as a number equals numbers, too; a quoted one is text alone: ``size = 7`` finds 7, 7.0 and 007,
``size = '007'`` finds 007. In a field that holds numbers alone, such as the price, a quoted number is a number.

A product that lacks the field, or holds several values, is read thus: ``=`` and the orderings hold when *any* value
does; ``a != b`` is ``not a = b``, so products without the field meet it.
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
"""Fields of which letter case counts, and which hold no numbers."""
_OWN_FIELDS = frozenset((*ID_FIELDS, "brand", "category", "currency", "in_stock", "price"))
ORDERINGS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any value of ``field`` equals one of these.

    Attributes:
        values: bare ones, as the shop writes them (``3`` for a number); compared as text, and as a number where they
            read as one.
        texts: quoted ones, compared as text.
    """

    field: str
    values: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.values, *self.texts)


@dataclass(frozen=True, slots=True)
class IsProduct:
    """The product is one of these by its own id, whatever its identifiers are. No text of a condition says this."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """Any number of ``field`` stands in the relation ``sign`` to ``bound``."""

    field: str
    sign: str
    bound: float


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


Condition = OneOf | Ordered | IsProduct | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class FieldValues:
    """What a product holds in one field, ready to compare.

    Attributes:
        texts: folded, of :data:`ID_FIELDS` composed.
        numbers: of those texts that read as such.
    """

    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()


def field_values(product: Product) -> dict[str, FieldValues]:
    """Every field that conditions and facets may name, for one product; the first text of ``id`` is its own id.

    An attribute that bears the name of a product's own field is reached as ``attributes.<name>``.
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
    for written, values in product.attributes.items():
        name = normalize_nfc(written)
        name = f"attributes.{name}" if name in _OWN_FIELDS else name
        others[name] = others.get(name, ()) + values
    fields = {name: FieldValues(tuple(dict.fromkeys(texts))) for name, texts in ids.items() if texts}
    fields |= {name: _comparable(values) for name, values in others.items() if values}
    if product.price is not None:
        fields["price"] = FieldValues(numbers=(float(product.price),))
    return fields


def _comparable(values: tuple[Value, ...]) -> FieldValues:
    texts = tuple(dict.fromkeys(fold(value_text(value)) for value in values))
    return FieldValues(texts, tuple(number for number in map(number_of, texts) if number is not None))


def comparable_text(field: str, text: str) -> str:
    """A text as the texts of a field are compared."""
    return normalize_nfc(text) if field in ID_FIELDS else fold(text)


def number_of(text: str) -> float | None:
    """The number that a text reads as; None for anything but a plain, finite decimal number.

    >>> number_of("-3.50"), number_of("1e5"), number_of("XL")
    (-3.5, None, None)
    """
    number = float(text) if text.isascii() and _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def holds(condition: Condition, fields: Mapping[str, FieldValues]) -> bool:
    """Whether a product with these fields meets the condition; the definition that every index is tested against."""
    match condition:
        case OneOf(field):
            found = fields.get(field, FieldValues())
            wanted = {comparable_text(field, text) for text in condition.written}
            numbers = numbers_in(condition, quoted=not found.texts)
            return not wanted.isdisjoint(found.texts) or not numbers.isdisjoint(found.numbers)
        case IsProduct(ids):
            return fields["id"].texts[0] in ids
        case Ordered(field, sign, bound):
            return any(ORDERINGS[sign](number, bound) for number in fields.get(field, FieldValues()).numbers)
        case Not(inner):
            return not holds(inner, fields)
        case AllOf(inner_all):
            return all(holds(inner, fields) for inner in inner_all)
        case AnyOf(inner_any):
            return any(holds(inner, fields) for inner in inner_any)


def numbers_in(leaf: OneOf, *, quoted: bool) -> set[float]:
    """The numbers that its values read as.

    Args:
        quoted: whether the quoted ones count: they do in a field without any text.
    """
    return {number for number in map(number_of, leaf.written if quoted else leaf.values) if number is not None}


def leaves(condition: Condition) -> Iterator[OneOf | Ordered]:
    """The comparisons of fields in a condition, left to right."""
    match condition:
        case IsProduct():
            return
        case OneOf() | Ordered():
            yield condition
        case Not(inner):
            yield from leaves(inner)
        case AllOf(several) | AnyOf(several):
            for inner in several:
                yield from leaves(inner)


def check_fields(condition: Condition, kinds: Mapping[str, frozenset[str]]) -> None:
    """Refuse a condition that no product of this catalogue could be asked.

    Args:
        kinds: field -> what it holds, some of ``text`` and ``number``.

    Raises:
        ConditionError: an unknown field, an ordering of a field without numbers, text asked of a field of numbers.
    """
    for leaf in leaves(condition):
        held = kinds.get(leaf.field)
        if held is None:
            raise ConditionError(
                f"No product has a field {leaf.field!r}.",
                f"There are: {', '.join(sorted(kinds))}.",
                code="unknown-field",
            )
        if isinstance(leaf, Ordered) and "number" not in held:
            numeric = ", ".join(sorted(name for name, held in kinds.items() if "number" in held)) or "none"
            raise ConditionError(
                f"{leaf.field!r} holds text and cannot be compared by {leaf.sign}.",
                f"Use =, != or in. Fields with numbers: {numeric}.",
                code="wrong-type",
            )
        if isinstance(leaf, OneOf) and "text" not in held:
            wrong = [value for value in leaf.written if number_of(value) is None]
            if wrong:
                raise ConditionError(
                    f"{leaf.field!r} holds numbers and is compared with {wrong[0]!r}.",
                    f"Give a number, e.g. {leaf.field} < 40.",
                    code="wrong-type",
                )
        if isinstance(leaf, OneOf) and leaf.field in BOOLEAN_FIELDS:
            unclear = [value for value in leaf.written if fold(value) not in ("true", "false")]
            if unclear:
                raise ConditionError(
                    f"{leaf.field!r} is true or false and is compared with {unclear[0]!r}.",
                    f"Write {leaf.field} = true or {leaf.field} = false.",
                    code="wrong-type",
                )
