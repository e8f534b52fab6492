"""Fetched photos, kept in a folder up to a size limit, so that none is fetched twice.

Layout: ``photos/ab/abcdef…`` holds a photo under the hash of its bytes; ``urls/12/1234…`` is named by the hash of a
URL and holds the name of its photo. Every file is written beside its place and renamed into it, so the process may
die at any moment; a photo that a power cut left incomplete no longer has its own hash and is not used.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from shoplens.images.hashes import content_hash

_NAME = re.compile(r"[0-9a-f]{32}")
_LEFTOVER_SECONDS = 3600
_ROOM_LEFT = 0.9
"""Share of the limit that a clean-up brings the folder down to, so that it is not needed for every photo."""


class PhotoCache:
    """A content-addressed folder of fetched photos. Thread-safe; one process uses a folder.

    Args:
        folder: made when the first photo is kept; what it holds is measured then, so opening it costs nothing.
        limit_bytes: above it, the photos that were not used for the longest time are removed; the one just kept stays.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._photos = folder / "photos"
        self._urls = folder / "urls"
        self._unfinished = folder / "unfinished"
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._measured: int | None = None

    def keep(self, url: str, data: bytes) -> Path:
        """Where the photo's bytes are from now on; what was kept for the URL before is forgotten."""
        name = content_hash(data)
        path = self._path(name)
        with self._lock:
            before = self._bytes()
            if _size(path) != len(data):
                self._measured = before + len(data) - (_size(path) or 0)
                self._write(path, data)
            self._write(self._link(url), name.encode())
            if self._bytes() > self._limit:
                self._make_room(path)
        return path

    def path_of(self, url: str) -> Path | None:
        """Where the URL's photo is; None when it is not kept. Counts as a use."""
        link = self._link(url)
        with self._lock, suppress(FileNotFoundError, NotADirectoryError):
            name = link.read_bytes().decode("ascii", "replace")
            path = self._path(name)
            if _NAME.fullmatch(name) and _size(path) is not None:
                os.utime(path)
                return path
            link.unlink()
        return None

    def bytes_of(self, url: str) -> bytes | None:
        """The URL's photo; None when it is not kept, or no longer what was kept. Counts as a use."""
        path = self.path_of(url)
        if path is None:
            return None
        with suppress(FileNotFoundError):  # another thread made room
            data = path.read_bytes()
            if content_hash(data) == path.name:
                return data
            self._remove(path)
        return None

    def forget(self, url: str) -> None:
        """The URL is fetched anew next time; its photo goes when room is needed."""
        self._link(url).unlink(missing_ok=True)

    def _remove(self, path: Path) -> None:
        with self._lock:
            if self._measured is not None:
                self._measured -= _size(path) or 0
            path.unlink(missing_ok=True)

    def _bytes(self) -> int:
        """Size of all photos; what a process that died left unfinished goes when this is first asked."""
        if self._measured is None:
            _remove_leftovers(self._unfinished)
            self._measured = sum(state.st_size for _, state in _files(self._photos))
        return self._measured

    def _path(self, name: str) -> Path:
        return self._photos / name[:2] / name

    def _link(self, url: str) -> Path:
        name = content_hash(url.encode("utf-8", "surrogatepass"))
        return self._urls / name[:2] / name

    def _write(self, path: Path, data: bytes) -> None:
        for folder in (path.parent, self._unfinished):
            folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._unfinished, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)

    def _make_room(self, newest: Path) -> None:
        """Removes the photos longest unused; links to them are removed when they are next followed."""
        found = sorted((state.st_mtime_ns, state.st_size, path) for path, state in _files(self._photos))
        total = sum(size for _, size, _ in found)
        for _, size, path in found:
            if total <= self._limit * _ROOM_LEFT:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size
        self._measured = total


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The photos in a folder; what else lies there, such as ``.DS_Store``, is passed over."""
    for path in folder.glob("*/*"):
        if _NAME.fullmatch(path.name):
            with suppress(FileNotFoundError):  # another process made room
                yield path, path.stat()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob("*"):
        if path.is_file() and path.stat().st_mtime < time.time() - _LEFTOVER_SECONDS:
            path.unlink(missing_ok=True)
