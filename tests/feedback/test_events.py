"""Events as storefronts write them, and as they get broken on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.errors import FeedError, InvalidValue
from shoplens.feedback.events import LONGEST_LINE, Event, event_from_json, read_events
from shoplens.types import Rejection


def test_an_event_is_read() -> None:
    told = {"query_id": "q", "product_id": 17, "kind": "click", "user": 42, "at": "2026-01-31T23:59:59Z", "page": "x"}
    assert event_from_json(told) == Event("q", "17", "click", "42", 1769903999.0)
    assert event_from_json({**told, "at": "2026-01-31T23:59:59", "user": None}) == Event(
        "q", "17", "click", "", 1769903999.0
    )
    assert event_from_json({**told, "at": 12.5}).at == 12.5


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
def test_a_broken_event_is_told(change: dict[str, object]) -> None:
    with pytest.raises(InvalidValue, match=r"is .*"):
        event_from_json({"query_id": "q", "product_id": "p", "kind": "click", **change})


def test_lines_that_are_no_events_do_not_hide_the_others(tmp_path: Path) -> None:
    good = json.dumps({"query_id": "q", "product_id": "p", "kind": "click"})
    lines = [good, "rubbish", "", "[1]", '{"query_id": "q"}', "[" * 5000, '"' + "x" * 3 * LONGEST_LINE + '"', good]
    file = tmp_path / "clicks.jsonl"
    file.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n" + good.encode())
    found = list(read_events(file))
    assert [number for number, one in found if isinstance(one, Event)] == [1, 8, 10]
    assert [number for number, one in found if isinstance(one, Rejection)] == [2, 4, 5, 6, 7, 9]
    assert all(one.reason and one.fix for _, one in found if isinstance(one, Rejection))
    secret = json.dumps({"query_id": "q", "product_id": "p", "kind": "like", "user": "ann@example.com"})
    file.write_text(secret)
    assert "example.com" not in str(list(read_events(file)))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="JSON lines"):
        list(read_events(tmp_path / "none.jsonl"))
