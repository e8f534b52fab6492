"""How one generation follows another without a feed: filters fitted anew, a head adopted, a roll-back, a snapshot.

Every function may be killed at any moment and called again.
"""

from __future__ import annotations

from dataclasses import replace

from shoplens.build.builder import Builder
from shoplens.build.carry_over import (
    can_read_features,
    compares_text,
    delete_unread_features,
    head_fields,
    keep_classifier,
    object_fields,
)
from shoplens.build.copy_products import copy_products, copy_written_products
from shoplens.build.photo_features import feature_model
from shoplens.build.run import Summary
from shoplens.embedders import EmbeddingHead, ProductClassifier
from shoplens.embedders.embedder import object_use
from shoplens.errors import StoreError
from shoplens.store.calibration_file import copy_calibrations, delete_calibration
from shoplens.store.copies.snapshot import adopt_snapshot, is_snapshot_adopted
from shoplens.store.files.atomic import timestamp
from shoplens.store.generation import Generation, check_model
from shoplens.store.ranker_file import copy_ranker


def train_filters(builder: Builder) -> Summary:
    """Fit the filters anew to the live generation's products, in a new generation that then takes over.

    Photos whose features are known are not looked at again; a product whose photos cannot be had is kept as it was.

    Raises:
        StoreError: ``other-model``.
        InvalidValue: ``shoplens.toml`` asks for what the products do not have; nothing was changed.
    """
    with builder.store.writing():
        live = builder.live_generation()
        return _rebuild(builder, live, live.look, "train-filters")


def adopt_head(builder: Builder, head: EmbeddingHead | None) -> Summary:
    """Give the live generation's products the vectors of a trained head, in a new generation that then takes over.

    The generation before is kept, so that it can be gone back to.

    Args:
        head: None goes back to the untrained extractor.

    Raises:
        StoreError: ``other-model``, of the store or of the features that the head reads.
    """
    if head is not None and not can_read_features(head, builder.embedder):
        raise StoreError(
            f"{head.model} reads features of {head.card.features}, and this is {feature_model(builder.embedder)}.",
            "Train it anew: shoplens train look.",
            code="other-model",
        )
    with builder.store.writing():
        return _rebuild(builder, builder.live_generation(), head, "train-look", keep=True)


def adopt_classifier(builder: Builder, classifier: ProductClassifier) -> None:
    """Give the live generation a classifier, in place of the one before, in one atomic step.

    Raises:
        StoreError: ``other-model``.
    """
    with builder.store.writing():
        generation = builder.live_generation()
        generation.adopt_classifier(classifier)
        delete_calibration(generation, "classifier")


def roll_back(builder: Builder, name: str = "") -> Summary:
    """Go back to a kept generation, with everything that was changed since; the live one is kept in its place.

    Args:
        name: of the generation; the latest kept one where none is given.

    Raises:
        StoreError: ``other-model``.
        InvalidValue: ``no-generation``.
    """
    store = builder.store
    with store.writing(), store.rollback_to(name) as generation:
        builder, live = builder.for_generation(generation), store.live
        check_model(generation, builder.embedder)  # before a head's own network is opened beside this model's
        with builder.open_run("roll-back", generation.look) as run:
            copy_products(builder, live, generation, run)
            builder.optimize(generation)
            keep_classifier(live, generation, builder.embedder)
            delete_calibration(generation, "classifier")
            copy_written_products(builder, live, generation, run)
            store.switch(generation, keep=True)
    return run.summary


def take_back(builder: Builder, *, keep: bool = False) -> Summary:
    """Make live what a command made of its snapshot, with everything that was written since.

    Args:
        keep: whether to keep the generation before, so that it can be gone back to.

    Raises:
        StoreError: ``other-model``, ``no-snapshot``, ``another-generation``; nothing was changed.
    """
    store = builder.store
    with store.writing():
        if is_snapshot_adopted(store):
            return Summary()
        with adopt_snapshot(store) as (generation, written_ids):
            builder, live = builder.for_generation(generation), store.live
            check_model(generation, builder.embedder)
            with builder.open_run("take-back", generation.look) as run:
                copy_products(builder, live, generation, run, written_ids)
                generation.embedder_for(builder.embedder)  # loaded before anybody waits for it
                store.switch(generation, keep=keep)
                delete_unread_features(store, generation, builder.embedder, run.features)
        return run.summary


def _rebuild(
    builder: Builder, live: Generation, head: EmbeddingHead | None, command: str, *, keep: bool = False
) -> Summary:
    """Make a new generation of the live one's products, fit its filters anew, and switch to it."""
    store = builder.store
    manifest = replace(
        live.manifest,
        text=int(compares_text(builder.settings.preferences)),
        created=timestamp(),
        complete=False,
        kept=False,
        **object_fields(object_use(builder.embedder)),
        **head_fields(head),
    )
    with builder.open_run(command, head) as run, store.new_generation(manifest) as generation:
        if head is not None:
            generation.adopt_look(head)
        copy_products(builder, live, generation, run)
        builder.fit_filters(generation, run)
        builder.optimize(generation)
        copy_calibrations(live, generation)
        keep_classifier(live, generation, builder.embedder)
        copy_ranker(live, generation)
        copy_written_products(builder, live, generation, run)
        store.switch(generation, keep=keep)
        delete_unread_features(store, generation, builder.embedder, run.features)
    return run.summary
