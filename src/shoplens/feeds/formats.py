"""The formats of feeds, as a table, and how one is recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shoplens.errors import FeedError
from shoplens.feeds.assembly.families import FamilyRules
from shoplens.feeds.readers import folder, jsonlines, magento, merchant, shopify
from shoplens.feeds.rows import Event
from shoplens.feeds.text.delimited import header_columns
from shoplens.feeds.text.text_lines import head_text


@dataclass(frozen=True, slots=True)
class Head:
    """What a format is recognised by.

    Attributes:
        path: the feed.
        text: its first 64 kB; empty for a folder.
        columns: of its first line, taken as a table's header.
    """

    path: Path
    text: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of feed.

    Attributes:
        name: what ``--format`` takes.
        sentence: for people.
        columns: the columns or fields that must be there.
        recognises: whether a feed is of this kind.
        read: its rows.
        id_field: the column of the product's id.
        family: how variants of a family are treated.
        media_folders: where its photos may be, beside the feed; the first that exists is taken, else the feed's folder.
        rooted_photos: a photo's leading ``/`` means the media folder.
        numbered: rows have numbers that mean something to people.
    """

    name: str
    sentence: str
    columns: tuple[str, ...]
    recognises: Callable[[Head], bool]
    read: Callable[[Path], Iterator[Event]]
    id_field: str = "id"
    family: FamilyRules = field(default_factory=FamilyRules)
    media_folders: tuple[str, ...] = ()
    rooted_photos: bool = False
    numbered: bool = True

    def media(self, path: Path) -> Path:
        """Where local photos are when nobody says."""
        if path.is_dir():
            return path
        beside = (path.parent / name for name in self.media_folders)
        return next((folder for folder in beside if folder.is_dir()), path.parent)


def _has_columns(*columns: str) -> Callable[[Head], bool]:
    return lambda head: set(columns) <= set(head.columns)


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="magento",
            sentence="Magento 2 product export (CSV)",
            columns=magento.COLUMNS,
            recognises=_has_columns(*magento.COLUMNS),
            read=magento.read,
            id_field="sku",
            family=magento.FAMILIES,
            media_folders=magento.MEDIA_FOLDERS,
            rooted_photos=True,
        ),
        Format(
            name="shopify",
            sentence="Shopify's product export (CSV)",
            columns=shopify.COLUMNS,
            recognises=lambda head: shopify.is_shopify(head.columns),
            read=shopify.read,
            id_field="handle",
            family=shopify.FAMILIES,
        ),
        Format(
            name="merchant",
            sentence="Google Merchant Center feed (TSV, CSV, or RSS or Atom XML with g: fields)",
            columns=merchant.COLUMNS,
            recognises=lambda head: head.text.startswith("<") or _has_columns(*merchant.COLUMNS)(head),
            read=merchant.read,
        ),
        Format(
            name="jsonl",
            sentence="JSON Lines, one product per line",
            columns=("id", "photos"),
            recognises=lambda head: head.text.startswith("{"),
            read=jsonlines.read,
        ),
        Format(
            name="folder",
            sentence="a folder of photos, where a sub-folder or a lone photo is a product",
            columns=(),
            recognises=lambda head: head.path.is_dir(),
            read=folder.read,
            id_field="name",
            numbered=False,
        ),
    )
}


def format_of(path: Path, name: str | None = None) -> Format:
    """The format of a feed; the one called ``name`` if given.

    Raises:
        FeedError: there is no such feed or format, the feed is empty, or its header is not the format's (or any's).
    """
    if name is not None and name not in FORMATS:
        fix = f"Use one of: {', '.join(FORMATS)}."
        raise FeedError(f"There is no feed format {name!r}.", fix, code="unknown-format")
    head = _head(path)
    candidates = [FORMATS[name]] if name else FORMATS.values()
    for candidate in candidates:
        if candidate.recognises(head):
            return candidate
    wanted = "; ".join(_described(candidate) for candidate in candidates)
    found = ", ".join(head.columns)[:500] if head.columns else "no columns"
    raise FeedError(
        f"{path} is not a feed of a known format: its first line has {found}."
        if not name
        else f"{path} is not a feed of format {name}: its first line has {found}.",
        f"Looked for: {wanted}. Export one of these" + ("." if name else ", or force one with --format."),
        code="unknown-header",
    )


def _described(row: Format) -> str:
    return f"{row.name} ({row.sentence}" + (f": {', '.join(row.columns)})" if row.columns else ")")


def _head(path: Path) -> Head:
    if path.is_dir():
        return Head(path)
    try:
        text = head_text(path).lstrip()
    except FileNotFoundError:
        raise FeedError(f"There is no feed {path}.", "Give the path of a file or folder.", code="no-feed") from None
    except OSError as problem:
        raise FeedError(f"{path} cannot be read: {problem.strerror}.", "Mend that.", code="no-feed") from None
    if not text:
        raise FeedError(f"{path} is empty.", "Export the products again.", code="empty-feed")
    known = {column for row in FORMATS.values() for column in row.columns}
    return Head(path, text, header_columns(text, known))
