"""Titles and photos of a generation, by which the weight of ``caption`` is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from shoplens.build.filter_scoring import sample_products
from shoplens.embedders.text.tower import TextTower
from shoplens.filters.fitting.caption_weight import fit_caption
from shoplens.filters.model.caption import NAME, CaptionModel
from shoplens.filters.photo_features.pixels import Floats
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.ranking.text_retrieval import TEXT_SPREAD
from shoplens.reading.ngrams import split_words
from shoplens.reading.product_text import product_texts
from shoplens.reading.text_model import TextModel, TextQuery
from shoplens.store.files.atomic import replace_file
from shoplens.store.generation import Generation
from shoplens.types import SparseRows, group_of

MAX_TITLES, MAX_PRODUCTS = 150, 2_000
"""Most titles that are searched for, and most products among which they are."""


def write_caption_model(generation: Generation, tower: TextTower | None) -> CaptionModel | None:
    """Choose how much the text tower of the model counts, and write it to the generation's folder; None without one.

    Raises:
        ModelError: as :func:`fit_caption_model`.
    """
    path = generation.folder / NAME
    if tower is None:
        path.unlink(missing_ok=True)
        return None
    model = fit_caption_model(generation.index, tower, generation.text)
    replace_file(path, model.to_json())
    return model


def fit_caption_model(index: Index, tower: TextTower, text: TextModel | None) -> CaptionModel:
    """Choose the weight by products that are drawn by a hash, one title of each group.

    Args:
        index: with the vectors of the tower's model.
        tower: of that model.
        text: compares words with words; None where the generation does not.

    Raises:
        ModelError: as :meth:`~shoplens.embedders.text.tower.TextTower.embed`.
    """
    products = _draw(index)
    titles: dict[str, int] = {}
    for n, entry in enumerate(products):
        if split_words(entry.product.title):
            titles.setdefault(group_of(entry.product), n)
    right = list(titles.values())[:MAX_TITLES]
    vectors = np.array([entry.vectors[0] for entry in products], np.float32).reshape(len(products), index.dimensions)
    asked = [products[n].product.title for n in right]
    cosines = tower.embed(asked) @ vectors.T if asked else np.zeros((0, len(products)), np.float32)
    words = _WordMatcher.of(products, text)
    return fit_caption(
        tower.model,
        cosines,
        words.agreements(asked) / np.float32(TEXT_SPREAD),
        words.agreements([hide_words(title) for title in asked]) / np.float32(TEXT_SPREAD),
        right,
        [group_of(entry.product) for entry in products],
    )


def hide_words(title: str) -> str:
    """Return a title without half of its words, which are drawn by a hash; at least one is left out.

    >>> hide_words("Striped cotton cushion")
    'cushion'
    """
    words = split_words(title)
    drawn = sorted(range(len(words)), key=lambda n: _digest(f"{title} {n}"))
    return " ".join(words[n] for n in sorted(drawn[(len(words) + 1) // 2 :]))


def _draw(index: Index) -> list[IndexedProduct]:
    entries = list(sample_products(index, MAX_PRODUCTS))
    return sorted(entries, key=lambda entry: _digest(entry.product.id))[:MAX_PRODUCTS]


@dataclass(frozen=True, slots=True, eq=False)
class _WordMatcher:
    """Compares words with the texts of many products.

    Attributes:
        text: None gives no agreement.
        products: number of products.
        rows: text vectors of the products.
        owners: the product of each entry of ``rows``.
    """

    text: TextModel | None
    products: int
    rows: SparseRows
    owners: np.ndarray[tuple[int], np.dtype[np.intp]]

    @classmethod
    def of(cls, products: Sequence[IndexedProduct], text: TextModel | None) -> _WordMatcher:
        vectors = [] if text is None else [text.product_vector(product_texts(one.product)) for one in products]
        owners = np.repeat(np.arange(len(vectors)), [len(one.indices) for one in vectors])
        return cls(text, len(products), SparseRows.of(vectors), owners)

    def agreements(self, texts: Sequence[str]) -> Floats:
        """Return float32 (texts, products)."""
        found = np.zeros((len(texts), self.products), np.float32)
        for row, text in zip(found, texts, strict=True):
            query = None if self.text is None else self.text.query(text)
            if query is not None:
                row[:] = self._agreements_of(query)
        return found

    def _agreements_of(self, query: TextQuery) -> Floats:
        keys, values = query.vector.indices, query.vector.values
        places = np.minimum(np.searchsorted(keys, self.rows.indices), len(keys) - 1)
        shared = keys[places] == self.rows.indices
        products = self.rows.values[shared] * values[places[shared]]
        totals = np.bincount(self.owners[shared], products, minlength=self.products)
        return np.asarray(np.minimum(totals, 1), np.float32)


def _digest(name: str) -> bytes:
    return sha256(name.encode("utf-8", "backslashreplace")).digest()
