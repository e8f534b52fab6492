"""The vocabulary of a small shop of clothes and cushions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shoplens.filters.dimensions.dimension import Dimension
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.types import Photo, Product, WordMeaning
from shoplens.words.concepts import load_concepts
from shoplens.words.reading import read_words
from shoplens.words.vocabulary import Vocabulary, build_vocabulary

CATEGORIES = (
    "Women",
    "Women > Tops",
    "Women > Tops > Hoodies & Sweatshirts",
    "Women > Tops > T-Shirts",
    "Women > Skirts",
    "Men",
    "Men > Tops",
    "Men > Tops > T-Shirts",
    "Men > Jackets",
    "Home",
    "Home > Cushions",
)
DIMENSIONS = (
    Dimension("look", "embedding"),
    Dimension("color", "single", "color", ("Red", "Dark Red", "Blue", "Black"), (40, 9, 20, 60), is_measured=True),
    Dimension("pattern", "single", "pattern", ("Striped", "Solid", "Checked"), (9, 90, 5), {"Lace": 2}),
    Dimension("category", "tree", "category", CATEGORIES, tuple(range(30, 30 - len(CATEGORIES), -1))),
    Dimension("material", "multi", "material", ("Cotton", "Organic Cotton", "Leather"), (30, 10, 4)),
    Dimension("eco", "single", "eco", ("No", "Yes"), (50, 9)),
    Dimension("size", "multi", "size", ("S", "M", "XL", "38"), (5, 5, 5, 5)),
)


def vocabulary(synonyms: Path | None = None, dimensions: Sequence[Dimension] = DIMENSIONS) -> Vocabulary:
    """Return the vocabulary of the shop; its index has prices, a brand and a collection, which are no dimensions."""
    photo = Photo("a.jpg", "hash", "", 8, 8)
    attributes = {"collection": ("Spring Break",), "color": ("Red",), "link": ("http://a.example",)}
    product = Product("a", "Hoodie", ("a.jpg",), price=30.0, brand="Blue Sky", attributes=attributes)
    index = ExactIndex(2)
    index.upsert([IndexedProduct(product, (photo,), np.array([[1, 0]], np.float32))])
    return build_vocabulary(dimensions, index, load_concepts(synonyms))


def read(text: str, words: Vocabulary | None = None) -> list[WordMeaning]:
    return list(read_words(text, words or vocabulary()))


def summary(text: str, words: Vocabulary | None = None) -> list[str]:
    """Return what the words of a text were read as, one line for each: ``red: wanted color Red, Dark Red``."""
    lines = []
    for meaning in read(text, words):
        classes = "; ".join(f"{name} {', '.join(shares)}" for name, shares in meaning.classes.items())
        said = " ".join(filter(None, (meaning.kind, classes, meaning.condition)))
        lines.append(f"{meaning.words}: {said}")
    return lines
