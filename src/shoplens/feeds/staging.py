"""The rows and products of one feed on disk, so that memory stays flat whatever the feed's size."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import IntEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from shoplens.feeds.rows import RawProduct, Row, compact_json
from shoplens.types import Product, Rejection

_SCHEMA = """
CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT, key TEXT, variant TEXT, is_parent INTEGER, draft TEXT);
CREATE TABLE links (child TEXT, parent TEXT, variant TEXT);
CREATE TABLE items (sequence INTEGER PRIMARY KEY, row INTEGER, id TEXT, content TEXT);
CREATE TABLE fates (number INTEGER PRIMARY KEY, fate INTEGER);
CREATE TABLE made (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE surplus (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_INDEXES = """
CREATE INDEX rows_by_id ON rows (id, number);
CREATE INDEX links_by_child ON links (child);
CREATE INDEX links_by_parent ON links (parent);
"""

_REPEATS = """
SELECT later.number, later.id, first.number FROM rows AS later
JOIN (SELECT id, min(number) AS number FROM rows GROUP BY id HAVING count(*) > 1) AS first USING (id)
WHERE later.number > first.number ORDER BY later.number
"""

# A row that is its own product has no key; a row with a parent is keyed by parent and variant.
_PLACES = """
CREATE TABLE places AS
SELECT row.number AS number, parent.number AS parent,
       coalesce(nullif(link.variant, ''), row.variant) AS variant,
       CASE WHEN parent.number IS NOT NULL
            THEN parent.id || char(31) || coalesce(nullif(link.variant, ''), row.variant)
            WHEN row.key != '' THEN char(31) || row.key
       END AS key
FROM rows AS row
LEFT JOIN links AS link ON link.child = row.id
LEFT JOIN rows AS parent ON parent.id = link.parent AND parent.is_parent
WHERE NOT row.is_parent;
CREATE TABLE firsts AS SELECT key, min(number) AS first FROM places WHERE key IS NOT NULL GROUP BY key;
CREATE INDEX firsts_by_key ON firsts (key);
CREATE TABLE positions AS
SELECT coalesce(firsts.first, places.number) AS first, places.key AS key, places.number AS number,
       places.parent AS parent, places.variant AS variant
FROM places LEFT JOIN firsts ON firsts.key = places.key
ORDER BY 1, 2, 3;
"""

_GROUPS = """
SELECT position.first, position.key, position.parent, position.variant, position.number, rows.draft
FROM positions AS position CROSS JOIN rows ON rows.number = position.number ORDER BY position.rowid
"""

_CHILDREN = """
SELECT link.child, child.draft FROM links AS link LEFT JOIN rows AS child ON child.id = link.child WHERE link.parent = ?
"""


_PRODUCT_FIELDS = tuple(field.name for field in fields(Product) if field.name != "attributes")
_PRODUCT = attrgetter(*_PRODUCT_FIELDS)
_REJECTION = attrgetter(*(field.name for field in fields(Rejection)))


class RowStatus(IntEnum):
    """What becomes of a row; a row that met several counts as the highest."""

    REJECTED = 0
    SKIPPED = 1
    USED = 2


class Group(NamedTuple):
    """The rows that make one product.

    Attributes:
        first: number of the first of them.
        members: number and draft of each, in the feed's order.
        parent: number of the parent's row, or None.
        variant: what tells the product from its siblings under the same parent.
    """

    first: int
    members: list[tuple[int, RawProduct]]
    parent: int | None
    variant: str


class StagingTable:
    """A temporary SQLite database: rows go in, groups of rows come out, products and rejections go in and come out.

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
        self._connection.close()

    def _run(self, statements: str) -> None:
        for statement in statements.split(";"):  # executescript() would end the transaction
            self._connection.execute(statement)

    def add_row(self, row: Row) -> None:
        """Keep a row until all of them are known."""
        is_parent = row.variations is not None
        self._connection.execute(
            "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)",
            (row.number, row.draft.id, row.key, row.variant, is_parent, row.draft.packed()),
        )
        if row.variations:
            links = ((child, row.draft.id, variant) for child, variant in row.variations.items())
            self._connection.executemany("INSERT INTO links VALUES (?, ?, ?)", links)

    def take_repeats(self) -> Iterator[tuple[int, str, int]]:
        """Remove all rows but the first of every id: row, id, row that it repeats."""
        self._run(_INDEXES)
        self._connection.execute(f"CREATE TABLE repeats AS {_REPEATS}")
        self._connection.execute("DELETE FROM rows WHERE number IN (SELECT number FROM repeats)")
        yield from self._connection.execute("SELECT * FROM repeats")

    def groups(self) -> Iterator[Group]:
        """The rows of each product, products in order of their first row."""
        self._run(_PLACES)
        found = self._connection.execute(_GROUPS)
        for (first, _), some in groupby(found, key=lambda row: (row[0], row[1])):
            rows = list(some)
            members = [(number, RawProduct.unpacked(draft)) for *_, number, draft in rows]
            yield Group(first, members, parent=rows[0][2], variant=rows[0][3])

    def draft(self, number: int) -> RawProduct:
        """What the row ``number`` says."""
        (packed,) = self._connection.execute("SELECT draft FROM rows WHERE number = ?", (number,)).fetchone()
        return RawProduct.unpacked(packed)

    def parents(self) -> Iterator[tuple[int, RawProduct]]:
        """Every parent's row number and what it says."""
        found = self._connection.execute("SELECT number, draft FROM rows WHERE is_parent ORDER BY number")
        yield from ((number, RawProduct.unpacked(packed)) for number, packed in found)

    def children(self, parent_id: str) -> Iterator[tuple[str, RawProduct | None]]:
        """Id of every row that a parent names, and what it says; None where the feed has no such row."""
        for child, packed in self._connection.execute(_CHILDREN, (parent_id,)):
            yield child, None if packed is None else RawProduct.unpacked(packed)

    def claims(self, product_id: str) -> bool:
        """Whether an id made from a parent and a variant is still free; if so, it is taken now."""
        alone = "SELECT 1 FROM rows WHERE id = ? AND NOT is_parent AND id NOT IN (SELECT child FROM links)"
        if self._connection.execute(alone, (product_id,)).fetchone():
            return False
        return self._connection.execute("INSERT OR IGNORE INTO made VALUES (?)", (product_id,)).rowcount == 1

    def is_product(self, parent_id: str) -> bool:
        """Whether a parent's id has become a product's."""
        return self._connection.execute("SELECT 1 FROM made WHERE id = ?", (parent_id,)).fetchone() is not None

    def is_new_surplus(self, name: str) -> bool:
        """Whether an attribute that is left out everywhere is met for the first time."""
        return self._connection.execute("INSERT OR IGNORE INTO surplus VALUES (?)", (name,)).rowcount == 1

    def settle(self, numbers: Iterable[int], fate: RowStatus) -> None:
        """Remember what became of these rows; of several fates of a row the highest stays."""
        self._connection.executemany(
            "INSERT INTO fates VALUES (?, ?) ON CONFLICT DO UPDATE SET fate = max(fate, excluded.fate)",
            ((number, fate) for number in numbers),
        )

    def settled(self) -> dict[RowStatus, int]:
        """How many rows met each fate."""
        found = dict(self._connection.execute("SELECT fate, count(*) FROM fates GROUP BY fate"))
        return {fate: found.get(fate, 0) for fate in RowStatus}

    def add_item(self, row: int, item: Product | Rejection) -> None:
        """Keep a product or a rejection in the place of ``row``."""
        product_id = item.id if isinstance(item, Product) else None
        self._connection.execute("INSERT INTO items VALUES (NULL, ?, ?, ?)", (row, product_id, _packed(item)))

    def finish(self) -> None:
        """Drop everything but the items, and put those in order."""
        for table in ("rows", "links", "places", "firsts", "positions", "repeats", "made", "surplus", "fates"):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")
        self._connection.execute("CREATE INDEX items_by_row ON items (row, sequence, id)")
        self._connection.execute("CREATE INDEX items_by_id ON items (id, row) WHERE id IS NOT NULL")

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


def _packed(item: Product | Rejection) -> str:
    """A product or a rejection as one line of JSON."""
    if isinstance(item, Rejection):
        return compact_json(_REJECTION(item))
    return compact_json([*_PRODUCT(item), dict(item.attributes)])


def _product(content: str) -> Product:
    *values, attributes = json.loads(content)
    product = dict(zip(_PRODUCT_FIELDS, values, strict=True))
    product["photos"], product["category"] = tuple(product["photos"]), tuple(product["category"])
    return Product(**product, attributes={name: tuple(some) for name, some in attributes.items()})
