"""What shoppers looked for and the shop does not have: counts by day and by what is nearest, nothing of any photo."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shoplens.store.files.atomic import replace_file
from shoplens.types import Answer

NAME = "not-found.json"
VERDICT = "not-in-catalogue"
DAYS = 400
UNKNOWN = "(no category)"
Counts = dict[str, dict[str, int]]


class Missing:
    """Thread-safe. A file that cannot be read is begun anew: it holds counts alone.

    Args:
        folder: the store's.
        now: the time, in UTC.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._now = folder / NAME, now
        self._lock = threading.Lock()

    def count(self, answer: Answer) -> None:
        """Count a search whose product is not in the catalogue, under the category of what is nearest to it."""
        if answer.verdict != VERDICT:
            return
        nearest = answer.results[0].product.category if answer.results else ()
        category = " > ".join(nearest) or UNKNOWN
        with self._lock:
            counts = self._read()
            day = counts.setdefault(self._now().date().isoformat(), {})
            day[category] = day.get(category, 0) + 1
            first = (self._now() - timedelta(days=DAYS)).date().isoformat()
            kept = {one: value for one, value in counts.items() if one >= first}
            replace_file(self._path, json.dumps(kept, ensure_ascii=False) + "\n")

    def counts(self) -> Counts:
        """Day -> category of what is nearest -> searches."""
        with self._lock:
            return self._read()

    def _read(self) -> Counts:
        try:
            found = json.loads(self._path.read_bytes())
            return {str(day): {str(name): int(n) for name, n in one.items()} for day, one in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}
