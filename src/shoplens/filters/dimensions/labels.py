"""A labels file: values of dimensions by photo, written by people, where the feed is silent."""

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
    "dimension": "what the photo is labelled in, e.g. season",
    "value": "what it is, e.g. Winter; several values are several rows",
}
MOST_REJECTIONS = 1_000
"""Bad rows that are kept one by one; the others are counted."""
_URL = re.compile(r"https?://", re.IGNORECASE)
_FIX = "Write a CSV file in UTF-8 with the columns photo, dimension and value, and a row per label."


@dataclass(frozen=True, slots=True)
class Labels:
    """What labels files say.

    Attributes:
        by_photo: photo, as the products name it -> dimension -> its values, each once.
        dimensions: dimension -> how many labels it has; as first written, and no two that differ in case only.
        rejections: bad rows with number and reason, the first ``MOST_REJECTIONS``.
        rejected: how many bad rows there are.
    """

    by_photo: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    dimensions: Mapping[str, int] = field(default_factory=dict)
    rejections: tuple[Rejection, ...] = ()
    rejected: int = 0

    def of(self, photos: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Dimension -> values of a product with these photos: all that its photos have, first photo first."""
        found: dict[str, dict[str, None]] = {}
        for photo in photos:
            for dimension, values in self.by_photo.get(photo, {}).items():
                found.setdefault(dimension, {}).update(dict.fromkeys(values))
        return {dimension: tuple(values) for dimension, values in found.items()}


class _Row(NamedTuple):
    number: int
    photo: str
    dimension: str
    value: str


def labels_of(rules: DimensionRules, photos: Iterable[str]) -> Labels | None:
    """All labels files that the rules name, read as one; None where they name none.

    Args:
        photos: where all photos of all products are; see :func:`read_labels`.

    Raises:
        InvalidValue: as :func:`read_labels`.
    """
    files = dict.fromkeys(rule.labels for rule in rules.rules.values() if rule.labels and rule.use is not False)
    return _labels([path for path in files if path], photos) if files else None


def read_labels(path: Path, photos: Iterable[str]) -> Labels:
    """The labels of a file.

    Every row of it counts, whatever its dimension. A photo that is a mere file name and lies not beside the file
    means the product photo of that name, if there is one such photo; that is why all photos are passed in.

    Args:
        path: CSV, UTF-8 with or without a byte order mark, with the columns of :data:`COLUMNS`; more may follow.
        photos: where all photos of all products are, as :attr:`Product.photos`; gone through once.

    Raises:
        InvalidValue: ``labels-unreadable``, ``labels-empty``, ``labels-without-column``.
    """
    return _labels([path], photos)


def _labels(paths: Sequence[Path], photos: Iterable[str]) -> Labels:
    rows: list[tuple[_Row, str]] = []
    rejections: list[Rejection] = []
    for path in paths:
        before = len(rows) + len(rejections)
        for row in _rows(path):
            if isinstance(row, Rejection):
                rejections.append(row)
            else:
                rows.append((row, _source(row.photo, path)))
        if len(rows) + len(rejections) == before:
            raise InvalidValue(f"{path} has no rows below its header.", _FIX, code="labels-empty")
    known, named = _locate_photos({source for _, source in rows}, {row.photo for row, _ in rows}, photos)
    found: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    dimensions: dict[str, str] = {}
    counts: dict[str, int] = {}
    for row, source in rows:
        sources = (source,) if source in known else named.get(row.photo, ())
        if len(sources) != 1:
            rejections.append(_homeless(row, sources))
            continue
        name = dimensions.setdefault(fold_name(row.dimension), row.dimension)
        values = found[sources[0]].setdefault(name, {})
        counts[name] = counts.get(name, 0) + (fold_name(row.value) not in values)
        values.setdefault(fold_name(row.value), row.value)
    by_photo = {source: {name: tuple(values.values()) for name, values in one.items()} for source, one in found.items()}
    return Labels(by_photo, counts, tuple(rejections[:MOST_REJECTIONS]), len(rejections))


def _locate_photos(
    sources: set[str], references: set[str], photos: Iterable[str]
) -> tuple[set[str], dict[str, tuple[str, ...]]]:
    """Which of the ``sources`` are photos, and the photos (two of them, where there are more) of each file name."""
    known: set[str] = set()
    wanted = {reference for reference in references if "/" not in reference and "\\" not in reference}
    named: dict[str, tuple[str, ...]] = {}
    for photo in photos:
        if photo in sources:
            known.add(photo)
        if wanted and (name := _file_name(photo)) in wanted:
            before = named.get(name, ())
            if photo not in before and len(before) < 2:
                named[name] = (*before, photo)
    return known, named


def _file_name(photo: str) -> str:
    return unquote(urlsplit(photo).path.rpartition("/")[2]) if _URL.match(photo) else photo.rpartition("/")[2]


def _source(photo: str, labels: Path) -> str:
    if _URL.match(photo):
        return photo
    return os.path.normpath(labels.absolute().parent / photo.replace("\\", "/"))


def _rows(path: Path) -> Iterator[_Row | Rejection]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = _columns(next(reader, []), path)
            for number, cells in enumerate(reader, 1):
                if any(map(str.strip, cells)):
                    yield _row(number, cells, columns)
    except OSError as problem:
        raise _unreadable(path, problem.strerror or str(problem)) from None
    except UnicodeDecodeError as problem:
        raise _unreadable(path, f"byte {problem.start} is not UTF-8") from None
    except csv.Error as problem:
        raise _unreadable(path, f"line {reader.line_num}: {problem}") from None


def _unreadable(path: Path, problem: str) -> InvalidValue:
    return InvalidValue(f"The labels file {path} cannot be read: {problem}.", _FIX, code="labels-unreadable")


def _columns(header: Sequence[str], path: Path) -> Mapping[str, int]:
    names = [fold_name(cell) for cell in header]
    if not any(names):
        raise InvalidValue(f"The labels file {path} is empty.", _FIX, code="labels-empty")
    for name, about in COLUMNS.items():
        if name not in names:
            problem = f"{path} has no column {name!r}; its first line has {', '.join(names)}."
            raise InvalidValue(problem, f"{_FIX} {name}: {about}.", code="labels-without-column")
    return {name: names.index(name) for name in COLUMNS}


def _row(number: int, cells: Sequence[str], columns: Mapping[str, int]) -> _Row | Rejection:
    values = {name: cells[place].strip() if place < len(cells) else "" for name, place in columns.items()}
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
        return _rejection("labels-reserved", row, "dimension", "Scores have a part of this name already.", fix)
    return row


def _homeless(row: _Row, sources: Sequence[str]) -> Rejection:
    if sources:
        reason = f"Several photos of products have this name, e.g. {' and '.join(sources)}."
        return _rejection("labels-ambiguous-photo", row, "photo", reason, "Write the path or the URL of the one meant.")
    fix = f"Write the {COLUMNS['photo']}."
    return _rejection("labels-unknown-photo", row, "photo", "No product has this photo.", fix)


def _rejection(kind: str, row: _Row, column: str, reason: str, fix: str) -> Rejection:
    return Rejection(kind, reason, fix, row=row.number, field=column, value=str(getattr(row, column)))
