"""Answers obey their conditions while prices change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.index.process.remote_index import RemoteIndex
from shoplens.index.protocol import PhotoDetails, PhotoKey, VectorQuery
from shoplens.index.qdrant.points import RawRecord
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.search.candidates import meeting_candidates
from shoplens.types import Candidate
from tests.fakes import ColourEmbedder, product
from tests.service.conftest import SETTINGS, folder, indexed_folder, query_photo

__all__ = ["folder", "indexed_folder"]
CHEAP, DEAR = 10.0, 90.0


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    """Yield a shop whose engine has a process of its own, as in a service."""
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS, _engine=RemoteIndex) as shop:
        yield shop


def test_no_result_is_dearer_than_asked_while_prices_change(shop: Shop, folder: Path) -> None:
    query_photo(folder)
    ids, stop = sorted(shop.products.ids()), threading.Event()

    def change_prices() -> None:
        price = CHEAP
        while not stop.is_set():
            price = CHEAP + DEAR - price
            for product_id in ids[::2]:
                shop.products.update(product_id, price=price)

    writer = threading.Thread(target=change_prices)
    writer.start()
    try:
        for _ in range(150):
            for result in shop.search(folder / "query.png", k=12, where="price < 50").results:
                price = result.product.price
                assert price is not None and price < 50
    finally:
        stop.set()
        writer.join()


def test_the_place_of_a_product_that_changed_is_filled(folder: Path) -> None:
    query_photo(folder)
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        index = shop._parts.store.live.index
        assert isinstance(index, QdrantIndex)
        read, raised = index.raw_photo_details, list[str]()

        def raise_price_before(queries: Sequence[VectorQuery], keys: Sequence[PhotoKey]) -> PhotoDetails[RawRecord]:
            if not raised:
                raised.append("red-0")
                shop.products.update("red-0", price=DEAR)
            return read(queries, keys)

        index.raw_photo_details = raise_price_before  # type: ignore[method-assign]
        results = shop.search(folder / "query.png", k=5, where="price < 50").results
        assert raised and len(results) == 5 and "red-0" not in {result.product.id for result in results}


def test_without_a_condition_nothing_is_compared() -> None:
    candidates = [Candidate(product("p1", "/1.png"), {}, "/1.png")]
    assert meeting_candidates(None, candidates, None) == candidates  # type: ignore[arg-type]
