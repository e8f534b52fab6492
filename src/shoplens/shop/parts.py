"""What the parts of an open shop have in common: the store, the networks, the photos and the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shoplens.build.builder import Builder
from shoplens.build.run import OnRenames
from shoplens.embedders import Embedder, Embedders, network_file
from shoplens.feedback.log import FeedbackLog
from shoplens.filters.model.scoring import filter_vector_size
from shoplens.images import PhotoSource
from shoplens.reading.text_reader import chosen_text_reader
from shoplens.settings import Settings
from shoplens.store.store import Store
from shoplens.types import Progress
from shoplens.types.progress import ignore_progress

if TYPE_CHECKING:
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
    """

    settings: Settings
    store: Store
    embedders: Embedders
    feed_photos: PhotoSource
    query_photos: PhotoSource
    known_photos: PhotoSource
    feedback_log: FeedbackLog

    def builder(self, progress: Progress | None = None, on_renames: OnRenames | None = None) -> Builder:
        """Return what changes the store."""
        return Builder(
            self.store, self.embedders.with_threads(1), self.feed_photos, self.settings, progress, on_renames
        )

    def query_encoder(self) -> QueryEncoder:
        """Return what encodes shoppers' photos."""
        from shoplens.search.query_encoder import QueryEncoder

        embedder, reader = self.embedders.with_threads(self.settings.cores), chosen_text_reader(self.settings)
        return QueryEncoder(embedder, self.query_photos, self.settings.for_queries, reader)

    def evaluation_context(self, progress: Progress | None) -> EvaluationContext:
        """Return what an evaluation needs of the shop."""
        from shoplens.evaluation.evaluate import EvaluationContext

        report = progress or ignore_progress
        return EvaluationContext(self.store, self.embedders.with_threads(1), self.known_photos, self.settings, report)

    def close(self) -> None:
        """Close all of it; the store last."""
        self.feed_photos.close()
        self.query_photos.close()
        self.known_photos.close()
        self.feedback_log.close()
        self.store.close()


def open_embedders(store: Store, embedder: Embedder | None, settings: Settings, *, is_new: bool) -> Embedders:
    """Return the embedders of a store: its own network, which finds objects if the store compares them.

    Args:
        is_new: whether the store is built anew, as the settings say.
    """
    if not store.has_live:
        return Embedders(embedder, network_file(settings.model, models=settings.models), objects=settings.objects)
    manifest = store.live.manifest
    objects = settings.objects if is_new else manifest.placed == filter_vector_size(has_object=True)
    network = network_file(settings.model, manifest.model, settings.models)
    return Embedders(embedder, network, objects=objects, frames=is_new or manifest.framed)
