"""Generations that stay on disk after the next one has taken over, and the roll-back to one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.errors import InvalidValue
from shoplens.store.manifest import Manifest, load_manifest
from shoplens.store.store import MOST_KEPT, Store
from tests.fakes import Stopped
from tests.store.conftest import entries, fill_store


def switch_to(store: Store, numbers: range, *, keep: bool = True) -> None:
    """Build a generation of these products, and make it live."""
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(numbers))
        store.switch(generation, keep=keep)


def kept_names(store: Store) -> list[str]:
    """Return the names of the kept generations, the latest first."""
    return [folder.name for folder in store.kept_generations()]


def test_a_kept_generation_can_be_read_after_reopening(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    fill_store(store, range(3))
    switch_to(store, range(5))
    assert (store.live.name, kept_names(store)) == ("000002", ["000001"])
    store.close()
    store = Store(tmp_path / "store")
    assert (store.live.name, kept_names(store)) == ("000002", ["000001"])
    with store.reading_generation("000001") as generation:
        assert generation.index.count() == 3
    with store.reading_generation("000002") as generation:
        assert generation is store.live
    with pytest.raises(InvalidValue, match="no generation '000009'"), store.reading_generation("000009"):
        pass
    store.close()


def test_only_the_latest_generations_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    fill_store(store, range(1))
    for _ in range(4):
        switch_to(store, range(2))
    assert kept_names(store) == ["000004", "000003"][:MOST_KEPT]
    switch_to(store, range(2), keep=False)
    assert kept_names(store) == ["000004", "000003"], "a generation that is not kept removes none that are"
    store.close()


def test_a_new_build_never_continues_a_kept_generation(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    fill_store(store, range(3))
    switch_to(store, range(5))
    with store.rollback_to() as generation:
        store.switch(generation, keep=True)
    assert (store.live.name, kept_names(store)) == ("000003", ["000002"])
    assert not load_manifest(store.live.folder).kept
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(1)))
        store.switch(generation)
    store.close()


def test_an_interrupted_rollback_stays_kept_and_can_be_continued(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    fill_store(store, range(3))
    switch_to(store, range(5))
    with pytest.raises(Stopped), store.rollback_to("000001") as generation:
        generation.index.upsert(entries(range(4)))
        raise Stopped
    assert (store.live.name, store.live.index.count()) == ("000002", 5)
    store.close()
    store = Store(tmp_path / "store")
    assert (store.live.name, kept_names(store)) == ("000002", ["000003"])
    with store.rollback_to() as generation:
        assert generation.index.count() == 4
        store.switch(generation, keep=True)
    assert (store.live.index.count(), kept_names(store)) == (4, ["000002"])
    store.close()


def test_a_rollback_without_a_kept_generation_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    fill_store(store)
    with pytest.raises(InvalidValue, match="can be gone back to") as error, store.rollback_to():
        pass
    assert error.value.code == "no-generation"
    store.close()
