"""What trained distances are worth: on products that were learned, and on those of which training saw nothing.

    python -m benchmarks.learning.metric --part losses --split dev --folder FOLDER
    python -m benchmarks.learning.metric --part grocery unseen views variants --split test --folder FOLDER
    python -m benchmarks.learning.metric --part grocery unseen --depth full --split test --folder FOLDER

``dev`` is for choices: Grocery's ``val.csv``, new products among the 55 that are not in ``grocery_unseen.txt``, and
queries of the groups of Luma and H&M whose SHA-256 begins with a byte below 128. ``test`` is everything, and
``test.csv``; it is read once. A head is trained as ``shoplens train look`` does: the step at which it is best is found
on watched photos of the training material, then one is trained on all of that material.

- ``losses``: every loss on Grocery, seeds 0 to 2.
- ``grocery``: learned from ``train.csv`` and 81 catalogue photos; shop photo -> catalogue photo, and 81 classes by
  the nearest photo and by the nearest class mean of all of them.
- ``unseen``: learned from the 55 other products; the 26 of ``grocery_unseen.txt`` among themselves.
- ``views``: Luma's further photos -> 417 first photos, five folds of parents: learned from other parents only.
- ``variants``: H&M, another colour of the same garment, five folds of garments: learned from other garments only.

With ``--depth full`` the network's end is trained, too, for all steps of its recipe, on all of the material at once;
how many steps was chosen on ``dev``. Photos are then seen by the network that would serve.

Stores are made in FOLDER when they are not there. 95 % intervals resample groups 1,000 times (seed 0).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.stores import embedder_of, store_of
from benchmarks.tables import default_data, machine_line, percent_cell
from shoplens.build.photo_features import extract_features, feature_model
from shoplens.embedders import EmbeddingHead
from shoplens.embedders.look import LookCard
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.queries import JudgedQuery, read_queries
from shoplens.evaluation.query_photos import QueryPhotos, open_query_vectors
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.filters.fitting.crossfit import fold_index
from shoplens.images import PhotoSource, decode_photo
from shoplens.settings import Settings
from shoplens.store.store import Store
from shoplens.training.data.samples import Samples
from shoplens.training.look import HEAD_RECIPES, LookOptions, TrainingData, collect_training_data, train_look_on
from shoplens.training.optimization.fine_tuning import TailTrainer
from shoplens.training.optimization.head_trainers import HeadTrainer
from shoplens.training.optimization.losses import LOSSES
from shoplens.types import Rejection, StageTimer

FOLDS, HOURS = 5, 1e6
UNSEEN = Path(__file__).parent / "grocery_unseen.txt"
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Of = Callable[[npt.NDArray[Any]], Floats]
"""Features -> vectors."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Query photos: features float16 (q, f), untouched vectors float32 (q, d), the product in each."""

    rows: npt.NDArray[np.float16]
    vectors: Floats
    products: npt.NDArray[Any]
    sources: Sequence[str]

    def some(self, chosen: Bools) -> Asked:
        sources = [source for source, is_chosen in zip(self.sources, chosen, strict=True) if is_chosen]
        return Asked(self.rows[chosen], self.vectors[chosen], self.products[chosen], sources)


@dataclass(frozen=True)
class Line:
    """A line of a table: R@1 and R@5 of queries in clusters."""

    name: str
    first: Bools
    five: Bools
    clusters: Sequence[str]

    def cells(self) -> list[str]:
        found = [self.name, f"{len(self.first):,}"]
        for hits in (self.first, self.five):
            one = estimate(hits.astype(float), self.clusters)
            found.append(percent_cell(one.value, one.low, one.high))
        return found


@contextmanager
def bench_of(folder: Path) -> Iterator[EvaluationContext]:
    settings = Settings()
    store = Store(folder)
    try:
        yield EvaluationContext(store, embedder_of(folder), PhotoSource(settings), settings)
    finally:
        store.close()


@contextmanager
def material(bench: EvaluationContext, options: LookOptions) -> Iterator[TrainingData]:
    with ExitStack() as opened:
        with bench.reading() as generation:
            found = collect_training_data(bench, generation, options, lambda told: None, opened)
        yield found


def only(whole: TrainingData, kept: Bools) -> TrainingData:
    """The material of some of its photos, bool (n,)."""
    samples = whole.samples
    rows = kept[samples.owners]
    number = np.cumsum(kept) - 1
    photos = tuple(photo for photo, is_kept in zip(samples.photos, kept, strict=True) if is_kept)
    part = Samples(photos, samples.rows[rows], number[samples.owners[rows]], samples.views[rows])
    return TrainingData(part, whole.baseline_vectors[rows], whole.maps)


