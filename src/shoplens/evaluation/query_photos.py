"""Query photos, embedded once: vectors are kept by content, region and model, so that a run that was cut off goes on
where it was, and the next evaluation starts at once."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import numpy as np

from shoplens.embedders import Embedder
from shoplens.embedders.embedder import NO_DIRECTION
from shoplens.entries import in_order
from shoplens.errors import ModelError, PhotoError, ShoplensError
from shoplens.evaluation.queries import JudgedQuery
from shoplens.images import PhotoSource
from shoplens.images.decode import photo_size
from shoplens.images.hashes import content_hash
from shoplens.index.entry import Index
from shoplens.ranking.strategies import QueryPhoto
from shoplens.search import query_photo, query_picture
from shoplens.settings import Settings
from shoplens.types import Query, Rejection

AHEAD, COMMIT = 32, 64
Embedded = tuple[JudgedQuery, QueryPhoto]


class QueryVectors:
    """A file of vectors that are known already. Thread-safe; a damaged file is begun anew, since all can be remade.

    Args:
        path: the file; its folder is made.
        model: whose vectors are meant.
    """

    def __init__(self, path: Path, model: str) -> None:
        self._path, self._model = path, model
        self._lock, self._unwritten = threading.Lock(), 0
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = self._opened()
        except sqlite3.DatabaseError:
            path.unlink()
            self._file = self._opened()

    def get(self, name: str, region: str) -> tuple[QueryPhoto, tuple[int, int]] | None:
        """The photo of this content hash, if it is known, and its size in pixels."""
        with self._lock:
            row = self._file.execute(
                "SELECT vector, pixel_hash, width, height FROM vectors WHERE model = ? AND content = ? AND region = ?",
                (self._model, name, region),
            ).fetchone()
        if row is None:
            return None
        vector, pixel_hash, width, height = row
        return QueryPhoto(np.frombuffer(vector, np.float32), pixel_hash, "" if region else name), (width, height)

    def add(self, name: str, region: str, photo: QueryPhoto, size: tuple[int, int]) -> None:
        row = (self._model, name, region, photo.vector.tobytes(), photo.pixel_hash, *size)
        with self._lock:
            self._file.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._unwritten += 1
            if self._unwritten >= COMMIT:
                self._file.commit()
                self._unwritten = 0

    def close(self) -> None:
        with self._lock:
            self._file.commit()
            self._file.close()

    def _opened(self) -> sqlite3.Connection:
        file = sqlite3.connect(self._path, check_same_thread=False)
        try:
            file.execute(
                "CREATE TABLE IF NOT EXISTS vectors (model TEXT, content TEXT, region TEXT, vector BLOB, "
                "pixel_hash TEXT, width INTEGER, height INTEGER, PRIMARY KEY (model, content, region)) WITHOUT ROWID"
            )
            file.execute("SELECT vector, pixel_hash, width, height FROM vectors LIMIT 1").fetchall()
        except BaseException:
            file.close()
            raise
        return file


class QueryPhotos:
    """Embeds query photos, several at once, as :func:`~shoplens.search.search` would.

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
        self._index, self._embedder, self._source = index, embedder, source
        self._settings, self._vectors = settings, vectors

    def of(self, queries: Iterable[JudgedQuery | Rejection]) -> Iterator[Embedded | Rejection]:
        """Each query with its photo, in their order; a photo that cannot be used is a rejection."""
        with ThreadPoolExecutor(self._settings.cores) as pool:
            yield from in_order(pool, self._embedded, queries, AHEAD)

    def made(self, data: bytes, query: Query | None = None) -> QueryPhoto:
        """A photo's bytes, decoded and embedded without remembering it.

        Raises:
            PhotoError, InvalidValue, ModelError: as :func:`~shoplens.search.search`.
        """
        asked = query or Query(data)
        picture = query_picture(data, asked, self._index, self._embedder, self._settings)
        return query_photo(picture, asked, self._embedder)

    def _embedded(self, query: JudgedQuery | Rejection) -> Embedded | Rejection:
        if isinstance(query, Rejection):
            return query
        try:
            data = self._source.bytes_of(query.photo)
            return query, self._known(data, query)
        except (PhotoError, ShoplensError) as problem:
            if isinstance(problem, ModelError) and problem.code != NO_DIRECTION:
                raise
            return Rejection(
                problem.code, problem.problem, problem.fix, row=query.row, field="photo", value=query.photo
            )

    def _known(self, data: bytes, query: JudgedQuery) -> QueryPhoto:
        asked = Query(data, region=query.region)
        if self._vectors is None:
            return self.made(data, asked)
        region = "" if query.region is None else ",".join(map(str, astuple(query.region)))
        name = content_hash(data)
        if (known := self._vectors.get(name, region)) is not None:
            photo, size = known
            if photo.pixel_hash or region or not self._index.has_photo_size(*size):
                return photo
        photo = self.made(data, asked)
        self._vectors.add(name, region, photo, photo_size(data, self._settings))
        return photo


@contextlib.contextmanager
def remembered(path: Path, model: str) -> Iterator[QueryVectors]:
    """The vectors in a file, written when the block ends, however it ends."""
    vectors = QueryVectors(path, model)
    try:
        yield vectors
    finally:
        vectors.close()


def counted(items: Iterable[Embedded | Rejection], told: Callable[[int], None]) -> Iterator[Embedded | Rejection]:
    """The items; ``told`` hears after each how many have gone by."""
    for number, item in enumerate(items, start=1):
        yield item
        told(number)
