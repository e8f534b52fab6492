"""Opens a shard of the engine in a folder."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from shoplens.errors import StoreError
from shoplens.index.disk_room import prepare_reading
from shoplens.index.protocol import VectorSizes
from shoplens.index.qdrant.config import engine_config
from shoplens.index.qdrant.engine_errors import REPAIR, GuardedShard, is_panic, translate_error
from shoplens.index.qdrant.points import HASHES, SIZE, VIEW

_SCHEMAS: dict[str, Any] = {
    VIEW: engine.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False),
    HASHES: engine.UuidIndexParams(enable_hnsw=False),
    SIZE: engine.KeywordIndexParams(enable_hnsw=False),
}
"""Indexes of the payload fields that every shard has."""
FIELD_SCHEMAS: dict[str, Any] = {
    "exact": engine.KeywordIndexParams(enable_hnsw=False),
    "text": engine.KeywordIndexParams(enable_hnsw=False),
    "number": engine.FloatIndexParams(enable_hnsw=False),
}
"""Indexes of the values of products' fields, by their kind."""

_LOCK_WAIT = 0.5
"""Seconds to wait for another process that has the shard open."""
_VECTOR_FILE = "matrix.dat"
"""Name of the files of the vectors themselves, of which a search reads only a few."""
_MIN_READ_AHEAD, _BLOCK = 1 << 18, 1 << 20
"""Bytes of a file from which on reading ahead pays, and bytes that are read at once."""


def open_shard(folder: Path, sizes: VectorSizes) -> GuardedShard:
    """Open the shard in a folder; create it when there is none.

    Args:
        sizes: lengths of its vectors.

    Raises:
        StoreError: ``store-in-use``; ``damaged-store``, the engine cannot open it; ``disk``.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()):
            with contextlib.suppress(OSError):  # a graph build that outlived its process removes files
                _read_ahead(folder)
            prepare_reading(folder)
            shard = _load(folder)
            # A graph build that was killed leaves its unfinished segments, which the engine never removes. Only now
            # does the engine's lock prove that no build is running.
            shutil.rmtree(folder / "temp_segments", ignore_errors=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shard = engine.EdgeShard.create(str(folder), engine_config(sizes))
        existing = shard.info().payload_schema  # incomplete where the creating process was killed
        for key, schema in _SCHEMAS.items():
            if key not in existing:
                shard.update(engine.UpdateOperation.create_field_index(key, schema))
        return GuardedShard(folder, shard, _load)
    except BaseException as problem:  # the engine raises plain exceptions, and panics
        if isinstance(problem, StoreError) or not (is_panic(problem) or isinstance(problem, Exception)):
            raise
        if "WouldBlock" in str(problem):
            raise StoreError(
                f"Another process has {folder} open; it may still be building the search graph.",
                "Wait until that process has finished.",
                code="store-in-use",
            ) from problem
        known = translate_error(problem, folder)
        if known is not None and known.code == "disk":
            raise known from problem
        text = next(iter(str(problem).splitlines()), "")[:300]
        raise StoreError(f"The engine cannot open {folder}: {text}", REPAIR, code="damaged-store") from problem


def _load(folder: Path) -> engine.EdgeShard:
    """Load a shard; wait a moment for a process of the engine whose parent was killed, and which ends now."""
    end = time.monotonic() + _LOCK_WAIT
    while True:
        try:
            return engine.EdgeShard.load(str(folder))
        except Exception as problem:
            if "WouldBlock" not in str(problem) or time.monotonic() > end:
                raise
        time.sleep(0.02)


def _read_ahead(folder: Path) -> None:
    """Read files sequentially that the engine would otherwise read page by page, so that the system caches them (for
    100,000 products 1.3 s instead of 4 to 5 s)."""
    block = bytearray(_BLOCK)
    for path in folder.rglob("*"):
        status = path.stat()
        if path.name != _VECTOR_FILE and getattr(status, "st_blocks", 0) * 512 >= _MIN_READ_AHEAD and path.is_file():
            with path.open("rb", buffering=0) as file:
                for start, end in _data_extents(file, status.st_size):
                    file.seek(start)
                    while file.tell() < end and file.readinto(block):
                        pass


def _data_extents(file: io.FileIO, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of every part of a sparse file that is no hole: reading holes would cache zeros."""
    start = 0
    if not hasattr(os, "SEEK_DATA"):
        yield start, size
        return
    with contextlib.suppress(OSError):  # only a hole follows
        while start < size:
            start = os.lseek(file.fileno(), start, os.SEEK_DATA)
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield start, end
            start = end
