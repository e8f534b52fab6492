"""Which backbone, how photos are fitted into its square, and which projection: the table that chose the shipped model.

    python tools/export_backbone.py --variant 0 --out models/lite0.onnx      # and 1 and 2, without a projection
    python -m benchmarks.quality.backbones --models models --data ../shared/data
    python -m benchmarks.quality.backbones --shipped --split test --data ../shared/data

Everything is chosen on validation data: Grocery ``val.csv`` (shop photo -> catalogue photo), Luma's further views ->
first photos, and H&M photos -> another colour of the same garment; of the last two, the queries of the half of the
groups whose SHA-256 is even. Projections are fitted on the photos of ``tools/fit_projection.py``, which are none of
these. The second command reads the test figures of the shipped model, once: intervals hold 95 % of 1,000 resamples of
the queries, or of the garments where several queries share one.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.stores import half
from benchmarks.tables import default_data, interval, machine_line, percent_cell, spread
from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.card import ModelCard
from shoplens.embedders.preprocessing import FITS, network_input
from shoplens.feeds import read_feed
from shoplens.images import decode_photo
from shoplens.settings import Settings
from shoplens.types import Product

FITTER = Path(__file__).parents[2] / "tools" / "fit_projection.py"
DIMENSIONS, POWERS, SHIPPED_PROJECTION = (128, 256, 384), (0.0, -0.1, -0.2, -0.5), "PCA 256, power -0.2"
Floats = npt.NDArray[np.float32]
Hits = npt.NDArray[np.bool_]
Item = TypeVar("Item")
RANKS = (1, 5)


@dataclass(frozen=True)
class Task:
    """Queries against a gallery; a hit is a gallery photo with the query's answer.

    Attributes:
        gallery, queries: photos, absolute paths.
        gallery_answers, answers: what each shows: a product or a group.
        clusters: queries with the same one are resampled together.
    """

    name: str
    gallery: tuple[Path, ...]
    gallery_answers: tuple[str, ...]
    queries: tuple[Path, ...]
    answers: tuple[str, ...]
    clusters: tuple[str, ...]

    def limit(self, count: int) -> Task:
        """The first ``count`` queries and what can answer them, to try the script; 0 keeps all."""
        if not count:
            return self
        answers = self.answers[:count]
        kept = [pair for pair in zip(self.gallery, self.gallery_answers, strict=True) if pair[1] in answers]
        gallery, gallery_answers = zip(*kept, strict=True)
        queries, clusters = self.queries[:count], self.clusters[:count]
        return Task(f"{self.name}, cut", gallery, gallery_answers, queries, answers, clusters)


def products_of(feed: Path, media: Path | None = None) -> list[Product]:
    with read_feed(feed, media=media) as read:
        return [item for item in read if isinstance(item, Product)]


def grocery(data: Path, split: str) -> Task:
    folder = data / "grocery"
    products = products_of(folder / "catalogue.jsonl")
    with (folder / f"{split}.csv").open(encoding="utf-8", newline="") as lines:
        rows = [(folder / row["photo"], row["product_id"]) for row in csv.DictReader(lines)]
    gallery = tuple(Path(product.photos[0]) for product in products)
    photos, answers = zip(*rows, strict=True)
    names = tuple(str(photo) for photo in photos)
    return Task(f"Grocery {split}", gallery, tuple(product.id for product in products), photos, answers, names)


def luma(data: Path, halves: tuple[int, ...]) -> Task:
    """A product's further views against all first photos; the product counts, colour included."""
    products = products_of(data / "luma/products.csv", data / "luma/media")
    asked = [product for product in products if half(product.group_id or product.id) in halves]
    views = [(Path(photo), product.id) for product in asked for photo in product.photos[1:]]
    photos, answers = zip(*views, strict=True)
    gallery = tuple(Path(product.photos[0]) for product in products)
    names = tuple(str(photo) for photo in photos)
    return Task(f"Luma views, {_named(halves)}", gallery, tuple(p.id for p in products), photos, answers, names)


