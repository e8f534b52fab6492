"""Conditions on products: ``color = green and (price < 40 or brand in (Acme, 'Blue Sky'))``.

::

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | field comparison
    comparison = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | "in" "(" value { "," value } ")"

A field with spaces or signs in its name is quoted. A value is a number, ``true``, ``false``, a quoted text, or bare
words (``color = light blue``). Text is compared without regard to case. A product that lacks the field, or holds
several values, is read thus: ``=`` and the orderings hold when *any* value does; ``a != b`` is ``not a = b``, so
products without the field meet it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shoplens.errors import ConditionError
from shoplens.types import Product, Value

_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d+)?")
BOOLEAN_FIELDS = {"in_stock"}
ORDERINGS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
HELP = "Write for example: color = green and not (price > 40 or brand in (Acme, 'Blue Sky'))."


@dataclass(frozen=True, slots=True)
class OneOf:
    """Any value of ``field`` equals one of ``values``, which are texts as the shop writes them (``3`` for a number)."""

    field: str
    values: tuple[str, ...]


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


Condition = OneOf | Ordered | Not | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class FieldValues:
    """What a product holds in one field, ready to compare: folded texts, and numbers where they read as such."""

    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()


def field_values(product: Product) -> dict[str, FieldValues]:
    """Every field that conditions and facets may name, for one product.

    An attribute that bears the name of a product's own field is reached as ``attributes.<name>``.
    """
    own: dict[str, tuple[Value, ...]] = {
        "id": (product.id,),
        "brand": (product.brand,) if product.brand else (),
        "category": product.category,
        "currency": (product.currency,) if product.currency else (),
        "group_id": (product.group_id,) if product.group_id else (),
        "in_stock": () if product.in_stock is None else (product.in_stock,),
    }
    attributes = {
        (f"attributes.{name}" if name in {*own, "price"} else name): v for name, v in product.attributes.items()
    }
    fields = {name: _comparable(values) for name, values in {**own, **attributes}.items() if values}
    if product.price is not None:
        fields["price"] = FieldValues(numbers=(float(product.price),))
    return fields


def _comparable(values: tuple[Value, ...]) -> FieldValues:
    texts = tuple(dict.fromkeys(text_of(value).casefold() for value in values))
    return FieldValues(texts, tuple(number for number in map(number_of, texts) if number is not None))


def number_of(text: str) -> float | None:
    """The number that a text reads as; None for anything but a plain, finite decimal number.

    >>> number_of("-3.50"), number_of("1e5"), number_of("XL")
    (-3.5, None, None)
    """
    number = float(text) if text.isascii() and _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def text_of(value: Value) -> str:
    """The text a value is compared by: ``true``, ``3``, ``3.5``, ``Light Blue``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        written = format(Decimal(repr(value)), "f")
        return written.rstrip("0").rstrip(".") if "." in written else written
    return str(value)


def holds(condition: Condition, fields: Mapping[str, FieldValues]) -> bool:
    """Whether a product with these fields meets the condition; the definition that every index is tested against."""
    match condition:
        case OneOf(field, values):
            found = fields.get(field, FieldValues())
            wanted = {value.casefold() for value in values}
            numbers = {number for number in map(number_of, values) if number is not None}
            return not wanted.isdisjoint(found.texts) or not numbers.isdisjoint(found.numbers)
        case Ordered(field, sign, bound):
            return any(ORDERINGS[sign](number, bound) for number in fields.get(field, FieldValues()).numbers)
        case Not(inner):
            return not holds(inner, fields)
        case AllOf(inner_all):
            return all(holds(inner, fields) for inner in inner_all)
        case AnyOf(inner_any):
            return any(holds(inner, fields) for inner in inner_any)


def leaves(condition: Condition) -> Iterator[OneOf | Ordered]:
    """The comparisons in a condition, left to right."""
    match condition:
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
            wrong = [value for value in leaf.values if number_of(value) is None]
            if wrong:
                raise ConditionError(
                    f"{leaf.field!r} holds numbers and is compared with {wrong[0]!r}.",
                    f"Give a number, e.g. {leaf.field} < 40.",
                    code="wrong-type",
                )
        if isinstance(leaf, OneOf) and leaf.field in BOOLEAN_FIELDS:
            unclear = [value for value in leaf.values if value.casefold() not in ("true", "false")]
            if unclear:
                raise ConditionError(
                    f"{leaf.field!r} is true or false and is compared with {unclear[0]!r}.",
                    f"Write {leaf.field} = true or {leaf.field} = false.",
                    code="wrong-type",
                )


