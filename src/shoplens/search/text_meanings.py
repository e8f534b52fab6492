"""A shopper's text -> a query with its meanings, and what they contradict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import COLOR, TEXT
from shoplens.index.condition_parser import parse_condition, parse_conditions
from shoplens.index.conditions import AllOf, Condition, OneOf
from shoplens.index.protocol import ANY_PHOTO
from shoplens.ranking.text_retrieval import nearest_texts, products_with_words
from shoplens.search.wishes import collect_wanted_classes, last_steps
from shoplens.settings import Settings
from shoplens.store.generation import Generation
from shoplens.types import Query, WordMeaning
from shoplens.words.concepts import Concepts, load_concepts
from shoplens.words.reading import read_words
from shoplens.words.tokens import word_keys
from shoplens.words.vocabulary import DatedVocabulary, Vocabulary, build_vocabulary

FRESH = 10.0
_LONG = 6
"""Letters of a word in which one may be wrong."""
_NEARLY = 0.6
"""Part of the n-grams of such a word, by their rarity, that a product must have: one wrong letter changes three."""


def read_text(query: Query, generation: Generation, settings: Settings) -> Query:
    """Return the query with the meanings of its text.

    Raises:
        InvalidValue: ``no-filters``; ``not-understood``: there is nothing but a text, and nothing of it is known;
            ``conflicting-query``: both the text and ``color`` name a colour.
        SettingsError: the shop's file of synonyms cannot be used.
    """
    steering = query.steering
    dimensions = generation.require_filters().dimensions
    concepts = load_concepts(settings.synonyms)
    vocabulary = _vocabulary(generation, concepts)
    meanings = tuple(
        _add_unwanted_words(_find_title(one, generation, concepts), generation, concepts)
        for one in read_words(steering.text, vocabulary)
    )
    wanted = collect_wanted_classes(meanings)
    if steering.color and COLOR in wanted:
        raise InvalidValue(
            f"Both the colour {steering.color!r} and the text {steering.text!r} name a colour.",
            "Leave one of them out.",
            code="conflicting-query",
        )
    is_understood = any(meaning.kind != "unknown" for meaning in meanings)
    if query.photo is None and not (steering.like or steering.color or is_understood):
        examples = [name for one in dimensions for name in one.classes[:4] if one.name == COLOR or one.kind == "tree"]
        known = ", ".join(last_steps(examples)) or "nothing by name, so take a photo"
        raise InvalidValue(
            f"Nothing in {steering.text[:200]!r} is known in this shop.",
            f"Name a kind of product, a colour, or a price; there is for example: {known}.",
            code="not-understood",
        )
    return replace(query, steering=replace(steering, meanings=meanings))


def _vocabulary(generation: Generation, concepts: Concepts) -> Vocabulary:
    """Return the names of a generation's classes and values. They are collected anew where products may have been
    written since, but at most every :data:`FRESH` seconds; to an index without files, other processes write, too."""
    known, now = generation.names, time.monotonic()
    if known is not None and known.vocabulary.concepts is concepts:
        is_settled = generation.index.has_files and known.collected > generation.written + FRESH
        if is_settled or now - known.collected < FRESH:
            return known.vocabulary
    dimensions, index = generation.require_filters().dimensions, generation.index
    vocabulary = build_vocabulary(dimensions, index, concepts, lambda word: _agreement(word, generation) > 0)
    generation.names = DatedVocabulary(vocabulary, now)
    return vocabulary


def _find_title(meaning: WordMeaning, generation: Generation, concepts: Concepts) -> WordMeaning:
    """Return a word of titles as the texts of products have it: as it is written, or in a word that means the same;
    where no product has it, of kind ``caption`` if photos are compared with words, else ``unknown``."""
    if meaning.kind != "title":
        return meaning
    found = {words: _agreement(words, generation, forgiving=True) for words in _variants(meaning.words, concepts)}
    best = max(found, key=lambda words: found[words])
    if not found[best]:
        is_compared = generation.caption is not None and generation.caption.weight > 0
        return replace(meaning, kind="caption" if is_compared else "unknown")
    return meaning if best == meaning.words else replace(meaning, corrected=best)


def _add_unwanted_words(meaning: WordMeaning, generation: Generation, concepts: Concepts) -> WordMeaning:
    """Add to what is not wanted the words by which the texts of products say it, as classes of ``text``: the word of a
    title, or the names of classes of which the feed may say nothing elsewhere; not of colours and of kinds of products,
    whose names are parts of others. A word that no product has is ``unknown``."""
    if meaning.kind != "unwanted" or meaning.color or meaning.condition:
        return meaning
    trees = {one.name for one in generation.require_filters().dimensions if one.kind == "tree"}
    names = [name for dimension, classes in meaning.classes.items() if dimension not in trees for name in classes]
    written = names if meaning.classes else [meaning.corrected]
    variants = {words for name in written for words in _variants(" ".join(word_keys(name)), concepts)}
    text, index = generation.text, generation.index
    known = [] if text is None else sorted(words for words in variants if products_with_words(index, text, words))
    if not known:
        return meaning if meaning.classes else replace(meaning, kind="unknown", corrected="")
    classes = {**meaning.classes, TEXT: dict.fromkeys(known, 1 / len(known))}
    return replace(meaning, classes=classes, corrected=meaning.corrected if meaning.classes else "")


def _variants(words: str, concepts: Concepts) -> list[str]:
    """Return words and those that mean the same, each once."""
    means = concepts.canonical(word_keys(words))
    return [*dict.fromkeys([words, " ".join(means), *concepts.synonyms(means)])]


def _agreement(words: str, generation: Generation, *, forgiving: bool = False) -> float:
    """Return the agreement of words with the product that has them, in [0, 1]; 0 where none has all of them.

    Args:
        forgiving: whether a letter of a long word may differ.
    """
    query = None if generation.text is None else generation.text.query(words)
    hits = None if query is None else nearest_texts(generation.index, query, 1, ANY_PHOTO)
    if query is None or hits is None or not hits.keys:
        return 0.0
    product = generation.index.photo_text_vectors(hits.keys[:1])[0]
    for word, keys, values in zip(query.words, query.word_keys, query.word_values, strict=True):
        shared = values[np.isin(keys, product.indices, assume_unique=True)].sum()
        if shared < (_NEARLY if forgiving and len(word) >= _LONG else 1 - 1e-6) * values.sum():
            return 0.0
    return float(hits.scores[0])


def title_text(meanings: tuple[WordMeaning, ...]) -> str:
    """Return the words that the texts of products are compared with; empty for none."""
    return " ".join(one.corrected or one.words for one in meanings if one.kind == "title")


def caption_text(meanings: tuple[WordMeaning, ...]) -> str:
    """Return the words that photos are compared with: all that say what a product is; empty for none."""
    named = (one for one in meanings if one.kind in ("wanted", "title", "caption"))
    return " ".join(one.corrected or one.words for one in named)


def contradictions(query: Query, generation: Generation, *, is_empty: bool) -> Iterator[str]:
    """Say which words and conditions of a query exclude each other.

    Args:
        is_empty: whether the answer has no results.
    """
    index, steering = generation.index, query.steering
    where = parse_conditions(query.where)
    ticked = " and ".join(query.where)
    fields = {one.name: one.field for one in generation.require_filters().dimensions}
    unwanted = collect_wanted_classes(
        [replace(one, kind="wanted") for one in steering.meanings if one.kind == "unwanted"]
    )
    for meaning in steering.meanings:
        parts: list[Condition] = [parse_condition(meaning.condition)] if meaning.condition and is_empty else []
        for name, classes in meaning.classes.items() if meaning.kind == "wanted" else ():
            if set(classes) <= set(unwanted.get(name, {})):
                yield f"The words want {meaning.words!r}, and they exclude it. Nothing of it is shown."
            if where is not None and fields.get(name) in index.field_kinds():
                parts.append(OneOf(fields[name], texts=last_steps(classes)))
        if where is not None and parts and not any(index.count(AllOf((where, part))) for part in parts):
            yield f"The words {meaning.words!r} and the condition {ticked} exclude each other: no product meets both."
