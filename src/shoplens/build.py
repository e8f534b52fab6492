"""The whole build path: feed -> products -> photos -> embeddings -> store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from shoplens.build_run import Run, Summary, write_entries
from shoplens.catalogue import Feed, Report
from shoplens.embedders import Embedder, OnnxEmbedder, ProductClassifier, TrainedLook
from shoplens.embedders.look import features_read
from shoplens.entries import UNUSABLE, EntryMaker, Known, Outcome
from shoplens.errors import InvalidValue, ModelError, Refused, StoreError
from shoplens.filter_scores import Material, fitted, rescored, scorer_of
from shoplens.filters.space import PLACED
from shoplens.images import PhotoSource
from shoplens.index.durable import timestamp
from shoplens.index.entry import Index
from shoplens.index.features import NAME as FEATURES
from shoplens.index.features import FeatureFile, Instead
from shoplens.index.generation import Generation
from shoplens.index.manifest import Manifest
from shoplens.index.store import Store
from shoplens.ranking.stored_calibration import forget_calibration, keep_calibrations
from shoplens.ranking.stored_ranker import keep_ranker
from shoplens.settings import Settings
from shoplens.sight import backbone_width, feature_model
from shoplens.types import Rejection

BATCH = 64
"""Products acknowledged at once."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


