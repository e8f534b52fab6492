"""Colours to show beside values that name one, in the languages of the table of words."""

from __future__ import annotations

from functools import lru_cache

from shoplens.errors import InvalidValue
from shoplens.filters.photo_features.color_histogram import color_code
from shoplens.words.concepts import Concepts
from shoplens.words.tokens import word_keys


@lru_cache(maxsize=4_096)
def swatch_of(value: str, concepts: Concepts) -> str:
    """Return the colour that a value names, as ``#rrggbb``; empty where it names none.

    >>> from shoplens.words.concepts import load_concepts
    >>> swatch_of("dunkelblau", load_concepts()), swatch_of("wool", load_concepts())
    ('#00008b', '')
    """
    meaning = concepts.canonical(word_keys(value))
    hue = tuple(word for word in meaning if word not in concepts.modifiers)
    names = [value, " ".join(meaning), *([" ".join(hue)] if hue in concepts.colors else [])]
    for name in names:
        try:
            return color_code(name)
        except InvalidValue:
            continue
    return ""
