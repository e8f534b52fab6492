"""Fetching of a feed into a file, with the same rules for addresses, redirects and time as for photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from shoplens.errors import FeedError, PhotoError
from shoplens.settings import Settings

if TYPE_CHECKING:
    from shoplens.fetching.fetcher import Fetcher


def fetch_feed(address: str, file: Path, settings: Settings, fetcher: Fetcher | None = None) -> str:
    """Fetch a feed into a file, and return the URL after the last redirect.

    Args:
        address: an http or https URL.
        file: the file, which is written anew in every attempt.
        settings: the settings with the limits.
        fetcher: the fetcher to use; when omitted, one is created with the settings.

    Raises:
        FeedError: with the codes of :meth:`Fetcher.fetch`, ``fetch-too-large`` or ``no-space``.
    """

    def save(url: str, headers: Mapping[bytes, bytes], chunks: Iterable[bytes]) -> str:
        bytes_left = settings.max_feed_bytes
        with file.open("wb", buffering=0) as copy:
            for chunk in chunks:
                bytes_left -= len(chunk)
                if bytes_left < 0:
                    raise _too_large(address, settings.max_feed_bytes)
                _write(copy, chunk)
        return url

    from shoplens.fetching.fetcher import Fetcher  # its network library takes long to import

    feed_fetcher = fetcher or Fetcher(replace(settings, fetch_timeout=settings.feed_timeout))
    try:
        return feed_fetcher.fetch(address, save)
    except PhotoError as problem:
        fix = "Check the address of the feed; anybody must be able to read it without signing in."
        if problem.code == "fetch-address":
            fix = problem.fix
        raise FeedError(f"The feed cannot be fetched: {problem.problem}", fix, code=problem.code) from None
    finally:
        if fetcher is None:
            feed_fetcher.close()


def _write(copy: FileIO, chunk: bytes) -> None:
    """Append to the copy.

    An OSError is turned into a FeedError here, so that the fetcher does not take it for a network error and try again.

    Raises:
        FeedError: ``no-space``.
    """
    remaining = memoryview(chunk)
    try:
        while remaining:
            remaining = remaining[copy.write(remaining) :]
    except OSError as problem:
        fix = "Free space in the folder for temporary files, or set another folder in TMPDIR."
        raise FeedError(f"The feed cannot be written to disk: {problem.strerror}.", fix, code="no-space") from None


def _too_large(address: str, limit: int) -> FeedError:
    return FeedError(
        f"{address[:200]} has more than {limit:,} bytes.",
        "Export fewer products, or raise max_feed_bytes (SHOPLENS_MAX_FEED_BYTES).",
        code="fetch-too-large",
    )
