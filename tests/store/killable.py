"""The process that the tests kill: it makes one change of a store.

It prints ``ready`` before the change, ``done N`` for each acknowledgement (the first N products of the feed are in the
store, or have been removed), and ``end`` after the change. :class:`~tests.fakes.ColourEmbedder` embeds the photos.
"""

from __future__ import annotations

from pathlib import Path

from shoplens.feeds import read_feed
from shoplens.store.store import Store
from tests.fakes import builder


def print_line(*words: object) -> None:
    """Print a line at once, so that it is out before the process can be killed."""
    print(*words, flush=True)


def change_store(command: str, folder: Path, path: Path) -> None:
    """Run ``index``, ``add``, ``sync`` or ``remove`` on the store in ``folder`` with the feed at ``path``."""
    store = Store(folder, create=command == "index")

    def print_progress(stage: str, done: int, _total: int) -> None:
        if stage == "Indexing":
            print_line("done", done)

    store_builder = builder(store, progress=print_progress)
    with read_feed(path) as feed:
        feed.prepare()
        print_line("ready")
        if command == "remove":
            for number, product_id in enumerate(feed.product_ids(), start=1):
                store.live.index.remove([product_id])
                print_line("done", number)
        elif command == "sync":
            store_builder.sync(feed, "100%")
        else:
            {"index": store_builder.index, "add": store_builder.add}[command](feed)
        print_line("end")
    store.close()
