"""The staging table: the rows and products of one feed on disk, so that memory use does not grow with the feed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from shoplens.feeds.assembly.size_words import is_size
from shoplens.feeds.rows import Options, RawProduct, Role, Row, compact_json
from shoplens.types import Product, Rejection

_SCHEMA = """
CREATE TABLE rows (
    number INTEGER PRIMARY KEY, id TEXT, role INTEGER, family TEXT, shop_group TEXT, options TEXT, product TEXT);
CREATE TABLE names (name TEXT PRIMARY KEY, family TEXT) WITHOUT ROWID;
CREATE TABLE links (child TEXT, parent TEXT, options TEXT, UNIQUE (child, parent));
CREATE TABLE shown (photo TEXT, number INTEGER);
CREATE TABLE items (sequence INTEGER PRIMARY KEY, row INTEGER, id TEXT, content TEXT);
CREATE TABLE identified (identifier TEXT, id TEXT);
CREATE TABLE statuses (number INTEGER PRIMARY KEY, status INTEGER);
CREATE TABLE claimed (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE surplus (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_INDEXES = """
CREATE INDEX rows_by_id ON rows (id, number);
CREATE INDEX links_by_parent ON links (parent);
"""

_REPEATS = """
SELECT later.number, later.id, first.number FROM rows AS later
JOIN (SELECT id, min(number) AS number FROM rows WHERE id != '' GROUP BY id HAVING count(*) > 1) AS first USING (id)
WHERE later.number > first.number ORDER BY later.number
"""

# The key of a family starts with f, that of a group with g; a row outside both has no key. A child that several parents
# name has a place under each.
_PLACES = """
CREATE TABLE places AS
SELECT row.number AS number, CASE WHEN parent.number IS NOT NULL THEN 2 ELSE row.role END AS role,
       row.options AS options, link.options AS linked,
       CASE WHEN parent.number IS NOT NULL THEN 'f' || parent.id
            WHEN name.family IS NOT NULL THEN 'f' || name.family
            WHEN row.family != '' THEN 'f' || row.family
            WHEN row.shop_group != '' THEN 'g' || row.shop_group
       END AS key
FROM rows AS row
LEFT JOIN links AS link ON link.child = row.id AND row.role != 1
LEFT JOIN rows AS parent ON parent.id = link.parent AND parent.role = 1
LEFT JOIN names AS name ON name.name = row.family AND row.role != 1
WHERE row.role = 1 OR link.parent IS NULL OR parent.number IS NOT NULL;
INSERT INTO places
SELECT row.number, row.role, row.options, NULL, CASE WHEN row.shop_group != '' THEN 'g' || row.shop_group END
FROM rows AS row WHERE row.number NOT IN (SELECT number FROM places);
CREATE INDEX places_by_number ON places (number);
CREATE TABLE firsts AS SELECT key, min(number) AS first FROM places WHERE key IS NOT NULL GROUP BY key;
CREATE INDEX firsts_by_key ON firsts (key);
CREATE TABLE positions AS
SELECT coalesce(firsts.first, places.number) AS first, places.key AS key, places.number AS number,
       places.role AS role, places.options AS options, places.linked AS linked
FROM places LEFT JOIN firsts ON firsts.key = places.key
ORDER BY 1, 2, 3;
CREATE TABLE placeholders (photo TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO placeholders
SELECT photo FROM shown JOIN places USING (number) WHERE key IS NOT NULL GROUP BY photo HAVING count(DISTINCT key) > 1;
"""

_MEMBERS = """
SELECT position.key, position.number, position.role, position.options, position.linked, rows.product
FROM positions AS position CROSS JOIN rows ON rows.number = position.number ORDER BY position.rowid
"""

# A family's own id takes precedence over an equal further name of another family.
_NAME_OF_FAMILY = """
INSERT INTO names VALUES (?, ?) ON CONFLICT DO UPDATE SET family = excluded.family WHERE excluded.name = excluded.family
"""

_CHILDREN = """
SELECT link.child, rows.number FROM links AS link LEFT JOIN rows ON rows.id = link.child WHERE link.parent = ?
"""

_PRODUCT_FIELDS = tuple(field.name for field in fields(Product) if field.name != "attributes")
_product_values = attrgetter(*_PRODUCT_FIELDS)
_TUPLE_FIELDS = ("photos", "category", "identifiers")
_rejection_values = attrgetter(*(field.name for field in fields(Rejection)))


class RowStatus(IntEnum):
    """The status of a row; a row with several statuses counts as the highest."""

    REJECTED = 0
    SKIPPED = 1
    USED = 2


class Member(NamedTuple):
    """A row of a family or group."""

    number: int
    role: Role
    options: Options
    product: RawProduct


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows that belong together.

    Attributes:
        members: the rows in the feed's order.
        family: id of the family; empty for rows that are not a family.
    """

    members: list[Member]
    family: str = ""


class StagingTable:
    """A temporary SQLite database that groups the rows of a feed, and holds the resulting products and rejections.

    SQLite keeps it in the folder for temporary files (``SQLITE_TMPDIR`` or ``TMPDIR``) as an unlinked file, so nothing
    is left behind however the process ends.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -16000")
        self._connection.execute("PRAGMA temp_store = FILE")
        self._connection.execute("BEGIN")
        self._execute_all(_SCHEMA)

    def close(self) -> None:
        """Remove the database."""
        self._connection.close()

    def _execute_all(self, statements: str) -> None:
        for statement in statements.split(";"):  # executescript() would end the transaction
            self._connection.execute(statement)

    def add_row(self, row: Row) -> None:
        """Add a row."""
        product = row.product
        options = compact_json(row.options) if row.options else ""
        self._connection.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.number, product.id, row.role, row.family, product.group_id, options, product.to_json()),
        )
        if row.role == Role.PARENT:
            names = [(name, product.id) for name in (product.id, *row.names)]
            self._connection.executemany(_NAME_OF_FAMILY, names)
        if row.children:
            links = ((child, product.id, compact_json(options)) for child, options in row.children.items())
            self._connection.executemany("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", links)
        if row.family or product.group_id or row.role != Role.STANDALONE:
            photos = ((photo, row.number) for photo in product.photos)
            self._connection.executemany("INSERT INTO shown VALUES (?, ?)", photos)

    def remove_repeated_rows(self) -> Iterator[tuple[int, str, int]]:
        """Remove all rows except the first one of every id; yield each removed row, its id and the first row."""
        self._execute_all(_INDEXES)
        self._connection.execute(f"CREATE TABLE repeats AS {_REPEATS}")
        self._connection.execute("DELETE FROM rows WHERE number IN (SELECT number FROM repeats)")
        yield from self._connection.execute("SELECT * FROM repeats")

    def row_groups(self) -> Iterator[RowGroup]:
        """Yield the rows of each family, of each group, and every other row by itself, in order of their first rows."""
        self._execute_all(_PLACES)
        rows = self._connection.execute(_MEMBERS)
        for key, member_rows in groupby(rows, key=lambda row: (row[0], None if row[0] else row[1])):
            members = [
                Member(number, Role(role), _merge_options(own, linked), RawProduct.from_json(text))
                for _, number, role, own, linked, text in member_rows
            ]
            yield RowGroup(members, key[0][1:] if key[0] and key[0].startswith("f") else "")

    def is_placeholder(self, photo: str) -> bool:
        """Return whether several families or groups have this photo, so that it does not tell products apart."""
        rows = self._connection.execute("SELECT 1 FROM placeholders WHERE photo = ?", (photo,))
        return rows.fetchone() is not None

    def children(self, parent_id: str) -> Iterator[tuple[str, bool]]:
        """Yield the id of every row that a parent names, and whether the feed has that row."""
        for child, number in self._connection.execute(_CHILDREN, (parent_id,)):
            yield child, number is not None

    def claim_id(self, product_id: str) -> bool:
        """Claim an id for a product of a family; return whether it was still free."""
        return self._connection.execute("INSERT OR IGNORE INTO claimed VALUES (?)", (product_id,)).rowcount == 1

    def is_standalone_id(self, product_id: str) -> bool:
        """Return whether a row outside all families has this id."""
        query = "SELECT 1 FROM rows JOIN places USING (number) WHERE id = ? AND (key IS NULL OR key LIKE 'g%')"
        return self._connection.execute(query, (product_id,)).fetchone() is not None

    def register_omitted_name(self, name: str) -> bool:
        """Remember an attribute that is left out of all products; return whether it is new."""
        return self._connection.execute("INSERT OR IGNORE INTO surplus VALUES (?)", (name,)).rowcount == 1

    def set_status(self, numbers: Iterable[int], status: RowStatus) -> None:
        """Set the status of these rows; of several statuses of a row the highest is kept."""
        self._connection.executemany(
            "INSERT INTO statuses VALUES (?, ?) ON CONFLICT DO UPDATE SET status = max(status, excluded.status)",
            ((number, status) for number in numbers),
        )

    def status_counts(self) -> dict[RowStatus, int]:
        """Return the number of rows of each status."""
        counts = dict(self._connection.execute("SELECT status, count(*) FROM statuses GROUP BY status"))
        return {status: counts.get(status, 0) for status in RowStatus}

    def add_item(self, row: int, item: Product | Rejection) -> None:
        """Add a product or a rejection in the place of ``row``."""
        product_id = None
        if isinstance(item, Product):
            product_id = item.id
            identifiers = ((identifier, item.id) for identifier in (item.id, *item.identifiers))
            self._connection.executemany("INSERT INTO identified VALUES (?, ?)", identifiers)
        self._connection.execute("INSERT INTO items VALUES (NULL, ?, ?, ?)", (row, product_id, _item_to_json(item)))

    def finish(self) -> None:
        """Drop everything except the items, and index these."""
        for table in ("rows", "names", "links", "shown", "places", "firsts", "positions", "placeholders", "repeats",
                      "claimed", "surplus", "statuses"):  # fmt: skip
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        self._connection.execute("CREATE INDEX items_by_row ON items (row, sequence, id)")
        self._connection.execute("CREATE INDEX items_by_id ON items (id, row) WHERE id IS NOT NULL")
        self._connection.execute("CREATE INDEX identified_by_identifier ON identified (identifier)")

    def items(self) -> Iterator[Product | Rejection]:
        """Yield the products and rejections in the order of the feed."""
        for product_id, content in self._connection.execute("SELECT id, content FROM items ORDER BY row, sequence"):
            yield Rejection(*json.loads(content)) if product_id is None else _product_from_json(content)

    def product_ids(self) -> Iterator[str]:
        """Yield the ids of the products in the order of the feed."""
        rows = self._connection.execute("SELECT id FROM items WHERE id IS NOT NULL ORDER BY row, sequence")
        yield from (product_id for (product_id,) in rows)

    def row_of(self, product_id: str) -> int | None:
        """Return the number of a product's first row; None where no product has this id."""
        row = self._connection.execute("SELECT row FROM items WHERE id = ?", (product_id,)).fetchone()
        return None if row is None else int(row[0])

    def products_identified_by(self, identifier: str) -> list[Product]:
        """Return the products that have this id or identifier, in order of their ids."""
        query = "SELECT items.content FROM identified JOIN items USING (id) WHERE identifier = ? ORDER BY id"
        return [_product_from_json(content) for (content,) in self._connection.execute(query, (identifier,))]


def _merge_options(own: str, linked: str | None) -> Options:
    """Return the options that a row's parent gives it; the row's own ones are added where these are sizes only."""
    linked_options, own_options = (
        [(name, value) for name, value in json.loads(text or "[]")] for text in (linked, own)
    )
    if any(not is_size(name) for name, _ in linked_options):
        return linked_options
    return [*linked_options, *own_options]


def _item_to_json(item: Product | Rejection) -> str:
    """Return a product or a rejection as one line of JSON."""
    if isinstance(item, Rejection):
        return compact_json(_rejection_values(item))
    return compact_json([*_product_values(item), dict(item.attributes)])


def _product_from_json(content: str) -> Product:
    *values, attributes = json.loads(content)
    product = dict(zip(_PRODUCT_FIELDS, values, strict=True))
    product |= {name: tuple(product[name]) for name in _TUPLE_FIELDS}
    return Product(**product, attributes={name: tuple(values) for name, values in attributes.items()})
