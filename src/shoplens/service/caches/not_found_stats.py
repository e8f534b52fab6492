"""Counts of searches for products that the shop does not have, by day and nearest category; no photo is kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.store.files.atomic import change_file
from shoplens.store.files.checked_json import dump_checked, parse_checked
from shoplens.types import Answer

log = logging.getLogger("shoplens.service")
NAME = "not-found.json"
VERDICT = "not-in-catalogue"
DAYS = 400
UNKNOWN = "(no category)"
Counts = dict[str, dict[str, int]]


class NotFoundStats:
    """The counts, in a file of the store; thread-safe. A file that cannot be read is replaced by an empty one.

    Args:
        folder: of the store.
        now: returns the time, in UTC.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._now = folder / NAME, now

    def count(self, answer: Answer) -> None:
        """Count an answer whose product is not in the catalogue, under the category of the nearest product."""
        if answer.verdict != VERDICT:
            return
        nearest = answer.results[0].product.category if answer.results else ()
        category = " > ".join(nearest) or UNKNOWN
        try:
            change_file(self._path, lambda content: self._count_one(content, category))
        except (OSError, StoreError) as problem:  # a count is not worth an answer
            log.warning("A search without a product is not counted: %s", problem)

    def _count_one(self, content: bytes | None, category: str) -> str:
        counts = self._parse(content)
        day = counts.setdefault(self._now().date().isoformat(), {})
        day[category] = day.get(category, 0) + 1
        first = (self._now() - timedelta(days=DAYS)).date().isoformat()
        kept = {one: value for one, value in counts.items() if one >= first}
        return dump_checked(kept)

    def counts(self) -> Counts:
        """Return day -> category of the nearest product -> number of searches."""
        try:
            return self._parse(self._path.read_bytes())
        except OSError:
            return {}

    def _parse(self, content: bytes | None) -> Counts:
        try:
            days = parse_checked(content or b"{}")
            return {str(day): {str(name): int(n) for name, n in one.items()} for day, one in days.items()}
        except (ValueError, AttributeError, TypeError) as problem:
            log.warning("The counts in %s are lost, and begin anew: %s.", self._path, problem)
            return {}
