"""Rows of the log: reading them, counting them, and changing the ids of products in them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shoplens.feedback.impressions import Impression
from shoplens.ranking.ranker_features import SIGNALS, RankerFeatures

IMPRESSION_COLUMNS = 12


def impression_from_row(row: tuple[object, ...]) -> Impression:
    """Make an impression of its row."""
    query_id, at, user, strategy, model, names, asked, products, ranks, look, signals, places = row
    dimensions, ids = json.loads(str(names)), json.loads(str(products))

    def numbers(blob: object, *shape: int) -> npt.NDArray[np.float32]:
        assert isinstance(blob, bytes)
        return np.frombuffer(blob, np.float16).astype(np.float32).reshape(shape)

    return Impression(
        str(query_id),
        float(str(at)),
        str(user),
        str(strategy),
        str(model),
        json.loads(str(asked)),
        RankerFeatures(
            dimensions,
            numbers(look, -1),
            numbers(signals, len(dimensions), len(SIGNALS)),
            numbers(places, len(ids), len(dimensions)),
        ),
        ids,
        json.loads(str(ranks)),
    )


def count_rows(file: sqlite3.Connection) -> int:
    """Return the number of answers and events."""
    tables = ("impressions", "events")
    return sum(int(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables)


def rename_rows(file: sqlite3.Connection, renames: Mapping[str, str]) -> int:
    """Replace ids of products in all rows.

    Where an answer shows two products that now have one id, the first place stays. Where both have an event of one
    kind, it counts once, with the earlier time.

    Args:
        file: with an open transaction.
        renames: old id -> present id, which is never an old one.

    Returns:
        Number of answers and events that changed.
    """
    showing = _showing(file, renames)
    for query_id in showing:
        _rename_shown(file, query_id, renames)
    return len(showing) + _rename_events(file, renames)


def _showing(file: sqlite3.Connection, renames: Mapping[str, str]) -> list[str]:
    """Return the query ids of the answers that show any of these products."""
    rows: Iterator[tuple[str, str]] = file.execute("SELECT query_id, products FROM impressions")
    return [query_id for query_id, products in rows if not renames.keys().isdisjoint(json.loads(products))]


def _rename_shown(file: sqlite3.Connection, query_id: str, renames: Mapping[str, str]) -> None:
    products, ranks, places = file.execute(
        "SELECT products, ranks, places FROM impressions WHERE query_id = ?", (query_id,)
    ).fetchone()
    rows: dict[str, int] = {}
    for row, product in enumerate(json.loads(products)):
        rows.setdefault(renames.get(product, product), row)
    kept = list(rows.values())
    ranked: Sequence[int] = json.loads(ranks)
    placed = np.frombuffer(places, np.float16).reshape(len(ranked), -1)[kept]
    file.execute(
        "UPDATE impressions SET products = ?, ranks = ?, places = ? WHERE query_id = ?",
        (json.dumps(list(rows)), json.dumps([ranked[row] for row in kept]), placed.tobytes(), query_id),
    )


def _rename_events(file: sqlite3.Connection, renames: Mapping[str, str]) -> int:
    file.execute("CREATE TEMPORARY TABLE renamed (old TEXT PRIMARY KEY, new TEXT) WITHOUT ROWID")
    file.executemany("INSERT INTO renamed VALUES (?, ?)", renames.items())
    file.execute(
        "INSERT INTO events SELECT query_id, new, kind, at, user FROM events JOIN renamed ON old = product_id "
        "WHERE true ON CONFLICT DO UPDATE SET at = min(at, excluded.at)"
    )
    changed = file.execute("DELETE FROM events WHERE product_id IN (SELECT old FROM renamed)").rowcount
    file.execute("DROP TABLE temp.renamed")
    return changed
