"""Counts the functions and files that one search, one added product and one search over HTTP run through.

    python tools/trace_paths.py [FOLDER]

A drawn shop of 60 products, one thread; opening the store, importing and warming up are not counted. The figures of
docs/architecture.md are from here.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import shoplens
from shoplens import Settings, Shop
from shoplens.rendered import render_catalogue

PACKAGE = str(Path(shoplens.__file__).parent)


@dataclass
class Trace:
    """What ran: functions by file, and how often a file was entered from another one."""

    functions: set[tuple[str, str]] = field(default_factory=set)
    entered: dict[str, int] = field(default_factory=dict)
    _last: str = ""

    @property
    def files(self) -> list[str]:
        """The files, relative to the package."""
        return sorted({file for file, _ in self.functions})

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(PACKAGE):
            return
        name = file[len(PACKAGE) + 1 :]
        self.functions.add((name, frame.f_code.co_qualname))
        if name != self._last:
            self.entered[name] = self.entered.get(name, 0) + 1
            self._last = name


@contextmanager
def traced() -> Iterator[Trace]:
    """What runs inside, in all threads."""
    trace = Trace()
    threading.setprofile(trace)
    sys.setprofile(trace)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def measure(what: str, call: Callable[[], object], trace: Trace) -> None:
    """Run once to warm up, and once to count."""
    call()
    trace.functions.clear()
    trace.entered.clear()
    call()
    moves = sum(trace.entered.values())
    print(f"\n{what}: {len(trace.functions)} functions in {len(trace.files)} files, {moves} moves from file to file")
    for file in trace.files:
        names = sorted(name for where, name in trace.functions if where == file)
        print(f"  {file} ({trace.entered.get(file, 0)}): {', '.join(names)}")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    drawn = render_catalogue(folder / "shop", 60, queries=4)
    assert drawn.queries_file is not None, "phone photos were asked for"
    settings = Settings(threads=1)
    store = folder / "store"
    shop = Shop(store, settings=settings) if store.exists() else Shop.index(drawn.feed, store, settings=settings)[0]
    with traced() as trace, shop, drawn.queries_file.open(encoding="utf-8") as file:
        photo = drawn.queries_file.parent / next(csv.DictReader(file))["photo"]
        measure("One search", lambda: shop.search(photo), trace)
        feed = drawn.queries_file.parent / "one.jsonl"
        feed.write_text(json.dumps({"id": "p", "title": "P", "photos": [str(photo)]}) + "\n", "utf-8")
        measure("One added product", lambda: (shop.products.remove(["p"]), shop.add(feed)), trace)
    from fastapi.testclient import TestClient

    from shoplens.service.app import application

    with Shop(store, settings=settings) as shop, traced() as trace, TestClient(application(shop)) as client:
        sent = {"image": ("photo.jpg", photo.read_bytes())}
        measure("One search over HTTP", lambda: client.post("/v1/search", files=sent).raise_for_status(), trace)


if __name__ == "__main__":
    main()