def hm(data: Path, halves: tuple[int, ...]) -> Task:
    """A garment against all other articles; another colour of the same garment counts."""
    products = products_of(data / "hm/feed.tsv")
    groups = [product.group_id or product.id for product in products]
    sizes = Counter(groups)
    asked = [n for n, group in enumerate(groups) if sizes[group] > 1 and half(group) in halves]
    gallery = tuple(Path(product.photos[0]) for product in products)
    answers = tuple(groups[number] for number in asked)
    queries = tuple(gallery[number] for number in asked)
    return Task(f"H&M colours, {_named(halves)}", gallery, tuple(groups), queries, answers, answers)


def _named(halves: tuple[int, ...]) -> str:
    names: dict[tuple[int, ...], str] = {(0,): "development half", (1,): "other half"}
    return names.get(halves, "all")


def ranking_tasks(data: Path, split: str, limit: int) -> list[Task]:
    if split == "validation":
        tasks = [grocery(data, "val"), luma(data, (0,)), hm(data, (0,))]
    else:
        tasks = [grocery(data, "test"), luma(data, (0, 1)), luma(data, (1,)), hm(data, (0, 1)), hm(data, (1,))]
    return [task.limit(limit) for task in tasks]


def hits(task: Task, vectors: dict[Path, Floats], query_vectors: dict[Path, Floats] | None = None) -> Hits:
    """bool (queries, 5): whether the answer is at that rank, the query's own photo left out; ties in gallery order."""
    gallery = np.stack([vectors[photo] for photo in task.gallery])
    queries = np.stack([(query_vectors or vectors)[photo] for photo in task.queries])
    similarity = queries @ gallery.T
    places = {photo: place for place, photo in enumerate(task.gallery)}
    for number, photo in enumerate(task.queries):
        if photo in places:
            similarity[number, places[photo]] = -np.inf
    best = np.argsort(-similarity, axis=1, kind="stable")[:, : max(RANKS)]
    found: Hits = np.asarray(task.gallery_answers)[best] == np.asarray(task.answers)[:, None]
    return found


def recalls(found: Hits) -> dict[int, Floats]:
    """k -> per query 1.0 where the answer is among the first k."""
    return {k: np.asarray(found[:, :k].any(axis=1), np.float32) for k in RANKS}


def unit(vectors: Any) -> Floats:
    rows = np.asarray(vectors, np.float32)
    lengths: Floats = np.linalg.norm(rows, axis=-1, keepdims=True)
    normed: Floats = rows / lengths
    return normed


def session_of(model: Path, threads: int = 1) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def card_of(session: Any, fit: str = "squash") -> ModelCard:
    return ModelCard("bare", session.get_inputs()[0].shape[1], fit, layout="NHWC", dtype="uint8")  # type: ignore[arg-type]


def features_of(model: Path, fit: str, photos: Sequence[Path], data: Path, cache: Path) -> Floats:
    """float32 (photos, 1280), from the cache as far as they are there: one file per model, fit and content of it."""
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:12]
    path = cache / f"{model.stem}-{digest}-{fit}.npz"
    known: dict[str, Floats] = {}
    if path.is_file():
        with np.load(path) as stored:
            known = dict(zip(stored["photos"].tolist(), stored["features"], strict=True))
    names = [str(photo.relative_to(data)) for photo in photos]
    missing = [name for name in dict.fromkeys(names) if name not in known]
    if missing:
        session = session_of(model)
        card, settings = card_of(session, fit), Settings()

        def features(name: str) -> Floats:
            picture = decode_photo((data / name).read_bytes(), settings, shortest=card.side)
            found: Floats = session.run(["features"], {"photos": network_input(picture.pixels, card)[None]})[0][0]
            return found

        known |= zip(missing, mapped(features, missing, f"{model.stem}, {fit}"), strict=True)
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, photos=np.array(list(known)), features=np.stack(list(known.values())))
        partial.replace(path)
    return np.stack([known[name] for name in names])


def mapped(make: Callable[[Item], Floats], items: Sequence[Item], what: str) -> list[Floats]:
    """``make`` of every item, a photo per core at once; tells how far it is."""
    done = []
    with ThreadPoolExecutor(Settings().cores) as pool:
        for number, made in enumerate(pool.map(make, items), start=1):
            done.append(made)
            if number % 500 == 0 or number == len(items):
                print(f"{what}: {number} of {len(items)} photos", file=sys.stderr, flush=True)
    return done


