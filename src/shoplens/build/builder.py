"""The builder: it changes a store by feeds and by products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol

from shoplens.build.carry_over import compares_text, head_fields, keep_classifier, object_fields, readable_head
from shoplens.build.copy_products import copy_written_products
from shoplens.build.filter_scoring import FilterTrainingData, fit_filters, load_scorer, rescore_products
from shoplens.build.photo_features import backbone_width, feature_model, object_parts
from shoplens.build.product_encoder import UNUSABLE, EncodingCaches, Outcome, ProductEncoder
from shoplens.build.product_ids import KnownIds, find_rejected_products, find_renames
from shoplens.build.run import BATCH, OnRenames, Run, Summary, write_entries
from shoplens.build.tuning.caption_proof import write_caption_model
from shoplens.build.tuning.tuning_photos import PhotoMaker
from shoplens.embedders import Embedder, EmbeddingHead, OnnxEmbedder
from shoplens.embedders.embedder import object_use
from shoplens.embedders.text.tower import text_tower
from shoplens.errors import InvalidValue, Refused
from shoplens.feeds import Feed, Report
from shoplens.filters.fitting.weight_tuning import TuningPhotos
from shoplens.images import PhotoSource
from shoplens.images.shared_photos import SharedPhotos
from shoplens.index.disk_room import require_room
from shoplens.index.protocol import Index
from shoplens.reading.text_reader import select_text_reader
from shoplens.settings import Settings
from shoplens.store.feature_cache import NAME as FEATURES
from shoplens.store.feature_cache import FallbackFeatures, FeatureFile
from shoplens.store.files.atomic import timestamp
from shoplens.store.generation import FindEmbedder, Generation, check_model
from shoplens.store.manifest import Manifest
from shoplens.store.ranker_file import copy_ranker
from shoplens.store.search_graph import build_graph
from shoplens.store.store import Store
from shoplens.types import Product, Progress, Rejection
from shoplens.types.iteration import batches
from shoplens.types.progress import ignore_progress


class Workers(Protocol):
    """Encode and score the products of a build on other machines."""

    def write_products(self, builder: Builder, generation: Generation, feed: Feed, run: Run) -> set[str]:
        """Write the feed's products to a generation; return the ids of those that have no usable photo."""

    def score_products(self, builder: Builder, generation: Generation) -> None:
        """Score all products of the generation by its filters, which have been fitted."""


