"""What every strategy finds and costs on Grocery, and where a classifier with an output per product breaks.

    python -m benchmarks.learning.strategies --split dev --folder FOLDER
    python -m benchmarks.learning.strategies --split test --folder FOLDER

``dev`` asks ``val.csv``, ``test`` asks ``test.csv``, which is read once. Everything learns from ``train.csv`` and the
81 catalogue photos, by the commands' defaults, seed 0.

- ``story``: ``compare`` as a user would run it: a store as indexed, then with a trained look and a classifier.
- ``photos``: the classifier and the look, by how many shoppers' photos of each product there are to learn from; the
  first ones by the SHA-256 of their content. And how many photos are classified rightly although, in the numbers that
  the last layer works on, the nearest catalogue photo is another product's.
- ``growth``: what a training takes at 1,000, 10,000 and 100,000 products, with as many photos of each as the Luma and
  Grocery shops have.

Stores are made in FOLDER when they are not there. 95 % intervals resample products 1,000 times (seed 0).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

from benchmarks.learning.metric import Asked, Line, answering, asked_of, bench_of, first_photos, found, material, only
from benchmarks.stores import store_of
from benchmarks.tables import default_data, machine_line, percent_cell
from shoplens import Shop
from shoplens.embedders import ProductClassifier
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.report.formatting import byte_size, duration
from shoplens.evaluation.results import Comparison
from shoplens.filters.model.principal_components import normalize_rows
from shoplens.training.classifier import ClassifierOptions, train_classifier_on
from shoplens.training.look import LookOptions, TrainingData
from shoplens.types import StageTimer

PHOTOS = (0, 1, 2, 5, 10, 20, 1_000)


def story(options: argparse.Namespace) -> None:
    store = options.folder / "grocery-story"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(store_of("grocery", options.data, options.folder), store)
    queries, pairs = options.data / f"grocery/{file_of(options)}", options.data / "grocery/train.csv"
    print("\n| store | strategy | R@1 | R@5 | MRR | ms per query | to add a product |\n|---|---|---|---|---|---|---|")
    with Shop(store) as shop:
        told("as indexed", shop.quality.compare(queries))
        training = shop.training.train_look(LookOptions(pairs=pairs))
        shop.training.train_classifier(ClassifierOptions(pairs=pairs))
        told("trained", shop.quality.compare(queries))
    print(f"\ntrain look: {training.reason}")


def told(when: str, comparison: Comparison) -> None:
    for row in comparison.rows:
        metrics = [
            percent_cell(one.value, one.low, one.high)
            for one in map(row.metrics.get, ("recall@1", "recall@5", "mrr"))
            if one
        ]
        adding = duration(row.adding_ms["median"])
        print(f"| {when} | {row.name} | {' | '.join(metrics)} | {row.query_ms['median']:.0f} | {adding} |", flush=True)


def photos(options: argparse.Namespace) -> None:
    with bench_of(store_of("grocery", options.data, options.folder)) as bench:
        asked = asked_of(bench, options.data / f"grocery/{file_of(options)}")
        with material(bench, LookOptions(pairs=options.data / "grocery/train.csv")) as whole:
            print("\n| shoppers' photos of each product | classifier R@1 | R@5 | metric R@1 | R@5 | apart |")
            print("|---|---|---|---|---|---|", flush=True)
            for most in PHOTOS:
                photos_line(bench, whole, asked, most)


def photos_line(bench: EvaluationContext, whole: TrainingData, asked: Asked, most: int) -> None:
    part = only(whole, kept(whole, most))
    metric, _ = answering(whole, part, bench, LookOptions())
    classifier = ProductClassifier(train_classifier_on(part, bench, ClassifierOptions(), StageTimer())[1].network)
    rows, clusters = asked.rows.astype(np.float32), asked.products.tolist()
    gallery = first_photos(whole.samples)
    names = np.array([whole.samples.photos[n].product for n in gallery.tolist()])
    right = asked.products[:, None] == np.array(classifier.card.products)
    best = np.argsort(-classifier.probabilities(rows), axis=1, kind="stable")[:, :5]
    hits = np.take_along_axis(right, best, axis=1)
    one = Line("classifier", hits[:, 0], np.any(hits, axis=1), clusters)
    other = found("metric", metric.asked(asked), metric.photos(gallery), asked.products[:, None] == names, clusters)
    gallery_features = whole.samples.rows[whole.samples.original_rows[gallery]].astype(np.float32)
    catalogue = normalize_rows(classifier.vectors(gallery_features))
    nearest = names[np.argmax(normalize_rows(classifier.vectors(rows)) @ catalogue.T, axis=1)]
    apart = hits[:, 0] & (nearest != asked.products)
    share = Line("apart", apart, apart, clusters).cells()[2]
    number = "all" if most == PHOTOS[-1] else str(most)
    print(f"| {number} | {' | '.join(one.cells()[2:])} | {' | '.join(other.cells()[2:])} | {share} |", flush=True)


def kept(whole: TrainingData, most: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """The catalogue's photos, and of shoppers' the first ``most`` of each product by the hash of their content."""
    samples, taken = whole.samples, dict[str, int]()
    chosen = np.zeros(len(samples.photos), bool)
    for n in sorted(range(len(chosen)), key=lambda n: samples.photos[n].name):
        photo = samples.photos[n]
        taken[photo.product] = taken.get(photo.product, 0) + photo.is_shopper
        chosen[n] = not photo.is_shopper or taken[photo.product] <= most
    return chosen


def growth(options: argparse.Namespace) -> None:
    print("\n| photos as in | products | a training | memory | network |\n|---|---|---|---|---|")
    for catalogue, pairs in (("luma", None), ("grocery", options.data / "grocery/train.csv")):
        with bench_of(store_of(catalogue, options.data, options.folder)) as bench:
            with material(bench, LookOptions(pairs=pairs)) as whole:
                pass
            training, _ = train_classifier_on(whole, bench, ClassifierOptions(), StageTimer())
        for one in training.retraining_costs:
            cells = (
                f"{one.products:,}",
                duration(1e3 * one.seconds),
                *map(byte_size, (one.training_bytes, one.network_bytes)),
            )
            print(f"| {catalogue} | {' | '.join(cells)} |", flush=True)


def file_of(options: argparse.Namespace) -> str:
    return "test.csv" if options.split == "test" else "val.csv"


PARTS = {"story": story, "photos": photos, "growth": growth}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/ and luma/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=[*PARTS])
    options = parser.parse_args()
    options.data, options.folder = options.data.resolve(), options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    for part in options.part:
        PARTS[part](options)
    print(f"\n{machine_line('onnxruntime', 'numpy', 'torch')}")


if __name__ == "__main__":
    main()
