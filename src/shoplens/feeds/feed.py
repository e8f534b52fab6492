"""A shop's feed as an iterable of products, and ``read_feed``, which opens it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from shoplens.errors import FeedError
from shoplens.feeds.assembly.assemble import AssemblyRules
from shoplens.feeds.feed_file import Download, FeedFile, open_feed_file
from shoplens.feeds.formats import Format, detect_format
from shoplens.feeds.ingestion import FeedCounts, read_into_staging
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import Event
from shoplens.feeds.staging import StagingTable
from shoplens.types import Product, Rejection

FeedMapping = Mapping[str, str | Sequence[str]]
"""Field of a product -> the column, or columns, of a table or of JSON that hold it."""
MAX_FEED_BYTES = 4_000_000_000
"""Default of the maximum size of a fetched or unpacked feed, in bytes."""


class Feed:
    """The products and rejections of a feed, in the order in which their rows first appear.

    The feed is read once, at the first iteration or call that needs its content. The content is staged on disk, so a
    feed of any size takes little memory, and every further iteration gives the same items. Use a feed in a ``with``
    block, which removes the staging table and the copies of fetched and packed files, and from one thread at a time.

    >>> with read_feed("products.csv") as feed:  # doctest: +SKIP
    ...     for item in feed:
    ...         if isinstance(item, Product): ...

    Attributes:
        name: the absolute path, or the URL.
        format: name of its format.
        media: the folder of local photos; None for a fetched feed, whose relative references are relative to its URL.
    """

    def __init__(self, file: FeedFile, feed_format: Format, media: Path | None = None) -> None:
        self.name = file.name
        self.format = feed_format.name
        self.media = media or (feed_format.media_folder(file.local_path) if file.local_path is not None else None)
        self._file = file
        self._format = feed_format
        self._known_ids: Container[str] = ()
        self._content: tuple[StagingTable, FeedCounts] | None = None

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the staging table and all copies."""
        if self._content:
            self._content[0].close()
        self._content = None
        self._file.close()

    def __iter__(self) -> Iterator[Product | Rejection]:
        yield from self._read()[0].items()

    def product_ids(self) -> Iterator[str]:
        """Yield the ids of the feed's products in the feed's order."""
        return self._read()[0].product_ids()

    def row_of(self, product_id: str) -> int | None:
        """Return the number of a product's first row.

        The result is None where the feed has no product with this id, and where rows have no numbers. The method may be
        called during an iteration, from the same thread.
        """
        return self._read()[0].row_of(product_id) if self._format.numbered else None

    def keep_ids(self, known_ids: Container[str]) -> None:
        """Let products keep one of these ids where one of their rows has it; call this before the feed is read."""
        self._known_ids = known_ids

    def successors_of(self, identifier: str) -> list[Product]:
        """Return the products that have this id or identifier.

        The method may be called during an iteration, from the same thread.
        """
        return self._read()[0].products_identified_by(identifier)

    @property
    def count(self) -> int:
        """Number of the feed's products."""
        return self.counts.products

    @property
    def counts(self) -> FeedCounts:
        """Numbers of used, skipped and rejected rows, of products, and of rejections."""
        return self._read()[1]

    def prepare(self, on_row: Callable[[int], None] | None = None) -> None:
        """Read the feed, unless it has been read; ``on_row`` is called with the number of rows read so far.

        Raises:
            FeedError: the feed is empty or broken as a whole, or there is no space for the staging table.
        """
        self._read(on_row)

    def _read(self, on_row: Callable[[int], None] | None = None) -> tuple[StagingTable, FeedCounts]:
        if self._content:
            return self._content
        staging = StagingTable()
        try:
            paths = PhotoPaths(self.media, rooted=self._format.rooted_photos, address=self._file.address)
            rules = AssemblyRules(paths, self._format.id_field, self._format.family, self._known_ids)
            self._content = staging, read_into_staging(staging, self._format, self._file.path, rules, on_row)
        except sqlite3.OperationalError as problem:
            fix = "Free space in the folder for temporary files, or set another folder in TMPDIR."
            raise FeedError(f"{self.name} cannot be staged: {problem}.", fix, code="no-space") from problem
        finally:
            if not self._content:
                staging.close()
        return self._content


def read_feed(
    feed: str | Path,
    *,
    media: Path | None = None,
    format: str | None = None,
    mapping: FeedMapping | None = None,
    limit: int = MAX_FEED_BYTES,
    download: Download | None = None,
) -> Feed:
    """Open the feed at a path or URL.

    Args:
        feed: a file, packed or not, a folder of photos, or an http or https URL.
        media: the folder of local photos; by default the feed's own (for Magento ``media`` or
            ``pub/media/catalog/product`` beside the feed, if there is one).
        format: name of a row of ``FORMATS``; recognised by the header when omitted.
        mapping: field of a product -> column, or columns, of a table or JSON of any kind; instead of a format.
        limit: maximum size of a fetched or unpacked feed, in bytes.
        download: function that fetches a URL; without it, URLs are refused.

    Raises:
        FeedError: there is no such feed or format, it cannot be fetched or unpacked, the header is unknown, the feed is
            empty, or it is XML that declares entities. A single bad row is a :class:`Rejection` in the feed instead.
    """
    file = open_feed_file(feed, limit, download)
    try:
        feed_format = detect_format(file.path, format, mapping)
        if not any(_stands_for_row(event) for event in feed_format.read(file.path)):
            raise FeedError(f"{file.name} contains no products.", "Export the products again.", code="empty-feed")
        return Feed(file, feed_format, media)
    except BaseException:
        file.close()
        raise


def _stands_for_row(event: Event) -> bool:
    """Return whether an event is a row, or takes the place of one; notes do not, since they may be about the header."""
    return not (isinstance(event, Rejection) and event.level == "note")
