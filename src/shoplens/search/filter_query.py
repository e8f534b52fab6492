"""From an encoded query to the query for all filters of a generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from shoplens.embedders.text.tower import TextTower
from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.dimension import CAPTION, COLOR, TEXT
from shoplens.filters.model.caption import CaptionQuery
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS, TINT_SHARE
from shoplens.filters.photo_features.color_histogram import parse_palette
from shoplens.index.identifiers import unknown_product_error
from shoplens.index.protocol import EMPTY_CLASS_VECTOR
from shoplens.ranking.filter_query import Example, FilterQuery
from shoplens.ranking.merchandising.resolution import resolve_merchandising
from shoplens.ranking.strategies import EncodedQuery
from shoplens.ranking.text_retrieval import TEXT_SPREAD
from shoplens.ranking.weights import given_weights, resolve_weights
from shoplens.reading.text_model import TextQuery
from shoplens.search.wishes import (
    WishedDimensions,
    apply_wishes,
    build_unwanted_color,
    caption_share,
    find_wished_dimensions,
    wish_weights,
)
from shoplens.settings import Preferences
from shoplens.store.generation import Generation
from shoplens.store.ranker_file import load_static_weights
from shoplens.types import SparseVector, Steering, group_of

IN_CATEGORY = 0.5
"""Probability from which on a query counts as of a category, for profiles that differ by category."""
_ALSO = 0.25
"""Weight of a further dimension in which words name a class, where there is no photo; of the first it is 1."""
_NO_STEERING = Steering()


class FilterQueryBuilder:
    """Builds queries for the filters of one generation.

    Args:
        generation: to be searched.
        preferences: weights, profiles and merchandising of the shop.

    Attributes:
        look: the trained extractor that the dimension ``look`` compares by; None for the untouched one.

    Raises:
        InvalidValue: ``no-filters``.
        StoreError: ``damaged-filters``, ``damaged-weights``.
    """

    def __init__(self, generation: Generation, preferences: Preferences) -> None:
        self.filters: Filters = generation.require_filters()
        self.look, self._text, self._caption = generation.look, generation.text, generation.caption
        self._static = load_static_weights(generation)
        self._index, self._preferences = generation.index, preferences
        self._merchandising = resolve_merchandising(generation.index, preferences.merchandising)

    def build(
        self,
        photo: EncodedQuery | None,
        steering: Steering = _NO_STEERING,
        unlike: EncodedQuery | None = None,
        group: str | None = None,
        text: TextQuery | None = None,
        caption: CaptionQuery | None = None,
    ) -> FilterQuery:
        """Build the query for a photo, or for what ``steering`` names in its place.

        Args:
            photo: with its features.
            steering: weights, profile, example, colour, and the meanings of words.
            unlike: photo that results shall not be similar to.
            group: of the product whose photo it is, where it is of the catalogue; then the heads that were not fitted
                to it describe it.
            text: words that are searched for, in place of those in the photo, of
                :meth:`~shoplens.reading.text_model.TextModel.query`; alone they rank by ``text`` alone. The dimension
                ``text`` counts for a query with words only.

            caption: words that photos are compared with, of :meth:`caption_query`; ``caption`` counts with them only.

        Raises:
            InvalidValue: ``unknown-product``, ``unknown-color``, ``unknown-dimension``, ``unknown-profile``,
                ``no-weight``.
        """
        if text is None and photo is not None and not steering.color and not steering.meanings:
            text = self.text_query(photo.text)
        like = self._example(photo, steering, group)
        wishes = WishedDimensions()
        if steering.meanings:
            wishes = find_wished_dimensions(self.filters, like, steering.meanings)
            like = apply_wishes(self.filters, like, steering.meanings)
        like = replace(like, text=text, caption=caption)
        effective = steering
        if photo is None and not steering.like and (steering.color or wishes.wanted or text or caption):
            zeros = dict.fromkeys(self._names(), 0.0)  # by colour or words alone
            alone = dict.fromkeys(wishes.also, _ALSO) | dict.fromkeys(wishes.wanted, 1.0)
            alone |= {COLOR: 1.0} if steering.color else {}
            alone |= ({} if text is None else {TEXT: 1.0}) | ({} if caption is None else {CAPTION: 1.0})
            effective = replace(steering, weights={**zeros, **alone, **steering.weights})
        categories = self._categories(like.marks) if steering.profile else ()
        static = self._static
        words = {TEXT: text, CAPTION: caption}
        weights = _without_absent(resolve_weights(static, self._preferences, effective, categories), words)
        if wishes.wanted or wishes.muted or caption is not None:
            share = (
                0.0 if caption is None else caption_share(caption.model, steering, has_example=bool(like.look.any()))
            )
            weights = wish_weights(self.filters, weights, wishes, effective.weights, share)
        norms = self.filters.score_normalizer(like.look, like.dense, like.marks)
        if text is not None:
            norms = norms.with_dimension(TEXT, TEXT_SPREAD)
        if caption is not None:
            norms = norms.with_dimension(CAPTION, caption.model.spread, caption.model.mean)
        return FilterQuery(
            self.filters,
            like,
            norms.normalize_weights(weights),
            norms,
            static,
            given_weights(static, self._preferences, effective, categories),
            build_unwanted_color(self.filters, like, steering.meanings)
            if unlike is None
            else self._photo_example(unlike, None),
            self._merchandising,
            steering.explain,
        )

    @property
    def reads_photos(self) -> bool:
        """Whether the words in query photos are worth reading."""
        return self._text is not None and self._text.reads_queries

    def text_query(self, text: str) -> TextQuery | None:
        """Return the query for words; None where there is none among them, or the generation compares no words."""
        return None if self._text is None else self._text.query(text)

    def caption_query(self, words: str, tower: TextTower | None) -> CaptionQuery | None:
        """Return the query by which photos are compared with words; None where there are none, or where it was not
        found to help in this shop.

        Args:
            tower: of the generation's model.

        Raises:
            ModelError: as :meth:`~shoplens.embedders.text.tower.TextTower.embed`.
        """
        model = self._caption
        if not words or model is None or not model.weight or tower is None or tower.model != model.tower:
            return None
        return CaptionQuery(words, tower.embed([words])[0], model)

    def _names(self) -> Sequence[str]:
        return [dimension.name for dimension in self.filters.dimensions]

    def _example(self, photo: EncodedQuery | None, steering: Steering, group: str | None) -> Example:
        if photo is not None:
            example = self._photo_example(photo, group)
        elif steering.like:
            example = self._product_example(steering.like)
        else:
            width = self._index.dimensions if self.look is None else self.look.dimensions
            example = Example(
                np.zeros(width, np.float32), np.zeros(self.filters.models.dense_size, np.float32), EMPTY_CLASS_VECTOR
            )
        if not steering.color:
            return example
        dense = example.dense.copy()
        dense[DENSE_PARTS[COLOR]] = 0
        return replace(example, dense=dense, marks=self._recolor(example.marks, steering.color))

    def _photo_example(self, photo: EncodedQuery, group: str | None) -> Example:
        if photo.features is None:
            raise InvalidValue("The photo has no features.", "Encode the photo by the store's own embedder.")
        described = self.filters.predict(photo.features[None], None if group is None else [group])
        look = photo.vector if self.look is None else self.look.embed(photo.features[None])[0]
        compared = self.filters.query_vectors(look, described.dense[0], group)
        marks = self.filters.class_vector(described.probabilities[0], {})
        return Example(*compared, marks, embedding=look)

    def _product_example(self, product_id: str) -> Example:
        for entry in self._index.entries([product_id]):
            if entry.scores is None:
                break
            look, dense = entry.look_vectors[0], self.filters.space.dense_vectors(entry.scores.filter_vectors[:1])[0]
            compared = self.filters.query_vectors(look, dense, group_of(entry.product))
            return Example(*compared, entry.scores.class_vectors[0], embedding=look)
        raise unknown_product_error(product_id)

    def _recolor(self, marks: SparseVector, color: str) -> SparseVector:
        """Replace the colours in the marks by this colour; the palette then is the whole dimension."""
        blocks = self.filters.layout.blocks_of(COLOR)
        if not blocks:
            raise InvalidValue(
                "The dimension color was dropped.",
                "Take `use = false` out of [dimensions.color].",
                code="unknown-dimension",
            )
        own = np.concatenate([np.arange(block.start, block.entries.stop) for block in blocks])
        kept = ~np.isin(marks.indices, own)
        palette = next(block for block in blocks if block.kind == "palette")
        anchors = parse_palette(color)
        there = np.flatnonzero(anchors > 0)
        indices = np.concatenate([marks.indices[kept], (palette.start + there).astype(np.uint32)])
        values = np.concatenate([marks.values[kept], np.sqrt(anchors[there] / palette.share) / (1 - TINT_SHARE)])
        order = np.argsort(indices)
        return SparseVector(indices[order], values[order].astype(np.float32))

    def _categories(self, marks: SparseVector) -> list[str]:
        """Return the nodes of the category trees that the query is probably in."""
        nodes = []
        for dimension in self.filters.dimensions:
            for block in self.filters.layout.blocks_of(dimension.name) if dimension.kind == "tree" else ():
                for entry, value in zip(marks.indices.tolist(), marks.values.tolist(), strict=True):
                    if block.start <= entry < block.entries.stop and value * value / block.share >= IN_CATEGORY:
                        nodes.append(block.classes[entry - block.start])
        return nodes


def _without_absent(weights: Mapping[str, float], words: Mapping[str, object]) -> Mapping[str, float]:
    """Leave the dimensions of words that a query does not have out of its weights.

    Args:
        words: dimension -> query; None for one that the query does not have.

    Raises:
        InvalidValue: ``no-weight``: nothing else has a weight.
    """
    absent = {name for name, query in words.items() if query is None}
    others = {name: weight for name, weight in weights.items() if name not in absent}
    if not sum(others.values()) > 0:
        raise InvalidValue(
            f"Only {' and '.join(sorted(words))} have a weight, and the query has no words for them.",
            "Give another dimension a weight above 0.",
            code="no-weight",
        )
    return others
