"""Agreement of a text with the texts of a shop's products, as a dot product of sparse vectors.

A text is the set of its n-grams (:mod:`shoplens.reading.ngrams`), each weighted by how rare it is in the shop (inverse
document frequency: Spaerck Jones 1972, "A Statistical Interpretation of Term Specificity and Its Application in
Retrieval"). The agreement of a query with a product is the geometric mean of two similarities of these vectors: the
cosine, and the containment, the part of the query that the product has. The cosine alone would punish products that
say much, and the containment alone would reward them. It is 1 for equal texts and 0 for texts without a common n-gram.

Example:
    >>> from shoplens.reading.product_text import WeightedText
    >>> names = ("Striped cushion", "Plain cushion", "Floor lamp")
    >>> model = fit_text_model([[WeightedText(name, 1.0)] for name in names])
    >>> query = model.query("stripd cushion")
    >>> [round(query.agreement(model.product_vector([WeightedText(name, 1.0)])), 1) for name in names]
    [0.7, 0.3, 0.0]
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.errors import StoreError
from shoplens.reading.ngrams import ngram_keys, split_words
from shoplens.reading.product_text import WeightedText
from shoplens.types import SparseRows, SparseVector

NAME = "text.npz"
"""Name of the model's file in a generation's folder."""
VERSION = 1
CONTAINMENT = 0.5
"""Share of the containment in the geometric mean; the cosine has the rest."""
MIN_SHOWN_SHARE = 0.02
"""Share of the catalogue's photos with words from which on query photos are read."""
DEFAULT_WEIGHT = 1.0
"""Static weight of ``text`` for queries with words, beside 1 for ``look``, chosen on shop photos of ``train.csv``
of Grocery; see ``benchmarks/RESULTS.md``."""
MATCHED = 0.5
"""Part of a word's n-grams that a product must have for the word to count as found in it."""
_TINY = 1e-9
Keys = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TextQuery:
    """A text that is searched for.

    Attributes:
        vector: its dot product with a product's text vector is their agreement, in [0, 1].
        words: its words as they are compared, in their order, each once.
        word_keys: the n-grams of each word.
        word_values: the weight of each of these n-grams, one array per word.
    """

    vector: SparseVector
    words: tuple[str, ...]
    word_keys: tuple[Keys, ...]
    word_values: tuple[Floats, ...]

    def agreement(self, product: SparseVector) -> float:
        """Return the agreement with a product's text vector, in [0, 1]."""
        _, left, right = np.intersect1d(self.vector.indices, product.indices, assume_unique=True, return_indices=True)
        return min(1.0, float(self.vector.values[left] @ product.values[right]))

    def agreements(self, products: SparseRows) -> Floats:
        """Return the agreement with the text vector of each of n products, float32 (n,), each in [0, 1]."""
        places = np.minimum(np.searchsorted(self.vector.indices, products.indices), len(self.vector.indices) - 1)
        shared = self.vector.indices[places] == products.indices
        owners = np.repeat(np.arange(len(products)), products.lengths)[shared]
        parts = products.values[shared] * self.vector.values[places[shared]]
        return np.clip(np.bincount(owners, parts, len(products)), 0, 1).astype(np.float32)

    def find_common_words(self, product: SparseVector) -> tuple[str, ...]:
        """Return the words that a product has, but for a few letters: those of which it has at least half of the
        n-grams, each counted by its rarity."""
        matched = []
        for word, keys, values in zip(self.words, self.word_keys, self.word_values, strict=True):
            shared = np.isin(keys, product.indices, assume_unique=True)
            if values[shared].sum() >= MATCHED * values.sum():
                matched.append(word)
        return tuple(matched)


