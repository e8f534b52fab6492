"""What is on the map of the catalogue: which products and query photos, and where."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.evaluation.catalogue_map.projection import project, query_positions
from shoplens.evaluation.report.catalogue_map import MapProduct, MapQuery, dimensions_of
from shoplens.evaluation.runs import JudgedRun
from shoplens.index.protocol import Index, StoredProduct
from shoplens.types import Vectors

MOST_PRODUCTS, MOST_QUERIES, AT_ONCE = 3_000, 300, 256


@dataclass(frozen=True, slots=True)
class CatalogueMap:
    """Products and queries with their places, and a sentence about how these were found."""

    products: Sequence[MapProduct]
    queries: Sequence[MapQuery]
    note: str


@dataclass(frozen=True, slots=True)
class _Seen:
    photo: str
    vector: Vectors
    found_right: bool
    right: tuple[str, ...]


class QuerySample:
    """A few hundred of the queries that go by, the same ones every time: those with the smallest hashes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], _Seen] = {}

    def add(self, run: JudgedRun) -> None:
        """Maybe keep this one."""
        photo = run.query.photo
        self._kept[_number(photo), photo] = _Seen(photo, run.photo.vector, run.rank == 1, tuple(run.query.grades))
        if len(self._kept) > 2 * MOST_QUERIES:
            self._kept = dict(sorted(self._kept.items())[:MOST_QUERIES])

    def kept(self) -> list[_Seen]:
        return [seen for _, seen in sorted(self._kept.items(), key=lambda one: one[0])[:MOST_QUERIES]]


def catalogue_map(index: Index, sample: QuerySample, seed: int = 0) -> CatalogueMap:
    """The map of the store's products by their first photos, or of 3,000 of them, with the sample of queries."""
    drawn = heapq.nsmallest(MOST_PRODUCTS, index.all_records(), key=lambda record: _number(record.product.id))
    known = _first_vectors(index, drawn)
    records = sorted(
        (one for one in drawn if one.photos[0].content_hash in known),  # not removed meanwhile
        key=lambda record: record.product.id,
    )
    vectors = _stack([known[record.photos[0].content_hash] for record in records], 1)
    projection = project(vectors, seed)
    dimensions = dimensions_of([record.product for record in records])
    products = [
        MapProduct(one.product.id, one.product.title, one.product.photos[0], float(x), float(y), told)
        for one, (x, y), told in zip(records, projection.positions, dimensions, strict=True)
    ]
    seen = sample.kept()
    places = query_positions(_stack([one.vector for one in seen], vectors.shape[1]), vectors, projection.positions)
    queries = [
        MapQuery(one.photo, float(x), float(y), one.found_right, one.right)
        for one, (x, y) in zip(seen, places, strict=True)
    ]
    total = index.count()
    some = f"{len(records):,} of {total:,} products, drawn by a hash of their ids. " if total > len(records) else ""
    lines = " A line leads from a query photo to its product." if queries else ""
    how = f"Positions by {projection.note or projection.method}.{lines}"
    return CatalogueMap(products, queries, some + how)


def _first_vectors(index: Index, records: Sequence[StoredProduct]) -> dict[str, Vectors]:
    """Content hash of a first photo -> its vector."""
    found: dict[str, Vectors] = {}
    for start in range(0, len(records), AT_ONCE):
        hashes = [record.photos[0].content_hash for record in records[start : start + AT_ONCE]]
        found |= {name: vector for name, (_, vector) in index.photo_vectors(hashes).items()}
    return found


def _stack(vectors: Sequence[Vectors], dimensions: int) -> Vectors:
    return np.stack(vectors) if vectors else np.zeros((0, dimensions), np.float32)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big")