def trained(whole: TrainingData, bench: EvaluationContext, options: LookOptions) -> tuple[Of, float]:
    """What a trained look makes of features, and the seconds that it took."""
    started = time.monotonic()
    look = train_look_on(whole, bench, replace(options, force=True), StageTimer()).look
    assert look is not None
    return lambda rows: look.embed(np.asarray(rows, np.float32)), time.monotonic() - started


@dataclass(frozen=True, eq=False)
class PreparedStrategy:
    """A trained look: vectors of query photos, and of photos of the material as they are."""

    look: EmbeddingHead
    bench: EvaluationContext
    samples: Samples

    def asked(self, asked: Asked) -> Floats:
        return self._served(asked.sources) if self.look.backbone else self.look.embed(asked.rows.astype(np.float32))

    def photos(self, photos: npt.NDArray[np.intp]) -> Floats:
        if self.look.backbone:
            return self._served([self.samples.photos[n].source for n in photos.tolist()])
        return self.look.embed(self.samples.rows[self.samples.original_rows[photos]].astype(np.float32))

    def _served(self, sources: Sequence[str]) -> Floats:
        """From the photos' bytes on, as a search does."""
        embedder, found = self.look.embedder_for(self.bench.embedder), []
        for source in sources:
            data = self.bench.source.bytes_of(source)
            pixels = decode_photo(data, self.bench.settings, shortest=embedder.min_side).pixels
            found.append(self.look.embed(extract_features(embedder, "photo", pixels).features[None])[0])
        return np.array(found)


def answering(
    whole: TrainingData, part: TrainingData, bench: EvaluationContext, options: LookOptions
) -> tuple[PreparedStrategy, float]:
    """A look that learned from a part of the material, and the seconds that it took."""
    started = time.monotonic()
    if options.depth == "head":
        look = train_look_on(part, bench, replace(options, force=True), StageTimer()).look
        assert look is not None
    else:
        assert part.maps is not None
        heads = HeadTrainer(bench, part.samples, HEAD_RECIPES[options.positives], options.positives, HOURS)
        made = (
            TailTrainer(bench, heads, part.maps, options.tail, HOURS).train_on_everything(options.tail.steps).export()
        )
        look = EmbeddingHead(made.network, LookCard(made.features, made.width, made.dimensions), None, made.backbone)
    return PreparedStrategy(look, bench, whole.samples), time.monotonic() - started


def asked_of(bench: EvaluationContext, file: Path) -> Asked:
    """The photos of a file of queries."""
    with (
        bench.reading() as generation,
        open_query_vectors(
            bench.store.folder / "evaluation" / "query-vectors.sqlite", feature_model(bench.embedder)
        ) as known,
    ):
        photos = QueryPhotos(generation.index, bench.embedder, bench.source, bench.settings, known)
        found = [one for one in photos.encode_all(read_queries(file)) if not isinstance(one, Rejection)]
    rows = np.array([photo.features for _, photo in found], np.float16)
    vectors = np.array([photo.vector for _, photo in found], np.float32)
    return Asked(rows, vectors, np.array([_product(query) for query, _ in found]), [query.photo for query, _ in found])


def _product(query: JudgedQuery) -> str:
    return next(iter(query.grades))


def found(name: str, queries: Floats, gallery: Floats, right: Bools, clusters: Sequence[str]) -> Line:
    """A line by cosine; ``right`` is bool (q, g)."""
    best = np.argsort(-(queries @ gallery.T), axis=1, kind="stable")[:, :5]
    hits = np.take_along_axis(right, best, axis=1)
    return Line(name, hits[:, 0], np.any(hits, axis=1), clusters)


def first_photos(samples: Samples) -> npt.NDArray[np.intp]:
    return np.flatnonzero([photo.is_first for photo in samples.photos])


