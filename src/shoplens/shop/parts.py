"""What the parts of an open shop have in common: the store, the networks, the photos and the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shoplens.build.builder import Builder
from shoplens.build.run import OnRenames
from shoplens.feedback.log import FeedbackLog
from shoplens.images import PhotoSource
from shoplens.images.source import locate_query_photo
from shoplens.reading.text_reader import select_text_reader
from shoplens.settings import Settings
from shoplens.shop.store_embedders import StoreEmbedders
from shoplens.store.files.merchandising import MerchandisingFile, MerchandisingRule, merge_rules
from shoplens.store.generation import Generation
from shoplens.store.store import Store
from shoplens.types import Progress, Steering
from shoplens.types.progress import ignore_progress

if TYPE_CHECKING:
    from shoplens.embedders import Embedder
    from shoplens.evaluation.evaluate import EvaluationContext
    from shoplens.search.query_encoder import QueryEncoder


@dataclass(slots=True)
class ShopParts:
    """What an open shop is made of.

    Attributes:
        feed_photos: source of the photos that a feed names; it keeps what it fetches.
        query_photos: source of shoppers' photos; it keeps none.
        known_photos: source of photos that the store has, and of photos to evaluate with; it reads what is kept, and
            keeps nothing more.
        merchandising: rules that are set while the shop runs.
    """

    settings: Settings
    store: Store
    embedders: StoreEmbedders
    feed_photos: PhotoSource
    query_photos: PhotoSource
    known_photos: PhotoSource
    feedback_log: FeedbackLog
    merchandising: MerchandisingFile
    _live: tuple[object, Settings] | None = None

    def builder(self, progress: Progress | None = None, on_renames: OnRenames | None = None) -> Builder:
        """Return what changes the store."""
        return Builder(
            self.store,
            self.embedders.for_building(),
            self.feed_photos,
            self.settings,
            progress,
            on_renames,
            self._open_for_switch,
        )

    def _open_for_switch(self, generation: Generation) -> Embedder:
        """Return the embedder that builds a generation, after that of its searches was opened, too."""
        self.embedders.for_generation(generation, self.settings.cores)
        return self.embedders.for_generation(generation, 1)

    def refresh(self) -> bool:
        """Search what another process has made live or has trained; return whether one did. Networks are loaded before
        searches need them."""
        return self.store.refresh(lambda generation: self.embedders.for_generation(generation, self.settings.cores))

    def settings_for_searches(self, rules: Sequence[MerchandisingRule] | None = None) -> Settings:
        """Return the settings of searches, with the merchandising that is set now.

        Args:
            rules: in place of those that are set.
        """
        present, day = self.merchandising.load().present.rules if rules is None else rules, datetime.now(UTC).date()
        live, key = self._live, (self.settings, present, day)
        if live is not None and live[0] == key:
            return live[1]
        settings, own = self.settings.for_queries, self.settings.preferences
        if present:
            merged = merge_rules(own.merchandising, present, day)
            settings = replace(settings, preferences=replace(own, merchandising=merged))
        if rules is None:
            self._live = (key, settings)
        return settings

    def query_encoder(self, rules: Sequence[MerchandisingRule] | None = None) -> QueryEncoder:
        """Return what encodes shoppers' photos.

        Args:
            rules: of merchandising, in place of those that are set.
        """
        from shoplens.search.query_encoder import QueryEncoder

        cores, reader = self.settings.cores, select_text_reader(self.settings)
        return QueryEncoder(
            self.embedders.for_live(cores),
            self.query_photos,
            self.settings_for_searches(rules),
            reader,
            lambda generation: self.embedders.for_generation(generation, cores),
        )

    def evaluation_context(self, progress: Progress | None) -> EvaluationContext:
        """Return what an evaluation needs of the shop."""
        from shoplens.evaluation.evaluate import EvaluationContext

        report = progress or ignore_progress
        return EvaluationContext(
            self.store,
            self.embedders.for_live(1),
            self.known_photos,
            self.settings,
            report,
            lambda generation: self.embedders.for_generation(generation, 1),
        )

    def close(self) -> None:
        """Close all of it; the store last."""
        self.feed_photos.close()
        self.query_photos.close()
        self.known_photos.close()
        self.feedback_log.close()
        self.store.close()


def with_located_photo(steering: Steering) -> Steering:
    """Make the path of the photo that results shall not be similar to absolute."""
    return steering if steering.unlike is None else replace(steering, unlike=locate_query_photo(steering.unlike))
