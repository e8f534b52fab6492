"""What the classes and values of one shop are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from shoplens.filters.dimensions.dimension import COLOR, PATH, Dimension
from shoplens.filters.model.class_layout import is_within
from shoplens.filters.photo_features.color_histogram import is_color_name
from shoplens.index.conditions import ID_FIELDS, field_values, parse_number
from shoplens.index.predicted_values import PREDICTED
from shoplens.index.protocol import Index
from shoplens.types import normalize_nfc
from shoplens.words.concepts import Concepts, Keys
from shoplens.words.tokens import closest_form, nearest_word, stem, word_keys

MOST_VALUES = 500
"""A field with more values than this, such as a link, names nothing that shoppers say."""
_SAMPLE = 2_000
"""Products in which a field's values are counted first."""
_SHORTEST_ALONE = 3
"""A value of fewer letters, such as the size M, needs the name of its field before it."""
_SIZES = frozenset({"xs", "xl", "xxs", "xxl"})
_PARTS = re.compile(r"[/&,+]| and | und | et ")
_YES, _NO = frozenset({"yes", "true", "ja", "oui", "1"}), frozenset({"no", "false", "nein", "non", "0"})
_OWN_FIELDS = frozenset({*ID_FIELDS, "currency", "price"})
_EXACT_SHARE = 0.7
"""Share of the classes that words name exactly, where other classes are a kind of it: ``red``, and ``dark red``."""


@dataclass(frozen=True, slots=True)
class Term:
    """A class or value under one of its names.

    Attributes:
        name: words of the name, as keys.
        dimension: of the class; empty for a value.
        field: of the value; empty for a class.
        products: number of products of the class.
        value: the class, or the value as the shop writes it.
    """

    name: Keys
    value: str
    dimension: str = ""
    field: str = ""
    products: int = 0


@dataclass(frozen=True, slots=True)
class Named:
    """What a phrase names in this shop.

    Attributes:
        classes: dimension -> class -> share of what is wanted; the dimension that says most comes first.
        values: field -> values.
        color: the concept of a colour; empty for none.
    """

    classes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    color: str = ""


