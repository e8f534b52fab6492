"""The query photos that a ranker is trained and tested on.

Nothing has learned from a query photo: the filters read it with heads that did not see its group. Where looks are
compared by trained vectors, photos that these learned from are compared by the network that was tested, and only if
it did not see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shoplens.embedders import EmbeddingHead
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.ranking.ranker_features import Floats
from shoplens.store.generation import Generation
from shoplens.training.data.feature_pass import FeaturePassOptions, count_augmented_views, extract_samples
from shoplens.training.data.query_words import read_query_words
from shoplens.training.data.samples import Bools, Ints, SamplePhoto, Samples, Split, assign_splits
from shoplens.training.data.training_photos import (
    PairsFile,
    RejectionHandler,
    load_catalogue_photos,
    load_shopper_photos,
)
from shoplens.types import Region

MAX_QUERIES = 3_000
MAX_PRODUCTS = 10_000
"""Maximum number of products among which candidates are searched; of a larger catalogue a sample is taken, which has
the products of all queries."""
MIN_REAL_QUERIES = 60
"""With fewer real photos, simulated phone photos are queries, too."""
MIN_QUERIES, MIN_GROUPS = 30, 10
"""Numbers of queries, and of their designs, below which nothing can be learned."""


@dataclass(frozen=True, slots=True, eq=False)
class RankingQueries:
    """Query photos, with the photos of the products among which answers are searched.

    Attributes:
        samples: photos of queries and products.
        rows: int64 (q,), the rows of the samples that are queries.
        untouched_vectors: float32 (m, d), the untouched extractor's vectors of all rows.
        look: the trained look that compares photos; None for the untouched extractor.
        description: what the queries are, in words.
        words: that each query shows, as a search reads them; all are empty where a search reads none.
    """

    samples: Samples
    rows: Ints
    untouched_vectors: Floats
    look: EmbeddingHead | None
    description: str
    words: tuple[str, ...]

    def embeddings(self, rows: Ints) -> Floats:
        """Return the vectors that are compared, float32 (n, e), of these rows of the samples."""
        if self.look is None:
            return self.untouched_vectors[rows]
        return self.look.embed(self.samples.rows[rows].astype(np.float32))

    def select_gallery(self) -> Ints:
        """Return the first photos of the products among which answers are searched, int64 (g,).

        Raises:
            InvalidValue: ``too-few-queries``.
        """
        samples = self.samples
        gallery = [n for n, photo in enumerate(samples.photos) if photo.is_first]
        products = {samples.photos[n].product for n in gallery}
        query_photos = [samples.photos[n] for n in samples.owners[self.rows].tolist()]
        groups = {photo.group for photo in query_photos if photo.product in products}
        if len(query_photos) < MIN_QUERIES or len(groups) < MIN_GROUPS:
            raise InvalidValue(
                f"There are {len(query_photos)} photos of {len(groups)} designs to learn ranking from, without those "
                "that a trained look has learned.",
                f"Give --queries with photo,product_id rows: at least {MIN_QUERIES} photos of {MIN_GROUPS} designs.",
                code="too-few-queries",
            )
        query_products = {photo.product for photo in query_photos}
        if len(gallery) > MAX_PRODUCTS:
            keys = {n: hashlib.sha256(samples.photos[n].product.encode()).digest() for n in gallery}
            order = sorted(gallery, key=lambda n: (samples.photos[n].product not in query_products, keys[n]))
            gallery = sorted(order[:MAX_PRODUCTS])
        return np.array(gallery, np.int64)


def select_query_photos(
    context: EvaluationContext, generation: Generation, queries: Path | None, on_rejection: RejectionHandler
) -> RankingQueries:
    """Select the best query photos there are: shoppers' photos, then further photos, then simulated phone photos.

    Args:
        context: its embedder is the one of the generation.
        queries: a file of shoppers' photos; None uses the catalogue's own photos.
        on_rejection: receives photos that cannot be used.
    """
    index, look = generation.index, generation.look
    photos, regions = load_catalogue_photos(index, on_rejection), dict[str, Region]()
    if queries is not None:
        for photo, region in load_shopper_photos(index, PairsFile(queries, context.source), on_rejection):
            photos.append(photo)
            if region is not None:
                regions[photo.name] = region
    is_first = np.array([photo.is_first for photo in photos], bool)
    is_query, augmented, description = _choose_kind(photos, look)
    view_counts = count_augmented_views(photos) if augmented else {False: 0, True: 0}
    kept = np.flatnonzero(is_query | is_first).tolist()
    names = {(photos[n].name, photos[n].is_first) for n in kept if is_query[n]}
    options = FeaturePassOptions([photos[n] for n in kept], regions, view_counts)
    samples, untouched_vectors = extract_samples(context, index, options, on_rejection)
    rows = [
        n
        for n, (owner, view) in enumerate(zip(samples.owners.tolist(), samples.views.tolist(), strict=True))
        if _is_query_view(samples.photos[owner], view, view_counts, names)
    ]
    if look is not None and any(look.has_learned(samples.photos[samples.owners[n]].name) for n in rows):
        look = look.validation_head
    kept_rows, reader = _limit_queries(samples, np.array(rows, np.int64)), context.text_reader(generation)
    words = ("",) * len(kept_rows)
    if reader is not None:
        words = read_query_words(context, reader, samples, kept_rows, regions)
    return RankingQueries(samples, kept_rows, untouched_vectors, look, description, words)


def _choose_kind(photos: Sequence[SamplePhoto], look: EmbeddingHead | None) -> tuple[Bools, bool, str]:
    """Return which photos are queries, bool (n,), whether first photos are augmented, and a description."""
    is_usable = np.array(_are_unlearned(photos, look), bool)
    is_shopper = np.array([photo.is_shopper for photo in photos], bool)
    is_first = np.array([photo.is_first for photo in photos], bool)
    is_further = ~is_first & ~is_shopper
    chosen, description = is_usable & is_shopper, "shoppers' photos"
    if chosen.sum() < MIN_REAL_QUERIES and (is_usable & is_further).any():
        description = "further photos of products" + _real_photos_suffix(chosen)
        chosen = is_usable & (is_shopper | is_further)
    if chosen.sum() >= MIN_REAL_QUERIES:
        return chosen, False, description
    return is_usable, True, "simulated phone photos" + _real_photos_suffix(chosen)


def _is_query_view(photo: SamplePhoto, view: int, view_counts: dict[bool, int], names: set[tuple[str, bool]]) -> bool:
    """Return whether a view is a query: a real photo as it is, or the last augmented view of a product's first
    photo."""
    if (photo.name, photo.is_first) not in names:
        return False
    return view == view_counts[False] and view > 0 if photo.is_first else view == 0


def _real_photos_suffix(chosen: Bools) -> str:
    return " and real ones" if chosen.any() else ""


def _are_unlearned(photos: Sequence[SamplePhoto], look: EmbeddingHead | None) -> list[bool]:
    """Return which photos can be queries, because the look that compares them has not learned from them."""
    if look is None:
        return [True] * len(photos)
    options = look.card.training_record.get("options", {})
    by_group = options.get("positives", options.get("same")) == "group"  # older cards call it `same`
    is_held_out = [False] * len(photos)
    if look.validation_head is not look:
        is_held_out = [split != Split.TRAIN for split in assign_splits(photos, by_group=by_group)]
    return [held or not look.has_learned(photo.name) for photo, held in zip(photos, is_held_out, strict=True)]


def _limit_queries(samples: Samples, rows: Ints) -> Ints:
    """Return at most :data:`MAX_QUERIES` rows, chosen by the hash of their photo, in order."""
    if len(rows) <= MAX_QUERIES:
        return rows
    keys = [hashlib.sha256(samples.photos[n].name.encode()).digest() for n in samples.owners[rows].tolist()]
    order = sorted(range(len(rows)), key=lambda n: keys[n])[:MAX_QUERIES]
    return rows[sorted(order)]
