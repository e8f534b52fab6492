"""What a new generation takes over from the one before: the embedding head, the classifier, unread features."""

from __future__ import annotations

import contextlib
from typing import Any

from shoplens.build.photo_features import feature_model
from shoplens.embedders import Embedder, EmbeddingHead
from shoplens.embedders.embedder import ObjectUse
from shoplens.embedders.look import look_feature_model
from shoplens.errors import InvalidValue, ModelError, StoreError
from shoplens.filters.dimensions.dimension import TEXT
from shoplens.filters.model.scoring import filter_vector_size
from shoplens.settings import Preferences
from shoplens.store.feature_cache import FeatureFile
from shoplens.store.generation import Generation
from shoplens.store.store import Store


def compares_text(preferences: Preferences) -> bool:
    """Whether a new generation has room for the words of its products."""
    return preferences.dimensions.rule(TEXT).use is not False


def head_fields(head: EmbeddingHead | None) -> dict[str, Any]:
    """Return the fields of a manifest that describe an embedding head."""
    return {"look": "", "trained": 0} if head is None else {"look": head.model, "trained": head.dimensions}


def object_fields(objects: ObjectUse) -> dict[str, Any]:
    """Return the fields of a manifest that say what is done with the objects in photos."""
    placed = filter_vector_size(has_object=objects.compared)
    return {
        "placed": placed,
        "framed": objects.framed,
        "second_order": objects.second_order,
        "by_finder": objects.by_finder,
    }


def can_read_features(head: EmbeddingHead, embedder: Embedder) -> bool:
    """Whether the features that a head reads are those of this embedder."""
    try:
        return head.card.features == feature_model(head.embedder_for(embedder))
    except ModelError:
        return False


def readable_head(store: Store, embedder: Embedder) -> EmbeddingHead | None:
    """Return the embedding head of the live generation, if it reads this embedder's features."""
    head = store.live.look if store.has_live else None
    return head if head is not None and can_read_features(head, embedder) else None


def keep_classifier(before: Generation, after: Generation, embedder: Embedder) -> None:
    """Give a generation the classifier of the one before, if it can be opened and reads this embedder's features."""
    try:
        classifier = before.require_classifier()
        if classifier.card.features == feature_model(classifier.embedder_for(embedder)):
            after.adopt_classifier(classifier)
    except (InvalidValue, ModelError, StoreError):
        return


def delete_unread_features(store: Store, generation: Generation, embedder: Embedder, features: FeatureFile) -> None:
    """Delete cached features that neither this generation nor a kept one reads.

    A snapshot deletes nothing, since it does not know which generations the store keeps. What cannot be deleted now is
    deleted after the next switch.
    """
    if store.is_snapshot:
        return
    with contextlib.suppress(StoreError):
        used = {look_feature_model(folder) for folder in (generation.folder, *store.kept_generations())}
        features.delete_except(f"{feature_model(embedder)}/", used)
