"""A text as words in the form in which they are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

_TOKEN = re.compile(r"\d+(?:[.,\u00a0 ]\d{3})*(?:[.,]\d+)?|[^\W\d_]+|<=|>=|[^\w\s'’\".:!?()_]")
_SOUNDS = (("ph", "f"), ("ck", "k"), ("qu", "k"), ("c", "k"), ("z", "s"), ("y", "i"), ("th", "t"), ("dt", "t"))
"""Letters that are often written for each other."""
_ENDINGS = ("es", "en", "er", "em", "s", "e", "n", "x")
"""Endings of plurals and of declined adjectives in English, German and French."""
_SHORTEST_STEM = 3
_SHORTEST_TYPO = 5
"""A word of fewer letters is not taken for another one: too many words are one letter apart."""
_SHORTEST_SOUND = 4
_WRONG_LETTER = 6
"""From so many letters on, one may be wrong: ``roulé`` is not ``rouge``."""
_TWO_TYPOS = 8
"""From so many letters on, two mistakes are forgiven."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or sign of a text.

    Attributes:
        text: as it is written.
        key: the form in which it is compared.
        start, end: its place, in characters.
    """

    text: str
    key: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """Whether it consists of letters."""
        return self.key.isalpha()


def tokenize(text: str) -> list[Token]:
    """Return the words, numbers and signs of a text.

    >>> [token.key for token in tokenize("Un T-shirt d'été, moins de 1 299,50 €")]
    ['un', 't', '-', 'shirt', 'd', 'ete', ',', 'moins', 'de', '1 299,50', '€']
    """
    return [Token(found[0], fold_word(found[0]), found.start(), found.end()) for found in _TOKEN.finditer(text)]


def word_keys(text: str) -> tuple[str, ...]:
    """Return the keys of a text's words and numbers, without signs between them.

    >>> word_keys("Leggings/Tights (T-Shirt)")
    ('leggings', 'tights', 't', 'shirt')
    """
    tokens = tokenize(text)
    return tuple(token.key for token in tokens if token.key.isalnum()) or tuple(token.key for token in tokens)


def fold_word(word: str) -> str:
    """Return a word without letter case and accents.

    >>> fold_word("Größe"), fold_word("Œuvre")
    ('grosse', 'oeuvre')
    """
    folded = word.casefold()
    if folded.isascii():
        return folded
    folded = folded.replace("œ", "oe").replace("æ", "ae").replace("ø", "o")
    letters = unicodedata.normalize("NFKD", folded)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def stem(word: str) -> str:
    """Return a word without the usual endings of plurals and adjectives; it is a key, not always a word.

    >>> [stem(word) for word in ("hosen", "hose", "dresses", "dress", "rotes", "rote", "blaues")]
    ['hos', 'hos', 'dress', 'dress', 'rot', 'rot', 'blau']
    """
    while True:
        ending = next((one for one in _ENDINGS if word.endswith(one) and len(word) - len(one) >= _SHORTEST_STEM), "")
        if not ending or (ending == "s" and word.endswith("ss")):
            return word
        word = word[: -len(ending)]


def closest_form(word: str, forms: Iterable[str]) -> str:
    """Return the form that has most of its letters in common with a word, from the front; the first of equals."""
    return min(sorted(forms), key=lambda form: len(form) - 2 * _common_prefix(word, form))


def sound(word: str) -> str:
    """Return a word without the differences in spelling that are hardly heard.

    >>> sound("chemize") == sound("chemise"), sound("blak") == sound("black"), sound("blau") == sound("black")
    (True, True, False)
    """
    for written, heard in _SOUNDS:
        word = word.replace(written, heard)
    return "".join(letter for letter, before in zip(word, " " + word, strict=False) if letter != before)


def nearest_word(word: str, known: Collection[str], meaning: Callable[[str], object] = stem) -> str:
    """Return the known word that a misspelled one was meant to be; empty where none is near, or several
    of different meanings are.

    A word that sounds the same is near. Else one letter may be missing, added, or exchanged with the next one, in words
    of six letters and more also wrong; in words of eight letters and more, two. The first letter is right.
    """
    alike = [other for other in known if sound(other) == sound(word)] if len(word) >= _SHORTEST_SOUND else []
    if alike:
        return alike[0] if len({meaning(other) for other in alike}) == 1 else ""
    if len(word) < _SHORTEST_TYPO:
        return ""
    limit = 2 if len(word) >= _TWO_TYPOS else 1
    found: dict[int, list[str]] = {}
    for other in known:
        if len(word) < _WRONG_LETTER and len(other) == len(word) and sorted(other) != sorted(word):
            continue
        if other[:1] == word[0] and abs(len(other) - len(word)) <= limit and len(other) >= _SHORTEST_TYPO - 1:
            found.setdefault(typing_distance(word, other, limit), []).append(other)
    best = found.get(min((distance for distance in found if distance <= limit), default=-1), [])
    return best[0] if len({meaning(other) for other in best}) == 1 else ""


def typing_distance(left: str, right: str, limit: int) -> int:
    """Return the number of letters that are missing, added, wrong, or exchanged with the next one (Damerau 1964, "A
    technique for computer detection and correction of spelling errors"), or a number above ``limit``.

    >>> typing_distance("trousrs", "trousers", 2), typing_distance("balck", "black", 2)
    (1, 1)
    """
    if abs(len(left) - len(right)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        previous, row = row, [i]
        for j, other in enumerate(right, start=1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before = previous
    return row[-1]


def _common_prefix(left: str, right: str) -> int:
    return next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
