"""Photos of products by words: those whose words agree with the query's, with which words, and those that fit the
query's words as if these were their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.dimensions.dimension import TEXT
from shoplens.filters.model.caption import CaptionQuery
from shoplens.index.protocol import ANY_PHOTO, Index, PhotoConstraint, PhotoHits, PhotoKey, VectorQuery
from shoplens.reading.ngrams import split_words
from shoplens.reading.product_text import product_words
from shoplens.reading.text_model import TextModel, TextQuery
from shoplens.types import ClassMatch, Product

TEXT_SPREAD = 0.1
"""What counts as one standard deviation of agreements. Most products share no word with a query, so that the spread of
its agreements says more of how common its words are than of how much a difference means; hence one for all queries."""
MAX_SHOWN_WORDS = 6
PHOTOS_WITH_WORDS, MAX_PHOTOS_WITH_WORDS = 60, 4_000
"""Numbers of photos whose products are looked at for words: at first, and at most."""
_SHORTEST_START = 3
WORD_SEPARATOR = " · "


def nearest_texts(index: Index, text: TextQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
    """Return up to ``limit`` photos whose words agree most with the query's, with their agreements in [0, 1], greatest
    first; photos without a common n-gram are left out."""
    hits = index.nearest_photos(VectorQuery(text_vector=text.vector), limit, constraint)
    return PhotoHits(hits.keys, np.clip(hits.scores, 0, 1))


def text_agreements(index: Index, text: TextQuery, keys: Sequence[PhotoKey]) -> npt.NDArray[np.float32]:
    """Return the agreement of the words of photos with the query's, float32 (n,), each in [0, 1]."""
    agreements: npt.NDArray[np.float32] = np.clip(
        index.photo_scores([VectorQuery(text_vector=text.vector)], keys)[0], 0, 1
    )
    return agreements


def match_texts(index: Index, text: TextQuery, key: PhotoKey, agreement: float) -> dict[str, ClassMatch]:
    """Return the words of the query that a product has, as a match in ``text``; empty where there are none.

    The match's ``query`` is the part of the query's words that it names, and its ``product`` is the agreement.
    """
    words = text.find_common_words(index.photo_text_vectors([key])[0])
    if not words:
        return {}
    longest = sorted(words, key=lambda word: -len(word))[:MAX_SHOWN_WORDS]
    shown = [word for word in words if word in longest]
    return {TEXT: ClassMatch(WORD_SEPARATOR.join(shown), len(words) / len(text.words), agreement)}


def nearest_captions(index: Index, caption: CaptionQuery, limit: int, constraint: PhotoConstraint) -> list[PhotoKey]:
    """Return up to ``limit`` photos that fit the words best, best first."""
    return index.nearest_photos(VectorQuery(pretrained=caption.vector), limit, constraint).keys


def caption_similarities(index: Index, caption: CaptionQuery, keys: Sequence[PhotoKey]) -> npt.NDArray[np.float32]:
    """Return how well photos fit the words, float32 (n,), each in [0, 1]."""
    return caption.model.similarities(index.photo_scores([VectorQuery(pretrained=caption.vector)], keys)[0])


def products_with_words(index: Index, model: TextModel, words: str) -> tuple[str, ...]:
    """Return the ids of the products one of whose texts has all of these words, or words that begin with them:
    ``hood`` is in *Hooded jacket*. The texts are title, brand and attributes, not what is read in photos.

    Those whose texts agree most are looked at first, and more as long as some of the last ones have the words.
    """
    query, wanted = model.query(words), split_words(words)
    if query is None:
        return ()
    found: dict[PhotoKey, str] = {}
    start, limit = 0, PHOTOS_WITH_WORDS
    while True:
        keys = nearest_texts(index, query, limit, ANY_PHOTO).keys
        new = list({key.product: key for key in reversed(keys[start:])}.values())
        having = {
            key: record.product.id
            for key, record in zip(new, index.photo_records(new), strict=True)
            if record is not None and has_words(record.product, wanted)
        }
        found |= having
        if not having or len(keys) < limit or limit >= MAX_PHOTOS_WITH_WORDS:
            return tuple(dict.fromkeys(found.values()))
        start, limit = limit, min(4 * limit, MAX_PHOTOS_WITH_WORDS)


def has_words(product: Product, words: Sequence[str]) -> bool:
    """Return whether one text of a product has all of these words, or words that begin with them; a word of fewer than
    three letters has to be there by itself. Categories do not count: *Hoodies & Sweatshirts* says nothing of a hood."""

    def has(text: Sequence[str], word: str) -> bool:
        return any(own == word or (len(word) >= _SHORTEST_START and own.startswith(word)) for own in text)

    texts = [*product_words(replace(product, category=()))]
    return any(all(has(text, word) for word in words) for text, _ in texts)
