"""The table of feed formats, and the recognition of a feed's format."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from shoplens.errors import FeedError
from shoplens.feeds.assembly.variants import FamilyRules
from shoplens.feeds.mapping import FieldMapping, has_required_columns, parse_mapping, propose_mapping
from shoplens.feeds.readers import (
    folder,
    jsonlines,
    magento,
    mapped,
    merchant,
    shop_tables,
    shopify,
    woocommerce,
    yandex,
)
from shoplens.feeds.readers.merchant_xml import ROOTS
from shoplens.feeds.rows import Event
from shoplens.feeds.text.delimited import normalize_column_name, read_header_cells
from shoplens.feeds.text.text_lines import read_head_text
from shoplens.feeds.text.xml_elements import read_root_name
from shoplens.types import Rejection


@dataclass(frozen=True, slots=True)
class Head:
    """The start of a feed, by which its format is recognised.

    Attributes:
        path: the feed.
        text: its first 64 kB; empty for a folder.
        headings: the cells of a table's header, or the keys of the first JSON object, as they are written.
        root: name of the first XML element.
    """

    path: Path
    text: str = ""
    headings: tuple[str, ...] = ()
    root: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """The headings in their normal form."""
        return frozenset(map(normalize_column_name, self.headings))

    @property
    def is_json(self) -> bool:
        """Whether the feed starts like JSON."""
        return self.text.startswith(("{", "["))

    @property
    def is_xml(self) -> bool:
        """Whether the feed starts like XML."""
        return self.text.startswith("<")


@dataclass(frozen=True, slots=True)
class Format:
    """A feed format.

    Attributes:
        name: the value of ``--format``.
        sentence: a description for people.
        columns: the columns or fields that a feed of this format must have.
        recognises: function that returns whether a feed has this format.
        read: function that yields the rows of a feed.
        reads: field of a product -> the columns that it is read from, for people.
        ignores: columns or parts that are not read -> the reason, for people.
        id_field: the column of the product's id.
        family: how variants of a family are treated.
        media_folders: folders beside the feed that may hold its photos; the first existing one counts, else the feed's
            own folder.
        rooted_photos: whether a photo's leading ``/`` means the media folder.
        numbered: whether rows have numbers that people can look up.
    """

    name: str
    sentence: str
    columns: tuple[str, ...]
    recognises: Callable[[Head], bool]
    read: Callable[[Path], Iterator[Event]]
    reads: Mapping[str, str]
    ignores: Mapping[str, str]
    id_field: str = "id"
    family: FamilyRules = field(default_factory=FamilyRules)
    media_folders: tuple[str, ...] = ()
    rooted_photos: bool = False
    numbered: bool = True

    def media_folder(self, path: Path) -> Path:
        """Return the default folder of a feed's local photos."""
        if path.is_dir():
            return path
        folders = (path.parent / name for name in self.media_folders)
        return next((folder for folder in folders if folder.is_dir()), path.parent)


def _has_columns(*columns: str) -> Callable[[Head], bool]:
    return lambda head: set(columns) <= head.columns


def _mapped_format(name: str, sentence: str, mapping: FieldMapping) -> Format:
    """Return the format of a shop system whose table is read with a mapping."""
    return Format(
        name=name,
        sentence=sentence,
        columns=mapping.required_columns(),
        recognises=lambda head: not head.is_json and not head.is_xml and has_required_columns(mapping, head.columns),
        read=partial(mapped.read_table_by, mapping=mapping),
        reads=mapped.describe_read_columns(mapping),
        ignores=mapped.describe_ignored_columns(mapping),
        id_field=mapping.columns["id"][0],
    )


