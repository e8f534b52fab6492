"""Reads query photos with their right products: from a file, or the further photos of a store's own products."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shoplens.errors import InvalidValue
from shoplens.feeds.text.delimited import TableRow, normalize_column_name, read_header_cells, read_table
from shoplens.feeds.text.text_lines import read_head_text
from shoplens.images.source import is_url
from shoplens.index.protocol import Index
from shoplens.types import Region, Rejection

COLUMNS = {
    "photo": "a file, relative to the CSV file's folder, or http(s) URL",
    "product_id": "the right product; several are split by |",
    "region": "the part of the photo to search for: X,Y,W,H in pixels",
    "exclude": "products that do not count, such as the query itself; several are split by |",
    "grade": "how relevant each of product_id is, above 0, split by |; 1 where there is none",
}
REQUIRED = ("photo", "product_id")
HELD_OUT = "held-out photos"


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query photo with its right products.

    Attributes:
        photo: absolute path or URL of the photo.
        grades: right product -> how relevant it is, above 0; the most relevant first.
        region: the part of the photo to search for; None for the whole photo.
        excluded: products that are removed from every answer before it is judged.
        row: row of the file; the first row below the header is 1.
    """

    photo: str
    grades: Mapping[str, float]
    region: Region | None = None
    excluded: frozenset[str] = field(default_factory=frozenset)
    row: int | None = None


def read_queries(path: Path) -> Iterator[JudgedQuery | Rejection]:
    """Yield the queries of a file, one at a time; an invalid row is a rejection.

    Args:
        path: CSV (or TSV) file with the columns of :data:`COLUMNS`; ``photo`` and ``product_id`` are needed.

    Raises:
        InvalidValue: ``no-queries`` if there is no such file or it has no rows, ``queries-without-column``.
    """
    _check_header(path)
    is_empty = True
    for row in read_table(path, COLUMNS):
        if isinstance(row, TableRow):
            is_empty = False
            yield _parse_query(row, path.absolute().parent)
        elif isinstance(row, Rejection) and row.level == "rejected":
            is_empty = False
            yield row
    if is_empty:
        raise _no_queries(path, "has no rows below its header")


def holdout_queries(index: Index) -> Iterator[JudgedQuery]:
    """Yield every photo of a product after its first as a query; search them in the gallery ``first-photos``."""
    for record in index.all_records():
        for photo in record.photos[1:]:
            yield JudgedQuery(photo.source, {record.product.id: 1.0})


def _check_header(path: Path) -> None:
    try:
        text = read_head_text(path)
    except OSError as problem:
        raise _no_queries(path, f"cannot be read: {problem.strerror}") from None
    if not text.strip():
        raise _no_queries(path, "is empty")
    columns = tuple(map(normalize_column_name, read_header_cells(text, COLUMNS)))
    for name in REQUIRED:
        if name not in columns:
            raise InvalidValue(
                f"{path} has no column {name!r}; its first line has {', '.join(columns) or 'none'}.",
                f"Write a header with {' and '.join(REQUIRED)}. {name}: {COLUMNS[name]}.",
                code="queries-without-column",
            )


def _no_queries(path: Path, problem: str) -> InvalidValue:
    fix = "Give a CSV file with the columns photo and product_id and a row per photo, or use --held-out."
    return InvalidValue(f"{path} {problem}.", fix, code="no-queries")


def _parse_query(row: TableRow, folder: Path) -> JudgedQuery | Rejection:
    values = row.values
    for name in REQUIRED:
        if not values.get(name):
            return _rejection("query-incomplete", row, name, f"The row has no {name}.", f"Write {COLUMNS[name]}.")
    right = _split_ids(values["product_id"])
    grades = _parse_grades(values.get("grade", ""), len(right))
    if not right or grades is None:
        problem = f"The row has {len(right)} products and the grades {values.get('grade')!r}."
        fix = "Write a number above 0 for each product, split by |, or leave grade empty."
        return _rejection("query-grades", row, "grade", problem, fix)
    try:
        region = Region.parse(values["region"]) if values.get("region") else None
    except InvalidValue as error:
        return _rejection("query-region", row, "region", error.problem, error.fix)
    photo = values["photo"] if is_url(values["photo"]) else str(folder / values["photo"])
    excluded = frozenset(_split_ids(values.get("exclude", "")))
    most_relevant_first = sorted(zip(right, grades, strict=True), key=lambda item: -item[1])
    return JudgedQuery(photo, dict(most_relevant_first), region, excluded, row.number)


def _split_ids(text: str) -> Sequence[str]:
    return tuple(dict.fromkeys(part.strip() for part in text.split("|") if part.strip()))


def _parse_grades(text: str, count: int) -> Sequence[float] | None:
    """Return ``count`` numbers above 0; None if the text is something else."""
    if not text:
        return [1.0] * count
    try:
        grades = [float(part) for part in text.split("|")]
    except ValueError:
        return None
    return grades if len(grades) == count and all(math.isfinite(grade) and grade > 0 for grade in grades) else None


def _rejection(kind: str, row: TableRow, column: str, reason: str, fix: str) -> Rejection:
    return Rejection(kind, reason, fix, row=row.number, field=column, value=row.values.get(column, ""))
