"""Projects in a process of its own, which can be ended: a map of thousands of products takes up to a minute."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection

from shoplens.errors import StoreError
from shoplens.evaluation.catalogue_map.projection import Projection, project
from shoplens.types import Vectors

NICENESS = 10
"""By which the child gives way to searches."""


class ChildProjector:
    """Projects as :func:`project` does, one projection at a time. It may be closed by another thread meanwhile."""

    def __init__(self) -> None:
        self._child: multiprocessing.process.BaseProcess | None = None
        self._is_closed = False

    def __call__(self, vectors: Vectors, seed: int = 0) -> Projection:
        """Project unit vectors (n, d) to a plane.

        Raises:
            StoreError: ``closed-store``, it was closed before or meanwhile.
        """
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_project_in_child, args=(sender, vectors, seed), daemon=True)
        child.start()
        self._child = child
        sender.close()  # so that the receiver notices the end of the child
        try:
            if self._is_closed:
                raise EOFError
            result: Projection | Exception = receiver.recv()
        except EOFError:
            raise StoreError("The service is stopping.", "Ask again when it is back.", code="closed-store") from None
        finally:
            child.kill()
            child.join()
            receiver.close()
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """End the projection that is running; no other one begins."""
        self._is_closed = True
        if (child := self._child) is not None:
            child.kill()


def _project_in_child(sender: Connection, vectors: Vectors, seed: int) -> None:
    os.nice(NICENESS)
    try:
        sender.send(project(vectors, seed))
    except Exception as problem:
        sender.send(problem)