def _is_own_json(head: Head) -> bool:
    """Return whether a feed is JSON in the project's own format.

    It is if its first object has the key ``photos``, or ``id`` without another key that looks like photos, and if no
    object can be read, so that the errors are reported.
    """
    if not head.is_json or not head.headings or "photos" in head.headings:
        return head.is_json
    return "id" in head.headings and "photos" not in propose_mapping(head.headings)


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            name="magento",
            sentence="Magento 2 product export (CSV)",
            columns=magento.COLUMNS,
            recognises=_has_columns(*magento.COLUMNS),
            read=magento.read,
            reads=magento.READS,
            ignores=magento.IGNORES,
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
            reads=shopify.READS,
            ignores=shopify.IGNORES,
            id_field="handle",
            family=shopify.FAMILIES,
        ),
        Format(
            name="woocommerce",
            sentence="WooCommerce's product export (CSV)",
            columns=woocommerce.COLUMNS,
            recognises=_has_columns(*woocommerce.COLUMNS),
            read=woocommerce.read,
            reads=woocommerce.READS,
            ignores=woocommerce.IGNORES,
            id_field="sku",
        ),
        Format(
            name="merchant",
            sentence="Google Merchant Center or Meta catalogue feed (TSV, CSV, or RSS or Atom XML with g: fields)",
            columns=merchant.COLUMNS,
            recognises=lambda head: (
                head.root in ROOTS
                or _has_columns(*merchant.COLUMNS)(head)
                or _has_columns(*merchant.META_COLUMNS)(head)
            ),
            read=merchant.read,
            reads=merchant.READS,
            ignores=merchant.IGNORES,
        ),
        Format(
            name="yandex",
            sentence="Yandex Market feed (YML)",
            columns=(yandex.ROOT,),
            recognises=lambda head: head.root == yandex.ROOT,
            read=yandex.read,
            reads=yandex.READS,
            ignores=yandex.IGNORES,
        ),
        _mapped_format("wix", "Wix's product export (CSV)", shop_tables.WIX),
        _mapped_format("bigcommerce", "BigCommerce's product export (CSV)", shop_tables.BIGCOMMERCE),
        _mapped_format("prestashop", "PrestaShop's product export or import table (CSV)", shop_tables.PRESTASHOP),
        Format(
            name="jsonl",
            sentence="Shoplens' own JSON: an object per line, an array, or one object over several lines",
            columns=("id", "photos"),
            recognises=_is_own_json,
            read=jsonlines.read,
            reads=jsonlines.READS,
            ignores=jsonlines.IGNORES,
        ),
        Format(
            name="folder",
            sentence="a folder of photos, where a sub-folder or a lone photo is a product",
            columns=(),
            recognises=lambda head: head.path.is_dir(),
            read=folder.read,
            reads=folder.READS,
            ignores=folder.IGNORES,
            id_field="name",
            numbered=False,
        ),
    )
}


def detect_format(
    path: Path, name: str | None = None, mapping: Mapping[str, str | Sequence[str]] | None = None
) -> Format:
    """Return the format of a feed.

    Args:
        path: the feed.
        name: name of a format that the feed must have; recognised by the header when omitted.
        mapping: field of a product -> columns; the feed is then read with this mapping instead of a known format.

    Raises:
        FeedError: there is no such feed or format, the feed is empty, its header does not fit the format (or any), or
            it lacks a column of the mapping.
    """
    if name is not None and name not in FORMATS:
        fix = f"Use one of: {', '.join(FORMATS)}."
        raise FeedError(f"There is no feed format {name!r}.", fix, code="unknown-format")
    if mapping:
        return _format_of_mapping(path, parse_mapping(mapping))
    head = _read_head(path, {name for row in FORMATS.values() for names in row.columns for name in names.split("|")})
    candidates = [FORMATS[name]] if name else FORMATS.values()
    for candidate in candidates:
        if candidate.recognises(head):
            return candidate
    kind = f"of format {name}" if name else "of a known format"
    raise FeedError(
        f"{path} is not a feed {kind}: {_describe_head(head)}.",
        f"{_propose_options(head)}{_describe_formats(list(candidates), forced=bool(name))}",
        code="unknown-header",
    )


