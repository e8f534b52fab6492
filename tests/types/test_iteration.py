"""Batches keep every item, and what runs in a pool comes back in order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from shoplens.types.iteration import batches, map_in_order


def test_batches_keep_every_item_in_order_and_none_is_empty() -> None:
    for count in range(8):
        parts = list(batches(iter(range(count)), 3))
        assert [item for part in parts for item in part] == list(range(count))
        assert all(len(part) == 3 for part in parts[:-1])
        assert all(parts)


def test_results_come_in_order_with_few_in_flight_and_the_rest_is_cancelled() -> None:
    go, started = Event(), []

    def square(item: int) -> int:
        started.append(item)
        go.wait()
        return item * item

    with ThreadPoolExecutor(1) as pool:
        results = map_in_order(pool, square, iter(range(100)), ahead=5)
        go.set()
        assert [next(results), next(results)] == [0, 1]
        go.clear()
        go.set()
        results.close()
    assert max(started) < 7
