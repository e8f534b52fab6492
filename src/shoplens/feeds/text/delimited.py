"""Reading of delimited text files (CSV, TSV, …), including files with broken rows."""

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
from shoplens.feeds.text.text_lines import HEAD, MAX_LINE, TextLines
from shoplens.types import Rejection, normalize_nfc

DELIMITERS = (",", ";", "\t", "|")
MAX_FIELD = MAX_LINE
"""Maximum characters of a field; the csv module's 131,072 are too few for descriptions with embedded images."""
MAX_LINES = 500
"""Maximum lines of a row; a row with more has a quote that is never closed."""
HEADER_LINES = 20
"""Number of lines at the start of a file among which the header is searched."""
_PREAMBLE = re.compile(r"\ufeff?\s*[\"']?(?:sep=|#)", re.IGNORECASE)
"""The start of a line that spreadsheets and templates write above the header."""


class _UnclosedError(Exception):
    """A quoted field does not end."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table.

    Attributes:
        number: the first row below the header is 1.
        values: column -> value without surrounding spaces, for values that are not empty.
    """

    number: int
    values: Mapping[str, str]


class _RewindableLines:
    """Lines for a csv reader, which can be put back to be read again.

    Attributes:
        current: the lines of the row that is being read.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._put_back: deque[str] = deque()
        self.current: list[str] = []

    def __iter__(self) -> _RewindableLines:
        return self

    def __next__(self) -> str:
        if len(self.current) >= MAX_LINES or sum(map(len, self.current)) > MAX_FIELD:
            raise _UnclosedError
        line = self._put_back.popleft() if self._put_back else next(self._lines, None)
        if line is None:
            if self.current:
                raise _UnclosedError
            raise StopIteration
        self.current.append(line)
        return line

    def put_back(self, lines: list[str]) -> None:
        """Read these lines again, before all others."""
        self._put_back.extendleft(reversed(lines))


def read_header_cells(text: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the cells of the header as they are written.

    Args:
        text: the start of a table; the header is searched among its first lines.
        known: column names that help to recognise the header.
    """
    lines = text.splitlines()[:HEADER_LINES]
    place, _, delimiter = _find_header(lines, known)
    return tuple(cell.strip("\ufeff \t") for cell in _split_cells(lines[place], delimiter)) if lines else ()


def normalize_column_name(name: str) -> str:
    """Return the normal form of a column's name: lower case, ``_`` for spaces, without the prefix ``g:``.

    >>> normalize_column_name(" Image  Src "), normalize_column_name("g:Image_Link")
    ('image_src', 'image_link')
    """
    return "_".join(normalize_nfc(name).strip("\ufeff \t\r\n").lower().removeprefix("g:").split())


def detect_delimiter(header: str, known: Collection[str]) -> str:
    """Return the delimiter with which a header line has most of the ``known`` columns, then most columns at all."""

    def score(delimiter: str) -> tuple[int, int]:
        columns = _column_names(_split_cells(header, delimiter))
        return len(set(columns) & set(known)), len(columns)

    return max(DELIMITERS, key=score)


