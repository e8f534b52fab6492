"""The Qdrant engine in this process: a point per photo, each with its product's record and fields.

Decided by measuring (``benchmarks/RESULTS.md``): one multivector per product is simpler, but at a million products a
point per photo takes half to three quarters of the time under conditions, and a fifth less to build its graph.
Products are what comes back, is counted and is written: the photos of a product share their id but for its last 16
bits, lie in one write-ahead record, and only the first of them is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import qdrant_edge as engine

from shoplens.index.conditions import (
    Condition,
    IsProduct,
    OneOf,
    check_fields,
    field_values,
    holds,
)
from shoplens.index.protocol import (
    Hit,
    IndexedProduct,
    PhotoConstraint,
    PhotoHits,
    PhotoKey,
    Scores,
    StoredProduct,
    VectorQuery,
    VectorSizes,
)
from shoplens.index.qdrant.condition_filter import filter_from, kinds_in, paths_in, written_forms
from shoplens.index.qdrant.config import (
    ALL,
    GRAPH_DUE_KB,
    MARKS,
    SEARCH_BREADTH,
    SPACE_BREADTH,
    TRAINED,
    VECTOR,
    dense_vectors,
    search_params,
)
from shoplens.index.qdrant.facet import values_counted
from shoplens.index.qdrant.points import (
    HASHES,
    ID_PATHS,
    NOTHING,
    SIZE,
    VIEW,
    entry_from,
    field_key,
    hash_key,
    is_photo_hash,
    marks_in,
    photo_key,
    photo_point,
    point_id,
    point_ids,
    points_of,
    product_id_from,
    product_key,
    product_number,
    product_payload,
    query_of,
    record_from,
    score_vectors_of,
    size_key,
    sparse_rows,
    view_of,
)
from shoplens.index.qdrant.shard import open_shard
from shoplens.types import Photo, Product, SparseRows, Vectors

PHOTOS_FOR_A_PRODUCT = 2
"""Photos that are asked for per product wanted; more are, where that leaves too few products."""
TIES = 4
"""Hits beyond those asked for, so that a few equals at the end are told apart by their ids rather than by chance."""
PAGE = 1_000

_FIRST_PHOTOS = engine.Filter(must=[engine.FieldCondition(VIEW, match=engine.MatchValue(0))])
_SCHEMAS = {
    "exact": engine.KeywordIndexParams(enable_hnsw=False),
    "text": engine.KeywordIndexParams(enable_hnsw=False),
    "number": engine.FloatIndexParams(enable_hnsw=False),
}


class QdrantIndex:
    """One shard of the engine. See :class:`~shoplens.index.protocol.Index` for the promises.

    Args:
        folder: the shard's; made when it does not exist.
        sizes: lengths of its vectors.

    Attributes:
        written: told the ids of products, just before they are written.
        renames: old id -> id of the products whose ids changed; the store knows them.

    Raises:
        StoreError: as :func:`~shoplens.index.qdrant.shard.open_shard`.
    """

    def __init__(self, folder: Path, sizes: VectorSizes) -> None:
        self.dimensions, self.sizes = sizes.pretrained, sizes
        self._writing = threading.Lock()
        self._unflushed = True
        self._shard = open_shard(folder, sizes)
        self._paths = paths_in(self._shard.info().payload_schema)
        self.written: Callable[[Iterable[str]], None] = lambda ids: None
        self.renames: Callable[[], Mapping[str, str]] = dict

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        with self._writing:
            points = [point for entry in entries for point in points_of(entry, self.sizes.placed)]
            if not points:
                return
            self.written(entry.product.id for entry in entries)
            self._index_new_fields(point.payload or {} for point in points)
            # What a product no longer has goes first: a run that is cut off here finds the old record, and mends it.
            before = self.records(entry.product.id for entry in entries)
            gone = {point for record in before for point in point_ids(record)} - {str(point.id) for point in points}
            if gone:
                self._update(engine.UpdateOperation.delete_points(list(gone)))
            self._update(engine.UpdateOperation.upsert_points(points))

    def rescore(self, entries: Sequence[IndexedProduct]) -> None:
        with self._writing:
            scored = [(entry, entry.scores) for entry in entries if entry.scores is not None]
            vectors = [one for entry, scores in scored for one in score_vectors_of(entry, scores)]
            if vectors:
                self._update(engine.UpdateOperation.update_vectors(vectors))
            before = {one.product.id: one.predicted for one in self.records(entry.product.id for entry, _ in scored)}
            for entry, scores in scored:
                if scores.predicted != before[entry.product.id]:
                    self._rewrite(StoredProduct(entry.product, entry.photos, scores.predicted))

    def replace_products(self, products: Sequence[Product]) -> None:
        with self._writing:
            if products:
                self.written(product.id for product in products)
            for product in products:
                (record,) = self.records([product.id])
                self._rewrite(StoredProduct(product, record.photos, record.predicted))

    def remove(self, ids: Iterable[str]) -> int:
        with self._writing:
            found = self.records(set(ids))
            if found:
                self.written(record.product.id for record in found)
                points = [point for record in found for point in point_ids(record)]
                self._update(engine.UpdateOperation.delete_points([*points]))
            return len(found)

    def nearest(
        self,
        vector: Vectors,
        k: int,
        condition: Condition | None = None,
        *,
        first_photos: bool = False,
        without_photo: str = "",
        trained: bool = False,
    ) -> list[Hit]:
        conditions = self._constraint_filter(PhotoConstraint(condition, first_photos, without_photo))
        near = engine.Query.Nearest(vector.tolist(), using=TRAINED if trained else VECTOR)
        limit = PHOTOS_FOR_A_PRODUCT * (k + TIES)
        while True:
            points = self._search(near, limit, conditions)
            best: dict[str, engine.ScoredPoint] = {}
            for point in points:  # most alike first
                best.setdefault(product_key(point.id), point)
            if len(best) >= k + TIES or len(points) < limit:
                break
            limit *= 4
        found = list(best.values())[: k + TIES]
        payloads = {
            str(record.id): record_from(record.payload or {})
            for record in self._shard.retrieve([point.id for point in found], True, False)
        }
        hits = [
            Hit(payloads[str(point.id)], point.score, payloads[str(point.id)].photos[view_of(point.id)])
            for point in found
            if str(point.id) in payloads  # not removed in between
        ]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.record.product.id))[:k]

    def photos_near(self, probe: VectorQuery, limit: int, sieve: PhotoConstraint) -> PhotoHits:
        query, conditions = query_of(probe, self.sizes), self._constraint_filter(sieve)
        if probe.marks is None:
            found = self._search(query, limit, conditions, SPACE_BREADTH)
        else:
            found = self._query_shard(query, limit, conditions)  # few are all that share any mark
        return PhotoHits(
            [photo_key(point.id) for point in found], np.array([point.score for point in found], np.float32)
        )

    def photo_scores(self, probes: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        scores = np.zeros((len(probes), len(keys)), np.float32)
        if not keys:
            return scores
        points = [photo_point(key) for key in keys]
        places = {point.int: n for n, point in enumerate(points)}
        these = engine.Filter(must=[engine.HasIdCondition(set(points))])
        for row, probe in zip(scores, probes, strict=True):
            found = self._query_shard(query_of(probe, self.sizes), len(keys), these, ALL)
            row[[places[point.id.int] for point in found]] = [point.score for point in found]  # type: ignore[union-attr]
        return scores

    def photo_marks(self, keys: Sequence[PhotoKey]) -> SparseRows:
        points = [photo_point(key) for key in keys]
        found = {point.id.int: marks_in(point) for point in self._shard.retrieve([*points], False, [MARKS])}  # type: ignore[union-attr]
        return sparse_rows(found.get(point.int, NOTHING) for point in points)

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        points = [photo_point(key) for key in keys]
        found = {str(one.id): record_from(one.payload or {}) for one in self._shard.retrieve([*points], True, False)}
        return [found.get(str(point)) for point in points]

    def product_key(self, product_id: str) -> int:
        return product_number(point_id(product_id))

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        if ids is not None:
            for record in self.records(ids):
                yield entry_from(self._shard.retrieve([*point_ids(record)], True, True), self.sizes)
            return
        photos: list[engine.Record] = []
        for point in self._scroll(None, with_vector=True):  # by id: photos of a product follow each other
            if photos and product_key(point.id) != product_key(photos[0].id):
                yield entry_from(photos, self.sizes)
                photos = []
            photos.append(point)
        if photos:
            yield entry_from(photos, self.sizes)

    def with_photo(self, hash: str, condition: Condition | None = None, *, first_photos: bool = False) -> list[Hit]:
        if not is_photo_hash(hash):
            return []
        same = engine.FieldCondition(HASHES, match=engine.MatchValue(hash_key(hash)))
        hits: dict[str, Hit] = {}
        for point in self._scroll(_both(same, self._filter(condition, first_photos))):
            record = record_from(point.payload or {})
            hits.setdefault(record.product.id, Hit(record, 1.0, record.photos[view_of(point.id)]))
        return [hits[product_id] for product_id in sorted(hits)]

    def has_photo_size(self, width: int, height: int) -> bool:
        size = engine.FieldCondition(SIZE, match=engine.MatchValue(size_key(width, height)))
        points, _ = self._shard.scroll(
            engine.ScrollRequest(limit=1, filter=engine.Filter(must=[size]), with_payload=False)
        )
        return bool(points)

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        points = [point_id(product_id) for product_id in ids]
        found = {str(point.id): point for point in self._shard.retrieve([*points], True, False)}
        return [record_from(found[point].payload or {}) for point in points if point in found]

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        wanted = {hash for hash in content_hashes if is_photo_hash(hash)}
        if not wanted:
            return {}
        same = engine.FieldCondition(HASHES, match=engine.MatchAny(sorted(map(hash_key, wanted))))
        found = {}
        for point in self._scroll(engine.Filter(must=[same]), with_vector=True):
            photo = record_from(point.payload or {}).photos[view_of(point.id)]
            if photo.content_hash in wanted:
                wanted.remove(photo.content_hash)
                found[photo.content_hash] = (photo, np.asarray(point.vector[VECTOR], np.float32))  # type: ignore[call-overload, index]
            if not wanted:
                break
        return found

    def ids(self) -> Iterator[str]:
        return (product_id_from(point.payload or {}) for point in self._scroll(_FIRST_PHOTOS, payload=ID_PATHS))

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        meeting = _both(_FIRST_PHOTOS, self._filter(condition))
        return (record_from(point.payload or {}) for point in self._scroll(meeting))

    def count(self, condition: Condition | None = None) -> int:
        meeting = _both(_FIRST_PHOTOS, self._filter(condition))
        return self._shard.count(engine.CountRequest(exact=True, filter=meeting))

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        kinds = self._paths.get(field, {})
        paths = (*kinds.get("exact", ()), *kinds.get("text", ()))
        return values_counted(self._shard, field, paths, _both(_FIRST_PHOTOS, self._filter(condition)))[:limit]

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        return kinds_in(self._paths)

    def graph_is_due(self) -> bool:
        """Whether so many products are found by looking at each that a graph over them pays."""
        info = self._shard.info()
        kinds = len(dense_vectors(self.sizes))
        return (info.points_count - info.indexed_vectors_count / kinds) * self.dimensions * 4 / 1024 > GRAPH_DUE_KB

    def flush(self) -> None:
        with self._writing:
            if self._unflushed:
                self._shard.flush()
                self._unflushed = False

    def close(self) -> None:
        with self._writing:
            self._shard.close()

    def _filter(self, condition: Condition | None, first_photos: bool = False) -> engine.Filter | None:
        if condition is None:
            return _FIRST_PHOTOS if first_photos else None
        check_fields(condition, self.field_kinds())
        found = filter_from(condition, self._paths, self._points_of)
        return _both(_FIRST_PHOTOS, found) if first_photos else found

    def _points_of(self, leaf: OneOf | IsProduct) -> set[engine.PointId]:
        """Points of the products that meet it; by folded ids only those that a store of before wrote."""
        if isinstance(leaf, IsProduct):
            return {point for record in self.records(leaf.ids) for point in point_ids(record)}
        forms = engine.MatchAny(sorted(set().union(*map(written_forms, leaf.written))))
        alike: list[Any] = [engine.FieldCondition(path, match=forms) for path in self._paths[leaf.field]["text"]]
        points = self._scroll(engine.Filter(should=alike))
        return {point.id for point in points if holds(leaf, field_values(record_from(point.payload or {}).product))}

    def _constraint_filter(self, sieve: PhotoConstraint) -> engine.Filter | None:
        conditions = self._filter(sieve.condition, sieve.first_photos)
        if is_photo_hash(sieve.without_photo):
            own = engine.FieldCondition(HASHES, match=engine.MatchValue(hash_key(sieve.without_photo)))
            return engine.Filter(must=[conditions] if conditions else [], must_not=[own])
        return conditions

    def _search(
        self, near: engine.Query, k: int, conditions: engine.Filter | None, breadth: int = SEARCH_BREADTH
    ) -> list[engine.ScoredPoint]:
        """By the graph; by looking at all where that finds too few."""
        found = self._query_shard(near, k, conditions, breadth)
        return found if len(found) >= k else self._query_shard(near, k, conditions, ALL)

    def _query_shard(
        self, near: engine.Query, k: int, conditions: engine.Filter | None, breadth: int = SEARCH_BREADTH
    ) -> list[engine.ScoredPoint]:
        params = search_params(max(breadth, 2 * k) if breadth else ALL, filtered=conditions is not None)
        return self._shard.query(
            engine.QueryRequest(query=near, limit=k, filter=conditions, params=params, with_payload=False)
        )

    def _scroll(
        self, conditions: engine.Filter | None, *, with_vector: bool = False, payload: list[str] | bool = True
    ) -> Iterator[engine.Record]:
        offset: Any = None
        while True:
            points, offset = self._shard.scroll(
                engine.ScrollRequest(
                    offset=offset, limit=PAGE, filter=conditions, with_payload=payload, with_vector=with_vector
                )
            )
            yield from points
            if offset is None:
                return

    def _rewrite(self, record: StoredProduct) -> None:
        """Everything but the vectors."""
        payload = product_payload(record)
        self._index_new_fields([payload])
        self._update(engine.UpdateOperation.set_payload([*point_ids(record)], payload))

    def _index_new_fields(self, payloads: Iterable[Mapping[str, Any]]) -> None:
        """Fields are indexed before the first product that has them is written, so a known field is always indexed."""
        new: dict[str, Any] = {}
        for payload in payloads:
            for kind, schema in _SCHEMAS.items():
                for encoded in payload[kind]:
                    field = unquote(encoded)
                    path = field_key(kind, field)
                    if path not in self._paths.get(field, {}).get(kind, ()):
                        new[path] = schema
        if new:
            self._create_indexes(new)
            self._paths = paths_in(self._shard.info().payload_schema)

    def _create_indexes(self, schemas: Mapping[str, Any]) -> None:
        for key, schema in schemas.items():
            self._update(engine.UpdateOperation.create_field_index(key, schema))

    def _update(self, operation: engine.UpdateOperation) -> None:
        self._unflushed = True
        self._shard.update(operation)


def _both(one: engine.FieldCondition | engine.Filter, other: engine.Filter | None) -> engine.Filter:
    return engine.Filter(must=[one] if other is None else [one, other])
