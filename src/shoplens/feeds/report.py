"""The report of a run: a file with every rejection and note, and their counts for a table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, NamedTuple

from shoplens.types import Rejection

EXAMPLES = 3
"""Number of rejections of each kind that are kept in memory as examples."""


class SummaryRow(NamedTuple):
    """The rejections of one level and kind.

    Attributes:
        level: ``rejected`` or ``note``.
        kind: kebab-case name of the case.
        times: number of rejections.
        example: the place and value of the first one.
        fix: what to do about the first one.
    """

    level: Literal["rejected", "note"]
    kind: str
    times: int
    example: str
    fix: str


@dataclass(slots=True)
class _Tally:
    count: int
    examples: list[Rejection]


class Report:
    """Writes rejections as JSON Lines, each immediately, so that a run that crashes leaves its rejections.

    Args:
        path: the file, to which rejections are appended; its folder is created. None counts without writing.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._tallies: dict[tuple[Literal["rejected", "note"], str], _Tally] = {}
        self._file: IO[str] | None = None

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, rejection: Rejection) -> None:
        """Count a rejection and write it to the file."""
        tally = self._tallies.setdefault((rejection.level, rejection.kind), _Tally(0, []))
        tally.count += 1
        if len(tally.examples) < EXAMPLES:
            tally.examples.append(rejection)
        if self.path is not None:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a", encoding="utf-8", errors="backslashreplace")
            self._file.write(json.dumps(asdict(rejection), ensure_ascii=False) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; a rejection added later opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def rejected(self) -> int:
        """Number of rejections of level ``rejected``."""
        return sum(tally.count for (level, _), tally in self._tallies.items() if level == "rejected")

    @property
    def notes(self) -> int:
        """Number of rejections of level ``note``."""
        return sum(tally.count for (level, _), tally in self._tallies.items() if level == "note")

    def examples(self, kind: str) -> tuple[Rejection, ...]:
        """Return the first few rejections of a kind."""
        return tuple(
            example for (_, name), tally in self._tallies.items() if name == kind for example in tally.examples
        )

    def summary(self) -> list[SummaryRow]:
        """Return a row per level and kind: rejections before notes, and the most frequent ones first."""
        rows = [
            SummaryRow(level, kind, tally.count, describe_rejection(tally.examples[0]), tally.examples[0].fix)
            for (level, kind), tally in self._tallies.items()
        ]
        return sorted(rows, key=lambda row: (row.level == "note", -row.times, row.kind))


def describe_rejection(rejection: Rejection) -> str:
    """Return the place of a rejection and the value there, as text.

    >>> describe_rejection(Rejection("bad-price", "no price", "write one", row=7, field="price", value="cheap"))
    'row 7, price: cheap'
    """
    parts = [f"row {rejection.row}"] if rejection.row is not None else []
    parts += [part for part in (rejection.product_id, rejection.field) if part]
    return ", ".join(parts) + (f": {rejection.value}" if rejection.value else "")
