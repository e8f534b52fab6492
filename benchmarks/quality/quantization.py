"""What int8 costs in quality: both networks of the package on the same photos, everything else equal.

    python -m benchmarks.quality.quantization --data ../shared/data --folder FOLDER

Development sets only: Grocery's ``val.csv``; queries of the groups of Luma and H&M whose SHA-256 begins with a byte
below 128; all photos of ``street``, which no choice was made on. Every line is a measure of the int8 network less that
of the float32 one on the same photos, in points, with the 95 % interval of resampled groups (1,000 times, seed 0):

- R@1 of the untrained embedding, strategy ``pretrained``, as a search ranks, and of the default strategy;
- accuracy of the filters in colour, pattern and category, their heads fitted to other groups;
- R@1 of a trained look: shop photo -> catalogue photo of Grocery, seeds 0 to 2 together.

Stores are made in FOLDER when they are not there. The speed of both is in the table of ``tools/quantize_backbone.py``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.filter_scores import Catalogue, Floats, catalogue_of, in_development, reading
from benchmarks.filters.filters import LEAST, Chosen
from benchmarks.filters.filters import tasks as filter_tasks
from benchmarks.learning.metric import asked_of, bench_of, first_photos, found, material, trained
from benchmarks.stores import embedder_of, hm_queries, store_of
from benchmarks.tables import default_data, machine_line
from shoplens.build.photo_features import feature_model
from shoplens.embedders.shipped import NETWORKS
from shoplens.evaluation.queries import JudgedQuery, holdout_queries, read_queries
from shoplens.evaluation.query_photos import QueryPhotos, open_query_vectors
from shoplens.evaluation.query_runs import Gallery, evaluate_query
from shoplens.evaluation.statistics.intervals import paired_difference
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.images import PhotoSource
from shoplens.ranking.strategies import STRATEGIES
from shoplens.search.prepared_strategy import prepare_strategy
from shoplens.settings import Preferences, Settings
from shoplens.store.generation import Generation
from shoplens.training.look import LookOptions
from shoplens.types import Rejection, group_of

ACCURACIES = {"luma": ("color", "category"), "hm": ("color", "pattern", "category")}
STRATEGY_NAMES = ("pretrained", "filters-static")
SEEDS = 3


@dataclass(frozen=True, eq=False)
class Hits:
    """A measure of one network: 1.0 or 0.0 for each photo, and the photos' groups."""

    values: Floats
    clusters: Sequence[str]


@dataclass(frozen=True)
class QueryTask:
    """Queries against a catalogue: a file of them, or None for the further photos of the products themselves."""

    name: str
    catalogue: str
    file: Path | None
    gallery: Gallery = "all"


def query_tasks(data: Path, folder: Path) -> list[QueryTask]:
    return [
        QueryTask("Grocery val", "grocery", data / "grocery/val.csv"),
        QueryTask("Luma, further views", "luma", None, "first-photos"),
        QueryTask("H&M, another colour", "hm", hm_queries(data, folder / "hm-development.csv", (0,))),
        QueryTask("street, whole photo", "street", data / "street/whole.csv"),
        QueryTask("street, given box", "street", data / "street/box.csv"),
    ]


def queries_of(task: QueryTask, generation: Generation) -> Iterator[JudgedQuery | Rejection]:
    if task.file is not None:
        yield from read_queries(task.file)
        return
    for query in holdout_queries(generation.index):
        (record,) = generation.index.records([next(iter(query.grades))])
        if in_development(group_of(record.product)):
            yield query


@contextmanager
def query_photos(store: Path, generation: Generation) -> Iterator[QueryPhotos]:
    settings, embedder = Settings(), embedder_of(store)
    with open_query_vectors(store / "evaluation" / "query-vectors.sqlite", feature_model(embedder)) as known:
        yield QueryPhotos(generation.index, embedder, PhotoSource(settings), settings, known)


