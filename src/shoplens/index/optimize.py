"""Builds the graphs of a shard that nobody serves: ``python -m shoplens.index.optimize FOLDER``.

The engine's ``optimize`` stops every Python thread of its process while it runs, so it gets a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import qdrant_edge as engine

from shoplens.errors import StoreError
from shoplens.index.engine_config import VECTOR, engine_config


def optimize(folder: Path) -> None:
    """Optimize the shard in ``folder``, which this process has closed, in a child process.

    Raises:
        StoreError: when the child fails; the shard stays as it was, only slower to search.
    """
    child = subprocess.run(
        [sys.executable, "-m", "shoplens.index.optimize", str(folder)], capture_output=True, text=True, check=False
    )
    if child.returncode:
        raise StoreError(
            f"The search graph could not be built: {child.stderr.strip()[-300:] or child.returncode}.",
            "See that there is free memory and disk, and run the command again.",
            code="optimize-failed",
        )


def main(folder: str) -> None:
    shard = engine.EdgeShard.load(folder)
    (point,), photos = shard.scroll(engine.ScrollRequest(limit=1, with_vector=True))[0], shard.info().points_count
    dimensions = len(point.vector[VECTOR])  # type: ignore[call-overload, index, arg-type]
    shard.close()
    shard = engine.EdgeShard.load(folder, engine_config(dimensions, vectors_kb=photos * dimensions * 4 / 1024))
    while shard.optimize():
        pass
    shard.flush()
    shard.close()


if __name__ == "__main__":
    main(sys.argv[1])
