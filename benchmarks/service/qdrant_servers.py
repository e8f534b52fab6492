"""The servers and catalogues that the parts of ``benchmarks/service/cluster.py`` measure."""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shoplens import Shop
from shoplens.rendered import render_catalogue
from shoplens.settings import Settings, settings_from

ROOT = Path(__file__).parents[2]
PRODUCTS, QUERIES, SEED = 300, 200, 7


def index_catalogue(name: str, data: Path, folder: Path) -> tuple[Path, list[Path]]:
    """Return the store of a catalogue, indexed once, and 200 query photos."""
    store = folder / f"{name}-store"
    if name == "drawn":
        drawn = render_catalogue(folder / "drawn", PRODUCTS, seed=SEED, queries=QUERIES)
        assert drawn.queries_file is not None, "phone photos were asked for"
        with drawn.queries_file.open(encoding="utf-8") as file:
            photos = [drawn.queries_file.parent / row["photo"] for row in csv.DictReader(file)]
        feed, media = Path(drawn.feed), None
    else:
        feed, media = data / "luma" / "products.csv", data / "luma" / "media"
        photos = []
    if not (store / "CURRENT").exists():
        Shop.index(feed, store, media=media, settings=settings_from({}, tune=False))[0].close()
    if not photos:
        with Shop(store) as shop:
            entries = shop._parts.store.live.index.all_records()
            photos = sorted({Path(photo.source) for one in entries for photo in one.photos[1:]})
    return store, photos[:QUERIES]


@contextmanager
def fake_server(options: argparse.Namespace) -> Iterator[str]:
    """Yield the address of the server: the real one, or a small one in a process of its own."""
    if options.url:
        yield options.url
        return
    program = (
        "import sys, time; sys.path.insert(0, '.'); from tests.cluster.fake_qdrant import run_fake_qdrant\n"
        "with run_fake_qdrant() as fake:\n    print(fake.url, flush=True)\n    time.sleep(1e6)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        assert process.stdout is not None, "it is a pipe"
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def server_settings(options: argparse.Namespace, name: str, url: str = "") -> Settings:
    """Return settings of a store on the server, or on the emulation where there is none."""
    address = Path(f"{url or options.url or 'qdrant://:memory:'}/{name}")
    folder = options.folder
    return settings_from({}, store=address, work_folder=folder / "work", object_store=str(folder / "objects"))
