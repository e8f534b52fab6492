"""What the filters are worth: how well they read photos, and how much more is found with them, dimension by dimension.

    python -m benchmarks.filters.filters --part heads views variants grocery --split dev --folder FOLDER
    python -m benchmarks.filters.filters --part heads views variants grocery --split test --folder FOLDER

``dev`` is for choices: photos and queries of the groups whose SHA-256 begins with a byte below 128, and Grocery's
``val.csv``. ``test`` is everything, and ``test.csv``; it is read once. Every part answers a question:

- ``heads``: what do the filters read off photos whose group their heads never saw? Luma's first photos and all photos,
  H&M's classes of ten or more products. Colour also from the backbone's features alone and from histograms alone.
- ``views``: is a product found by another photo of it? Luma's further photos -> the first photos. *Strict*: the filters
  are fitted anew, five times, to first photos only and without the groups of the queries, ``design`` included.
- ``variants``: is the same garment found in another colour? H&M, the query's own article left out; the filters are
  fitted anew, five times, without the groups of the queries.
- ``grocery``: is the product found by a photo from a shop?

The stores are made in FOLDER by ``Shop.index`` when they are not there; their filters are fitted anew by every run.
95 % intervals resample groups 1,000 times (seed 0). What is printed is written to FOLDER/PART-SPLIT.json, too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.filter_scores import (
    Bools,
    Catalogue,
    Floats,
    Ints,
    best_ranks,
    catalogue_of,
    precisions,
    reading,
    seen,
    similarities,
    totals,
    weightings,
)
from benchmarks.stores import embedder_of, store_of
from benchmarks.tables import default_data, machine_line, percent_cell
from shoplens import Shop
from shoplens.build.photo_features import feature_model
from shoplens.evaluation.queries import JudgedQuery, holdout_queries, read_queries
from shoplens.evaluation.query_photos import QueryPhotos, open_query_vectors
from shoplens.evaluation.query_runs import Gallery, evaluate_query
from shoplens.evaluation.results import Estimate
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.filters.dimensions.dimension import COLOR, Dimension
from shoplens.filters.fitting.crossfit import FOLDS
from shoplens.filters.fitting.fit import fit_to_photos
from shoplens.filters.model.class_layout import node_depth
from shoplens.filters.model.filters import Filters
from shoplens.filters.model.quality import calibration_error
from shoplens.filters.photo_features.color_histogram import FINE_SIZE
from shoplens.images import PhotoSource
from shoplens.ranking.strategies import STRATEGIES, EncodedQuery
from shoplens.search.filter_query import FilterQueryBuilder
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.settings import Preferences, Settings
from shoplens.store.generation import Generation

LEAST = 10
"""Products of a class of H&M that counts, as in the anchors."""
RESAMPLES, BLOCK = 1000, 64
ANCHORS = {
    "Luma color": "features 57.9, histogram 79.0",
    "Luma category": "features 77.8",
    "H&M color": "features 54.2, histogram 62.1",
    "H&M pattern": "accuracy 76.0, balanced 27",
    "H&M category": "features 75.7",
}


@dataclass(frozen=True)
class Line:
    """A line of a table: what, of how many photos, and its numbers; a text is printed as it is."""

    name: str
    count: int
    cells: Mapping[str, Estimate | float | str]


def refitted_ranks(catalogue: Catalogue, queries: Ints, *, same_group: bool, first_only: bool) -> dict[str, Ints]:
    """Name of a weighting -> rank per query, by filters that were fitted without the queries' groups.

    Args:
        queries: rows of the catalogue that are asked with; all first photos are searched.
        same_group: right are the other products of the group, and the query's own is left out; else its own is right.
        first_only: fit to first photos only.
    """
    gallery, every = np.flatnonzero(catalogue.first), weightings(catalogue.dimensions)
    numbers = {
        name: np.unique(np.array(getattr(catalogue, name)), return_inverse=True)[1] for name in ("ids", "groups")
    }
    hashes = [[getattr(photo, name) for photo in catalogue.photos] for name in ("content_hash", "pixel_hash")]
    found = {name: np.zeros(len(queries), np.int64) for name in ("pretrained", *every)}
    for fold in range(FOLDS):
        rows = (catalogue.folds != fold) & (catalogue.first | (not first_only))
        filters = fit_to_photos(catalogue.training(rows), catalogue.dimensions, catalogue.model)
        products = seen(
            filters,
            catalogue.vectors[gallery],
            catalogue.features[gallery],
            [catalogue.known[n] for n in gallery.tolist()],
        )
        asked = np.flatnonzero(catalogue.folds[queries] == fold)
        for start in range(0, len(asked), BLOCK):
            places = asked[start : start + BLOCK]
            rows_of = queries[places]
            photos = seen(filters, catalogue.vectors[rows_of], catalogue.features[rows_of])
            alike, precise = similarities(filters, photos, products), precisions(filters, photos)
            own = numbers["ids"][rows_of][:, None] == numbers["ids"][gallery]
            group = numbers["groups"][rows_of][:, None] == numbers["groups"][gallery]
            same = np.any([np.array(one)[rows_of][:, None] == np.array(one)[gallery] for one in hashes], axis=0)
            judge = (group, own, same) if same_group else (own, np.zeros_like(own), same)
            look = catalogue.vectors[rows_of] @ catalogue.vectors[gallery].T
            found["pretrained"][places] = best_ranks(look, *judge)
            for name, weights in every.items():
                found[name][places] = best_ranks(totals(filters, alike, weights, precise), *judge)
    return found


def rank_lines(ranks: Mapping[str, Ints], clusters: Sequence[str], prefix: str = "") -> list[Line]:
    """R@1 and R@5 of each, and R@1 less that of the default weights, for the same queries."""
    lines, default = [], (ranks["filters-static"] <= 1).astype(float)
    for name, rank in ranks.items():
        cells: dict[str, Estimate | float | str] = {
            f"R@{k}": estimate((rank <= k).astype(float), clusters) for k in (1, 5)
        }
        if name != "filters-static":
            cells["R@1 less default"] = paired_difference((rank <= 1).astype(float), default, clusters).difference
        lines.append(Line(prefix + name, len(rank), cells))
    return lines


def variants(data: Path, folder: Path, split: str) -> list[Line]:
    catalogue = catalogue_of(store_of("hm", data, folder))
    groups = np.array(catalogue.groups)
    sizes = dict(zip(*np.unique(groups, return_counts=True), strict=True))
    several = np.array([sizes[group] > 1 for group in groups])
    queries = np.flatnonzero(several & catalogue.first & catalogue.of(split))
    found = refitted_ranks(catalogue, queries, same_group=True, first_only=False)
    return rank_lines(found, groups[queries].tolist(), "H&M, another colour: ")


def views(data: Path, folder: Path, split: str) -> list[Line]:
    store = store_of("luma", data, folder)
    catalogue = catalogue_of(store)
    chosen = catalogue.of(split) & ~catalogue.first
    rows = {catalogue.photos[n].source: n for n in np.flatnonzero(chosen)}

    def photos(generation: Generation) -> Iterator[tuple[JudgedQuery, EncodedQuery]]:
        for query in holdout_queries(generation.index):
            if (n := rows.get(query.photo)) is not None:
                photo, row = catalogue.photos[n], (catalogue.vectors[n], catalogue.features[n])
                yield query, EncodedQuery(row[0], (photo.pixel_hash,), photo.content_hash, row[1])

    lines = searched(store, photos, "first-photos", "Luma views: ")
    queries = np.flatnonzero(chosen)
    strict = refitted_ranks(catalogue, queries, same_group=False, first_only=True)
    return lines + rank_lines(strict, [catalogue.groups[n] for n in queries], "Luma views, strict: ")


def grocery(data: Path, folder: Path, split: str) -> list[Line]:
    store = store_of("grocery", data, folder)
    file = data / "grocery" / ("test.csv" if split == "test" else "val.csv")
    settings, embedder = Settings(), embedder_of(store)

    def photos(generation: Generation) -> Iterator[tuple[JudgedQuery, EncodedQuery]]:
        with open_query_vectors(folder / "query-photos.sqlite", feature_model(embedder)) as vectors:
            looker = QueryPhotos(generation.index, embedder, PhotoSource(settings), settings, vectors)
            yield from (one for one in looker.encode_all(read_queries(file)) if isinstance(one, tuple))

    return searched(store, photos, "all", f"Grocery, {file.stem}: ")


def searched(
    store: Path,
    photos: Callable[[Generation], Iterator[tuple[JudgedQuery, EncodedQuery]]],
    gallery: Gallery,
    prefix: str,
) -> list[Line]:
    """Both strategies through the index, the filters with every weighting."""
    with Shop(store) as shop:
        shop.training.train_filters()
    with reading(store) as generation:
        asked = list(photos(generation))
        assert generation.filters is not None
        every: dict[str, PreparedStrategy] = {"pretrained": PreparedStrategy(STRATEGIES["pretrained"])}
        for name, weights in weightings(generation.filters.dimensions).items():
            queries = FilterQueryBuilder(generation, Preferences(weights=weights))
            every[name] = PreparedStrategy(STRATEGIES["filters-static"], queries)
        ranks: dict[str, Ints] = {}
        for name, answering in every.items():
            runs = [evaluate_query(generation.index, answering, *one, gallery) for one in asked]
            kept = [run for run in runs if run is not None]
            ranks[name] = np.array([run.rank or sys.maxsize for run in kept])
            clusters = [run.cluster for run in kept]
        weights_told = ", ".join(f"{name} {weight:g}" for name, weight in generation.filters.weights.items())
    print(f"{prefix}default weights: {weights_told}", flush=True)
    return rank_lines(ranks, clusters, prefix)


def heads(data: Path, folder: Path, split: str) -> list[Line]:
    lines, tinted = [], []
    for name, store in (("Luma", "luma"), ("H&M", "hm")):
        catalogue = catalogue_of(store_of(store, data, folder))
        filters = fit_to_photos(catalogue.training(), catalogue.dimensions, catalogue.model)
        least, chosen = LEAST if store == "hm" else 1, catalogue.of(split)
        judged_rows = {"first photos": chosen & catalogue.first, "all photos": chosen}
        for which, rows in judged_rows.items() if (~catalogue.first).any() else [("", chosen)]:
            title = f"{name}, {which}: " if which else f"{name}: "
            said = filters.predict(catalogue.features[rows], [catalogue.groups[n] for n in np.flatnonzero(rows)])
            for dimension in filters.dimensions:
                for task in tasks(filters, dimension, said.probabilities, Chosen(catalogue, rows, least)):
                    lines.append(task.line(title, ANCHORS.get(f"{name} {task.name}", "")))
            tinted += colors(catalogue, rows, least, title)
    return lines + tinted


def colors(catalogue: Catalogue, rows: Bools, least: int, title: str) -> list[Line]:
    """``color`` from the backbone's features alone, from histograms alone, and from both."""
    b = catalogue.backbone
    (color,) = [dimension for dimension in catalogue.dimensions if dimension.name == COLOR]
    groups, lines = [catalogue.groups[n] for n in np.flatnonzero(rows)], []
    blocks = {"backbone alone": slice(b, b + FINE_SIZE), "histograms alone": slice(0, b), "both": None}
    for name, without in blocks.items():
        training = catalogue.training(without=without)
        filters = fit_to_photos(training, [color], catalogue.model)
        said = filters.predict(training.features[rows], groups).probabilities
        (task,) = tasks(filters, color, said, Chosen(catalogue, rows, least))
        lines.append(dataclasses.replace(task, name=f"color, {name}").line(title, ""))
    return lines


