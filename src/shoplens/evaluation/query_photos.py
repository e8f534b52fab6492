"""Encodes query photos once: the vectors are stored by content, region and model.

So an interrupted run continues where it stopped, and the next evaluation needs no embedding.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, replace
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
from shoplens.reading.text_reader import TextReader
from shoplens.search.query_encoder import QueryEncoder
from shoplens.settings import Settings
from shoplens.store.files.disposable_sqlite import DisposableSqlite
from shoplens.types import Region, Rejection
from shoplens.types.iteration import map_in_order

AHEAD, COMMIT = 32, 64
"""Number of queries that are encoded ahead, and number of vectors per write."""
UNHURRIED = 60.0
"""Seconds for reading the words in a photo: what was read is stored, and must not depend on what else runs."""
EncodedPair = tuple[JudgedQuery, EncodedQuery]
_Row = tuple[bytes, bytes, str, int, int, str]
MISSING_PHOTO_FIX = "Correct the path. A relative path starts at the folder of the file of queries."


class QueryVectors:
    """A file of the vectors of query photos.

    It may be used by several threads, and by several processes at a time. A damaged file is replaced by an empty one,
    because the vectors can be computed again.

    Args:
        path: the file; its folder is created.
        model: the model whose vectors are read and written.

    Raises:
        StoreError: ``disk``, whenever the file cannot be read or written although it is not damaged.
    """

    def __init__(self, path: Path, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._unwritten: dict[tuple[str, str], _Row] = {}
        self._file = DisposableSqlite(
            path,
            "CREATE TABLE IF NOT EXISTS vectors (model TEXT, content TEXT, region TEXT, vector BLOB, features BLOB, "
            "pixel_hash TEXT, width INTEGER, height INTEGER, words TEXT, PRIMARY KEY (model, content, region)) "
            "WITHOUT ROWID",
            "SELECT vector, features, pixel_hash, width, height, words FROM vectors LIMIT 1",
        )

    def get(self, photo_hash: str, region: str) -> tuple[EncodedQuery, tuple[int, int]] | None:
        """Return the photo with this content hash and its size in pixels, or None if it is not stored."""
        with self._lock:
            row = self._unwritten.get((photo_hash, region)) or self._read_row(photo_hash, region)
        if row is None:
            return None
        data, features, pixel_hash, width, height, words = row
        vector, values = np.frombuffer(data, np.float32), np.frombuffer(features, np.float16).astype(np.float32)
        hashes = tuple(pixel_hash.split())
        return EncodedQuery(vector, hashes, "" if region else photo_hash, values, text=words), (width, height)

    def add(self, photo_hash: str, region: str, photo: EncodedQuery, size: tuple[int, int]) -> None:
        """Store a photo; the file is written after every ``COMMIT`` photos, and by :meth:`close`."""
        with self._lock:
            features = np.asarray([] if photo.features is None else photo.features, np.float16).tobytes()
            self._unwritten[photo_hash, region] = (
                photo.vector.tobytes(),
                features,
                " ".join(photo.pixel_hashes),
                *size,
                photo.text,
            )
            if len(self._unwritten) >= COMMIT:
                self._write()

    def close(self) -> None:
        """Write the rest and close the file."""
        with self._lock:
            try:
                self._write()
            finally:
                self._file.close()

    def _read_row(self, photo_hash: str, region: str) -> _Row | None:
        with self._file.recover_from_damage():
            row: _Row | None = self._file.connection.execute(
                "SELECT vector, features, pixel_hash, width, height, words FROM vectors "
                "WHERE model = ? AND content = ? AND region = ?",
                (self._model, photo_hash, region),
            ).fetchone()
            return row if row is not None and _is_sound(row) else None
        return None

    def _write(self) -> None:
        """Write all rows at once, so that other processes with the same file wait only for milliseconds."""
        rows = [(self._model, *key, *row) for key, row in self._unwritten.items()]
        self._unwritten.clear()
        with self._file.recover_from_damage(), self._file.connection as file:
            file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _is_sound(row: _Row) -> bool:
    """Return whether the row seems undamaged: its vector has the length 1."""
    data = row[0]
    if not (isinstance(data, bytes) and data and len(data) % 4 == 0):
        return False
    with np.errstate(all="ignore"):  # damaged bytes may be any number, or not a number
        return bool(abs(np.linalg.norm(np.frombuffer(data, np.float32)) - 1) < 1e-3)


class QueryPhotos:
    """Encodes query photos, several at a time, as :func:`~shoplens.search.pipeline.search` does.

    Args:
        index: the index to be searched; it tells which sizes of photos could be equal to one of its own.
        embedder: the embedder; it uses one thread per photo.
        source: reads the bytes of photos.
        settings: the settings.
        vectors: stored vectors; None stores nothing.
        reader: reads the words in the photos; None reads none.
    """

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        source: PhotoSource,
        settings: Settings,
        vectors: QueryVectors | None = None,
        reader: TextReader | None = None,
    ) -> None:
        self._index, self._source, self._settings, self._vectors = index, source, settings, vectors
        self._encoder = QueryEncoder(embedder, source, replace(settings, read_seconds=UNHURRIED), reader)

    def encode_all(self, queries: Iterable[JudgedQuery | Rejection]) -> Iterator[EncodedPair | Rejection]:
        """Yield each query with its encoded photo, in their order; a photo that cannot be used is a rejection."""
        with ThreadPoolExecutor(self._settings.cores) as pool:
            yield from map_in_order(pool, self._encode_query, queries, AHEAD)

    def encode(self, data: bytes, region: Region | None = None, *, features: bool = True) -> EncodedQuery:
        """Encode a photo's bytes as a search does, but without logging; without features where nothing needs them.

        Raises:
            PhotoError, InvalidValue, ModelError: as :meth:`~shoplens.search.query_encoder.QueryEncoder.encode_photo`.
        """
        return self._encoder.encode_photo(data, self._index, region, features=features, read=True)

    def _encode_query(self, query: JudgedQuery | Rejection) -> EncodedPair | Rejection:
        if isinstance(query, Rejection):
            return query
        try:
            data = self._source.bytes_of(query.photo)
            return query, self._load_or_encode(data, query)
        except (PhotoError, InvalidValue, ModelError) as problem:
            if isinstance(problem, ModelError) and problem.code != NO_DIRECTION:
                raise
            return _reject(query, problem)

    def _load_or_encode(self, data: bytes, query: JudgedQuery) -> EncodedQuery:
        if self._vectors is None:
            return self.encode(data, query.region)
        region = _region_key(query)
        photo_hash = content_hash(data)
        if (stored := self._vectors.get(photo_hash, region)) is not None:
            photo, size = stored
            if photo.pixel_hashes or region or not self._index.has_photo_size(*size):
                return photo
        photo = self.encode(data, query.region)
        self._vectors.add(photo_hash, region, photo, photo_size(data, self._settings))
        return photo


def _region_key(query: JudgedQuery) -> str:
    return "" if query.region is None else ",".join(map(str, astuple(query.region)))


def _reject(query: JudgedQuery, problem: ShoplensError) -> Rejection:
    if isinstance(problem, InvalidValue):  # the region reaches outside the photo
        return Rejection(
            "query-region", problem.problem, problem.fix, row=query.row, field="region", value=_region_key(query)
        )
    fix = MISSING_PHOTO_FIX if problem.code == "photo-missing" and query.row is not None else problem.fix
    return Rejection(problem.code, problem.problem, fix, row=query.row, field="photo", value=query.photo)


@contextlib.contextmanager
def open_query_vectors(path: Path, model: str) -> Iterator[QueryVectors]:
    """Open a file of vectors, which is written when the block ends, also after an error."""
    vectors = QueryVectors(path, model)
    try:
        yield vectors
    finally:
        vectors.close()
