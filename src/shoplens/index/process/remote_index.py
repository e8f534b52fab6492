"""An index whose engine runs in a process of its own.

The engine holds Python's lock while it opens a shard, flushes or writes. In a process of its own it stops no thread of
the service: photos are decoded and embedded meanwhile, and no search waits while another generation is opened.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from shoplens.errors import StoreError
from shoplens.index.conditions import Condition
from shoplens.index.disk_room import FIX, room_problem
from shoplens.index.process.protocol import Failure, Part, Ready, Request, Setup, receive, send
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
)
from shoplens.index.qdrant.points import RawRecord, parse_raw_record, point_id, product_number
from shoplens.types import Photo, Product, SparseRows, Vectors

_GONE = (EOFError, ConnectionError, BrokenPipeError)
"""What is raised where the other process has ended."""

_REMEMBERED_SIZES = 10_000
"""Sizes of photos of which it is remembered whether the index has any, until the next write."""


class RemoteIndex:
    """An index on one shard of the engine, in a child process. See :class:`~shoplens.index.protocol.Index`.

    A process that ends unexpectedly is started again, and what was requested is requested once more: every method may
    be repeated.

    Args:
        folder: folder of the shard; it is created when it does not exist.
        sizes: lengths of its vectors.

    Attributes:
        on_write: called with the ids of products just before they are written.
        renames: returns old id -> id of the products whose ids have changed; the store sets it.

    Raises:
        StoreError: as :class:`~shoplens.index.qdrant.qdrant_index.QdrantIndex`; every method ``engine-stopped``, the
            process ended again, or while its answer was read.
    """

    has_files = True

    def __init__(self, folder: Path, sizes: VectorSizes) -> None:
        self.dimensions, self.sizes = sizes.pretrained, sizes
        self.on_write: Callable[[Iterable[str]], None] = lambda ids: None
        self.renames: Callable[[], Mapping[str, str]] = dict
        self._setup = Setup(folder, sizes, os.urandom(32))
        self._write_lock, self._lock = threading.Lock(), threading.Lock()
        self._free: list[Connection] = []
        self._kinds: Mapping[str, frozenset[str]] | None = None
        self._sizes: dict[tuple[int, int], bool] = {}
        self._changes = 0
        self._closed = False
        self._start()

    @property
    def has_failed(self) -> bool:
        return bool(self._request("has_failed"))

    def upsert(self, entries: Sequence[IndexedProduct]) -> None:
        self._write((entry.product.id for entry in entries), "upsert", entries)

    def update_scores(self, entries: Sequence[IndexedProduct]) -> None:
        self._write((), "update_scores", entries)

    def replace_products(self, products: Sequence[Product]) -> None:
        self._write((product.id for product in products), "replace_products", products)

    def remove(self, ids: Iterable[str]) -> int:
        removed = {*ids}
        return int(self._write(removed, "remove", removed))

    def nearest_products(
        self, vector: Vectors, k: int, constraint: PhotoConstraint = ANY_PHOTO, *, use_trained: bool = False
    ) -> list[Hit]:
        hits: list[Hit] = self._request("nearest_products", vector, k, constraint, use_trained=use_trained)
        return hits

    def nearest_photos(self, query: VectorQuery, limit: int, constraint: PhotoConstraint) -> PhotoHits:
        hits: PhotoHits = self._request("nearest_photos", query, limit, constraint)
        return hits

    def photo_scores(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> Scores:
        scores: Scores = self._request("photo_scores", queries, keys)
        return scores

    def photo_class_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        rows: SparseRows = self._request("photo_class_vectors", keys)
        return rows

    def photo_text_vectors(self, keys: Sequence[PhotoKey]) -> SparseRows:
        rows: SparseRows = self._request("photo_text_vectors", keys)
        return rows

    def photo_records(self, keys: Sequence[PhotoKey]) -> list[StoredProduct | None]:
        records: list[RawRecord | None] = self._request("raw_photo_records", keys)
        return [None if raw is None else parse_raw_record(raw) for raw in records]

    def photo_details(self, queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[StoredProduct]:
        details: PhotoDetails[RawRecord] = self._request("raw_photo_details", queries, keys)
        return details.parse(parse_raw_record)

    def nearest_details(self, request: NearestRequest) -> NearestDetails[StoredProduct]:
        found: NearestDetails[RawRecord] = self._request("raw_nearest_details", request)
        return found.parse(parse_raw_record)

    def product_key(self, product_id: str) -> int:
        return product_number(point_id(product_id))

    def entries(self, ids: Iterable[str] | None = None) -> Iterator[IndexedProduct]:
        return self._stream("entries", None if ids is None else list(ids))

    def products_with_photo(self, photo_hash: str, constraint: PhotoConstraint = ANY_PHOTO) -> list[Hit]:
        hits: list[Hit] = self._request("products_with_photo", photo_hash, constraint)
        return hits

    def has_photo_size(self, width: int, height: int) -> bool:
        changes, known = self._changes, self._sizes.get((width, height))
        if known is None:
            known = bool(self._request("has_photo_size", width, height))
            with self._lock:
                if changes == self._changes and len(self._sizes) < _REMEMBERED_SIZES:
                    self._sizes[width, height] = known
        return known

    def records(self, ids: Iterable[str]) -> list[StoredProduct]:
        records: list[RawRecord] = self._request("raw_records", list(ids))
        return [parse_raw_record(raw) for raw in records]  # most were parsed before

    def photo_vectors(self, content_hashes: Iterable[str]) -> Mapping[str, tuple[Photo, Vectors]]:
        vectors: Mapping[str, tuple[Photo, Vectors]] = self._request("photo_vectors", list(content_hashes))
        return vectors

    def ids(self) -> Iterator[str]:
        return self._stream("ids")

    def all_records(self, condition: Condition | None = None) -> Iterator[StoredProduct]:
        return self._stream("all_records", condition)

    def count(self, condition: Condition | None = None) -> int:
        return int(self._request("count", condition))

    def facet(self, field: str, limit: int = 20, condition: Condition | None = None) -> list[tuple[str, int]]:
        values: list[tuple[str, int]] = self._request("facet", field, limit, condition)
        return values

    def field_kinds(self) -> Mapping[str, frozenset[str]]:
        kinds = self._kinds
        if kinds is None:
            kinds = self._kinds = self._request("field_kinds")
        return kinds

    def needs_graph(self) -> bool:
        return bool(self._request("needs_graph"))

    def flush(self) -> None:
        self._write((), "flush")

    def close(self) -> None:
        """Close the shard, and wait until its process has ended; calls after that raise an error."""
        with self._write_lock, self._lock:
            if self._closed:
                return
            self._closed = True
            connections = [*self._free]
            self._free.clear()
            with contextlib.suppress(*_GONE):
                connection = connections.pop() if connections else self._connect()
                connections.append(connection)
                send(connection, Request("close", (), {}))
                receive(connection)
            for connection in connections:
                connection.close()
            self._end()

    def _write(self, ids: Iterable[str], method: str, *arguments: Any) -> Any:
        """Request a change, one at a time."""
        with self._write_lock:
            written = list(ids)
            if written:
                self.on_write(written)
            try:
                return self._request(method, *arguments)
            finally:
                with self._lock:  # a product may have brought a new field, and a photo of another size
                    self._changes += 1
                    self._sizes.clear()
                self._kinds = None

    def _request(self, method: str, *arguments: Any, **options: Any) -> Any:
        request = Request(method, arguments, options)
        try:
            return self._answer_of(request)
        except _GONE:
            self._restart()
        try:
            return self._answer_of(request)
        except _GONE:
            raise self._stopped_error() from None

    def _answer_of(self, request: Request) -> Any:
        with self._connection() as connection:
            send(connection, request)
            answer = receive(connection)
        if isinstance(answer, Failure):
            raise answer.error
        return answer.value

    def _stream(self, method: str, *arguments: Any) -> Iterator[Any]:
        """Yield the items of an answer in parts; a caller that stops early costs the connection, not the process."""
        request, can_repeat = Request(method, arguments, {}), True
        while True:
            try:
                with self._connection() as connection:
                    send(connection, request)
                    while isinstance(answer := receive(connection), Part):
                        can_repeat = False
                        yield from answer.items
                break
            except _GONE:
                if not can_repeat:
                    raise self._stopped_error() from None
                can_repeat = False
                self._restart()
        if isinstance(answer, Failure):
            raise answer.error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Give a connection that nobody else uses; it is kept for the next request unless the block fails."""
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._setup.folder} has been closed.", "Open the store again.", code="closed-store")
            connection = self._free.pop() if self._free else None
        connection = connection or self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._free.append(connection)

    def _connect(self) -> Connection:
        try:
            return Client(self._address, authkey=self._setup.key)
        except FileNotFoundError as problem:  # its socket went with the process
            raise ConnectionError(str(problem)) from None

    def _start(self) -> None:
        command = [sys.executable, "-m", "shoplens.index.process.server"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, close_fds=True
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump(self._setup, self._process.stdin)
            self._process.stdin.flush()
            ready: Ready = pickle.load(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._end()
            raise self._stopped_error() from None
        if ready.error is not None:
            self._end()
            raise ready.error
        self._address = ready.address

    def _restart(self) -> None:
        """Start the process again, if it has ended; of several callers the first one does it."""
        with self._lock:
            if self._process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.2)  # its connections end before it does
            if self._process.poll() is not None and not self._closed:
                self._free.clear()
                self._end()
                self._start()

    def _stopped_error(self) -> StoreError:
        if problem := room_problem(self._setup.folder):
            return StoreError(problem, FIX, code="disk")
        return StoreError(
            f"The process of the engine ended while it worked on {self._setup.folder}.",
            "Check that there is free memory, and the store with `shoplens doctor --files`; then try again.",
            code="engine-stopped",
        )

    def _end(self) -> None:
        """Let the process end, and wait for it."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()
