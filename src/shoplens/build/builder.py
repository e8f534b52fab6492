"""The whole build path: feed -> products -> photos -> embeddings -> store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from shoplens.build.filter_scoring import scorer_of
from shoplens.build.generations import Succession, of_look
from shoplens.build.product_encoder import UNUSABLE, EncodingCaches, Outcome, ProductEncoder
from shoplens.build.product_ids import KnownIds, rejected_ids, renames_of
from shoplens.build.run import BATCH, Run, Summary, batches, write_entries
from shoplens.embedders import EmbeddingHead, OnnxEmbedder
from shoplens.errors import InvalidValue, Refused
from shoplens.feeds import Feed, Report
from shoplens.filters.model.space import PLACED
from shoplens.images.shared_photos import SharedPhoto, SharedPhotos
from shoplens.index.protocol import Index
from shoplens.store.files.atomic import timestamp
from shoplens.store.generation import Generation
from shoplens.store.manifest import Manifest
from shoplens.store.ranker_file import keep_ranker
from shoplens.types import Product, Rejection

SHARED_BY, SHARED_BY_AT_LEAST = 0.25, 5
"""Share and number of products from which on a photo that they have in common is told."""


class Builder(Succession):
    """Changes a store by feeds; what needs none, see :class:`~shoplens.build.generations.Succession`.

    Every method may be killed at any moment and called again.
    """

    def index(self, feed: Feed) -> Summary:
        """Build a new generation from a whole feed and make it live; the one before serves until then.

        Raises:
            FeedError: the feed cannot be read; the store stays as it was.
            Refused: nothing in the feed can be used; the store stays as it was.
        """
        with self.store.writing():
            before = self.store.live.index if self.store.has_live else None
            if before is not None:
                feed.keep_ids(KnownIds(before))
            look = self._look_before()
            with self._run("index", feed, look) as run, self.store.filling(self._manifest(feed, look)) as generation:
                if before is not None:
                    self._tell_renames(run.summary, renames_of(before, feed))
                self._build(feed, generation, look, run)
                if before is not None:
                    self._keep_classifier(self.store.live, generation)
                    keep_ranker(self.store.live, generation)
                    self._add_renames(run.summary)
                self.store.switch(generation)
        return run.summary

    def _build(self, feed: Feed, generation: Generation, look: EmbeddingHead | None, run: Run) -> None:
        """Fill a new generation, fit its filters, and write down what it holds."""
        if look is not None:
            generation.take_over(look)
        encoder = self._entries(generation, self._encoding_caches(generation, run))
        left_out = self._fill(generation.index, feed, encoder, run)
        if generation.index.count() > run.summary.products:  # an interrupted build wrote more than there is now
            wanted = set(feed.product_ids()) - left_out
            generation.index.remove(set(generation.index.ids()) - wanted)
        if not generation.index.count():
            raise _nothing_usable(feed, run.report)
        self._fit(generation, run)
        self._optimize(generation)
        summary = run.summary
        generation.manifest = replace(generation.manifest, products=summary.products, photos=summary.photos)

    def add_products(self, items: Sequence[Product | Rejection]) -> list[Outcome]:
        """Add products to the live generation, or replace those with the same id; what became of each, in their order.

        Raises:
            StoreError: ``other-model``, ``disk``, …
        """
        with self.store.writing():
            generation = self._live_of_this_model()
            with self.open_run("put", generation.look) as run:
                encoder = self._maker(generation, run)
                outcomes = list(encoder.outcomes(items))
                for outcome in outcomes:
                    run.summary.count(outcome)
                    for rejection in outcome.rejections:
                        run.report.add(rejection)
                run.features.flush()
                entries = [outcome.entry for outcome in outcomes if outcome.entry is not None]
                write_entries(generation.index, entries, run.summary, encoder.scorer)
                self._optimize(generation)
        return outcomes

    def add(self, feed: Feed) -> Summary:
        """Add the feed's products to the live generation, or replace those with the same id."""
        with self.store.writing():
            generation = self._live_of_this_model()
            feed.keep_ids(KnownIds(generation.index))
            return self._add_feed(feed, generation)

    def _add_feed(self, feed: Feed, generation: Generation) -> Summary:
        with self._run("add", feed, generation.look) as run:
            self._fill(generation.index, feed, self._maker(generation, run), run)
            self._optimize(generation)
        return run.summary

    def sync(self, feed: Feed, max_removals: str = "10%") -> Summary:
        """Make the live generation equal to a full feed: add, change, remove.

        A product whose row was rejected, or none of whose photos was ever usable, stays as it was: a typo or a slow
        server removes nothing. Products whose ids change are told before anything is removed (``on_renames``), do not
        count among those that go, and are found by their old ids from then on; one stays as it was while no product
        with its new id could be made.

        Args:
            max_removals: share (``10%``) or number of products that may go.

        Raises:
            Refused: more would go, or nothing would be left; nothing was changed.
        """
        with self.store.writing():
            generation = self._live_of_this_model()
            feed.keep_ids(KnownIds(generation.index))
            return self._sync_feed(feed, generation, max_removals)

    def _sync_feed(self, feed: Feed, generation: Generation, max_removals: str) -> Summary:
        with self._run("sync", feed, generation.look) as run:
            gone = set(generation.index.ids())
            allowed = removals_allowed(max_removals, len(gone))
            gone.difference_update(feed.product_ids())
            renames = renames_of(generation.index, feed, gone)
            self._tell_renames(run.summary, renames)
            gone.difference_update(renames)
            if gone:
                gone.difference_update(rejected_ids(feed))
            if len(gone) > allowed:
                self._report_rejections(feed, run)
                raise Refused(
                    f"{feed.name} lacks {len(gone)} of the {generation.index.count()} products in the store "
                    f"({', '.join(sorted(gone)[:3])}, …); --max-removals {max_removals} allows {allowed}.",
                    "If they are to go, raise --max-removals. Nothing was changed.",
                    problems=run.report.summary(),
                )
            self._fill(generation.index, feed, self._maker(generation, run), run)
            if gone and len(gone) == generation.index.count():
                raise _nothing_usable(feed, run.report)
            run.summary.renamed = _carried_out(renames, generation.index)
            self._add_renames(run.summary)
            run.summary.removed = generation.index.remove(gone)
            generation.index.remove(run.summary.renamed)
            self._optimize(generation)
        return run.summary

    def _tell_renames(self, summary: Summary, renames: Mapping[str, Sequence[str]]) -> None:
        """Tell which ids change, before anything else is done."""
        summary.renamed = {old: list(now) for old, now in renames.items()}
        if renames:
            self._on_renames(summary.renamed)

    def _add_renames(self, summary: Summary) -> None:
        """Have products be found by the ids that they had; an id that became several products stands for none."""
        self.store.add_renames({old: now[0] for old, now in summary.renamed.items() if len(now) == 1})

    def _report_rejections(self, feed: Feed, run: Run) -> None:
        """Write down what is wrong with a feed that is not used."""
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
            placed=PLACED,
            **of_look(look),
        )

    def _look_before(self) -> EmbeddingHead | None:
        """The trained extractor that a new generation of this model takes over from the live one."""
        if not self.store.has_live:
            return None
        look = self.store.live.look
        return look if look is not None and self._can_read(look) else None

    def _maker(self, live: Generation, run: Run) -> ProductEncoder:
        known = EncodingCaches(run.features, [live.index], live.index, scorer_of(live), live.look)
        return self._entries(live, known)

    def _encoding_caches(self, generation: Generation, run: Run) -> EncodingCaches:
        """What a new generation of the same model need not look at again."""
        before = self.store.live if self.store.has_live else None
        of_this_model = before is not None and before.manifest.model == self.embedder.model
        indexes = [generation.index, *([before.index] if before and of_this_model else [])]
        return EncodingCaches(run.features, indexes, look=generation.look)

    def _run(self, command: str, feed: Feed, look: EmbeddingHead | None) -> Run:
        feed.prepare(lambda rows: self._progress("Reading the feed", rows, 0))
        return self.open_run(command, look)

    def _fill(self, index: Index, feed: Feed, maker: ProductEncoder, run: Run) -> set[str]:
        """Write the feed's products, in batches; what is already there as it should be is left alone.

        Returns:
            Ids of the products that were left out, for want of a usable photo.
        """
        run.summary.rows = feed.counts.rows
        left_out: set[str] = set()
        shared = SharedPhotos()
        done = 0
        for batch in batches(maker.outcomes(feed), BATCH):
            for outcome in batch:
                run.summary.count(outcome)
                for rejection in outcome.rejections:
                    run.report.add(_with_row(rejection, feed))
                    if rejection.kind == UNUSABLE:
                        left_out.add(rejection.product_id)
            entries = [outcome.entry for outcome in batch if outcome.entry is not None]
            for entry in entries:
                shared.add(entry.product.id, ((photo.content_hash, photo.source) for photo in entry.photos))
            run.features.flush()  # before the products: what an index knows need not be looked at again
            write_entries(index, entries, run.summary, maker.scorer)
            done += len(entries)
            self._progress("Indexing", done + len(left_out), feed.count)
        for photo in shared.of_more_than(SHARED_BY, SHARED_BY_AT_LEAST):
            run.report.add(_shared_rejection(photo, shared.products))
        return left_out


