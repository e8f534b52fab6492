"""Builds the graphs of a shard that nobody serves: ``python -m shoplens.index.optimize FOLDER``.

The engine's ``optimize`` stops every Python thread of its process while it runs, so it gets a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shoplens.errors import StoreError


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
    import qdrant_edge as engine

    shard = engine.EdgeShard.load(folder)
    while shard.optimize():
        pass
    shard.flush()
    shard.close()


if __name__ == "__main__":
    main(sys.argv[1])
