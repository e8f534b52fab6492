"""A small shop, and a client that is on the same machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.app import application
from shoplens.service.keys import Keys, Role
from shoplens.settings import Settings
from shoplens.store.files.atomic import copy_tree
from tests.fakes import ColourEmbedder, feed_of, photo, row

COLORS = {"red": (220, 30, 30), "green": (30, 160, 50), "blue": (30, 60, 210), "gold": (220, 180, 40)}
SETTINGS = Settings(threads=1, rate=0, remember=True)


def filled(folder: Path) -> Path:
    """A folder with ``store``: twelve products in four colours."""
    rows = [
        row(
            f"{color}-{n}",
            photo(folder / f"{color}-{n}.png", tuple(min(255, part + 3 * n) for part in COLORS[color])).name,
            price=10 + n,
            attributes={"color": color, "size": ["S", "M"]},
            group_id=f"design {n}",
        )
        for color in COLORS
        for n in range(3)
    ]
    feed = feed_of(folder / "feed.jsonl", rows)
    Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0].close()
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that each test has a copy of; the photos stay where they are."""
    return filled(tmp_path_factory.mktemp("made"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    copy_tree(made / "store", tmp_path / "store")
    for one in made.glob("*.png"):
        shutil.copy(one, tmp_path)
    return tmp_path


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient]:
    """Without a key."""
    with TestClient(application(shop), raise_server_exceptions=False) as client:
        yield client


def client_with(shop: Shop, role: Role | None = None, **changes: object) -> TestClient:
    """A client of a service with other settings, and with a key."""
    shop._parts.settings = replace(shop.settings, **changes)  # type: ignore[arg-type]
    headers = {}
    if role is not None:
        headers["Authorization"] = f"Bearer {Keys(shop.folder).create('test', role)[0]}"
    return TestClient(application(shop), headers=headers, raise_server_exceptions=False)


def asked(folder: Path, color: str = "red") -> bytes:
    """A photo that nobody has."""
    return photo(folder / "asked.png", tuple(max(0, part - 9) for part in COLORS[color])).read_bytes()