class Builder:
    """Changes a store. Every method may be killed at any moment and called again.

    Args:
        store: to change.
        embedder: its model must be the live generation's, except for :meth:`index`.
        source: gives the photos' bytes.
        settings: limits and threads.
        progress: told now and then how far it is.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        progress: Progress | None = None,
    ) -> None:
        self.store, self.embedder, self.source, self.settings = store, embedder, source, settings
        self._progress: Progress = progress or (lambda what, done, total: None)

    def index(self, feed: Feed) -> Summary:
        """Build a new generation from a whole feed and make it live; the one before serves until then.

        Raises:
            FeedError: the feed cannot be read; the store stays as it was.
            Refused: nothing in the feed can be used; the store stays as it was.
        """
        with (
            self.store.writing(),
            self._run("index", feed, look := self._look_before()) as run,
            self.store.filling(self._manifest(feed, look)) as generation,
        ):
            if look is not None:
                generation.take_over(look)
            maker = self._entries(generation, self._known_beside(generation, run))
            left_out = self._fill(generation.index, feed, maker, run)
            if generation.index.count() > run.summary.products:  # an interrupted build wrote more than there is now
                wanted = set(feed.product_ids()) - left_out
                generation.index.remove(set(generation.index.ids()) - wanted)
            if not generation.index.count():
                raise _nothing_usable(feed, run.report)
            self._fit(generation, run)
            self._optimize(generation)
            if self.store.has_live:
                self._keep_classifier(self.store.live, generation)
                keep_ranker(self.store.live, generation)
            summary = run.summary
            generation.manifest = replace(generation.manifest, products=summary.products, photos=summary.photos)
            self.store.switch(generation)
        return run.summary

    def add(self, feed: Feed) -> Summary:
        """Add the feed's products to the live generation, or replace those with the same id."""
        with self.store.writing(), self._run("add", feed, self._live_of_this_model().look) as run:
            generation = self._live_of_this_model()
            self._fill(generation.index, feed, self._maker(generation, run), run)
            self._optimize(generation)
        return run.summary

    def sync(self, feed: Feed, max_removals: str = "10%") -> Summary:
        """Make the live generation equal to a full feed: add, change, remove.

        A product whose row was rejected, or none of whose photos was ever usable, stays as it was: a typo or a slow
        server removes nothing.

        Args:
            max_removals: share (``10%``) or number of products that may go.

        Raises:
            Refused: more would go, or nothing would be left; nothing was changed.
        """
        with self.store.writing(), self._run("sync", feed, self._live_of_this_model().look) as run:
            generation = self._live_of_this_model()
            gone = set(generation.index.ids())
            allowed = removals_allowed(max_removals, len(gone))
            gone.difference_update(feed.product_ids())
            if gone:
                gone.difference_update(item.product_id for item in feed if isinstance(item, Rejection))
            if len(gone) > allowed:
                raise Refused(
                    f"{feed.path} lacks {len(gone)} of the {generation.index.count()} products in the store "
                    f"({', '.join(sorted(gone)[:3])}, …); --max-removals {max_removals} allows {allowed}.",
                    "If they are to go, raise --max-removals. Nothing was changed.",
                )
            self._fill(generation.index, feed, self._maker(generation, run), run)
            if gone and len(gone) == generation.index.count():
                raise _nothing_usable(feed, run.report)
            run.summary.removed = generation.index.remove(gone)
            self._optimize(generation)
        return run.summary

    def train_filters(self) -> Summary:
        """Fit the filters anew to the live generation's products, in a new generation that then takes over.

        Photos whose features are known are not looked at again; one that cannot be had is kept as it was.

        Raises:
            StoreError: ``other-model``.
            InvalidValue: ``shoplens.toml`` asks for what the products do not have; nothing was changed.
        """
        with self.store.writing():
            live = self._live_of_this_model()
            return self._refilled(live, live.look, "train-filters")

    def take_look(self, look: TrainedLook | None) -> Summary:
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
            return self._refilled(self._live_of_this_model(), look, "train-look", keep=True)

    def take_classifier(self, classifier: ProductClassifier) -> None:
        """Give the live generation a classifier, in place of the one before, in one atomic step.

        Raises:
            StoreError: ``other-model``.
        """
        with self.store.writing():
            generation = self._live_of_this_model()
            generation.take_classifier(classifier)
            forget_calibration(generation, "classifier")

    def _keep_classifier(self, before: Generation, after: Generation) -> None:
        """Give a generation the classifier of the one before, if that can be read and reads this model's features."""
        try:
            classifier = before.classifier
            if classifier.card.features == feature_model(classifier.seen_by(self.embedder)):
                after.take_classifier(classifier)
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
            with self.opened_run("roll-back", generation.look) as run:
                self._copy(live, generation, run)
                self._optimize(generation)
                self._keep_classifier(live, generation)
                forget_calibration(generation, "classifier")
                self.store.switch(generation, keep=True)
        return run.summary

    def _refilled(self, live: Generation, look: TrainedLook | None, command: str, *, keep: bool = False) -> Summary:
        """A new generation of the live one's products, its filters fitted anew, which then takes over."""
        manifest = replace(live.manifest, placed=PLACED, created=timestamp(), complete=False, kept=False)
        manifest = replace(manifest, **_of_look(look))
        with self.opened_run(command, look) as run, self.store.filling(manifest) as generation:
            if look is not None:
                generation.take_over(look)
            self._copy(live, generation, run)
            self._fit(generation, run)
            self._optimize(generation)
            keep_calibrations(live, generation)
            self._keep_classifier(live, generation)
            keep_ranker(live, generation)
            self.store.switch(generation, keep=keep)
            used = {features_read(folder) for folder in (generation.folder, *self.store.kept())}
            run.features.forget(f"{feature_model(self.embedder)}/", used)
        return run.summary

    def _copy(self, live: Generation, generation: Generation, run: Run) -> None:
        """Write the live generation's products into another; what is there already as it should be is left alone."""
        products = live.index.count()
        scorer = scorer_of(generation)
        known = Known(run.features, [generation.index, live.index], live.index, scorer, generation.look)
        maker = self._entries(generation, known)
        items = (record.product for record in live.index.all_records())
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
        generation.index.remove(set(generation.index.ids()) - kept)  # of a build that was cut off

    def _manifest(self, feed: Feed, look: TrainedLook | None) -> Manifest:
        card = asdict(self.embedder.card) if isinstance(self.embedder, OnnxEmbedder) else {}
        return Manifest(
            self.embedder.model,
            self.embedder.dimensions,
            str(feed.path.absolute()),
            feed.format,
            timestamp(),
            preprocessing=card,
            placed=PLACED,
            **_of_look(look),
        )

    def _look_before(self) -> TrainedLook | None:
        """The trained extractor that a new generation of this model takes over from the live one."""
        if not self.store.has_live:
            return None
        look = self.store.live.look
        return look if look is not None and self._can_read(look) else None

    def _can_read(self, look: TrainedLook) -> bool:
        """Whether the features that it reads are those of this model."""
        try:
            return look.card.features == feature_model(look.seen_by(self.embedder))
        except ModelError:
            return False

    def _live_of_this_model(self) -> Generation:
        generation = self.store.live
        check_model(generation, self.embedder)
        return generation

    def _maker(self, live: Generation, run: Run) -> EntryMaker:
        known = Known(run.features, [live.index], live.index, scorer_of(live), live.look)
        return self._entries(live, known)

    def _entries(self, generation: Generation, known: Known) -> EntryMaker:
        return EntryMaker(generation.seen_by(self.embedder), self.source, self.settings, known)

    def _known_beside(self, generation: Generation, run: Run) -> Known:
        """What a new generation of the same model need not look at again."""
        before = self.store.live if self.store.has_live else None
        of_this_model = before is not None and before.manifest.model == self.embedder.model
        indexes = [generation.index, *([before.index] if before and of_this_model else [])]
        return Known(run.features, indexes, look=generation.look)

    def _fit(self, generation: Generation, run: Run) -> None:
        features = run.features
        features.flush()
        material = Material(
            generation.index,
            generation.manifest.sizes.look,
            features,
            self.settings.preferences.dimensions,
            backbone_width(self.embedder),
            self.embedder.model,
        )
        scorer = fitted(material, generation.folder, self._progress, run.report.add)
        generation.filters = scorer.filters
        run.summary.dimensions = len(scorer.filters.dimensions)
        rescored(generation.index, scorer, features, self._progress)

    def _optimize(self, generation: Generation) -> None:
        self._progress("Building the search graph", 0, 0)
        self.store.optimize(generation)

    def _run(self, command: str, feed: Feed, look: TrainedLook | None) -> Run:
        feed.prepare(lambda rows: self._progress("Reading the feed", rows, 0))
        return self.opened_run(command, look)

    def opened_run(self, command: str, look: TrainedLook | None) -> Run:
        """A run with the features that this look reads."""
        embedder, plain = self.embedder if look is None else look.seen_by(self.embedder), feature_model(self.embedder)
        instead = Instead(plain, look.card.stands_for) if look is not None and look.backbone else None
        features = FeatureFile(self.store.folder / FEATURES, feature_model(embedder), instead)
        return Run(self.store.folder / "reports" / f"{timestamp()}-{command}.jsonl", features)

    def _fill(self, index: Index, feed: Feed, maker: EntryMaker, run: Run) -> set[str]:
        """Write the feed's products, in batches; what is already there as it should be is left alone.

        Returns:
            Ids of the products that were left out, for want of a usable photo.
        """
        run.summary.rows = feed.counts.rows
        left_out: set[str] = set()
        done = 0
        for batch in batches(maker.outcomes(feed), BATCH):
            for outcome in batch:
                run.summary.count(outcome)
                for rejection in outcome.rejections:
                    run.report.add(_with_row(rejection, feed))
                    if rejection.kind == UNUSABLE:
                        left_out.add(rejection.product_id)
            entries = [outcome.entry for outcome in batch if outcome.entry is not None]
            run.features.flush()  # before the products: what an index knows need not be looked at again
            write_entries(index, entries, run.summary, maker.scorer)
            done += len(entries)
            self._progress("Indexing", done + len(left_out), feed.count)
        return left_out


