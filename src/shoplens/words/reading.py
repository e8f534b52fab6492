"""A text -> what each of its words means in a shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shoplens.types import MeaningKind, WordMeaning
from shoplens.words.concepts import LONGEST
from shoplens.words.prices import read_price
from shoplens.words.tokens import Token, tokenize
from shoplens.words.vocabulary import Named, Vocabulary, combine_classes


@dataclass(frozen=True, slots=True)
class _Word:
    """A known word, or one that nobody knows, and the token that it was read from."""

    key: str
    token: Token
    corrected: bool = False


def read_words(text: str, vocabulary: Vocabulary) -> tuple[WordMeaning, ...]:
    """Read a text word by word: prices, then the longest phrase that names something in the shop, then single words.

    Words that carry no meaning by themselves, such as articles, are passed over. A word that names nothing is of kind
    ``title``: whether the texts of products have it is for the caller to find out. After a negation it is ``unwanted``,
    with itself in ``corrected``. A price in a shop without prices, and words such as ``cheap`` are ``unknown``.
    """
    return tuple(_Reader(text, vocabulary).read())


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary, self.concepts = text, vocabulary, vocabulary.concepts
        self.tokens = _drop_hyphens(tokenize(text))
        self.keys = [token.key for token in self.tokens]
        self.words, self.first_word = _known_words(self.tokens, vocabulary)
        self.place = 0
        self.negated_from: int | None = None
        self.joined = ""
        self.last: tuple[bool, frozenset[str]] = (False, frozenset())

    def read(self) -> list[WordMeaning]:
        meanings = []
        while self.place < len(self.tokens):
            meaning = self._read_price() or self._read_vague() or self._read_named(negators=True)
            if meaning is None and (length := self.concepts.starts_with("not", self.keys[self.place :])):
                if self.negated_from is None:
                    self.negated_from = self.place
                self.place += length
                continue
            meaning = meaning or self._read_named() or self._read_rest()
            if meaning is not None:
                meanings.append(meaning)
        return meanings

    def _read_price(self) -> WordMeaning | None:
        found = read_price(self.keys[self.place :], self.concepts)
        if found is None:
            return None
        condition = found.condition(negated=self.negated_from is not None)
        if not self.vocabulary.has_price:
            return self._take(found.length, WordMeaning("", 0, 0, "unknown"))
        return self._take(found.length, WordMeaning("", 0, 0, "condition", condition=condition))

    def _read_vague(self) -> WordMeaning | None:
        length = self.concepts.starts_with("vague", self.keys[self.place :])
        return self._take(length, WordMeaning("", 0, 0, "unknown")) if length else None

    def _read_named(self, *, negators: bool = False) -> WordMeaning | None:
        """Read the longest phrase that names something; with ``negators`` only one that begins with a negation."""
        if negators and not self.concepts.starts_with("not", self.keys[self.place : self.place + 1]):
            return None
        for length in range(min(LONGEST, len(self.tokens) - self.place), int(negators), -1):
            words = self.words[self.first_word[self.place] : self.first_word[self.place + length]]
            if length == 1 and self._is_filler(self.keys[self.place]):
                return None
            named = self.vocabulary.find([word.key for word in words])
            if named is not None:
                return self._take(length, self._meaning(named, words))
        return self._read_parts()

    def _read_parts(self) -> WordMeaning | None:
        """Read two words that are written as one, such as the German ``kindersocken``."""
        start, end = self.first_word[self.place], self.first_word[self.place + 1]
        named = [self.vocabulary.find([word.key]) for word in self.words[start:end]] if end - start > 1 else []
        found = [one for one in named if one is not None]
        if not found:
            return None
        return self._take(1, self._meaning(_join(found), self.words[start:end]))

    def _meaning(self, named: Named, words: Sequence[_Word]) -> WordMeaning:
        negated = self.negated_from is not None or self._is_joined_negation(named)
        self.last = (negated, frozenset(named.classes) | frozenset(named.values) | {named.color and "color"})
        corrected = " ".join(word.key for word in words) if any(word.corrected for word in words) else ""
        equal = [
            f"{_quote_field(field)} {'!=' if negated else '='} {_quote(values[0])}"
            if len(values) == 1
            else f"{'not ' if negated else ''}{_quote_field(field)} in ({', '.join(map(_quote, values))})"
            for field, values in named.values.items()
        ]
        condition = (" and " if negated else " or ").join(equal)
        if not (named.classes or named.color):
            return WordMeaning("", 0, 0, "condition", condition=condition, corrected=corrected)
        kind: MeaningKind = "unwanted" if negated else "wanted"
        return WordMeaning("", 0, 0, kind, named.classes, condition if negated else "", named.color, corrected)

    def _is_joined_negation(self, named: Named) -> bool:
        """Whether a negation before a conjunction holds here: ``not red or blue``, ``not red and blue``."""
        negated, dimensions = self.last
        same = bool(dimensions & (frozenset(named.classes) | frozenset(named.values) | {named.color and "color"}))
        return negated and (self.joined == "or" or (self.joined == "and" and same))

    def _read_rest(self) -> WordMeaning | None:
        """Pass over a conjunction, an article or a sign; any other word may be one of a title."""
        key = self.keys[self.place]
        for role in ("or", "and"):
            if length := self.concepts.starts_with(role, self.keys[self.place :]):
                self.joined = role
                self.place += length
                return None
        if self._is_filler(key) or not key.isalnum():
            self.place += 1
            return None
        if self.negated_from is None:
            return self._take(1, WordMeaning("", 0, 0, "title"))
        length = 1
        while self.place + length < len(self.tokens) and self._is_plain(self.place + length):
            length += 1
        words = " ".join(self.keys[self.place : self.place + length])
        return self._take(length, WordMeaning("", 0, 0, "unwanted", corrected=words))

    def _is_plain(self, place: int) -> bool:
        """Whether a token is a word that names nothing and has no role in the sentence."""
        words = self.words[self.first_word[place] : self.first_word[place + 1]]
        has_role = any(self.concepts.starts_with(role, self.keys[place : place + 1]) for role in self.concepts.grammar)
        return self.tokens[place].is_word and not has_role and self.vocabulary.find([w.key for w in words]) is None

    def _is_filler(self, key: str) -> bool:
        return (key,) in self.concepts.grammar["filler"] and not self.vocabulary.is_name(key)

    def _take(self, length: int, meaning: WordMeaning) -> WordMeaning:
        """Consume tokens, and return the meaning with its place in the text."""
        first = self.tokens[self.place if self.negated_from is None else self.negated_from]
        self.place += length
        last = self.tokens[self.place - 1]
        self.negated_from, self.joined = None, ""
        if meaning.kind not in ("wanted", "unwanted") and not meaning.condition:
            self.last = (False, frozenset())
        return WordMeaning(
            self.text[first.start : last.end],
            first.start,
            last.end,
            meaning.kind,
            meaning.classes,
            meaning.condition,
            meaning.color,
            meaning.corrected,
        )


def _drop_hyphens(tokens: Sequence[Token]) -> list[Token]:
    """Leave out the hyphens inside of words."""
    return [
        token
        for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False)
        if not (
            token.key in "-‐‑"
            and before is not None
            and after is not None
            and before.is_word
            and before.end == token.start
            and token.end == after.start
        )
    ]


def _known_words(tokens: Sequence[Token], vocabulary: Vocabulary) -> tuple[list[_Word], list[int]]:
    """Return the known words of all tokens, and for each token, and for the end, the place of its first word."""
    words: list[_Word] = []
    places = []
    for token in tokens:
        places.append(len(words))
        keys, corrected = vocabulary.read_word(token.key)
        words += [_Word(key, token, corrected) for key in keys]
    return words, [*places, len(words)]


def _join(named: Sequence[Named]) -> Named:
    classes: dict[str, dict[str, float]] = {}
    values: dict[str, tuple[str, ...]] = {}
    for one in named:
        for dimension, shares in one.classes.items():
            before = classes.get(dimension)
            classes[dimension] = dict(shares) if before is None else combine_classes(before, shares)
        values |= one.values
    return Named(classes, values, next((one.color for one in named if one.color), ""))


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _quote_field(field: str) -> str:
    is_plain = field.replace("_", "").replace(".", "").isalnum() and field not in ("and", "or", "not", "in")
    return field if is_plain else _quote(field)
