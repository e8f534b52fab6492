"""A store with every kind of file, and what a process reads of it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from shoplens import Shop
from shoplens.errors import ShoplensError
from shoplens.feedback.events import Event
from shoplens.rendered.catalogue import render_catalogue
from shoplens.search.answer_json import as_json
from shoplens.service.caches.not_found_stats import NotFoundStats
from shoplens.service.keys import Keys
from shoplens.settings import Settings, settings_from
from shoplens.store.files.merchandising import MerchandisingRule
from shoplens.store.renames import RENAMED, RenameFile
from tests.models.repositories import write_repository

MODEL, OLD_ID = "pixels", "an-old-id"
STRATEGIES = ("filters-dynamic", "hybrid", "classifier", "metric")
TRAININGS = (
    ("train", "look", "--force", "--budget", "1s"),
    ("train", "classifier", "--budget", "1s"),
    ("train", "ranker", "--force", "--kind", "gate", "--queries", "learn.csv"),
    ("calibrate", "--queries", "measure.csv"),
    ("check", "make-baseline", "--count", "4"),
    ("evaluate", "few.csv"),
)
"""Commands that write files, in the folder of the shop."""


def make_whole_store(folder: Path) -> Path:
    """Draw a shop in ``folder/shop``, and index it into ``folder/store`` with everything that a store can have."""
    settings = settings_of(folder)
    run = _CommandLine(folder)
    run(
        "models",
        "add",
        str(write_repository(folder / "repository", readme="---\nlicense: mit\n---\n")),
        "--name",
        MODEL,
    )
    made = render_catalogue(folder / "shop", 64, size=96, queries=240)
    assert made.queries_file is not None
    header, *rows = made.queries_file.read_text("utf-8").splitlines(keepends=True)
    for name, chosen in {"learn": rows[::4], "measure": rows[1::4] + rows[2::4] + rows[3::4], "few": rows[:8]}.items():
        (folder / "shop" / f"{name}.csv").write_text("".join([header, *chosen]), "utf-8")
    for words in (("index", str(made.feed)), *TRAININGS):
        run(*words)
    with Shop(settings.store, settings=settings) as shop:
        answer = shop.search(query_photo(folder), k=5, remember=True)
        first = answer.results[0].product.id
        shop.feedback.add([Event(answer.query_id, first, "click")])
        shop.merchandising.replace([MerchandisingRule("boost", products=(first,), amount=0.2)], "a test")
    RenameFile(settings.store / RENAMED).write({OLD_ID: first})
    Keys(settings.store).create("a test", "search")
    NotFoundStats(settings.store).count(replace(answer, verdict="not-in-catalogue"))
    return folder


def settings_of(folder: Path) -> Settings:
    """Return the settings of the store, with a model that takes no time."""
    return settings_from(
        store=folder / "store", model_folder=folder / "models", model=Path(MODEL), tune=False, threads=1
    )


class _CommandLine:
    """Runs commands on the store.

    Args:
        folder: of the shop and its store.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        values = {"STORE": folder / "store", "MODEL_FOLDER": folder / "models", "TUNE": 0}
        self._environment = os.environ | {f"SHOPLENS_{name}": str(value) for name, value in values.items()}

    def __call__(self, *words: str) -> None:
        model = {} if words[0] == "models" else {"SHOPLENS_MODEL": MODEL}
        command = [sys.executable, "-c", "from shoplens.cli import main; main()", *words]
        shop = self._folder / "shop"
        shop.mkdir(exist_ok=True)
        subprocess.run(command, cwd=shop, env=self._environment | model, check=True)


def query_photo(folder: Path) -> Path:
    """Return a shopper's photo of the shop."""
    return min((folder / "shop" / "queries").glob("*.jpg"))


def print_readings(folder: Path, store: Path, damaged: str) -> None:
    """Print a line of JSON: what was read of each kind, or the error that came; and what was told meanwhile.

    Args:
        folder: of the shop.
        store: a copy of its store.
        damaged: name of the file in it that was damaged.
    """
    photo = query_photo(folder)
    told = _Told()
    logging.getLogger().addHandler(told)
    readings: dict[str, Any] = {}

    def read(name: str, call: Callable[[], object]) -> None:
        try:
            readings[name] = call()
        except ShoplensError as problem:
            readings[name] = {"error": problem.code, "text": str(problem)}

    def open_shop() -> None:
        with Shop(store, settings=replace(settings_of(folder), store=store)) as shop:
            for strategy in STRATEGIES:
                read(strategy, lambda strategy=strategy: _search(shop, photo, strategy))  # type: ignore[misc]
            read("count", lambda: [len(shop), str(shop.products.count_values()), sorted(shop.products.ids())])
            read("similar", lambda: as_json(shop.similar(min(shop.products.ids()), k=50))["results"])
            read("renames", lambda: str(shop.products.get(OLD_ID)))
            read("feedback", lambda: [shop.feedback.counts().events])
            read("merchandising", lambda: [str(shop.merchandising.load().present.rules)])
            if damaged.startswith("evaluation"):
                read("check", lambda: str(shop.quality.check().run.ranks))

    read("shop", open_shop)
    read("keys", lambda: [[one.hash, one.role] for one in Keys(store).list_all()])
    read("not found", lambda: NotFoundStats(store).counts())
    print(json.dumps({"readings": readings, "told": told.lines}))


def _search(shop: Shop, photo: Path, strategy: str) -> list[object]:
    answer = as_json(shop.search(photo, k=50, strategy=strategy))  # type: ignore[arg-type]
    return [answer["results"], answer["verdict"], answer["weights"], answer["notes"]]


class _Told(logging.Handler):
    """Keeps warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines = list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
