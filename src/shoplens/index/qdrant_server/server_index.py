"""An index on one collection of a Qdrant server: one point per photo, as in the embedded engine.

Results, counts and writes are per product. Every request may be repeated: reads change nothing, and point ids derive
from product and photo. Where several shops share a collection, every filter names the shop (the tenant).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

import numpy as np
from qdrant_client import models as api

from shoplens.index.conditions import Condition, IsProduct, OneOf, check_fields, field_comparisons
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
from shoplens.index.qdrant.condition_filter import FieldPaths, build_filter, field_kinds
from shoplens.index.qdrant.config import (
    CLASS_VECTOR,
    COMBINED_HNSW_EF,
    HNSW_EF,
    PRETRAINED,
    TEXT_VECTOR,
    TRAINED,
)
from shoplens.index.qdrant.points import (
    HASHES,
    SIZE,
    VIEW,
    field_path,
    hash_key,
    is_photo_hash,
    parse_entry,
    parse_raw_record,
    parse_record,
    photo_key,
    product_prefix,
    raw_record,
    size_key,
    view_number,
)
from shoplens.index.qdrant_server.collection import TENANT
from shoplens.index.qdrant_server.points import (
    PointIds,
    build_points,
    build_score_vectors,
    build_shared_payload,
    server_query,
    stack_sparse,
)
from shoplens.index.qdrant_server.requests import ServerRequests
from shoplens.index.qdrant_server.server_filter import SERVER_TYPES, every
from shoplens.types import Photo, Product, SparseRows, Vectors

PHOTOS_PER_PRODUCT, EXTRA_HITS = 2, 4
"""As in the embedded engine: photos per requested product, and hits beyond, so that ties at the end go by id."""
MAX_VALUES = 100_000
"""Values of a field that are counted."""
_SCHEMAS = {
    "exact": api.KeywordIndexParams(type=api.KeywordIndexType.KEYWORD),
    "text": api.KeywordIndexParams(type=api.KeywordIndexType.KEYWORD),
    "number": api.FloatIndexParams(type=api.FloatIndexType.FLOAT),
}
_FIRST_PHOTO = api.FieldCondition(key=VIEW, match=api.MatchValue(value=0))


class ServerIndex:
    """An index on a collection. See :class:`~shoplens.index.protocol.Index` for the contract.

    Args:
        requests: to the collection, which exists.
        sizes: lengths of its vectors.
        tenant: whose products it holds, where several shops share the collection; empty for one shop.

    Attributes:
        on_write: called with the ids of products just before they are written.
        renames: returns old id -> id of the products whose ids have changed; the store sets it.

    Raises:
        StoreError: ``no-collection``, ``server-unavailable``, ``server-refused``, from every method.
    """

    has_files, has_failed = False, False

    def __init__(self, requests: ServerRequests, sizes: VectorSizes, tenant: str = "") -> None:
        self.dimensions, self.sizes = sizes.pretrained, sizes
        self._requests, self._tenant, self._ids = requests, tenant, PointIds(tenant)
        self._own = api.FieldCondition(key=TENANT, match=api.MatchValue(value=tenant)) if tenant else None
        self._write_lock = threading.Lock()
        self._paths: FieldPaths = requests.field_paths(self._own)
        self.on_write: Callable[[Iterable[str]], None] = lambda ids: None
        self.renames: Callable[[], Mapping[str, str]] = dict

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        with self._write_lock:
            points = [point for entry in entries for point in build_points(entry, self.sizes, self._ids, self._tenant)]
            if not points:
                return
            self.on_write(entry.product.id for entry in entries)
            self._index_new_fields(point.payload or {} for point in points)
            # Photos that a product has lost are deleted first: where the second write fails, the next run finds the old
            # record and repairs it.
            old_records = self.records(entry.product.id for entry in entries)
            old_points = {point for record in old_records for point in self._ids.of_record(record)}
            self._requests.delete(sorted(old_points - {str(point.id) for point in points}))
            self._requests.upsert(points)

    def update_scores(self, entries: Sequence[IndexedProduct]) -> None:
        with self._write_lock:
            scored = [(entry, entry.scores) for entry in entries if entry.scores is not None]
            self._requests.update_vectors(
                [one for entry, scores in scored for one in build_score_vectors(entry, scores, self.sizes, self._ids)]
            )
            records = self.records(entry.product.id for entry, _ in scored)
            old_predicted = {record.product.id: record.predicted for record in records}
            self._rewrite(
                StoredProduct(entry.product, entry.photos, scores.predicted)
                for entry, scores in scored
                if scores.predicted != old_predicted[entry.product.id]
            )

    def replace_products(self, products: Sequence[Product]) -> None:
        with self._write_lock:
            if products:
                self.on_write(product.id for product in products)
                records = {record.product.id: record for record in self.records(product.id for product in products)}
                self._rewrite(
                    StoredProduct(product, records[product.id].photos, records[product.id].predicted)
                    for product in products
                )

    def remove(self, ids: Iterable[str]) -> int:
        with self._write_lock:
            found = self.records(set(ids))
            if found:
                self.on_write(record.product.id for record in found)
                self._requests.delete([point for record in found for point in self._ids.of_record(record)])
            return len(found)

    def nearest_products(
        self, vector: Vectors, k: int, constraint: PhotoConstraint = ANY_PHOTO, *, use_trained: bool = False
    ) -> list[Hit]:
        filters = self._constraint_filter(constraint)
        using, limit = TRAINED if use_trained else PRETRAINED, PHOTOS_PER_PRODUCT * (k + EXTRA_HITS)
        while True:
            points = self._requests.search(using, vector.tolist(), limit, filters, HNSW_EF)
            best: dict[str, Any] = {}
            for point in points:  # most similar first
                best.setdefault(product_prefix(point.id), point)
            if len(best) >= k + EXTRA_HITS or len(points) < limit:
                break
            limit *= 4
        points = list(best.values())[: k + EXTRA_HITS]
        records = self._records_of([str(point.id) for point in points])
        hits = [
            Hit(record, point.score, record.photos[view_number(point.id)])
            for point, record in zip(points, records, strict=True)
            if record is not None  # else the product was removed meanwhile
        ]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.record.product.id))[:k]

    def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
        using, vector = server_query(query, self.sizes)
        filters = self._constraint_filter(constraint)
        if query.is_sparse:  # fewer than limit are all that share an entry
            points = self._requests.query(using, vector, limit, filters, HNSW_EF)
        else:
            ef = COMBINED_HNSW_EF if query.pretrained is None else HNSW_EF
            points = self._requests.search(using, vector, limit, filters, ef)
        scores = np.array([point.score for point in points], np.float32)
        return PhotoHits([photo_key(point.id) for point in points], scores)

    def photo_scores(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        scores = np.zeros((len(queries), len(keys)), np.float32)
        if not keys or not queries:
            return scores
        ids = [self._ids.of_key(key) for key in keys]
        columns = {point: column for column, point in enumerate(ids)}
        only_these = every(self._own, api.HasIdCondition(has_id=[*ids]))
        vectors = [server_query(query, self.sizes) for query in queries]
        for row, points in zip(scores, self._requests.query_all(vectors, len(ids), only_these), strict=True):
            row[[columns[str(point.id)] for point in points]] = [point.score for point in points]
        return scores

    def photo_class_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        return self._sparse_rows(keys, CLASS_VECTOR)

    def photo_text_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        return self._sparse_rows(keys, TEXT_VECTOR)

    def _sparse_rows(self, keys: Sequence[PhotoKey], name: str) -> SparseRows:
        ids = [self._ids.of_key(key) for key in keys]
        return stack_sparse(self._requests.retrieve(ids, payload=False, vectors=[name]), ids, name)

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        return self._records_of([self._ids.of_key(key) for key in keys])

    def photo_details(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[StoredProduct]:
        scores, ids = self.photo_scores(queries, keys), [self._ids.of_key(key) for key in keys]
        points = self._requests.retrieve([*dict.fromkeys(ids)], payload=["record"], vectors=[CLASS_VECTOR])
        return PhotoDetails(scores, stack_sparse(points, ids, CLASS_VECTOR), _records_in(points, ids))

    def nearest_details(self, request: NearestRequest) -> NearestDetails[StoredProduct]:
        hits = self.nearest_photos(request.query, request.limit, request.constraint)
        return read_best(hits, request.products, partial(self.photo_details, request.queries))

    def product_key(self, product_id: str) -> int:
        return self._ids.product_key(product_id)

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        if ids is not None:
            for record in self.records(ids):
                points = self._requests.retrieve(self._ids.of_record(record), payload=True, vectors=True)
                if len(points) == len(record.photos):
                    yield parse_entry(points, self.sizes)
            return
        photos: list[Any] = []
        for point in self._scroll(vectors=True):  # ordered by id, so a product's photos follow each other
            if photos and product_prefix(point.id) != product_prefix(photos[0].id):
                yield parse_entry(photos, self.sizes)
                photos = []
            photos.append(point)
        if photos:
            yield parse_entry(photos, self.sizes)

    def products_with_photo(self, photo_hash: str, constraint: PhotoConstraint = ANY_PHOTO) -> list[Hit]:
        if not is_photo_hash(photo_hash):
            return []
        equal = api.FieldCondition(key=HASHES, match=api.MatchValue(value=hash_key(photo_hash)))
        hits: dict[str, Hit] = {}
        for point in self._requests.scroll(every(equal, self._constraint_filter(constraint))):
            record = parse_record(point.payload or {})
            hits.setdefault(record.product.id, Hit(record, 1.0, record.photos[view_number(point.id)]))
        return [hits[product_id] for product_id in sorted(hits)]

    def has_photo_size(self, width: int, height: int) -> bool:
        size = api.FieldCondition(key=SIZE, match=api.MatchValue(value=size_key(width, height)))
        return bool(self._requests.page(every(self._own, size), None, payload=False, limit=1)[0])

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        found = self._records_of([self._ids.of_photo(product_id) for product_id in ids])
        return [record for record in found if record is not None]

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        missing = {content_hash for content_hash in content_hashes if is_photo_hash(content_hash)}
        if not missing:
            return {}
        equal = api.FieldCondition(key=HASHES, match=api.MatchAny(any=sorted(map(hash_key, missing))))
        vectors = {}
        for point in self._scroll(equal, vectors=[PRETRAINED]):
            photo = parse_record(point.payload or {}).photos[view_number(point.id)]
            if photo.content_hash in missing:
                missing.remove(photo.content_hash)
                vectors[photo.content_hash] = (photo, np.asarray(point.vector[PRETRAINED], np.float32))
            if not missing:
                break
        return vectors

    def ids(self) -> Iterator[str]:
        return (str((point.payload or {})["id"]) for point in self._scroll(_FIRST_PHOTO, payload=["id"]))

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        points = self._scroll(_FIRST_PHOTO, self._condition_filter(condition))
        return (parse_record(point.payload or {}) for point in points)

    def count(self, condition: Condition | None = None) -> int:
        return self._requests.count(every(self._own, _FIRST_PHOTO, self._condition_filter(condition)))

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        kinds = self._paths.get(field, {})
        among = every(self._own, _FIRST_PHOTO, self._condition_filter(condition))
        counts: dict[str, int] = {}
        for path in (*kinds.get("exact", ()), *kinds.get("text", ())):
            for value, count in self._requests.facet(path, among, MAX_VALUES):
                counts[value] = counts.get(value, 0) + count
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        return field_kinds(self._paths)

    def needs_graph(self) -> bool:
        """Return False: a server builds its graphs by itself."""
        return False

    def flush(self) -> None:
        """Do nothing: every write waits until the server has applied it, on as many replicas as the collection says."""

    def close(self) -> None:
        self._requests.close()

    def _records_of(self, points: Sequence[str]) -> list[StoredProduct | None]:
        return _records_in(self._requests.retrieve([*dict.fromkeys(points)], payload=["record"], vectors=False), points)

    def _condition_filter(self, condition: Condition | None) -> api.Filter | None:
        if condition is None:
            return None
        self._read_new_fields(condition)
        check_fields(condition, self.field_kinds())
        return build_filter(condition, self._paths, SERVER_TYPES, self._find_points)

    def _read_new_fields(self, condition: Condition) -> None:
        """Read the fields again where a condition names one that this process does not know: another may have written
        it."""
        if any(comparison.field not in self._paths for comparison in field_comparisons(condition)):
            self._paths = self._requests.field_paths(self._own)

    def _find_points(self, condition: OneOf | IsProduct) -> list[Any]:
        """Return the points of the products that a condition names by their own ids."""
        ids = condition.ids if isinstance(condition, IsProduct) else condition.operands
        return [point for record in self.records(ids) for point in self._ids.of_record(record)]

    def _constraint_filter(self, constraint: PhotoConstraint) -> api.Filter | None:
        filters = every(
            self._own,
            self._condition_filter(constraint.condition),
            _FIRST_PHOTO if constraint.first_photos_only else None,
        )
        if is_photo_hash(constraint.excluded_hash):
            excluded = api.FieldCondition(key=HASHES, match=api.MatchValue(value=hash_key(constraint.excluded_hash)))
            return api.Filter(must=None if filters is None else filters.must, must_not=[excluded])
        return filters

    def _scroll(
        self, *conditions: Any, vectors: bool | list[str] = False, payload: bool | list[str] = True
    ) -> Iterator[Any]:
        return self._requests.scroll(every(self._own, *conditions), payload=payload, vectors=vectors)

    def _rewrite(self, records: Iterable[StoredProduct]) -> None:
        """Write everything of products but their vectors."""
        for record in records:
            payload = build_shared_payload(record, self._tenant)
            self._index_new_fields([payload])
            self._requests.set_payload(self._ids.of_record(record), payload)

    def _index_new_fields(self, payloads: Iterable[Mapping[str, Any]]) -> None:
        """Index fields before the first product with them is written, so that every known field is indexed."""
        new: dict[str, Any] = {}
        for payload in payloads:
            for kind, schema in _SCHEMAS.items():
                for encoded in payload[kind]:
                    field = unquote(encoded)
                    path = field_path(kind, field)
                    if path not in self._paths.get(field, {}).get(kind, ()):
                        new[path] = schema
        for path, schema in new.items():
            self._requests.create_payload_index(path, schema)
        if new:
            self._paths = self._requests.merge_field_paths(self._paths, new)


def _records_in(points: Sequence[Any], ids: Sequence[str]) -> list[StoredProduct | None]:
    """Return the records of points that were read, for each of these ids; None where there is no such point."""
    raw = {str(point.id): raw_record(point.payload or {}) for point in points}
    return [parse_raw_record(raw[point]) if point in raw else None for point in ids]
