"""Reader of a folder of photos: every sub-folder is a product, and so is every photo in the folder itself.

Ids are the names (of a file without its suffix), and titles are the names with spaces for ``-`` and ``_``. Entries, and
the photos of a sub-folder, are sorted by name. Hidden files and deeper folders are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from shoplens.feeds.rows import Event, RawProduct, Row, SkippedRow
from shoplens.types import Rejection

READS = {"id": "the name", "title": "the name, with spaces for `-` and `_`", "photos": "the files"}
IGNORES = {"folders inside a product's folder, hidden files, files that are not photos": "they do not show the product"}

PHOTO_ENDINGS = frozenset(
    [".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".webp"]
)
_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})


def read(path: Path) -> Iterator[Event]:
    """Yield the rows of a folder, and the notes and rejections about them; rows are numbered by entry."""
    path = path.absolute()
    for number, entry in enumerate(_entries(path), 1):
        if not _is_printable(entry.name):
            yield _bad_name(number, entry)
        elif entry.is_dir():
            photos = []
            for inner in _entries(entry):
                if inner.is_dir():
                    yield _unread_entry(number, inner, path, "nested-folder")
                elif _is_photo(inner) and _is_printable(inner.name):
                    photos.append(inner)
                else:
                    yield _unread_entry(number, inner, path, "not-a-photo-file")
            yield _row(number, entry.name, photos)
        elif _is_photo(entry):
            yield _row(number, entry.stem, [entry])
        else:
            yield SkippedRow(_unread_entry(number, entry, path, "not-a-photo-file"))


def _entries(folder: Path) -> list[Path]:
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(entry for entry in entries if entry.name.lower() not in _CLUTTER)


def _is_photo(file: Path) -> bool:
    return file.suffix.lower() in PHOTO_ENDINGS


def _row(number: int, name: str, photos: list[Path]) -> Row:
    title = " ".join(re.sub(r"[-_]", " ", name).split())
    return Row(number, RawProduct(name.strip(), title, {str(photo): "" for photo in photos}))


def _is_printable(name: str) -> bool:
    return name.isprintable() and "\\" not in name  # a name that is not UTF-8 is not printable, either


def _bad_name(number: int, entry: Path) -> Rejection:
    return Rejection(
        kind="bad-file-name",
        row=number,
        value=ascii(entry.name),
        reason="The name contains unprintable characters or a backslash, or it is not UTF-8.",
        fix="Rename the file or folder.",
    )


_REASONS = {
    "nested-folder": ("Folders inside a product's folder are not read.", "Move its photos to the product's folder."),
    "not-a-photo-file": ("The file's suffix is not that of a photo.", "Nothing has to be done."),
}


def _unread_entry(number: int, entry: Path, folder: Path, kind: str) -> Rejection:
    reason, fix = _REASONS[kind]
    name = ascii(str(entry.relative_to(folder)))[1:-1]
    return Rejection(kind=kind, level="note", row=number, value=name, reason=reason, fix=fix)
