"""Reading of events as storefronts write them, and of broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.errors import FeedError, InvalidValue
from shoplens.feedback.events import LONGEST_LINE, Event, event_from_json, read_events
from shoplens.types import Rejection


def test_event_from_json_reads_an_event() -> None:
    fields = {"query_id": "q", "product_id": 17, "kind": "click", "user": 42, "at": "2026-01-31T23:59:59Z", "page": "x"}
    assert event_from_json(fields) == Event("q", "17", "click", "42", 1769903999.0)
    assert event_from_json({**fields, "at": "2026-01-31T23:59:59", "user": None}) == Event(
        "q", "17", "click", "", 1769903999.0
    )
    assert event_from_json({**fields, "at": 12.5}).at == 12.5


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "like"},
        {"kind": None},
        {"kind": ["click"]},
        {"query_id": ""},
        {"product_id": None},
        {"product_id": {"$ne": ""}},
        {"product_id": "x" * 10_000},
        {"user": ["a"]},
        {"at": "yesterday"},
        {"at": True},
        {"at": float("nan")},
        {"at": 10**400},
        {"query_id": "\ud800"},
        {"user": "a\x00b"},
    ],
)
def test_a_broken_event_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match=r"is .*"):
        event_from_json({"query_id": "q", "product_id": "p", "kind": "click", **change})


def test_broken_lines_are_rejected_and_the_others_are_read(tmp_path: Path) -> None:
    valid = json.dumps({"query_id": "q", "product_id": "p", "kind": "click"})
    lines = [valid, "rubbish", "", "[1]", '{"query_id": "q"}', "[" * 5000, '"' + "x" * 3 * LONGEST_LINE + '"', valid]
    file = tmp_path / "clicks.jsonl"
    file.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n" + valid.encode())
    items = list(read_events(file))
    assert [number for number, item in items if isinstance(item, Event)] == [1, 8, 10]
    assert [number for number, item in items if isinstance(item, Rejection)] == [2, 4, 5, 6, 7, 9]
    assert all(item.reason and item.fix for _, item in items if isinstance(item, Rejection))


def test_a_rejected_line_does_not_repeat_the_user(tmp_path: Path) -> None:
    file = tmp_path / "clicks.jsonl"
    file.write_text(json.dumps({"query_id": "q", "product_id": "p", "kind": "like", "user": "ann@example.com"}))
    assert "example.com" not in str(list(read_events(file)))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="JSON lines"):
        list(read_events(tmp_path / "none.jsonl"))
