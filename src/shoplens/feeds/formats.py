"""The formats of feeds, as a table, and how one is recognised."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from shoplens.errors import FeedError
from shoplens.feeds.assembly.families import FamilyRules
from shoplens.feeds.mapping import FieldMapping, mapping_from, propose_mapping, shows
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
from shoplens.feeds.text.delimited import column_name, header_cells
from shoplens.feeds.text.text_lines import head_text
from shoplens.feeds.text.xml_elements import root_name
from shoplens.types import Rejection


@dataclass(frozen=True, slots=True)
class Head:
    """What a format is recognised by.

    Attributes:
        path: the feed.
        text: its first 64 kB; empty for a folder.
        headings: the cells of a table's header, or the keys of the first JSON object, as they are written.
        root: name of the first element of XML.
    """

    path: Path
    text: str = ""
    headings: tuple[str, ...] = ()
    root: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """The headings as they are compared."""
        return frozenset(map(column_name, self.headings))

    @property
    def is_json(self) -> bool:
        """Whether it starts as JSON does."""
        return self.text.startswith(("{", "["))

    @property
    def is_xml(self) -> bool:
        """Whether it starts as XML does."""
        return self.text.startswith("<")


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of feed.

    Attributes:
        name: what ``--format`` takes.
        sentence: for people.
        columns: the columns or fields that must be there.
        recognises: whether a feed is of this kind.
        read: its rows.
        reads: field of a product -> where it is read from.
        ignores: what is not read -> why.
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
    reads: Mapping[str, str]
    ignores: Mapping[str, str]
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
    return lambda head: set(columns) <= head.columns


def _table(name: str, sentence: str, mapping: FieldMapping) -> Format:
    """The row of a shop system whose table is read by a mapping."""
    return Format(
        name=name,
        sentence=sentence,
        columns=mapping.required_columns(),
        recognises=lambda head: not head.is_json and not head.is_xml and shows(mapping, head.columns),
        read=partial(mapped.read_table_by, mapping=mapping),
        reads=mapped.reads_of(mapping),
        ignores=mapped.ignores_of(mapping),
        id_field=mapping.columns["id"][0],
    )


def _is_own_json(head: Head) -> bool:
    """Whether JSON has the project's own keys and none that looks like another one for photos, or a first object that
    cannot be read."""
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
        _table("wix", "Wix's product export (CSV)", shop_tables.WIX),
        _table("bigcommerce", "BigCommerce's product export (CSV)", shop_tables.BIGCOMMERCE),
        _table("prestashop", "PrestaShop's product export or import table (CSV)", shop_tables.PRESTASHOP),
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


def format_of(path: Path, name: str | None = None, mapping: Mapping[str, str | Sequence[str]] | None = None) -> Format:
    """The format of a feed; the one called ``name`` if given, or the one that a mapping of its columns makes.

    Raises:
        FeedError: there is no such feed or format, the feed is empty, its header is not the format's (or any's), or
            lacks a column of the mapping.
    """
    if name is not None and name not in FORMATS:
        fix = f"Use one of: {', '.join(FORMATS)}."
        raise FeedError(f"There is no feed format {name!r}.", fix, code="unknown-format")
    if mapping:
        return _format_of_mapping(path, mapping_from(mapping))
    head = _head(path, {column for row in FORMATS.values() for one in row.columns for column in one.split("|")})
    candidates = [FORMATS[name]] if name else FORMATS.values()
    for candidate in candidates:
        if candidate.recognises(head):
            return candidate
    kind = f"of format {name}" if name else "of a known format"
    raise FeedError(
        f"{path} is not a feed {kind}: {_describe_head(head)}.",
        f"{_proposal(head)}{_describe_formats(list(candidates), forced=bool(name))}",
        code="unknown-header",
    )


def _format_of_mapping(path: Path, mapping: FieldMapping) -> Format:
    """The format that a person's mapping makes."""
    head = _head(path, {column for columns in mapping.columns.values() for column in columns})
    if head.is_xml or path.is_dir():
        fix = "Export a table or JSON, or one of the formats that are read without --map."
        raise FeedError(f"{path} is no table and no JSON, so its columns cannot be mapped.", fix, code="bad-mapping")
    if not head.is_json and not shows(mapping, head.columns):
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
        reads=mapped.reads_of(mapping),
        ignores={},
        id_field=mapping.columns["id"][0],
    )


def _describe_head(head: Head) -> str:
    """What a feed starts with, as words."""
    if head.path.is_dir():
        return "it is a folder"
    if head.is_xml:
        return f"its first element is <{head.root[:60]}>"
    if not head.headings:
        return "its first line has no columns"
    return f"its {'first object' if head.is_json else 'first line'} has {', '.join(head.headings)[:500]}"


def _proposal(head: Head) -> str:
    """A mapping that may fit, as a sentence; empty where nothing is like an id and a photo."""
    proposed = {} if head.is_xml or head.path.is_dir() else propose_mapping(head.headings)
    if not {"id", "photos"} <= proposed.keys():
        return "" if head.is_xml or head.path.is_dir() else "Say which columns hold what: --map id=… --map photos=… . "
    options = " ".join(f"--map {shlex.quote(f'{name}={heading}')}" for name, heading in proposed.items())
    return f"Perhaps its columns mean this, then say so: {options} . "


def _describe_formats(candidates: Sequence[Format], *, forced: bool) -> str:
    described = "; ".join(
        f"{row.name} ({row.sentence}" + (f": {', '.join(row.columns)})" if row.columns else ")") for row in candidates
    )
    return f"Looked for: {described}. Export one of these" + ("." if forced else ", or force one with --format.")


def _head(path: Path, known: set[str]) -> Head:
    if path.is_dir():
        return Head(path)
    try:
        text = head_text(path).lstrip()
    except FileNotFoundError:
        fix = "Give the path of a file or folder, or an http or https address."
        raise FeedError(f"There is no feed {path}.", fix, code="no-feed") from None
    except OSError as problem:
        fix = "Check the file's permissions."
        raise FeedError(f"{path} cannot be read: {problem.strerror}.", fix, code="no-feed") from None
    if not text:
        raise FeedError(f"{path} is empty.", "Export the products again.", code="empty-feed")
    if text.startswith("<"):
        return Head(path, text, root=root_name(path))
    if text.startswith(("{", "[")):
        return Head(path, text, _first_keys(path))
    return Head(path, text, header_cells(text, known))


def _first_keys(path: Path) -> tuple[str, ...]:
    """The keys of the first of a file's objects that can be read; none where the first few cannot."""
    try:
        first = [one for one in islice(jsonlines.read_objects(path), 5) if not isinstance(one, Rejection)]
    except FeedError:  # it breaks off, which is told when it is read
        return ()
    return tuple(first[0][1]) if first else ()
