"""Products that are called otherwise now: what was shown and done counts for them, however often that is said."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import StoreError
from shoplens.feedback.events import Event
from shoplens.feedback.log import FeedbackLog
from shoplens.feedback.renaming import apply_renames
from shoplens.store.renames import RENAMED
from shoplens.store.store import Store
from tests.feedback.answers import impression
from tests.feedback.test_log import Clock, add
from tests.store.conftest import fill_store

Done = dict[str, set[str]]


@pytest.fixture
def log(tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(tmp_path / "feedback.sqlite", 30, Clock())


def done(log: FeedbackLog, query_id: str = "q") -> tuple[list[str], list[int], Done]:
    """What an answer showed at which ranks, and what was done."""
    (one,) = (one for one in log.impressions_with_events() if one.impression.query_id == query_id)
    events = {product: set(kinds) for product, kinds in one.events.items()}
    return list(one.impression.products), list(one.impression.ranks), events


def test_what_was_shown_and_done_counts_for_the_new_id(log: FeedbackLog) -> None:
    log.add_impression(impression("q", user="ann"))
    log.add_impression(impression("other", products=["x", "y"]))
    add(log, Event("q", "b", "click", "ann"), Event("q", "b", "purchase", "bob"), Event("q", "c", "wrong"))
    places = next(iter(log.impressions_with_events())).impression.ranker_features.places
    assert log.rename_products({"b": "B", "unheard of": "z"}) == 3, "an answer and two events"
    assert done(log) == (["a", "B", "c"], [2, 3, 4], {"B": {"click", "purchase"}, "c": {"wrong"}})
    (one,) = log.impressions_with_events()
    assert np.array_equal(one.impression.ranker_features.places, places)
    assert len(one.users) == 2
    assert add(log, Event("q", "B", "wrong"))[0] == {"wrong": 1}
    assert [one.kind for one in add(log, Event("q", "b", "click"))[1]] == ["unknown-product"]


def test_doing_it_again_changes_nothing(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    add(log, Event("q", "b", "click"))
    assert log.rename_products({"b": "B", "c": "C"}) > 0
    before = done(log)
    assert log.rename_products({"b": "B", "c": "C"}) == 0
    assert done(log) == before


def test_several_that_are_one_now_are_merged(log: FeedbackLog) -> None:
    kept = impression("q", products=["s", "other", "m", "one", "l"])
    log.add_impression(kept)
    add(
        log, Event("q", "s", "click"), Event("q", "m", "click"), Event("q", "l", "purchase"), Event("q", "one", "wrong")
    )
    log.rename_products({"s": "one", "m": "one", "l": "one"})
    assert done(log) == (["one", "other"], [2, 3], {"one": {"click", "purchase", "wrong"}})
    (one,) = log.impressions_with_events()
    assert np.array_equal(one.impression.ranker_features.places, kept.ranker_features.places[:2]), (
        "the first place stays"
    )
    assert log.counts().by_rank == {"click": [0, 1], "purchase": [0, 1], "wrong": [0, 1]}


def test_the_earlier_of_two_events_stays(log: FeedbackLog) -> None:
    clock = Clock()
    log = FeedbackLog(log.path, 30, clock)
    log.add_impression(impression("q"))
    for clock.now, name in ((1500.0, "b"), (1200.0, "a"), (1300.0, "c")):
        add(log, Event("q", name, "click"))
    log.rename_products({"a": "b", "c": "b"})
    log.close()
    with sqlite3.connect(log.path) as file:
        assert file.execute("SELECT product_id, at FROM events").fetchall() == [("b", 1200.0)]
    file.close()


@pytest.mark.parametrize("steps", [[{"a": "b2", "b2": "b3"}], [{"a": "b2"}, {"b2": "b3"}], [{"b2": "b3"}, {"a": "b3"}]])
def test_renames_are_followed_to_the_last(log: FeedbackLog, steps: list[dict[str, str]]) -> None:
    log.add_impression(impression("q"))
    add(log, Event("q", "a", "click"))
    for renames in steps:
        log.rename_products(renames)
    assert done(log) == (["b3", "b", "c"], [2, 3, 4], {"b3": {"click"}})


def test_a_circle_and_an_empty_log_change_nothing(log: FeedbackLog) -> None:
    assert log.rename_products({"a": "b"}) == 0 and not log.path.exists()
    log.add_impression(impression("q"))
    add(log, Event("q", "a", "click"))
    assert log.rename_products({"a": "b", "b": "a"}) == 0
    assert done(log)[2] == {"a": {"click"}}


def test_many_answers_are_renamed_together(log: FeedbackLog) -> None:
    for n in range(300):
        log.add_impression(impression(f"q{n}", products=[f"old {n % 7}", f"p{n}"]))
        add(log, Event(f"q{n}", f"old {n % 7}", "click"))
    assert log.rename_products({f"old {n}": f"new {n}" for n in range(1_000)}) == 600
    shown = {
        product for one in log.impressions_with_events() for product in (*one.impression.products[:1], *one.events)
    }
    assert shown == {f"new {n}" for n in range(7)}


def test_all_of_it_or_nothing(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    add(log, Event("q", "a", "click"))
    log.close()
    with sqlite3.connect(log.path) as file:
        file.execute("CREATE TRIGGER full BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    file.close()
    with pytest.raises(StoreError, match="the disk is full"):
        log.rename_products({"a": "A"})
    assert done(log) == (["a", "b", "c"], [2, 3, 4], {"a": {"click"}})


# With the store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", create=True)
    fill_store(store, range(3))
    return store


def test_store_and_log_follow_together(store: Store, log: FeedbackLog) -> None:
    log.add_impression(impression("q", products=["old", "p1", "p2"]))
    add(log, Event("q", "old", "click"))
    assert apply_renames(store, log, {"old": "p0"}) == 2
    assert store.renames() == {"old": "p0"} and done(log)[0] == ["p0", "p1", "p2"]
    assert apply_renames(store, log, {}) == 0
    store.close()


def test_what_was_cut_off_is_made_up_for(store: Store, log: FeedbackLog) -> None:
    log.add_impression(impression("q", products=["old", "p1"]))
    add(log, Event("q", "old", "click"))
    store.add_renames({"old": "p0"})  # and then the power went off
    assert apply_renames(store, log, {}) == 2
    log.add_impression(impression("late", products=["old", "p1"]))  # by who had not heard of it
    add(log, Event("late", "old", "click"))
    assert apply_renames(store, log, {}) == 2
    assert done(log, "late")[2] == {"p0": {"click"}}
    store.close()


def test_a_product_that_has_its_id_again_keeps_what_is_its_own(store: Store, log: FeedbackLog) -> None:
    apply_renames(store, log, {"p1": "p0"})
    log.add_impression(impression("q", products=["p1", "p2"]))
    add(log, Event("q", "p1", "click"))
    assert apply_renames(store, log, {}) == 0, "p1 is a product"
    assert store.renames() == {} and done(log)[2] == {"p1": {"click"}}
    store.close()


def test_a_damaged_file_of_renames_leaves_the_log_alone(store: Store, log: FeedbackLog) -> None:
    log.add_impression(impression("q", products=["old"]))
    add(log, Event("q", "old", "click"))
    (store.folder / RENAMED).write_text("{")
    with pytest.raises(StoreError, match="renamed"):
        apply_renames(store, log, {"old": "p0"})
    assert done(log)[0] == ["old"]
    store.close()


# Events that call a product by another name


def test_an_event_may_call_a_product_otherwise(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    told = []
    named = {"SKU-1": ("b",), "shared": ("a", "c"), "far": ("z",), "half": ("z", "c"), "a": ("b",)}
    names = ["SKU-1", "shared", "far", "half", "a", "unheard of"]
    new = log.add([(n, Event("q", name, "click")) for n, name in enumerate(names)], told.append, named)
    assert new == {"click": 3}
    assert done(log)[2] == {"b": {"click"}, "c": {"click"}, "a": {"click"}}
    assert [(one.row, one.kind, one.product_id) for one in told] == [
        (1, "ambiguous-product", "shared"),
        (2, "unknown-product", "far"),
        (5, "unknown-product", "unheard of"),
    ]
    assert "several products of this name: a, c" in told[0].reason
    assert log.add([(None, Event("q", "SKU-1", "click"))], told.append, named) == {}
    assert told[-1].kind == "duplicate-event"
