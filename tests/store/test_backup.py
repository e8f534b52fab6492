"""Backups of a store, and stores that are restored from them."""

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
from shoplens.store.files.merchandising import MerchandisingFile, MerchandisingRule
from shoplens.store.store import Store
from tests.fakes import RED, ColourEmbedder, colored_rows, contents, feed_of, photo
from tests.store.conftest import entries
from tests.store.test_opening import SETTINGS
from tests.store.test_store import generation_names

TEN_IDS = {f"p{number}" for number in range(10)}


def back_up(folder: Path, backup: Path) -> None:
    """Write a backup of the closed store in ``folder``."""
    store = Store(folder)
    write_backup(store, backup)
    store.close()


def stored_ids(folder: Path) -> set[str]:
    """Return the ids of the products in the closed store in ``folder``."""
    store = Store(folder)
    ids = set(store.live.index.ids())
    store.close()
    return ids


def test_a_restored_backup_answers_the_same(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(20), brand="Acme"))
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    (tmp_path / "store" / "photos").mkdir(exist_ok=True)
    (tmp_path / "store" / "photos" / "kept").write_bytes(b"fetched")
    with shop:
        shop.products.remove(["p3"])
        shop.backup(tmp_path / "copies" / "today")
        contents_before = contents(shop._parts.store.live.index)
        answer_before = shop.search(tmp_path / "p5.png", where="brand = acme")
        shop.products.remove(["p5"])
    Shop.restore(tmp_path / "copies" / "today", tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=SETTINGS) as restored_shop:
        assert contents(restored_shop._parts.store.live.index) == contents_before
        answer = restored_shop.search(tmp_path / "p5.png", where="brand = acme")
        assert (answer.results, answer.model) == (answer_before.results, answer_before.model)
        assert answer.results[0].product.id == "p5"
        restored_shop.products.remove(["p5"])
    assert (tmp_path / "restored" / "photos" / "kept").read_bytes() == b"fetched"
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["today"]
    assert not (tmp_path / "copies" / "today" / "LOCK").exists()


def test_rules_of_merchandising_are_part_of_a_backup(store: Store, tmp_path: Path) -> None:
    rules = [MerchandisingRule("pin", ("p3",))]
    MerchandisingFile(store.folder).replace(rules, "desk")
    write_backup(store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    assert MerchandisingFile(tmp_path / "restored").load() == MerchandisingFile(store.folder).load()
    assert list(MerchandisingFile(tmp_path / "restored").load().present.rules) == rules


def test_a_backup_goes_to_a_new_or_empty_folder_only(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    photo(tmp_path / "full" / "mine.png", RED)
    photo(tmp_path / "file.png", RED)
    for target in (tmp_path / "full", tmp_path / "file.png"):
        with pytest.raises(Refused, match="exists and is not empty"):
            write_backup(store, target)
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


def test_a_folder_that_is_no_backup_is_not_restored(tmp_path: Path, folder: Path) -> None:
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


def test_restoring_onto_a_store_needs_replace(folder: Path, tmp_path: Path) -> None:
    store = Store(folder)
    write_backup(store, tmp_path / "backup")
    store.live.index.remove(["p1"])
    store.close()
    with pytest.raises(Refused, match=r"already a store at .*--replace") as error:
        restore(tmp_path / "backup", folder)
    assert error.value.exit_code == 6
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


def test_restoring_never_replaces_a_folder_that_is_no_store(folder: Path, tmp_path: Path) -> None:
    precious = photo(tmp_path / "album" / "wedding.png", RED)
    for replace in False, True:
        with pytest.raises(Refused, match="exists and is not empty"):
            restore(folder, precious.parent, replace_store=replace)
        with pytest.raises(Refused, match="exists and is not empty"):
            restore(folder, precious, replace_store=replace)
    assert precious.exists()


@pytest.mark.parametrize("target", ["store", "new"])
def test_restoring_again_after_a_killed_restore_works(folder: Path, tmp_path: Path, target: str) -> None:
    back_up(folder, tmp_path / "backup")
    partial = tmp_path / target / "generations" / "000002.partial"
    copy_tree(tmp_path / "backup" / "generations" / "000001", partial)
    (partial / "manifest.json").unlink()
    (tmp_path / target / "LOCK").touch()
    restore(tmp_path / "backup", tmp_path / target, replace_store=target == "store")
    assert stored_ids(tmp_path / target) == TEN_IDS
    assert not partial.exists()


def damage_shard(shard: Path) -> None:
    """Overwrite every JSON file of a shard with invalid JSON."""
    for path in shard.rglob("*.json"):
        path.write_text("{")


@pytest.mark.parametrize("target", ["store", "new"])
def test_a_backup_that_cannot_be_opened_changes_nothing(folder: Path, tmp_path: Path, target: str) -> None:
    back_up(folder, tmp_path / "backup")
    copy_tree(tmp_path / "backup", tmp_path / "bad")
    damage_shard(tmp_path / "bad" / "generations" / "000001" / "shard")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"backup .*bad cannot be used.*The store is damaged") as error:
            restore(tmp_path / "bad", tmp_path / target, replace_store=True)
        assert error.value.code == "bad-backup"
    assert stored_ids(folder) == TEN_IDS
    assert generation_names(folder) == ["000001"]
    restore(tmp_path / "backup", tmp_path / target, replace_store=True)
    assert stored_ids(tmp_path / target) == TEN_IDS


def test_a_damaged_store_is_replaced_by_a_backup(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "backup")
    damage_shard(folder / "generations" / "000001" / "shard")
    restore(tmp_path / "backup", folder, replace_store=True)
    assert stored_ids(folder) == TEN_IDS
    assert generation_names(folder) == ["000002"]


def test_a_store_and_its_backup_must_not_contain_each_other(folder: Path, tmp_path: Path) -> None:
    store = Store(folder)
    for backup in folder, folder / "backup", tmp_path / "elsewhere" / ".." / "store" / "photos":
        with pytest.raises(Refused, match="lies in the store"):
            write_backup(store, backup)
    write_backup(store, tmp_path / "backup")
    store.close()
    copy_tree(tmp_path / "backup", folder / "old")
    for backup, target in ((folder / "old", folder), (tmp_path / "backup", tmp_path / "backup" / "photos" / "new")):
        with pytest.raises(Refused, match="lie in one another"):
            restore(backup, target, replace_store=True)
    assert stored_ids(folder) == TEN_IDS


def test_a_backup_leaves_the_files_beside_it_alone(store: Store, tmp_path: Path) -> None:
    precious = photo(tmp_path / "backup.partial" / "wedding.png", RED)
    write_backup(store, tmp_path / "backup")
    assert precious.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "backup.partial", "store"]


