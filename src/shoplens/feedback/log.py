"""The log of answers and of what shoppers did with them: ``feedback.sqlite`` in the store.

Every change is on disk when its call returns. Users are stored as keyed hashes, deleted rows are overwritten, and every
change first deletes what is older than the retention time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shoplens.errors import InvalidValue, StoreError
from shoplens.feedback.events import KINDS, Event
from shoplens.feedback.impressions import Impression
from shoplens.feedback.log_rows import IMPRESSION_COLUMNS, count_rows, impression_from_row, rename_rows
from shoplens.feedback.search_rows import TABLE, LoggedSearch, SearchStatistics, insert_search, read_statistics
from shoplens.store.renames import follow_renames
from shoplens.types import Rejection

DAY = 86_400
FORMAT = 1
MAX_IMPRESSIONS = 20_000
"""Number of answers that training uses, the newest ones."""
WAIT = 1.0
"""Seconds to wait for another process that reads the file."""
SKEW = 300
"""Seconds by which a sender's clock may be wrong."""
_TABLES = """
CREATE TABLE IF NOT EXISTS own (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS impressions (
  query_id TEXT PRIMARY KEY, at REAL, user TEXT, strategy TEXT, model TEXT, names TEXT, asked TEXT, products TEXT,
  ranks TEXT, look BLOB, signals BLOB, places BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS impressions_at ON impressions (at);
CREATE INDEX IF NOT EXISTS impressions_user ON impressions (user);
CREATE TABLE IF NOT EXISTS events (
  query_id TEXT REFERENCES impressions ON DELETE CASCADE, product_id TEXT, kind TEXT, at REAL, user TEXT,
  PRIMARY KEY (query_id, product_id, kind)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_user ON events (user);
"""
_MARKS = ", ".join("?" * IMPRESSION_COLUMNS)


@dataclass(frozen=True, slots=True)
class LoggedImpression:
    """An impression, and what shoppers did with it.

    Attributes:
        impression: with the hash of the user as ``user``.
        events: product -> kinds.
        users: hashes of all users who did anything with it.
    """

    impression: Impression
    events: Mapping[str, frozenset[str]]
    users: frozenset[str]


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """What the log holds.

    Attributes:
        impressions: number of answers.
        users: number of different users.
        events: kind -> number.
        by_rank: kind -> number at each rank, from the first on.
        oldest, newest: seconds since 1970 of an impression; None where there is none.
        days: retention time.
    """

    impressions: int
    users: int
    events: Mapping[str, int]
    by_rank: Mapping[str, list[int]]
    oldest: float | None
    newest: float | None
    days: float


