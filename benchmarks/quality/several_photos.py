"""Several photos of one thing as one query: how often the product is found with one, two and three.

    python -m benchmarks.quality.several_photos --data ../shared/data --folder FOLDER

Grocery: every photo of ``val.csv`` with the next ones of its product, in the order of the file; photos in shops that
follow each other in the file are often taken one after the other. Drawn: phone photos of kinds and seeds of their own,
``--queries`` products of a drawn shop of ``--products``; every photo of a product comes first once. A query of several
photos has the mean of their vectors and features, as in a search. Stores are kept in the folder.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.stores import store_of
from benchmarks.tables import default_data, interval, machine_line
from shoplens import Shop
from shoplens.evaluation.queries import JudgedQuery
from shoplens.evaluation.query_photos import QueryPhotos
from shoplens.evaluation.query_runs import evaluate_query
from shoplens.images.corruptions.compression import encode_jpeg
from shoplens.ranking.strategies import STRATEGIES, EncodedQuery
from shoplens.rendered import phone_photo, render_catalogue, spec_of
from shoplens.rendered.words import product_id
from shoplens.search.query_encoder import merge_photos
from shoplens.settings import Settings

MOST = 3
KINDS = ("plain", "angled", "cluttered", "occluded", "warm-light", "dark")
STRATEGY_NAMES = ("filters-static", "pretrained")
Photos = dict[str, list[bytes]]


def grocery_photos(data: Path) -> Photos:
    """Product -> its shop photos."""
    photos: Photos = {}
    with (data / "grocery/val.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            photos.setdefault(row["product_id"], []).append((data / "grocery" / row["photo"]).read_bytes())
    return photos


def drawn_photos(products: int, queries: int) -> Photos:
    """Product -> its phone photos, each of another kind."""
    numbers = np.random.default_rng(0).choice(products, queries, replace=False).tolist()
    photos: Photos = {}
    for place, number in enumerate(numbers):
        kinds = [KINDS[(place + n) % len(KINDS)] for n in range(MOST)]
        shots = [phone_photo(spec_of(number), 10_000 * (n + 1) + number, kind) for n, kind in enumerate(kinds)]
        photos[product_id(number)] = [encode_jpeg(shot, 80) for shot in shots]
    return photos


def drawn_store(products: int, folder: Path) -> Path:
    store = folder / f"drawn-{products}"
    if not (store / "CURRENT").is_file():
        feed = render_catalogue(folder / f"drawn-{products}-feed", products).feed
        Shop.index(feed, store)[0].close()
    return store


def rotations(photos: Sequence[EncodedQuery]) -> Iterable[Sequence[EncodedQuery]]:
    """Each photo with the next ones of its product."""
    for first in range(len(photos)):
        yield [photos[(first + n) % len(photos)] for n in range(min(MOST, len(photos)))]


def measure(name: str, store: Path, photos: Photos) -> None:
    settings = Settings()
    with Shop(store, settings=settings) as shop:
        context = shop._parts.evaluation_context(None)
        with context.reading() as generation:
            embedder, reader = generation.embedder_for(context.embedder), context.text_reader(generation)
            encoder = QueryPhotos(generation.index, embedder, context.source, settings, reader=reader)
            encoded = {product: [encoder.encode(data) for data in own] for product, own in photos.items()}
            for strategy in STRATEGY_NAMES:
                prepared = context.prepare(STRATEGIES[strategy], generation)
                for number in range(1, MOST + 1):
                    ranks, products = [], []
                    for product, own in encoded.items():
                        for several in rotations(own):
                            query = JudgedQuery(product, {product: 1.0})
                            run = evaluate_query(generation.index, prepared, query, merge_photos(several[:number]))
                            if run is not None:
                                ranks.append(run.rank or np.inf)
                                products.append(product)
                    cells = []
                    for cut in (1, 10):
                        hits = [float(rank <= cut) for rank in ranks]
                        low, high = interval(hits, products, 0)
                        cells.append(f"{100 * np.mean(hits):.1f} ({100 * low:.1f}-{100 * high:.1f})")
                    print(f"| {name} | {len(ranks)} | `{strategy}` | {number} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--products", type=int, default=500)
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print("| photos | queries | strategy | photos of each | R@1 | R@10 |\n|---|---|---|---|---|---|")
    data = options.data.resolve()
    measure("Grocery val", store_of("grocery", data, folder), grocery_photos(data))
    measure("drawn", drawn_store(options.products, folder), drawn_photos(options.products, options.queries))
    print(machine_line("onnxruntime"))


if __name__ == "__main__":
    main()
