"""Where a feed lies: a file, a folder of photos, or an address; packed or not."""

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
"""Fetches an address into a file of at most so many bytes; returns the address that it was redirected to."""


@dataclass(frozen=True, slots=True)
class FeedFile:
    """A feed that can be read.

    Attributes:
        name: the absolute path, or the address, for people and for the store's manifest.
        path: what is read: the file or folder itself, or a copy of it.
        beside: the path that photos lie beside; None where the feed was fetched.
        address: that relative references to photos are resolved against; empty for a local feed.
        copies: the folder of the copies, which goes with the feed; None where there are none.
    """

    name: str
    path: Path
    beside: Path | None
    address: str = ""
    copies: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove the copies."""
        if self.copies is not None:
            self.copies.cleanup()


def open_feed_file(feed: str | Path, limit: int, download: Download | None = None) -> FeedFile:
    """The file of a feed, fetched and unpacked where that is needed.

    Args:
        feed: a path, or an http or https address.
        limit: bytes that a fetched feed, and an unpacked one, may have.
        download: fetches an address; without it, addresses are refused.

    Raises:
        FeedError: ``no-feed``, ``bad-archive``, ``feed-too-large``, ``no-space``, or what ``download`` raises.
    """
    copies = tempfile.TemporaryDirectory(prefix="shoplens-feed-")
    try:
        if isinstance(feed, str) and _ADDRESS.match(feed):
            if download is None:
                raise FeedError(f"{feed} is an address.", "Give the path of a file.", code="no-feed")
            fetched = Path(copies.name) / _file_name(feed)
            address = download(feed, fetched, limit)
            return FeedFile(feed, unpack(fetched, _subfolder(copies), limit), None, address, copies)
        path = Path(feed)
        unpacked = unpack(path, Path(copies.name), limit)
    except BaseException:
        copies.cleanup()
        raise
    if unpacked is path:
        copies.cleanup()
        return FeedFile(str(path.absolute()), path, path)
    return FeedFile(str(path.absolute()), unpacked, path, copies=copies)


def _subfolder(copies: tempfile.TemporaryDirectory[str]) -> Path:
    folder = Path(copies.name) / "unpacked"
    folder.mkdir()
    return folder


def _file_name(address: str) -> str:
    """A name for the copy, by which messages call it."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    return re.sub(r"[^\w.-]", "_", name)[-100:].lstrip(".") or "feed"