def grocery(bench: EvaluationContext, options: argparse.Namespace) -> list[Line]:
    wanted = LookOptions(pairs=options.data / "grocery/train.csv", depth=options.depth)
    asked = asked_of(bench, options.data / f"grocery/{'test' if options.split == 'test' else 'val'}.csv")
    with material(bench, wanted) as whole:
        answer, seconds = answering(whole, whole, bench, wanted)
    print(f"grocery: trained in {seconds:.0f} s on {len(whole.samples.rows):,} rows", flush=True)
    samples = whole.samples
    gallery = first_photos(samples)
    names = np.array([photo.product for photo in samples.photos])
    clusters = asked.products.tolist()
    plain = samples.original_rows
    lines = []
    for name, mine, theirs in (
        ("pretrained", asked.vectors, whole.baseline_vectors[plain]),
        ("metric", answer.asked(asked), answer.photos(np.arange(len(plain)))),
    ):
        classes, number = np.unique(names, return_inverse=True)
        means = np.stack([theirs[number == one].mean(axis=0) for one in range(len(classes))])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        right = asked.products[:, None] == names[gallery]
        lines.append(found(f"{name}: catalogue photo", mine, theirs[gallery], right, clusters))
        lines.append(found(f"{name}: nearest photo", mine, theirs, asked.products[:, None] == names, clusters))
        lines.append(found(f"{name}: nearest class mean", mine, means, asked.products[:, None] == classes, clusters))
    return lines


def unseen(bench: EvaluationContext, options: argparse.Namespace) -> list[Line]:
    hidden = set(UNSEEN.read_text("utf-8").split())
    wanted = LookOptions(pairs=options.data / "grocery/train.csv", depth=options.depth)
    with material(bench, wanted) as whole:
        names = np.array([photo.product for photo in whole.samples.photos])
        splits = {"26 unseen": hidden} if options.split == "test" else development(names, hidden)
        lines = []
        for name, left_out in splits.items():
            part = only(whole, ~np.isin(names, [*left_out, *hidden]))
            answer, _ = answering(whole, part, bench, wanted)
            if options.split == "test":
                asked = asked_of(bench, options.data / "grocery/test.csv")
            else:
                shopper = np.flatnonzero([photo.is_shopper for photo in whole.samples.photos])
                rows = whole.samples.original_rows[shopper]
                sources = [whole.samples.photos[n].source for n in shopper.tolist()]
                asked = Asked(whole.samples.rows[rows], whole.baseline_vectors[rows], names[shopper], sources)
            asked = asked.some(np.isin(asked.products, [*left_out]))
            gallery = first_photos(whole.samples)
            gallery = gallery[np.isin(names[gallery], [*left_out])]
            before = whole.baseline_vectors[whole.samples.original_rows[gallery]]
            right, clusters = asked.products[:, None] == names[gallery], asked.products.tolist()
            lines.append(found(f"{name}: pretrained", asked.vectors, before, right, clusters))
            lines.append(found(f"{name}: metric", answer.asked(asked), answer.photos(gallery), right, clusters))
            print(f"{name}: {' | '.join(lines[-1].cells())}", flush=True)
    return lines


def development(names: npt.NDArray[Any], hidden: set[str]) -> dict[str, set[str]]:
    """Three times 18 of the 55 products that may be looked at."""
    seen = sorted({*names.tolist()} - hidden)

    def number(seed: int, name: str) -> str:
        return hashlib.sha256(f"{seed}{name}".encode()).hexdigest()

    return {f"split {n}": set(sorted(seen, key=lambda name, n=n: number(n, name))[:18]) for n in range(3)}  # type: ignore[misc]


def folded(bench: EvaluationContext, options: argparse.Namespace, positives: str) -> list[Line]:
    """Every group is asked by a head that learned from the groups of four other folds."""
    asked_for = LookOptions(positives=positives)  # type: ignore[arg-type]
    with material(bench, asked_for) as whole:
        pass
    samples, plain = whole.samples, whole.samples.original_rows
    groups = np.array([photo.group for photo in samples.photos])
    folds = np.array([fold_index(group, FOLDS) for group in groups])
    classes = np.array(samples.class_names(positives))
    gallery = first_photos(samples)
    counts = {name: int(n) for name, n in zip(*np.unique(classes, return_counts=True), strict=True)}
    is_first = np.array([photo.is_first for photo in samples.photos])
    can = ~is_first if positives == "product" else np.array([counts[name] > 1 for name in classes])
    if options.split == "dev":
        can &= np.array([hashlib.sha256(group.encode()).digest()[0] < 128 for group in groups])
    lines: dict[str, list[Line]] = {"pretrained": [], "metric": []}
    took = []
    for fold in range(FOLDS):
        of, seconds = trained(only(whole, folds != fold), bench, asked_for)
        took.append(seconds)
        queries = np.flatnonzero(can & (folds == fold))
        right = classes[queries, None] == classes[gallery]
        own = queries[:, None] == gallery if positives == "group" else np.zeros(right.shape, bool)
        for name, vectors in (("pretrained", whole.baseline_vectors[plain]), ("metric", of(samples.rows[plain]))):
            scores = vectors[queries] @ vectors[gallery].T
            scores[own] = -2
            best = np.argsort(-scores, axis=1, kind="stable")[:, :5]
            hits = np.take_along_axis(right & ~own, best, axis=1)
            lines[name].append(Line(name, hits[:, 0], np.any(hits, axis=1), groups[queries].tolist()))
    print(f"{positives}: trained in {np.median(took):.0f} s a fold on {len(samples.rows):,} rows", flush=True)
    return [joined(name, parts) for name, parts in lines.items()]


