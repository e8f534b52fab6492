"""Runs coroutines in tests, also while a browser of Playwright keeps an event loop in the thread of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Output = TypeVar("Output")


def run_coroutine(coroutine: Coroutine[Any, Any, Output]) -> Output:
    """Run a coroutine in an event loop of its own, in a thread of its own, and return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