@dataclass(frozen=True, slots=True, eq=False)
class TextModel:
    """How often each n-gram occurs in the texts of a shop's products. Immutable.

    Attributes:
        products: number of products.
        keys: uint32 (n,), ascending: the n-grams of two or more products.
        counts: uint32 (n,), the number of products with each. Every other n-gram counts as one of a single product.
        shown_share: share of the catalogue's photos in which words were read; None where none was looked at.
        weight: static weight of ``text`` for queries with words, on the scale of the filters' default weights.
    """

    products: int
    keys: Keys
    counts: npt.NDArray[np.uint32]
    shown_share: float | None = None
    weight: float = DEFAULT_WEIGHT

    @property
    def reads_queries(self) -> bool:
        """Whether query photos are worth reading: not where the catalogue's own photos show hardly any words."""
        return self.shown_share is None or self.shown_share >= MIN_SHOWN_SHARE

    def product_vector(self, texts: Iterable[WeightedText]) -> SparseVector:
        """Return the text vector of a product, or of one of its photos with what is read in it.

        An n-gram that several texts have counts by the greatest of their weights.
        """
        weights: dict[int, float] = {}
        for text, weight in texts:
            for key in ngram_keys(split_words(text)).tolist():
                weights[key] = max(weight, weights.get(key, 0.0))
        keys = np.array(sorted(weights), np.uint32)
        values = self._rarities(keys) * np.array([weights[key] for key in keys.tolist()], np.float32)
        length = float(np.linalg.norm(values))
        return SparseVector(keys, values / np.float32(max(length, _TINY) ** (1 - CONTAINMENT)))

    def query(self, text: str) -> TextQuery | None:
        """Return the query for a text; None where it has no word.

        Args:
            text: what somebody typed, or the lines that were read in a photo.
        """
        words = tuple(dict.fromkeys(split_words(text)))
        keys = ngram_keys(words)
        if not len(keys):
            return None
        values = self._rarities(keys)
        length = max(float(np.linalg.norm(values)), _TINY)
        word_keys = tuple(ngram_keys([word]) for word in words)
        vector = SparseVector(keys, values / np.float32(length ** (1 + CONTAINMENT)))
        return TextQuery(vector, words, word_keys, tuple(self._rarities(keys) for keys in word_keys))

    def to_bytes(self) -> bytes:
        """Return the content of the file :data:`NAME` that :func:`load_text_model` reads."""
        buffer = io.BytesIO()
        shown = np.nan if self.shown_share is None else self.shown_share
        np.savez(
            buffer,
            version=np.array(VERSION),
            products=np.array(self.products),
            shown_share=np.array(shown),
            weight=np.array(self.weight),
            keys=self.keys,
            counts=self.counts,
        )
        return buffer.getvalue()

    def _rarities(self, keys: Keys) -> Floats:
        """Return the inverse document frequency of n-grams, float32, above 0."""
        counts = np.ones(len(keys))
        if len(self.keys):
            places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            counts = np.where(self.keys[places] == keys, self.counts[places], 1)
        rarities: Floats = np.log((self.products + 1) / (np.minimum(counts, self.products) + 0.5)).astype(np.float32)
        return rarities


def fit_text_model(products: Iterable[Sequence[WeightedText]]) -> TextModel:
    """Count the n-grams of products' texts.

    Args:
        products: the texts of each product, what is read in its photos included.
    """
    counts: Counter[int] = Counter()
    number = 0
    for texts in products:
        number += 1
        counts.update(ngram_keys(word for text, _ in texts for word in split_words(text)).tolist())
    repeated = sorted(key for key, count in counts.items() if count > 1)
    return TextModel(number, np.array(repeated, np.uint32), np.array([counts[key] for key in repeated], np.uint32))


def load_text_model(folder: Path) -> TextModel | None:
    """Read the model from a generation's folder; None where there is none.

    Raises:
        StoreError: ``damaged-filters``.
    """
    path = folder / NAME
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            if int(stored["version"]) != VERSION or stored["keys"].shape != stored["counts"].shape:
                raise ValueError(f"it is of version {int(stored['version'])}, not {VERSION}")
            shown = float(stored["shown_share"])
            weight = float(stored["weight"]) if "weight" in stored else DEFAULT_WEIGHT  # older files have none
            if not (np.isfinite(weight) and weight >= 0):
                raise ValueError(f"its weight is {weight}")
            return TextModel(
                int(stored["products"]),
                stored["keys"].astype(np.uint32),
                stored["counts"].astype(np.uint32),
                None if np.isnan(shown) else shown,
                weight,
            )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError) as problem:
        raise StoreError(
            f"{path} cannot be used: {problem}.",
            "Fit the filters again: shoplens train filters.",
            code="damaged-filters",
        ) from None