def joined(name: str, parts: Sequence[Line]) -> Line:
    clusters = [cluster for part in parts for cluster in part.clusters]
    return Line(
        name, np.concatenate([part.first for part in parts]), np.concatenate([part.five for part in parts]), clusters
    )


def losses(bench: EvaluationContext, options: argparse.Namespace) -> list[Line]:
    """Every loss: known products by ``val.csv``, and new ones of the first development split; three seeds together."""
    hidden = set(UNSEEN.read_text("utf-8").split())
    pairs = LookOptions(pairs=options.data / "grocery/train.csv")
    with material(bench, pairs) as whole:
        pass
    asked = asked_of(bench, options.data / "grocery/val.csv")
    samples, plain = whole.samples, whole.samples.original_rows
    names = np.array([photo.product for photo in samples.photos])
    new = development(names, hidden)["split 0"]
    gallery = first_photos(samples)
    shopper = np.flatnonzero([photo.is_shopper and photo.product in new for photo in samples.photos])
    few = gallery[np.isin(names[gallery], [*new])]
    lines = []
    for loss in LOSSES:
        known, others, took = [], [], []
        for seed in range(3):
            recipe = replace(HEAD_RECIPES["product"], loss=loss)
            of, seconds = trained(whole, bench, LookOptions(seed=seed, recipe=recipe))
            took.append(seconds)
            right = asked.products[:, None] == names[gallery]
            known.append(found(loss, of(asked.rows), of(samples.rows[plain[gallery]]), right, asked.products.tolist()))
            of, _ = trained(only(whole, ~np.isin(names, [*new, *hidden])), bench, LookOptions(seed=seed, recipe=recipe))
            right = names[shopper, None] == names[few]
            rows = samples.rows[plain[shopper]], samples.rows[plain[few]]
            others.append(found(loss, of(rows[0]), of(rows[1]), right, names[shopper].tolist()))
        lines.append(joined(f"{loss}: known, val ({np.median(took):.0f} s)", known))
        lines.append(joined(f"{loss}: new, 18 products", others))
        print(" | ".join(lines[-2].cells() + lines[-1].cells()), flush=True)
    return lines


PARTS: dict[str, tuple[str, Callable[[EvaluationContext, argparse.Namespace], list[Line]]]] = {
    "losses": ("grocery", losses),
    "grocery": ("grocery", grocery),
    "unseen": ("grocery", unseen),
    "views": ("luma", lambda bench, options: folded(bench, options, "product")),
    "variants": ("hm", lambda bench, options: folded(bench, options, "group")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default_data(), help="folder that holds grocery/, luma/, hm/")
    parser.add_argument("--folder", type=Path, default=Path("evaluation-stores"), help="where stores go")
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--depth", choices=["head", "full"], default="head", help="full: grocery and unseen only")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=[*PARTS])
    options = parser.parse_args()
    options.data, options.folder = options.data.resolve(), options.folder.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    for part in options.part:
        catalogue, measure = PARTS[part]
        with bench_of(store_of(catalogue, options.data, options.folder)) as bench:
            lines = measure(bench, options)
        print(f"\n| {part}, {options.split} | queries | R@1 | R@5 |\n|---|---|---|---|")
        print("\n".join(f"| {' | '.join(line.cells())} |" for line in lines))
        if len(lines) == 2:
            one = paired_difference(lines[1].first.astype(float), lines[0].first.astype(float), lines[0].clusters)
            low, high = 100 * one.difference.low, 100 * one.difference.high
            print(f"\nR@1 {100 * one.difference.value:+.1f} ({low:+.1f} to {high:+.1f}), p = {one.p:.4f}")
        told = {line.name: [float(line.first.mean()), float(line.five.mean())] for line in lines}
        depth = "-full" if options.depth == "full" else ""
        (options.folder / f"{part}-{options.split}{depth}.json").write_text(json.dumps(told, indent=1), "utf-8")
    print(f"\n{machine_line('onnxruntime', 'numpy', 'torch', 'pytorch-metric-learning')}")


if __name__ == "__main__":
    main()
