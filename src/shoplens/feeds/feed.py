"""A shop's feed as products: ``read_feed``."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from shoplens.errors import FeedError
from shoplens.feeds.assembly.assemble import AssemblyRules
from shoplens.feeds.feed_file import Download, FeedFile, open_feed_file
from shoplens.feeds.formats import Format, format_of
from shoplens.feeds.ingestion import FeedCounts, read_into_staging
from shoplens.feeds.photo_paths import PhotoPaths
from shoplens.feeds.rows import Event
from shoplens.feeds.staging import StagingTable
from shoplens.types import Product, Rejection

FeedMapping = Mapping[str, str | Sequence[str]]
"""Field of a product -> the column, or columns, of a table or JSON that hold it."""
MAX_FEED_BYTES = 4_000_000_000
"""Bytes that a feed may have when it is fetched or unpacked, where nobody says otherwise."""


class Feed:
    """The products of a feed and what is wrong with it, in the order in which they first appear there.

    The feed is read once, when it is first asked for anything; what was read is staged on disk, so a feed of any size
    takes little memory, and going through it again gives the same. Use it in a ``with`` block, which removes the
    staging table and copies of fetched and packed files, and from one thread at a time.

    >>> with read_feed("products.csv") as feed:  # doctest: +SKIP
    ...     for item in feed:
    ...         if isinstance(item, Product): ...

    Attributes:
        name: the absolute path, or the address.
        format: name of its format.
        media: the folder that local photos lie in; None for a feed that was fetched, whose relative references are
            addresses, too.
    """

    def __init__(self, file: FeedFile, form: Format, media: Path | None = None) -> None:
        self.name = file.name
        self.format = form.name
        self.media = media or (form.media(file.beside) if file.beside is not None else None)
        self._file = file
        self._form = form
        self._known_ids: Container[str] = ()
        self._read: tuple[StagingTable, FeedCounts] | None = None

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the staging table and all copies."""
        if self._read:
            self._read[0].close()
        self._read = None
        self._file.close()

    def __iter__(self) -> Iterator[Product | Rejection]:
        yield from self._contents()[0].items()

    def product_ids(self) -> Iterator[str]:
        """Ids of the products that iterating gives, in the same order."""
        return self._contents()[0].product_ids()

    def row_of(self, product_id: str) -> int | None:
        """Number of the first row of a product that iterating gives; None for any other id, and where rows have no
        numbers. May be asked while iterating, from the same thread."""
        return self._contents()[0].row_of(product_id) if self._form.numbered else None

    def keep_ids(self, known_ids: Container[str]) -> None:
        """Have products whose rows include one of these ids keep it, as those of a store; before the feed is read."""
        self._known_ids = known_ids

    def successors_of(self, identifier: str) -> list[Product]:
        """The products that iterating gives and that have this id or identifier. May be asked while iterating, from
        the same thread."""
        return self._contents()[0].products_identified_by(identifier)

    @property
    def count(self) -> int:
        """How many products iterating gives."""
        return self.counts.products

    @property
    def counts(self) -> FeedCounts:
        """What became of the feed's rows."""
        return self._contents()[1]

    def prepare(self, on_row: Callable[[int], None] | None = None) -> None:
        """Read the feed, if that has not been done; ``on_row`` is called with the number of rows read so far.

        Raises:
            FeedError: the feed is empty or broken as a whole, or there is no space for the staging table.
        """
        self._contents(on_row)

    def _contents(self, on_row: Callable[[int], None] | None = None) -> tuple[StagingTable, FeedCounts]:
        if self._read:
            return self._read
        staging = StagingTable()
        try:
            paths = PhotoPaths(self.media, rooted=self._form.rooted_photos, address=self._file.address)
            rules = AssemblyRules(paths, self._form.id_field, self._form.family, self._known_ids)
            self._read = staging, read_into_staging(staging, self._form, self._file.path, rules, on_row)
        except sqlite3.OperationalError as problem:
            fix = "Free space in the folder for temporary files, or name another one in TMPDIR."
            raise FeedError(f"{self.name} cannot be staged: {problem}.", fix, code="no-space") from problem
        finally:
            if not self._read:
                staging.close()
        return self._read


def read_feed(
    feed: str | Path,
    *,
    media: Path | None = None,
    format: str | None = None,
    mapping: FeedMapping | None = None,
    limit: int = MAX_FEED_BYTES,
    download: Download | None = None,
) -> Feed:
    """The feed at a path or address, recognised by its header unless ``format`` names a row of ``FORMATS``.

    Args:
        feed: a file, packed or not, a folder of photos, or an http or https address.
        media: the folder that local photos lie in; by default the feed's own (for Magento ``media`` or
            ``pub/media/catalog/product`` beside the feed, if there is one).
        format: name of a feed format; recognised by the header when omitted.
        mapping: field of a product -> column, or columns, of a table or JSON of any kind; instead of a format.
        limit: bytes that a fetched or unpacked feed may have.
        download: fetches an address; without it, addresses are refused.

    Raises:
        FeedError: there is no such feed or format, it cannot be fetched or unpacked, the header is unknown, the feed is
            empty, or it is XML that declares entities. A single bad row is a :class:`Rejection` in the feed instead.
    """
    file = open_feed_file(feed, limit, download)
    try:
        form = format_of(file.path, format, mapping)
        if not any(_is_of_a_row(event) for event in form.read(file.path)):
            raise FeedError(f"{file.name} holds no products.", "Export the products again.", code="empty-feed")
        return Feed(file, form, media)
    except BaseException:
        file.close()
        raise


def _is_of_a_row(event: Event) -> bool:
    """Whether it is a row, or what is wrong with one; the header alone has notes, too."""
    return not (isinstance(event, Rejection) and event.level == "note")