def test_a_backup_can_go_to_the_empty_working_directory(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    write_backup(store, Path())
    assert sorted(path.name for path in Path().iterdir()) == ["CURRENT", "generations"]
    restore(Path(), tmp_path / "restored")
    assert stored_ids(tmp_path / "restored") == TEN_IDS


def test_a_folder_that_cannot_be_written_is_a_disk_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = Store(folder)
    with pytest.raises(StoreError, match=r"file/backup could not be written: .*free space on the disk") as error:
        write_backup(store, tmp_path / "file" / "backup")
    assert error.value.code == "disk"
    write_backup(store, tmp_path / "backup")
    store.close()
    photo(tmp_path / "backup" / "photos" / "kept.png", RED)
    (folder / "photos").write_text("not a folder")
    with pytest.raises(StoreError, match="store could not be written") as error:
        restore(tmp_path / "backup", folder, replace_store=True)
    assert error.value.code == "disk"
    assert stored_ids(folder) == TEN_IDS
    assert generation_names(folder) == ["000001"]


def test_a_backup_during_writes_contains_every_acknowledged_product(store: Store, tmp_path: Path) -> None:
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
    ids_before_backup: list[list[str]] = []
    for backup_number in range(4):
        while len(acknowledged) < 30 * (backup_number + 1):
            stop.wait(0.005)
        ids_before_backup.append(list(acknowledged))
        write_backup(store, tmp_path / f"backup{backup_number}")
    stop.set()
    writer.join()
    for backup_number, expected_ids in enumerate(ids_before_backup):
        restore(tmp_path / f"backup{backup_number}", tmp_path / f"restored{backup_number}")
        restored = Store(tmp_path / f"restored{backup_number}")
        restored_contents = contents(restored.live.index)
        assert set(expected_ids) <= restored_contents.keys() <= {*acknowledged, *(f"p{number}" for number in range(10))}
        assert restored_contents == {
            product_id: product_contents
            for product_id, product_contents in contents(store.live.index).items()
            if product_id in restored_contents
        }
        hits = restored.live.index.nearest_products(np.full(4, 0.5, np.float32), len(restored_contents))
        assert {hit.record.product.id for hit in hits} == restored_contents.keys()
        restored.close()
