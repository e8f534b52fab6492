"""Rows of a delimited text file (CSV, TSV, …), with every way in which such a row can be broken."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shoplens.feeds.text.text_lines import MAX_LINE, TextLines
from shoplens.errors import FeedError
from shoplens.types import Rejection

DELIMITERS = (",", ";", "\t", "|")
MAX_FIELD = MAX_LINE
"""Characters in one field; the csv module's own limit, 131,072, is too little for descriptions with pictures inside."""
MAX_LINES = 500
"""Lines in one row; more of them is a quote that was never closed."""


class _UnclosedError(Exception):
    """A quoted field does not end."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its number, the first below the header being 1, and column -> value (stripped)."""

    number: int
    values: Mapping[str, str]


class _Tape:
    """Lines for a csv reader that remembers those of the row at hand and can take some back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._returned: deque[str] = deque()
        self.current: list[str] = []

    def __iter__(self) -> _Tape:
        return self

    def __next__(self) -> str:
        if len(self.current) >= MAX_LINES or sum(map(len, self.current)) > MAX_FIELD:
            raise _UnclosedError
        line = self._returned.popleft() if self._returned else next(self._lines, None)
        if line is None:
            if self.current:
                raise _UnclosedError
            raise StopIteration
        self.current.append(line)
        return line

    def take_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))


def header_columns(text: str, known: Collection[str]) -> tuple[str, ...]:
    """The columns in the first line of ``text`` that is not empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _columns(_cells(first, delimiter_of(first, known)))


def delimiter_of(header: str, known: Collection[str]) -> str:
    """The delimiter that shows most of the ``known`` columns, then most columns at all, in a header line."""

    def shown(delimiter: str) -> tuple[int, int]:
        columns = _columns(_cells(header, delimiter))
        return len(set(columns) & set(known)), len(columns)

    return max(DELIMITERS, key=shown)


def read_table(path: Path, known: Collection[str]) -> Iterator[TableRow | Rejection]:
    """Rows below the header, and rejections for those that do not fit it.

    Column names are lower case, with ``_`` for spaces and without the prefix ``g:``. Values of a column that comes
    more than once are joined by commas. Empty rows count in the numbering and are otherwise passed over.

    Raises:
        FeedError: the header is too long to be one.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD))
    lines = TextLines(path)
    lines_read = iter(lines)
    header = next(filter(str.strip, lines_read), "")
    if lines.left_out:
        fix = "Export it again, with line breaks between the rows."
        raise FeedError(f"The first line of {path} is longer than {MAX_LINE // 2**20} MB.", fix, code="unknown-header")
    delimiter = delimiter_of(header, known)
    columns = _columns(_cells(header, delimiter))
    tape = _Tape(lines_read)
    for number, cells in enumerate(_rows(tape, delimiter, len(columns)), 1):
        yield from lines.notes(number)
        if isinstance(cells, str):
            yield _unclosed(number, cells)
        elif any(map(str.strip, cells)):
            yield _fitted(number, cells, columns)


def _rows(tape: _Tape, delimiter: str, width: int) -> Iterator[list[str] | str]:
    """Cells of each row; for a row that cannot be taken apart, its first line."""
    reader = csv.reader(tape, delimiter=delimiter)
    while True:
        tape.current.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_UnclosedError, csv.Error):
            cells = None
        first, *others = tape.current
        if cells is not None and not (others and _swallowed(tape.current, cells, delimiter, width)):
            yield cells
            continue
        tape.take_back(others)
        reader = csv.reader(tape, delimiter=delimiter)
        yield first


def _swallowed(lines: list[str], cells: list[str], delimiter: str, width: int) -> bool:
    """Whether a stray quote made whole rows part of the row before them: the row does not fit, or its quotes do not,
    and lines of it would fit as rows."""
    fits = len(cells) == width and _is_strict(lines, delimiter)
    return not fits and any(len(_cells(line, delimiter)) == width for line in lines[1:])


def _is_strict(lines: list[str], delimiter: str) -> bool:
    try:
        next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _columns(cells: list[str]) -> tuple[str, ...]:
    return tuple("_".join(cell.strip().lower().removeprefix("g:").split()) for cell in cells)


def _fitted(number: int, cells: list[str], columns: tuple[str, ...]) -> TableRow | Rejection:
    extra = cells[len(columns) :]
    if len(cells) < len(columns) or any(map(str.strip, extra)):
        return Rejection(
            kind="too-many-columns" if extra else "too-few-columns",
            row=number,
            field=columns[len(cells)] if not extra else "",
            value=extra[0] if extra else " ".join(cells),
            reason=f"The row has {len(cells)} columns, the header has {len(columns)}.",
            fix="Put quotes around values with the delimiter or a line break inside; leave no column out.",
        )
    values: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        if cell := cell.strip():
            values[column] = f"{values[column]},{cell}" if column in values else cell
    return TableRow(number, values)


def _unclosed(number: int, line: str) -> Rejection:
    return Rejection(
        kind="malformed-row",
        row=number,
        value=line.strip(),
        reason="The row cannot be taken apart: a quote is not closed, or a field is too long.",
        fix='Close every quote, write a quote inside quotes twice (""), keep fields under 16 MB.',
    )