def _with_row(rejection: Rejection, feed: Feed) -> Rejection:
    """The rejection with the row of its product, where it was found after the feed was read."""
    if rejection.row is not None or not rejection.product_id:
        return rejection
    return replace(rejection, row=feed.row_of(rejection.product_id))


def check_model(generation: Generation, embedder: Embedder) -> None:
    """Refuse to mix vectors of two models.

    Raises:
        StoreError: ``other-model``, with the command that rebuilds.
    """
    manifest = generation.manifest
    if (manifest.model, manifest.dimensions) != (embedder.model, embedder.dimensions):
        raise StoreError(
            f"The store was made by the model {manifest.model} ({manifest.dimensions} dimensions), "
            f"and this is {embedder.model} ({embedder.dimensions}).",
            f"Rebuild it: shoplens index --replace '{manifest.feed}', or use the model it was made by.",
            code="other-model",
        )


def _of_look(look: TrainedLook | None) -> dict[str, Any]:
    """What a manifest says of it."""
    return {"look": "", "trained": 0} if look is None else {"look": look.model, "trained": look.dimensions}


def _nothing_usable(feed: Feed, report: Report) -> Refused:
    return Refused(f"No product of {feed.path} can be used.", f"See {report.path} for why. The store was not changed.")


def removals_allowed(text: str, products: int) -> int:
    """Products that may go: ``25`` or ``10%``, the latter rounded down.

    Raises:
        InvalidValue: for anything else.
    """
    number = text.removesuffix("%")
    if not number.replace(".", "", 1).isdecimal() or (number == text and "." in number):
        raise InvalidValue(f"--max-removals is {text!r}.", "Write a share such as 10%, or a number of products.")
    return int(products * min(float(number), 100.0) / 100) if text.endswith("%") else int(number)


def batches(items: Iterable[Outcome], size: int) -> Iterator[list[Outcome]]:
    """Lists of up to ``size`` items, none empty."""
    batch: list[Outcome] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
