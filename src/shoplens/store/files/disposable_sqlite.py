"""An SQLite file whose contents can all be made again: a damaged file is replaced by an empty one."""

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
"""Error codes that do not mean damage: a new file could not be used either."""


class DisposableSqlite:
    """A connection to such a file; it is not thread-safe.

    Args:
        path: of the file; its folder is created.
        table: statement that creates its table if there is none.
        probe: query over all its columns, which fails on a file with another table.

    Raises:
        StoreError: ``disk``, whenever the file can be neither read nor written, though it is not damaged.
    """

    def __init__(self, path: Path, table: str, probe: str) -> None:
        self.path, self._table, self._probe = path, table, probe
        self._file: sqlite3.Connection | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.recover_from_damage():
            self._file = self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = self._open()
        return self._file

    @contextlib.contextmanager
    def recover_from_damage(self) -> Iterator[None]:
        """Run a block; if it finds the file damaged, it ends there, and an empty file replaces the damaged one."""
        try:
            yield
        except sqlite3.DatabaseError as problem:
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _NO_DAMAGE:
                raise StoreError(
                    f"{self.path} cannot be used: {problem}.",
                    "Check the free space on the disk and your permission to write there, and run the command again.",
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
