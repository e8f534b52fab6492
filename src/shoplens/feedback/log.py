"""The log of answers and of what shoppers did with them: ``feedback.sqlite`` in the store.

Every change is on disk when its call returns. Users are kept as keyed hashes, rows that are removed are overwritten,
and whatever is older than the retention time goes whenever something comes.
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
from shoplens.feedback.log_rows import IMPRESSION_COLUMNS, count_rows, impression_in, rename_rows
from shoplens.store.renames import follow_renames
from shoplens.types import Rejection

DAY = 86_400
FORMAT = 1
MOST_TAUGHT = 20_000
"""Answers that are learned from, the newest ones."""
WAIT = 1.0
"""Seconds for another process that reads the file."""
SKEW = 300
"""Seconds that a sender's clock may be off."""
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
class Seen:
    """An impression, and what was done with it.

    Attributes:
        impression: its ``user`` is a hash here.
        events: product -> kinds.
        users: hashes of all who did anything with it.
    """

    impression: Impression
    events: Mapping[str, frozenset[str]]
    users: frozenset[str]


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """What the log holds.

    Attributes:
        impressions: answers.
        users: different ones that are known.
        events: kind -> how many.
        by_rank: kind -> how many at each rank, from the first on.
        oldest, newest: seconds since 1970 of an impression; None where there is none.
        days: that they are kept.
    """

    impressions: int
    users: int
    events: Mapping[str, int]
    by_rank: Mapping[str, list[int]]
    oldest: float | None
    newest: float | None
    days: float


