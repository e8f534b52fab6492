"""The tables of words that mean the same: the shipped one, and a shop's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from shoplens.errors import SettingsError
from shoplens.words.tokens import closest_form, stem, tokenize, word_keys

SHIPPED = "concepts.toml"
GRAMMAR, BROADER, COLORS, MODIFIERS = "grammar", "broader", "colors", "modifiers"
LONGEST = 5
"""Most words of a phrase."""
Keys = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Concepts:
    """Words and phrases, and what they mean.

    Attributes:
        names: phrase -> name of its concept, both as keys of words.
        broader: concept -> the concept that takes its place in a shop that lacks it.
        colors: names of the concepts that are colours.
        modifiers: words that only shade another one, such as ``dark``.
        grammar: role, such as ``not`` and ``below`` -> its phrases.
    """

    names: Mapping[Keys, Keys]
    broader: Mapping[frozenset[str], Keys]
    colors: frozenset[Keys]
    modifiers: frozenset[str]
    grammar: Mapping[str, frozenset[Keys]]

    def canonical(self, words: Sequence[str]) -> Keys:
        """Return the words with every phrase replaced by the name of its concept, the longest phrases first."""
        words = [word if word in self.words else self._form(word) for word in words]
        result: list[str] = []
        place = 0
        while place < len(words):
            for length in range(min(LONGEST, len(words) - place), 0, -1):
                phrase = tuple(words[place : place + length])
                if (name := self.names.get(phrase)) is not None or length == 1:
                    result += name or phrase
                    place += length
                    break
        return tuple(dict.fromkeys(result))

    def synonyms(self, concept: Keys) -> list[str]:
        """Return the phrases that mean the same as a concept, in the order of the table."""
        return [" ".join(phrase) for phrase, name in self.names.items() if name == concept]

    @cached_property
    def words(self) -> frozenset[str]:
        """All words that stand in phrases of concepts."""
        return frozenset(word for phrase in self.names for word in phrase)

    def _form(self, word: str) -> str:
        forms = self._by_stem.get(stem(word)) if word.isalpha() and word not in self.grammar_words else None
        return closest_form(word, forms) if forms else word

    @cached_property
    def _by_stem(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for word in self.words:
            found.setdefault(stem(word), []).append(word)
        return found

    @cached_property
    def grammar_words(self) -> frozenset[str]:
        """All words that have a role in the grammar."""
        return frozenset(word for phrases in self.grammar.values() for phrase in phrases for word in phrase)

    def starts_with(self, role: str, words: Sequence[str]) -> int:
        """Return the length of the longest phrase of a role that the words start with; 0 for none."""
        phrases = self.grammar[role]
        return next((n for n in range(min(LONGEST, len(words)), 0, -1) if tuple(words[:n]) in phrases), 0)


@lru_cache(maxsize=8)
def load_concepts(path: Path | None = None) -> Concepts:
    """Load the shipped table, with a shop's own file on top.

    Raises:
        SettingsError: the file is missing or is no table of words.
    """
    shipped = tomllib.loads(files("shoplens.words").joinpath(SHIPPED).read_text("utf-8"))
    return _concepts_from([shipped, *([] if path is None else [_read_own(path)])])


def _read_own(path: Path) -> Mapping[str, Mapping[str, object]]:
    example = 'Write tables of words, such as [products] with the line sofa = ["settee", "divan"].'
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise SettingsError(f"The synonyms {path} cannot be read: {problem}.", example) from None
    for section, table in tables.items():
        words = table.values() if isinstance(table, dict) and section not in (GRAMMAR, BROADER) else [None]
        for value in words:
            if not (isinstance(value, list) and all(isinstance(word, str) for word in value)):
                raise SettingsError(f"In the synonyms {path}, [{section}] is no table of lists of words.", example)
    return tables


def _concepts_from(sources: Iterable[Mapping[str, Mapping[str, object]]]) -> Concepts:
    names: dict[Keys, Keys] = {}
    colors: set[Keys] = set()
    modifiers: set[str] = set()
    broader: dict[frozenset[str], Keys] = {}
    grammar: dict[str, frozenset[Keys]] = {}
    for tables in sources:
        for section, table in tables.items():
            for name, value in table.items():
                if section == GRAMMAR and isinstance(value, list):
                    grammar[name] = frozenset(tuple(token.key for token in tokenize(phrase)) for phrase in value)
                elif section == BROADER:
                    broader[frozenset(word_keys(name))] = word_keys(str(value))
                elif isinstance(value, list):
                    concept = word_keys(name)
                    names |= {word_keys(phrase): concept for phrase in (name, *value)}
                    colors |= {concept} if section == COLORS else set()
                    modifiers |= set(concept) if section == MODIFIERS else set()
    return Concepts(names, broader, frozenset(colors), frozenset(modifiers), grammar)
