"""Measure match probabilities and the verdicts based on them, on products that they were not fitted to.

    python -m benchmarks.quality.calibration --data ../shared/data --work FOLDER --splits 10 --split validation
    python -m benchmarks.quality.calibration --data ../shared/data --work FOLDER --splits 10 --split test

FOLDER holds the stores of ``benchmarks/quality/evaluation.py``; missing ones are made. A design (a group, or a product
without one) is put into one of six parts by a hash of its name and the number of the split. *Whole*: the whole
catalogue is searched; probabilities are fitted to photos of parts 0 to 2 and measured on photos of parts 3 to 5, once
as they are and once as if their product were absent. *Half removed*: parts 0 to 2 are really removed from a copy of the
store; probabilities are fitted to photos of parts 3 and 4, and measured on photos of part 5 (present) and of parts 0 to
2 (absent), each of which have half of the weight.

Grocery: probabilities are fitted to photos of train.csv and val.csv, and measured on those of test.csv (for
validation: fitted to train.csv, measured on val.csv). H&M: colour variants, without the query's own article;
validation uses the garments whose SHA-256 is even, and the test is fitted to these and measured on the others. Luma
(test only): held-out views, which are too few for more than a rough impression.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stores import half, hm_queries, store_of
from benchmarks.tables import default_data, machine_line, percent_cell
from shoplens.build.photo_features import feature_model
from shoplens.embedders import OnnxEmbedder
from shoplens.errors import InvalidValue
from shoplens.evaluation.queries import JudgedQuery, holdout_queries, read_queries
from shoplens.evaluation.query_photos import QueryPhotos, open_query_vectors
from shoplens.evaluation.statistics.calibration import CalibrationSample, Origin, fit_calibration
from shoplens.evaluation.statistics.reliability import calibration_error
from shoplens.images import PhotoSource
from shoplens.index.protocol import Index, PhotoConstraint
from shoplens.ranking.match_probability import REFERENCE, Calibration, absent_probability, match_probabilities, verdict
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.search.constraint import RankingConstraint
from shoplens.search.prepared_strategy import PreparedStrategy
from shoplens.settings import Settings
from shoplens.store.copies.backups import write_backup
from shoplens.store.copies.restoring import restore
from shoplens.store.store import Store

PARTS = 6
PRECISIONS = (0.95, 0.9, 0.8)
DEEP = 100


@dataclass(frozen=True)
class Photo:
    """A judged query with its vector; ``design`` is the group or product that it shows."""

    query: JudgedQuery
    vector: EncodedQuery
    design: str


@dataclass(frozen=True)
class Task:
    """A store, the photos that probabilities are fitted to, and those that they are measured on.

    Attributes:
        first_photos: whether only first photos of products are in the gallery.
    """

    name: str
    store: Path
    fit: Sequence[Photo]
    test: Sequence[Photo]
    first_photos: bool


@dataclass(frozen=True)
class Answer:
    """First scores of an answer, whether its first result is right, and whether the right product is present."""

    scores: tuple[float, ...]
    right: bool
    present: bool
    design: str


def part_of(design: str, split: int) -> int:
    """Return the part of a design, from 0 to 5, in a split."""
    return int(hashlib.sha256(f"{split} {design}".encode()).hexdigest(), 16) % PARTS


def encode_photos(queries: Iterable[Any], index: Index, store: Path) -> list[Photo]:
    settings, embedder = Settings(), OnnxEmbedder(threads=1)
    with open_query_vectors(store / "evaluation" / "query-vectors.sqlite", feature_model(embedder)) as vectors:
        embedding = QueryPhotos(index, embedder, PhotoSource(settings), settings, vectors)
        photos = []
        for item in embedding.encode_all(queries):
            if isinstance(item, tuple):
                query, vector = item
                (record, *_) = index.records([next(iter(query.grades))])
                design = record.product.group_id or record.product.id
                photos.append(Photo(query, EncodedQuery(vector.vector), design))
        return photos


def load_tasks(data: Path, work: Path, split: str) -> list[Task]:
    grocery, hm = data / "grocery", store_of("hm", data, work)
    fit_files = ["train.csv"] if split == "validation" else ["train.csv", "val.csv"]
    test_file = "val.csv" if split == "validation" else "test.csv"
    store = store_of("grocery", data, work)
    tasks = []
    opened = Store(store)
    index = opened.live.index
    fit = [photo for name in fit_files for photo in encode_photos(read_queries(grocery / name), index, store)]
    tasks.append(Task("Grocery", store, fit, encode_photos(read_queries(grocery / test_file), index, store), False))
    opened.close()
    opened = Store(hm)
    photos = encode_photos(read_queries(hm_queries(data, work / "hm-all.csv")), opened.live.index, hm)
    opened.close()
    development = [photo for photo in photos if half(photo.design) == 0]
    others = development if split == "validation" else [photo for photo in photos if half(photo.design) == 1]
    tasks.append(Task("H&M colours", hm, development, others, False))
    if split == "test":
        store = store_of("luma", data, work)
        opened = Store(store)
        views = encode_photos(holdout_queries(opened.live.index), opened.live.index, store)
        opened.close()
        tasks.append(Task("Luma views", store, views, views, True))
    return tasks


Retrieval = Callable[[Photo], list[tuple[str, float]]]


def create_retrieval(index: Index, task: Task) -> Retrieval:
    """Return a function photo -> (product id, score) of the first hundred, without the excluded; it caches answers."""
    prepared, answers = PreparedStrategy(strategy_named("pretrained")), {}

    def retrieve(photo: Photo) -> list[tuple[str, float]]:
        name = photo.query.photo
        if name not in answers:
            photos = PhotoConstraint(first_photos_only=task.first_photos)
            constraint = RankingConstraint(DEEP + len(photo.query.excluded), photos)
            ranked = prepared.rank(index, photo.vector, constraint).results
            answers[name] = [(r.product.id, r.score) for r in ranked if r.product.id not in photo.query.excluded]
        return answers[name]

    return retrieve


def create_answer(ranked: list[tuple[str, float]], photo: Photo, without_right: bool, present: bool) -> Answer:
    """Return the answer to a photo; ``without_right`` drops its right products as if they were absent."""
    kept = [(name, score) for name, score in ranked if not (without_right and name in photo.query.grades)]
    right = bool(kept) and kept[0][0] in photo.query.grades
    return Answer(tuple(score for _, score in kept[:REFERENCE]), right, present, photo.design)


def create_sample(ranked: list[tuple[str, float]], photo: Photo) -> CalibrationSample:
    """Return what calibration learns from the answer to a photo."""
    first = ranked[:REFERENCE]
    return CalibrationSample(
        tuple(score for _, score in first),
        tuple(name in photo.query.grades for name, _ in first),
        tuple(score for name, score in ranked if name not in photo.query.grades)[:REFERENCE],
        photo.design,
    )


def fit_whole(task: Task, retrieve: Retrieval, split: int) -> tuple[Calibration, list[Answer]]:
    """Fit to half of the designs, and answer the photos of the other half with and without their product."""
    samples = [create_sample(retrieve(photo), photo) for photo in task.fit if part_of(photo.design, split) < 3]
    calibration = fit_calibration(samples, Origin("pretrained", "", 0, ""))
    test_photos = [photo for photo in task.test if part_of(photo.design, split) >= 3]
    return calibration, [
        create_answer(retrieve(photo), photo, without, not without)
        for without in (False, True)
        for photo in test_photos
    ]


def fit_half_removed(task: Task, split: int, folder: Path) -> tuple[Calibration, list[Answer]]:
    """Remove half of the designs, fit to a third of all designs, and answer the photos of the rest."""
    shutil.rmtree(folder, ignore_errors=True)
    source = Store(task.store)
    write_backup(source, folder / "backup")
    source.close()
    restore(folder / "backup", folder / "store")
    store = Store(folder / "store")
    try:
        index = store.live.index
        removed_ids = [
            r.product.id for r in index.all_records() if part_of(r.product.group_id or r.product.id, split) < 3
        ]
        index.remove(removed_ids)
        retrieve = create_retrieval(index, task)
        samples = [
            create_sample(retrieve(photo), photo) for photo in task.fit if part_of(photo.design, split) in (3, 4)
        ]
        calibration = fit_calibration(samples, Origin("pretrained", "", 0, ""))
        test_photos = [photo for photo in task.test if part_of(photo.design, split) not in (3, 4)]
        answers = [
            create_answer(retrieve(photo), photo, False, part_of(photo.design, split) == 5) for photo in test_photos
        ]
        return calibration, answers
    finally:
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


def measure(calibration: Calibration, answers: list[Answer]) -> dict[str, Any]:
    """Return the errors of both probabilities, and the verdicts at each required precision."""
    present = np.array([item.present for item in answers])
    weights = np.where(present, 0.5 / max(present.sum(), 1), 0.5 / max((~present).sum(), 1))
    match = np.array([match_probabilities(calibration, item.scores[:1], item.scores)[0] for item in answers])
    absent = np.array([absent_probability(calibration, item.scores) for item in answers])
    right, designs = np.array([item.right for item in answers]), [item.design for item in answers]
    figures: dict[str, Any] = {
        "fitted to": (calibration.queries, calibration.clusters),
        "measured on": (int(present.sum()), int((~present).sum()), len(set(designs))),
        "match": calibration_error(match, right, designs, weights),
        "absent": calibration_error(absent, ~present, designs, weights),
        "auc": auc(absent[~present], absent[present]),
    }
    for precision in PRECISIONS:
        verdicts = np.array([verdict(calibration, m, a, precision) for m, a in zip(match, absent, strict=True)])
        exact, refused = verdicts == "exact", verdicts == "not-in-catalogue"
        figures[f"{precision}"] = {
            "right first results called exact, %": share(exact & right, right),
            "precision of exact, %": weighted_share(right, exact, weights),
            "absent products refused, %": share(refused & ~present, ~present),
            "right first results refused, %": share(refused & present & right, present & right),
            "present products refused, %": share(refused & present, present),
            "precision of refusals, %": weighted_share(~present, refused, weights),
        }
    return figures


def auc(positives: Any, negatives: Any) -> float:
    """Return the probability that a photo of an absent product has a higher value than one of a present product."""
    ranks = np.searchsorted(np.sort(negatives), positives, "left") + np.searchsorted(
        np.sort(negatives), positives, "right"
    )
    return float(ranks.mean() / 2 / len(negatives))


def share(selected: Any, among: Any) -> float | None:
    return float(selected.sum() / among.sum()) if among.any() else None


def weighted_share(true: Any, claimed: Any, weights: Any) -> float | None:
    return float((weights * (true & claimed)).sum() / (weights * claimed).sum()) if claimed.any() else None


def format_row(name: str, figures: list[dict[str, Any]]) -> str:
    """Return a row of the table: split 0 with its interval, then the median and range over all splits."""
    first = figures[0]
    cells = [f"{first['fitted to'][0]:,} / {first['fitted to'][1]}", " / ".join(map(str, first["measured on"]))]
    for kind in ("match", "absent"):
        estimate, values = first[kind], [figure[kind].value * 100 for figure in figures]
        included = sum(figure[kind].low <= 0.03 for figure in figures)
        spread = f"{np.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"
        cells.append(
            f"{percent_cell(estimate.value, estimate.low, estimate.high)}; {spread}; {included} of {len(values)}"
        )
    cells.append(f"{np.median([figure['auc'] for figure in figures]):.2f}")
    return f"| {name} | {' | '.join(cells)} |"


def format_claims(name: str, figures: list[dict[str, Any]]) -> list[str]:
    """Return a row per required precision: the mean of each figure, and the number of splits that have it."""
    lines = []
    for precision in PRECISIONS:
        cells = []
        for key in figures[0][f"{precision}"]:
            values = [v for figure in figures if (v := figure[f"{precision}"][key]) is not None]
            cells.append(f"{100 * float(np.mean(values)):.1f} ({len(values)})" if values else "–")
        lines.append(f"| {name} | {precision:.2f} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/")
    parser.add_argument("--work", type=Path, default=Path("evaluation-stores"), help="where stores are")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--splits", type=int, default=10)
    options = parser.parse_args()
    data, work = options.data.resolve(), options.work.resolve()
    rows, claims, figures_of_tasks = [], [], {}
    for task in load_tasks(data, work, options.split):
        store = Store(task.store)
        retrieve = create_retrieval(store.live.index, task)
        figures = {"whole": [measure(*fit_whole(task, retrieve, split)) for split in range(options.splits)]}
        store.close()
        if task.name != "Luma views":
            figures["half removed"] = []
            for split in range(options.splits):
                try:
                    figures["half removed"].append(measure(*fit_half_removed(task, split, work / "half")))
                except InvalidValue as problem:
                    print(f"{task.name}, split {split}: {problem}", flush=True)
        for kind, results in figures.items():
            if results:
                rows.append(format_row(f"{task.name}, {kind}", results))
                claims += format_claims(f"{task.name}, {kind}", results)
                figures_of_tasks[f"{task.name}, {kind}"] = results
    print(
        "| task | fitted to: photos / designs | measured on: photos with product / without product / designs "
        "| error of the match probability, %: split 0 (interval); median (range); splits whose interval includes 3 or "
        "less | error of the absence probability, % | AUC of the absence probability |\n|---|---|---|---|---|---|"
    )
    print("\n".join(rows))
    keys = list(next(iter(figures_of_tasks.values()))[0]["0.95"])
    print(f"\n| task | required precision | {' | '.join(keys)} |\n|---|---|{'---|' * len(keys)}")
    print("\n".join(claims))
    print(f"\n{machine_line('numpy', 'onnxruntime')}")
    (work / f"calibration-{options.split}.json").write_text(
        json.dumps(figures_of_tasks, indent=1, default=str), "utf-8"
    )


if __name__ == "__main__":
    main()
