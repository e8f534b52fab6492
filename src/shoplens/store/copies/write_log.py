"""The log of what is written to a store while a command works on a copy of its live generation.

The service adds these products again when it adopts what the command made.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from shoplens.errors import StoreError
from shoplens.store.copies.snapshot_folders import SNAPSHOTS, WRITING

WRITE_LOG, BASE_GENERATION = "WRITE_LOG", "BASE_GENERATION"


def start_write_log(store: Path, generation: str) -> None:
    """Begin to log the ids of products that are written to this generation of the store."""
    (store / SNAPSHOTS / WRITING / WRITE_LOG).write_bytes(b"")
    (store / SNAPSHOTS / WRITING / BASE_GENERATION).write_text(generation, "utf-8")


def rename_base_generation(store: Path, before: str, after: str) -> None:
    """Say that the products of the generation that was copied are in a generation of another name now."""
    base = store / SNAPSHOTS / WRITING / BASE_GENERATION
    with contextlib.suppress(FileNotFoundError):
        if base.read_text("utf-8") == before:
            base.write_text(after, "utf-8")


def log_writes(store: Path, ids: Iterable[str]) -> None:
    """Log that products of a store are about to be written, if a command works on a copy that it will hand back."""
    log = store / SNAPSHOTS / WRITING / WRITE_LOG
    with contextlib.suppress(FileNotFoundError):  # the command ended in between
        if log.is_file():
            with log.open("ab", buffering=0) as file:
                file.write("".join(f"\n{json.dumps(name)}" for name in ids).encode())


def logged_ids(store: Path, live: str) -> list[str]:
    """Return the ids of products that were written since the copy was made, each once.

    Args:
        live: name of the live generation.

    Raises:
        StoreError: ``no-snapshot``; ``another-generation``, the live generation is not the one that was copied.
    """
    try:
        base = (store / SNAPSHOTS / WRITING / BASE_GENERATION).read_text("utf-8")
        lines = (store / SNAPSHOTS / WRITING / WRITE_LOG).read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        raise no_snapshot() from None
    if base != live:
        raise StoreError(
            f"Generation {live} has taken over since the command got a copy of {base}.",
            "Run the command again; it begins with the generation that answers now.",
            code="another-generation",
        )
    ids = dict[str, None]()
    for line in lines:
        with contextlib.suppress(ValueError):  # the line was cut off, and then nothing was written
            ids[json.loads(line)] = None
    return list(ids)


def no_snapshot() -> StoreError:
    """Return the error for a copy that is not there."""
    return StoreError(
        "No copy of the live generation was made for a command.", "Run the command again.", code="no-snapshot"
    )
