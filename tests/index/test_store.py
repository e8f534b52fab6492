"""A store on disk: who may open it, which generation is live, and copies of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as engine

from shoplens import Shop
from shoplens.errors import Refused, StoreError
from shoplens.index.durable import copy_tree, size_on_disk
from shoplens.index.engine_config import engine_config
from shoplens.index.entry import Entry
from shoplens.index.manifest import FORMAT, Manifest, manifest_in
from shoplens.index.qdrant import QdrantIndex
from shoplens.index.store import GRAPH_DUE, Generation, Store, restore
from shoplens.settings import Settings
from shoplens.types import Photo
from tests.fakes import RED, ColourEmbedder, Stopped, colored_rows, contents, feed_of, photo, product

SETTINGS = Settings(threads=2, lock_wait=0.0)
ROOT = Path(__file__).parents[2]


def entries(numbers: range, price: float | None = None) -> list[Entry]:
    """Products ``p0``, ``p1``, … with a photo each."""
    vector = np.full((1, 4), 0.5, np.float32)
    return [
        Entry(
            product(f"p{number}", f"/{number}.png", price=price),
            (Photo(f"/{number}.png", f"{number:032x}", f"f{number:031x}", 8, 8),),
            vector,
        )
        for number in numbers
    ]


def filled(store: Store, numbers: range = range(10), model: str = "colour@1") -> Generation:
    """A live generation of these products."""
    with store.filling(Manifest(model, 4, "/feed.jsonl", "jsonl", "20260101T000000000000Z")) as generation:
        generation.index.upsert(entries(numbers))
        store.switch(generation)
    return store.live


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of ten products, to be copied."""
    folder = tmp_path_factory.mktemp("built") / "store"
    store = Store(folder, create=True)
    filled(store)
    store.close()
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """A store of ten products, to be changed."""
    copy_tree(built, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store(folder)
    yield opened
    opened.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "generations").iterdir())


def refusal(folder: Path) -> StoreError:
    with pytest.raises(StoreError) as told:
        Store(folder, lock_wait=0.0)
    return told.value


# Generations


