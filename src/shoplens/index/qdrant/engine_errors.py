"""The engine's errors as errors of the store: its panics, a full disk, and whatever else it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import qdrant_edge as engine

from shoplens.errors import StoreError
from shoplens.index.disk_room import FIX, FLUSH_RESERVE, allocate_holes, require_room

P = ParamSpec("P")
R = TypeVar("R")
REPAIR = (
    "Restore a backup with `shoplens restore FOLDER --replace`, or build the store anew with "
    "`shoplens index --replace FEED`."
)
"""What to do about a damaged generation."""
_FULL = ("No space left on device", "OutOfDisk", "out of disk", "os error 28")


class GuardedShard:
    """A shard whose methods raise errors of the store, and which writes only where there is room.

    A process that was killed can leave a value that the engine cannot read when it writes the next one. The engine
    repeats its log when it opens a shard, and so writes that value again: after the first write that fails, the shard
    is opened anew.

    Args:
        folder: of the shard.
        shard: that is called.
        load: opens the shard of a folder.

    Attributes:
        has_failed: whether a write failed, so that the log may hold what the files lack.
    """

    def __init__(self, folder: Path, shard: engine.EdgeShard, load: Callable[[Path], engine.EdgeShard]) -> None:
        self._folder, self._shard, self._load = folder, shard, load
        self.has_failed = False

    def info(self) -> engine.ShardInfo:
        return self._call(self._shard.info)

    def count(self, request: engine.CountRequest) -> int:
        return self._call(self._shard.count, request)

    def facet(self, request: engine.FacetRequest) -> engine.FacetResponse:
        return self._call(self._shard.facet, request)

    def query(self, request: engine.QueryRequest) -> list[engine.ScoredPoint]:
        return self._call(self._shard.query, request)

    def query_batch(self, requests: list[engine.QueryRequest]) -> list[list[engine.ScoredPoint]]:
        return self._call(self._shard.query_batch, engine.QueryBatchRequest(requests))

    def retrieve(
        self, ids: list[engine.PointId], payload: bool | list[str], vectors: bool | list[str]
    ) -> list[engine.Record]:
        return self._call(self._shard.retrieve, ids, payload, vectors)

    def scroll(self, request: engine.ScrollRequest) -> tuple[list[engine.Record], engine.PointId | None]:
        return self._call(self._shard.scroll, request)

    def update(self, operation: engine.UpdateOperation) -> None:
        require_room(self._folder)
        allocate_holes(self._folder)
        try:
            self._call(self._shard.update, operation)
        except StoreError as problem:
            had_failed, self.has_failed = self.has_failed, self.has_failed or problem.code != "disk"
            if problem.code != "engine-failed" or had_failed:
                raise
            self._call(self._shard.close)
            self._shard = self._call(self._load, self._folder)
            self._call(self._shard.update, operation)

    def flush(self) -> None:
        require_room(self._folder, reserve=FLUSH_RESERVE)
        allocate_holes(self._folder)
        self._call(self._shard.flush)

    def close(self) -> None:
        self._call(self._shard.close)

    def _call(self, method: Callable[P, R], *args: P.args, **options: P.kwargs) -> R:
        try:
            return method(*args, **options)
        except BaseException as problem:
            if (known := translate_error(problem, self._folder)) is None:
                raise
            raise known from problem


def translate_error(problem: BaseException, folder: Path) -> StoreError | None:
    """Return what an error of the engine says about the store; None for other errors, such as an interrupt."""
    if not is_panic(problem) and type(problem) is not Exception:
        return None
    text = next(iter(str(problem).splitlines()), "")[:300]
    if any(sign in str(problem) for sign in _FULL):
        return StoreError(f"There is no room on the disk for {folder}: {text}.", FIX, code="disk")
    if is_panic(problem):
        return StoreError(
            f"The store is damaged: the engine broke off on {folder}: {text}.", REPAIR, code="damaged-store"
        )
    return StoreError(
        f"The engine refused on {folder}: {text}.",
        "Check the store with `shoplens doctor --files`.",
        code="engine-failed",
    )


def is_panic(problem: BaseException) -> bool:
    """Whether an error is a panic of the engine, whose type derives from BaseException and cannot be imported."""
    return type(problem).__module__ == "pyo3_runtime" and type(problem).__name__ == "PanicException"
