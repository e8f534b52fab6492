"""The process that the tests kill: one change of a store.

It prints ``ready`` before the change, ``done N`` for each acknowledgement (the first N products of the feed are in, or
gone), and ``end`` after it. Photos are embedded by :class:`~tests.fakes.ColourEmbedder`.
"""

from __future__ import annotations

from pathlib import Path

from shoplens.feeds import read_feed
from shoplens.store.store import Store
from tests.fakes import builder


def say(*words: object) -> None:
    print(*words, flush=True)


def change_store(command: str, folder: Path, path: Path) -> None:
    store = Store(folder, create=command == "index")
    work = builder(store, progress=lambda what, done, _: say("done", done) if what == "Indexing" else None)
    with read_feed(path) as feed:
        feed.prepare()
        say("ready")
        if command == "remove":
            for number, product_id in enumerate(feed.product_ids(), start=1):
                store.live.index.remove([product_id])
                say("done", number)
        elif command == "sync":
            work.sync(feed, "100%")
        else:
            {"index": work.index, "add": work.add}[command](feed)
        say("end")
    store.close()