def test_the_first_generation_goes_live_in_one_step(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    with store.filling(Manifest("m", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(range(3)))
        assert (store.has_live, manifest_in(generation.folder).complete) == (False, False)
        assert not (tmp_path / "store" / "CURRENT").exists()
        store.switch(generation)
    assert (tmp_path / "store" / "CURRENT").read_text() == "000001\n"
    assert manifest_in(store.live.folder).complete
    assert store.live.index.count() == 3
    store.close()


def test_the_next_generation_replaces_the_one_before(store: Store) -> None:
    filled(store, range(5), model="next@1")
    assert (names(store.folder), store.live.name) == (["000002"], "000002")
    assert (store.live.manifest.model, store.live.index.count()) == ("next@1", 5)


def test_the_one_before_serves_until_the_switch(store: Store) -> None:
    with store.filling(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        generation.index.upsert(entries(range(3)))
        assert (store.live.name, store.live.index.count()) == ("000001", 10)
        store.switch(generation)
    assert store.live.index.count() == 3


def test_a_switch_that_was_cut_off_is_tidied_up(folder: Path, built: Path) -> None:
    copy_tree(folder / "generations" / "000001", folder / "generations" / "000002")
    (folder / "CURRENT").write_text("000002\n")
    store = Store(folder)
    assert (names(folder), store.live.name, store.live.index.count()) == (["000002"], "000002", 10)
    store.close()


def test_work_cut_short_is_kept_for_the_same_model_only(folder: Path) -> None:
    store = Store(folder)
    with pytest.raises(Stopped), store.filling(Manifest("a", 4, "/f", "jsonl", "first")) as generation:
        generation.index.upsert(entries(range(3)))
        raise Stopped
    store.close()
    assert names(folder) == ["000001", "000002"]
    store = Store(folder)
    assert store.live.name == "000001"
    with pytest.raises(Stopped), store.filling(Manifest("a", 4, "/g", "jsonl", "second")) as generation:
        assert (generation.name, generation.index.count()) == ("000002", 3)
        assert (generation.manifest.created, generation.manifest.feed) == ("first", "/g")
        raise Stopped
    with store.filling(Manifest("b", 4, "/f", "jsonl", "third")) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(1)))
        store.switch(generation)
    assert names(folder) == [store.live.name]
    store.close()


def test_empty_work_cut_short_leaves_nothing(store: Store) -> None:
    with pytest.raises(Stopped), store.filling(Manifest("a", 4, "/f", "jsonl", "now")):
        raise Stopped
    assert names(store.folder) == ["000001"]


@pytest.mark.parametrize("damage", ["no-manifest", "half-made-shard", "empty"])
def test_unfinished_work_that_cannot_be_continued_is_begun_anew(folder: Path, damage: str) -> None:
    manifest = Manifest("colour@1", 4, "/f", "jsonl", "now")
    half = folder / "generations" / "000002"
    half.mkdir()
    if damage == "half-made-shard":
        manifest.write(half)
        (half / "shard" / "segments").mkdir(parents=True)
    elif damage == "no-manifest":
        copy_tree(folder / "generations" / "000001" / "shard", half / "shard")
    store = Store(folder)
    with store.filling(manifest) as generation:
        assert generation.index.count() == 0
        generation.index.upsert(entries(range(2)))
        store.switch(generation)
    assert store.live.index.count() == 2
    store.close()


def test_a_shard_whose_making_was_cut_off_gets_the_rest(tmp_path: Path) -> None:
    (tmp_path / "shard").mkdir()
    engine.EdgeShard.create(str(tmp_path / "shard"), engine_config(4)).close()
    index = QdrantIndex(tmp_path / "shard", 4)
    assert {"hashes", "sizes"} <= index._shard.info().payload_schema.keys()
    index.close()


def test_a_graph_is_built_where_it_is_due(store: Store) -> None:
    store.optimize(store.live)
    same = store.live.index
    same.upsert(entries(range(10, GRAPH_DUE)))
    store.optimize(store.live)
    assert store.live.index is not same
    assert store.live.index.count() == GRAPH_DUE
    assert store.live.index.records(["p9999"])[0].photos == entries(range(9999, 10_000))[0].photos


def test_copies_take_no_more_room_than_the_store(store: Store, tmp_path: Path) -> None:
    store.backup(tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "restored")
    taken = size_on_disk(store.folder)
    assert taken < 2e6 < sum(path.stat().st_size for path in store.folder.rglob("*"))
    for copy in "backup", "restored":
        assert size_on_disk(tmp_path / copy) < 1.1 * taken
    for path in (path for path in store.live.folder.rglob("*") if path.is_file()):
        copied = tmp_path / "restored" / path.relative_to(store.folder)
        assert copied.read_bytes() == path.read_bytes()


# Locks


def test_a_second_opener_in_this_process_is_refused(store: Store) -> None:
    assert refusal(store.folder).code == "store-in-use"


def test_an_engine_folder_in_use_is_not_called_damaged(store: Store) -> None:
    with pytest.raises(StoreError, match=r"Another process has .* open") as told:
        QdrantIndex(store.live.shard, 4)
    assert told.value.code == "store-in-use"


OWNER = """
import sys
from pathlib import Path
from shoplens.index.store import Store
store = Store(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
store.close()
"""


def owner(folder: Path) -> subprocess.Popen[str]:
    """Another process that has the store open, until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder), "--and", "more"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_a_second_process_is_told_who_has_the_store(folder: Path) -> None:
    with owner(folder) as process:
        told = refusal(folder)
        assert told.code == "store-in-use"
        assert told.problem == f"The store {folder} is in use by process {process.pid} (`-c {folder} --and more`)."
        assert told.exit_code == 4
        process.communicate()
    Store(folder, lock_wait=0.0).close()
    assert not (folder / "OWNER").exists()


def test_a_second_process_waits_for_the_first(folder: Path) -> None:
    with owner(folder) as process:
        threading.Timer(0.3, process.communicate).start()
        Store(folder, lock_wait=30.0).close()


def test_the_lock_goes_with_a_killed_process(folder: Path) -> None:
    with owner(folder) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    store = Store(folder, lock_wait=0.0)
    assert json.loads((folder / "OWNER").read_text())["pid"] == os.getpid()
    assert store.live.index.count() == 10
    store.close()


def test_a_store_that_fails_to_open_is_not_left_locked(folder: Path) -> None:
    (folder / "generations" / "000001" / "manifest.json").unlink()
    assert [refusal(folder).code for _ in range(2)] == ["damaged-store"] * 2


# Damage


@pytest.mark.parametrize(
    "manifest",
    ["", "{", "[]", "null", "{}", '{"format": 1}', '{"format": "one"}', '{"format": 1, "model": 3}', b"\xff\xfe"],
)
def test_a_damaged_manifest_says_what_to_do(folder: Path, manifest: str | bytes) -> None:
    path = folder / "generations" / "000001" / "manifest.json"
    path.write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    told = refusal(folder)
    assert (told.code, told.exit_code) == ("damaged-store", 4)
    assert str(path) in told.problem
    assert "Restore a backup, or build the store anew with `shoplens index --replace`." in told.fix


def test_a_dimension_that_is_none_is_damage(folder: Path) -> None:
    path = folder / "generations" / "000001" / "manifest.json"
    path.write_text(path.read_text().replace('"dimensions": 4', '"dimensions": "four"'))
    assert refusal(folder).code == "damaged-store"


def test_a_store_of_a_later_format_asks_for_an_upgrade(folder: Path) -> None:
    path = folder / "generations" / "000001" / "manifest.json"
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'))
    told = refusal(folder)
    assert told.code == "newer-store"
    assert f"is of format {FORMAT + 1}; this Shoplens knows up to {FORMAT}" in told.problem
    assert "Upgrade" in told.fix
    with pytest.raises(StoreError, match="Upgrade"):
        Store(folder, rebuild=True)


def test_a_damaged_shard_says_what_to_do(folder: Path) -> None:
    for path in (folder / "generations" / "000001" / "shard").rglob("*.json"):
        path.write_text("{")
    told = refusal(folder)
    assert told.code == "damaged-store"
    assert "index --replace" in told.fix


@pytest.mark.parametrize("current", [None, "", "000009\n", "..\n", b"\xff\x00\xfe"])
def test_without_a_current_generation_the_store_says_so(folder: Path, current: str | bytes | None) -> None:
    path = folder / "CURRENT"
    if current is None:
        path.unlink()
        store = Store(folder)
        with pytest.raises(StoreError, match=r"never finished\. Run the same `shoplens index` again"):
            _ = store.live
        store.close()
    else:
        path.write_bytes(current if isinstance(current, bytes) else current.encode())
        assert refusal(folder).code == "damaged-store"


def test_a_build_whose_switch_was_lost_is_picked_up(folder: Path) -> None:
    (folder / "CURRENT").unlink()
    store = Store(folder)
    with store.filling(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        assert (generation.name, generation.index.count()) == ("000001", 10)
        store.switch(generation)
    assert store.live.index.count() == 10
    store.close()


def test_a_damaged_store_can_be_built_anew_as_its_error_says(folder: Path) -> None:
    (folder / "generations" / "000001" / "manifest.json").write_text("{")
    feed = feed_of(folder.parent / "feed.jsonl", colored_rows(folder.parent, range(3)))
    with pytest.raises(StoreError, match="index --replace"):
        Shop.index(feed, folder, embedder=ColourEmbedder(), settings=SETTINGS)
    shop, summary = Shop.index(feed, folder, replace=True, embedder=ColourEmbedder(), settings=SETTINGS)
    assert summary.products == len(shop) == 3
    shop.close()
    again = Store(folder)
    assert (again.live.index.count(), names(folder)) == (3, [again.live.name])
    again.close()


def test_a_folder_that_cannot_hold_a_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("something")
    with pytest.raises(StoreError, match="cannot hold a store"):
        Store(tmp_path / "file", create=True)
    assert refusal(tmp_path / "file").code == "no-store"
    assert refusal(tmp_path).code == "no-store"


# Backups


def test_a_backup_restores_and_answers_the_same(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(20), brand="Acme"))
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    (tmp_path / "store" / "photos" / "kept").write_bytes(b"fetched")
    with shop:
        shop.remove(["p3"])
        shop.backup(tmp_path / "copies" / "today")
        before, expected = contents(shop._store.live.index), shop.search(tmp_path / "p5.png", where="brand = acme")
        shop.remove(["p5"])
    Shop.restore(tmp_path / "copies" / "today", tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=SETTINGS) as again:
        assert contents(again._store.live.index) == before
        answer = again.search(tmp_path / "p5.png", where="brand = acme")
        assert (answer.results, answer.model) == (expected.results, expected.model)
        assert answer.results[0].product.id == "p5"
        again.remove(["p5"])
    assert (tmp_path / "restored" / "photos" / "kept").read_bytes() == b"fetched"
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["today"]
    assert not (tmp_path / "copies" / "today" / "LOCK").exists()


def test_a_backup_goes_to_a_new_or_empty_folder_only(store: Store, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    photo(tmp_path / "full" / "mine.png", RED)
    photo(tmp_path / "file.png", RED)
    for place in (tmp_path / "full", tmp_path / "file.png"):
        with pytest.raises(Refused, match="exists and is not empty"):
            store.backup(place)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.png"]
    (tmp_path / "empty").mkdir()
    store.backup(tmp_path / "empty")
    restore(tmp_path / "empty", tmp_path / "restored")


def test_an_unfinished_store_has_nothing_to_back_up(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    with pytest.raises(StoreError, match="never finished"):
        store.backup(tmp_path / "backup")
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
    store.backup(tmp_path / "backup")
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


def test_what_a_killed_restore_left_does_not_stop_the_next(folder: Path, tmp_path: Path) -> None:
    store = Store(folder)
    store.backup(tmp_path / "backup")
    store.close()
    for name in "store.restored", "store.partial", "store.restored.partial":
        copy_tree(tmp_path / "backup", tmp_path / name)
    restore(tmp_path / "backup", folder, replace_store=True)
    Store(folder).close()


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
        store.backup(tmp_path / f"backup{copy}")
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
        hits = again.live.index.nearest(np.full(4, 0.5, np.float32), len(held))
        assert {hit.record.product.id for hit in hits} == held.keys()
        again.close()