class FeedbackLog:
    """Thread-safe; readers and writers in several threads of one process.

    Args:
        path: the file; made when first something is kept.
        days: that impressions are kept, with all that was done with them.
        clock: seconds since 1970.

    Raises:
        StoreError: from every method: ``damaged-feedback``, ``disk``.
    """

    def __init__(self, path: Path, days: float, clock: Callable[[], float] = time.time) -> None:
        self.path, self._days, self._clock = path, days, clock
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None

    def keep(self, impression: Impression) -> None:
        """Keep an answer."""
        one, seen = impression, impression.seen
        with self._changing() as file:
            file.execute(
                f"INSERT INTO impressions VALUES ({_MARKS})",
                (
                    *(one.query_id, one.at, self._hash_user(file, one.user), one.strategy, one.model),
                    *(json.dumps(list(seen.names)), json.dumps(dict(one.asked)), json.dumps(list(one.products))),
                    json.dumps(list(one.ranks)),
                    *(np.asarray(numbers, np.float16).tobytes() for numbers in (seen.look, seen.signals, seen.places)),
                ),
            )

    def add(
        self,
        events: Iterable[tuple[int | None, Event]],
        told: Callable[[Rejection], None],
        named: Mapping[str, Sequence[str]] | None = None,
    ) -> Counter[str]:
        """Keep events, all or none.

        Args:
            events: with the number of the line each stands on; None where there is none.
            named: what events may call a product -> ids of the products that it stands for.
            told: of each one that does not count, and of what is odd: ``unknown-query``, ``unknown-product``,
                ``ambiguous-product``, ``duplicate-event``, ``odd-clock``.

        Returns:
            Kind -> how many were new.
        """
        received = Counter[str]()
        with self._changing() as file:
            now = self._clock()
            for row, event in events:
                problem = self._add_event(file, event, now, received, named or {})
                if problem is not None:
                    told(replace(problem, row=row, product_id=event.product_id))
        return received

    def _add_event(
        self,
        file: sqlite3.Connection,
        event: Event,
        now: float,
        received: Counter[str],
        named: Mapping[str, Sequence[str]],
    ) -> Rejection | None:
        """What is wrong or odd with an event."""
        row = file.execute("SELECT products, at FROM impressions WHERE query_id = ?", (event.query_id,)).fetchone()
        if row is None:
            fix = f"Search with --remember; answers are kept for {self._days:g} days."
            return Rejection("unknown-query", "No answer of this name is remembered.", fix, value=event.kind)
        product = _product_shown(event, json.loads(row[0]), named)
        if isinstance(product, Rejection):
            return product
        done = file.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)",
            (event.query_id, product, event.kind, now, self._hash_user(file, event.user)),
        )
        if not done.rowcount:
            reason, fix = "It is known already, and counts once.", "Nothing has to be done."
            return Rejection("duplicate-event", reason, fix, "note", value=event.kind)
        received[event.kind] += 1
        if event.at is not None and not row[1] - SKEW <= event.at <= now + SKEW:
            reason = "It was before its answer or lies in the future; it counts, and the time of receipt is kept."
            return Rejection("odd-clock", reason, "Set the sender's clock.", "note", value=event.kind)
        return None

    def rename_products(self, renames: Mapping[str, str]) -> int:
        """Have all that was shown and done count for what products are called now, in one step. Doing it again changes
        nothing.

        Args:
            renames: old id -> id; where that is an old one too, it is followed to the last.

        Returns:
            How many answers and events changed.
        """
        renames = follow_renames({}, renames)
        if not renames or not self.path.exists():
            return 0
        with self._changing() as file:
            return rename_rows(file, renames)

    def seen(self) -> Iterator[Seen]:
        """Impressions with which anything was done, the newest 20,000 of them, the oldest first."""
        if not self.path.exists():
            return
        with self._reading() as file:
            rows = file.execute(
                "SELECT * FROM impressions WHERE query_id IN (SELECT query_id FROM events) AND at >= ? "
                "ORDER BY at DESC, query_id LIMIT ?",
                (self._horizon(), MOST_TAUGHT),
            ).fetchall()
            events: dict[str, list[tuple[str, str, str]]] = {}
            for query_id, *event in file.execute("SELECT query_id, product_id, kind, user FROM events"):
                events.setdefault(query_id, []).append((event[0], event[1], event[2]))
        for row in reversed(rows):
            impression = impression_in(row)
            mine = events.get(impression.query_id, [])
            kinds: dict[str, set[str]] = {}
            for product, kind, _ in mine:
                kinds.setdefault(product, set()).add(kind)
            users = {user for *_, user in mine if user} | ({impression.user} if impression.user else set())
            yield Seen(impression, {name: frozenset(one) for name, one in kinds.items()}, frozenset(users))

    def has_events(self) -> bool:
        """Whether there is anything to learn from."""
        if not self.path.exists():
            return False
        with self._reading() as file:
            return bool(file.execute("SELECT EXISTS (SELECT 1 FROM events)").fetchone()[0])

    def purge(self) -> None:
        """Remove what is too old."""
        if self.path.exists():
            with self._changing():
                pass

    def counts(self) -> FeedbackCounts:
        """What there is."""
        by_rank: dict[str, list[int]] = {kind: [] for kind in KINDS}
        for one in self.seen():
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
        """Remove, overwritten, all answers to a user and all that they did, or one answer, or all there is.

        Returns:
            How many answers and events went.

        Raises:
            InvalidValue: ``forget-what``, not exactly one of them was named.
        """
        if sum((bool(user), bool(query_id), everything)) != 1:
            raise InvalidValue("It is not clear what to forget.", "Name a user, a query, or all.", code="forget-what")
        if not self.path.exists():
            return 0
        with self._changing() as file:
            before = count_rows(file)
            if user:
                hashed = self._hash_user(file, user)
                file.execute("DELETE FROM impressions WHERE user = ?", (hashed,))
                file.execute("DELETE FROM events WHERE user = ?", (hashed,))
            elif query_id:
                file.execute("DELETE FROM impressions WHERE query_id = ?", (query_id,))
            else:
                file.execute("DELETE FROM impressions")
            return before - count_rows(file)

    def copy_to(self, path: Path) -> None:
        """A consistent copy, while others write; of a damaged file its bytes as they are."""
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
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One change: on disk when the block ends, and nothing of it where it fails. What is too old goes first."""
        with self._reading() as file:
            file.execute("BEGIN IMMEDIATE")
            try:
                file.execute("DELETE FROM impressions WHERE at < ?", (self._horizon(),))
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
                    "See that there is room on the disk and that you may write there, and do it again.",
                    code="disk",
                ) from problem
            except sqlite3.DatabaseError as problem:
                raise StoreError(
                    f"{self.path} is damaged: {problem}.",
                    "Put the copy of a backup in its place, or move it away to begin anew.",
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
        file.executescript(_TABLES)
        file.execute(f"PRAGMA user_version = {FORMAT}")
        file.execute("INSERT OR IGNORE INTO own VALUES ('key', ?)", (os.urandom(32),))
    except BaseException:
        file.close()
        raise
    return file


def _product_shown(event: Event, shown: Sequence[str], named: Mapping[str, Sequence[str]]) -> str | Rejection:
    """Id of the product of an answer that an event is about, or why there is none."""
    if event.product_id in shown:
        return event.product_id
    found = [one for one in shown if one in named.get(event.product_id, ())]
    if len(found) == 1:
        return found[0]
    if found:
        reason = f"The answer showed several products of this name: {', '.join(found)}."
        return Rejection("ambiguous-product", reason, "Send the product_id of a result.", value=event.kind)
    reason = "The answer did not show this product, or showed it as the very photo."
    return Rejection("unknown-product", reason, "Send the product_id of a result.", value=event.kind)
