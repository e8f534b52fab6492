"""A small store, to be read, changed and copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens.index.protocol import IndexedProduct
from shoplens.store.files.atomic import copy_tree
from shoplens.store.generation import Generation
from shoplens.store.manifest import Manifest
from shoplens.store.store import Store
from shoplens.types import Photo
from tests.fakes import product


def entries(numbers: range, price: float | None = None, dimensions: int = 4) -> list[IndexedProduct]:
    """Products ``p0``, ``p1``, … with a photo each."""
    vector = np.full((1, dimensions), dimensions**-0.5, np.float32)
    return [
        IndexedProduct(
            product(f"p{number}", f"/{number}.png", price=price),
            (Photo(f"/{number}.png", f"{number:032x}", f"f{number:031x}", 8, 8),),
            vector,
        )
        for number in numbers
    ]


def filled(store: Store, numbers: range = range(10), model: str = "colour@1", dimensions: int = 4) -> Generation:
    """A live generation of these products."""
    with store.new_generation(
        Manifest(model, dimensions, "/feed.jsonl", "jsonl", "20260101T000000000000Z")
    ) as generation:
        generation.index.upsert(entries(numbers, dimensions=dimensions))
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
