"""Renames of products: what an answer showed and what shoppers did counts for the new id."""

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
from shoplens.types import Rejection
from tests.feedback.impressions import impression
from tests.feedback.test_log import Clock, add
from tests.store.conftest import fill_store

EventKinds = dict[str, set[str]]


@pytest.fixture
def log(tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(tmp_path / "feedback.sqlite", 30, Clock())


def read_answer(log: FeedbackLog, query_id: str = "q") -> tuple[list[str], list[int], EventKinds]:
    """Return an answer's products, their ranks, and product -> kinds of events."""
    (logged,) = (logged for logged in log.impressions_with_events() if logged.impression.query_id == query_id)
    events = {product: set(kinds) for product, kinds in logged.events.items()}
    return list(logged.impression.products), list(logged.impression.ranks), events


def test_a_rename_moves_answers_and_events_to_the_new_id(log: FeedbackLog) -> None:
    log.add_impression(impression("q", user="ann"))
    log.add_impression(impression("other", products=["x", "y"]))
    add(log, Event("q", "b", "click", "ann"), Event("q", "b", "purchase", "bob"), Event("q", "c", "wrong"))
    places = next(iter(log.impressions_with_events())).impression.ranker_features.places
    assert log.rename_products({"b": "B", "unknown": "z"}) == 3, "an answer and two events change"
    assert read_answer(log) == (["a", "B", "c"], [2, 3, 4], {"B": {"click", "purchase"}, "c": {"wrong"}})
    (logged,) = log.impressions_with_events()
    assert np.array_equal(logged.impression.ranker_features.places, places)
    assert len(logged.users) == 2
    assert add(log, Event("q", "B", "wrong"))[0] == {"wrong": 1}
    assert [rejection.kind for rejection in add(log, Event("q", "b", "click"))[1]] == ["unknown-product"]


def test_a_repeated_rename_changes_nothing(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    add(log, Event("q", "b", "click"))
    assert log.rename_products({"b": "B", "c": "C"}) > 0
    before = read_answer(log)
    assert log.rename_products({"b": "B", "c": "C"}) == 0
    assert read_answer(log) == before


def test_products_renamed_to_the_same_id_are_merged(log: FeedbackLog) -> None:
    written = impression("q", products=["s", "hat", "m", "shirt", "l"])
    log.add_impression(written)
    for product, kind in (("s", "click"), ("m", "click"), ("l", "purchase"), ("shirt", "wrong")):
        add(log, Event("q", product, kind))
    log.rename_products({"s": "shirt", "m": "shirt", "l": "shirt"})
    assert read_answer(log) == (["shirt", "hat"], [2, 3], {"shirt": {"click", "purchase", "wrong"}})
    (logged,) = log.impressions_with_events()
    places = logged.impression.ranker_features.places
    assert np.array_equal(places, written.ranker_features.places[:2]), "the features of the best rank stay"
    assert log.counts().by_rank == {"click": [0, 1], "purchase": [0, 1], "wrong": [0, 1]}


def test_of_merged_events_the_earliest_stays(log: FeedbackLog) -> None:
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
def test_chains_of_renames_lead_to_the_last_id(log: FeedbackLog, steps: list[dict[str, str]]) -> None:
    log.add_impression(impression("q"))
    add(log, Event("q", "a", "click"))
    for renames in steps:
        log.rename_products(renames)
    assert read_answer(log) == (["b3", "b", "c"], [2, 3, 4], {"b3": {"click"}})


def test_a_cycle_of_renames_and_an_empty_log_change_nothing(log: FeedbackLog) -> None:
    assert log.rename_products({"a": "b"}) == 0 and not log.path.exists()
    log.add_impression(impression("q"))
    add(log, Event("q", "a", "click"))
    assert log.rename_products({"a": "b", "b": "a"}) == 0
    assert read_answer(log)[2] == {"a": {"click"}}


def test_a_thousand_renames_change_many_answers_at_once(log: FeedbackLog) -> None:
    for n in range(300):
        log.add_impression(impression(f"q{n}", products=[f"old {n % 7}", f"p{n}"]))
        add(log, Event(f"q{n}", f"old {n % 7}", "click"))
    assert log.rename_products({f"old {n}": f"new {n}" for n in range(1_000)}) == 600
    logged = log.impressions_with_events()
    products = {product for entry in logged for product in (*entry.impression.products[:1], *entry.events)}
    assert products == {f"new {n}" for n in range(7)}


def test_a_rename_that_fails_changes_nothing(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    add(log, Event("q", "a", "click"))
    log.close()
    with sqlite3.connect(log.path) as file:
        file.execute("CREATE TRIGGER full BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    file.close()
    with pytest.raises(StoreError, match="the disk is full"):
        log.rename_products({"a": "A"})
    assert read_answer(log) == (["a", "b", "c"], [2, 3, 4], {"a": {"click"}})


# Renames of the store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store", create=True)
    fill_store(store, range(3))
    return store


def test_apply_renames_changes_the_store_and_the_log(store: Store, log: FeedbackLog) -> None:
    log.add_impression(impression("q", products=["old", "p1", "p2"]))
    add(log, Event("q", "old", "click"))
    assert apply_renames(store, log, {"old": "p0"}) == 2
    assert store.renames() == {"old": "p0"} and read_answer(log)[0] == ["p0", "p1", "p2"]
    assert apply_renames(store, log, {}) == 0
    store.close()


def test_apply_renames_completes_an_interrupted_rename_and_late_answers(store: Store, log: FeedbackLog) -> None:
    log.add_impression(impression("q", products=["old", "p1"]))
    add(log, Event("q", "old", "click"))
    store.add_renames({"old": "p0"})  # interrupted before the log was changed
    assert apply_renames(store, log, {}) == 2
    log.add_impression(impression("late", products=["old", "p1"]))  # by a search that began before
    add(log, Event("late", "old", "click"))
    assert apply_renames(store, log, {}) == 2
    assert read_answer(log, "late")[2] == {"p0": {"click"}}
    store.close()


def test_an_old_id_that_is_a_product_again_keeps_its_events(store: Store, log: FeedbackLog) -> None:
    apply_renames(store, log, {"p1": "p0"})
    log.add_impression(impression("q", products=["p1", "p2"]))
    add(log, Event("q", "p1", "click"))
    assert apply_renames(store, log, {}) == 0, "p1 is a product, so its rename does not apply"
    assert store.renames() == {} and read_answer(log)[2] == {"p1": {"click"}}
    store.close()


def test_a_damaged_file_of_renames_is_an_error_and_the_log_stays_unchanged(store: Store, log: FeedbackLog) -> None:
    log.add_impression(impression("q", products=["old"]))
    add(log, Event("q", "old", "click"))
    (store.folder / RENAMED).write_text("{")
    with pytest.raises(StoreError, match="renamed"):
        apply_renames(store, log, {"old": "p0"})
    assert read_answer(log)[0] == ["old"]
    store.close()


# Events that name a product by an identifier


def test_an_event_may_name_a_product_by_an_identifier(log: FeedbackLog) -> None:
    log.add_impression(impression("q"))
    rejections: list[Rejection] = []
    products_by_name = {"SKU-1": ("b",), "shared": ("a", "c"), "far": ("z",), "half": ("z", "c"), "a": ("b",)}
    names = ["SKU-1", "shared", "far", "half", "a", "unknown"]
    new = log.add([(n, Event("q", name, "click")) for n, name in enumerate(names)], rejections.append, products_by_name)
    assert new == {"click": 3}
    assert read_answer(log)[2] == {"b": {"click"}, "c": {"click"}, "a": {"click"}}
    assert [(rejection.row, rejection.kind, rejection.product_id) for rejection in rejections] == [
        (1, "ambiguous-product", "shared"),
        (2, "unknown-product", "far"),
        (5, "unknown-product", "unknown"),
    ]
    assert "several products of this name: a, c" in rejections[0].reason
    assert log.add([(None, Event("q", "SKU-1", "click"))], rejections.append, products_by_name) == {}
    assert rejections[-1].kind == "duplicate-event"
