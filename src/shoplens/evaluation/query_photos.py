"""Query photos, embedded once: vectors are kept by content, region and model, so that a run that was cut off goes on
where it was, and the next evaluation starts at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import numpy as np

from shoplens.embedders import Embedder
from shoplens.embedders.embedder import NO_DIRECTION
from shoplens.errors import InvalidValue, ModelError, PhotoError, ShoplensError
from shoplens.evaluation.queries import JudgedQuery
from shoplens.images import PhotoSource
from shoplens.images.decode import photo_size
from shoplens.images.hashes import content_hash
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import EncodedQuery
from shoplens.search.query_encoder import QueryEncoder
from shoplens.settings import Settings
from shoplens.store.files.disposable_sqlite import DisposableSqlite
from shoplens.types import Region, Rejection
from shoplens.types.iteration import map_in_order

AHEAD, COMMIT = 32, 64
Embedded = tuple[JudgedQuery, EncodedQuery]
_Row = tuple[bytes, bytes, str, int, int]
MISSING = "Correct the path; one that is not absolute is relative to the folder of the file of queries."


class QueryVectors:
    """A file of vectors that are known already. Thread-safe, also beside others with the same file; a damaged file is
    begun anew, since all can be remade.

    Args:
        path: the file; its folder is made.
        model: whose vectors are meant.

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._unwritten: dict[tuple[str, str], _Row] = {}
        self._file = DisposableSqlite(
            path,
            "CREATE TABLE IF NOT EXISTS vectors (model TEXT, content TEXT, region TEXT, vector BLOB, features BLOB, "
            "pixel_hash TEXT, width INTEGER, height INTEGER, PRIMARY KEY (model, content, region)) WITHOUT ROWID",
            "SELECT vector, features, pixel_hash, width, height FROM vectors LIMIT 1",
        )

    def get(self, name: str, region: str) -> tuple[EncodedQuery, tuple[int, int]] | None:
        """The photo of this content hash, if it is known, and its size in pixels."""
        with self._lock:
            row = self._unwritten.get((name, region)) or self._read_row(name, region)
        if row is None:
            return None
        data, features, pixel_hash, width, height = row
        vector, seen = np.frombuffer(data, np.float32), np.frombuffer(features, np.float16).astype(np.float32)
        return EncodedQuery(vector, pixel_hash, "" if region else name, seen), (width, height)

    def add(self, name: str, region: str, photo: EncodedQuery, size: tuple[int, int]) -> None:
        with self._lock:
            features = np.asarray([] if photo.features is None else photo.features, np.float16).tobytes()
            self._unwritten[name, region] = (photo.vector.tobytes(), features, photo.pixel_hash, *size)
            if len(self._unwritten) >= COMMIT:
                self._write()

    def close(self) -> None:
        with self._lock:
            try:
                self._write()
            finally:
                self._file.close()

    def _read_row(self, name: str, region: str) -> _Row | None:
        with self._file.recover_from_damage():
            row: _Row | None = self._file.connection.execute(
                "SELECT vector, features, pixel_hash, width, height FROM vectors "
                "WHERE model = ? AND content = ? AND region = ?",
                (self._model, name, region),
            ).fetchone()
            return row if row is not None and _is_sound(row) else None
        return None

    def _write(self) -> None:
        """All at once, so that others with the same file wait for milliseconds only."""
        rows = [(self._model, *key, *row) for key, row in self._unwritten.items()]
        self._unwritten.clear()
        with self._file.recover_from_damage(), self._file.connection as file:
            file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _is_sound(row: _Row) -> bool:
    """Whether it is what was written, as far as can be told: a vector of length 1."""
    data = row[0]
    if not (isinstance(data, bytes) and data and len(data) % 4 == 0):
        return False
    with np.errstate(all="ignore"):  # noise may be any number, or none
        return bool(abs(np.linalg.norm(np.frombuffer(data, np.float32)) - 1) < 1e-3)


class QueryPhotos:
    """Embeds query photos, several at once, as :func:`~shoplens.search.pipeline.search` would.

    Args:
        index: to be searched; it says where an equal photo is possible.
        embedder: gives each photo one thread.
        source: of the photos' bytes.
        vectors: those that are known; None remembers nothing.
    """

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        vectors: QueryVectors | None = None,
    ) -> None:
        self._index, self._source, self._settings, self._vectors = index, source, settings, vectors
        self._encoder = QueryEncoder(embedder, source, settings)

    def of(self, queries: Iterable[JudgedQuery | Rejection]) -> Iterator[Embedded | Rejection]:
        """Each query with its photo, in their order; a photo that cannot be used is a rejection."""
        with ThreadPoolExecutor(self._settings.cores) as pool:
            yield from map_in_order(pool, self._encode_query, queries, AHEAD)

    def encode(self, data: bytes, region: Region | None = None, *, features: bool = True) -> EncodedQuery:
        """A photo's bytes, encoded as a search would, without answer_log it; without features where nothing needs
        them.

        Raises:
            PhotoError, InvalidValue, ModelError: as :meth:`~shoplens.search.query_encoder.QueryEncoder.encode_photo`.
        """
        return self._encoder.encode_photo(data, self._index, region, features=features)

    def _encode_query(self, query: JudgedQuery | Rejection) -> Embedded | Rejection:
        if isinstance(query, Rejection):
            return query
        try:
            data = self._source.bytes_of(query.photo)
            return query, self._load_or_encode(data, query)
        except (PhotoError, InvalidValue, ModelError) as problem:
            if isinstance(problem, ModelError) and problem.code != NO_DIRECTION:
                raise
            return _unusable(query, problem)

    def _load_or_encode(self, data: bytes, query: JudgedQuery) -> EncodedQuery:
        if self._vectors is None:
            return self.encode(data, query.region)
        region = _region(query)
        name = content_hash(data)
        if (known := self._vectors.get(name, region)) is not None:
            photo, size = known
            if photo.pixel_hash or region or not self._index.has_photo_size(*size):
                return photo
        photo = self.encode(data, query.region)
        self._vectors.add(name, region, photo, photo_size(data, self._settings))
        return photo


def _region(query: JudgedQuery) -> str:
    return "" if query.region is None else ",".join(map(str, astuple(query.region)))


def _unusable(query: JudgedQuery, problem: ShoplensError) -> Rejection:
    if isinstance(problem, InvalidValue):  # the region reaches outside the photo
        return Rejection(
            "query-region", problem.problem, problem.fix, row=query.row, field="region", value=_region(query)
        )
    fix = MISSING if problem.code == "photo-missing" and query.row is not None else problem.fix
    return Rejection(problem.code, problem.problem, fix, row=query.row, field="photo", value=query.photo)


@contextlib.contextmanager
def open_query_vectors(path: Path, model: str) -> Iterator[QueryVectors]:
    """The vectors in a file, written when the block ends, however it ends."""
    vectors = QueryVectors(path, model)
    try:
        yield vectors
    finally:
        vectors.close()
