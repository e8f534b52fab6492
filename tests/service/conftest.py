"""Fixtures for tests of the service: a small indexed shop, and HTTP clients that call the service in this process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.app import application
from shoplens.service.keys import Keys, Role
from shoplens.service.schemas import ErrorDocument
from shoplens.settings import Settings
from shoplens.store.files.atomic import copy_tree
from tests.fakes import ColourEmbedder, feed_of, photo, row

COLORS = {"red": (220, 30, 30), "green": (30, 160, 50), "blue": (30, 60, 210), "gold": (220, 180, 40)}
SETTINGS = Settings(threads=1, rate=0, remember=True)


def index_small_shop(folder: Path) -> Path:
    """Index twelve products in four colours into ``folder/store``, with their photos in the folder, and return it."""
    rows = [
        row(
            f"{color}-{number}",
            photo(
                folder / f"{color}-{number}.png", tuple(min(255, channel + 3 * number) for channel in COLORS[color])
            ).name,
            price=10 + number,
            attributes={"color": color, "size": ["S", "M"]},
            group_id=f"design {number}",
        )
        for color in COLORS
        for number in range(3)
    ]
    feed = feed_of(folder / "feed.jsonl", rows)
    Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0].close()
    return folder


@pytest.fixture(scope="session")
def indexed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that each test copies. The products of a copied store still name the photos in this folder."""
    return index_small_shop(tmp_path_factory.mktemp("indexed"))


@pytest.fixture
def folder(indexed_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the indexed shop for one test: a folder with ``store`` and the photos."""
    copy_tree(indexed_folder / "store", tmp_path / "store")
    for photo_file in indexed_folder.glob("*.png"):
        shutil.copy(photo_file, tmp_path)
    return tmp_path


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    """Yield the shop of the test's own folder."""
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient]:
    """Yield a client that sends no API key."""
    with TestClient(application(shop), raise_server_exceptions=False) as client:
        yield client


def make_client(shop: Shop, role: Role | None = None, **changes: object) -> TestClient:
    """Return a client of a service whose settings are changed; with a role, it sends a new API key of this role."""
    shop._parts.settings = replace(shop.settings, **changes)  # type: ignore[arg-type]
    headers = {}
    if role is not None:
        headers["Authorization"] = f"Bearer {Keys(shop.folder).create('test', role)[0]}"
    return TestClient(application(shop), headers=headers, raise_server_exceptions=False)


def query_photo(folder: Path, color: str = "red") -> bytes:
    """Return the bytes of a PNG photo of about this colour; no product has this photo."""
    return photo(folder / "query.png", tuple(max(0, channel - 9) for channel in COLORS[color])).read_bytes()


def error_code(response: Any) -> str:
    """Return the code of an error response, and check that the response has the documented form."""
    return ErrorDocument.model_validate(response.json()).error.code