@dataclass(frozen=True, eq=False)
class Chosen:
    """The rows of a catalogue that are measured, and how many products a class must have to be measured."""

    catalogue: Catalogue
    rows: Bools
    least: int


@dataclass(frozen=True, eq=False)
class Task:
    """Probabilities (n, K) of photos their heads never saw, the right class of each (n,) or classes (n, K), groups."""

    name: str
    probabilities: Floats
    right: Ints | Floats
    groups: Ints

    def line(self, title: str, anchor: str) -> Line:
        """Accuracy, balanced accuracy or mean average precision, calibration error."""
        top = self.probabilities.argmax(axis=1)
        many = self.right.ndim == 2
        hit = self.right[np.arange(len(top)), top] > 0 if many else top == self.right
        cells: dict[str, Estimate | float | str] = {"accuracy": estimate(hit.astype(float), self.groups)}
        measure, name = (average_precision, "mAP") if many else (balanced, "balanced")
        cells[name] = bootstrapped(measure, self)
        cells["ECE"] = calibration_error(self.probabilities.max(axis=1), hit)
        cells["classes"] = str(self.probabilities.shape[1])
        cells["anchor"] = anchor
        return Line(title + self.name, len(top), cells)


def tasks(filters: Filters, dimension: Dimension, said: Floats, chosen: Chosen) -> Iterator[Task]:
    """What can be asked of a learned dimension; of a tree its leaves and its top level."""
    kept = np.flatnonzero(chosen.rows)
    known = [chosen.catalogue.known[n].get(dimension.name, ()) for n in kept.tolist()]
    groups = np.unique(np.array(chosen.catalogue.groups)[kept], return_inverse=True)[1]
    blocks = [block for block in filters.layout.blocks_of(dimension.name) if block.kind != "palette"]
    products = dict(zip(dimension.classes, dimension.products, strict=True))
    if dimension.kind == "multi":
        (block,) = blocks
        told = np.array([[label in names for label in block.classes] for names in known], np.float32)
        used = told.any(axis=1)
        yield Task(dimension.name, said[used][:, block.entries], told[used], groups[used])
        return
    levels = {dimension.name: blocks[-1:], f"{dimension.name}, top level": blocks[:1] if len(blocks) > 1 else []}
    for name, (block,) in ((name, found) for name, found in levels.items() if found):
        columns = [n for n, label in enumerate(block.classes) if products[label] >= chosen.least]
        names = [block.classes[n] for n in columns]
        held = [_held(one, names, dimension.kind == "tree") for one in known]
        used = np.array([one is not None for one in held])
        part = said[:, block.entries][used][:, columns]
        right = np.array([names.index(one) for one in held if one is not None])
        yield Task(name, part / np.maximum(part.sum(axis=1, keepdims=True), 1e-9), right, groups[used])


