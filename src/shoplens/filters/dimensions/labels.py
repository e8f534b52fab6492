"""Reads labels files: values of dimensions by photo, written by people, for what the feed does not give."""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from shoplens.errors import InvalidValue
from shoplens.settings import MAX_NAME_LENGTH, RESERVED_NAMES, DimensionRules, fold_name
from shoplens.types import Rejection

COLUMNS = {
    "photo": "path relative to the labels file, absolute path or URL of a product's photo, or its file name",
    "dimension": "dimension of the label, e.g. season",
    "value": "value in that dimension, e.g. Winter; several values are several rows",
}
MAX_REJECTIONS = 1_000
"""Bad rows that are reported one by one; the others are only counted."""
_URL = re.compile(r"https?://", re.IGNORECASE)
_FIX = "Write a CSV file in UTF-8 with the columns photo, dimension and value, and a row per label."


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of labels files.

    Attributes:
        by_photo: photo, as the products name it -> dimension -> its values, each once.
        dimensions: dimension -> number of its labels; names as first written, and no two that differ in case only.
        rejections: bad rows with number and reason, the first ``MAX_REJECTIONS``.
        rejection_count: number of bad rows.
    """

    by_photo: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    dimensions: Mapping[str, int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    rejection_count: int = 0

    def values_of(self, photos: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return dimension -> values of a product with these photos: those of all its photos, first photo first."""
        merged: dict[str, dict[str, None]] = {}
        for photo in photos:
            for dimension, values in self.by_photo.get(photo, {}).items():
                merged.setdefault(dimension, {}).update(dict.fromkeys(values))
        return {dimension: tuple(values) for dimension, values in merged.items()}


class _Row(NamedTuple):
    number: int
    photo: str
    dimension: str
    value: str


def load_labels(rules: DimensionRules, photos: Iterable[str]) -> Labels | None:
    """Read all labels files that the rules name, as one; return None where they name none.

    Args:
        photos: paths or addresses of all photos of all products; see :func:`read_labels`.

    Raises:
        InvalidValue: as :func:`read_labels`.
    """
    files = dict.fromkeys(rule.labels for rule in rules.rules.values() if rule.labels and rule.use is not False)
    return _read_files([path for path in files if path], photos) if files else None


def read_labels(path: Path, photos: Iterable[str]) -> Labels:
    """Read the labels of a file.

    Every row counts, whatever its dimension. A bare file name that is not beside the labels file refers to the product
    photo of that name, if there is exactly one; that is why all photos are passed in.

    Args:
        path: CSV, UTF-8 with or without a byte order mark, with the columns of :data:`COLUMNS`; more may follow.
        photos: paths or addresses of all photos of all products, as :attr:`Product.photos`; iterated once.

    Raises:
        InvalidValue: ``labels-unreadable``, ``labels-empty``, ``labels-without-column``.
    """
    return _read_files([path], photos)


def _read_files(paths: Sequence[Path], photos: Iterable[str]) -> Labels:
    rows: list[tuple[_Row, str]] = []
    rejections: list[Rejection] = []
    for path in paths:
        count_before = len(rows) + len(rejections)
        for row in _read_rows(path):
            if isinstance(row, Rejection):
                rejections.append(row)
            else:
                rows.append((row, _photo_source(row.photo, path)))
        if len(rows) + len(rejections) == count_before:
            raise InvalidValue(f"{path} has no rows below its header.", _FIX, code="labels-empty")
    known, by_name = _locate_photos({source for _, source in rows}, {row.photo for row, _ in rows}, photos)
    labels: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    dimensions: dict[str, str] = {}
    counts: dict[str, int] = {}
    for row, source in rows:
        sources = (source,) if source in known else by_name.get(row.photo, ())
        if len(sources) != 1:
            rejections.append(_photo_rejection(row, sources))
            continue
        name = dimensions.setdefault(fold_name(row.dimension), row.dimension)
        values = labels[sources[0]].setdefault(name, {})
        counts[name] = counts.get(name, 0) + (fold_name(row.value) not in values)
        values.setdefault(fold_name(row.value), row.value)
    by_photo = {
        source: {name: tuple(values.values()) for name, values in by_dimension.items()}
        for source, by_dimension in labels.items()
    }
    return Labels(by_photo, counts, tuple(rejections[:MAX_REJECTIONS]), len(rejections))


