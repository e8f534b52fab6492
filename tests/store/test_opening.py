"""Opening a store: one process at a time can do it, and the errors of a damaged store say what to do."""

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
from tests.store.test_store import generation_names, opening_error

SETTINGS = Settings(threads=2, lock_wait=0.0)
ROOT = Path(__file__).parents[2]


# Locks


def test_a_store_cannot_be_opened_twice_in_one_process(store: Store) -> None:
    assert opening_error(store.folder).code == "store-in-use"


def test_an_engine_folder_in_use_is_not_called_damaged(store: Store) -> None:
    with pytest.raises(StoreError, match=r"Another process has .* open") as error:
        QdrantIndex(store.live.shard, VectorSizes(4))
    assert error.value.code == "store-in-use"


OWNER_CODE = """
import sys
from collections.abc import Iterator
from pathlib import Path
from shoplens.store.store import Store
store = Store(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
store.close()
"""


def start_owner(folder: Path) -> subprocess.Popen[str]:
    """Start another process that has the store open until its input ends, and wait until it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER_CODE, str(folder), "--and", "more"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def test_the_error_of_a_second_process_names_the_process_that_has_the_store_open(folder: Path) -> None:
    with start_owner(folder) as process:
        error = opening_error(folder)
        assert error.code == "store-in-use"
        assert error.problem == f"The store {folder} is in use by process {process.pid} (`-c {folder} --and more`)."
        assert error.exit_code == 4
        process.communicate()
    Store(folder, lock_wait=0.0).close()
    assert not (folder / "OWNER").exists()


def test_a_second_process_waits_for_the_first(folder: Path) -> None:
    with start_owner(folder) as process:
        timer = threading.Timer(0.3, process.communicate)
        timer.start()
        Store(folder, lock_wait=30.0).close()
        timer.join()  # Otherwise it would read from a pipe that the end of the block has closed.


def test_a_killed_process_loses_its_lock(folder: Path) -> None:
    with start_owner(folder) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    store = Store(folder, lock_wait=0.0)
    assert json.loads((folder / "OWNER").read_text())["pid"] == os.getpid()
    assert store.live.index.count() == 10
    store.close()


def test_a_store_that_fails_to_open_is_not_left_locked(folder: Path) -> None:
    (folder / "generations" / "000001" / "manifest.json").unlink()
    assert [opening_error(folder).code for _ in range(2)] == ["damaged-store"] * 2


# Damage


@pytest.mark.parametrize(
    "manifest",
    ["", "{", "[]", "null", "{}", '{"format": 1}', '{"format": "one"}', '{"format": 1, "model": 3}', b"\xff\xfe"],
)
def test_a_damaged_manifest_says_what_to_do(folder: Path, manifest: str | bytes) -> None:
    path = folder / "generations" / "000001" / "manifest.json"
    path.write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    error = opening_error(folder)
    assert (error.code, error.exit_code) == ("damaged-store", 4)
    assert str(path) in error.problem
    assert "Restore a backup, or build the store anew with `shoplens index --replace`." in error.fix


def test_a_manifest_whose_dimensions_are_no_number_is_damage(folder: Path) -> None:
    path = folder / "generations" / "000001" / "manifest.json"
    path.write_text(path.read_text().replace('"dimensions": 4', '"dimensions": "four"'))
    assert opening_error(folder).code == "damaged-store"


def test_a_store_of_a_later_format_asks_for_an_upgrade(folder: Path) -> None:
    path = folder / "generations" / "000001" / "manifest.json"
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'))
    error = opening_error(folder)
    assert error.code == "newer-store"
    assert f"is of format {FORMAT + 1}; this Shoplens reads up to {FORMAT}" in error.problem
    assert "Upgrade" in error.fix
    with pytest.raises(StoreError, match="Upgrade"):
        Store(folder, rebuild=True)


def test_a_damaged_shard_says_what_to_do(folder: Path) -> None:
    for path in (folder / "generations" / "000001" / "shard").rglob("*.json"):
        path.write_text("{")
    error = opening_error(folder)
    assert error.code == "damaged-store"
    assert "index --replace" in error.fix


@pytest.mark.parametrize("current", [None, "", "000009\n", "..\n", b"\xff\x00\xfe"])
def test_opening_without_a_valid_current_generation_is_an_error(folder: Path, current: str | bytes | None) -> None:
    path = folder / "CURRENT"
    if current is None:
        path.unlink()
        store = Store(folder)
        with pytest.raises(StoreError, match=r"never finished\. Run the same `shoplens index` again"):
            _ = store.live
        store.close()
    else:
        path.write_bytes(current if isinstance(current, bytes) else current.encode())
        assert opening_error(folder).code == "damaged-store"


def test_a_complete_generation_without_its_switch_is_continued(folder: Path) -> None:
    (folder / "CURRENT").unlink()
    store = Store(folder)
    with store.new_generation(Manifest("colour@1", 4, "/f", "jsonl", "now")) as generation:
        assert (generation.name, generation.index.count()) == ("000001", 10)
        store.switch(generation)
    assert store.live.index.count() == 10
    store.close()


def test_a_damaged_store_can_be_built_anew_with_replace(folder: Path) -> None:
    (folder / "generations" / "000001" / "manifest.json").write_text("{")
    feed = feed_of(folder.parent / "feed.jsonl", colored_rows(folder.parent, range(3)))
    with pytest.raises(StoreError, match="index --replace"):
        Shop.index(feed, folder, embedder=ColourEmbedder(), settings=SETTINGS)
    shop, summary = Shop.index(feed, folder, replace=True, embedder=ColourEmbedder(), settings=SETTINGS)
    assert summary.products == len(shop) == 3
    shop.close()
    store = Store(folder)
    assert (store.live.index.count(), generation_names(folder)) == (3, [store.live.name])
    store.close()


def test_a_folder_that_cannot_hold_a_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("something")
    with pytest.raises(StoreError, match="cannot hold a store"):
        Store(tmp_path / "file", create=True)
    assert opening_error(tmp_path / "file").code == "no-store"
    assert opening_error(tmp_path).code == "no-store"
