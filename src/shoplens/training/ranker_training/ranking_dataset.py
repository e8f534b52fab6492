"""What a ranker learns from: query photos whose product is known, each with its candidates as the filters score
them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.build.filter_scoring import ProductScorer, load_scorer
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import LOOK, TEXT
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.scoring import Cohort, sample_cohort
from shoplens.index.protocol import Index, IndexedProduct
from shoplens.ranking.filter_retrieval import CANDIDATES
from shoplens.ranking.ranker_features import SIGNALS, Floats, RankerFeatures, ranker_features
from shoplens.ranking.text_retrieval import TEXT_SPREAD
from shoplens.store.generation import Generation
from shoplens.training.data.samples import Ints
from shoplens.training.data.training_photos import RejectionHandler
from shoplens.training.ranker_training.ranking_queries import RankingQueries, select_query_photos
from shoplens.training.ranker_training.relevance import SAME, ProductRelevance
from shoplens.types import SparseRows


@dataclass(frozen=True, slots=True, eq=False)
class RankingDataset:
    """Queries with their candidates.

    Attributes:
        names: names of d dimensions, ``text`` last where words are compared.
        fitted_weights: float32 (d,), the default weights of the generation.
        similarities: float32 (q, n, d), similarities of candidates in standard deviations.
        gains: float32 (q, n), the relevance of each candidate, 1 for the right product.
        signals: float32 (q, d, s); those of ``text`` are 0 for a query without words.
        embeddings: float32 (q, e).
        groups: the group of the product in each photo; a group is never split.
        photos, sources: the content hash of each photo, and its path or URL.
        description: what the queries are, in words.
    """

    names: tuple[str, ...]
    fitted_weights: Floats
    similarities: Floats
    gains: Floats
    signals: Floats
    embeddings: Floats
    groups: tuple[str, ...]
    photos: tuple[str, ...]
    sources: tuple[str, ...]
    description: str

    def __len__(self) -> int:
        return len(self.similarities)

    def subset(self, chosen: npt.NDArray[np.bool_]) -> RankingDataset:
        """Return those queries, bool (q,)."""
        indices = np.flatnonzero(chosen).tolist()
        return replace(
            self,
            similarities=self.similarities[chosen],
            gains=self.gains[chosen],
            signals=self.signals[chosen],
            embeddings=self.embeddings[chosen],
            groups=tuple(self.groups[n] for n in indices),
            photos=tuple(self.photos[n] for n in indices),
            sources=tuple(self.sources[n] for n in indices),
        )


def build_ranking_dataset(
    context: EvaluationContext, generation: Generation, queries: Path | None, on_rejection: RejectionHandler
) -> RankingDataset:
    """Build the dataset of everything there is to learn ranking from.

    Args:
        queries: a file of shoppers' photos; None uses the catalogue's own photos.
        on_rejection: receives photos that cannot be used.

    Raises:
        InvalidValue: ``no-filters``, ``too-few-queries``.
    """
    query_context = replace(context, embedder=generation.embedder_for(context.embedder))
    photos = select_query_photos(query_context, generation, queries, on_rejection)
    return build_dataset_from_queries(context, generation, photos)


def build_dataset_from_queries(
    context: EvaluationContext, generation: Generation, queries: RankingQueries
) -> RankingDataset:
    """Build the dataset of these query photos.

    Raises:
        InvalidValue: ``no-filters``, ``too-few-queries``.
    """
    gallery = queries.select_gallery()
    scorer = _load_scorer(generation)
    entries = _load_entries(generation.index, [queries.samples.photos[n].product for n in gallery.tolist()])
    compares_text = scorer.text is not None and any(queries.words)
    return _score_queries(context, _Candidates(scorer, queries, gallery, entries, compares_text), queries)


def _load_scorer(generation: Generation) -> ProductScorer:
    generation.require_filters()
    scorer = load_scorer(generation)
    assert scorer is not None, "fitted filters have a scorer"
    return scorer


def _load_entries(index: Index, products: list[str]) -> dict[str, IndexedProduct]:
    return {entry.product.id: entry for entry in index.entries(products) if entry.scores is not None}


class _Candidates:
    """The products among which candidates are searched, as the filters compare them."""

    def __init__(
        self,
        scorer: ProductScorer,
        queries: RankingQueries,
        gallery: Ints,
        entries: dict[str, IndexedProduct],
        compares_text: bool,
    ) -> None:
        samples = queries.samples
        gallery = np.array([n for n in gallery.tolist() if samples.photos[n].product in entries], np.int64)
        indexed = [entries[samples.photos[n].product] for n in gallery.tolist()]
        scores = [entry.scores for entry in indexed if entry.scores is not None]
        groups = tuple(samples.photos[n].group for n in gallery.tolist())
        self._embeddings = queries.embeddings(samples.original_rows[gallery])
        self._dense = scorer.filters.space.dense_vectors(np.stack([score.filter_vectors[0] for score in scores]))
        self._marks = SparseRows.of([score.class_vectors[0] for score in scores])
        self.filters = _replace_cohort(scorer.filters, self._embeddings, self._dense, self._marks, groups)
        self._text = scorer.text if compares_text else None
        self._texts = SparseRows.of([score.text_vectors[0] for score in scores] if compares_text else [])
        weights = {one.name: self.filters.weights.get(one.name, 1.0) for one in self.filters.dimensions}
        if self._text is not None:
            weights[TEXT] = self._text.weight
        self.names = tuple(weights)
        self.weights = np.array([*weights.values()], np.float32)
        self.relevance = ProductRelevance(scorer, [entry.product for entry in indexed])
        self.positions = {entry.product.id: n for n, entry in enumerate(indexed)}

    def rank(
        self, embedding: Floats, dense: Floats, probabilities: Floats, words: str, group: str
    ) -> tuple[RankerFeatures, Ints]:
        """Return the features of a query with its best candidates, by the fitted weights, and their positions.

        Args:
            embedding: float32 (e,), the query's vector.
            dense, probabilities: what the filters see in the query.
            words: that it shows.
            group: of the product in it.
        """
        marks = self.filters.class_vector(probabilities, {})
        look, dense = self.filters.query_vectors(embedding, dense, group)
        norms = self.filters.score_normalizer(look, dense, marks)
        cosines = {LOOK: self._embeddings @ look}
        for name, part in self.filters.dense_parts.items():
            cosines[name] = self._dense[:, part] @ dense[part]
        by_name = self.filters.similarities(cosines, self.filters.agreements(marks, self._marks))
        text = None if self._text is None else self._text.query(words)
        if text is not None:
            norms = norms.with_dimension(TEXT, TEXT_SPREAD)
            by_name = {**by_name, TEXT: text.agreements(self._texts)}
        names = [name for name in self.names if name in by_name]
        similarities = np.stack([by_name[name] for name in names], axis=1)
        spreads = np.array([norms.spreads[name] for name in names], np.float32)
        best = np.argsort(-(similarities @ (self.weights[: len(names)] / spreads)), kind="stable")[:CANDIDATES]
        return ranker_features(self.filters, embedding, marks, norms, names, similarities[best]), best


def _score_queries(context: EvaluationContext, candidates: _Candidates, queries: RankingQueries) -> RankingDataset:
    samples, positions = queries.samples, candidates.positions
    usable = [n for n, row in enumerate(queries.rows) if samples.photos[samples.owners[row]].product in positions]
    rows, words = queries.rows[usable], [queries.words[n] for n in usable]
    photos = [samples.photos[n] for n in samples.owners[rows].tolist()]
    embeddings = queries.embeddings(rows)
    described = candidates.filters.predict(samples.rows[rows].astype(np.float32), [photo.group for photo in photos])
    depth, dimensions = min(CANDIDATES, len(positions)), len(candidates.names)
    dataset = RankingDataset(
        candidates.names,
        candidates.weights,
        np.zeros((len(rows), depth, dimensions), np.float32),
        np.zeros((len(rows), depth), np.float32),
        np.zeros((len(rows), dimensions, len(SIGNALS)), np.float32),
        embeddings,
        tuple(photo.group for photo in photos),
        tuple(photo.name for photo in photos),
        tuple(photo.source for photo in photos),
        queries.description,
    )
    for n, photo in enumerate(photos):
        seen = described.dense[n], described.probabilities[n]
        features, best = candidates.rank(embeddings[n], *seen, words[n], photo.group)
        known = len(features.names)  # all dimensions but ``text`` where there are no words
        dataset.similarities[n, :, :known], dataset.signals[n, :known] = features.places, features.signals
        dataset.gains[n] = candidates.relevance.gains(positions[photo.product])[best]
        context.progress("Scoring candidates", n + 1, len(photos))
    return dataset


def _replace_cohort(
    filters: Filters, embeddings: Floats, dense: Floats, marks: SparseRows, groups: tuple[str, ...]
) -> Filters:
    """Return the filters with a cohort whose looks are compared by the vectors of the queries."""
    sample = sample_cohort(groups, np.ones(len(groups), bool))
    values = np.zeros((len(sample), filters.layout.size), np.float32)
    for row, n in zip(values, sample, strict=True):
        row[marks[n].indices] = marks[n].values
    cosines = embeddings[sample] @ embeddings[sample].T
    spread = {**filters.cohort.spreads, LOOK: float(np.mean(np.std((1 + cosines) / 2, axis=1)))}
    return replace(filters, cohort=Cohort(embeddings[sample], dense[sample], values, spread))


def is_right(dataset: RankingDataset) -> npt.NDArray[np.bool_]:
    """Return which candidate is the right product of each query, bool (q, n)."""
    right: npt.NDArray[np.bool_] = dataset.gains == SAME
    return right
