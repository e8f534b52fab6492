"""Builds the map of the catalogue: selects products and query photos, and computes their positions."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.evaluation.catalogue_map.projection import Projection, project, query_positions
from shoplens.evaluation.query_runs import JudgedRun
from shoplens.evaluation.report.catalogue_map import MapProduct, MapQuery, dimensions_of
from shoplens.index.protocol import Index, StoredProduct
from shoplens.types import Vectors

MAX_PRODUCTS, MAX_QUERIES, BATCH_SIZE = 3_000, 300, 256
Projector = Callable[[Vectors, int], Projection]


@dataclass(frozen=True, slots=True)
class CatalogueMap:
    """Products and queries with their positions, and a note on how these were computed."""

    products: Sequence[MapProduct]
    queries: Sequence[MapQuery]
    note: str


@dataclass(frozen=True, slots=True)
class _SampledQuery:
    photo: str
    vector: Vectors
    found_right: bool
    right: tuple[str, ...]


class QuerySample:
    """Samples a few hundred of the added queries, always the same ones: those with the smallest hashes."""

    def __init__(self) -> None:
        self._queries: dict[tuple[int, str], _SampledQuery] = {}

    def add(self, run: JudgedRun) -> None:
        """Add a judged run to the sample if its hash is small enough."""
        photo = run.query.photo
        query = _SampledQuery(photo, run.photo.vector, run.rank == 1, tuple(run.query.grades))
        self._queries[_hash(photo), photo] = query
        if len(self._queries) > 2 * MAX_QUERIES:
            self._queries = dict(sorted(self._queries.items(), key=lambda item: item[0])[:MAX_QUERIES])

    def queries(self) -> list[_SampledQuery]:
        """Return the sampled queries, at most :data:`MAX_QUERIES`, sorted by their hashes."""
        return [query for _, query in sorted(self._queries.items(), key=lambda item: item[0])[:MAX_QUERIES]]


def build_catalogue_map(
    index: Index, sample: QuerySample, seed: int = 0, projector: Projector = project
) -> CatalogueMap:
    """Build the map of the products, or of a sample of 3,000, by their first photos, with the sample of queries."""
    sampled = heapq.nsmallest(MAX_PRODUCTS, index.all_records(), key=lambda record: _hash(record.product.id))
    first_vectors = _first_vectors(index, sampled)
    records = sorted(
        (record for record in sampled if record.photos[0].content_hash in first_vectors),  # the others were removed
        key=lambda record: record.product.id,
    )
    vectors = _stack([first_vectors[record.photos[0].content_hash] for record in records], 1)
    projection = projector(vectors, seed)
    dimensions = dimensions_of([record.product for record in records])
    products = [
        MapProduct(record.product.id, record.product.title, record.product.photos[0], float(x), float(y), values)
        for record, (x, y), values in zip(records, projection.positions, dimensions, strict=True)
    ]
    sampled_queries = sample.queries()
    query_vectors = _stack([query.vector for query in sampled_queries], vectors.shape[1])
    positions = query_positions(query_vectors, vectors, projection.positions)
    queries = [
        MapQuery(query.photo, float(x), float(y), query.found_right, query.right)
        for query, (x, y) in zip(sampled_queries, positions, strict=True)
    ]
    total = index.count()
    selection = (
        f"{len(records):,} of {total:,} products, drawn by a hash of their ids. " if total > len(records) else ""
    )
    method = f"Positions by {projection.note or projection.method}."
    lines = " A line leads from a query photo to its product." if queries else ""
    return CatalogueMap(products, queries, selection + method + lines)


def _first_vectors(index: Index, records: Sequence[StoredProduct]) -> dict[str, Vectors]:
    """Return the vectors of first photos by their content hashes."""
    vectors: dict[str, Vectors] = {}
    for start in range(0, len(records), BATCH_SIZE):
        hashes = [record.photos[0].content_hash for record in records[start : start + BATCH_SIZE]]
        vectors |= {content_hash: vector for content_hash, (_, vector) in index.photo_vectors(hashes).items()}
    return vectors


def _stack(vectors: Sequence[Vectors], dimensions: int) -> Vectors:
    return np.stack(vectors) if vectors else np.zeros((0, dimensions), np.float32)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big")
