"""Folders and names from others: a backup that leads out of itself, a store's CURRENT, and ids that hold slashes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.errors import StoreError
from shoplens.service.app import application
from shoplens.store.copies.restoring import restore
from tests.fakes import ColourEmbedder, feed_of, photo, row
from tests.service.conftest import SETTINGS, folder, indexed_folder, shop

__all__ = ["folder", "indexed_folder", "shop"]


@pytest.mark.parametrize("target", ["shard", "keys", "photos", "current", "pipe"])
def test_restore_follows_nothing_out_of_the_backup(shop: Shop, tmp_path: Path, target: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_text("private")
    backup = tmp_path / "backup"
    shop.backup(backup)
    generation = next((backup / "generations").iterdir())
    if target == "shard":
        (generation / "calibration-look.json").symlink_to(secret / "file")
    elif target == "keys":
        (backup / "renamed.json").symlink_to(secret / "file")
    elif target == "photos":
        shutil.rmtree(backup / "photos", ignore_errors=True)
        (backup / "photos").symlink_to(secret)
    elif target == "pipe":
        os.mkfifo(generation / "pipe")
    else:
        shutil.copytree(generation, secret / "000001")
        (backup / "CURRENT").write_text("../../secret/000001\n")
    with pytest.raises(StoreError) as error:
        restore(backup, tmp_path / "restored")
    assert error.value.code == "bad-backup"
    assert not (tmp_path / "restored").exists()


def test_ids_with_slashes_are_found_and_compared(tmp_path: Path) -> None:
    ids = ("a/b", "x/similar", "x", "plain")
    rows = [
        row(name, photo(tmp_path / f"{number}.png", (60 * number, 20, 200 - 40 * number)).name, price=1)
        for number, name in enumerate(ids)
    ]
    feed = feed_of(tmp_path / "feed.jsonl", rows)
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    with shop, TestClient(application(shop)) as client:
        for path, found in {"a%2Fb": "a/b", "a/b": "a/b", "x%2Fsimilar": "x/similar", "x": "x"}.items():
            assert client.get(f"/v1/products/{path}").json()["id"] == found
        for path, excluded in {"a%2Fb": "a/b", "x%2Fsimilar": "x/similar", "x": "x"}.items():
            results = client.get(f"/v1/products/{path}/similar").json()["results"]
            assert {result["product_id"] for result in results} == {*ids} - {excluded}
