"""What a process does to a store that may be damaged: it opens the store, and prints what the store answers."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from shoplens import Shop
from shoplens.errors import ShoplensError
from shoplens.search.answer_json import as_json
from tests.fakes import ColourEmbedder
from tests.service.conftest import SETTINGS


def print_answers(store: Path, photo: Path) -> None:
    """Print a line of JSON: ``answers``, everything that the store answers, or ``error``, the error's code and text."""
    try:
        with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
            answers = read_answers(shop, photo)
    except ShoplensError as problem:
        print(json.dumps({"error": problem.code, "text": str(problem)}))
    else:
        print(json.dumps({"answers": answers}))


def read_answers(shop: Shop, photo: Path) -> list[object]:
    """Return what a shop answers to searches of several kinds, without what differs between two equal searches."""
    found: list[object] = [len(shop), str(shop.products.count_values())]
    for where in ((), "color = red", "price < 12", "id = gold-1"):
        answer = as_json(shop.search(photo, k=50, where=where))
        found.append([answer["results"], answer["verdict"], answer["weights"]])
    found.append(sorted(shop.products.ids()))
    found.append(as_json(shop.similar("blue-1", k=50))["results"])
    return found


def change_and_die(store: Path, price: float) -> None:
    """Change a product, and die as by ``kill -9``: the seal stays broken."""
    shop = Shop(store, embedder=ColourEmbedder(), settings=SETTINGS)
    shop.products.update("red-1", price=price)
    os.kill(os.getpid(), signal.SIGKILL)