def _locate_photos(
    sources: set[str], references: set[str], photos: Iterable[str]
) -> tuple[set[str], dict[str, tuple[str, ...]]]:
    """Return which of the ``sources`` are product photos, and the photos of each file name (at most two of them)."""
    known: set[str] = set()
    names = {reference for reference in references if "/" not in reference and "\\" not in reference}
    by_name: dict[str, tuple[str, ...]] = {}
    for photo in photos:
        if photo in sources:
            known.add(photo)
        if names and (name := _file_name(photo)) in names:
            same_name = by_name.get(name, ())
            if photo not in same_name and len(same_name) < 2:
                by_name[name] = (*same_name, photo)
    return known, by_name


def _file_name(photo: str) -> str:
    return unquote(urlsplit(photo).path.rpartition("/")[2]) if _URL.match(photo) else photo.rpartition("/")[2]


def _photo_source(photo: str, labels_file: Path) -> str:
    if _URL.match(photo):
        return photo
    return os.path.normpath(labels_file.absolute().parent / photo.replace("\\", "/"))


def _read_rows(path: Path) -> Iterator[_Row | Rejection]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = _parse_header(next(reader, []), path)
            for number, cells in enumerate(reader, 1):
                if any(map(str.strip, cells)):
                    yield _parse_row(number, cells, columns)
    except OSError as problem:
        raise _read_error(path, problem.strerror or str(problem)) from None
    except UnicodeDecodeError as problem:
        raise _read_error(path, f"byte {problem.start} is not UTF-8") from None
    except csv.Error as problem:
        raise _read_error(path, f"line {reader.line_num}: {problem}") from None


def _read_error(path: Path, problem: str) -> InvalidValue:
    return InvalidValue(f"The labels file {path} cannot be read: {problem}.", _FIX, code="labels-unreadable")


def _parse_header(header: Sequence[str], path: Path) -> Mapping[str, int]:
    names = [fold_name(cell) for cell in header]
    if not any(names):
        raise InvalidValue(f"The labels file {path} is empty.", _FIX, code="labels-empty")
    for name, description in COLUMNS.items():
        if name not in names:
            problem = f"{path} has no column {name!r}; its first line has {', '.join(names)}."
            raise InvalidValue(problem, f"{_FIX} {name}: {description}.", code="labels-without-column")
    return {name: names.index(name) for name in COLUMNS}


def _parse_row(number: int, cells: Sequence[str], columns: Mapping[str, int]) -> _Row | Rejection:
    values = {name: cells[column].strip() if column < len(cells) else "" for name, column in columns.items()}
    row = _Row(number, values["photo"], values["dimension"], values["value"])
    for name in COLUMNS:
        if not values[name]:
            return _rejection("labels-incomplete", row, name, f"The row has no {name}.", f"Write the {COLUMNS[name]}.")
    for name in ("dimension", "value"):
        if not values[name].isprintable() or len(values[name]) > MAX_NAME_LENGTH:
            fix = f"Write up to {MAX_NAME_LENGTH} printable characters."
            return _rejection("labels-odd-text", row, name, f"The {name} cannot be shown.", fix)
    if fold_name(row.dimension) in RESERVED_NAMES:
        fix = f"Choose another name than {', '.join(RESERVED_NAMES)}."
        return _rejection("labels-reserved", row, "dimension", "Scores already have a part of this name.", fix)
    return row


def _photo_rejection(row: _Row, sources: Sequence[str]) -> Rejection:
    if sources:
        reason = f"Several photos of products have this name, e.g. {' and '.join(sources)}."
        return _rejection(
            "labels-ambiguous-photo", row, "photo", reason, "Write the path or the URL of the photo that is meant."
        )
    fix = f"Write the {COLUMNS['photo']}."
    return _rejection("labels-unknown-photo", row, "photo", "No product has this photo.", fix)


def _rejection(kind: str, row: _Row, column: str, reason: str, fix: str) -> Rejection:
    return Rejection(kind, reason, fix, row=row.number, field=column, value=str(getattr(row, column)))