@dataclass(frozen=True, slots=True)
class DatedVocabulary:
    """A vocabulary, and when it was collected, in seconds of the monotonic clock."""

    vocabulary: Vocabulary
    collected: float


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The names of the classes and values of a shop, with the words of the language.

    Attributes:
        terms: of all classes and values.
        concepts: words that mean the same.
        color_field: with the names of colours, by which the shop compares products; None where it compares none.
        has_price: whether the shop's products have prices.
        has_word: whether the texts of products have a word, which then is not misspelled.
    """

    terms: tuple[Term, ...]
    concepts: Concepts
    color_field: str | None = None
    has_price: bool = False
    has_word: Callable[[str], bool] = lambda word: False

    @cached_property
    def words(self) -> frozenset[str]:
        """All words that name something, in this shop or in the table of concepts."""
        return self.shop_words | self.concepts.words | self.concepts.grammar_words

    @cached_property
    def shop_words(self) -> frozenset[str]:
        """All words in the names of classes and values."""
        return frozenset(word for term in self.terms for word in term.name)

    def read_word(self, word: str) -> tuple[Keys, bool]:
        """Return the known words that a word is a form of, and whether it was misspelled.

        A word that is a form of none is one of two known words in one, as in German, or a misspelled one; else itself.
        """
        if word in self.words or not word.isalpha():
            return (word,), False
        forms = self._by_stem.get(stem(word))
        if forms:
            return (closest_form(word, forms),), False
        if parts := self._split(word):
            return parts, False
        if self.has_word(word):
            return (word,), False
        nearest = nearest_word(word, self._correctable, lambda one: self.concepts.canonical((one,)))
        return (nearest or word,), bool(nearest)

    def is_name(self, word: str) -> bool:
        """Whether a word by itself is the name of a class or value."""
        return (word,) in self._by_name

    def find(self, words: Sequence[str]) -> Named | None:
        """Return what a phrase of known words names; None for nothing.

        Classes and values of this name or of the same meaning come before their kinds; those, before broader ones.
        """
        meaning = self.concepts.canonical(words)
        color = self._color(meaning)
        exact = [*self._by_name.get(tuple(words), ()), *self._by_meaning.get(frozenset(meaning), ())]
        while not exact:
            exact = self._kinds_of(meaning)
            broader = self.concepts.broader.get(frozenset(meaning))
            if exact or broader is None:
                break
            meaning = broader
            exact = self._by_meaning.get(frozenset(meaning), [])
        if exact:
            return self._name(list(dict.fromkeys(exact)), color)
        return Named(color=color) if color else None

    def _color(self, meaning: Keys) -> str:
        """Return a colour in words that :func:`parse_palette` knows; empty where it is none."""
        hue = [word for word in meaning if word not in self.concepts.modifiers]
        shade = [word for word in meaning if word in self.concepts.modifiers]
        is_color = meaning in self.concepts.colors or tuple(hue) in self.concepts.colors
        if self.color_field is None or not is_color:
            return ""
        return next((name for name in (" ".join((*shade, *hue)), " ".join(hue)) if is_color_name(name)), "")

    def _name(self, exact: Sequence[Term], color: str) -> Named:
        classes: dict[str, dict[str, float]] = {}
        values: dict[str, tuple[str, ...]] = {}
        for term in _weightiest_first(exact):
            if term.dimension:
                classes.setdefault(term.dimension, {})[term.value] = 1.0
            elif term.value not in values.get(term.field, ()):
                values[term.field] = (*values.get(term.field, ()), term.value)
        for dimension, named in classes.items():
            for name in [name for name in named if any(is_within(other, name) for other in named if other != name)]:
                del named[name]  # the deepest node of a tree says most
            keys = {term.name for term in exact if term.dimension == dimension}
            kinds = {term.value for key in keys for term in self._kinds_of(key) if term.dimension == dimension}
            _share_out(named, kinds - set(named))
        is_rare = COLOR not in classes and self.color_field in values  # the feed knows best which products have it
        return Named(classes, values, "" if is_rare else color)

    def _kinds_of(self, key: Sequence[str]) -> list[Term]:
        """Return the terms that are a kind of this: their last word, but for words that only shade, is its last."""
        meaning = self.concepts.canonical(key)
        if set(meaning) <= self.concepts.modifiers:
            return []
        return [
            term
            for term, whole in self._by_head.get(_head(meaning, self.concepts.modifiers), ())
            if set(meaning) < set(whole)
        ]

    @cached_property
    def _by_meaning(self) -> Mapping[frozenset[str], list[Term]]:
        found: dict[frozenset[str], list[Term]] = {}
        for term in self.terms:
            found.setdefault(frozenset(self.concepts.canonical(term.name)), []).append(term)
        return found

    @cached_property
    def _by_name(self) -> Mapping[Keys, list[Term]]:
        found: dict[Keys, list[Term]] = {}
        for term in self.terms:
            found.setdefault(term.name, []).append(term)
        return found

    @cached_property
    def _by_head(self) -> Mapping[str, list[tuple[Term, Keys]]]:
        found: dict[str, list[tuple[Term, Keys]]] = {}
        for term in self.terms:
            whole = self.concepts.canonical(term.name)
            if len(whole) > 1 and len(whole[-1]) >= _SHORTEST_ALONE and whole[-1].isalpha():
                found.setdefault(_head(whole, self.concepts.modifiers), []).append((term, whole))
        return found

    @cached_property
    def _by_stem(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for word in self.shop_words | self.concepts.words:
            found.setdefault(stem(word), []).append(word)
        return found

    @cached_property
    def _correctable(self) -> list[str]:
        words = [*sorted(self.shop_words), *sorted(self.concepts.words - self.shop_words)]
        return [word for word in words if word.isalpha()]

    def _split(self, word: str) -> Keys:
        """Return the two known words that a word is composed of, such as the German ``lederjacke``; () for none."""
        for end in range(len(word) - 3, 2, -1):
            right = self._known_form(word[end:])
            for left in (word[:end], word[: end - 1] if word[end - 1] in "sne-" else ""):
                if right and len(left) >= 3 and (first := self._known_form(left)):
                    return first, right
        return ()

    def _known_form(self, part: str) -> str:
        known = self.shop_words | self.concepts.words
        if part in known:
            return part
        forms = self._by_stem.get(stem(part)) if len(part) > 3 else None
        return closest_form(part, forms) if forms else ""


def combine_classes(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return the classes of one dimension that two phrases name together, with their shares.

    Where classes of one are, or lie within, classes of the other, these: ``women`` and ``jackets`` are the jackets of
    women. Else the classes of both: ``red`` and ``blue``.

    >>> combine_classes({"Women": 1.0}, {"Women > Jackets": 0.5, "Men > Jackets": 0.5})
    {'Women > Jackets': 1.0}
    >>> combine_classes({"red": 1.0}, {"blue": 1.0})
    {'red': 0.5, 'blue': 0.5}
    """
    shared: dict[str, float] = {}
    for one, other in ((first, second), (second, first)):
        for name, share in one.items():
            around = [other[node] for node in other if is_within(name, node)]
            if around:
                shared[name] = share * max(around)
    result = shared or {**first, **second}
    total = sum(result.values())
    return {name: share / total for name, share in result.items()}


