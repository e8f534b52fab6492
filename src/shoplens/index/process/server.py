"""The process that owns a shard: ``python -m shoplens.index.process.server``.

It reads a :class:`~shoplens.index.process.protocol.Setup` from standard input, opens the shard, writes a
:class:`~shoplens.index.process.protocol.Ready` to standard output, and answers requests, one thread per connection.
When its standard input ends, its parent has died, and it ends at once, so that the shard is free again.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from typing import Any, BinaryIO

from shoplens.index.process.protocol import (
    PART,
    YIELDING,
    Failure,
    Part,
    Ready,
    Request,
    Result,
    Setup,
    receive,
    send,
)
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types.iteration import batches


def main() -> None:
    """Run in the child process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process itself
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever prints must not disturb the answer
    setup: Setup = pickle.load(parent)
    try:
        index = QdrantIndex(setup.folder, setup.sizes)
        listener = Listener(backlog=64, authkey=setup.key)
    except Exception as problem:
        _write(answers, Ready(error=problem))
        return
    threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    _write(answers, Ready(address=str(listener.address)))
    while True:
        try:
            connection = listener.accept()
        except (OSError, EOFError, AuthenticationError):  # somebody without the key, or a client that has gone
            continue
        threading.Thread(target=_serve, args=(index, connection), daemon=True).start()


def _write(answers: BinaryIO, ready: Ready) -> None:
    pickle.dump(ready, answers)
    answers.close()


def _exit_with_parent(parent: BinaryIO) -> None:
    """End without closing the shard, as if the parent had had it open: everything written is in the log already."""
    parent.read()
    os._exit(0)


def _serve(index: QdrantIndex, connection: Connection) -> None:
    """Answer the requests of one connection until the client closes it."""
    while True:
        try:
            request = receive(connection)
        except (EOFError, OSError):
            return
        try:
            _answer(index, connection, request)
        except (BrokenPipeError, ConnectionError):  # the client stopped reading
            return
        except Exception as problem:
            send(connection, Failure(problem))
        if request.method == "close":
            os._exit(0)


def _answer(index: QdrantIndex, connection: Connection, request: Request) -> None:
    value: Any = getattr(index, request.method)
    if callable(value):
        value = value(*request.arguments, **request.options)
    if request.method in YIELDING:
        items: Iterable[Any] = value
        for part in batches(items, PART):
            send(connection, Part(part))
        value = None
    send(connection, Result(value))


if __name__ == "__main__":
    main()
