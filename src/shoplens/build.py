"""The whole build path: feed -> products -> photos -> embeddings -> store."""

from __future__ import annotations

from dataclasses import asdict, replace

from shoplens.build_run import BATCH, Run, Summary, batches, write_entries
from shoplens.feeds import Feed, Report
from shoplens.embedders import OnnxEmbedder, TrainedLook
from shoplens.entries import UNUSABLE, EntryMaker, Known
from shoplens.errors import InvalidValue, Refused
from shoplens.filter_scores import scorer_of
from shoplens.filters.space import PLACED
from shoplens.index.durable import timestamp
from shoplens.index.entry import Index
from shoplens.index.generation import Generation
from shoplens.index.manifest import Manifest
from shoplens.ranking.stored_ranker import keep_ranker
from shoplens.succession import Succession, of_look
from shoplens.types import Rejection


class Builder(Succession):
    """Changes a store by feeds; what needs none, see :class:`~shoplens.succession.Succession`.

    Every method may be killed at any moment and called again.
    """

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
            **of_look(look),
        )

    def _look_before(self) -> TrainedLook | None:
        """The trained extractor that a new generation of this model takes over from the live one."""
        if not self.store.has_live:
            return None
        look = self.store.live.look
        return look if look is not None and self._can_read(look) else None

    def _maker(self, live: Generation, run: Run) -> EntryMaker:
        known = Known(run.features, [live.index], live.index, scorer_of(live), live.look)
        return self._entries(live, known)

    def _known_beside(self, generation: Generation, run: Run) -> Known:
        """What a new generation of the same model need not look at again."""
        before = self.store.live if self.store.has_live else None
        of_this_model = before is not None and before.manifest.model == self.embedder.model
        indexes = [generation.index, *([before.index] if before and of_this_model else [])]
        return Known(run.features, indexes, look=generation.look)

    def _run(self, command: str, feed: Feed, look: TrainedLook | None) -> Run:
        feed.prepare(lambda rows: self._progress("Reading the feed", rows, 0))
        return self.opened_run(command, look)

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
