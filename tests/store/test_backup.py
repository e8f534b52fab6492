"""Copies of a store, and stores made out of them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop
from shoplens.errors import Refused, StoreError
from shoplens.store.copies.backups import write_backup
from shoplens.store.copies.restoring import restore
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from tests.fakes import RED, ColourEmbedder, colored_rows, contents, feed_of, photo
from tests.store.conftest import entries
from tests.store.test_opening import SETTINGS
from tests.store.test_store import names

TEN = {f"p{number}" for number in range(10)}


def backed_up(folder: Path, backup: Path) -> None:
    store = Store(folder)
    write_backup(store, backup)
    store.close()


def held(folder: Path) -> set[str]:
    """Ids of the products in a store."""
    store = Store(folder)
    ids = set(store.live.index.ids())
    store.close()
    return ids


def test_a_backup_restores_and_answers_the_same(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(20), brand="Acme"))
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    (tmp_path / "store" / "photos").mkdir(exist_ok=True)
    (tmp_path / "store" / "photos" / "kept").write_bytes(b"fetched")
    with shop:
        shop.products.remove(["p3"])
        shop.backup(tmp_path / "copies" / "today")
        before, expected = (
            contents(shop._parts.store.live.index),
            shop.search(tmp_path / "p5.png", where="brand = acme"),
        )
        shop.products.remove(["p5"])
    Shop.restore(tmp_path / "copies" / "today", tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=SETTINGS) as again:
        assert contents(again._parts.store.live.index) == before
        answer = again.search(tmp_path / "p5.png", where="brand = acme")
        assert (answer.results, answer.model) == (expected.results, expected.model)
        assert answer.results[0].product.id == "p5"
        again.products.remove(["p5"])
    assert (tmp_path / "restored" / "photos" / "kept").read_bytes() == b"fetched"
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["today"]
    assert not (tmp_path / "copies" / "today" / "LOCK").exists()


def test_a_backup_goes_to_a_new_or_empty_folder_only(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    photo(tmp_path / "full" / "mine.png", RED)
    photo(tmp_path / "file.png", RED)
    for place in (tmp_path / "full", tmp_path / "file.png"):
        with pytest.raises(Refused, match="exists and is not empty"):
            write_backup(store, place)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.png"]
    (tmp_path / "empty").mkdir()
    write_backup(store, tmp_path / "empty")
    restore(tmp_path / "empty", tmp_path / "restored")


def test_an_unfinished_store_has_nothing_to_back_up(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(StoreError, match="never finished"):
        write_backup(store, tmp_path / "backup")
    store.close()
    assert not (tmp_path / "backup").exists()


def test_what_is_no_backup_is_not_restored(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(StoreError, match=r"is not a backup of a store\. Give a folder made by `shoplens backup`"):
        restore(tmp_path, tmp_path / "new")
    with pytest.raises(StoreError, match="is not a backup"):
        restore(tmp_path / "nowhere", folder, replace_store=True)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "CURRENT").write_text("000001\n")
    with pytest.raises(StoreError, match=r"manifest\.json cannot be read"):
        restore(tmp_path / "bad", folder, replace_store=True)
    assert not (tmp_path / "new").exists()
    Store(folder).close()


def test_restoring_onto_a_store_needs_to_be_said(folder: Path, tmp_path: Path) -> None:
    store = Store(folder)
    write_backup(store, tmp_path / "backup")
    store.live.index.remove(["p1"])
    store.close()
    with pytest.raises(Refused, match=r"already a store at .*--replace") as told:
        restore(tmp_path / "backup", folder)
    assert told.value.exit_code == 6
    store = Store(folder)
    assert store.live.index.count() == 9
    with pytest.raises(StoreError, match="in use"):
        restore(tmp_path / "backup", folder, replace_store=True, lock_wait=0.0)
    store.close()
    for _ in range(2):
        restore(tmp_path / "backup", folder, replace_store=True)
    store = Store(folder)
    assert store.live.index.count() == 10
    store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "store"]


def test_restoring_never_replaces_what_is_no_store(folder: Path, tmp_path: Path) -> None:
    precious = photo(tmp_path / "album" / "wedding.png", RED)
    for replace in False, True:
        with pytest.raises(Refused, match="exists and is not empty"):
            restore(folder, precious.parent, replace_store=replace)
        with pytest.raises(Refused, match="exists and is not empty"):
            restore(folder, precious, replace_store=replace)
    assert precious.exists()


@pytest.mark.parametrize("target", ["store", "new"])
def test_what_a_killed_restore_left_does_not_stop_the_next(folder: Path, tmp_path: Path, target: str) -> None:
    backed_up(folder, tmp_path / "backup")
    half = tmp_path / target / "generations" / "000002.partial"
    copy_tree(tmp_path / "backup" / "generations" / "000001", half)
    (half / "manifest.json").unlink()
    (tmp_path / target / "LOCK").touch()
    restore(tmp_path / "backup", tmp_path / target, replace_store=target == "store")
    assert held(tmp_path / target) == TEN
    assert not half.exists()


def damaged(shard: Path) -> None:
    for path in shard.rglob("*.json"):
        path.write_text("{")


@pytest.mark.parametrize("target", ["store", "new"])
def test_a_backup_that_cannot_be_opened_changes_nothing(folder: Path, tmp_path: Path, target: str) -> None:
    backed_up(folder, tmp_path / "backup")
    copy_tree(tmp_path / "backup", tmp_path / "bad")
    damaged(tmp_path / "bad" / "generations" / "000001" / "shard")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"backup .*bad cannot be used.*The engine cannot open") as told:
            restore(tmp_path / "bad", tmp_path / target, replace_store=True)
        assert told.value.code == "bad-backup"
    assert held(folder) == TEN
    assert names(folder) == ["000001"]
    restore(tmp_path / "backup", tmp_path / target, replace_store=True)
    assert held(tmp_path / target) == TEN


def test_a_damaged_store_is_replaced_by_a_backup(folder: Path, tmp_path: Path) -> None:
    backed_up(folder, tmp_path / "backup")
    damaged(folder / "generations" / "000001" / "shard")
    restore(tmp_path / "backup", folder, replace_store=True)
    assert held(folder) == TEN
    assert names(folder) == ["000002"]


def test_a_store_and_its_backup_do_not_lie_in_one_another(folder: Path, tmp_path: Path) -> None:
    store = Store(folder)
    for inside in folder, folder / "backup", tmp_path / "elsewhere" / ".." / "store" / "photos":
        with pytest.raises(Refused, match="lies in the store"):
            write_backup(store, inside)
    write_backup(store, tmp_path / "backup")
    store.close()
    copy_tree(tmp_path / "backup", folder / "old")
    for backup, target in ((folder / "old", folder), (tmp_path / "backup", tmp_path / "backup" / "photos" / "new")):
        with pytest.raises(Refused, match="lie in one another"):
            restore(backup, target, replace_store=True)
    assert held(folder) == TEN


def test_a_backup_leaves_what_lies_beside_it(store: Store, tmp_path: Path) -> None:
    precious = photo(tmp_path / "backup.partial" / "wedding.png", RED)
    write_backup(store, tmp_path / "backup")
    assert precious.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "backup.partial", "store"]


def test_a_backup_fills_the_empty_folder_that_one_is_in(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    write_backup(store, Path())
    assert sorted(path.name for path in Path().iterdir()) == ["CURRENT", "generations"]
    restore(Path(), tmp_path / "restored")
    assert held(tmp_path / "restored") == TEN


def test_a_disk_that_cannot_be_written_is_an_error_that_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = Store(folder)
    with pytest.raises(StoreError, match=r"file/backup could not be written: .*free space on the disk") as told:
        write_backup(store, tmp_path / "file" / "backup")
    assert told.value.code == "disk"
    write_backup(store, tmp_path / "backup")
    store.close()
    photo(tmp_path / "backup" / "photos" / "kept.png", RED)
    (folder / "photos").write_text("not a folder")
    with pytest.raises(StoreError, match="store could not be written") as told:
        restore(tmp_path / "backup", folder, replace_store=True)
    assert told.value.code == "disk"
    assert held(folder) == TEN
    assert names(folder) == ["000001"]


def test_a_backup_during_writes_holds_all_that_was_acknowledged(store: Store, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()

    def write() -> None:
        for number in range(1_000, 1_000_000):
            with store.writing():
                store.live.index.upsert(entries(range(number, number + 1)))
            acknowledged.append(f"p{number}")
            if stop.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    promised: list[list[str]] = []
    for copy in range(4):
        while len(acknowledged) < 30 * (copy + 1):
            stop.wait(0.005)
        promised.append(list(acknowledged))
        write_backup(store, tmp_path / f"backup{copy}")
    stop.set()
    writer.join()
    for copy, expected in enumerate(promised):
        restore(tmp_path / f"backup{copy}", tmp_path / f"restored{copy}")
        again = Store(tmp_path / f"restored{copy}")
        held = contents(again.live.index)
        assert set(expected) <= held.keys() <= {*acknowledged, *(f"p{number}" for number in range(10))}
        assert held == {
            name: contents_then for name, contents_then in contents(store.live.index).items() if name in held
        }
        hits = again.live.index.nearest_products(np.full(4, 0.5, np.float32), len(held))
        assert {hit.record.product.id for hit in hits} == held.keys()
        again.close()
