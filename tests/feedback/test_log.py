"""The feedback log keeps answers and events until they are too old or are to be forgotten."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import InvalidValue, StoreError
from shoplens.feedback.events import Event
from shoplens.feedback.log import DAY, FeedbackLog
from shoplens.types import Rejection
from tests.feedback.impressions import NAMES, impression


class Clock:
    """A clock that tests set, in seconds since 1970."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, clock: Clock) -> FeedbackLog:
    return FeedbackLog(tmp_path / "feedback.sqlite", 30, clock)


def add(log: FeedbackLog, *events: Event) -> tuple[Counter[str], list[Rejection]]:
    """Add events; return the number of new events of each kind, and the rejections."""
    rejections: list[Rejection] = []
    return log.add([(number, event) for number, event in enumerate(events, 1)], rejections.append), rejections


def test_reading_an_empty_log_creates_no_file(log: FeedbackLog) -> None:
    assert not list(log.impressions_with_events()) and log.counts().impressions == 0 and log.forget(user="u") == 0
    assert not log.path.exists()


def test_an_answer_is_read_as_it_was_written(log: FeedbackLog) -> None:
    written = impression("q", user="ann")
    log.add_impression(written)
    log.add_impression(impression("without events"))
    add(log, Event("q", "b", "click", "ann"), Event("q", "b", "purchase", "bob"), Event("q", "c", "wrong"))
    log.close()
    [logged] = FeedbackLog(log.path, 30, log._clock).impressions_with_events()
    read = logged.impression
    assert (read.query_id, read.at, read.strategy, read.model) == ("q", 1000.0, "filters-static", "model")
    assert read.ranks == [2, 3, 4]
    assert tuple(read.ranker_features.names) == NAMES
    assert (read.products, read.importances) == (["a", "b", "c"], written.importances)
    for name in ("look", "signals", "places"):
        assert np.array_equal(getattr(read.ranker_features, name), getattr(written.ranker_features, name))
    assert logged.events == {"b": {"click", "purchase"}, "c": {"wrong"}}
    assert len(logged.users) == 2 and read.user in logged.users


def test_events_that_do_not_count_are_reported_and_the_others_are_kept(log: FeedbackLog, clock: Clock) -> None:
    log.add_impression(impression("q"))
    clock.now = 2000.0
    new, rejections = add(
        log,
        Event("q", "a", "click", at=1500),
        Event("q", "a", "click", at=1500),
        Event("gone", "a", "click"),
        Event("q", "z", "click"),
        Event("q", "b", "click", at=10),
        Event("q", "c", "purchase", at=9e9),
        Event("q", "c", "click", at=1800),
    )
    assert new == {"click": 3, "purchase": 1}
    assert [(rejection.row, rejection.kind, rejection.level) for rejection in rejections] == [
        (2, "duplicate-event", "note"),
        (3, "unknown-query", "rejected"),
        (4, "unknown-product", "rejected"),
        (5, "odd-clock", "note"),
        (6, "odd-clock", "note"),
    ]
    assert all(rejection.reason and rejection.fix for rejection in rejections)
    counts = log.counts()
    assert counts.by_rank == {"click": [0, 1, 1, 1], "purchase": [0, 0, 0, 1], "wrong": []}