class Builder:
    """Changes a store by feeds and by products. Every method may be killed at any moment and called again.

    Args:
        store: to change.
        embedder: its model must be the live generation's.
        source: gives the photos' bytes.
        settings: limits and threads.
        progress: called now and then with how far the work is.
        on_renames: called with the ids that change and what they change to, before anything is removed.
        find_embedder: finds the embedder of a generation that takes over; None uses ``embedder`` for all.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        progress: Progress | None = None,
        on_renames: OnRenames | None = None,
        find_embedder: FindEmbedder | None = None,
    ) -> None:
        self.store, self.embedder, self.source, self.settings = store, embedder, source, settings
        self.reader = select_text_reader(settings)
        self.progress: Progress = progress or ignore_progress
        self._on_renames: OnRenames = on_renames or (lambda renames: None)
        self._find_embedder = find_embedder

    def for_generation(self, generation: Generation) -> Builder:
        """Return a builder with the embedder of a generation, which may be of another model than the live one."""
        if self._find_embedder is None:
            return self
        embedder = self._find_embedder(generation)
        return Builder(self.store, embedder, self.source, self.settings, self.progress, self._on_renames)

    def index(self, feed: Feed, *, keep: bool = False, workers: Workers | None = None) -> Summary:
        """Build a new generation from a whole feed, and make it live; the generation before answers until then.

        Args:
            keep: whether to keep the generation before, so that it can be compared and gone back to.
            workers: encode and score the products on other machines; None does so on threads of this process.

        Raises:
            FeedError: the feed cannot be read; the store stays as it was.
            Refused: no product of the feed can be used; the store stays as it was.
        """
        with self.store.writing():
            before = self.store.live.index if self.store.has_live else None
            if before is not None:
                feed.keep_ids(KnownIds(before))
            look = readable_head(self.store, self.embedder)
            with (
                self._run("index", feed, look) as run,
                self.store.new_generation(self._manifest(feed, look)) as generation,
            ):
                if before is not None:
                    self._report_renames(run.summary, find_renames(before, feed))
                self._build(feed, generation, look, run, workers)
                if before is not None:
                    keep_classifier(self.store.live, generation, self.embedder)
                    copy_ranker(self.store.live, generation)
                    self._add_renames(run.summary)
                    copy_written_products(self, self.store.live, generation, run)
                self.store.switch(generation, keep=keep)
        return run.summary

    def _build(
        self, feed: Feed, generation: Generation, look: EmbeddingHead | None, run: Run, workers: Workers | None
    ) -> None:
        """Fill a new generation, fit its filters, and count what it holds."""
        if look is not None:
            generation.adopt_look(look)
        if workers is None:
            encoder = self.product_encoder(generation, self._encoding_caches(generation, run))
            left_out = self._write_products(generation.index, feed, encoder, run)
        else:
            left_out = workers.write_products(self, generation, feed, run)
        if (
            generation.index.count() > run.summary.products
        ):  # an interrupted build wrote more products than the feed now has
            wanted = set(feed.product_ids()) - left_out
            generation.index.remove(set(generation.index.ids()) - wanted)
        if not generation.index.count():
            raise _nothing_usable_error(feed, run.report)
        self.fit_filters(generation, run, workers)
        self.optimize(generation)
        summary = run.summary
        generation.manifest = replace(generation.manifest, products=summary.products, photos=summary.photos)

    def add_products(self, items: Sequence[Product | Rejection]) -> list[Outcome]:
        """Add products to the live generation, or replace those with the same id; return the outcomes in their order.

        Raises:
            StoreError: ``other-model``, ``disk``, …
        """
        with self.store.writing():
            generation = self.live_generation()
            with self.open_run("put", generation.look) as run:
                encoder = self._encoder_for(generation, run)
                outcomes = list(encoder.outcomes(items))
                for outcome in outcomes:
                    run.summary.count(outcome)
                    for rejection in outcome.rejections:
                        run.report.add(rejection)
                run.features.flush()
                entries = [outcome.entry for outcome in outcomes if outcome.entry is not None]
                write_entries(generation.index, entries, run.summary, encoder.scorer)
                self.optimize(generation)
        return outcomes

    def add(self, feed: Feed) -> Summary:
        """Add the feed's products to the live generation, or replace those with the same id."""
        with self.store.writing():
            generation = self.live_generation()
            feed.keep_ids(KnownIds(generation.index))
            return self._add_feed(feed, generation)

    def _add_feed(self, feed: Feed, generation: Generation) -> Summary:
        with self._run("add", feed, generation.look) as run:
            self._write_products(generation.index, feed, self._encoder_for(generation, run), run)
            self.optimize(generation)
        return run.summary

    def sync(self, feed: Feed, max_removals: str = "10%") -> Summary:
        """Make the live generation equal to a full feed: add, change, remove.

        A product whose row was rejected, or none of whose photos was ever usable, stays as it was: a typo or a slow
        server removes nothing. Products whose ids change are reported before anything is removed (``on_renames``),
        do not count as removals, and are found by their old ids from then on; such a product stays while no product
        with its new id could be encoded.

        Args:
            max_removals: share (``10%``) or number of products that may be removed.

        Raises:
            Refused: more would be removed, or nothing would be left; nothing was changed.
        """
        with self.store.writing():
            generation = self.live_generation()
            feed.keep_ids(KnownIds(generation.index))
            return self._sync_feed(feed, generation, max_removals)

    def _sync_feed(self, feed: Feed, generation: Generation, max_removals: str) -> Summary:
        with self._run("sync", feed, generation.look) as run:
            gone = set(generation.index.ids())
            allowed = removals_allowed(max_removals, len(gone))
            gone.difference_update(feed.product_ids())
            renames = find_renames(generation.index, feed, gone)
            self._report_renames(run.summary, renames)
            gone.difference_update(renames)
            gone -= find_rejected_products(generation.index, feed, gone)
            if len(gone) > allowed:
                self._report_rejections(feed, run)
                raise Refused(
                    f"{feed.name} lacks {len(gone)} of the {generation.index.count()} products in the store "
                    f"({', '.join(sorted(gone)[:3])}, …); --max-removals {max_removals} allows {allowed}.",
                    "If they are to be removed, raise --max-removals. Nothing was changed.",
                    problems=run.report.summary(),
                )
            self._write_products(generation.index, feed, self._encoder_for(generation, run), run)
            if not run.summary.products and generation.index.count():
                raise _nothing_usable_error(feed, run.report)
            run.summary.renamed = _keep_completed_renames(renames, generation.index)
            self._add_renames(run.summary)
            run.summary.removed = generation.index.remove(gone)
            generation.index.remove(run.summary.renamed)
            self.optimize(generation)
        return run.summary

    def _report_renames(self, summary: Summary, renames: Mapping[str, Sequence[str]]) -> None:
        """Report which ids change, before anything else is done."""
        summary.renamed = {old: list(now) for old, now in renames.items()}
        if renames:
            self._on_renames(summary.renamed)

    def _add_renames(self, summary: Summary) -> None:
        """Store the renames; an id that became several products stands for none of them."""
        self.store.add_renames({old: now[0] for old, now in summary.renamed.items() if len(now) == 1})

    def _report_rejections(self, feed: Feed, run: Run) -> None:
        """Write the rejections of a feed that is not used to the report."""
        for item in feed:
            if isinstance(item, Rejection):
                run.report.add(item)

    def _manifest(self, feed: Feed, look: EmbeddingHead | None) -> Manifest:
        card = asdict(self.embedder.card) if isinstance(self.embedder, OnnxEmbedder) else {}
        return Manifest(
            self.embedder.model,
            self.embedder.dimensions,
            feed.name,
            feed.format,
            timestamp(),
            preprocessing=card,
            text=int(compares_text(self.settings.preferences)),
            **object_fields(object_use(self.embedder)),
            **head_fields(look),
        )

    def _encoder_for(self, live: Generation, run: Run) -> ProductEncoder:
        caches = EncodingCaches(run.features, [live.index], live.index, load_scorer(live), live.look, self.reader)
        return self.product_encoder(live, caches)

    def _encoding_caches(self, generation: Generation, run: Run) -> EncodingCaches:
        """Return what a new generation of the same encoding need not encode again."""
        before = self.store.live if self.store.has_live else None
        is_same = before is not None and before.manifest.encoding == generation.manifest.encoding
        indexes = [generation.index, *([before.index] if before and is_same else [])]
        return EncodingCaches(run.features, indexes, look=generation.look, reader=self.reader)

    def _run(self, command: str, feed: Feed, look: EmbeddingHead | None) -> Run:
        feed.prepare(lambda rows: self.progress("Reading the feed", rows, 0))
        return self.open_run(command, look)

    def live_generation(self) -> Generation:
        """Return the live generation.

        Raises:
            StoreError: ``other-model``, it was made by another model than this builder's.
        """
        generation = self.store.live
        check_model(generation, self.embedder)
        return generation

    def product_encoder(self, generation: Generation, caches: EncodingCaches) -> ProductEncoder:
        """Return what makes index entries of products for a generation."""
        return ProductEncoder(generation.embedder_for(self.embedder), self.source, self.settings, caches)

    def fit_filters(self, generation: Generation, run: Run, workers: Workers | None = None) -> None:
        """Fit the filters to a generation's products, and score the products by them, or have workers do that."""
        features = run.features
        features.flush()
        data = FilterTrainingData(
            generation.index,
            generation.manifest.sizes.look,
            features,
            self.settings.preferences.dimensions,
            backbone_width(self.embedder),
            self.embedder.model,
            trained_look=generation.look is not None,
            object_parts=object_parts(self.embedder),
            tower=None if self.embedder.features else text_tower(self.embedder),
            has_text=bool(generation.manifest.text),
            make_photos=self._photo_maker(generation) if self.settings.tune and generation.look is None else None,
        )
        scorer = fit_filters(data, generation.folder, self.progress, run.report.add)
        generation.filters, generation.text = scorer.filters, scorer.text
        self.progress("Comparing titles with photos", 0, 0)
        generation.caption = write_caption_model(generation, text_tower(self.embedder))
        run.summary.dimensions = len(scorer.filters.dimensions)
        if workers is None:
            rescore_products(generation.index, scorer, features, self.progress)
        else:
            workers.score_products(self, generation)

    def _photo_maker(self, generation: Generation) -> Callable[[Index, bool], TuningPhotos]:
        embedder = generation.embedder_for(self.embedder)
        return PhotoMaker(embedder, self.source, self.settings, self.reader).make_photos

    def optimize(self, generation: Generation) -> None:
        """Build the search graph where enough products lack one."""
        self.progress("Building the search graph", 0, 0)
        build_graph(self.store, generation)

    def open_run(self, command: str, look: EmbeddingHead | None) -> Run:
        """Open a run, with the cache of the features that this head reads."""
        require_room(self.store.folder)
        embedder = self.embedder if look is None else look.embedder_for(self.embedder)
        fallback = None
        if look is not None and look.backbone:
            fallback = FallbackFeatures(feature_model(self.embedder), look.card.replaced_features)
        features = FeatureFile(self.store.folder / FEATURES, feature_model(embedder), fallback)
        return Run(self.store.folder / "reports" / f"{timestamp()}-{command}.jsonl", features)

    def _write_products(self, index: Index, feed: Feed, encoder: ProductEncoder, run: Run) -> set[str]:
        """Write the feed's products in batches; entries that are already there are left alone.

        Returns:
            Ids of the products that were left out because they have no usable photo.
        """
        run.summary.rows = feed.counts.rows
        left_out: set[str] = set()
        shared = SharedPhotos()
        done = 0
        for batch in batches(encoder.outcomes(feed), BATCH):
            for outcome in batch:
                run.summary.count(outcome)
                for rejection in outcome.rejections:
                    run.report.add(with_row(rejection, feed))
                    if rejection.kind == UNUSABLE:
                        left_out.add(rejection.product_id)
            entries = [outcome.entry for outcome in batch if outcome.entry is not None]
            for entry in entries:
                shared.add(entry.product.id, ((photo.content_hash, photo.source) for photo in entry.photos))
            run.features.flush()  # before the products, since a photo that the index has is not encoded again
            write_entries(index, entries, run.summary, encoder.scorer)
            done += len(entries)
            self.progress("Indexing", done + len(left_out), feed.count)
        run.report_shared(shared)
        return left_out


