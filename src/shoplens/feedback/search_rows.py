"""Rows of searches in the log: what was looked for, without any photo, for merchandisers.

Nothing is told of what fewer than :data:`MIN_SHOPPERS` shoppers looked for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from shoplens.types import fold

MIN_SHOPPERS = 5
MOST_ROWS = 50
MAX_WORDS = 200
TABLE = """
CREATE TABLE IF NOT EXISTS searches (
  query_id TEXT PRIMARY KEY, at REAL, shopper TEXT, user TEXT, words TEXT, category TEXT, found INTEGER, nearest TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS searches_at ON searches (at);
"""


@dataclass(frozen=True, slots=True)
class LoggedSearch:
    """A search, for statistics.

    Attributes:
        query_id: of its answer.
        at: seconds since 1970.
        shopper: who searched: the shop's id of the user, else the client's address; only a keyed hash is stored.
        user: the shop's id of the user; empty where it is unknown; only a keyed hash is stored.
        words: what was said; empty for a photo alone.
        category: of the nearest product, joined by `` > ``.
        is_found: whether the shop seems to have what was looked for.
        nearest: ids of the nearest products, best first.
    """

    query_id: str
    at: float
    shopper: str
    user: str
    words: str
    category: str
    is_found: bool
    nearest: Sequence[str]


@dataclass(frozen=True, slots=True)
class SearchedFor:
    """What several shoppers looked for.

    Attributes:
        name: words, or a category.
        searches, shoppers: how many.
        not_found: searches for which the shop seems to have nothing.
        nearest: ids of the products that were nearest most often.
    """

    name: str
    searches: int
    shoppers: int
    not_found: int
    nearest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """How often a product was shown and clicked."""

    product_id: str
    shown: int
    clicked: int


@dataclass(frozen=True, slots=True)
class SearchStatistics:
    """What shoppers did in some days.

    Attributes:
        days: day -> number of searches and of answers with a click.
        most_shown, most_clicked: products that five shoppers or more saw.
        answers, without_click: answers that were logged, and those of them on which nobody clicked.
        not_found: categories of the nearest products to what was not found.
        words: what shoppers said, most often first.
    """

    days: dict[str, tuple[int, int]]
    most_shown: tuple[ShownProduct, ...]
    most_clicked: tuple[ShownProduct, ...]
    answers: int
    without_click: int
    not_found: tuple[SearchedFor, ...]
    words: tuple[SearchedFor, ...]


def insert_search(file: sqlite3.Connection, search: LoggedSearch, shopper: str, user: str) -> None:
    """Insert a search; the hashes stand for the shopper and the user."""
    words = " ".join(fold(search.words).split())[:MAX_WORDS]
    row = (search.query_id, search.at, shopper, user, words, search.category, int(search.is_found))
    file.execute(
        "INSERT OR IGNORE INTO searches VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, json.dumps([*search.nearest]))
    )


def read_statistics(file: sqlite3.Connection, since: float) -> SearchStatistics:
    """Read the statistics of what happened since a time, in seconds since 1970."""
    answers, clicked = file.execute(
        "SELECT count(*), count(e.query_id) FROM impressions i LEFT JOIN "
        "(SELECT DISTINCT query_id FROM events WHERE kind != 'wrong') e USING (query_id) WHERE at >= ?",
        (since,),
    ).fetchone()
    return SearchStatistics(
        _read_days(file, since),
        _read_products(file, since, "shown"),
        _read_products(file, since, "clicked"),
        answers,
        answers - clicked,
        _read_groups(file, since, "category", "AND NOT found"),
        _read_groups(file, since, "words", "AND words != ''"),
    )


def _read_days(file: sqlite3.Connection, since: float) -> dict[str, tuple[int, int]]:
    rows = file.execute(
        "SELECT date(at, 'unixepoch') day, count(*), count(e.query_id) FROM searches LEFT JOIN "
        "(SELECT DISTINCT query_id FROM events WHERE kind != 'wrong') e USING (query_id) "
        "WHERE at >= ? GROUP BY day ORDER BY day",
        (since,),
    )
    return {day: (searches, clicked) for day, searches, clicked in rows}


def _read_products(file: sqlite3.Connection, since: float, order: str) -> tuple[ShownProduct, ...]:
    """Read the products that were shown or clicked most, of those that enough shoppers saw."""
    rows = file.execute(
        "SELECT p.value, count(*) shown, count(e.query_id) clicked FROM impressions i, json_each(i.products) p "
        "LEFT JOIN searches s ON s.query_id = i.query_id "
        "LEFT JOIN (SELECT DISTINCT query_id, product_id FROM events WHERE kind != 'wrong') e "
        "ON e.query_id = i.query_id AND e.product_id = p.value "
        f"WHERE i.at >= ? GROUP BY p.value HAVING count(DISTINCT s.shopper) >= ? AND {order} > 0 "
        f"ORDER BY {order} DESC, p.value LIMIT ?",
        (since, MIN_SHOPPERS, MOST_ROWS),
    )
    return tuple(ShownProduct(*row) for row in rows)


def _read_groups(file: sqlite3.Connection, since: float, column: str, condition: str) -> tuple[SearchedFor, ...]:
    rows = file.execute(
        f"SELECT {column}, count(*) many, count(DISTINCT shopper), sum(NOT found) FROM searches "
        f"WHERE at >= ? {condition} GROUP BY {column} HAVING count(DISTINCT shopper) >= ? "
        f"ORDER BY many DESC, {column} LIMIT ?",
        (since, MIN_SHOPPERS, MOST_ROWS),
    ).fetchall()
    groups = []
    for name, many, shoppers, not_found in rows:
        nearest = file.execute(
            f"SELECT n.value FROM searches s, json_each(s.nearest) n WHERE at >= ? {condition} AND {column} = ? "
            "GROUP BY n.value ORDER BY count(*) DESC, n.value LIMIT 4",
            (since, name),
        )
        groups.append(SearchedFor(name, many, shoppers, not_found, tuple(one for (one,) in nearest)))
    return tuple(groups)
