"""The caches of photos' features and of the words in them, by content, so that filters can be fitted anew without
decoding any photo."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shoplens.store.files.disposable_sqlite import DisposableSqlite
from shoplens.types import Features

NAME = "features.sqlite"
TEXTS = "texts.sqlite"
COMMIT, TEXT_COMMIT = 64, 16
"""Number of rows per write, of features and of texts: so many photos are encoded or read again after a crash."""
MAX_PARAMETERS = 500
"""Number of photos per SQL statement."""


@dataclass(frozen=True, slots=True)
class FallbackFeatures:
    """The features of the untrained network, for photos that cannot be read again after a network was fine-tuned.

    Attributes:
        model: that made these features.
        places: (start, stop) of the numbers that are repeated at the end, in the place of the fine-tuned tail's.
    """

    model: str
    places: Sequence[Sequence[int]]


class FeatureFile:
    """A file of features, float16 on disk; thread-safe. A damaged file is replaced by an empty one.

    Args:
        path: the file.
        model: whose features are read and written; the file may hold those of other models, too.
        fallback: for photos without features; :meth:`has` does not count these.

    Attributes:
        texts: what was read in the photos, in a file beside it.

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path, model: str, fallback: FallbackFeatures | None = None) -> None:
        self._model, self._fallback = model, fallback
        self.texts = PhotoTexts(path.with_name(TEXTS))
        self._lock = threading.Lock()
        self._unwritten: dict[str, bytes] = {}
        self._file = DisposableSqlite(
            path,
            "CREATE TABLE IF NOT EXISTS features (model TEXT, content TEXT, row BLOB, PRIMARY KEY (model, content))",
            "SELECT model, content, row FROM features LIMIT 1",
        )

    def add(self, content_hash: str, row: Features) -> None:
        """Add a photo's features, float32 (f,)."""
        with self._lock:
            self._unwritten[content_hash] = np.asarray(row, np.float16).tobytes()
            if len(self._unwritten) >= COMMIT:
                self._write()

    def has(self, content_hash: str) -> bool:
        """Whether the file has a photo's features."""
        with self._lock:
            return content_hash in self._unwritten or bool(self._read_rows([content_hash], "1"))

    def read(self, content_hashes: Iterable[str]) -> Mapping[str, Features]:
        """Return the features of those photos that have any, float32 (f,) each."""
        wanted = list(dict.fromkeys(content_hashes))
        found: dict[str, bytes] = {}
        with self._lock:
            found.update({name: self._unwritten[name] for name in wanted if name in self._unwritten})
            for start in range(0, len(wanted), MAX_PARAMETERS):
                names = [name for name in wanted[start : start + MAX_PARAMETERS] if name not in found]
                found.update(self._read_rows(names))
        rows = {name: np.frombuffer(row, np.float16).astype(np.float32) for name, row in found.items()}
        return rows | self._fallback_rows([name for name in wanted if name not in rows])

    def _fallback_rows(self, names: list[str]) -> dict[str, Features]:
        """Return the fallback features of photos."""
        if self._fallback is None or not names:
            return {}
        with self._lock:
            found = {}
            for start in range(0, len(names), MAX_PARAMETERS):
                found.update(self._read_rows(names[start : start + MAX_PARAMETERS], model=self._fallback.model))
        rows = {name: np.frombuffer(row, np.float16).astype(np.float32) for name, row in found.items()}
        places = self._fallback.places
        return {name: np.concatenate([row, *(row[start:stop] for start, stop in places)]) for name, row in rows.items()}

    def delete_except(self, prefix: str, kept: Iterable[str]) -> None:
        """Delete the features of all models whose names begin with ``prefix``, except of those in ``kept``."""
        models = list(kept)
        marks = ",".join("?" * len(models))
        with self._lock, self._file.recover_from_damage(), self._file.connection as file:
            file.execute(
                f"DELETE FROM features WHERE substr(model, 1, ?) = ? AND model NOT IN ({marks})",
                (len(prefix), prefix, *models),
            )

    def flush(self) -> None:
        """Write to disk what is only in memory."""
        self.texts.flush()
        with self._lock:
            self._write()

    def close(self) -> None:
        self.texts.close()
        with self._lock:
            try:
                self._write()
            finally:
                self._file.close()

    def _read_rows(self, names: list[str], column: str = "row", model: str = "") -> dict[str, bytes]:
        if not names:
            return {}
        with self._file.recover_from_damage():
            marks = ",".join("?" * len(names))
            rows = self._file.connection.execute(
                f"SELECT content, {column} FROM features WHERE model = ? AND content IN ({marks})",
                (model or self._model, *names),
            )
            return dict(rows.fetchall())
        return {}

    def _write(self) -> None:
        rows = [(self._model, *item) for item in self._unwritten.items()]
        self._unwritten.clear()
        with self._file.recover_from_damage(), self._file.connection as file:
            file.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", rows)


class PhotoTexts:
    """A file of what was read in the catalogue's photos, never in shoppers'; thread-safe.

    It is created by the first text, and a damaged file is replaced by an empty one.

    Args:
        path: the file.

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._unwritten: dict[str, tuple[str, str]] = {}
        self._file: DisposableSqlite | None = None

    def add(self, content_hash: str, reader: str, text: str) -> None:
        """Add what was read in a photo; empty where it shows no words.

        Args:
            reader: id of the reader.
        """
        with self._lock:
            self._unwritten[content_hash] = reader, text
            if len(self._unwritten) >= TEXT_COMMIT:
                self._write()

    def has(self, content_hash: str, reader: str) -> bool:
        """Whether this reader has read a photo."""
        with self._lock:
            row = self._unwritten.get(content_hash) or self._read_rows([content_hash]).get(content_hash)
            return row is not None and row[0] == reader

    def read(self, content_hashes: Iterable[str]) -> Mapping[str, str]:
        """Return the texts of those photos that were read by any reader."""
        wanted = list(dict.fromkeys(content_hashes))
        rows: dict[str, tuple[str, str]] = {}
        with self._lock:
            for start in range(0, len(wanted), MAX_PARAMETERS):
                rows.update(self._read_rows(wanted[start : start + MAX_PARAMETERS]))
            rows.update({name: self._unwritten[name] for name in wanted if name in self._unwritten})
        return {name: text for name, (_, text) in rows.items()}

    def flush(self) -> None:
        """Write to disk what is only in memory."""
        with self._lock:
            self._write()

    def close(self) -> None:
        with self._lock:
            try:
                self._write()
            finally:
                if self._file is not None:
                    self._file.close()
                    self._file = None

    def _open(self) -> DisposableSqlite:
        if self._file is None:
            self._file = DisposableSqlite(
                self._path,
                "CREATE TABLE IF NOT EXISTS texts (content TEXT PRIMARY KEY, reader TEXT, words TEXT) WITHOUT ROWID",
                "SELECT content, reader, words FROM texts LIMIT 1",
            )
        return self._file

    def _read_rows(self, names: list[str]) -> dict[str, tuple[str, str]]:
        if not names or (self._file is None and not self._path.exists()):
            return {}
        file = self._open()
        with file.recover_from_damage():
            marks = ",".join("?" * len(names))
            rows = file.connection.execute(
                f"SELECT content, reader, words FROM texts WHERE content IN ({marks})", names
            )
            return {content: (reader, words) for content, reader, words in rows.fetchall()}
        return {}

    def _write(self) -> None:
        rows = [(content, *row) for content, row in self._unwritten.items()]
        self._unwritten.clear()
        if rows:
            file = self._open()
            with file.recover_from_damage(), file.connection as connection:
                connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", rows)
