"""Rows of the log: what they hold, and under which product's id."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shoplens.feedback.impressions import Impression
from shoplens.ranking.ranker_features import SIGNALS, Evidence

IMPRESSION_COLUMNS = 12


def impression_in(row: tuple[object, ...]) -> Impression:
    """An impression from its row."""
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
        Evidence(
            dimensions,
            numbers(look, -1),
            numbers(signals, len(dimensions), len(SIGNALS)),
            numbers(places, len(ids), len(dimensions)),
        ),
        ids,
        json.loads(str(ranks)),
    )


def count_rows(file: sqlite3.Connection) -> int:
    """How many answers and events there are."""
    tables = ("impressions", "events")
    return sum(int(file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables)


def rename_rows(file: sqlite3.Connection, renames: Mapping[str, str]) -> int:
    """Put what is told of some products under other ids; what is there already changes nothing.

    Where an answer shows two products that have one id now, the first place stays; an event that is told of both counts
    once, from the earlier time on.

    Args:
        file: in which a change has begun.
        renames: old id -> id, none of which is an old one.

    Returns:
        How many answers and events changed.
    """
    showing = _showing(file, renames)
    for query_id in showing:
        _rename_shown(file, query_id, renames)
    return len(showing) + _rename_events(file, renames)


def _showing(file: sqlite3.Connection, renames: Mapping[str, str]) -> list[str]:
    """Names of the answers that show any of these products."""
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