def test_ten_thousand_equal_events_count_once(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    new, rejections = add(log, *[Event("q", "a", "click", "bad")] * 10_000)
    assert new == {"click": 1} and len(rejections) == 9_999
    assert log.path.stat().st_size < 100_000


def test_answers_past_the_retention_time_are_deleted_with_their_events(log: FeedbackLog, clock: Clock) -> None:
    log.add_impression(impression("old", at=1000))
    add(log, Event("old", "a", "click"))
    clock.now = 1000 + 31 * DAY
    assert not list(log.impressions_with_events()) and log.counts().impressions == 0
    log.add_impression(impression("new", at=clock.now))
    assert count_rows(log) == (1, 0)
    assert add(log, Event("old", "a", "click"))[1][0].kind == "unknown-query"


def test_a_forgotten_user_leaves_no_trace_in_the_file(log: FeedbackLog) -> None:
    log.add_impression(impression("hers", user="ann", products=["a", "only-ann-saw-this"]))
    log.add_impression(impression("his", user="bob"))
    add(log, Event("hers", "a", "click", "ann"), Event("his", "b", "click", "ann"), Event("his", "c", "click", "bob"))
    assert b"only-ann-saw-this" in log.path.read_bytes() and b"ann\x00" not in log.path.read_bytes()
    assert log.forget(user="ann") == 3
    [logged] = log.impressions_with_events()
    assert (logged.impression.query_id, logged.events) == ("his", {"c": {"click"}})
    assert log.counts().users == 1 and b"only-ann-saw-this" not in log.path.read_bytes()
    assert log.forget(user="ann") == 0


def test_a_single_answer_or_all_answers_can_be_forgotten(log: FeedbackLog) -> None:
    for name in "xyz":
        log.add_impression(impression(name))
    assert log.forget(query_id="x") == 1 and log.forget(everything=True) == 2
    for arguments in ({}, {"user": "a", "query_id": "b"}):
        with pytest.raises(InvalidValue, match="Name either a user"):
            log.forget(**arguments)


def test_two_logs_hash_the_same_user_differently(tmp_path: Path, clock: Clock) -> None:
    hashes = []
    for name in ("first", "second"):
        log = FeedbackLog(tmp_path / name, 30, clock)
        log.add_impression(impression("q", user="ann"))
        add(log, Event("q", "a", "click", "ann"))
        hashes.append(next(iter(log.impressions_with_events())).impression.user)
    assert hashes[0] != hashes[1] and "ann" not in hashes


def test_a_copy_is_consistent_while_another_thread_writes(log: FeedbackLog, tmp_path: Path) -> None:
    log.add_impression(impression("q"))
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            log.add_impression(impression(f"more {number}"))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        log.copy_to(tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    with sqlite3.connect(tmp_path / "copy") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_concurrent_threads_lose_no_answer_and_no_event(log: FeedbackLog) -> None:
    def add_answers(number: int) -> None:
        for n in range(10):
            log.add_impression(impression(f"{number}-{n}"))
            add(log, Event(f"{number}-{n}", "a", "click"))

    threads = [threading.Thread(target=add_answers, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_rows(log) == (60, 60)


def test_a_damaged_file_is_an_error_and_stays_unchanged(log: FeedbackLog) -> None:
    log.path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    for call in (
        lambda: log.add_impression(impression("q")),
        lambda: list(log.impressions_with_events()),
        lambda: log.forget(user="a"),
    ):
        with pytest.raises(StoreError, match="damaged"):
            call()
    assert log.path.read_bytes().startswith(b"no database")


def test_events_are_added_all_or_none(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))

    def events():
        yield 1, Event("q", "a", "click")
        raise RuntimeError("the sender died")

    with pytest.raises(RuntimeError, match="the sender died"):
        log.add(events(), lambda rejection: None)
    assert count_rows(log) == (1, 0)
    assert add(log, Event("q", "a", "click"))[0] == {"click": 1}


ENDLESS_WRITER = """
import sys
from pathlib import Path
from shoplens.feedback.log import FeedbackLog
from tests.feedback.impressions import impression
log = FeedbackLog(Path(sys.argv[1]), 30, lambda: 1000.0)
n = 0
while True:
    log.add_impression(impression(f"q{n}"))
    print(n, flush=True)
    n += 1
"""


def test_a_lock_of_another_connection_is_an_error_and_later_writes_succeed(log: FeedbackLog) -> None:
    log.add_impression(impression("before"))
    with sqlite3.connect(log.path, isolation_level=None) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM impressions").fetchone()
        with pytest.raises(StoreError, match="locked"):
            log.add_impression(impression("meanwhile"))
        connection.execute("ROLLBACK")
    connection.close()
    log.add_impression(impression("after"))
    assert count_rows(log) == (2, 0)


def test_a_file_of_a_later_version_is_refused(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    log.close()
    with sqlite3.connect(log.path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    with pytest.raises(StoreError, match="later version"):
        list(log.impressions_with_events())


def test_acknowledged_answers_survive_kill_9(log: FeedbackLog) -> None:
    for _ in range(3):
        log.path.unlink(missing_ok=True)
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS_WRITER, log.path],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        ) as process:
            assert process.stdout is not None
            last = [process.stdout.readline() for _ in range(20)][-1]
            os.kill(process.pid, signal.SIGKILL)
        assert count_rows(log)[0] > int(last)
        log.close()


def count_rows(log: FeedbackLog) -> tuple[int, int]:
    """Return the numbers of impressions and of events in the file."""
    with sqlite3.connect(log.path) as file:
        impressions, events = (
            file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("impressions", "events")
        )
    return impressions, events
