"""A strategy with what it asks with, and the query photo as it needs it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shoplens.embedders import Embedder, EmbeddingHead, ProductClassifier
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.preferences import Preferences
from shoplens.ranking.filtered import weighed
from shoplens.ranking.ranker import Ranker
from shoplens.ranking.strategies import EncodedQuery, Strategy
from shoplens.search.filter_query import FilterQueryBuilder
from shoplens.store.generation import Generation
from shoplens.store.ranker_file import ranker_of
from shoplens.types import Query


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStrategy:
    """A strategy, and what it asks with: None for what it does not need.

    Attributes:
        strategy: that answers.
        filters: of the generation that is asked.
        look, classifier, ranker: its trained networks.
    """

    strategy: Strategy
    filters: FilterQueryBuilder | None = None
    look: EmbeddingHead | None = None
    classifier: ProductClassifier | None = None
    ranker: Ranker | None = None

    def seen_by(self, embedder: Embedder) -> Embedder:
        """What looks at the query's photo, of what the generation sees by: a classifier may have a tail of its own."""
        return embedder if self.classifier is None else self.classifier.seen_by(embedder)

    def ready(self, photo: EncodedQuery, group: str | None = None) -> EncodedQuery:
        """The photo with all that the strategy needs.

        Args:
            photo: with its features, where the strategy needs anything.
            group: as in :meth:`~shoplens.search.filter_query.FilterQueryBuilder.of`.
        """
        if self.look is not None and photo.features is not None:
            photo = replace(photo, trained=self.look.of(photo.features[None])[0])
        if self.classifier is not None and photo.features is not None:
            photo = replace(photo, classified=self.classifier.classified(photo.features))
        if self.filters is not None:
            photo = replace(photo, filtered=self.filters.of(photo, group=group))
        return photo

    def weighed(self, index: Index, photo: EncodedQuery, query: Query) -> EncodedQuery:
        """The photo with the weights that are chosen for it, by a first look at its candidates.

        Candidates are those of the whole catalogue, whatever conditions there are: what counts does not change with
        what is ticked. Where a colour is asked for in words, the static weights stay, since the photo does not show
        what is sought.

        Args:
            photo: made ready.
        """
        if self.ranker is None or photo.filtered is None or query.steering.color:
            return photo
        filtered = replace(photo.filtered, by_look="look" in self.strategy.needs)
        sieve = PhotoConstraint(None, query.first_photos, query.without_photo)
        return replace(photo, filtered=weighed(index, filtered, self.ranker, sieve))

    def has_learned(self, content_hash: str) -> bool:
        """Whether one of its networks learned from this photo, so that asking with it proves nothing."""
        networks = (self.look, self.classifier, self.ranker, None if self.filters is None else self.filters.look)
        return any(one is not None and one.has_learned(content_hash) for one in networks)


def prepare_strategy(strategy: Strategy, generation: Generation, preferences: Preferences) -> PreparedStrategy:
    """The strategy with what this generation has for it.

    Raises:
        InvalidValue: ``no-filters``, ``no-look``, ``no-classifier``, ``no-ranker``.
        StoreError: something of it is damaged.
    """
    generation.require(strategy.needs)
    filters = FilterQueryBuilder(generation, preferences) if strategy.filters else None
    look = generation.trained if "look" in strategy.needs and filters is None else None  # filters have it
    classifier = generation.classifier if "classifier" in strategy.needs else None
    return PreparedStrategy(strategy, filters, look, classifier, ranker_of(generation) if strategy.dynamic else None)
