"""A full disk: changes are refused in words, searches go on, and the next change after it works."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.embedders.added import added_models
from shoplens.errors import StoreError
from shoplens.evaluation.report_files import write_page_and_data
from shoplens.index.process.remote_index import RemoteIndex
from shoplens.models.add import AddOptions, ModelSource, add_model
from shoplens.service.app import application
from shoplens.service.keys import Keys
from shoplens.service.several_shops import SeveralShops
from tests.fakes import ColourEmbedder, colored_rows, feed_of
from tests.forked import forked
from tests.models.repositories import write_repository
from tests.service.conftest import SETTINGS, index_small_shop, query_photo

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a small disk of its own with a store, in memory; the test is skipped where none can be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=500m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here: run the test as root, or under `unshare --user --map-root-user -m`")
    try:
        index_small_shop(folder)
        query_photo(folder)
        feed_of(folder / "more.jsonl", colored_rows(folder, range(30)))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def shop(disk: Path) -> Iterator[Shop]:
    """Yield the shop of the disk, whose engine has a process of its own, as in a service."""
    with Shop(disk / "store", embedder=ColourEmbedder(), settings=SETTINGS, _engine=RemoteIndex) as shop:
        yield shop


def fill(disk: Path, left: int = 0) -> Path:
    """Fill a disk until so many bytes are left, and return the file that fills it."""
    path = disk / "filling"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while shutil.disk_usage(disk).free > left:
            os.write(handle, bytes(1 << 12))
    except OSError:
        pass
    finally:
        os.close(handle)
    return path


def change_on_full_disk(disk: Path, name: str, left: int) -> None:
    """Open the store with the engine in this process, fill the disk, change the store, and print what came of it."""
    with Shop(disk / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        changes = {
            "add": lambda: shop.add(disk / "more.jsonl"),
            "sync": lambda: shop.sync(disk / "feed.jsonl", max_removals="100%"),
            "train": shop.training.train_filters,
            "remove": lambda: shop.products.remove(["p1", "p2"]),
            "flush": shop.flush,
        }
        filling = fill(disk, left)
        try:
            changes[name]()
            print("done", flush=True)
        except StoreError as problem:
            print(problem.code, flush=True)
        finally:
            filling.unlink()
    print("closed", flush=True)


@pytest.mark.parametrize("left", [0, 20_000_000, 66_000_000, 70_000_000])
def test_no_process_dies_of_a_full_disk(disk: Path, left: int) -> None:
    for name in ("add", "sync", "train", "remove", "flush"):
        with forked(change_on_full_disk, disk, name, left) as process:
            lines = [line.strip() for line in process.lines]
        assert lines in (["done", "closed"], ["disk", "closed"]), (name, lines)


def test_changes_are_refused_and_searches_go_on(disk: Path, shop: Shop) -> None:
    price = shop.products.get("red-1").price  # type: ignore[union-attr]
    filling = fill(disk)
    changes = {
        "add": lambda: shop.add(disk / "more.jsonl"),
        "sync": lambda: shop.sync(disk / "more.jsonl", max_removals="100%"),
        "update": lambda: shop.products.update("red-1", price=1.0),
        "remove": lambda: shop.products.remove(["red-1"]),
        "train filters": shop.training.train_filters,
        "train look": shop.training.train_look,
        "train ranker": shop.training.train_ranker,
        "backup": lambda: shop.backup(disk / "backup"),
    }
    for name, change in changes.items():
        with pytest.raises(StoreError) as error:
            change()
        assert error.value.code == "disk", name
        assert "free" in error.value.problem and "Make room" in error.value.fix, name
        assert len(shop.search(disk / "query.png", k=3, where="price < 15").results) == 3
    assert not (disk / "backup").exists()
    filling.unlink()
    shop.products.update("red-1", price=1.0)
    assert shop.products.get("red-1").price == 1.0  # type: ignore[union-attr]
    shop.products.update("red-1", price=price)


def test_a_model_is_added_or_refused_and_the_one_before_stays(disk: Path) -> None:
    source = ModelSource(write_repository(disk / "tiny"), "tiny")
    added = add_model(source, AddOptions(), disk / "models")
    filling = fill(disk, 10_000_000)
    for options in (AddOptions(replace=True), AddOptions(name="other")):
        with pytest.raises(StoreError) as error:
            add_model(source, options, disk / "models")
        assert error.value.code == "disk" and "Make room" in error.value.fix
    assert added_models(disk / "models") == {"tiny": added.path}
    filling.unlink()
    add_model(source, AddOptions(replace=True), disk / "models")


def test_a_service_says_that_it_has_no_room_and_recovers(disk: Path, shop: Shop) -> None:
    shop._parts.settings = replace(shop.settings, remember=True, backups=disk / "backups")
    key = Keys(shop.folder).create("test", "admin")[0]
    with TestClient(
        application(shop), headers={"Authorization": f"Bearer {key}"}, raise_server_exceptions=False
    ) as client:
        filling = fill(disk)
        search = client.post("/v1/search", files={"image": (disk / "query.png").read_bytes()})
        assert (search.status_code, len(search.json()["results"])) == (200, 12)
        requests = {
            "update": lambda: client.patch("/v1/products/red-1", json={"price": 2.0}),
            "backup": lambda: client.post("/v1/backups"),
        }
        for name, request in requests.items():
            response = request()
            assert (response.status_code, response.json()["error"]["code"]) == (503, "disk"), name
        event = {"query_id": search.json()["query_id"], "product_id": "red-1", "kind": "click"}
        assert client.post("/v1/feedback", json={"events": [event]}).status_code in (200, 503)
        ready = client.get("/readyz")
        assert ready.status_code == 200 and "free" in ready.json()["writes"]
        assert "shoplens_accepts_writes 0.0" in client.get("/metrics").text
        filling.unlink()
        assert client.get("/readyz").json()["writes"] == "accepted"
        assert client.patch("/v1/products/red-1", json={"price": 2.0}).status_code == 200


def test_a_store_on_a_full_disk_is_opened_or_refused_in_words(disk: Path) -> None:
    filling = fill(disk)
    try:
        with pytest.raises(StoreError) as error:
            Shop(disk / "store", embedder=ColourEmbedder(), settings=SETTINGS, _engine=RemoteIndex).close()
        assert error.value.code == "disk"
    finally:
        filling.unlink()
    Shop(disk / "store", embedder=ColourEmbedder(), settings=SETTINGS, _engine=RemoteIndex).close()


def test_a_report_without_room_is_told_as_a_full_disk(disk: Path) -> None:
    filling = fill(disk)
    with pytest.raises(StoreError) as error:
        write_page_and_data(disk / "report.html", "x" * 1_000_000, ".json", "{}")
    assert error.value.code == "disk" and "Make room" in error.value.fix
    filling.unlink()
    write_page_and_data(disk / "report.html", "x" * 1_000_000, ".json", "{}")


def test_one_of_several_shops_has_no_room_and_the_others_go_on(disk: Path, shop: Shop, tmp_path: Path) -> None:
    index_small_shop(tmp_path)
    keys = {one: Keys(one).create("test", "admin")[0] for one in (shop.folder, tmp_path / "store")}
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as other:
        shops = SeveralShops({"full.example": application(shop)}, application(other))
        with TestClient(shops, raise_server_exceptions=False) as client:

            def change(host: str, key: str) -> int:
                headers = {"Host": host, "Authorization": f"Bearer {key}"}
                return client.patch("/v1/products/red-1", json={"price": 2.0}, headers=headers).status_code

            filling = fill(disk)
            assert change("full.example", keys[shop.folder]) == 503
            assert change("other.example", keys[other.folder]) == 200
            filling.unlink()
            assert change("full.example", keys[shop.folder]) == 200
