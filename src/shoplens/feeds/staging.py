"""The rows and products of one feed on disk, so that memory stays flat whatever the feed's size."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from shoplens.feeds.assembly.sizes import is_size
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

# Families and groups have keys of different kinds; a row that is a product by itself has none. A child that several
# parents name has a place under each.
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

# What a family is called itself counts more than what another one is called besides.
_NAME_OF_FAMILY = """
INSERT INTO names VALUES (?, ?) ON CONFLICT DO UPDATE SET family = excluded.family WHERE excluded.name = excluded.family
"""

_CHILDREN = """
SELECT link.child, rows.number FROM links AS link LEFT JOIN rows ON rows.id = link.child WHERE link.parent = ?
"""

_PRODUCT_FIELDS = tuple(field.name for field in fields(Product) if field.name != "attributes")
_PRODUCT = attrgetter(*_PRODUCT_FIELDS)
_TUPLES = ("photos", "category", "identifiers")
_REJECTION = attrgetter(*(field.name for field in fields(Rejection)))


class RowStatus(IntEnum):
    """What becomes of a row; a row that met several counts as the highest."""

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
class StagedRows:
    """Rows that belong together.

    Attributes:
        members: in the feed's order.
        family: id of the family; empty where they are none.
    """

    members: list[Member]
    family: str = ""


class StagingTable:
    """A temporary SQLite database: rows go in, rows that belong together come out, products and rejections go in and
    come out.

    SQLite keeps it in the folder for temporary files (``SQLITE_TMPDIR`` or ``TMPDIR``), without a name, so nothing is
    left behind however the process ends.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("PRAGMA cache_size = -16000")
        self._connection.execute("PRAGMA temp_store = FILE")
        self._connection.execute("BEGIN")
        self._run(_SCHEMA)

    def close(self) -> None:
        """Remove the database."""
        self._connection.close()

    def _run(self, statements: str) -> None:
        for statement in statements.split(";"):  # executescript() would end the transaction
            self._connection.execute(statement)

    def add_row(self, row: Row) -> None:
        """Keep a row until all of them are known."""
        product = row.product
        options = compact_json(row.options) if row.options else ""
        self._connection.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)",
            (row.number, product.id, row.role, row.family, product.group_id, options, product.as_json()),
        )
        if row.role == Role.PARENT:
            names = [(name, product.id) for name in (product.id, *row.names)]
            self._connection.executemany(_NAME_OF_FAMILY, names)
        if row.children:
            links = ((child, product.id, compact_json(options)) for child, options in row.children.items())
            self._connection.executemany("INSERT OR IGNORE INTO links VALUES (?, ?, ?)", links)
        if row.family or product.group_id or row.role != Role.ALONE:
            photos = ((photo, row.number) for photo in product.photos)
            self._connection.executemany("INSERT INTO shown VALUES (?, ?)", photos)

    def take_repeats(self) -> Iterator[tuple[int, str, int]]:
        """Remove all rows but the first of every id: row, id, row that it repeats."""
        self._run(_INDEXES)
        self._connection.execute(f"CREATE TABLE repeats AS {_REPEATS}")
        self._connection.execute("DELETE FROM rows WHERE number IN (SELECT number FROM repeats)")
        yield from self._connection.execute("SELECT * FROM repeats")

    def rows_together(self) -> Iterator[StagedRows]:
        """The rows of each family, of each group, and every other row by itself, in order of their first rows."""
        self._run(_PLACES)
        found = self._connection.execute(_MEMBERS)
        for key, some in groupby(found, key=lambda row: (row[0], None if row[0] else row[1])):
            members = [
                Member(number, Role(role), _options(own, linked), RawProduct.from_json(text))
                for _, number, role, own, linked, text in some
            ]
            yield StagedRows(members, key[0][1:] if key[0] and key[0].startswith("f") else "")

    def is_placeholder(self, photo: str) -> bool:
        """Whether several families or groups show this photo, so that it tells nothing of any of them."""
        found = self._connection.execute("SELECT 1 FROM placeholders WHERE photo = ?", (photo,))
        return found.fetchone() is not None

    def children(self, parent_id: str) -> Iterator[tuple[str, bool]]:
        """Id of every row that a parent names, and whether the feed has it."""
        for child, number in self._connection.execute(_CHILDREN, (parent_id,)):
            yield child, number is not None

    def claims(self, product_id: str) -> bool:
        """Whether an id is still free; if so, it is taken now."""
        return self._connection.execute("INSERT OR IGNORE INTO claimed VALUES (?)", (product_id,)).rowcount == 1

    def is_of_a_row_alone(self, product_id: str) -> bool:
        """Whether a row that stands outside all families has this id."""
        found = "SELECT 1 FROM rows JOIN places USING (number) WHERE id = ? AND (key IS NULL OR key LIKE 'g%')"
        return self._connection.execute(found, (product_id,)).fetchone() is not None

    def is_new_surplus(self, name: str) -> bool:
        """Whether an attribute that is left out everywhere is met for the first time."""
        return self._connection.execute("INSERT OR IGNORE INTO surplus VALUES (?)", (name,)).rowcount == 1

    def settle(self, numbers: Iterable[int], status: RowStatus) -> None:
        """Remember what became of these rows; of several statuses of a row the highest stays."""
        self._connection.executemany(
            "INSERT INTO statuses VALUES (?, ?) ON CONFLICT DO UPDATE SET status = max(status, excluded.status)",
            ((number, status) for number in numbers),
        )

    def status_counts(self) -> dict[RowStatus, int]:
        """How many rows met each status."""
        found = dict(self._connection.execute("SELECT status, count(*) FROM statuses GROUP BY status"))
        return {status: found.get(status, 0) for status in RowStatus}

    def add_item(self, row: int, item: Product | Rejection) -> None:
        """Keep a product or a rejection in the place of ``row``."""
        product_id = None
        if isinstance(item, Product):
            product_id = item.id
            identifiers = ((identifier, item.id) for identifier in (item.id, *item.identifiers))
            self._connection.executemany("INSERT INTO identified VALUES (?, ?)", identifiers)
        self._connection.execute("INSERT INTO items VALUES (NULL, ?, ?, ?)", (row, product_id, _as_json(item)))

    def finish(self) -> None:
        """Drop everything but the items, and put those in order."""
        for table in ("rows", "names", "links", "shown", "places", "firsts", "positions", "placeholders", "repeats",
                      "claimed", "surplus", "statuses"):  # fmt: skip
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        self._connection.execute("CREATE INDEX items_by_row ON items (row, sequence, id)")
        self._connection.execute("CREATE INDEX items_by_id ON items (id, row) WHERE id IS NOT NULL")
        self._connection.execute("CREATE INDEX identified_by_identifier ON identified (identifier)")

    def items(self) -> Iterator[Product | Rejection]:
        """Products and rejections in the order of the feed."""
        for product_id, content in self._connection.execute("SELECT id, content FROM items ORDER BY row, sequence"):
            yield Rejection(*json.loads(content)) if product_id is None else _product(content)

    def product_ids(self) -> Iterator[str]:
        """Ids of the products, in the order of the feed."""
        found = self._connection.execute("SELECT id FROM items WHERE id IS NOT NULL ORDER BY row, sequence")
        yield from (product_id for (product_id,) in found)

    def row_of(self, product_id: str) -> int | None:
        """The row in whose place a product stands."""
        found = self._connection.execute("SELECT row FROM items WHERE id = ?", (product_id,)).fetchone()
        return None if found is None else int(found[0])

    def products_identified_by(self, identifier: str) -> list[Product]:
        """The products of which this is the id or an identifier, in order of their ids."""
        found = "SELECT items.content FROM identified JOIN items USING (id) WHERE identifier = ? ORDER BY id"
        return [_product(content) for (content,) in self._connection.execute(found, (identifier,))]


def _options(own: str, linked: str | None) -> Options:
    """A row's options: what its parent says of it, and what it says itself where that is nothing but a size."""
    said: list[Options] = [[(name, value) for name, value in json.loads(text or "[]")] for text in (linked, own)]
    return said[0] if any(not is_size(name) for name, _ in said[0]) else [*said[0], *said[1]]


def _as_json(item: Product | Rejection) -> str:
    """A product or a rejection as one line of JSON."""
    if isinstance(item, Rejection):
        return compact_json(_REJECTION(item))
    return compact_json([*_PRODUCT(item), dict(item.attributes)])


def _product(content: str) -> Product:
    *values, attributes = json.loads(content)
    product = dict(zip(_PRODUCT_FIELDS, values, strict=True))
    product |= {name: tuple(product[name]) for name in _TUPLES}
    return Product(**product, attributes={name: tuple(some) for name, some in attributes.items()})
