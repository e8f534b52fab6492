"""A photo's URL -> its bytes, for feeds and for queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType

from shoplens.fetching.fetcher import Fetcher
from shoplens.images.bodies import read_photo
from shoplens.settings import Settings


class PhotoFetcher:
    """Fetches photos; close it, or use it in a ``with`` statement. Thread-safe.

    Args:
        settings: for the limits.
        fetcher: made from the settings when omitted.
    """

    def __init__(self, settings: Settings, fetcher: Fetcher | None = None) -> None:
        self._limit = settings.max_photo_bytes
        self._fetcher = fetcher or Fetcher(settings)

    def fetch(self, url: str) -> bytes:
        """The photo's bytes, unpacked where they are sent as gzip or deflate; whatever the server says of them.

        Where it says that they are no photo, they must begin as one does; else this is for the decoder to say.

        Raises:
            PhotoError: as :meth:`Fetcher.fetch`, ``fetch-too-large`` or ``fetch-type``.
        """
        return self._fetcher.fetch(url, self._read)

    def close(self) -> None:
        """Close idle connections."""
        self._fetcher.close()

    def __enter__(self) -> PhotoFetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, url: str, headers: Mapping[bytes, bytes], chunks: Iterable[bytes]) -> bytes:
        return read_photo(url, headers, chunks, self._limit)
