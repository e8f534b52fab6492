"""What tuned and dynamic weights are worth.

    python -m benchmarks.learning.ranking --part rendered luma grocery --split dev --folder FOLDER
    python -m benchmarks.learning.ranking --part luma grocery --split test --folder FOLDER

``dev`` is Grocery's ``val.csv``, and the groups of Luma whose SHA-256 begins with a byte below 128; ``test`` is
``test.csv``, and all of Luma; it is read once.

- ``rendered``: 800 drawn products, 1,400 phone photos of them, of which some hide a dimension, so that another one is
  known to decide. Five folds of products.
- ``luma``: further photos -> 417 first photos, five folds of parents. Looks are compared by heads that learned from the
  other four folds; weights and networks learn from, and are chosen on, queries of the other four. (These queries' looks
  are by heads that may have seen the parents that are asked; a ranker sees but scores.)
- ``grocery``: by the commands. A head is trained on ``train.csv`` and the catalogue; a ranker on the photos of
  ``train.csv`` that the head which was proved did not learn; then strategies are evaluated. Networks are forced.

- ``speed``: choosing weights, and ``context`` of 500 candidates, in 2, 8 and 20 dimensions; networks of made queries.

Stores are made in FOLDER when they are not there. 95 % intervals resample groups 1,000 times (seed 0).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.learning.metric import bench_of, material, only
from benchmarks.stores import store_of
from benchmarks.tables import default_data, machine_line, percent_cell
from shoplens import Shop
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.filter_retrieval import CANDIDATES
from shoplens.ranking.ranker import Ranker, RankerCard
from shoplens.ranking.ranker_features import SIGNALS, Floats, RankerFeatures
from shoplens.rendered import render_catalogue
from shoplens.training.look import LookOptions, train_look_on
from shoplens.training.ranker import RANKER_NAMES, RankerOptions
from shoplens.training.ranker_training.cross_validation import (
    FOLDS,
    RANKER_RECIPES,
    CrossValidation,
    binary_ndcg,
    compute_ranks,
    cross_validate,
    graded_ndcg,
    train_families,
)
from shoplens.training.ranker_training.ranker_export import export_ranker
from shoplens.training.ranker_training.ranking_dataset import (
    RankingDataset,
    build_dataset_from_queries,
    build_ranking_dataset,
)
from shoplens.training.ranker_training.ranking_queries import RankingQueries
from shoplens.types import StageTimer

PRODUCTS, PHOTOS = 800, 1_400


def told(name: str, done: int, total: int) -> None:
    pass


def rows_of(dataset: RankingDataset, met: CrossValidation, chosen: npt.NDArray[np.bool_]) -> None:
    """A table of all rankers on these queries."""
    print("| ranked by | queries | R@1 | nDCG@10 | graded nDCG@10 | nDCG@10 less that of tuned weights |")
    print("|---|---|---|---|---|---|")
    groups = [group for group, is_chosen in zip(dataset.groups, chosen, strict=True) if is_chosen]
    look = dataset.similarities[:, :, dataset.names.index("look")]
    base = binary_ndcg(dataset, met.scores["static"])[chosen]
    for name, scores in {"look": look, **met.scores}.items():
        values = (compute_ranks(dataset, scores) == 1, binary_ndcg(dataset, scores), graded_ndcg(dataset, scores))
        cells = [percent(one[chosen].astype(float), groups) for one in values]
        change = paired_difference(values[1][chosen], base, groups).difference
        against = (
            ""
            if name == "static"
            else f"{100 * change.value:+.1f} ({100 * change.low:+.1f} to {100 * change.high:+.1f})"
        )
        print(
            f"| {RANKER_NAMES.get(name, 'look alone')} | {len(groups):,} | {' | '.join(cells)} | {against} |",
            flush=True,
        )


def percent(values: npt.NDArray[np.float64], groups: Sequence[str]) -> str:
    one = estimate(values, groups)
    return percent_cell(one.value, one.low, one.high)


def rendered_shop(stores: Path) -> tuple[Path, Path]:
    """Folder of a drawn shop with its queries, and its store."""
    folder, store = stores / "rendered-shop", stores / "rendered"
    if not (folder / "queries.csv").is_file():
        render_catalogue(folder, products=PRODUCTS, queries=PHOTOS)
    if not (store / "CURRENT").is_file():
        Shop.index(folder / "catalogue.jsonl", store)[0].close()
    return folder, store


def rendered(options: argparse.Namespace) -> None:
    folder, store = rendered_shop(options.folder)
    with (folder / "queries.csv").open(encoding="utf-8", newline="") as file:
        deciding = {str((folder / row["photo"]).resolve()): row["deciding"] for row in csv.DictReader(file)}
    with bench_of(store) as bench, bench.reading() as generation:
        dataset = build_ranking_dataset(bench, generation, folder / "queries.csv", lambda one: None)
    met = timed(dataset)
    known = np.array([deciding.get(str(Path(source).resolve()), "") for source in dataset.sources])
    print(f"\nrendered: {', '.join(dataset.names)}\n")
    rows_of(dataset, met, np.ones(len(dataset), bool))
    print("\nqueries with a known deciding dimension:\n")
    rows_of(dataset, met, known != "")
    shown = [name for name in ("look", "color", "pattern") if name in dataset.names]
    print(f"\n| the gate's mean weight of | {' | '.join(shown)} |\n|---{'|---' * len(shown)}|")
    for one in ("color", "pattern", ""):
        mean = met.gate_weights[known == one].mean(axis=0)
        cells = [f"{mean[dataset.names.index(name)]:.3f}" for name in shown]
        print(f"| photos where {one or 'no known dimension'} decides ({(known == one).sum()}) | {' | '.join(cells)} |")


def timed(dataset: RankingDataset) -> CrossValidation:
    started = time.monotonic()
    met = cross_validate(dataset, 0, told)
    print(
        f"{len(dataset):,} queries of {len(set(dataset.groups)):,} groups, {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return met


def luma(options: argparse.Namespace) -> None:
    with bench_of(store_of("luma", options.data, options.folder)) as bench:
        with material(bench, LookOptions()) as whole:
            pass
        samples = whole.samples
        folds = np.array([fold_index(photo.group, FOLDS) for photo in samples.photos])
        further = np.array([not photo.is_first for photo in samples.photos])
        parts = []
        for fold in range(FOLDS):
            look = train_look_on(only(whole, folds != fold), bench, LookOptions(force=True), StageTimer()).look
            rows = samples.original_rows[further & (folds == fold)]
            with bench.reading() as generation:
                parts.append(
                    build_dataset_from_queries(
                        bench,
                        generation,
                        RankingQueries(
                            samples, rows, whole.baseline_vectors, look, "further photos", ("",) * len(rows)
                        ),
                    )
                )
    dataset = joined(parts)
    met = timed(dataset)
    dev = np.array([hashlib.sha256(group.encode()).digest()[0] < 128 for group in dataset.groups])
    print("\nLuma, further photos\n")
    rows_of(dataset, met, np.ones(len(dataset), bool) if options.split == "test" else dev)


def joined(parts: Sequence[RankingDataset]) -> RankingDataset:
    def all_of(name: str) -> Floats:
        found: Floats = np.concatenate([getattr(part, name) for part in parts])
        return found

    widest = max(part.embeddings.shape[1] for part in parts)
    embeddings = [np.pad(part.embeddings, ((0, 0), (0, widest - part.embeddings.shape[1]))) for part in parts]
    return replace(
        parts[0],
        similarities=all_of("similarities"),
        gains=all_of("gains"),
        signals=all_of("signals"),
        embeddings=np.concatenate(embeddings),
        groups=tuple(group for part in parts for group in part.groups),
        photos=tuple(photo for part in parts for photo in part.photos),
        sources=tuple(source for part in parts for source in part.sources),
    )


def grocery(options: argparse.Namespace) -> None:
    data = options.data / "grocery"
    store = options.folder / "grocery-ranked"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(store_of("grocery", options.data, options.folder), store)
    asked = data / f"{'test' if options.split == 'test' else 'val'}.csv"
    print("\n| Grocery | R@1 | R@5 | nDCG@10 | weights |\n|---|---|---|---|---|", flush=True)

    def line(shop: Shop, name: str, strategy: str, weights: str = "") -> None:
        found = shop.quality.evaluate(asked, strategy=strategy).overall
        cells = [
            percent_cell(one.value, one.low, one.high)
            for one in (found[m] for m in ("recall@1", "recall@5", "ndcg@10"))
        ]
        print(f"| {name} | {' | '.join(cells)} | {weights} |", flush=True)

    with Shop(store) as shop:
        shop.training.train_look(LookOptions(pairs=data / "train.csv"))
        line(shop, "metric", "metric")
        line(shop, "filters-static, as fitted", "filters-static")
        training = shop.training.train_ranker(RankerOptions(data / "train.csv"))
        print(f"{training.reason} {training.seconds}", flush=True)
        if training.selected:
            shown = ", ".join(f"{name} {weight:.2f}" for name, weight in training.tuned_weights.items())
            line(shop, "filters-static, tuned", "filters-static", shown)
        for kind in ("gate", "listwise"):
            shop.training.train_ranker(RankerOptions(data / "train.csv", kind=kind, force=True))
            line(shop, f"filters-dynamic, {kind}", "filters-dynamic")
            line(shop, f"hybrid, {kind}", "hybrid")


def speed(options: argparse.Namespace) -> None:
    print("\n| dimensions | weights, ms: median (95th percentile) | context of 500 | bytes |\n|---|---|---|---|")
    for wide in (2, 8, 20):
        dataset = made(wide)
        network = train_families(dataset, {recipe.family: replace(recipe, steps=5) for recipe in RANKER_RECIPES})[
            "listwise"
        ]
        ranker = Ranker(export_ranker(network, RankerCard(dataset.names, "listwise", dataset.embeddings.shape[1])))
        places = np.random.default_rng(1).normal(size=(500, wide)).astype(np.float32)
        seen = RankerFeatures(dataset.names, dataset.embeddings[0], dataset.signals[0], places)
        static = dict.fromkeys(dataset.names, 1.0)
        cells = [milliseconds(lambda: ranker.weights(seen, static))]  # noqa: B023
        cells.append(milliseconds(lambda: ranker.context(dataset.names, places, static)))  # noqa: B023
        print(f"| {wide} | {' | '.join(cells)} | {len(ranker.network):,} |", flush=True)


def made(wide: int) -> RankingDataset:
    """Queries that mean nothing, in so many dimensions."""
    rng, count = np.random.default_rng(0), 60
    names = tuple(str(n) for n in range(count))
    return RankingDataset(
        tuple(f"dimension {n}" for n in range(wide)),
        np.ones(wide, np.float32),
        rng.normal(size=(count, CANDIDATES, wide)).astype(np.float32),
        np.eye(CANDIDATES, dtype=np.float32)[rng.integers(0, CANDIDATES, count)],
        rng.normal(size=(count, wide, len(SIGNALS))).astype(np.float32),
        rng.normal(size=(count, 256)).astype(np.float32),
        *(names, names, names),
        "made",
    )


def milliseconds(call: Callable[[], object]) -> str:
    took = []
    for _ in range(300):
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1e3)
    return f"{np.median(took):.2f} ({np.percentile(took, 95):.2f})"


PARTS = {"speed": speed, "rendered": rendered, "luma": luma, "grocery": grocery}


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
