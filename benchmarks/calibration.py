"""Whether match probabilities are true, and what may be claimed by them, on products that they were not fitted to.

    python benchmarks/calibration.py --data ../shared/data --work FOLDER --splits 10 --split validation
    python benchmarks/calibration.py --data ../shared/data --work FOLDER --splits 10 --split test

FOLDER holds the stores of ``benchmarks/evaluation.py``, or they are made. A design (a group, or a product without one)
is put into one of six parts by a hash of its name and the number of the split. *Whole*: the whole catalogue is
searched; fitted to photos of parts 0 to 2, measured on photos of parts 3 to 5, once as they are and once as if their
product were not there. *Half removed*: parts 0 to 2 are really removed from a copy of the store; fitted to photos of
parts 3 and 4, measured on photos of part 5 (there) and of parts 0 to 2 (not there), weighted to half and half.

Grocery: fitted to photos of train.csv and val.csv, measured on those of test.csv (for validation: fitted to train.csv,
measured on val.csv). H&M: colour variants, the query's own article excluded; for validation the garments whose SHA-256
is even, else fitted to these and measured on the others. Luma (test only): held-out views, too few for more than a
look.
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

from backbones import half
from evaluation import hm_queries, store_of
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
from tables import default_data, machine_line, percent_cell

PARTS = 6
PRECISIONS = (0.95, 0.9, 0.8)
DEEP = 100


@dataclass(frozen=True)
class Photo:
    """A judged query, embedded; ``design`` is what it shows."""

    query: JudgedQuery
    vector: EncodedQuery
    design: str


@dataclass(frozen=True)
class Task:
    """A store, the photos to fit to and those to measure on.

    Attributes:
        first_photos: whether further photos are left out of the gallery.
    """

    name: str
    store: Path
    fit: Sequence[Photo]
    test: Sequence[Photo]
    first_photos: bool


@dataclass(frozen=True)
class Answer:
    """First scores of an answer; whether the first is right, and whether any could be."""

    scores: tuple[float, ...]
    right: bool
    there: bool
    design: str


def part(design: str, split: int) -> int:
    return int(hashlib.sha256(f"{split} {design}".encode()).hexdigest(), 16) % PARTS


def photos_of(queries: Iterable[Any], index: Index, store: Path) -> list[Photo]:
    settings, embedder = Settings(), OnnxEmbedder(threads=1)
    with open_query_vectors(store / "evaluation" / "query-vectors.sqlite", feature_model(embedder)) as vectors:
        embedding = QueryPhotos(index, embedder, PhotoSource(settings), settings, vectors)
        found = []
        for item in embedding.encode_all(queries):
            if isinstance(item, tuple):
                query, vector = item
                (record, *_) = index.records([next(iter(query.grades))])
                design = record.product.group_id or record.product.id
                found.append(Photo(query, EncodedQuery(vector.vector), design))
        return found


def tasks(data: Path, work: Path, split: str) -> list[Task]:
    grocery, hm = data / "grocery", store_of("hm", data, work)
    fit_files = ["train.csv"] if split == "validation" else ["train.csv", "val.csv"]
    test_file = "val.csv" if split == "validation" else "test.csv"
    store = store_of("grocery", data, work)
    made = []
    opened = Store(store)
    index = opened.live.index
    fit = [photo for name in fit_files for photo in photos_of(read_queries(grocery / name), index, store)]
    made.append(Task("Grocery", store, fit, photos_of(read_queries(grocery / test_file), index, store), False))
    opened.close()
    opened = Store(hm)
    every = photos_of(read_queries(hm_queries(data, work / "hm-all.csv")), opened.live.index, hm)
    opened.close()
    development = [photo for photo in every if half(photo.design) == 0]
    others = development if split == "validation" else [photo for photo in every if half(photo.design) == 1]
    made.append(Task("H&M colours", hm, development, others, False))
    if split == "test":
        store = store_of("luma", data, work)
        opened = Store(store)
        views = photos_of(holdout_queries(opened.live.index), opened.live.index, store)
        opened.close()
        made.append(Task("Luma views", store, views, views, True))
    return made


Retrieved = Callable[[Photo], list[tuple[str, float]]]


def retrieved_from(index: Index, task: Task) -> Retrieved:
    """Photo -> (product id, score) of the first hundred, without the excluded; remembered."""
    prepared, known = PreparedStrategy(strategy_named("pretrained")), {}

    def retrieved(photo: Photo) -> list[tuple[str, float]]:
        name = photo.query.photo
        if name not in known:
            photos = PhotoConstraint(first_photos_only=task.first_photos)
            constraint = RankingConstraint(DEEP + len(photo.query.excluded), photos)
            found = prepared.rank(index, photo.vector, constraint).results
            known[name] = [(r.product.id, r.score) for r in found if r.product.id not in photo.query.excluded]
        return known[name]

    return retrieved


def answer(found: list[tuple[str, float]], photo: Photo, without: bool, there: bool) -> Answer:
    kept = [(name, score) for name, score in found if not (without and name in photo.query.grades)]
    right = bool(kept) and kept[0][0] in photo.query.grades
    return Answer(tuple(score for _, score in kept[:REFERENCE]), right, there, photo.design)


def sample(found: list[tuple[str, float]], photo: Photo) -> CalibrationSample:
    first = found[:REFERENCE]
    return CalibrationSample(
        tuple(score for _, score in first),
        tuple(name in photo.query.grades for name, _ in first),
        tuple(score for name, score in found if name not in photo.query.grades)[:REFERENCE],
        photo.design,
    )


def whole(task: Task, retrieved: Retrieved, split: int) -> tuple[Calibration, list[Answer]]:
    """Fitted to half of the designs, measured on the other half, there and taken out."""
    samples = [sample(retrieved(photo), photo) for photo in task.fit if part(photo.design, split) < 3]
    calibration = fit_calibration(samples, Origin("pretrained", "", 0, ""))
    asked = [photo for photo in task.test if part(photo.design, split) >= 3]
    return calibration, [
        answer(retrieved(photo), photo, without, not without) for without in (False, True) for photo in asked
    ]


def removed(task: Task, split: int, folder: Path) -> tuple[Calibration, list[Answer]]:
    """Half of the designs really removed; fitted to a third of them, measured on the rest."""
    shutil.rmtree(folder, ignore_errors=True)
    source = Store(task.store)
    write_backup(source, folder / "backup")
    source.close()
    restore(folder / "backup", folder / "store")
    store = Store(folder / "store")
    try:
        index = store.live.index
        gone = [r.product.id for r in index.all_records() if part(r.product.group_id or r.product.id, split) < 3]
        index.remove(gone)
        retrieved = retrieved_from(index, task)
        samples = [sample(retrieved(photo), photo) for photo in task.fit if part(photo.design, split) in (3, 4)]
        calibration = fit_calibration(samples, Origin("pretrained", "", 0, ""))
        asked = [photo for photo in task.test if part(photo.design, split) not in (3, 4)]
        answers = [answer(retrieved(photo), photo, False, part(photo.design, split) == 5) for photo in asked]
        return calibration, answers
    finally:
        store.close()
        shutil.rmtree(folder, ignore_errors=True)


def measured(calibration: Calibration, answers: list[Answer]) -> dict[str, Any]:
    """Errors of the two probabilities, and what is claimed at each precision."""
    there = np.array([one.there for one in answers])
    weights = np.where(there, 0.5 / max(there.sum(), 1), 0.5 / max((~there).sum(), 1))
    match = np.array([match_probabilities(calibration, one.scores[:1], one.scores)[0] for one in answers])
    absent = np.array([absent_probability(calibration, one.scores) for one in answers])
    right, designs = np.array([one.right for one in answers]), [one.design for one in answers]
    told: dict[str, Any] = {
        "fitted to": (calibration.queries, calibration.clusters),
        "measured on": (int(there.sum()), int((~there).sum()), len(set(designs))),
        "match": calibration_error(match, right, designs, weights),
        "absent": calibration_error(absent, ~there, designs, weights),
        "auc": auc(absent[~there], absent[there]),
    }
    for precision in PRECISIONS:
        said = np.array([verdict(calibration, m, a, precision) for m, a in zip(match, absent, strict=True)])
        exact, refused = said == "exact", said == "not-in-catalogue"
        told[f"{precision}"] = {
            "exact: share of right first results": share(exact & right, right),
            "exact: true": weighted(right, exact, weights),
            "absent refused": share(refused & ~there, ~there),
            "good answers lost": share(refused & there & right, there & right),
            "present refused": share(refused & there, there),
            "refused: true": weighted(~there, refused, weights),
        }
    return told


def auc(positives: Any, negatives: Any) -> float:
    """Probability that a photo of an absent product is thought absent more than one of a present product."""
    ranks = np.searchsorted(np.sort(negatives), positives, "left") + np.searchsorted(
        np.sort(negatives), positives, "right"
    )
    return float(ranks.mean() / 2 / len(negatives))


def share(part_of: Any, whole_of: Any) -> float | None:
    return float(part_of.sum() / whole_of.sum()) if whole_of.any() else None


def weighted(true: Any, said: Any, weights: Any) -> float | None:
    return float((weights * (true & said)).sum() / (weights * said).sum()) if said.any() else None


def told_of(name: str, figures: list[dict[str, Any]]) -> str:
    """A row: the first split with its intervals, then the median and range over all splits."""
    first = figures[0]
    cells = [f"{first['fitted to'][0]:,} / {first['fitted to'][1]}", " / ".join(map(str, first["measured on"]))]
    for kind in ("match", "absent"):
        one, values = first[kind], [figure[kind].value * 100 for figure in figures]
        holds = sum(figure[kind].low <= 0.03 for figure in figures)
        spread = f"{np.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"
        cells.append(f"{percent_cell(one.value, one.low, one.high)}; {spread}; {holds} of {len(values)}")
    cells.append(f"{np.median([figure['auc'] for figure in figures]):.2f}")
    return f"| {name} | {' | '.join(cells)} |"


def claims_of(name: str, figures: list[dict[str, Any]]) -> list[str]:
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
    rows, claims, every = [], [], {}
    for task in tasks(data, work, options.split):
        store = Store(task.store)
        retrieved = retrieved_from(store.live.index, task)
        figures = {"whole": [measured(*whole(task, retrieved, split)) for split in range(options.splits)]}
        store.close()
        if task.name != "Luma views":
            figures["half removed"] = []
            for split in range(options.splits):
                try:
                    figures["half removed"].append(measured(*removed(task, split, work / "half")))
                except InvalidValue as problem:
                    print(f"{task.name}, split {split}: {problem}", flush=True)
        for kind, found in figures.items():
            if found:
                rows.append(told_of(f"{task.name}, {kind}", found))
                claims += claims_of(f"{task.name}, {kind}", found)
                every[f"{task.name}, {kind}"] = found
    print(
        "| task | fitted to: photos / designs | measured on: there / not there / designs | error of the match "
        "probability, %: split 0 (interval); median (range); intervals that hold 3 or less | the same of absence "
        "| AUC of absence |\n|---|---|---|---|---|---|"
    )
    print("\n".join(rows))
    keys = list(next(iter(every.values()))[0]["0.95"])
    print(f"\n| task | precision asked | {' | '.join(keys)} |\n|---|---|{'---|' * len(keys)}")
    print("\n".join(claims))
    print(f"\n{machine_line('numpy', 'onnxruntime')}")
    (work / f"calibration-{options.split}.json").write_text(json.dumps(every, indent=1, default=str), "utf-8")


if __name__ == "__main__":
    main()
