"""Fixtures and functions that make a small store, which tests read, change and copy."""

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
    """Return index entries of products ``p0``, ``p1``, …, each with one photo. All their vectors are equal."""
    vector = np.full((1, dimensions), dimensions**-0.5, np.float32)
    return [
        IndexedProduct(
            product(f"p{number}", f"/{number}.png", price=price),
            (Photo(f"/{number}.png", f"{number:032x}", f"f{number:031x}", 8, 8),),
            vector,
        )
        for number in numbers
    ]


def fill_store(store: Store, numbers: range = range(10), model: str = "colour@1", dimensions: int = 4) -> Generation:
    """Build a generation of these products, make it live, and return it."""
    with store.new_generation(
        Manifest(model, dimensions, "/feed.jsonl", "jsonl", "20260101T000000000000Z")
    ) as generation:
        generation.index.upsert(entries(numbers, dimensions=dimensions))
        store.switch(generation)
    return store.live


@pytest.fixture(scope="module")
def original_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a closed store of ten products. Tests copy it and never change it."""
    folder = tmp_path_factory.mktemp("original") / "store"
    store = Store(folder, create=True)
    fill_store(store)
    store.close()
    return folder


@pytest.fixture
def folder(original_folder: Path, tmp_path: Path) -> Path:
    """Return the folder of a closed store of ten products, which the test may change."""
    copy_tree(original_folder, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """Open the store in ``folder`` for one test."""
    store = Store(folder)
    yield store
    store.close()
