"""Rows of a delimited text file (CSV, TSV, …), with every way in which such a row can be broken."""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from shoplens.errors import FeedError
from shoplens.feeds.rows import SkippedRow
from shoplens.feeds.text.plain_text import normalize_nfc
from shoplens.feeds.text.text_lines import HEAD, MAX_LINE, TextLines
from shoplens.types import Rejection

DELIMITERS = (",", ";", "\t", "|")
MAX_FIELD = MAX_LINE
"""Characters in one field; the csv module's own limit, 131,072, is too little for descriptions with pictures inside."""
MAX_LINES = 500
"""Lines in one row; more of them is a quote that was never closed."""


PREAMBLE = 20
"""Lines among which the header is looked for."""
_PREAMBLE = re.compile(r"\ufeff?\s*[\"']?(?:sep=|#)", re.IGNORECASE)
"""How lines start that spreadsheets and templates put above the header."""


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


def header_cells(text: str, known: Collection[str]) -> tuple[str, ...]:
    """The cells of the header as they are written; it is looked for among the first lines of ``text``."""
    lines = text.splitlines()[:PREAMBLE]
    place, _, delimiter = _header_among(lines, known)
    return tuple(cell.strip("\ufeff \t") for cell in _cells(lines[place], delimiter)) if lines else ()


def column_name(name: str) -> str:
    """A column as it is compared: lower case, ``_`` for spaces, without the prefix ``g:``.

    >>> column_name(" Image  Src "), column_name("g:Image_Link")
    ('image_src', 'image_link')
    """
    return "_".join(normalize_nfc(name).strip("\ufeff \t\r\n").lower().removeprefix("g:").split())


def delimiter_of(header: str, known: Collection[str]) -> str:
    """The delimiter that shows most of the ``known`` columns, then most columns at all, in a header line."""

    def score(delimiter: str) -> tuple[int, int]:
        columns = _columns(_cells(header, delimiter))
        return len(set(columns) & set(known)), len(columns)

    return max(DELIMITERS, key=score)


def read_table(
    path: Path, known: Collection[str], repeated: Collection[str] = ()
) -> Iterator[TableRow | SkippedRow | Rejection]:
    """Rows below the header, and what is odd about them.

    The header is, of the first lines, the one that shows most of the ``known`` columns; what stands above it is passed
    over with a note. Column names are as :func:`column_name` gives them. Of a column that comes more than once the
    first value counts, but values of ``repeated`` columns are joined by commas. A row that is too short is read as far
    as it goes. Empty rows count in the numbering and are otherwise passed over.

    Raises:
        FeedError: the header is too long to be one.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD))
    first_lines = _first_lines(path)
    above, columns, delimiter = _header_among(first_lines, known)
    lines = TextLines(path)
    lines_read = islice(lines, above, None)
    next(lines_read, None)
    if lines.left_out:
        fix = "Export it again, with line breaks between the rows."
        raise FeedError(f"The first line of {path} is longer than {MAX_LINE // 2**20} MB.", fix, code="unknown-header")
    yield from _notes_on_header(list(filter(str.strip, first_lines[:above])), columns, repeated)
    tape = _Tape(lines_read)
    for number, cells in enumerate(_rows(tape, delimiter, len(columns)), 1):
        yield from lines.notes(number)
        if isinstance(cells, str):
            yield _malformed_row(number, cells)
        elif any(map(str.strip, cells)):
            yield from _check_row(number, cells, columns, repeated)


def _first_lines(path: Path) -> list[str]:
    """The lines among which the header is looked for; of a long file with long lines only the first ones."""
    found: list[str] = []
    for text in islice(TextLines(path), PREAMBLE):
        found.append(text)
        if sum(map(len, found)) > HEAD:
            break
    return found


def _header_among(lines: Sequence[str], known: Collection[str]) -> tuple[int, tuple[str, ...], str]:
    """Place, columns and delimiter of the header among some lines."""
    found: list[tuple[int, tuple[str, ...], str]] = []
    for place, text in enumerate(lines):
        if text.strip():
            delimiter = delimiter_of(text, known)
            found.append((place, _columns(_cells(text, delimiter)), delimiter))
    if not found:
        return 0, (), ","
    best = max(found, key=lambda one: len(set(one[1]) & set(known)))
    if set(best[1]) & set(known):
        return best
    return next((one for one in found if not _PREAMBLE.match(lines[one[0]])), found[0])


def _notes_on_header(above: Sequence[str], columns: Sequence[str], repeated: Collection[str]) -> Iterator[Rejection]:
    if above:
        yield Rejection(
            kind="lines-above-header",
            level="note",
            value=above[0].strip(),
            reason=f"What stands above the header was passed over; lines: {len(above)}.",
            fix="Nothing has to be done.",
        )
    times = Counter(columns)
    for name in (name for name in times if name and name not in repeated and times[name] > 1):
        yield Rejection(
            kind="doubled-column",
            level="note",
            field=name,
            value=name,
            reason=f"The header has the column {name} more than once; the first one that is not empty counts.",
            fix="Give every column a name of its own.",
        )


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
        if cells is not None and not (others and _has_merged_rows(tape.current, cells, delimiter, width)):
            yield cells
            continue
        tape.take_back(others)
        reader = csv.reader(tape, delimiter=delimiter)
        yield first


def _has_merged_rows(lines: list[str], cells: list[str], delimiter: str, width: int) -> bool:
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
    return tuple(map(column_name, cells))


def _check_row(
    number: int, cells: list[str], columns: tuple[str, ...], repeated: Collection[str]
) -> Iterator[TableRow | SkippedRow | Rejection]:
    """The row, after what is odd about it."""
    if columns and column_name(cells[0]) == columns[0] and _columns(cells)[: len(columns)] == columns:
        yield SkippedRow(_note(number, "repeated-header", cells, "The row repeats the header; it is passed over."))
        return
    extra = cells[len(columns) :]
    if extra and extra[0].strip():
        yield Rejection(
            kind="too-many-columns",
            row=number,
            value=extra[0],
            reason=f"The row has {len(cells)} columns, the header has {len(columns)}.",
            fix="Put quotes around values with the delimiter or a line break inside.",
        )
        return
    if any(map(str.strip, extra)):
        yield _note(number, "too-many-columns", cells, "The row has values beyond the last column; they are left out.")
    if len(cells) < len(columns):
        reason = f"The row has {len(cells)} columns, the header has {len(columns)}; the missing ones count as empty."
        yield _note(number, "too-few-columns", cells, reason, columns[len(cells)])
    values: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        if not (cell := cell.strip()):
            continue
        if column not in values:
            values[column] = cell
        elif column in repeated:
            values[column] = f"{values[column]},{cell}"
    yield TableRow(number, values)


def _note(number: int, kind: str, cells: list[str], reason: str, field: str = "") -> Rejection:
    fix = "Export as many cells in every row as the header has." if "columns" in kind else "Nothing has to be done."
    value = " ".join(cells).strip()
    return Rejection(kind=kind, level="note", row=number, field=field, value=value, reason=reason, fix=fix)


def _malformed_row(number: int, line: str) -> Rejection:
    return Rejection(
        kind="malformed-row",
        row=number,
        value=line.strip(),
        reason="The row cannot be taken apart: a quote is not closed, or a field is too long.",
        fix='Close every quote, write a quote inside quotes twice (""), keep fields under 16 MB.',
    )
