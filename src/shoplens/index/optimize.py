"""Builds the graphs of a shard that nobody serves: ``python -m shoplens.index.optimize FOLDER``.

The engine's ``optimize`` stops every Python thread of its process while it runs, so it gets a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
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
    photos, dimensions = _photos(shard)
    shard.close()
    shard = engine.EdgeShard.load(folder, engine_config(dimensions, vectors_kb=photos * dimensions * 4 / 1024))
    while shard.optimize():
        pass
    shard.flush()
    shard.close()


def _photos(shard: engine.EdgeShard) -> tuple[float, int]:
    """How many photos there are, estimated from the first thousand products, and the length of their vectors."""
    points, _ = shard.scroll(engine.ScrollRequest(limit=1000, with_payload=False, with_vector=True))
    vectors = [np.asarray(point.vector[VECTOR]) for point in points if isinstance(point.vector, dict)]
    return sum(map(len, vectors)) / len(vectors) * shard.info().points_count, vectors[0].shape[1]


if __name__ == "__main__":
    main(sys.argv[1])
