"""The shop of patterned photos, indexed once per session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder
from tests.patterned_shop import PRODUCTS, write_feed
from tests.search.steering.steered_search import open_shop


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    feed = write_feed(folder)
    shop, summary = Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=Settings(threads=2))
    assert (summary.products, summary.rejected) == (PRODUCTS, 0)
    shop.close()
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    with open_shop(folder / "store") as shop:
        yield shop
