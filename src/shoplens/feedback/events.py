"""What shoppers did: one event per line of a file, as a storefront writes them.

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
MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody did with one product of one answer.

    Attributes:
        query_id: of the answer.
        product_id: of a product that it showed.
        kind: ``click``; ``purchase``; ``wrong`` for a mark that it is not what was looked for.
        user: who, as the shop calls them; empty where nobody knows.
        at: seconds since 1970 by the sender's clock; None where it does not say.

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
    return InvalidValue(f"{name} is {str(value)[:MOST_SHOWN]!r}.", fix, code="bad-event")


def events_in(path: Path) -> Iterator[tuple[int, Event | Rejection]]:
    """Number of each line, and the event on it or what is wrong with it.

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
                    rest = file.readline(LONGEST_LINE)  # no event is that long
                if not line.isspace():
                    yield number, _event(number, line)
    except OSError as problem:
        raise FeedError(
            f"{path} cannot be read: {problem.strerror}.", "Give a file of JSON lines.", code="no-events"
        ) from None


def _event(number: int, line: bytes) -> Event | Rejection:
    """The event; what is wrong with a line is told without what stands there, since that may name a user."""
    try:
        found = json.loads(line)
        if not isinstance(found, dict):
            raise ValueError(type(found).__name__)
        return event_of(found)
    except InvalidValue as problem:
        field = problem.problem.partition(" ")[0]
        return Rejection("bad-event", f"{field} cannot be used.", problem.fix, row=number, field=field)
    except (ValueError, RecursionError):
        return Rejection("bad-event", "The line is no JSON.", "Write one JSON object per line.", row=number)


def event_of(found: dict[str, Any]) -> Event:
    """An event from its JSON object; keys that it does not know are passed over.

    Raises:
        InvalidValue: ``bad-event``.
    """
    ids = {name: str(value) if _is_number(value) else value for name, value in found.items()}
    return Event(
        ids.get("query_id", ""),
        ids.get("product_id", ""),
        found.get("kind", ""),
        ids.get("user") or "",
        _time(found.get("at")),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _time(told: object) -> float | None:
    """Seconds since 1970, from such a number or from ISO 8601; without a zone it is UTC."""
    if told is None or told == "":
        return None
    if isinstance(told, int | float) and not isinstance(told, bool):
        try:
            return float(told)
        except OverflowError:
            return math.inf  # no time, as the event will say
    try:
        time = datetime.fromisoformat(str(told))
    except ValueError:
        raise _bad("at", told, "Give a time such as 2026-01-31T23:59:59Z.") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
