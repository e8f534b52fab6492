"""Opening a store: by one process at a time, and what a damaged one says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import StoreError
from shoplens.index.protocol import VectorSizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.settings import Settings
from shoplens.store.manifest import FORMAT, Manifest
from shoplens.store.store import Store
from tests.fakes import ColourEmbedder, colored_rows, feed_of
from tests.store.test_store import names, refusal

SETTINGS = Settings(threads=2, lock_wait=0.0)
ROOT = Path(__file__).parents[2]


# Locks


def test_a_second_opener_in_this_process_is_refused(store: Store) -> None:
    assert refusal(store.folder).code == "store-in-use"


def test_an_engine_folder_in_use_is_not_called_damaged(store: Store) -> None:
    with pytest.raises(StoreError, match=r"Another process has .* open") as told:
        QdrantIndex(store.live.shard, VectorSizes(4))
    assert told.value.code == "store-in-use"


OWNER = """
import sys
from collections.abc import Iterator
from pathlib import Path
from shoplens.store.store import Store
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
        end = threading.Timer(0.3, process.communicate)
        end.start()
        Store(folder, lock_wait=30.0).close()
        end.join()  # or it reads from a pipe that is closed when the block ends


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
    assert f"is of format {FORMAT + 1}; this Shoplens reads up to {FORMAT}" in told.problem
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
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
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
