"""What the words in photos add: how often the product is found with and without them, and what reading costs.

    python -m benchmarks.words.reading --data ../shared/data --work FOLDER              # Grocery's train.csv, street
    python -m benchmarks.words.reading --data ../shared/data --work FOLDER --split val  # Grocery's val.csv

It needs the extra ``text``. Development is made of up to 8 photos of each package and 4 of every other product of
Grocery's ``train.csv``, drawn by a hash, and of the street photos; weights and efforts were chosen on these. The same
store answers with the weight of ``text`` as it is and as 0. Times are of one thread, in CPU milliseconds.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import time
from pathlib import Path

import numpy as np

from benchmarks.stores import store_of
from benchmarks.tables import default_data, machine_line
from shoplens import Shop
from shoplens.build.photo_features import extract_features, word_features, word_head_of
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.shipped import shipped_file
from shoplens.evaluation.evaluate import QuerySet, evaluate
from shoplens.evaluation.query_runs import JudgedRun
from shoplens.images import decode_photo
from shoplens.ranking.strategies import STRATEGIES
from shoplens.reading.text_reader import SEEN, RapidTextReader
from shoplens.settings import Preferences, Settings
from shoplens.types.blas import single_blas_thread

PACKAGE, PER_PACKAGE, PER_OTHER = "/Packages/", 8, 4


def grocery_queries(data: Path, file: Path) -> Path:
    """Write the development queries of Grocery."""
    rows = list(csv.DictReader((data / "grocery/train.csv").open(encoding="utf-8")))
    photos: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: hashlib.sha256(row["photo"].encode()).hexdigest()):
        photos.setdefault(row["product_id"], []).append(row["photo"])
    with file.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["photo", "product_id"])
        for product, own in photos.items():
            for photo in own[: PER_PACKAGE if PACKAGE in own[0] else PER_OTHER]:
                table.writerow([data / "grocery" / photo, product])
    return file


def runs_of(store: Path, queries: Path, weights: dict[str, float]) -> list[JudgedRun]:
    """Judge every query by the default weights, and these."""
    runs: list[JudgedRun] = []
    with Shop(store, settings=Settings(preferences=Preferences(weights=weights))) as shop:
        context = shop._parts.evaluation_context(None)
        evaluate(context, QuerySet(queries), STRATEGIES["filters-static"], 0, runs.append)
    return runs


def line(name: str, without: list[JudgedRun], with_words: list[JudgedRun]) -> str:
    """A line of the table: recall without words and with them."""
    cells = []
    for runs in (without, with_words):
        ranks = np.array([run.rank or 1_000 for run in runs])
        cells += [f"{100 * (ranks <= k).mean():.1f}" for k in (1, 5)]
    return f"| {name} | {len(without)} | {' | '.join(cells)} |"


def milliseconds(photos: list[str]) -> str:
    """The CPU time of reading photos as a search does, by whether there are words: the features of a photo, which a
    search needs anyway, tell whether it is read at all."""
    reader, embedder, times = (
        RapidTextReader(),
        OnnxEmbedder(shipped_file(), threads=1),
        {True: [0.0][:0], False: [0.0][:0]},
    )
    head = word_head_of(embedder)
    assert head is not None, "the shipped network has a head"
    reader.read(np.zeros((64, 64, 3), np.uint8), SEEN)  # the first photo loads the networks
    for photo in photos:
        pixels = decode_photo(Path(photo).read_bytes(), Settings()).pixels
        features = extract_features(embedder, photo, pixels).features
        started = time.process_time()
        effort = head.choose_effort(word_features(embedder, features))
        words = "" if effort is None else reader.read(pixels, effort)
        times[bool(words)].append(1e3 * (time.process_time() - started))
    return "; ".join(
        f"{'with' if words else 'without'} words: {len(taken)} photos, median {np.median(taken):.1f} ms, "
        f"mean {np.mean(taken):.1f} ms, 95 % {np.percentile(taken, 95):.0f} ms"
        for words, taken in times.items()
        if taken
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--work", type=Path, default=Path("reading-stores"))
    parser.add_argument("--split", choices=["dev", "val"], default="dev")
    options = parser.parse_args()
    data, work = options.data.resolve(), options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    tasks = {"Grocery val": ("grocery", data / "grocery/val.csv")}
    if options.split == "dev":
        tasks = {
            "Grocery train": ("grocery", grocery_queries(data, work / "grocery-dev.csv")),
            "street, whole": ("street", data / "street/whole.csv"),
            "street, box": ("street", data / "street/box.csv"),
        }
    print("| queries | n | R@1 without | R@5 | R@1 with words | R@5 |\n|---|---|---|---|---|---|")
    for name, (catalogue, file) in tasks.items():
        store = store_of(catalogue, data, work)
        without, with_words = runs_of(store, file, {"text": 0.0}), runs_of(store, file, {})
        print(line(name, without, with_words), flush=True)
        groups = {"packages": [PACKAGE in run.query.photo for run in without]} if catalogue == "grocery" else {}
        groups |= {"photos with words": [bool(run.photo.text) for run in without]}
        for group, members in groups.items():
            chosen = [
                [run for run, is_in in zip(runs, members, strict=True) if is_in] for runs in (without, with_words)
            ]
            print(line(f"{name}: {group}", chosen[0], chosen[1]), flush=True)
        if catalogue == "grocery":
            photos = [run.query.photo for run in without]
            with single_blas_thread():  # as in a search
                print(f"\n{milliseconds(photos[:: max(1, len(photos) // 120)])}\n", flush=True)
    print(machine_line("onnxruntime", "rapidocr", "opencv-python-headless"))


if __name__ == "__main__":
    main()
