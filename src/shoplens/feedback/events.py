"""Events: what shoppers did with answers, one JSON object per line, as a storefront writes them.

    {"query_id": "9f0c…", "product_id": "MH01-Black", "kind": "click", "user": "42", "at": "2026-01-31T23:59:59Z"}

``user`` and ``at`` may be left out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from shoplens.errors import FeedError, InvalidValue
from shoplens.types import MAX_ID_LENGTH, Rejection

Kind = Literal["click", "purchase", "wrong"]
KINDS: tuple[Kind, ...] = ("click", "purchase", "wrong")
LONGEST_LINE = 10_000
"""Bytes of the longest line that can hold an event."""
MAX_QUOTED = 200
"""Characters of a wrong value that an error quotes."""


@dataclass(frozen=True, slots=True)
class Event:
    """What a shopper did with one product of one answer.

    Attributes:
        query_id: of the answer.
        product_id: of a product that the answer showed.
        kind: ``click``; ``purchase``; ``wrong`` says that it is not the product that was searched for.
        user: the shop's id of the shopper; empty where it is unknown.
        at: seconds since 1970 by the sender's clock; None where the sender gives no time.

    Raises:
        InvalidValue: ``bad-event``.
    """

    query_id: str
    product_id: str
    kind: Kind
    user: str = ""
    at: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise _bad("kind", self.kind, f"Choose one of: {', '.join(KINDS)}.")
        for name in ("query_id", "product_id", "user"):
            value = getattr(self, name)
            is_text = isinstance(value, str) and len(value) <= MAX_ID_LENGTH and value.isprintable()
            if not is_text or not (value or name == "user"):
                raise _bad(name, value, f"Give text of at most {MAX_ID_LENGTH} printable characters.")
        if self.at is not None and not math.isfinite(self.at):
            raise _bad("at", self.at, "Give a time such as 2026-01-31T23:59:59Z.")


def _bad(name: str, value: object, fix: str) -> InvalidValue:
    return InvalidValue(f"{name} is {str(value)[:MAX_QUOTED]!r}.", fix, code="bad-event")


def read_events(path: Path) -> Iterator[tuple[int, Event | Rejection]]:
    """Yield the number of each line, with its event or with what is wrong with it.

    Raises:
        FeedError: ``no-events``, the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE):
                number += 1
                rest = line
                while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
                    rest = file.readline(LONGEST_LINE)  # the line is too long for an event
                if not line.isspace():
                    yield number, _event(number, line)
    except OSError as problem:
        raise FeedError(
            f"{path} cannot be read: {problem.strerror}.", "Give a file of JSON lines.", code="no-events"
        ) from None


def _event(number: int, line: bytes) -> Event | Rejection:
    """Parse the event of a line; a rejection does not quote the line, which may name a user."""
    try:
        content = json.loads(line)
        if not isinstance(content, dict):
            raise ValueError(type(content).__name__)
        return event_from_json(content)
    except InvalidValue as problem:
        field = problem.problem.partition(" ")[0]
        return Rejection("bad-event", f"{field} cannot be used.", problem.fix, row=number, field=field)
    except (ValueError, RecursionError):
        return Rejection("bad-event", "The line is not a JSON object.", "Write one JSON object per line.", row=number)


def event_from_json(content: dict[str, Any]) -> Event:
    """Make an event of its JSON object; unknown keys are ignored.

    Raises:
        InvalidValue: ``bad-event``.
    """
    ids = {name: str(value) if _is_number(value) else value for name, value in content.items()}
    return Event(
        ids.get("query_id", ""),
        ids.get("product_id", ""),
        content.get("kind", ""),
        ids.get("user") or "",
        _time(content.get("at")),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _time(value: object) -> float | None:
    """Parse a time into seconds since 1970: such a number, or ISO 8601, in UTC where it names no zone."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf  # not a time, which the event will refuse
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        raise _bad("at", value, "Give a time such as 2026-01-31T23:59:59Z.") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
