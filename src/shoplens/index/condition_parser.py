"""Parses the text of a condition.

::

    condition   = conjunction { "or" conjunction }
    conjunction = term { "and" term }
    term        = "not" term | "(" condition ")" | field comparison
    comparison  = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | "in" "(" value { "," value } ")"

A field name with spaces or operator signs must be quoted. A value is a number, ``true``, ``false``, a quoted text, or
bare words (``color = light blue``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shoplens.errors import ConditionError
from shoplens.index.conditions import (
    INEQUALITY_OPERATORS,
    AllOf,
    AnyOf,
    Condition,
    Inequality,
    Not,
    OneOf,
    parse_number,
)
from shoplens.types import normalize_nfc

HELP = "Write for example: color = green and not (price > 40 or brand in (Acme, 'Blue Sky'))."


def parse_condition(text: str) -> Condition:
    """Parse the text of a condition.

    Raises:
        ConditionError: ``bad-syntax``, with the place where the text cannot be parsed; ``wrong-type``, an inequality
            with something that is no number.
    """
    return _Parser(text).parse()


def parse_conditions(texts: tuple[str, ...]) -> Condition | None:
    """Parse several conditions into one that requires all of them; return None where there are none.

    Raises:
        ConditionError: as :func:`parse_condition`.
    """
    conditions = tuple(parse_condition(text) for text in texts)
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
_MAX_DEPTH = 50


class _Parser:
    """A recursive-descent parser of the grammar above."""

    def __init__(self, text: str) -> None:
        self.text, self.position, self.depth = text, 0, 0
        self.tokens = list(self._tokenize(text))

    def _tokenize(self, text: str) -> Iterator[_Token]:
        position, text = 0, text.rstrip()
        while position < len(text):
            match = _TOKENS.match(text, position)
            if match is None:
                raise self._syntax_error(position)
            kind = str(match.lastgroup)
            word = match[kind]
            if kind == "quoted":
                word = re.sub(r"\\(.)", r"\1", word[1:-1])
            elif kind == "word" and word.lower() in _RESERVED:
                kind, word = "reserved", word.lower()
            yield _Token(kind, word, match.start(str(match.lastgroup)))
            position = match.end()

    def _syntax_error(self, position: int | None = None) -> ConditionError:
        if position is None:
            position = self.tokens[self.position].start if self.position < len(self.tokens) else len(self.text)
        rest = self.text[position:].strip()
        where = f"at {rest[:30]!r}" if rest else "at its end"
        return ConditionError(f"The condition {self.text!r} cannot be parsed {where}.", HELP, code="bad-syntax")

    def _accept(self, kind: str, *texts: str) -> str | None:
        """Consume the next token and return its text, if it is of this kind (and one of these texts); else None."""
        if self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token.kind == kind and (not texts or token.text in texts):
                self.position += 1
                return token.text
        return None

    def _expect(self, kind: str, *texts: str) -> str:
        text = self._accept(kind, *texts)
        if text is None:
            raise self._syntax_error()
        return text

    def parse(self) -> Condition:
        """Parse the whole text."""
        condition = self._parse_disjunction()
        if self.position < len(self.tokens):
            raise self._syntax_error()
        return condition

    def _parse_disjunction(self) -> Condition:
        conditions = [self._parse_conjunction()]
        while self._accept("reserved", "or"):
            conditions.append(self._parse_conjunction())
        return conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))

    def _parse_conjunction(self) -> Condition:
        conditions = [self._parse_term()]
        while self._accept("reserved", "and"):
            conditions.append(self._parse_term())
        return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))

    def _parse_term(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ConditionError("The condition is nested too deeply.", f"Use at most {_MAX_DEPTH} levels.")
        try:
            if self._accept("reserved", "not"):
                return Not(self._parse_term())
            if self._accept("mark", "("):
                inner = self._parse_disjunction()
                self._expect("mark", ")")
                return inner
            return self._parse_comparison()
        finally:
            self.depth -= 1

    def _parse_comparison(self) -> Condition:
        field = normalize_nfc(self._accept("quoted") or self._expect("word"))
        if self._accept("reserved", "in"):
            return _one_of(field, self._parse_list())
        sign = self._expect("sign")
        if sign in INEQUALITY_OPERATORS:
            start = self.position
            value, _ = self._parse_operand()
            bound = parse_number(value)
            if bound is None:
                self.position = start
                raise ConditionError(
                    f"{field} {sign} {value!r} in {self.text!r} does not name a number.",
                    f"Give one, e.g. {field} {sign} 40.",
                    code="wrong-type",
                )
            return Inequality(field, sign, bound)
        equal = _one_of(field, [self._parse_operand()])
        return equal if sign == "=" else Not(equal)

    def _parse_list(self) -> list[_Operand]:
        self._expect("mark", "(")
        values = [self._parse_operand()]
        while self._accept("mark", ","):
            values.append(self._parse_operand())
        self._expect("mark", ")")
        return values

    def _parse_operand(self) -> _Operand:
        quoted = self._accept("quoted")
        if quoted is not None:
            return _Operand(quoted, True)
        words = [self._expect("word")]
        while (word := self._accept("word")) is not None:
            words.append(word)
        return _Operand(" ".join(words), False)


class _Operand(NamedTuple):
    text: str
    is_quoted: bool


def _one_of(field: str, operands: Iterable[_Operand]) -> OneOf:
    operands = list(operands)
    return OneOf(
        field,
        tuple(operand.text for operand in operands if not operand.is_quoted),
        tuple(operand.text for operand in operands if operand.is_quoted),
    )
