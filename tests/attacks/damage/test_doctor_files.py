"""`shoplens doctor --files`, and what a service says of damage that it finds after its start."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.index.process.remote_index import RemoteIndex
from shoplens.service.app import application
from shoplens.store.files.damage import check_files
from tests.attacks.damage.test_damage import flip_bit
from tests.fakes import ColourEmbedder
from tests.service.conftest import SETTINGS, folder, indexed_folder, shop

__all__ = ["folder", "indexed_folder", "shop"]


def vectors_of(store: Path) -> Path:
    return next(store.rglob("vector_storage-combined/vectors/chunk_0.mmap"))


def test_the_check_names_every_damaged_file_and_its_cure(folder: Path) -> None:
    store = folder / "store"
    assert {state.state for state in check_files(store)} == {"sound"}
    flip_bit(vectors_of(store))
    (store / "keys.json").write_text("{")
    (store / "features.sqlite").write_bytes(b"SQLite format 3\0" + bytes(5000))
    states = {state.path: state for state in check_files(store) if state.state != "sound"}
    assert {path: state.state for path, state in states.items()} == {
        "generations/000001": "damaged",
        "keys.json": "damaged",
        "features.sqlite": "damaged",
    }
    assert "vector_storage-combined" in states["generations/000001"].problem
    assert "restore" in states["generations/000001"].fix and "keys add" in states["keys.json"].fix


def test_a_store_that_changes_is_not_called_damaged(shop: Shop) -> None:
    shop.products.update("red-1", price=3.0)
    assert [state.state for state in check_files(shop.folder) if state.path == "generations/000001"] == ["unsealed"]
    shop.flush()
    assert {state.state for state in check_files(shop.folder)} == {"sound"}


def test_a_service_tells_damage_that_it_finds_after_its_start(shop: Shop) -> None:
    with TestClient(application(shop), raise_server_exceptions=False) as client:
        assert client.get("/readyz").status_code == 200
        flip_bit(vectors_of(shop.folder))
        service = client.app.state.service  # type: ignore[attr-defined]
        service.look_for_damage()
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "damaged")
        assert "vector_storage-combined" in ready.json()["why"] and "--replace" in ready.json()["why"]
        assert "shoplens_damaged 1.0" in client.get("/metrics").text


def test_a_file_that_is_cut_off_under_a_running_service_ends_no_service(folder: Path) -> None:
    with (
        Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS, _engine=RemoteIndex) as shop,
        TestClient(application(shop), raise_server_exceptions=False) as client,
    ):
        for path in folder.rglob("payload_storage/page_0.dat"):
            with path.open("r+b") as file:
                file.truncate(0)
        for _ in range(3):
            answer = client.get("/v1/products/red-1")
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] in ("engine-stopped", "engine-failed", "damaged-store")
            assert re.search("doctor --files|--replace", answer.json()["error"]["fix"])
        assert client.get("/healthz").status_code == 200 and client.get("/metrics").status_code == 200
        client.app.state.service.look_for_damage()  # type: ignore[attr-defined]
        assert client.get("/readyz").status_code == 503
        assert [state.path for state in check_files(shop.folder) if state.state == "damaged"] == ["generations/000001"]


def test_a_seal_is_json_with_a_row_per_file(folder: Path) -> None:
    content = json.loads((folder / "store/generations/000001/seal.json").read_text())
    assert content["products"] == 12
    assert all((folder / "store/generations/000001" / name).is_file() for name in content["files"])