def _held(known: tuple[str, ...], names: Sequence[str], tree: bool) -> str | None:
    """The class that a product has among these, if it has one."""
    found = [name for name in known if name in names]
    if tree:
        return max(found, key=node_depth, default=None)
    return found[0] if len(known) == 1 and found else None


def bootstrapped(measure: Callable[[Task, Floats], npt.NDArray[np.float64]], task: Task) -> Estimate:
    """A measure of weighted photos, with the 95 % interval of drawing groups with replacement."""
    count = int(task.groups.max()) + 1
    there = np.bincount(task.groups, minlength=count) > 0
    drawn = np.random.default_rng(0).multinomial(there.sum(), there / there.sum(), RESAMPLES)
    (value,) = measure(task, np.ones((1, len(task.groups)), np.float32))
    low, high = np.quantile(measure(task, drawn[:, task.groups].astype(np.float32)), [0.025, 0.975])
    return Estimate(float(value), min(float(value), float(low)), max(float(value), float(high)))


def balanced(task: Task, weights: Floats) -> npt.NDArray[np.float64]:
    """Mean over the classes with photos of the share that is read rightly; (draws,) for weights (draws, n)."""
    shown = np.eye(task.probabilities.shape[1], dtype=np.float32)[task.right.astype(np.int64)]
    hit = (task.probabilities.argmax(axis=1) == task.right)[:, None]
    sizes, hits = weights @ shown, weights @ (shown * hit)
    return np.asarray((hits / np.maximum(sizes, 1)).sum(axis=1) / (sizes > 0).sum(axis=1), np.float64)


