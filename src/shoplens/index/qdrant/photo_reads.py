"""Reads what the engine stores of photos whose keys are known: scores, sparse vectors, and records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
import qdrant_edge as engine

from shoplens.index.protocol import PhotoDetails, PhotoKey, Scores, VectorQuery, VectorSizes
from shoplens.index.qdrant.config import CLASS_VECTOR, EXACT, search_params
from shoplens.index.qdrant.engine_errors import GuardedShard
from shoplens.index.qdrant.points import RawRecord, engine_query, photo_point_id, raw_record, stack_sparse
from shoplens.types import SparseRows

_RECORD_PAYLOAD = ["record", "predicted"]
"""Payload keys of a record, in any format that a store may hold."""


def read_scores(
    shard: GuardedShard, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey], sizes: VectorSizes
) -> Scores:
    """Return the dot products of queries with photos: float32 (queries, photos); 0 for photos that do not exist."""
    scores = np.zeros((len(queries), len(keys)), np.float32)
    if not scores.size:
        return scores
    ids = [photo_point_id(key) for key in keys]
    columns = {point.int: column for column, point in enumerate(ids)}
    only_these = engine.Filter(must=[engine.HasIdCondition(set(ids))])
    params = search_params(EXACT, filtered=True)
    requests = [
        engine.QueryRequest(
            query=engine_query(query, sizes), limit=len(keys), filter=only_these, params=params, with_payload=False
        )
        for query in queries
    ]
    for row, points in zip(scores, shard.query_batch(requests), strict=True):
        row[[columns[point.id.int] for point in points]] = [point.score for point in points]  # type: ignore[union-attr]
    return scores


def read_sparse_rows(shard: GuardedShard, keys: Sequence[PhotoKey], name: str) -> SparseRows:
    """Return the sparse vectors of photos; empty ones where there are none."""
    ids = [photo_point_id(key) for key in keys]
    return stack_sparse(_retrieve(shard, ids, payload=False, vectors=[name]), ids, name)


def read_raw_records(shard: GuardedShard, ids: Sequence[UUID]) -> list[RawRecord | None]:
    """Return the records of points as they are stored; None for points that do not exist."""
    return _stack_records(_retrieve(shard, ids, payload=_RECORD_PAYLOAD, vectors=False), ids)


def read_details(
    shard: GuardedShard, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey], sizes: VectorSizes
) -> PhotoDetails[RawRecord]:
    """Return scores, class vectors and records of photos; the records are read last, with the class vectors."""
    scores, ids = read_scores(shard, queries, keys, sizes), [photo_point_id(key) for key in keys]
    found = _retrieve(shard, ids, payload=_RECORD_PAYLOAD, vectors=[CLASS_VECTOR])
    return PhotoDetails(scores, stack_sparse(found, ids, CLASS_VECTOR), _stack_records(found, ids))


def _retrieve(
    shard: GuardedShard, ids: Sequence[UUID], *, payload: list[str] | bool, vectors: list[str] | bool
) -> dict[int, engine.Record]:
    """Return the points that exist, by their ids; the engine makes an object of an id each time that it is read."""
    return {point.id.int: point for point in shard.retrieve([*ids], payload, vectors)}  # type: ignore[union-attr]


def _stack_records(found: Mapping[int, engine.Record], ids: Sequence[UUID]) -> list[RawRecord | None]:
    records = {number: raw_record(point.payload or {}) for number, point in found.items()}
    return [records.get(one.int) for one in ids]