def _format_of_mapping(path: Path, mapping: FieldMapping) -> Format:
    """Return a format that reads a feed with a person's mapping."""
    head = _read_head(path, {column for columns in mapping.columns.values() for column in columns})
    if head.is_xml or path.is_dir():
        fix = "Export a table or JSON, or one of the formats that are read without --map."
        problem = f"{path} is neither a table nor JSON, so its columns cannot be mapped."
        raise FeedError(problem, fix, code="bad-mapping")
    if not head.is_json and not has_required_columns(mapping, head.columns):
        needed = ", ".join(mapping.required_columns())
        raise FeedError(
            f"{path} lacks columns that the mapping names: {_describe_head(head)}.",
            f"The mapping needs {needed}. Correct --map, or [feed.map] in shoplens.toml.",
            code="bad-mapping",
        )
    return Format(
        name="mapped",
        sentence="a table or JSON whose columns were mapped",
        columns=mapping.required_columns(),
        recognises=lambda head: True,
        read=partial(mapped.read_json_by if head.is_json else mapped.read_table_by, mapping=mapping),
        reads=mapped.describe_read_columns(mapping),
        ignores={},
        id_field=mapping.columns["id"][0],
    )


def _describe_head(head: Head) -> str:
    """Return what a feed starts with, as a clause for messages."""
    if head.path.is_dir():
        return "it is a folder"
    if head.is_xml:
        return f"its first element is <{head.root[:60]}>"
    if not head.headings:
        return "its first line has no columns"
    return f"its {'first object' if head.is_json else 'first line'} has {', '.join(head.headings)[:500]}"


def _propose_options(head: Head) -> str:
    """Return a sentence that proposes ``--map`` options; empty for a feed that cannot be mapped."""
    if head.is_xml or head.path.is_dir():
        return ""
    proposal = propose_mapping(head.headings)
    if not {"id", "photos"} <= proposal.keys():
        return "Name the columns that hold the fields: --map id=… --map photos=… . "
    options = " ".join(f"--map {shlex.quote(f'{name}={heading}')}" for name, heading in proposal.items())
    return f"If its columns mean this, give these options: {options} . "


def _describe_formats(candidates: Sequence[Format], *, forced: bool) -> str:
    described = "; ".join(
        f"{row.name} ({row.sentence}" + (f": {', '.join(row.columns)})" if row.columns else ")") for row in candidates
    )
    return f"These formats are known: {described}. Export one of these" + (
        "." if forced else ", or force one with --format."
    )


def _read_head(path: Path, known: set[str]) -> Head:
    """Read the start of a feed.

    Args:
        path: the feed.
        known: column names that help to recognise a table's header.

    Raises:
        FeedError: the feed does not exist, cannot be read, or is empty.
    """
    if path.is_dir():
        return Head(path)
    try:
        text = read_head_text(path).lstrip()
    except FileNotFoundError:
        fix = "Give the path of a file or folder, or an http or https address."
        raise FeedError(f"There is no feed {path}.", fix, code="no-feed") from None
    except OSError as problem:
        fix = "Check the file's permissions."
        raise FeedError(f"{path} cannot be read: {problem.strerror}.", fix, code="no-feed") from None
    if not text:
        raise FeedError(f"{path} is empty.", "Export the products again.", code="empty-feed")
    if text.startswith("<"):
        return Head(path, text, root=read_root_name(path))
    if text.startswith(("{", "[")):
        return Head(path, text, _first_keys(path))
    return Head(path, text, read_header_cells(text, known))


def _first_keys(path: Path) -> tuple[str, ...]:
    """Return the keys of a file's first object that can be read; none if none of the first five can."""
    try:
        objects = [item for item in islice(jsonlines.read_objects(path), 5) if not isinstance(item, Rejection)]
    except FeedError:  # the file breaks off; reading it as a feed raises this error again
        return ()
    return tuple(objects[0][1]) if objects else ()
