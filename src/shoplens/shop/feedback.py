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
from shoplens.feeds import Report, SummaryRow
from shoplens.index.identifiers import find_products
from shoplens.shop.parts import ShopParts
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.types import Rejection

AT_ONCE = 1_000
"""Events of a file that are written together."""


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """What became of events.

    Attributes:
        clicks, purchases, wrong: that are new.
        rejected: events that do not count.
        problems: a row per kind of what does not count or is odd.
        report: file with each of them; it is there only if there are any.
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

    def add(self, events: str | Path | Iterable[Event]) -> FeedbackSummary:
        """Keep what shoppers did with answers that were remembered, durably; what is known already counts once.

        An event names a product by its id, or by an id, SKU or GTIN of a row that it is made of.

        Args:
            events: a file with one JSON object per line (:mod:`shoplens.feedback.events`), or events.

        Raises:
            FeedError: the file cannot be read; what was read of it before is kept.
            StoreError: ``disk``, ``damaged-feedback``.

        >>> shop.feedback.add([Event(answer.query_id, "MH01-Black", "click", user="42")])  # doctest: +SKIP
        """
        folder = self._parts.store.folder
        rows = read_events(Path(events)) if isinstance(events, str | Path) else ((None, event) for event in events)
        new, some = Counter[str](), list[tuple[int | None, Event]]()
        with translate_disk_errors(folder), Report(folder / "reports" / f"{timestamp()}-feedback.jsonl") as report:
            try:
                for number, event in rows:
                    if isinstance(event, Rejection):
                        report.add(event)
                        continue
                    some.append((number, event))
                    if len(some) == AT_ONCE:
                        some, ready = [], some
                        new += self._parts.feedback_log.add(ready, report.add, self._ids_by_name(ready))
            finally:
                new += self._parts.feedback_log.add(some, report.add, self._ids_by_name(some))
        assert report.path is not None, "it writes"
        return FeedbackSummary(
            new["click"], new["purchase"], new["wrong"], report.rejected, tuple(report.summary()), report.path
        )

    def _ids_by_name(self, events: Iterable[tuple[int | None, Event]]) -> dict[str, tuple[str, ...]]:
        """What events call products -> ids of the products that are meant."""
        with self._parts.store.reading() as generation:
            named = find_products(generation.index, (event.product_id for _, event in events))
        return {name: one.ids for name, one in named.items()}

    def follow_renames(self) -> None:
        """Have what shoppers did count for what products are called now; what cannot be told now is told next time."""
        with contextlib.suppress(StoreError):  # a catalogue is up to date whatever becomes of the log
            apply_renames(self._parts.store, self._parts.feedback_log, {})

    def counts(self) -> FeedbackCounts:
        """How many answers are remembered, and what was done with them, by rank."""
        return self._parts.feedback_log.counts()

    def forget(self, *, user: str = "", query_id: str = "", everything: bool = False) -> int:
        """Remove a user's answers and all that they did, or one answer, or all; what is removed is overwritten.

        Weights that were learned stay: a handful of numbers for the whole shop, which hold nobody's data.

        Returns:
            How many answers and events went.

        Raises:
            InvalidValue: ``forget-what``, not exactly one of them was named.
        """
        return self._parts.feedback_log.forget(user=user, query_id=query_id, everything=everything)
