"""An SQLite file of things that can all be remade: one that is damaged is begun anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from shoplens.errors import StoreError

_NO_DAMAGE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
"""What keeps a file from being used, and would a new one."""


class DisposableSqlite:
    """A connection that mends itself; not thread-safe by itself.

    Args:
        path: the file; its folder is made.
        table: the statement that creates its table if there is none.
        probe: a query over all its columns, which fails on a file of another shape.

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path, table: str, probe: str) -> None:
        self.path, self._table, self._probe = path, table, probe
        self._file: sqlite3.Connection | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.mending():
            self._file = self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = self._open()
        return self._file

    @contextlib.contextmanager
    def mending(self) -> Iterator[None]:
        """Where the block finds the file damaged, it ends, and the file is begun anew."""
        try:
            yield
        except sqlite3.DatabaseError as problem:
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _NO_DAMAGE:
                raise StoreError(
                    f"{self.path} cannot be used: {problem}.",
                    "See that there is room on the disk and that you may write there, and run the command again.",
                    code="disk",
                ) from problem
            if self._file is not None:
                self._file.close()
            self.path.unlink(missing_ok=True)
            self._file = self._open()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self.path, check_same_thread=False)
        try:
            file.execute(self._table)
            file.execute(self._probe).fetchall()
        except BaseException:
            file.close()
            raise
        return file