def _carried_out(renames: Mapping[str, Sequence[str]], index: Index) -> dict[str, list[str]]:
    """The renames of which a product under a new id is there; where its photos could not be had, the old one stays."""
    there = {record.product.id for record in index.records({new for ids in renames.values() for new in ids})}
    present = {old: [new for new in ids if new in there] for old, ids in renames.items()}
    return {old: ids for old, ids in present.items() if ids}


def _with_row(rejection: Rejection, feed: Feed) -> Rejection:
    """The rejection with the row of its product, where it was found after the feed was read."""
    if rejection.row is not None or not rejection.product_id:
        return rejection
    return replace(rejection, row=feed.row_of(rejection.product_id))


def _nothing_usable(feed: Feed, report: Report) -> Refused:
    return Refused(
        f"No product of {feed.name} can be used.",
        f"See below, and {report.path}, for why. The store was not changed.",
        problems=report.summary(),
    )


def _shared_rejection(photo: SharedPhoto, products: int) -> Rejection:
    return Rejection(
        kind="photo-of-many-products",
        level="note",
        product_id=photo.product_id,
        field="photos",
        value=photo.source,
        reason=f"{photo.products:,} of {products:,} products have this photo; a photo cannot tell them apart.",
        fix="If it is a placeholder, take it out of the feed.",
    )


def removals_allowed(text: str, products: int) -> int:
    """Products that may go: ``25`` or ``10%``, the latter rounded down.

    Raises:
        InvalidValue: for anything else.
    """
    number = text.removesuffix("%")
    if not number.replace(".", "", 1).isdecimal() or (number == text and "." in number):
        raise InvalidValue(f"--max-removals is {text!r}.", "Write a share such as 10%, or a number of products.")
    return int(products * min(float(number), 100.0) / 100) if text.endswith("%") else int(number)
