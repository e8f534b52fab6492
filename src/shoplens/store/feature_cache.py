"""What the filters read off photos, kept by content, so that filters are fitted anew without looking at any photo."""

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
ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class FallbackFeatures:
    """Rows that do where a photo cannot be looked at again: the untouched network's.

    Attributes:
        model: that made them.
        places: from and to, of the numbers that are repeated in the end, where the trained tail's would be.
    """

    model: str
    places: Sequence[Sequence[int]]


class FeatureFile:
    """Rows of features, float16 on disk. Thread-safe; a damaged file is begun anew, since photos can be read again.

    Args:
        path: the file.
        model: what made the rows: of another model there are none.
        instead: for photos of which there are none; :meth:`has` does not count these.

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path, model: str, instead: FallbackFeatures | None = None) -> None:
        self._model, self._instead = model, instead
        self._lock = threading.Lock()
        self._unwritten: dict[str, bytes] = {}
        self._file = DisposableSqlite(
            path,
            "CREATE TABLE IF NOT EXISTS features (model TEXT, content TEXT, row BLOB, PRIMARY KEY (model, content))",
            "SELECT model, content, row FROM features LIMIT 1",
        )

    def add(self, content_hash: str, row: Features) -> None:
        """Keep a photo's features, float32 (f,)."""
        with self._lock:
            self._unwritten[content_hash] = np.asarray(row, np.float16).tobytes()
            if len(self._unwritten) >= COMMIT:
                self._write()

    def has(self, content_hash: str) -> bool:
        """Whether a photo's features are known."""
        with self._lock:
            return content_hash in self._unwritten or bool(self._read_rows([content_hash], "1"))

    def of(self, content_hashes: Iterable[str]) -> Mapping[str, Features]:
        """Features of those photos that are known, float32 (f,) each."""
        wanted = list(dict.fromkeys(content_hashes))
        found: dict[str, bytes] = {}
        with self._lock:
            found.update({name: self._unwritten[name] for name in wanted if name in self._unwritten})
            for start in range(0, len(wanted), ASKED_AT_ONCE):
                names = [name for name in wanted[start : start + ASKED_AT_ONCE] if name not in found]
                found.update(self._read_rows(names))
        rows = {name: np.frombuffer(row, np.float16).astype(np.float32) for name, row in found.items()}
        return rows | self._others([name for name in wanted if name not in rows])

    def _others(self, names: list[str]) -> dict[str, Features]:
        """Rows that do instead."""
        if self._instead is None or not names:
            return {}
        with self._lock:
            found = {}
            for start in range(0, len(names), ASKED_AT_ONCE):
                found.update(self._read_rows(names[start : start + ASKED_AT_ONCE], model=self._instead.model))
        rows = {name: np.frombuffer(row, np.float16).astype(np.float32) for name, row in found.items()}
        places = self._instead.places
        return {name: np.concatenate([row, *(row[start:stop] for start, stop in places)]) for name, row in rows.items()}

    def forget(self, beginning: str, kept: Iterable[str]) -> None:
        """Remove rows of models whose names begin so, but for these."""
        models = list(kept)
        marks = ",".join("?" * len(models))
        with self._lock, self._file.mending(), self._file.connection as file:
            file.execute(
                f"DELETE FROM features WHERE substr(model, 1, ?) = ? AND model NOT IN ({marks})",
                (len(beginning), beginning, *models),
            )

    def flush(self) -> None:
        """Write what is not on disk yet."""
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
        with self._file.mending():
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
        with self._file.mending(), self._file.connection as file:
            file.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", rows)
