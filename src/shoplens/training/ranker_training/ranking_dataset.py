"""What a ranker learns from: query photos whose product is known, each with its candidates as the filters score them.

Nothing has learned from a photo that is asked: what the filters read in it comes from heads that did not see its group,
and where looks are compared by trained vectors, photos that these learned from are asked by the network that proved
them, and only those that it did not see.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.build.filter_scoring import ProductScorer, scorer_of
from shoplens.embedders import EmbeddingHead
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import LOOK
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import DENSE_PARTS, Cohort, sample_groups
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.ranking.filter_retrieval import CANDIDATES
from shoplens.ranking.ranker_features import SIGNALS, Floats, ranker_features
from shoplens.store.generation import Generation
from shoplens.training.data.feature_pass import FeaturePassOptions, count_augmented_views, extract_samples
from shoplens.training.data.samples import SamplePhoto, Samples, Split, assign_splits
from shoplens.training.data.training_photos import (
    PairsFile,
    RejectionHandler,
    load_catalogue_photos,
    load_shopper_photos,
)
from shoplens.training.ranker_training.relevance import SAME, ProductRelevance
from shoplens.types import Region, SparseRows

MOST_QUERIES = 3_000
MOST_PRODUCTS = 10_000
"""Among which candidates are sought; of a larger catalogue a sample, with the products of all queries."""
LEAST = 60
"""Real photos to ask from which on no made ones are asked."""
FEWEST = 30
"""Queries below which nothing can be learned."""
FEWEST_GROUPS = 10


@dataclass(frozen=True, slots=True, eq=False)
class RankingDataset:
    """Queries with their candidates.

    Attributes:
        names: of d dimensions.
        static: float32 (d,), the fitted weights.
        places: float32 (q, n, d), similarities of candidates in standard deviations.
        gains: float32 (q, n), how much each is worth, 1 for the right product.
        signals: float32 (q, d, s).
        looks: float32 (q, e).
        groups: of the product in each photo; never cut.
        photos, sources: content hash of each photo, and its path or URL.
        kind: what was asked, in words.
    """

    names: tuple[str, ...]
    static: Floats
    places: Floats
    gains: Floats
    signals: Floats
    looks: Floats
    groups: tuple[str, ...]
    photos: tuple[str, ...]
    sources: tuple[str, ...]
    kind: str

    def __len__(self) -> int:
        return len(self.similarities)

    def subset(self, chosen: npt.NDArray[np.bool_]) -> RankingDataset:
        """Those queries, bool (q,)."""
        places = np.flatnonzero(chosen).tolist()
        return replace(
            self,
            places=self.similarities[chosen],
            gains=self.gains[chosen],
            signals=self.signals[chosen],
            looks=self.embeddings[chosen],
            groups=tuple(self.groups[n] for n in places),
            photos=tuple(self.photos[n] for n in places),
            sources=tuple(self.sources[n] for n in places),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RankingQueries:
    """Photos to ask with.

    Attributes:
        samples: with the photos of the products among which answers are sought.
        rows: int64 (q,), of the samples: the queries.
        untouched: float32 (m, d), the untouched extractor's vectors of all rows.
        look: the trained extractor that compares looks; None for the untouched one.
        kind: what is asked, in words.
    """

    samples: Samples
    rows: npt.NDArray[np.int64]
    untouched: Floats
    look: EmbeddingHead | None
    kind: str

    def looks(self, rows: npt.NDArray[np.int64]) -> Floats:
        """float32 (n, e), the vectors that are compared."""
        if self.look is None:
            return self.untouched[rows]
        return self.look.of(self.samples.rows[rows].astype(np.float32))


def build_ranking_dataset(
    context: EvaluationContext, generation: Generation, queries: Path | None, told: RejectionHandler
) -> RankingDataset:
    """Everything there is to learn ranking from.

    Args:
        queries: file of shoppers' photos; None asks with the catalogue's own.
        told: hears of photos that cannot be used.

    Raises:
        InvalidValue: ``no-filters``, ``too-few-queries``.
    """
    seen = replace(context, embedder=generation.embedder_for(context.embedder))
    return build_dataset_from_queries(context, generation, select_query_photos(seen, generation, queries, told))


def build_dataset_from_queries(
    context: EvaluationContext, generation: Generation, asked: RankingQueries
) -> RankingDataset:
    """The tasks that these photos make.

    Raises:
        InvalidValue: ``no-filters``, ``too-few-queries``.
    """
    gallery = _gallery(asked)
    entries = _entries(generation.index, [asked.samples.photos[n].product for n in gallery.tolist()])
    return _tasks(context, _scorer(generation), asked, gallery, entries)


def _scorer(generation: Generation) -> ProductScorer:
    _ = generation.fitted
    scorer = scorer_of(generation)
    assert scorer is not None, "fitted filters have a scorer"
    return scorer


def select_query_photos(
    context: EvaluationContext, generation: Generation, queries: Path | None, told: RejectionHandler
) -> RankingQueries:
    """The best photos there are to ask with: shoppers', where there are too few further ones, and made ones at last.

    Args:
        bench: sees as the generation does.
    """
    index, look = generation.index, generation.look
    photos, regions = load_catalogue_photos(index, told), dict[str, Region]()
    if queries is not None:
        for photo, region in load_shopper_photos(index, PairsFile(queries, context.source), told):
            photos.append(photo)
            if region is not None:
                regions[photo.name] = region
    usable = np.array(_usable(photos, look), bool)
    shoppers = np.array([photo.is_shopper for photo in photos], bool)
    further = np.array([not (photo.is_first or photo.is_shopper) for photo in photos], bool)
    firsts = np.array([photo.is_first for photo in photos], bool)
    times, kind = {False: 0, True: 0}, "shoppers' photos"
    chosen = usable & shoppers
    if chosen.sum() < LEAST and (usable & further).sum() > 0:
        chosen, kind = usable & (shoppers | further), "further photos of products" + _and(chosen)
    made = chosen.sum() < LEAST
    if made:
        times = count_augmented_views(photos)
        chosen, kind = usable & (shoppers | further | firsts), "made phone photos" + _and(chosen)
    kept = [n for n in range(len(photos)) if chosen[n] or firsts[n]]
    photos = [photos[n] for n in kept]
    samples, untouched = extract_samples(context, index, FeaturePassOptions(photos, regions, times), told)
    names = {(photo.name, photo.is_first) for n, photo in zip(kept, photos, strict=True) if chosen[n]}
    rows = [
        n
        for n, (owner, view) in enumerate(zip(samples.owners.tolist(), samples.views.tolist(), strict=True))
        if _is_asked(samples.photos[owner], view, times, names)
    ]
    if look is not None and any(look.has_learned(samples.photos[samples.owners[n]].name) for n in rows):
        look = look.proof_head
    return RankingQueries(samples, _few(samples, np.array(rows, np.int64)), untouched, look, kind)


def _is_asked(photo: SamplePhoto, view: int, times: dict[bool, int], names: set[tuple[str, bool]]) -> bool:
    """A real photo as it is; a product's first one as it was taken the last time."""
    if (photo.name, photo.is_first) not in names:
        return False
    return view == times[False] and view > 0 if photo.is_first else view == 0