def average_precision(task: Task, weights: Floats) -> npt.NDArray[np.float64]:
    """Mean over the classes with photos of the average precision; (draws,) for weights (draws, n)."""
    parts, present = np.zeros(len(weights)), np.zeros(len(weights))
    for said, true in zip(task.probabilities.T, task.right.T, strict=True):
        order = np.lexsort((true, -said))
        drawn, hits = weights[:, order], weights[:, order] * true[order]
        size = hits.sum(axis=1)
        precision = np.cumsum(hits, axis=1) / np.maximum(np.cumsum(drawn, axis=1), 1)
        parts += np.where(size > 0, (hits * precision).sum(axis=1) / np.maximum(size, 1), 0)
        present += size > 0
    return parts / np.maximum(present, 1)


def table(lines: Sequence[Line]) -> str:
    """Markdown."""
    columns = list(dict.fromkeys(column for line in lines for column in line.cells))
    rows = [f"| what | photos | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    for line in lines:
        rows.append(
            f"| {line.name} | {line.count:,} | {' | '.join(_cell(line.cells.get(one, '')) for one in columns)} |"
        )
    return "\n".join(rows)


def _cell(value: Estimate | float | str) -> str:
    if isinstance(value, Estimate):
        return percent_cell(value.value, value.low, value.high)
    return value if isinstance(value, str) else f"{100 * value:.1f}"


PARTS = {"heads": heads, "views": views, "variants": variants, "grocery": grocery}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/shoplens-filters"), help="where stores go")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for part in options.part:
        lines = PARTS[part](options.data.resolve(), folder, options.split)
        command = f"python -m benchmarks.filters.filters --part {part} --split {options.split}"
        machine = machine_line("onnxruntime", "numpy", "qdrant-edge-py")
        print(f"\n`{command}` (seed 0); data: {options.data.resolve()}\n\n{table(lines)}\n\n{machine}\n", flush=True)
        told = {"command": command, "split": options.split, "data": str(options.data), "seed": 0, "machine": machine}
        rows = [{"what": one.name, "photos": one.count, **_json(one.cells)} for one in lines]
        (folder / f"{part}-{options.split}.json").write_text(json.dumps({**told, "rows": rows}, indent=1), "utf-8")


def _json(cells: Mapping[str, Estimate | float | str]) -> dict[str, Any]:
    return {
        name: {"value": one.value, "low": one.low, "high": one.high} if isinstance(one, Estimate) else one
        for name, one in cells.items()
    }


if __name__ == "__main__":
    main()
