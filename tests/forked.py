"""Processes that tests kill. They are forked from one that has loaded everything, so that each starts at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TextIO

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.store.killable", "tests.training.killable", "torch"])


@dataclass(frozen=True)
class Forked:
    """A process that runs, the first of a process group of its own.

    Attributes:
        pid: of the process.
        lines: what it prints, as it comes.
    """

    pid: int
    lines: TextIO

    def kill(self) -> None:
        """``kill -9``, of the whole group; nothing where it has come to its end."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


@contextmanager
def forked(main: Callable[..., None], *arguments: object) -> Iterator[Forked]:
    """``main(*arguments)`` in a process of its own; the end of the block waits for its end."""
    reader, writer = _forks.Pipe(duplex=False)
    process = _forks.Process(target=_run, args=(writer, main, arguments))
    process.start()
    writer.close()
    assert process.pid is not None
    with reader, os.fdopen(os.dup(reader.fileno()), encoding="utf-8") as lines:
        yield Forked(process.pid, lines)
    process.join()
    process.close()


def _run(writer: Connection, main: Callable[..., None], arguments: tuple[object, ...]) -> None:
    os.setsid()
    os.dup2(writer.fileno(), 1)
    writer.close()
    sys.stdout = os.fdopen(1, "w", 1, "utf-8", closefd=False)
    main(*arguments)