def read_table(
    path: Path, known: Collection[str], repeated: Collection[str] = ()
) -> Iterator[TableRow | SkippedRow | Rejection]:
    """Yield the rows below the header, each after the notes about it, and a rejection for each row that is broken.

    The header is the one of the first lines that has most of the ``known`` columns; lines above it are skipped with a
    note. Missing cells at the end of a row count as empty. Empty rows are skipped, but they count in the numbering.

    Args:
        path: the file.
        known: column names, in the form of :func:`normalize_column_name`, that help to recognise the header.
        repeated: columns that may occur more than once; their values are joined by commas. Of any other column that
            occurs more than once, the first value that is not empty counts.

    Raises:
        FeedError: ``unknown-header``, the first line is longer than a line may be.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD))
    first_lines = _read_first_lines(path)
    above, columns, delimiter = _find_header(first_lines, known)
    lines = TextLines(path)
    lines_from_header = islice(lines, above, None)
    next(lines_from_header, None)
    if lines.too_long:
        fix = "Export it again, with line breaks between the rows."
        raise FeedError(f"The first line of {path} is longer than {MAX_LINE // 2**20} MB.", fix, code="unknown-header")
    yield from _header_notes(list(filter(str.strip, first_lines[:above])), columns, repeated)
    rewindable = _RewindableLines(lines_from_header)
    for number, cells in enumerate(_read_rows(rewindable, delimiter, len(columns)), 1):
        yield from lines.notes(number)
        if isinstance(cells, str):
            yield _malformed_row(number, cells)
        elif any(map(str.strip, cells)):
            yield from _check_row(number, cells, columns, repeated)


def _read_first_lines(path: Path) -> list[str]:
    """Read the lines among which the header is searched; fewer of a file with long lines."""
    lines: list[str] = []
    for line in islice(TextLines(path), HEADER_LINES):
        lines.append(line)
        if sum(map(len, lines)) > HEAD:
            break
    return lines


def _find_header(lines: Sequence[str], known: Collection[str]) -> tuple[int, tuple[str, ...], str]:
    """Return place, columns and delimiter of the header among some lines."""
    candidates: list[tuple[int, tuple[str, ...], str]] = []
    for place, line in enumerate(lines):
        if line.strip():
            delimiter = detect_delimiter(line, known)
            candidates.append((place, _column_names(_split_cells(line, delimiter)), delimiter))
    if not candidates:
        return 0, (), ","
    best = max(candidates, key=lambda candidate: len(set(candidate[1]) & set(known)))
    if set(best[1]) & set(known):
        return best
    return next((candidate for candidate in candidates if not _PREAMBLE.match(lines[candidate[0]])), candidates[0])


def _header_notes(above: Sequence[str], columns: Sequence[str], repeated: Collection[str]) -> Iterator[Rejection]:
    if above:
        yield Rejection(
            kind="lines-above-header",
            level="note",
            value=above[0].strip(),
            reason=f"The lines above the header were skipped; their number is {len(above)}.",
            fix="Nothing has to be done.",
        )
    counts = Counter(columns)
    for name in (name for name in counts if name and name not in repeated and counts[name] > 1):
        yield Rejection(
            kind="doubled-column",
            level="note",
            field=name,
            value=name,
            reason=f"The header has the column {name} more than once; the first one that is not empty counts.",
            fix="Give every column a name of its own.",
        )


def _read_rows(lines: _RewindableLines, delimiter: str, width: int) -> Iterator[list[str] | str]:
    """Yield the cells of each row; for a row that cannot be parsed, its first line."""
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.current.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_UnclosedError, csv.Error):
            cells = None
        first, *others = lines.current
        if cells is not None and not (others and _has_merged_rows(lines.current, cells, delimiter, width)):
            yield cells
            continue
        lines.put_back(others)
        reader = csv.reader(lines, delimiter=delimiter)
        yield first


def _has_merged_rows(lines: list[str], cells: list[str], delimiter: str, width: int) -> bool:
    """Return whether a stray quote made whole rows part of the row before them.

    This is so if the row has another number of cells than the header, or wrong quotes, and one of its further lines
    would fit the header as a row.
    """
    fits = len(cells) == width and _is_strictly_quoted(lines, delimiter)
    return not fits and any(len(_split_cells(line, delimiter)) == width for line in lines[1:])


def _is_strictly_quoted(lines: list[str], delimiter: str) -> bool:
    try:
        next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


def _split_cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _column_names(cells: list[str]) -> tuple[str, ...]:
    return tuple(map(normalize_column_name, cells))


def _check_row(
    number: int, cells: list[str], columns: tuple[str, ...], repeated: Collection[str]
) -> Iterator[TableRow | SkippedRow | Rejection]:
    """Yield the row after the notes about it, or the reason why it is skipped or rejected."""
    if columns and normalize_column_name(cells[0]) == columns[0] and _column_names(cells)[: len(columns)] == columns:
        yield SkippedRow(_note(number, "repeated-header", cells, "The row repeats the header; it is skipped."))
        return
    extra = cells[len(columns) :]
    if extra and extra[0].strip():
        yield Rejection(
            kind="too-many-columns",
            row=number,
            value=extra[0],
            reason=f"The row has {len(cells)} columns, the header has {len(columns)}.",
            fix="Put quotes around values that contain the delimiter or a line break.",
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
        reason="The row cannot be parsed: a quote is not closed, or a field is too long.",
        fix='Close every quote, write a quote inside quotes twice (""), and keep fields under 16 MB.',
    )