def projections(fitting: Floats) -> dict[str, Callable[[Floats], Floats]]:
    """Name -> what turns features into unit vectors; fitted as in ``tools/fit_projection.py``."""
    exact = fitting.astype(np.float64)
    mean = exact.mean(axis=0)
    _, singular, rows = np.linalg.svd(exact - mean, full_matrices=False)
    made: dict[str, Callable[[Floats], Floats]] = {"raw 1280": unit, "centred 1280": lambda found: unit(found - mean)}
    for dimensions in DIMENSIONS:
        for power in POWERS:
            scales = (singular[:dimensions] ** 2 / singular[0] ** 2) ** power
            matrix = (rows[:dimensions] * scales[:, None]).T
            made[f"PCA {dimensions}, power {power:g}"] = lambda found, m=matrix: unit((found - mean) @ m)  # type: ignore[misc]
    return made


def fitting_photos(data: Path) -> list[Path]:
    """Those of ``tools/fit_projection.py``."""
    spec = importlib.util.spec_from_file_location("fit_projection", FITTER)
    if spec is None or spec.loader is None:
        raise SystemExit(f"There is no {FITTER}.")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    photos: list[Path] = tool.fitting_photos(data)
    return photos


def milliseconds(models: Sequence[Path], photo: Path, rounds: int) -> dict[str, list[float]]:
    """Model -> milliseconds of one pass on one thread; the models take turns."""
    turns = []
    for model in models:
        session = session_of(model)
        card = card_of(session)
        pixels = network_input(decode_photo(photo.read_bytes(), Settings(), shortest=card.side).pixels, card)[None]
        session.run(["features"], {"photos": pixels})
        turns.append((model.stem, session, pixels))
    times: dict[str, list[float]] = {name: [] for name, _, _ in turns}
    for number in range(rounds):
        for name, session, pixels in turns[number % len(turns) :] + turns[: number % len(turns)]:
            started = time.perf_counter()
            session.run(["features"], {"photos": pixels})
            times[name].append((time.perf_counter() - started) * 1e3)
    return times


Scores = dict[str, dict[str, tuple[float, float]]]
"""projection -> task -> R@1, R@5 in percent"""


