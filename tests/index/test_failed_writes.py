"""A write that the engine refuses: the shard is opened anew, and what its log holds is not called damage later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import qdrant_edge as engine

from shoplens import Shop
from shoplens.errors import StoreError
from shoplens.index.qdrant.engine_errors import GuardedShard
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.store.files.damage import check_files
from tests.fakes import ColourEmbedder
from tests.service.conftest import SETTINGS, folder, indexed_folder

__all__ = ["folder", "indexed_folder"]


class RefusingShard:
    """A shard of the engine that writes an operation into its log, but not into its files, for some times."""

    def __init__(self, times: int) -> None:
        self.times, self.updates, self.closed = times, list[object](), 0

    def update(self, operation: object) -> None:
        self.updates.append(operation)
        if self.times:
            self.times -= 1
            raise Exception("Service runtime error: Failed to decode value: EOF while parsing a value at offset 13")

    def close(self) -> None:
        self.closed += 1


def guarded(tmp_path: Path, shard: Any) -> GuardedShard:
    return GuardedShard(tmp_path, shard, lambda folder: shard)


def test_a_write_that_is_refused_is_repeated_on_the_shard_opened_anew(tmp_path: Path) -> None:
    shard = RefusingShard(times=1)
    index = guarded(tmp_path, shard)
    operation: Any = object()
    index.update(operation)
    assert (shard.updates, shard.closed, index.has_failed) == ([operation, operation], 1, True)
    index.update(operation)
    assert shard.closed == 1


def test_what_is_refused_again_is_told_and_the_shard_is_opened_anew_once(tmp_path: Path) -> None:
    shard = RefusingShard(times=3)
    index = guarded(tmp_path, shard)
    for _ in range(2):
        with pytest.raises(StoreError) as error:
            index.update(engine.UpdateOperation.delete_points([]))
        assert error.value.code == "engine-failed"
    assert (len(shard.updates), shard.closed, index.has_failed) == (3, 1, True)


def test_a_generation_is_sealed_by_the_process_after_the_one_in_which_a_write_failed(folder: Path) -> None:
    store = folder / "store"

    def states() -> set[str]:
        return {one.state for one in check_files(store) if one.path == "generations/000001"}

    with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        index = shop._parts.store.live.index  # type: ignore[union-attr]
        assert isinstance(index, QdrantIndex)
        index._shard.has_failed = True
        shop.products.update("red-1", price=3.0)
        shop.flush()
        assert states() == {"unsealed"}
    assert states() == {"unsealed"}
    with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        assert shop.products.get("red-1").price == 3.0  # type: ignore[union-attr]
    assert states() == {"sound"}
