"""A folder of photos: a sub-folder is a product, a lone photo is one.

Ids are the names (of a file without its ending), titles the names with spaces for ``-`` and ``_``. Entries and the
photos of a sub-folder come in order of their names. Hidden files and deeper folders are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from shoplens.feeds.rows import Event, RawProduct, Row, SkippedRow
from shoplens.types import Rejection

READS = {"id": "the name", "title": "the name, with spaces for `-` and `_`", "photos": "the files"}
IGNORES = {"folders inside a product's folder, hidden files, files that are no photos": "they are no photos of it"}

PHOTO_ENDINGS = frozenset(
    [".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp"]
)
_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})


def read(path: Path) -> Iterator[Event]:
    """Rows, and what is wrong with them, of a folder. Rows are numbered by entry."""
    path = path.absolute()
    for number, entry in enumerate(_entries(path), 1):
        if not _printable(entry.name):
            yield _bad_name(number, entry)
        elif entry.is_dir():
            photos = []
            for inner in _entries(entry):
                if inner.is_dir():
                    yield _not_read(number, inner, path, "nested-folder")
                elif _is_photo(inner) and _printable(inner.name):
                    photos.append(inner)
                else:
                    yield _not_read(number, inner, path, "not-a-photo-file")
            yield _row(number, entry.name, photos)
        elif _is_photo(entry):
            yield _row(number, entry.stem, [entry])
        else:
            yield SkippedRow(_not_read(number, entry, path, "not-a-photo-file"))


def _entries(folder: Path) -> list[Path]:
    return sorted(e for e in folder.iterdir() if not e.name.startswith(".") and e.name.lower() not in _CLUTTER)


def _is_photo(file: Path) -> bool:
    return file.suffix.lower() in PHOTO_ENDINGS


def _row(number: int, name: str, photos: list[Path]) -> Row:
    title = " ".join(re.sub(r"[-_]", " ", name).split())
    return Row(number, RawProduct(name.strip(), title, {str(photo): "" for photo in photos}))


def _printable(name: str) -> bool:
    return name.isprintable() and "\\" not in name  # not printable: also a name that is not UTF-8


def _bad_name(number: int, entry: Path) -> Rejection:
    return Rejection(
        kind="bad-file-name",
        row=number,
        value=ascii(entry.name),
        reason="The name holds characters that cannot be printed, a backslash, or no UTF-8.",
        fix="Rename it.",
    )


_REASONS = {
    "nested-folder": ("Folders inside a product's folder are not read.", "Move its photos up."),
    "not-a-photo-file": ("Its ending is not that of a photo.", "Move it elsewhere, or leave it."),
}


def _not_read(number: int, entry: Path, folder: Path, kind: str) -> Rejection:
    reason, fix = _REASONS[kind]
    name = ascii(str(entry.relative_to(folder)))[1:-1]
    return Rejection(kind=kind, level="note", row=number, value=name, reason=reason, fix=fix)