def recalls(store: Path, task: QueryTask) -> dict[str, Hits]:
    """R@1 per strategy."""
    with reading(store) as generation, query_photos(store, generation) as photos:
        encoded = [pair for pair in photos.encode_all(queries_of(task, generation)) if isinstance(pair, tuple)]
        results = {}
        for name in STRATEGY_NAMES:
            prepared = prepare_strategy(STRATEGIES[name], generation, Preferences())
            runs = [evaluate_query(generation.index, prepared, *pair, task.gallery) for pair in encoded]
            kept = [run for run in runs if run is not None]
            values = np.array([run.rank == 1 for run in kept], np.float32)
            results[f"R@1 {task.name}, {name}"] = Hits(values, [run.cluster for run in kept])
    return results


def accuracies(catalogue: Catalogue, name: str) -> dict[str, Hits]:
    """Accuracy of the filters on photos of groups that their heads never saw."""
    filters = fit_to_photos(catalogue.training(), catalogue.dimensions, catalogue.model)
    rows = catalogue.of("dev")
    groups = [catalogue.groups[n] for n in np.flatnonzero(rows)]
    predicted = filters.predict(catalogue.features[rows], groups).probabilities
    results = {}
    for dimension in filters.dimensions:
        if dimension.name in ACCURACIES[name] and dimension.kind != "multi":
            least = LEAST if name == "hm" else 1
            task = next(iter(filter_tasks(filters, dimension, predicted, Chosen(catalogue, rows, least))))
            values = (task.probabilities.argmax(axis=1) == task.right).astype(np.float32)
            results[f"accuracy {name}, {dimension.name}"] = Hits(values, [str(group) for group in task.groups])
    return results


def trained_recalls(data: Path, store: Path) -> dict[str, Hits]:
    """R@1 of a look that was trained on Grocery's training photos."""
    pairs, values, clusters = data / "grocery/train.csv", list[Floats](), list[str]()
    with bench_of(store) as bench:
        with material(bench, LookOptions(pairs=pairs)) as whole:
            pass
        asked = asked_of(bench, data / "grocery/val.csv")
        samples = whole.samples
        gallery = first_photos(samples)
        names = np.array([photo.product for photo in samples.photos])
        right = asked.products[:, None] == names[gallery]
        for seed in range(SEEDS):
            embed, _ = trained(whole, bench, LookOptions(seed=seed))
            rows = samples.rows[samples.original_rows[gallery]]
            line = found("", embed(asked.rows), embed(rows), right, asked.products.tolist())
            values.append(line.first.astype(np.float32))
            clusters += line.clusters
    return {"R@1 Grocery val, trained look": Hits(np.concatenate(values), clusters)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/, …")
    parser.add_argument("--folder", type=Path, default=Path("quantization-stores"), help="where stores go")
    options = parser.parse_args()
    data, folder = options.data.resolve(), options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for network in NETWORKS:
        stores = {
            name: store_of(name, data, folder / network, Path(network)) for name in ("grocery", "luma", "hm", "street")
        }
        hits = dict[str, Hits]()
        for task in query_tasks(data, folder):
            hits |= recalls(stores[task.catalogue], task)
        for name in ACCURACIES:
            hits |= accuracies(catalogue_of(stores[name]), name)
        hits |= trained_recalls(data, stores["grocery"])
        results.append(hits)
    quantized, original = results
    print("| measure | photos | float32 | int8 | difference |\n|---|---|---|---|---|")
    means = []
    for name, ours in quantized.items():
        theirs = original[name]
        difference = paired_difference(ours.values, theirs.values, ours.clusters).difference
        before, after = 100 * theirs.values.mean(), 100 * ours.values.mean()
        means.append(after - before)
        interval = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
        print(f"| {name} | {len(ours.values):,} | {before:.1f} | {after:.1f} | {after - before:+.1f} ({interval}) |")
    print(f"| mean | | | | {np.mean(means):+.2f}, smallest {min(means):+.1f} |")
    print(f"\n{machine_line('onnxruntime', 'numpy', 'torch')}")


if __name__ == "__main__":
    main()
