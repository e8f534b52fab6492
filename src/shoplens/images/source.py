"""Where photos come from: a local file or a URL -> the file's bytes."""

from __future__ import annotations

import re
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.errors import InvalidValue, PhotoError
from shoplens.fetching.path_forms import find_existing_path
from shoplens.fetching.urls import normalize_photo_url
from shoplens.images.decode import photo_size, too_many_bytes
from shoplens.images.photo_cache import PhotoCache
from shoplens.settings import Settings

if TYPE_CHECKING:
    from shoplens.images.photo_fetcher import PhotoFetcher

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class PhotoSource:
    """The bytes of any photo that a product or a query names. Thread-safe.

    Args:
        settings: for the limits.
        kept: where fetched photos are kept; None keeps none, as for shoppers' photos.
        fetcher: made from the settings when omitted, as soon as a URL asks for one.
        keeps: whether a fetched photo is added to ``kept``; if not, only what is there already is read.
    """

    def __init__(
        self,
        settings: Settings,
        kept: PhotoCache | None = None,
        fetcher: PhotoFetcher | None = None,
        *,
        keeps: bool = True,
    ) -> None:
        self._settings = settings
        self._kept = kept
        self._keeps = keeps
        self._fetcher = fetcher
        self._lock = threading.Lock()

    def bytes_of(self, source: str) -> bytes:
        """The file's bytes; a URL is fetched only when no copy is kept, under whichever spelling.

        Args:
            source: absolute path or http(s) URL.

        Raises:
            PhotoError: as :func:`local_bytes` for a path, as :meth:`PhotoFetcher.fetch` for a URL, and for a fetched
                file that is empty or no photo, which is not kept: ``photo-empty``, ``photo-not-an-image`` and the
                others of :func:`photo_size`.
        """
        if not is_url(source):
            return local_bytes(source, self._settings)
        url = normalize_photo_url(source)
        if self._kept is not None and (data := self._kept.bytes_of(url)) is not None:
            return data
        data = self._get_fetcher().fetch(url)
        if self._kept is not None and self._keeps:
            photo_size(data, self._settings)
            self._kept.keep(url, data)
        return data

    def forget(self, source: str) -> None:
        """A URL is fetched anew next time, e.g. because what was kept cannot be decoded; nothing for a path."""
        if self._kept is not None and self._keeps and is_url(source):
            self._kept.forget(normalize_photo_url(source))

    def close(self) -> None:
        """Closes the fetcher's connections."""
        if self._fetcher is not None:
            self._fetcher.close()

    def _get_fetcher(self) -> PhotoFetcher:
        with self._lock:
            if self._fetcher is None:
                from shoplens.images.photo_fetcher import PhotoFetcher

                self._fetcher = PhotoFetcher(self._settings)
            return self._fetcher


def is_url(source: str) -> bool:
    """True for anything with a scheme, whether or not it can be fetched."""
    return _URL.match(source) is not None


def local_bytes(source: str, settings: Settings) -> bytes:
    """Bytes of a local file, its size checked before it is read; its name may be in another Unicode form on the disk.

    Raises:
        PhotoError: ``photo-missing``, ``photo-not-a-file``, ``photo-unreadable`` or ``photo-too-many-bytes``.
    """
    path = Path(find_existing_path(source))
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise PhotoError(f"{source} is not a file.", "Name the photo itself.", code="photo-not-a-file")
        if state.st_size > settings.max_photo_bytes:
            raise too_many_bytes(state.st_size, settings)
        with path.open("rb") as file:
            data = file.read(settings.max_photo_bytes + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise _missing(source) from None
    except OSError as problem:
        raise PhotoError(
            f"{source} cannot be read: {problem.strerror or problem}.",
            "Make it readable for the user that runs shoplens.",
            code="photo-unreadable",
        ) from None
    if len(data) > settings.max_photo_bytes:
        raise too_many_bytes(len(data), settings)
    return data


def _missing(source: str) -> PhotoError:
    fix = "Correct the path in the feed, or give the folder that its photos are relative to with --media."
    if source.startswith("//"):
        fix = f"Correct the path; if it is an address, write https:{source[:200]}."
    return PhotoError(f"There is no file {source}.", fix, code="photo-missing")


def locate_query_photo(photo: str | Path | bytes) -> str | bytes:
    """A photo as queries name it: an absolute path, a URL, or bytes.

    Raises:
        InvalidValue: the path is empty.
    """
    if isinstance(photo, bytes) or (isinstance(photo, str) and is_url(photo)):
        return photo
    if not str(photo):
        raise InvalidValue("The photo's path is empty.", "Give a file, a URL, or bytes.")
    try:
        return str(Path(photo).expanduser().absolute())
    except RuntimeError:  # no such user
        return str(Path(photo).absolute())
