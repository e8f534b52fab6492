"""What shoppers did with a shop's answers: remembered, counted and forgotten."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.feedback.events import Event, read_events
from shoplens.feedback.log import FeedbackCounts
from shoplens.feedback.renaming import apply_renames
from shoplens.feedback.search_rows import LoggedSearch, SearchStatistics
from shoplens.feeds import Report, SummaryRow
from shoplens.index.identifiers import find_products
from shoplens.shop.parts import ShopParts
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.types import Rejection

BATCH = 1_000
"""Number of events per write."""


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """The result of adding events.

    Attributes:
        clicks, purchases, wrong: number of new events of each kind.
        rejected: number of events that do not count.
        problems: a row per kind of event that does not count or is odd.
        report: file with each of these; it exists only if there are any.
    """

    clicks: int
    purchases: int
    wrong: int
    rejected: int
    problems: tuple[SummaryRow, ...]
    report: Path


class ShopFeedback:
    """What shoppers did with the answers of an open shop."""

    def __init__(self, parts: ShopParts) -> None:
        self._parts = parts

    def add_search(self, search: LoggedSearch) -> None:
        """Log a search for the statistics of merchandisers, where the settings remember answers."""
        if self._parts.settings.remember:
            self._parts.feedback_log.add_search(search)

    def statistics(self, days: float = 30) -> SearchStatistics:
        """Return what shoppers looked for, saw and clicked in so many days; nothing of fewer than five shoppers."""
        return self._parts.feedback_log.statistics(days)

    def add(self, events: str | Path | Iterable[Event]) -> FeedbackSummary:
        """Add what shoppers did with logged answers, durably; an event that was added before counts once.

        An event names a product by its id, or by an id, SKU or GTIN of a row that it is made of.

        Args:
            events: a file with one JSON object per line (:mod:`shoplens.feedback.events`), or events.

        Raises:
            FeedError: the file cannot be read; events before that are kept.
            StoreError: ``disk``, ``damaged-feedback``.

        >>> shop.feedback.add([Event(answer.query_id, "MH01-Black", "click", user="42")])  # doctest: +SKIP
        """
        folder = self._parts.store.folder
        rows = read_events(Path(events)) if isinstance(events, str | Path) else ((None, event) for event in events)
        new, batch = Counter[str](), list[tuple[int | None, Event]]()
        with translate_disk_errors(folder), Report(folder / "reports" / f"{timestamp()}-feedback.jsonl") as report:
            try:
                for number, event in rows:
                    if isinstance(event, Rejection):
                        report.add(event)
                        continue
                    batch.append((number, event))
                    if len(batch) == BATCH:
                        batch, ready = [], batch
                        new += self._parts.feedback_log.add(ready, report.add, self._ids_by_name(ready))
            finally:
                new += self._parts.feedback_log.add(batch, report.add, self._ids_by_name(batch))
        assert report.path is not None, "it writes"
        return FeedbackSummary(
            new["click"], new["purchase"], new["wrong"], report.rejected, tuple(report.summary()), report.path
        )

    def _ids_by_name(self, events: Iterable[tuple[int | None, Event]]) -> dict[str, tuple[str, ...]]:
        """Return name of a product in an event -> ids of the products that it stands for."""
        with self._parts.store.reading() as generation:
            named = find_products(generation.index, (event.product_id for _, event in events))
        return {name: one.ids for name, one in named.items()}

    def follow_renames(self) -> None:
        """Make the log follow the store's renames; what cannot be written now is written next time."""
        with contextlib.suppress(StoreError):  # a catalogue can be synced even if the log cannot be written
            apply_renames(self._parts.store, self._parts.feedback_log, {})

    def counts(self) -> FeedbackCounts:
        """Count the logged answers, and what was done with them, by rank."""
        return self._parts.feedback_log.counts()

    def forget(self, *, user: str = "", query_id: str = "", everything: bool = False) -> int:
        """Delete and overwrite a user's answers and all that the user did, or one answer, or everything.

        Weights that were trained stay: they are a few numbers for the whole shop, and hold no user's data.

        Returns:
            Number of answers and events that were deleted.

        Raises:
            InvalidValue: ``forget-what``, not exactly one of them was named.
        """
        return self._parts.feedback_log.forget(user=user, query_id=query_id, everything=everything)
