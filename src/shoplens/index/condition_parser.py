"""The text of a condition -> the condition.

::

    condition  = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" condition ")" | field comparison
    comparison = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | "in" "(" value { "," value } ")"

A field with spaces or signs in its name is quoted. A value is a number, ``true``, ``false``, a quoted text, or bare
words (``color = light blue``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from shoplens.errors import ConditionError
from shoplens.index.conditions import ORDERINGS, AllOf, AnyOf, Condition, Not, OneOf, Ordered, number_of
from shoplens.types import normalize_nfc

HELP = "Write for example: color = green and not (price > 40 or brand in (Acme, 'Blue Sky'))."


def parse(text: str) -> Condition:
    """Condition from its text.

    Raises:
        ConditionError: saying where the text stops making sense.
    """
    return _Parser(text).whole()


def parse_all(texts: tuple[str, ...]) -> Condition | None:
    """One condition that asks for all of several; None for none."""
    conditions = tuple(parse(text) for text in texts)
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

    def _accept(self, kind: str, *texts: str) -> str | None:
        """The next token's text, consumed, if it is of this kind (and one of these texts)."""
        if self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == kind and (not texts or token.text in texts):
                self.at += 1
                return token.text
        return None

    def _expect(self, kind: str, *texts: str) -> str:
        text = self._accept(kind, *texts)
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
        while self._accept("reserved", "or"):
            several.append(self._all())
        return several[0] if len(several) == 1 else AnyOf(tuple(several))

    def _all(self) -> Condition:
        several = [self._one()]
        while self._accept("reserved", "and"):
            several.append(self._one())
        return several[0] if len(several) == 1 else AllOf(tuple(several))

    def _one(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ConditionError("The condition is nested too deeply.", f"Use at most {_DEEPEST} levels.")
        try:
            if self._accept("reserved", "not"):
                return Not(self._one())
            if self._accept("mark", "("):
                inner = self._any()
                self._expect("mark", ")")
                return inner
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Condition:
        field = normalize_nfc(self._accept("quoted") or self._expect("word"))
        if self._accept("reserved", "in"):
            return _one_of(field, self._list())
        sign = self._expect("sign")
        if sign in ORDERINGS:
            start = self.at
            value, _ = self._value()
            bound = number_of(value)
            if bound is None:
                self.at = start
                raise ConditionError(
                    f"{field} {sign} {value!r} in {self.text!r} does not name a number.",
                    f"Give one, e.g. {field} {sign} 40.",
                    code="wrong-type",
                )
            return Ordered(field, sign, bound)
        equal = _one_of(field, [self._value()])
        return equal if sign == "=" else Not(equal)

    def _list(self) -> list[_Operand]:
        self._expect("mark", "(")
        values = [self._value()]
        while self._accept("mark", ","):
            values.append(self._value())
        self._expect("mark", ")")
        return values

    def _value(self) -> _Operand:
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
        tuple(one.text for one in operands if not one.is_quoted),
        tuple(one.text for one in operands if one.is_quoted),
    )
