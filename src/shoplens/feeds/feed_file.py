"""The file of a feed, which may be a file, a folder of photos or a URL, packed or not."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from shoplens.errors import FeedError
from shoplens.feeds.packed_files import unpack

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
Download = Callable[[str, Path, int], str]
"""A function that fetches a URL into a file of at most a number of bytes, and returns the URL after redirects."""


@dataclass(frozen=True, slots=True)
class FeedFile:
    """A feed that can be read.

    Attributes:
        name: the absolute path, or the URL, for people and for the store's manifest.
        path: the file or folder to read, which may be an unpacked or fetched copy.
        local_path: the path of the feed itself, beside which its photos lie; None for a fetched feed.
        address: the URL against which relative references to photos are resolved; empty for a local feed.
        copies: the folder of the copies, which is removed with the feed; None where there are no copies.
    """

    name: str
    path: Path
    local_path: Path | None
    address: str = ""
    copies: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove the copies."""
        if self.copies is not None:
            self.copies.cleanup()


def open_feed_file(feed: str | Path, limit: int, download: Download | None = None) -> FeedFile:
    """Open the file of a feed; fetch and unpack it if needed.

    Args:
        feed: a path, or an http or https URL.
        limit: maximum size of the fetched feed, and of the unpacked one, in bytes.
        download: function that fetches a URL; without it, URLs are refused.

    Raises:
        FeedError: ``no-feed``, ``bad-archive``, ``feed-too-large``, ``no-space``, or what ``download`` raises.
    """
    copies = tempfile.TemporaryDirectory(prefix="shoplens-feed-")
    try:
        if isinstance(feed, str) and _ADDRESS.match(feed):
            if download is None:
                raise FeedError(f"{feed} is a URL, and feeds are not fetched here.", "Give a path.", code="no-feed")
            fetched = Path(copies.name) / _file_name(feed)
            address = download(feed, fetched, limit)
            return FeedFile(feed, unpack(fetched, _create_subfolder(copies), limit), None, address, copies)
        path = Path(feed)
        unpacked = unpack(path, Path(copies.name), limit)
    except BaseException:
        copies.cleanup()
        raise
    if unpacked is path:
        copies.cleanup()
        return FeedFile(str(path.absolute()), path, path)
    return FeedFile(str(path.absolute()), unpacked, path, copies=copies)


def _create_subfolder(copies: tempfile.TemporaryDirectory[str]) -> Path:
    folder = Path(copies.name) / "unpacked"
    folder.mkdir()
    return folder


def _file_name(address: str) -> str:
    """Return a file name for the copy, which messages show."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    return re.sub(r"[^\w.-]", "_", name)[-100:].lstrip(".") or "feed"
