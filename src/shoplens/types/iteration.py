"""Long runs of items: in batches, and through a pool of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from shoplens.types.blas import single_blas_thread

Item = TypeVar("Item")
Output = TypeVar("Output")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of up to ``size`` items, none empty.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def map_in_order(
    pool: Executor, function: Callable[[Item], Output], items: Iterable[Item], ahead: int
) -> Iterator[Output]:
    """Apply a function to items in a pool, and yield the results in order; at most ``ahead`` are in flight.

    The pool keeps the cores busy, so matrix products use one thread each meanwhile.
    """
    pending: deque[Future[Output]] = deque()
    with single_blas_thread():
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
