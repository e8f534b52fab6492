"""An index on the Qdrant engine in this process: one point per photo, each with its product's record and fields.

This layout was chosen by measurement (``benchmarks/RESULTS.md``): one multivector per product is simpler, but at a
million products one point per photo takes half to three quarters of the time under conditions, and a fifth less time to
build the graph. Results, counts and writes are per product: the photos of a product share their point id but for its
last 16 bits, lie in one write-ahead record, and only the first of them is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import qdrant_edge as engine

from shoplens.index.conditions import Condition, IsProduct, OneOf, check_fields, field_values, matches
from shoplens.index.protocol import (
    ANY_PHOTO,
    Hit,
    IndexedProduct,
    NearestDetails,
    NearestRequest,
    PhotoConstraint,
    PhotoDetails,
    PhotoHits,
    PhotoKey,
    Scores,
    StoredProduct,
    VectorQuery,
    VectorSizes,
    read_best,
)
from shoplens.index.qdrant.condition_filter import build_filter, field_kinds, field_paths, stored_forms
from shoplens.index.qdrant.config import (
    CLASS_VECTOR,
    COMBINED_HNSW_EF,
    EXACT,
    GRAPH_MIN_KB,
    HNSW_EF,
    PRETRAINED,
    TEXT_VECTOR,
    TRAINED,
    dense_vector_sizes,
    search_params,
)
from shoplens.index.qdrant.engine_filter import ENGINE_TYPES, both
from shoplens.index.qdrant.facet import count_values
from shoplens.index.qdrant.photo_reads import read_details, read_raw_records, read_scores, read_sparse_rows
from shoplens.index.qdrant.points import (
    HASHES,
    ID_PATHS,
    SIZE,
    VIEW,
    RawRecord,
    build_points,
    build_score_vectors,
    engine_query,
    field_path,
    hash_key,
    is_photo_hash,
    parse_entry,
    parse_product_id,
    parse_raw_record,
    parse_record,
    photo_key,
    photo_point_id,
    point_id,
    point_ids,
    product_number,
    product_payload,
    product_prefix,
    size_key,
    view_number,
)
from shoplens.index.qdrant.shard import FIELD_SCHEMAS, open_shard
from shoplens.types import Photo, Product, SparseRows, Vectors

PHOTOS_PER_PRODUCT = 2
"""Photos that are requested for each requested product; more are requested where that gives too few products."""
EXTRA_HITS = 4
"""Hits beyond the requested ones, so that a few equal similarities at the end are ordered by id and not by chance."""
PAGE_SIZE = 1_000

_FIRST_PHOTOS = engine.Filter(must=[engine.FieldCondition(VIEW, match=engine.MatchValue(0))])


class QdrantIndex:
    """An index on one shard of the engine. See :class:`~shoplens.index.protocol.Index` for the contract.

    Args:
        folder: folder of the shard; it is created when it does not exist.
        sizes: lengths of its vectors.

    Attributes:
        on_write: called with the ids of products just before they are written.
        renames: returns old id -> id of the products whose ids have changed; the store sets it.

    Raises:
        StoreError: as :func:`~shoplens.index.qdrant.shard.open_shard`; writes and flushes also ``disk``.
    """

    has_files = True

    def __init__(self, folder: Path, sizes: VectorSizes) -> None:
        self.dimensions, self.sizes = sizes.pretrained, sizes
        self._write_lock = threading.Lock()
        self._unflushed = True
        self._shard = open_shard(folder, sizes)
        self._paths = field_paths(self._shard.info().payload_schema)
        self.on_write: Callable[[Iterable[str]], None] = lambda ids: None
        self.renames: Callable[[], Mapping[str, str]] = dict

    @property
    def has_failed(self) -> bool:
        return self._shard.has_failed

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        with self._write_lock:
            points = [point for entry in entries for point in build_points(entry, self.sizes)]
            if not points:
                return
            self.on_write(entry.product.id for entry in entries)
            self._index_new_fields(point.payload or {} for point in points)
            # Photos that a product has lost are deleted first: after a crash here, the next run finds the old record
            # and repairs it.
            old_records = self.records(entry.product.id for entry in entries)
            old_points = {point for record in old_records for point in point_ids(record)}
            if removed := old_points - {str(point.id) for point in points}:
                self._update(engine.UpdateOperation.delete_points(list(removed)))
            self._update(engine.UpdateOperation.upsert_points(points))

    def update_scores(self, entries: Sequence[IndexedProduct]) -> None:
        with self._write_lock:
            scored = [(entry, entry.scores) for entry in entries if entry.scores is not None]
            vectors = [vector for entry, scores in scored for vector in build_score_vectors(entry, scores, self.sizes)]
            if vectors:
                self._update(engine.UpdateOperation.update_vectors(vectors))
            records = self.records(entry.product.id for entry, _ in scored)
            old_predicted = {record.product.id: record.predicted for record in records}
            for entry, scores in scored:
                if scores.predicted != old_predicted[entry.product.id]:
                    self._rewrite(StoredProduct(entry.product, entry.photos, scores.predicted))

    def replace_products(self, products: Sequence[Product]) -> None:
        with self._write_lock:
            if products:
                self.on_write(product.id for product in products)
            for product in products:
                (record,) = self.records([product.id])
                self._rewrite(StoredProduct(product, record.photos, record.predicted))

    def remove(self, ids: Iterable[str]) -> int:
        with self._write_lock:
            found = self.records(set(ids))
            if found:
                self.on_write(record.product.id for record in found)
                points = [point for record in found for point in point_ids(record)]
                self._update(engine.UpdateOperation.delete_points([*points]))
            return len(found)

    def nearest_products(
        self, vector: Vectors, k: int, constraint: PhotoConstraint = ANY_PHOTO, *, use_trained: bool = False
    ) -> list[Hit]:
        filters = self._constraint_filter(constraint)
        query = engine.Query.Nearest(vector.tolist(), using=TRAINED if use_trained else PRETRAINED)
        limit = PHOTOS_PER_PRODUCT * (k + EXTRA_HITS)
        while True:
            points = self._search(query, limit, filters)
            best: dict[str, engine.ScoredPoint] = {}
            for point in points:  # most similar first
                best.setdefault(product_prefix(point.id), point)
            if len(best) >= k + EXTRA_HITS or len(points) < limit:
                break
            limit *= 4
        points = list(best.values())[: k + EXTRA_HITS]
        records = {
            str(record.id): parse_record(record.payload or {})
            for record in self._shard.retrieve([point.id for point in points], True, False)
        }
        hits = [
            Hit(records[str(point.id)], point.score, records[str(point.id)].photos[view_number(point.id)])
            for point in points
            if str(point.id) in records  # else the product was removed meanwhile
        ]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.record.product.id))[:k]

    def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
        nearest, filters = engine_query(query, self.sizes), self._constraint_filter(constraint)
        if query.is_sparse:  # fewer than limit are all that share an entry
            points = self._query_shard(nearest, limit, filters)
        else:
            ef = COMBINED_HNSW_EF if query.pretrained is None else HNSW_EF
            points = self._search(nearest, limit, filters, ef)
        scores = np.array([point.score for point in points], np.float32)
        return PhotoHits([photo_key(point.id) for point in points], scores)

    def photo_scores(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        return read_scores(self._shard, queries, keys, self.sizes)

    def photo_class_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        return read_sparse_rows(self._shard, keys, CLASS_VECTOR)

    def photo_text_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        return read_sparse_rows(self._shard, keys, TEXT_VECTOR)

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        return [None if raw is None else parse_raw_record(raw) for raw in self.raw_photo_records(keys)]

    def raw_photo_records(self, keys: Sequence[PhotoKey]) -> list[RawRecord | None]:
        """Return what :meth:`photo_records` returns, not parsed."""
        return read_raw_records(self._shard, [photo_point_id(key) for key in keys])

    def photo_details(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[StoredProduct]:
        return self.raw_photo_details(queries, keys).parse(parse_raw_record)

    def raw_photo_details(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[RawRecord]:
        """Return what :meth:`photo_details` returns, with records that are not parsed."""
        return read_details(self._shard, queries, keys, self.sizes)

    def nearest_details(self, request: NearestRequest) -> NearestDetails[StoredProduct]:
        return self.raw_nearest_details(request).parse(parse_raw_record)

    def raw_nearest_details(self, request: NearestRequest) -> NearestDetails[RawRecord]:
        """Return what :meth:`nearest_details` returns, with records that are not parsed."""
        hits = self.nearest_photos(request.query, request.limit, request.constraint)
        return read_best(hits, request.products, partial(self.raw_photo_details, request.queries))

    def product_key(self, product_id: str) -> int:
        return product_number(point_id(product_id))

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        if ids is not None:
            for record in self.records(ids):
                yield parse_entry(self._shard.retrieve([*point_ids(record)], True, True), self.sizes)
            return
        photos: list[engine.Record] = []
        for point in self._scroll(None, with_vector=True):  # ordered by id, so a product's photos follow each other
            if photos and product_prefix(point.id) != product_prefix(photos[0].id):
                yield parse_entry(photos, self.sizes)
                photos = []
            photos.append(point)
        if photos:
            yield parse_entry(photos, self.sizes)

    def products_with_photo(self, photo_hash: str, constraint: PhotoConstraint = ANY_PHOTO) -> list[Hit]:
        if not is_photo_hash(photo_hash):
            return []
        equal = engine.FieldCondition(HASHES, match=engine.MatchValue(hash_key(photo_hash)))
        hits: dict[str, Hit] = {}
        for point in self._scroll(both(equal, self._constraint_filter(constraint))):
            record = parse_record(point.payload or {})
            hits.setdefault(record.product.id, Hit(record, 1.0, record.photos[view_number(point.id)]))
        return [hits[product_id] for product_id in sorted(hits)]

    def has_photo_size(self, width: int, height: int) -> bool:
        size = engine.Filter(must=[engine.FieldCondition(SIZE, match=engine.MatchValue(size_key(width, height)))])
        return bool(self._shard.scroll(engine.ScrollRequest(limit=1, filter=size, with_payload=False))[0])

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        return [parse_raw_record(raw) for raw in self.raw_records(ids)]

    def raw_records(self, ids: Iterable[str]) -> list[RawRecord]:
        """Return what :meth:`records` returns, not parsed."""
        keys = [PhotoKey(self.product_key(product_id), 0) for product_id in ids]
        return [raw for raw in self.raw_photo_records(keys) if raw is not None]

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        missing = {content_hash for content_hash in content_hashes if is_photo_hash(content_hash)}
        if not missing:
            return {}
        equal = engine.FieldCondition(HASHES, match=engine.MatchAny(sorted(map(hash_key, missing))))
        vectors = {}
        for point in self._scroll(engine.Filter(must=[equal]), with_vector=True):
            photo = parse_record(point.payload or {}).photos[view_number(point.id)]
            if photo.content_hash in missing:
                missing.remove(photo.content_hash)
                vectors[photo.content_hash] = (photo, np.asarray(point.vector[PRETRAINED], np.float32))  # type: ignore[call-overload, index]
            if not missing:
                break
        return vectors

    def ids(self) -> Iterator[str]:
        return (parse_product_id(point.payload or {}) for point in self._scroll(_FIRST_PHOTOS, payload=ID_PATHS))

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        points = self._scroll(both(_FIRST_PHOTOS, self._condition_filter(condition)))
        return (parse_record(point.payload or {}) for point in points)

    def count(self, condition: Condition | None = None) -> int:
        first_photos = both(_FIRST_PHOTOS, self._condition_filter(condition))
        return self._shard.count(engine.CountRequest(exact=True, filter=first_photos))

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        kinds = self._paths.get(field, {})
        paths = (*kinds.get("exact", ()), *kinds.get("text", ()))
        first_photos = both(_FIRST_PHOTOS, self._condition_filter(condition))
        return count_values(self._shard, field, paths, first_photos)[:limit]

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        return field_kinds(self._paths)

    def needs_graph(self) -> bool:
        info, kinds = self._shard.info(), len(dense_vector_sizes(self.sizes))
        return (info.points_count - info.indexed_vectors_count / kinds) * self.dimensions * 4 / 1024 > GRAPH_MIN_KB

    def flush(self) -> None:
        with self._write_lock:
            if self._unflushed:
                self._shard.flush()
                self._unflushed = False

    def close(self) -> None:
        with self._write_lock:
            self._shard.close()

    def _condition_filter(self, condition: Condition | None) -> engine.Filter | None:
        if condition is None:
            return None
        check_fields(condition, self.field_kinds())
        return build_filter(condition, self._paths, ENGINE_TYPES, self._find_points)

    def _find_points(self, comparison: OneOf | IsProduct) -> set[engine.PointId]:
        """Return the points of the products that meet it; by folded ids only those that an older store wrote."""
        if isinstance(comparison, IsProduct):
            return {point for record in self.records(comparison.ids) for point in point_ids(record)}
        forms = engine.MatchAny(sorted(set().union(*map(stored_forms, comparison.operands))))
        paths = self._paths[comparison.field]["text"]
        similar: list[Any] = [engine.FieldCondition(path, match=forms) for path in paths]
        return {
            point.id
            for point in self._scroll(engine.Filter(should=similar))
            if matches(comparison, field_values(parse_record(point.payload or {}).product))
        }

    def _constraint_filter(self, constraint: PhotoConstraint) -> engine.Filter | None:
        filters = self._condition_filter(constraint.condition)
        if constraint.first_photos_only:
            filters = _FIRST_PHOTOS if filters is None else both(_FIRST_PHOTOS, filters)
        if is_photo_hash(constraint.excluded_hash):
            excluded = engine.FieldCondition(HASHES, match=engine.MatchValue(hash_key(constraint.excluded_hash)))
            return engine.Filter(must=[filters] if filters else [], must_not=[excluded])
        return filters

    def _search(
        self, query: engine.Query, k: int, filters: engine.Filter | None, ef: int = HNSW_EF
    ) -> list[engine.ScoredPoint]:
        """Search the graph, and compare every point where that gives fewer than k."""
        points = self._query_shard(query, k, filters, ef)
        return points if len(points) >= k else self._query_shard(query, k, filters, EXACT)

    def _query_shard(
        self, query: engine.Query, k: int, filters: engine.Filter | None, ef: int = HNSW_EF
    ) -> list[engine.ScoredPoint]:
        params = search_params(max(ef, 2 * k) if ef else EXACT, filtered=filters is not None)
        request = engine.QueryRequest(query=query, limit=k, filter=filters, params=params, with_payload=False)
        return self._shard.query(request)

    def _scroll(
        self, filters: engine.Filter | None, *, with_vector: bool = False, payload: list[str] | bool = True
    ) -> Iterator[engine.Record]:
        offset: Any = None
        while True:
            points, offset = self._shard.scroll(
                engine.ScrollRequest(
                    offset=offset, limit=PAGE_SIZE, filter=filters, with_payload=payload, with_vector=with_vector
                )
            )
            yield from points
            if offset is None:
                return

    def _rewrite(self, record: StoredProduct) -> None:
        """Write everything of a product but its vectors."""
        payload = product_payload(record)
        self._index_new_fields([payload])
        self._update(engine.UpdateOperation.set_payload([*point_ids(record)], payload))

    def _index_new_fields(self, payloads: Iterable[Mapping[str, Any]]) -> None:
        """Index fields before the first product with them is written, so that every known field is indexed."""
        new: dict[str, Any] = {}
        for payload in payloads:
            for kind, schema in FIELD_SCHEMAS.items():
                for encoded in payload[kind]:
                    field = unquote(encoded)
                    path = field_path(kind, field)
                    if path not in self._paths.get(field, {}).get(kind, ()):
                        new[path] = schema
        if new:
            for path, schema in new.items():
                self._update(engine.UpdateOperation.create_field_index(path, schema))
            self._paths = field_paths(self._shard.info().payload_schema)

    def _update(self, operation: engine.UpdateOperation) -> None:
        self._unflushed = True
        self._shard.update(operation)