class FeedbackLog:
    """The log of answers and events; several threads of one process may use it.

    Args:
        path: of the file, which is created by the first write.
        days: retention time of impressions and their events.
        clock: returns seconds since 1970.

    Raises:
        StoreError: from every method: ``damaged-feedback``, ``disk``.
    """

    def __init__(self, path: Path, days: float, clock: Callable[[], float] = time.time) -> None:
        self.path, self._days, self._clock = path, days, clock
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None

    def add_impression(self, impression: Impression) -> None:
        """Add an answer."""
        one, features = impression, impression.ranker_features
        with self._transaction() as file:
            file.execute(
                f"INSERT INTO impressions VALUES ({_MARKS})",
                (
                    *(one.query_id, one.at, self._hash_user(file, one.user), one.strategy, one.model),
                    *(
                        json.dumps(list(features.names)),
                        json.dumps(dict(one.importances)),
                        json.dumps(list(one.products)),
                    ),
                    json.dumps(list(one.ranks)),
                    *(
                        np.asarray(numbers, np.float16).tobytes()
                        for numbers in (features.look, features.signals, features.places)
                    ),
                ),
            )

    def add_search(self, search: LoggedSearch) -> None:
        """Add a search, for statistics."""
        with self._transaction() as file:
            hashes = (self._hash_user(file, search.shopper), self._hash_user(file, search.user))
            insert_search(file, search, *hashes)

    def statistics(self, days: float) -> SearchStatistics:
        """Return what shoppers did in so many days, and no longer than the retention time."""
        with self._reading() as file:
            return read_statistics(file, max(self._horizon(), self._clock() - days * DAY))

    def add(
        self,
        events: Iterable[tuple[int | None, Event]],
        report: Callable[[Rejection], None],
        named: Mapping[str, Sequence[str]] | None = None,
    ) -> Counter[str]:
        """Add events, all or none.

        Args:
            events: each with the number of its line; None where there is none.
            report: called with a rejection of each event that does not count or is odd: ``unknown-query``,
                ``unknown-product``, ``ambiguous-product``, ``duplicate-event``, ``odd-clock``.
            named: name of a product in an event -> ids of the products that it stands for.

        Returns:
            Kind -> number of new events.
        """
        received = Counter[str]()
        with self._transaction() as file:
            now = self._clock()
            for row, event in events:
                problem = self._add_event(file, event, now, received, named or {})
                if problem is not None:
                    report(replace(problem, row=row, product_id=event.product_id))
        return received

    def _add_event(
        self,
        file: sqlite3.Connection,
        event: Event,
        now: float,
        received: Counter[str],
        named: Mapping[str, Sequence[str]],
    ) -> Rejection | None:
        """Add one event; return what is wrong or odd with it."""
        row = file.execute("SELECT products, at FROM impressions WHERE query_id = ?", (event.query_id,)).fetchone()
        if row is None:
            fix = f"Search with --remember; logged answers are deleted after {self._days:g} days."
            return Rejection("unknown-query", "There is no logged answer with this query_id.", fix, value=event.kind)
        product = _product_shown(event, json.loads(row[0]), named)
        if isinstance(product, Rejection):
            return product
        done = file.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)",
            (event.query_id, product, event.kind, now, self._hash_user(file, event.user)),
        )
        if not done.rowcount:
            reason, fix = "The event was received before, and counts once.", "Nothing has to be done."
            return Rejection("duplicate-event", reason, fix, "note", value=event.kind)
        received[event.kind] += 1
        if event.at is not None and not row[1] - SKEW <= event.at <= now + SKEW:
            reason = "Its time is before its answer or in the future. It counts, with the time of receipt."
            return Rejection("odd-clock", reason, "Set the sender's clock.", "note", value=event.kind)
        return None

    def rename_products(self, renames: Mapping[str, str]) -> int:
        """Replace old ids of products by their present ids, in one step; doing it again changes nothing.

        Args:
            renames: old id -> id; where that is an old one too, it is followed to the last.

        Returns:
            How many answers and events changed.
        """
        renames = follow_renames({}, renames)
        if not renames or not self.path.exists():
            return 0
        with self._transaction() as file:
            return rename_rows(file, renames)

    def impressions_with_events(self) -> Iterator[LoggedImpression]:
        """Yield the impressions that have events, the newest 20,000 of them, the oldest first."""
        if not self.path.exists():
            return
        with self._reading() as file:
            rows = file.execute(
                "SELECT * FROM impressions WHERE query_id IN (SELECT query_id FROM events) AND at >= ? "
                "ORDER BY at DESC, query_id LIMIT ?",
                (self._horizon(), MAX_IMPRESSIONS),
            ).fetchall()
            events: dict[str, list[tuple[str, str, str]]] = {}
            for query_id, *event in file.execute("SELECT query_id, product_id, kind, user FROM events"):
                events.setdefault(query_id, []).append((event[0], event[1], event[2]))
        for row in reversed(rows):
            impression = impression_from_row(row)
            own_events = events.get(impression.query_id, [])
            kinds: dict[str, set[str]] = {}
            for product, kind, _ in own_events:
                kinds.setdefault(product, set()).add(kind)
            users = {user for *_, user in own_events if user} | ({impression.user} if impression.user else set())
            yield LoggedImpression(impression, {name: frozenset(one) for name, one in kinds.items()}, frozenset(users))

    def has_events(self) -> bool:
        """Whether there are events to train on."""
        if not self.path.exists():
            return False
        with self._reading() as file:
            return bool(file.execute("SELECT EXISTS (SELECT 1 FROM events)").fetchone()[0])

    def purge(self) -> None:
        """Delete what is older than the retention time."""
        if self.path.exists():
            with self._transaction():
                pass

    def counts(self) -> FeedbackCounts:
        """Count what the log holds."""
        by_rank: dict[str, list[int]] = {kind: [] for kind in KINDS}
        for one in self.impressions_with_events():
            ranks = dict(zip(one.impression.products, one.impression.ranks, strict=True))
            for product, kinds in one.events.items():
                for kind in kinds:
                    counts, rank = by_rank[kind], ranks[product]
                    counts.extend([0] * (rank - len(counts)))
                    counts[rank - 1] += 1
        many, users, oldest, newest = 0, 0, None, None
        if self.path.exists():
            with self._reading() as file:
                many, oldest, newest = file.execute(
                    "SELECT count(*), min(at), max(at) FROM impressions WHERE at >= ?", (self._horizon(),)
                ).fetchone()
                users = file.execute(
                    "SELECT count(*) FROM (SELECT user FROM impressions WHERE at >= ?1 UNION SELECT events.user "
                    "FROM events JOIN impressions USING (query_id) WHERE impressions.at >= ?1) WHERE user != ''",
                    (self._horizon(),),
                ).fetchone()[0]
        return FeedbackCounts(
            many, users, {kind: sum(one) for kind, one in by_rank.items()}, by_rank, oldest, newest, self._days
        )

    def forget(self, *, user: str = "", query_id: str = "", everything: bool = False) -> int:
        """Delete and overwrite all answers to a user and all that they did, or one answer, or everything.

        Returns:
            Number of answers and events that were deleted.

        Raises:
            InvalidValue: ``forget-what``, not exactly one of them was named.
        """
        if sum((bool(user), bool(query_id), everything)) != 1:
            raise InvalidValue(
                "It is not clear what to delete.", "Name either a user, or a query, or all.", code="forget-what"
            )
        if not self.path.exists():
            return 0
        with self._transaction() as file:
            before = count_rows(file)
            if user:
                hashed = self._hash_user(file, user)
                file.execute("DELETE FROM impressions WHERE user = ?", (hashed,))
                file.execute("DELETE FROM events WHERE user = ?", (hashed,))
                file.execute("DELETE FROM searches WHERE user = ?", (hashed,))
            elif query_id:
                file.execute("DELETE FROM impressions WHERE query_id = ?", (query_id,))
                file.execute("DELETE FROM searches WHERE query_id = ?", (query_id,))
            else:
                file.execute("DELETE FROM impressions")
                file.execute("DELETE FROM searches")
            return before - count_rows(file)

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy while others write; a damaged file is copied byte by byte."""
        if not self.path.exists():
            return
        try:
            with self._reading() as file, closing(sqlite3.connect(path)) as copy:
                file.backup(copy)
        except StoreError as problem:
            if problem.code != "damaged-feedback":
                raise
            shutil.copyfile(self.path, path)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _horizon(self) -> float:
        return self._clock() - self._days * DAY

    def _hash_user(self, file: sqlite3.Connection, user: str) -> str:
        if not user:
            return ""
        key = file.execute("SELECT value FROM own WHERE name = 'key'").fetchone()[0]
        return hashlib.blake2b(user.encode("utf-8", "replace"), key=key, digest_size=12).hexdigest()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction, on disk when the block ends; first delete what is too old."""
        with self._reading() as file:
            file.execute("BEGIN IMMEDIATE")
            try:
                file.execute("DELETE FROM impressions WHERE at < ?", (self._horizon(),))
                file.execute("DELETE FROM searches WHERE at < ?", (self._horizon(),))
                yield file
                file.execute("COMMIT")
            except BaseException:
                if file.in_transaction:
                    file.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._file is None:
                    self._file = _open_database(self.path)
                yield self._file
            except sqlite3.OperationalError as problem:
                raise StoreError(
                    f"{self.path} cannot be used: {problem}.",
                    "Check the free space on the disk and your permission to write there, and try again.",
                    code="disk",
                ) from problem
            except sqlite3.DatabaseError as problem:
                raise StoreError(
                    f"{self.path} is damaged: {problem}.",
                    "Replace it by the one of a backup, or move it away to start with an empty log.",
                    code="damaged-feedback",
                ) from problem


