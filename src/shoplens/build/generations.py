"""How one generation follows another: filters fitted anew, a trained look, a step back, a copy that comes back."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shoplens.build.filter_scoring import FilterTrainingData, fit_filters, rescore_products, scorer_of
from shoplens.build.photo_features import backbone_width, feature_model
from shoplens.build.product_encoder import EncodingCaches, ProductEncoder
from shoplens.build.run import BATCH, OnRenames, Progress, Run, Summary, batches, write_entries
from shoplens.embedders import Embedder, EmbeddingHead, ProductClassifier
from shoplens.embedders.look import features_read
from shoplens.errors import InvalidValue, ModelError, StoreError
from shoplens.filters.model.space import PLACED
from shoplens.images import PhotoSource
from shoplens.settings import Settings
from shoplens.store.calibration_file import forget_calibration, keep_calibrations
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FallbackFeatures, FeatureFile
from shoplens.store.files.atomic import timestamp
from shoplens.store.generation import Generation, check_model
from shoplens.store.ranker_file import keep_ranker
from shoplens.store.store import Store


class Succession:
    """Changes a store's generations without a feed. Every method may be killed at any moment and called again.

    Args:
        store: to change.
        embedder: its model must be the live generation's.
        source: gives the photos' bytes.
        settings: limits and threads.
        progress: told now and then how far it is.
        on_renames: told which ids change and to what, before anything is removed.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        progress: Progress | None = None,
        on_renames: OnRenames | None = None,
    ) -> None:
        self.store, self.embedder, self.source, self.settings = store, embedder, source, settings
        self._progress: Progress = progress or (lambda what, done, total: None)
        self._on_renames: OnRenames = on_renames or (lambda renames: None)

    def train_filters(self) -> Summary:
        """Fit the filters anew to the live generation's products, in a new generation that then takes over.

        Photos whose features are known are not looked at again; one that cannot be had is kept as it was.

        Raises:
            StoreError: ``other-model``.
            InvalidValue: ``shoplens.toml`` asks for what the products do not have; nothing was changed.
        """
        with self.store.writing():
            live = self._live_of_this_model()
            return self._rebuild(live, live.look, "train-filters")

    def adopt_head(self, look: EmbeddingHead | None) -> Summary:
        """Give the live generation's products the vectors of a trained extractor, in a new generation that then takes
        over; the one before is kept, so that it can be gone back to.

        Args:
            look: None goes back to the untouched extractor.

        Raises:
            StoreError: ``other-model``, of the store or of the features that the extractor reads.
        """
        if look is not None and not self._can_read(look):
            raise StoreError(
                f"{look.model} reads features of {look.card.features}, and this is {feature_model(self.embedder)}.",
                "Train it anew: shoplens train look.",
                code="other-model",
            )
        with self.store.writing():
            return self._rebuild(self._live_of_this_model(), look, "train-look", keep=True)

    def adopt_classifier(self, classifier: ProductClassifier) -> None:
        """Give the live generation a classifier, in place of the one before, in one atomic step.

        Raises:
            StoreError: ``other-model``.
        """
        with self.store.writing():
            generation = self._live_of_this_model()
            generation.adopt_classifier(classifier)
            forget_calibration(generation, "classifier")

    def _keep_classifier(self, before: Generation, after: Generation) -> None:
        """Give a generation the classifier of the one before, if that can be read and reads this model's features."""
        try:
            classifier = before.classifier
            if classifier.card.features == feature_model(classifier.embedder_for(self.embedder)):
                after.adopt_classifier(classifier)
        except (InvalidValue, ModelError, StoreError):
            return

    def roll_back(self, name: str = "") -> Summary:
        """Go back to a kept generation, with everything that was changed since; the live one is kept in its place.

        Args:
            name: of the generation; the latest kept one where none is given.

        Raises:
            StoreError: ``other-model``.
            InvalidValue: ``no-generation``.
        """
        with self.store.writing(), self.store.returning(name) as generation:
            live = self._live_of_this_model()
            check_model(generation, self.embedder)  # before a look's own network is opened beside this model's
            with self.open_run("roll-back", generation.look) as run:
                self._copy(live, generation, run)
                self._optimize(generation)
                self._keep_classifier(live, generation)
                forget_calibration(generation, "classifier")
                self.store.switch(generation, keep=True)
        return run.summary

    def _rebuild(self, live: Generation, look: EmbeddingHead | None, command: str, *, keep: bool = False) -> Summary:
        """A new generation of the live one's products, its filters fitted anew, which then takes over."""
        manifest = replace(live.manifest, placed=PLACED, created=timestamp(), complete=False, kept=False)
        manifest = replace(manifest, **of_look(look))
        with self.open_run(command, look) as run, self.store.filling(manifest) as generation:
            if look is not None:
                generation.take_over(look)
            self._copy(live, generation, run)
            self._fit(generation, run)
            self._optimize(generation)
            keep_calibrations(live, generation)
            self._keep_classifier(live, generation)
            keep_ranker(live, generation)
            self.store.switch(generation, keep=keep)
            self._forget_unread(generation, run)
        return run.summary

    def take_back(self, *, keep: bool = False) -> Summary:
        """Make live what a command made of the copy that was lent to it, with everything that was written since.

        Args:
            keep: the generation before, so that it can be gone back to.

        Raises:
            StoreError: ``other-model``, ``not-lent``, ``another-generation``; nothing was changed.
        """
        with self.store.writing():
            if self.store.has_taken():
                return Summary()
            with self.store.adopt_snapshot() as (generation, written):
                live = self._live_of_this_model()
                check_model(generation, self.embedder)
                with self.open_run("take-back", generation.look) as run:
                    self._copy(live, generation, run, written)
                    generation.embedder_for(self.embedder)  # loaded before anybody waits for it
                    self.store.switch(generation, keep=keep)
                    self._forget_unread(generation, run)
            return run.summary

    def _forget_unread(self, generation: Generation, run: Run) -> None:
        """Features that neither this generation nor a kept one reads; a copy does not know which are kept. Where they
        cannot be removed now, they are after the next switch."""
        if self.store.is_lent:
            return
        with contextlib.suppress(StoreError):
            used = {features_read(folder) for folder in (generation.folder, *self.store.kept())}
            run.features.forget(f"{feature_model(self.embedder)}/", used)

    def _copy(self, live: Generation, generation: Generation, run: Run, ids: Sequence[str] | None = None) -> None:
        """Write the live generation's products, or some of them, into another; what is there already as it should be is
        left alone."""
        products = live.index.count() if ids is None else len(ids)
        scorer = scorer_of(generation)
        known = EncodingCaches(run.features, [generation.index, live.index], live.index, scorer, generation.look)
        maker = self._entries(generation, known)
        records = live.index.all_records() if ids is None else live.index.records(ids)
        items = (record.product for record in records)
        kept = set[str]()
        for batch in batches(maker.outcomes(items), BATCH):
            for outcome in batch:
                run.summary.count(outcome)
                for rejection in outcome.rejections:
                    run.report.add(rejection)
            run.features.flush()
            entries = [outcome.entry for outcome in batch if outcome.entry is not None]
            write_entries(generation.index, entries, run.summary, scorer)
            kept.update(entry.product.id for entry in entries)
            self._progress("Reading the products", len(kept), products)
        generation.index.remove(
            set(generation.index.ids() if ids is None else ids) - kept
        )  # of a build that was cut off

    def _can_read(self, look: EmbeddingHead) -> bool:
        """Whether the features that it reads are those of this model."""
        try:
            return look.card.features == feature_model(look.embedder_for(self.embedder))
        except ModelError:
            return False

    def _live_of_this_model(self) -> Generation:
        generation = self.store.live
        check_model(generation, self.embedder)
        return generation

    def _entries(self, generation: Generation, known: EncodingCaches) -> ProductEncoder:
        return ProductEncoder(generation.embedder_for(self.embedder), self.source, self.settings, known)

    def _fit(self, generation: Generation, run: Run) -> None:
        features = run.features
        features.flush()
        material = FilterTrainingData(
            generation.index,
            generation.manifest.sizes.look,
            features,
            self.settings.preferences.dimensions,
            backbone_width(self.embedder),
            self.embedder.model,
        )
        scorer = fit_filters(material, generation.folder, self._progress, run.report.add)
        generation.filters = scorer.filters
        run.summary.dimensions = len(scorer.filters.dimensions)
        rescore_products(generation.index, scorer, features, self._progress)

    def _optimize(self, generation: Generation) -> None:
        self._progress("Building the search graph", 0, 0)
        self.store.optimize(generation)

    def open_run(self, command: str, look: EmbeddingHead | None) -> Run:
        """A run with the features that this look reads."""
        embedder, plain = (
            self.embedder if look is None else look.embedder_for(self.embedder),
            feature_model(self.embedder),
        )
        instead = FallbackFeatures(plain, look.card.stands_for) if look is not None and look.backbone else None
        features = FeatureFile(self.store.folder / FEATURES, feature_model(embedder), instead)
        return Run(self.store.folder / "reports" / f"{timestamp()}-{command}.jsonl", features)


def of_look(look: EmbeddingHead | None) -> dict[str, Any]:
    """What a manifest says of it."""
    return {"look": "", "trained": 0} if look is None else {"look": look.model, "trained": look.dimensions}