def _and(chosen: npt.NDArray[np.bool_]) -> str:
    return " and real ones" if chosen.any() else ""


def _usable(photos: Sequence[SamplePhoto], look: EmbeddingHead | None) -> list[bool]:
    """Photos of which the look that is asked has not learned."""
    if look is None:
        return [True] * len(photos)
    options = look.card.made.get("options", {})
    by_group = options.get("positives", options.get("same")) == "group"  # older cards call it `same`
    proved = look.proof_head is not look
    held_out = (
        [use != Split.TRAIN for use in assign_splits(photos, by_group=by_group)] if proved else [False] * len(photos)
    )
    return [out or not look.has_learned(photo.name) for photo, out in zip(photos, held_out, strict=True)]


def _few(samples: Samples, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At most :data:`MOST_QUERIES` rows, drawn by the hash of their photo, in order."""
    if len(rows) <= MOST_QUERIES:
        return rows
    keys = [hashlib.sha256(samples.photos[n].name.encode()).digest() for n in samples.owners[rows].tolist()]
    order = sorted(range(len(rows)), key=lambda n: keys[n])[:MOST_QUERIES]
    return rows[sorted(order)]


def _gallery(asked: RankingQueries) -> npt.NDArray[np.int64]:
    """int64 (g,), places of the first photos of products among which answers are sought.

    Raises:
        InvalidValue: ``too-few-queries``.
    """
    samples = asked.samples
    firsts = [n for n, photo in enumerate(samples.photos) if photo.is_first]
    there = {samples.photos[n].product for n in firsts}
    owners = [samples.photos[n] for n in samples.owners[asked.rows].tolist()]
    groups = {photo.group for photo in owners if photo.product in there}
    if len(owners) < FEWEST or len(groups) < FEWEST_GROUPS:
        raise InvalidValue(
            f"There are {len(owners)} photos of {len(groups)} designs to learn ranking from; those that a trained look "
            "has learned are no use.",
            f"It takes {FEWEST} of {FEWEST_GROUPS} or more: give --queries with photo,product_id rows.",
            code="too-few-queries",
        )
    wanted = {photo.product for photo in owners}
    if len(firsts) > MOST_PRODUCTS:
        keys = {n: hashlib.sha256(samples.photos[n].product.encode()).digest() for n in firsts}
        order = sorted(firsts, key=lambda n: (samples.photos[n].product not in wanted, keys[n]))
        firsts = sorted(order[:MOST_PRODUCTS])
    return np.array(firsts, np.int64)


def _entries(index: Index, products: list[str]) -> dict[str, IndexedProduct]:
    return {entry.product.id: entry for entry in index.entries(products) if entry.scores is not None}


def _tasks(
    context: EvaluationContext,
    scorer: ProductScorer,
    asked: RankingQueries,
    gallery: npt.NDArray[np.int64],
    entries: dict[str, IndexedProduct],
) -> RankingDataset:
    samples = asked.samples
    gallery = np.array([n for n in gallery.tolist() if samples.photos[n].product in entries], np.int64)
    held = [entries[samples.photos[n].product] for n in gallery.tolist()]
    filters = scorer.filters
    places = {entry.product.id: n for n, entry in enumerate(held)}
    looks = asked.looks(samples.original_rows[gallery])
    scores = [entry.scores for entry in held if entry.scores is not None]
    dense = filters.space.dense(np.stack([one.placed[0] for one in scores]))
    marks = SparseRows.of([one.marks[0] for one in scores])
    groups = tuple(samples.photos[n].group for n in gallery.tolist())
    filters = _replace_cohort(filters, looks, dense, marks, groups)
    likeness = ProductRelevance(scorer, [entry.product for entry in held])
    names = tuple(dimension.name for dimension in filters.dimensions)
    static = np.array([filters.weights.get(name, 1.0) for name in names], np.float32)
    rows = np.array([n for n in asked.rows.tolist() if samples.photos[samples.owners[n]].product in places], np.int64)
    owners = [samples.photos[n] for n in samples.owners[rows].tolist()]
    features, vectors = samples.rows[rows].astype(np.float32), asked.looks(rows)
    described = filters.describe(features, [photo.group for photo in owners])
    deep = min(CANDIDATES, len(held))
    found = RankingDataset(
        names,
        static,
        np.zeros((len(rows), deep, len(names)), np.float32),
        np.zeros((len(rows), deep), np.float32),
        np.zeros((len(rows), len(names), len(SIGNALS)), np.float32),
        vectors,
        tuple(photo.group for photo in owners),
        tuple(photo.name for photo in owners),
        tuple(photo.source for photo in owners),
        asked.kind,
    )
    for n, photo in enumerate(owners):
        own = filters.marks(described.probabilities[n], {})
        norms = filters.norms(vectors[n], described.dense[n], own)
        cosines = {LOOK: looks @ vectors[n]}
        for name, part in DENSE_PARTS.items():
            cosines[name] = dense[:, part] @ described.dense[n, part]
        similarities = filters.similarities(cosines, filters.agreements(own, marks))
        similar = np.stack([similarities[name] for name in names], axis=1)
        spreads = np.array([norms.spreads[name] for name in names], np.float32)
        best = np.argsort(-(similar @ (static / spreads)), kind="stable")[:deep]
        seen = ranker_features(filters, vectors[n], own, norms, similar[best])
        found.similarities[n], found.signals[n] = seen.places, seen.signals
        found.gains[n] = likeness.gains(places[photo.product])[best]
        context.progress("Scoring candidates", n + 1, len(owners))
    return found


def _replace_cohort(
    filters: Filters, looks: Floats, dense: Floats, marks: SparseRows, groups: tuple[str, ...]
) -> Filters:
    """The filters with a cohort whose looks are by the vectors that are asked with."""
    places = sample_groups(groups, np.ones(len(groups), bool))
    wide = np.zeros((len(places), filters.layout.size), np.float32)
    for row, place in zip(wide, places, strict=True):
        row[marks[place].indices] = marks[place].values
    own = looks[places] @ looks[places].T
    spread = {**filters.cohort.spread, LOOK: float(np.mean(np.std((1 + own) / 2, axis=1)))}
    return replace(filters, cohort=Cohort(looks[places], dense[places], wide, spread))


def is_right(dataset: RankingDataset) -> npt.NDArray[np.bool_]:
    """bool (q, n): the right product of each query."""
    found: npt.NDArray[np.bool_] = dataset.gains == SAME
    return found