def _open_database(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=WAIT)
    try:
        if file.execute("PRAGMA user_version").fetchone()[0] > FORMAT:
            raise StoreError(
                f"{path} was written by a later version.", "Install that version.", code="damaged-feedback"
            )
        file.execute("PRAGMA foreign_keys = ON")
        file.execute("PRAGMA secure_delete = ON")
        file.execute("PRAGMA synchronous = EXTRA")
        file.executescript(_TABLES + TABLE)
        file.execute(f"PRAGMA user_version = {FORMAT}")
        file.execute("INSERT OR IGNORE INTO own VALUES ('key', ?)", (os.urandom(32),))
    except BaseException:
        file.close()
        raise
    return file


def _product_shown(event: Event, shown: Sequence[str], named: Mapping[str, Sequence[str]]) -> str | Rejection:
    """Return the id of the shown product that an event is about, or why there is none."""
    if event.product_id in shown:
        return event.product_id
    matches = [one for one in shown if one in named.get(event.product_id, ())]
    if len(matches) == 1:
        return matches[0]
    if matches:
        reason = f"The answer showed several products of this name: {', '.join(matches)}."
        return Rejection("ambiguous-product", reason, "Send the product_id of a result.", value=event.kind)
    reason = "The answer did not show this product, or showed it because it has the query photo itself."
    return Rejection("unknown-product", reason, "Send the product_id of a result.", value=event.kind)