def _keep_completed_renames(renames: Mapping[str, Sequence[str]], index: Index) -> dict[str, list[str]]:
    """Keep the renames whose product exists under a new id; where its photos could not be read, the old one stays."""
    known = {record.product.id for record in index.records({new for ids in renames.values() for new in ids})}
    present = {old: [new for new in ids if new in known] for old, ids in renames.items()}
    return {old: ids for old, ids in present.items() if ids}


def with_row(rejection: Rejection, feed: Feed) -> Rejection:
    """Add the row of its product to a rejection that was found after the feed was read."""
    if rejection.row is not None or not rejection.product_id:
        return rejection
    return replace(rejection, row=feed.row_of(rejection.product_id))


def _nothing_usable_error(feed: Feed, report: Report) -> Refused:
    return Refused(
        f"No product of {feed.name} can be used.",
        f"See below, and {report.path}, for why. The store was not changed.",
        problems=report.summary(),
    )


def removals_allowed(text: str, products: int) -> int:
    """Parse how many products may be removed: ``25`` or ``10%``, the latter rounded down.

    Raises:
        InvalidValue: the text is anything else.
    """
    number = text.removesuffix("%")
    if not number.replace(".", "", 1).isdecimal() or (number == text and "." in number):
        raise InvalidValue(f"--max-removals is {text!r}.", "Write a share such as 10%, or a number of products.")
    return int(products * min(float(number), 100.0) / 100) if text.endswith("%") else int(number)