def scores_of(model: Path, fit: str, tasks: Sequence[Task], options: argparse.Namespace) -> Scores:
    fitting = fitting_photos(options.data)
    fitting = fitting[:: max(1, len(fitting) // max(600, 10 * options.limit))] if options.limit else fitting
    photos = list(dict.fromkeys([*fitting, *(photo for task in tasks for photo in (*task.gallery, *task.queries))]))
    features = features_of(model, fit, photos, options.data, options.cache)
    scores: Scores = {}
    for name, project in projections(features[: len(fitting)]).items():
        vectors = dict(zip(photos, project(features), strict=True))
        for task in tasks:
            found = recalls(hits(task, vectors))
            scores.setdefault(name, {})[task.name] = (100 * float(found[1].mean()), 100 * float(found[5].mean()))
    return scores


def backbone_tables(found: dict[tuple[str, str], Scores], times: dict[str, list[float]], models: Sequence[Path]) -> str:
    """Three tables: backbones, fits, and the projections of the backbone in ``models[-1]``."""
    (first, *_), shown = times.values(), ("raw 1280", "centred 1280", SHIPPED_PROJECTION)
    tasks = list(next(iter(next(iter(found.values())).values())))
    head = " | ".join(f"{task}: R@1 / R@5" for task in tasks)
    rule = "---|" * len(tasks)
    lines = [
        f"| backbone | MB | ms, one thread: median (p25-p75) | / first | projection | {head} |",
        "|---|---|---|---|---|" + rule,
    ]
    for model in models:
        ratio = np.median(np.divide(times[model.stem], first))
        for name in shown:
            cost = f"{model.stat().st_size / 1e6:.1f} | {spread(times[model.stem], 1)} | {ratio:.2f}"
            lines.append(f"| {model.stem} | {cost} | {name} | {_cells(found[model.stem, 'squash'][name], tasks)} |")
    if fitted := [name for name, fit in found if fit != "squash"]:
        lines += ["", f"| fit | backbone | projection | {head} |", "|---|---|---|" + rule]
        for (model_name, fit), scores in found.items():
            if model_name in fitted:
                lines += [f"| {fit} | {model_name} | {name} | {_cells(scores[name], tasks)} |" for name in shown[::2]]
    lines += ["", f"| projection of {models[-1].stem}, squash | {head} | mean R@1 |", "|---|" + rule + "---|"]
    for name, scores_by_task in found[models[-1].stem, "squash"].items():
        mean = np.mean([scores_by_task[task][0] for task in tasks])
        lines.append(f"| {name} | {_cells(scores_by_task, tasks)} | {mean:.1f} |")
    return "\n".join(lines)


def _cells(scores: dict[str, tuple[float, float]], tasks: Sequence[str]) -> str:
    return " | ".join(f"{scores[task][0]:.1f} / {scores[task][1]:.1f}" for task in tasks)


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """Compare backbones, fits and projections on validation data."""
    models = [options.models / f"{name}.onnx" for name in options.names]
    tasks = ranking_tasks(options.data, "validation", options.limit)
    found = {
        (model.stem, fit): scores_of(model, fit, tasks, options)
        for model in models
        for fit in ("squash", *(fit for fit in options.fits if fit != "squash" and model.stem in options.fitted))
    }
    times = milliseconds(models, tasks[0].queries[0], options.rounds)
    print("; ".join(f"{task.name}: {len(task.queries)} queries, {len(task.gallery)} in the gallery" for task in tasks))
    print(f"\n{backbone_tables(found, times, models)}\n\n{machine_line('onnxruntime', 'numpy', 'pillow')}")
    return {"scores": {" ".join(key): scores for key, scores in found.items()}, "ms": times}


def shipped(options: argparse.Namespace) -> dict[str, Any]:
    """R@1 and R@5 of the shipped model, each photo prepared as indexing or searching prepares it."""
    embedder, settings = OnnxEmbedder(threads=1), Settings()

    def vector(photo: Path, shortest: int | None) -> Floats:
        pixels = decode_photo(photo.read_bytes(), settings, shortest=shortest).pixels
        found: Floats = embed_photos(embedder, ["photo"], [pixels]).vectors[0]
        return found

    tasks, rows = ranking_tasks(options.data, options.split, options.limit), []
    galleries = list(dict.fromkeys(photo for task in tasks for photo in task.gallery))
    queries = list(dict.fromkeys(photo for task in tasks for photo in task.queries))
    stored = dict(zip(galleries, mapped(lambda photo: vector(photo, None), galleries, "gallery"), strict=True))
    asked = dict(zip(queries, mapped(lambda photo: vector(photo, embedder.min_side), queries, "queries"), strict=True))
    print("| shipped model | queries | gallery | R@1 (95 % interval) | R@5 (95 % interval) |\n|---|---|---|---|---|")
    for task in tasks:
        row: dict[str, Any] = {"task": task.name, "queries": len(task.queries), "gallery": len(task.gallery)}
        for k, values in recalls(hits(task, stored, asked)).items():
            row[f"R@{k}"] = (float(values.mean()), *interval(values, task.clusters, options.seed))
        cells = " | ".join(percent_cell(*row[f"R@{k}"]) for k in RANKS)
        print(f"| {task.name} | {len(task.queries):,} | {len(task.gallery):,} | {cells} |")
        rows.append(row)
    print(f"\nModel {embedder.model}. {machine_line('onnxruntime', 'numpy', 'pillow')}")
    return {"model": embedder.model, "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of bare exports, NAME.onnx")
    parser.add_argument(
        "--names", nargs="+", default=["lite0", "lite1", "lite2"], help="models; the last is the choice"
    )
    parser.add_argument("--fits", nargs="+", choices=FITS, default=list(FITS))
    parser.add_argument("--fitted", nargs="*", default=["lite0", "lite2"], help="models that are tried with every fit")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "shoplens-backbones")
    parser.add_argument("--rounds", type=int, default=60, help="forward passes that are timed, per model")
    parser.add_argument("--shipped", action="store_true", help="evaluate the shipped model instead")
    parser.add_argument("--split", choices=["validation", "test"], default="validation", help="for --shipped")
    parser.add_argument("--limit", type=int, default=0, help="queries per task, to try the script; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.data = options.data.resolve()
    told = shipped(options) if options.shipped else chosen(options)
    if options.json:
        options.json.write_text(json.dumps(told, indent=1), "utf-8")


if __name__ == "__main__":
    main()
