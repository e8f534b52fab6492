"""What a catalogue says of a product in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shoplens.reading.ngrams import split_words
from shoplens.types import Product

NAME_WEIGHT, READ_WEIGHT, VALUE_WEIGHT = 1.0, 1.0, 0.5
"""Weights of the title and the brand, of what is read in a photo, and of categories and attributes."""
MAX_VALUE_LENGTH = 80
"""Longest value of an attribute that counts, in characters; longer ones are descriptions."""


class WeightedText(NamedTuple):
    """A text, and how much its letters count, in (0, 1]."""

    text: str
    weight: float


def product_texts(product: Product) -> Iterator[WeightedText]:
    """Yield the texts of a product: title, brand, the steps of its category, and the values of its attributes that are
    texts."""
    yield WeightedText(product.title, NAME_WEIGHT)
    yield WeightedText(product.brand, NAME_WEIGHT)
    for step in product.category:
        yield WeightedText(step, VALUE_WEIGHT)
    for values in product.attributes.values():
        for value in values:
            if isinstance(value, str) and len(value) <= MAX_VALUE_LENGTH and "://" not in value:
                yield WeightedText(value, VALUE_WEIGHT)


def product_words(product: Product) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield the words of each text of a product, as they are compared, with their weight."""
    for text, weight in product_texts(product):
        yield tuple(split_words(text)), weight
