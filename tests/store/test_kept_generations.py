"""Generations that stay on disk after the next has taken over, and what it takes to go back to one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.errors import InvalidValue
from shoplens.store.manifest import Manifest, load_manifest
from shoplens.store.store import MOST_KEPT, Store
from tests.fakes import Stopped
from tests.store.conftest import entries, filled


def switched(store: Store, numbers: range, *, keep: bool = True) -> None:
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(numbers))
        store.switch(generation, keep=keep)


def kept(store: Store) -> list[str]:
    return [folder.name for folder in store.kept_generations()]


def test_a_kept_generation_outlives_the_process(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    filled(store, range(3))
    switched(store, range(5))
    assert (store.live.name, kept(store)) == ("000002", ["000001"])
    store.close()
    store = Store(tmp_path / "store")
    assert (store.live.name, kept(store)) == ("000002", ["000001"])
    with store.reading_generation("000001") as generation:
        assert generation.index.count() == 3
    with store.reading_generation("000002") as generation:
        assert generation is store.live
    with pytest.raises(InvalidValue, match="no generation '000009'"), store.reading_generation("000009"):
        pass
    store.close()


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    filled(store, range(1))
    for _ in range(4):
        switched(store, range(2))
    assert kept(store) == ["000004", "000003"][:MOST_KEPT]
    switched(store, range(2), keep=False)
    assert kept(store) == ["000004", "000003"], "one that is not kept takes none of them along"
    store.close()


def test_work_begun_anew_never_continues_a_kept_generation(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    filled(store, range(3))
    switched(store, range(5))
    with store.rollback_to() as generation:
        store.switch(generation, keep=True)
    assert (store.live.name, kept(store)) == ("000003", ["000002"])
    assert not load_manifest(store.live.folder).kept
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(1)))
        store.switch(generation)
    store.close()


def test_a_return_that_was_cut_off_stays_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    filled(store, range(3))
    switched(store, range(5))
    with pytest.raises(Stopped), store.rollback_to("000001") as generation:
        generation.index.upsert(entries(range(4)))
        raise Stopped
    assert (store.live.name, store.live.index.count()) == ("000002", 5)
    store.close()
    store = Store(tmp_path / "store")
    assert (store.live.name, kept(store)) == ("000002", ["000003"])
    with store.rollback_to() as generation:
        assert generation.index.count() == 4
        store.switch(generation, keep=True)
    assert (store.live.index.count(), kept(store)) == (4, ["000002"])
    store.close()


def test_nothing_kept_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    filled(store)
    with pytest.raises(InvalidValue, match="can be gone back to") as told, store.rollback_to():
        pass
    assert told.value.code == "no-generation"
    store.close()
