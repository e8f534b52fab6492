"""A feed's address -> a file, by the same rules for addresses, redirects and time as photos."""

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
    """Write what an address answers to a file; returns the address behind the last redirect.

    Args:
        address: http or https.
        file: is written anew with every try.
        settings: for the limits.
        fetcher: made from the settings when omitted.

    Raises:
        FeedError: with the codes of :meth:`Fetcher.fetch`, ``fetch-too-large`` or ``no-space``.
    """

    def save(url: str, headers: Mapping[bytes, bytes], chunks: Iterable[bytes]) -> str:
        left = settings.max_feed_bytes
        with file.open("wb", buffering=0) as copy:
            for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    raise _too_large(address, settings.max_feed_bytes)
                _write(copy, chunk)
        return url

    from shoplens.fetching.fetcher import Fetcher  # its network library takes a while to load

    used = fetcher or Fetcher(replace(settings, fetch_timeout=settings.feed_timeout))
    try:
        return used.fetch(address, save)
    except PhotoError as problem:
        fix = "Check the address of the feed; it must be one that anybody may read."
        if problem.code == "fetch-address":
            fix = problem.fix
        raise FeedError(f"The feed cannot be fetched: {problem.problem}", fix, code=problem.code) from None
    finally:
        if fetcher is None:
            used.close()


def _write(copy: FileIO, chunk: bytes) -> None:
    """Add to the copy; what goes wrong here is no matter of the network.

    Raises:
        FeedError: ``no-space``.
    """
    left = memoryview(chunk)
    try:
        while left:
            left = left[copy.write(left) :]
    except OSError as problem:
        fix = "Free space in the folder for temporary files, or name another one in TMPDIR."
        raise FeedError(f"The feed cannot be kept: {problem.strerror}.", fix, code="no-space") from None


def _too_large(address: str, limit: int) -> FeedError:
    return FeedError(
        f"{address[:200]} has more than {limit:,} bytes.",
        "Export fewer products, or raise max_feed_bytes (SHOPLENS_MAX_FEED_BYTES).",
        code="fetch-too-large",
    )
