"""The requests that an index sends to one collection of a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from qdrant_client import models as api

from shoplens.errors import StoreError
from shoplens.index.qdrant.condition_filter import FieldPaths, field_paths
from shoplens.index.qdrant.config import EXACT, OVERSAMPLING
from shoplens.index.qdrant_server.connection import ServerConnection
from shoplens.settings import Settings

PAGE_SIZE, POINTS_PER_WRITE = 500, 256
"""Points that are read, and written, by one request."""
_ORDERING = api.WriteOrdering.MEDIUM
"""Writes of one point by several processes are put in one order, so that no two replicas of it differ for good."""


class ServerRequests:
    """Requests to a collection; every one may be repeated.

    Args:
        connection: to the server.
        collection: its own name, never an alias: an alias may move between two requests of one search.
        settings: timeouts and consistency.

    Raises:
        StoreError: as :meth:`~shoplens.index.qdrant_server.connection.ServerConnection.call`, from every method.
    """

    def __init__(self, connection: ServerConnection, collection: str, settings: Settings) -> None:
        self._connection, self._collection, self._client = connection, collection, connection.client
        consistency = settings.qdrant_read_consistency
        self._read = {
            "consistency": int(consistency) if consistency.isdecimal() else consistency or None,
            "timeout": max(1, round(settings.qdrant_timeout)),
        }
        self._write = {"wait": True, "ordering": _ORDERING, "timeout": max(1, round(settings.qdrant_timeout))}

    def query(self, using: str, vector: Any, limit: int, filters: api.Filter | None, ef: int) -> list[Any]:
        """Return the points with the greatest dot products, greatest first.

        Args:
            using: name of the vectors.
            ef: candidates that the search of the graph keeps; :data:`~shoplens.index.qdrant.config.EXACT` compares all.
        """
        params = search_params(max(ef, 2 * limit) if ef else EXACT, filtered=filters is not None)
        answer = self._connection.call(
            self._client.query_points,
            self._collection,
            query=vector,
            using=using,
            query_filter=filters,
            search_params=params,
            limit=limit,
            with_payload=False,
            with_vectors=False,
            **self._read,
        )
        return list(answer.points)

    def search(self, using: str, vector: Any, k: int, filters: api.Filter | None, ef: int) -> list[Any]:
        """Search the graph, and compare every point where that gives fewer than k."""
        points = self.query(using, vector, k, filters, ef)
        return points if len(points) >= k else self.query(using, vector, k, filters, EXACT)

    def query_all(self, vectors: Sequence[tuple[str, Any]], limit: int, filters: Any) -> list[list[Any]]:
        """Return, for each (name of the vectors, vector), the points that meet the filter, compared exactly."""
        requests = [
            api.QueryRequest(
                query=vector,
                using=using,
                filter=filters,
                params=search_params(EXACT, filtered=True),
                limit=limit,
                with_payload=False,
                with_vector=False,
            )
            for using, vector in vectors
        ]
        answers = self._connection.call(
            self._client.query_batch_points, self._collection, requests=requests, **self._read
        )
        return [list(answer.points) for answer in answers]

    def retrieve(self, ids: Sequence[str], *, payload: bool | list[str], vectors: bool | list[str]) -> list[Any]:
        """Return the points with these ids that exist, in any order."""
        points: list[Any] = []
        for start in range(0, len(ids), PAGE_SIZE):
            points += self._connection.call(
                self._client.retrieve,
                self._collection,
                ids=[*ids[start : start + PAGE_SIZE]],
                with_payload=payload,
                with_vectors=vectors,
                **self._read,
            )
        return points

    def scroll(
        self, filters: api.Filter | None, *, payload: bool | list[str] = True, vectors: bool | list[str] = False
    ) -> Iterator[Any]:
        """Yield all points that meet the filter, ordered by id, read while the caller iterates."""
        offset: Any = None
        while True:
            points, offset = self.page(filters, offset, payload=payload, vectors=vectors)
            yield from points
            if offset is None:
                return

    def page(
        self,
        filters: api.Filter | None,
        offset: Any,
        *,
        payload: bool | list[str] = True,
        vectors: bool | list[str] = False,
        limit: int = PAGE_SIZE,
    ) -> tuple[list[Any], Any]:
        """Return some of the points that meet the filter, and where the next ones begin; None after the last."""
        points, following = self._connection.call(
            self._client.scroll,
            self._collection,
            scroll_filter=filters,
            limit=limit,
            offset=offset,
            with_payload=payload,
            with_vectors=vectors,
            **self._read,
        )
        return list(points), following

    def count(self, filters: api.Filter | None) -> int:
        """Return the exact number of points that meet the filter."""
        answer = self._connection.call(
            self._client.count,
            self._collection,
            count_filter=filters,
            exact=True,
            timeout=self._read["timeout"],
        )
        return int(answer.count)

    def facet(self, path: str, filters: api.Filter | None, limit: int) -> list[tuple[str, int]]:
        """Return the values at a path and the exact number of points with each that meet the filter."""
        answer = self._connection.call(
            self._client.facet,
            self._collection,
            key=path,
            facet_filter=filters,
            limit=limit,
            exact=True,
            **self._read,
        )
        return [(str(hit.value), int(hit.count)) for hit in answer.hits if hit.count]

    def field_paths(self, own: Any = None) -> FieldPaths:
        """Return the payload paths of the fields of the collection.

        Args:
            own: where several shops share it, the condition that a point is of this shop; fields that only others have
                are left out.
        """
        schema = self._connection.call(self._client.get_collection, self._collection).payload_schema
        paths = field_paths(schema)
        if own is None:
            return paths
        return field_paths(
            path for kinds in paths.values() for some in kinds.values() for path in some if self._has_value(own, path)
        )

    def _has_value(self, own: Any, path: str) -> bool:
        empty = api.IsEmptyCondition(is_empty=api.PayloadField(key=path))
        return bool(self.page(api.Filter(must=[own], must_not=[empty]), None, payload=False, limit=1)[0])

    @staticmethod
    def merge_field_paths(paths: FieldPaths, new: Iterable[str]) -> FieldPaths:
        """Return the paths of fields, with new ones."""
        known = [path for kinds in paths.values() for some in kinds.values() for path in some]
        return field_paths(dict.fromkeys([*known, *new]))

    def create_payload_index(self, path: str, schema: Any) -> None:
        """Index a path of the payload."""
        self._apply(self._client.create_payload_index, field_name=path, field_schema=schema)

    def upsert(self, points: Sequence[Any]) -> None:
        """Write points as a whole."""
        for start in range(0, len(points), POINTS_PER_WRITE):
            some = [*points[start : start + POINTS_PER_WRITE]]
            self._apply(self._client.upsert, points=some)

    def update_vectors(self, points: Sequence[Any]) -> None:
        """Write some vectors of points that exist."""
        for start in range(0, len(points), POINTS_PER_WRITE):
            some = [*points[start : start + POINTS_PER_WRITE]]
            self._apply(self._client.update_vectors, points=some)

    def set_payload(self, ids: Sequence[str], payload: dict[str, Any]) -> None:
        """Write keys of the payload of points that exist."""
        self._apply(self._client.set_payload, payload=payload, points=[*ids])

    def delete(self, ids: Sequence[str]) -> None:
        """Delete points."""
        for start in range(0, len(ids), POINTS_PER_WRITE):
            some = api.PointIdsList(points=[*ids[start : start + POINTS_PER_WRITE]])
            self._apply(self._client.delete, points_selector=some)

    def delete_all(self, filters: api.Filter) -> None:
        """Delete all points that meet a filter."""
        selector = api.FilterSelector(filter=filters)
        self._apply(self._client.delete, points_selector=selector)

    def _apply(self, method: Callable[..., Any], **options: Any) -> None:
        """Send a write, and wait until it is applied on as many copies as the collection says.

        Raises:
            StoreError: ``server-unavailable``, it was not applied in time.
        """
        result = self._connection.call(method, self._collection, **options, **self._write)
        if result.status != api.UpdateStatus.COMPLETED:
            raise StoreError(
                f"The server {self._connection.address} has not applied a write in time: {result.status.value}.",
                "Run the command again; every write may be repeated.",
                code="server-unavailable",
            )

    def close(self) -> None:
        """Close nothing: the store closes the connection, which its generations share."""


def search_params(ef: int, *, filtered: bool) -> api.SearchParams:
    """Return the parameters of one query, those of the embedded engine."""
    exact = ef == EXACT
    return api.SearchParams(
        hnsw_ef=None if exact else ef,
        exact=exact,
        acorn=api.AcornSearchParams(enable=filtered, max_selectivity=0.6),
        quantization=api.QuantizationSearchParams(ignore=exact, rescore=True, oversampling=OVERSAMPLING),
    )
