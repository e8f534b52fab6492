"""The cache of photos' features, by content, so that filters can be fitted anew without decoding any photo."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shoplens.store.files.disposable_sqlite import DisposableSqlite
from shoplens.types import Features

NAME = "features.sqlite"
COMMIT = 64
"""Number of rows per write."""
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

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path, model: str, fallback: FallbackFeatures | None = None) -> None:
        self._model, self._fallback = model, fallback
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
        with self._lock:
            self._write()

    def close(self) -> None:
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