def parsed(text: str) -> Condition:
    """Condition from its text.

    Raises:
        ConditionError: saying where the text stops making sense.
    """
    return _Parser(text).whole()


def parsed_all(texts: tuple[str, ...]) -> Condition | None:
    """One condition that asks for all of several; None for none."""
    conditions = tuple(parsed(text) for text in texts)
    return conditions[0] if len(conditions) == 1 else AllOf(conditions) if conditions else None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


_TOKENS = re.compile(
    r"""\s*(?:(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
         |(?P<sign><=|>=|!=|=|<|>)
         |(?P<mark>[(),])
         |(?P<word>[^\s'"<>=!(),]+))""",
    re.VERBOSE,
)
_RESERVED = {"and", "or", "not", "in"}
_DEEPEST = 50


class _Parser:
    """Recursive descent over the grammar above."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.tokens = list(self._tokens(text))

    def _tokens(self, text: str) -> Iterator[_Token]:
        position, text = 0, text.rstrip()
        while position < len(text):
            found = _TOKENS.match(text, position)
            if found is None:
                raise self._error(position)
            kind = str(found.lastgroup)
            word = found[kind]
            if kind == "quoted":
                word = re.sub(r"\\(.)", r"\1", word[1:-1])
            elif kind == "word" and word.lower() in _RESERVED:
                kind, word = "reserved", word.lower()
            yield _Token(kind, word, found.start(str(found.lastgroup)))
            position = found.end()

    def _error(self, position: int | None = None) -> ConditionError:
        if position is None:
            position = self.tokens[self.at].start if self.at < len(self.tokens) else len(self.text)
        rest = self.text[position:].strip()
        where = f"at {rest[:30]!r}" if rest else "at its end"
        return ConditionError(f"The condition {self.text!r} stops making sense {where}.", HELP, code="bad-syntax")

    def _taken(self, kind: str, *texts: str) -> str | None:
        """The next token's text, consumed, if it is of this kind (and one of these texts)."""
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == kind and (not texts or token.text in texts):
                self.at += 1
                return token.text
        return None

    def _needed(self, kind: str, *texts: str) -> str:
        text = self._taken(kind, *texts)
        if text is None:
            raise self._error()
        return text

    def whole(self) -> Condition:
        condition = self._any()
        if self.at < len(self.tokens):
            raise self._error()
        return condition

    def _any(self) -> Condition:
        several = [self._all()]
        while self._taken("reserved", "or"):
            several.append(self._all())
        return several[0] if len(several) == 1 else AnyOf(tuple(several))

    def _all(self) -> Condition:
        several = [self._one()]
        while self._taken("reserved", "and"):
            several.append(self._one())
        return several[0] if len(several) == 1 else AllOf(tuple(several))

    def _one(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ConditionError("The condition is nested too deeply.", f"Use at most {_DEEPEST} levels.")
        try:
            if self._taken("reserved", "not"):
                return Not(self._one())
            if self._taken("mark", "("):
                inner = self._any()
                self._needed("mark", ")")
                return inner
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Condition:
        field = self._taken("quoted") or self._needed("word")
        if self._taken("reserved", "in"):
            return OneOf(field, self._list())
        sign = self._needed("sign")
        if sign in ORDERINGS:
            start = self.at
            value = self._value()
            bound = number_of(value)
            if bound is None:
                self.at = start
                raise ConditionError(
                    f"{field} {sign} {value!r} in {self.text!r} does not name a number.",
                    f"Give one, e.g. {field} {sign} 40.",
                    code="wrong-type",
                )
            return Ordered(field, sign, bound)
        equal = OneOf(field, (self._value(),))
        return equal if sign == "=" else Not(equal)

    def _list(self) -> tuple[str, ...]:
        self._needed("mark", "(")
        values = [self._value()]
        while self._taken("mark", ","):
            values.append(self._value())
        self._needed("mark", ")")
        return tuple(values)

    def _value(self) -> str:
        quoted = self._taken("quoted")
        if quoted is not None:
            return quoted
        words = [self._needed("word")]
        while (word := self._taken("word")) is not None:
            words.append(word)
        return " ".join(words)
