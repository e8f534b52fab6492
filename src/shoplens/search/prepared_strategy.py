"""A strategy with the networks that it ranks by: ``rank`` is the one way from an encoded query to results."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shoplens.embedders import Embedder, EmbeddingHead, ProductClassifier
from shoplens.index.protocol import Index
from shoplens.ranking.filter_retrieval import apply_dynamic_weights
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.strategies import EncodedQuery, Strategy
from shoplens.search.candidates import Tiers, merge_tiers, retrieve_tiers
from shoplens.search.constraint import RankingConstraint
from shoplens.search.filter_query import FilterQueryBuilder
from shoplens.settings import Preferences
from shoplens.store.generation import Generation
from shoplens.store.ranker_file import load_ranker
from shoplens.types import Result, StageTimer


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The outcome of a ranking.

    Attributes:
        query: as it was ranked, with the weights that a ranker chose for it.
        tiers: the candidates.
        results: the best of them, best first.
    """

    query: EncodedQuery
    tiers: Tiers
    results: list[Result]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStrategy:
    """A strategy with what it ranks by; None for what it does not need.

    Attributes:
        strategy: row of the table of strategies.
        filters: builds queries for the filters of the generation.
        look, classifier, ranker: trained networks of the generation.
    """

    strategy: Strategy
    filters: FilterQueryBuilder | None = None
    look: EmbeddingHead | None = None
    classifier: ProductClassifier | None = None
    ranker: Ranker | None = None

    def embedder_for(self, embedder: Embedder) -> Embedder:
        """Return the embedder of query photos, given the generation's; a classifier may have a tail of its own."""
        return embedder if self.classifier is None else self.classifier.embedder_for(embedder)

    def encode(self, query: EncodedQuery, group: str | None = None) -> EncodedQuery:
        """Add to a query all that the strategy ranks by.

        Args:
            query: with the photo's features, where the strategy needs any.
            group: as in :meth:`~shoplens.search.filter_query.FilterQueryBuilder.build`.
        """
        if self.look is not None and query.features is not None:
            query = replace(query, trained_vector=self.look.embed(query.features[None])[0])
        if self.classifier is not None and query.features is not None:
            query = replace(query, classification=self.classifier.classify(query.features))
        if self.filters is not None:
            query = replace(query, filtered=self.filters.build(query, group=group))
        return query

    def rank(
        self, index: Index, query: EncodedQuery, constraint: RankingConstraint, timer: StageTimer | None = None
    ) -> Ranking:
        """Rank the products that meet the constraint, best first.

        Searches, facets, evaluation, the regression test and comparisons all call this method. A query that was ranked
        before keeps the weights that were chosen then.

        Args:
            index: of the generation that the strategy was prepared for.
            query: encoded by :meth:`encode`.
            constraint: which products, and how many.
            timer: measures the stages ``weigh``, ``retrieve`` and ``rank``.
        """
        timer = timer or StageTimer()
        if self.ranker is not None:
            with timer.stage("weigh"):
                query = self._with_dynamic_weights(index, query, constraint)
        with timer.stage("retrieve"):
            tiers = retrieve_tiers(index, self.strategy, query, constraint)
        with timer.stage("rank"):
            return Ranking(query, tiers, merge_tiers(self.strategy, query, tiers, constraint.k))

    def has_learned(self, content_hash: str) -> bool:
        """Whether one of its networks was trained on this photo, so that a query with it proves nothing."""
        networks = (self.look, self.classifier, self.ranker, None if self.filters is None else self.filters.look)
        return any(one is not None and one.has_learned(content_hash) for one in networks)

    def _with_dynamic_weights(self, index: Index, query: EncodedQuery, constraint: RankingConstraint) -> EncodedQuery:
        """The query with the weights that are chosen for it, by a first look at its candidates.

        Candidates are those of the whole catalogue, whatever conditions there are: what counts does not change with
        what is ticked.
        """
        filters = query.filtered
        if self.ranker is None or filters is None or filters.ranker_features is not None or query.keeps_weights:
            return query
        filters = replace(filters, by_look="look" in self.strategy.needs)
        photos = replace(constraint.photos, condition=None)
        return replace(query, filtered=apply_dynamic_weights(index, filters, self.ranker, photos))


def prepare_strategy(strategy: Strategy, generation: Generation, preferences: Preferences) -> PreparedStrategy:
    """Prepare a strategy with the networks of a generation.

    Raises:
        InvalidValue: ``no-filters``, ``no-look``, ``no-classifier``, ``no-ranker``.
        StoreError: a file of the generation is damaged.
    """
    generation.require(strategy.needs)
    filters = FilterQueryBuilder(generation, preferences) if strategy.filters else None
    compares_look = "look" in strategy.needs and filters is None  # filters compare looks themselves
    look = generation.require_look() if compares_look else None
    classifier = generation.require_classifier() if "classifier" in strategy.needs else None
    return PreparedStrategy(strategy, filters, look, classifier, load_ranker(generation) if strategy.dynamic else None)