def _head(words: Sequence[str], modifiers: frozenset[str]) -> str:
    return next((word for word in reversed(words) if word not in modifiers), words[-1])


def _weightiest_first(terms: Sequence[Term]) -> list[Term]:
    """Order terms: nodes of trees, which say what kind of thing a product is, then the dimension of most products."""
    products = Counter({term.dimension: 0 for term in terms})
    for term in terms:
        products[term.dimension] += term.products
    trees = {term.dimension for term in terms if PATH in term.value}
    return sorted(terms, key=lambda term: (term.dimension not in trees, -products[term.dimension]))


def _share_out(named: dict[str, float], kinds: Iterable[str]) -> None:
    """Give every class its share."""
    others = sorted(kinds)
    for name in named:
        named[name] = (_EXACT_SHARE if others else 1.0) / len(named)
    named |= {name: (1 - _EXACT_SHARE) / len(others) for name in others}


def build_vocabulary(
    dimensions: Sequence[Dimension],
    index: Index,
    concepts: Concepts,
    has_word: Callable[[str], bool] = lambda word: False,
) -> Vocabulary:
    """Collect the names of a shop's classes and values.

    Args:
        dimensions: of the shop's filters.
        index: whose fields hold values.
        has_word: as of :class:`Vocabulary`.
    """
    kinds, many = index.field_kinds(), _fields_of_many_values(index)
    terms = [term for dimension in dimensions for term in _class_terms(dimension)]
    of_dimensions = {normalize_nfc(dimension.field) for dimension in dimensions}
    for name, held in sorted(kinds.items()):
        is_own = name in of_dimensions or name in _OWN_FIELDS or name.startswith(PREDICTED)
        if is_own or name in many or "text" not in held:
            continue
        values = [value for value, _ in index.facet(name, MOST_VALUES + 1)]
        if len(values) <= MOST_VALUES:
            terms += [Term(key, value, field=name) for value in values for key in _value_names(name, value, values)]
    color_field = next((dimension.field for dimension in dimensions if dimension.name == COLOR), None)
    return Vocabulary(tuple(dict.fromkeys(terms)), concepts, color_field, "number" in kinds.get("price", ()), has_word)


def _fields_of_many_values(index: Index) -> set[str]:
    """Return the fields that have too many values already among some products; counting them all would take long."""
    found: dict[str, set[str]] = {}
    for record in islice(index.all_records(), _SAMPLE):
        for name, held in field_values(record.product).items():
            found.setdefault(name, set()).update(held.texts)
    return {name for name, values in found.items() if len(values) > MOST_VALUES}


def _class_terms(dimension: Dimension) -> Iterator[Term]:
    steps = {name: name.rsplit(PATH, 1)[-1] for name in dimension.classes}
    for (name, step), products in zip(steps.items(), dimension.products, strict=True):
        for key in _value_names(dimension.name, step, [*steps.values()]):
            yield Term(key, name, dimension=dimension.name, products=products)
    for name in dimension.untrained:
        step = name.rsplit(PATH, 1)[-1]
        for key in _value_names(dimension.name, step, [*steps.values(), *dimension.untrained]):
            yield Term(key, step, field=dimension.field)


def _value_names(name: str, value: str, values: Sequence[str]) -> Iterator[Keys]:
    """Yield the names of one value of a field: the value itself, and the parts of ``Hoodies & Sweatshirts``.

    Of a field of yes and no, the name of the field stands for yes; a short value needs the name before it.
    """
    own = word_keys(name.removeprefix("attributes."))
    folded = {value.casefold() for value in values}
    if folded <= _YES | _NO:
        if value.casefold() in _YES:
            yield own
        return
    whole = word_keys(value)
    if not whole:
        return
    is_short = len(whole) == 1 and (len(whole[0]) < _SHORTEST_ALONE or parse_number(whole[0]) is not None)
    if is_short:
        yield (*own, *whole)
    if not is_short or whole[0] in _SIZES:
        yield whole
        parts = [part for part in _PARTS.split(value) if part.strip()]
        yield from (word_keys(part) for part in parts if len(parts) > 1 and len(part.strip()) >= _SHORTEST_ALONE)
