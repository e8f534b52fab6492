"""Builds the graphs of a shard that nobody serves: ``python -m shoplens.index.qdrant.optimize FOLDER …``.

The engine's ``optimize`` stops every Python thread of its process while it runs, so it gets a process of its own.
For the same reason no thread of that process can notice that the parent has died; on Linux the kernel is asked to end
the process then. On other systems it continues, on a folder that nobody will use.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import qdrant_edge as engine

from shoplens.errors import StoreError
from shoplens.index.protocol import VectorSizes
from shoplens.index.qdrant.config import engine_config, find_halved_vectors

_PR_SET_PDEATHSIG = 1


def optimize(folder: Path, sizes: VectorSizes) -> None:
    """Optimize the shard in ``folder``, which this process has closed, in a child process.

    Args:
        folder: folder of the shard.
        sizes: lengths of its vectors, as they were when it was created.

    Raises:
        StoreError: ``optimize-failed``; the shard stays as it was, only slower to search.
    """
    lengths = map(str, astuple(sizes))
    child = subprocess.run(
        [sys.executable, "-m", "shoplens.index.qdrant.optimize", str(folder), str(os.getpid()), *lengths],
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        raise StoreError(
            f"The search graph could not be built: {child.stderr.strip()[-300:] or child.returncode}.",
            "Check that there is free memory and disk space, and run the command again.",
            code="optimize-failed",
        )


def main(folder: str, parent: str, *lengths: str) -> None:
    """Run in the child process: build all graphs of the shard.

    Args:
        parent: process id of the parent.
        lengths: the fields of :class:`VectorSizes`, in their order.
    """
    _exit_with_parent(int(parent))
    shard = engine.EdgeShard.load(folder)
    points = shard.info().points_count
    shard.close()
    sizes, halved = VectorSizes(*map(int, lengths)), find_halved_vectors(Path(folder))
    shard = engine.EdgeShard.load(folder, engine_config(sizes, points, halved))
    while shard.optimize():
        pass
    shard.flush()
    shard.close()


def _exit_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the kernel was asked
            sys.exit("The process that requested the graph has ended.")


if __name__ == "__main__":
    main(*sys.argv[1:])
