"""Training a classifier on one screen: photos -> features -> a softmax asked on held-out photos -> the one to take.

As with a look, two are trained: the first does not see all photos and is asked with the rest; the second, trained for
as many steps, sees everything and serves. There are no new products to hold out: it could not find them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders import ProductClassifier
from shoplens.embedders.classifier import ClassifierCard
from shoplens.embedders.look import TOLD_DIGITS
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import Estimate, Growth, LeftOut, plain
from shoplens.evaluation.statistics.intervals import estimate
from shoplens.feeds import Report
from shoplens.store.files.atomic import disk_errors_told, timestamp
from shoplens.training.data.feature_pass import times_for
from shoplens.training.data.samples import Bools, Ints, SamplePhoto, Samples
from shoplens.training.growth_cost import growth
from shoplens.training.holdout import KNOWN, Questions, plan, ranks
from shoplens.training.look import Depth, FilterTrainingData, LookOptions, check_training, material_of
from shoplens.training.optimization.classifier_trainers import (
    ClassifierTeacher,
    LearnedClassifier,
    SoftmaxLessons,
    TunedClassifierLessons,
    output_ranks,
)
from shoplens.training.optimization.fine_tuning import TailRecipe
from shoplens.training.optimization.head import unit
from shoplens.training.optimization.softmax_head import SoftmaxRecipe
from shoplens.training.optimization.training_loop import torch_module
from shoplens.types import StageTimer

LEAST_PRODUCTS = 2
MOST_SHOWN = 24
RECALLS = (1, 5)


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What is trained.

    Attributes:
        pairs: file of shoppers' photos; None learns from the catalogue alone.
        depth: as in :class:`~shoplens.training.look.LookOptions`.
        budget: seconds that training may take; None leaves it the time that it takes.
        recipe: how the softmax is trained.
        tail: how the network's end is trained.
        seed: of everything that is drawn.
        again: how often each photo is taken again; None leaves it to how many there are.
    """

    pairs: Path | None = None
    depth: Depth = "head"
    budget: float | None = None
    recipe: SoftmaxRecipe = field(default_factory=SoftmaxRecipe)
    tail: TailRecipe = field(default_factory=TailRecipe)
    seed: int = 0
    again: int | None = None

    def __post_init__(self) -> None:
        check_training(self.depth, self.budget)


@dataclass(frozen=True, slots=True)
class Apart:
    """A photo that is classified rightly, though by the same numbers another product's photo is nearest.

    Attributes:
        photo: path or URL.
        product: in it, and the softmax says so.
        nearest: whose photo is nearest.
    """

    photo: str
    product: str
    nearest: str


@dataclass(frozen=True, slots=True)
class ClassifierTraining:
    """What a training came to.

    Attributes:
        queries: photos that were asked and not learned.
        made: whether they are made ones, since there were too few real ones.
        classified: ``recall@1``, ``recall@5`` of the softmax; empty where nothing could be asked.
        neighbours: the same, of the nearest catalogue photo in the numbers that its last layer works on.
        apart: share of the photos that are classified rightly and whose nearest neighbour is another product; None
            where nothing could be asked.
        examples: some of them.
        products, photos, shoppers, rows: what there was to learn from; rows count photos that were taken again.
        photos_per_product: ``median``, ``least``, and ``single``: the share of products with one only.
        step: the step at which it was best.
        growth: what a training costs as the catalogue grows; one more product takes one.
        seconds: stage -> how long it took.
        model: id of the network.
        left_out: photos and rows that taught nothing.
        options: what was asked for.
    """

    queries: int
    made: bool
    classified: Mapping[str, Estimate]
    neighbours: Mapping[str, Estimate]
    apart: Estimate | None
    examples: Sequence[Apart]
    products: int
    photos: int
    shoppers: int
    rows: int
    photos_per_product: Mapping[str, float]
    step: int
    growth: Sequence[Growth]
    seconds: Mapping[str, float]
    model: str = ""
    left_out: Sequence[LeftOut] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        found: dict[str, Any] = plain(self)
        return found


def train_and_test_classifier(
    bench: EvaluationContext, options: ClassifierOptions
) -> tuple[ClassifierTraining, ProductClassifier]:
    """Train a classifier and ask it; the store is only read. Returns what came of it, and what to take.

    Raises:
        InvalidValue: ``no-torch``, ``too-few-products``, or the file of pairs makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    torch_module(bench.settings.cores)
    folder, clock = bench.store.folder, StageTimer()
    report = Report(folder / "reports" / f"{timestamp()}-train-classifier-photos.jsonl")
    with disk_errors_told(folder), report, ExitStack() as opened:
        with clock.stage("photos"), bench.reading() as generation:
            looked_at = LookOptions(pairs=options.pairs, again=options.again, depth=options.depth)
            material = material_of(bench, generation, looked_at, report.add, opened, _check)
        training, made = train_and_test_on(material, bench, options, clock)
        left_out = [LeftOut(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(training, left_out=left_out), made


def train_and_test_on(
    material: FilterTrainingData, bench: EvaluationContext, options: ClassifierOptions, clock: StageTimer
) -> tuple[ClassifierTraining, ProductClassifier]:
    """As :func:`train_and_test_classifier`, on this material."""
    samples = material.samples
    _check(samples.photos)
    products, classes = np.unique(np.array(samples.classes("product"), object), return_inverse=True)
    of_row = classes[samples.owners]
    teacher, taught = _teacher(material, bench, of_row, options), plan(samples, "product", new=False)
    # A product whose first photo cannot be used is not asked, and all of it learned.
    seen = taught.learned | ~np.isin(of_row, of_row[taught.learned])
    with clock.stage("training"):
        classifier = teacher.taught(seen, "Training", watched=taught.watched)
    asked = taught.asked.get(KNOWN)
    found = _Asked.by(asked, samples, classifier) if asked else _Asked.nothing()
    with clock.stage("all photos"):
        everything = np.ones(len(samples.rows), bool)
        classifier = teacher.taught(everything, "Training on everything", classifier.step)
    with clock.stage("growth"):
        rows = _rows_of(samples, len(products))
        width, basis = classifier.basis.axes.shape
        grown = growth(width, basis, rows, options.recipe, bench.settings.cores)
    counts = np.bincount(classes)
    training = ClassifierTraining(
        queries=len(found.rows),
        made=bool(asked and asked.made),
        classified=found.recalls(found.classified, options.seed),
        neighbours=found.recalls(found.neighbours, options.seed),
        apart=estimate(found.apart.astype(float), found.clusters, options.seed) if len(found.rows) else None,
        examples=found.examples(samples, products),
        products=len(products),
        photos=len(samples.photos),
        shoppers=sum(photo.shopper for photo in samples.photos),
        rows=len(samples.rows),
        photos_per_product={
            "median": float(np.median(counts)),
            "least": float(counts.min()),
            "single": float((counts == 1).mean()),
        },
        step=classifier.step,
        growth=grown,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        options={
            **plain(replace(options, recipe=replace(options.recipe, seed=options.seed), tail=_tail(options))),
            "pairs": str(options.pairs or ""),
        },
    )
    made = {"created": timestamp(), **training.as_json()}
    learned = sorted({photo.name[:TOLD_DIGITS] for photo in samples.photos})
    return training, classifier.made(ClassifierCard("", 0, products.tolist(), made=made, learned=learned))


def _check(photos: Sequence[SamplePhoto]) -> None:
    products = {photo.product for photo in photos}
    if len(products) < LEAST_PRODUCTS:
        raise InvalidValue(
            f"There are photos of {len(products)} products; nothing could be told apart.",
            f"A classifier takes {LEAST_PRODUCTS} or more.",
            code="too-few-products",
        )


def _teacher(
    material: FilterTrainingData, bench: EvaluationContext, classes: Ints, options: ClassifierOptions
) -> ClassifierTeacher:
    recipe = replace(options.recipe, seed=options.seed)
    lessons = SoftmaxLessons(bench, material.samples, classes, recipe, options.budget or float("inf"))
    if material.maps is None:
        return lessons
    return TunedClassifierLessons(lessons, material.maps, _tail(options), options.budget or float("inf"))


def _tail(options: ClassifierOptions) -> TailRecipe:
    return replace(options.tail, seed=options.seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Answers to photos that were held out: int64 (q,) ranks of the right product, by the softmax and by distance.

    Attributes:
        nearest: int64 (q,), class of the nearest catalogue photo.
        rows: int64 (q,), of the samples.
    """

    classified: Ints
    neighbours: Ints
    nearest: Ints
    rows: Ints
    clusters: tuple[str, ...]

    @classmethod
    def nothing(cls) -> _Asked:
        none = np.zeros(0, np.int64)
        return cls(none, none, none, none, ())

    @classmethod
    def by(cls, asked: Questions, samples: Samples, classifier: LearnedClassifier) -> _Asked:
        seen = asked.seen
        inner = unit(classifier.vectors(seen))
        vectors = np.zeros((len(samples.rows), inner.shape[1]), np.float32)
        vectors[seen] = inner
        nearest = np.argmax(vectors[asked.rows] @ vectors[asked.gallery].T, axis=1)
        return cls(
            output_ranks(classifier.logits(asked.rows), asked.classes),
            ranks(asked, vectors),
            asked.gallery_classes[nearest],
            asked.rows,
            asked.clusters,
        )

    def recalls(self, places: Ints, seed: int) -> dict[str, Estimate]:
        if not len(places):
            return {}
        return {f"recall@{k}": estimate((places <= k).astype(float), self.clusters, seed) for k in RECALLS}

    @property
    def apart(self) -> Bools:
        """bool (q,): classified rightly, and another product is nearest."""
        found: Bools = (self.classified == 1) & (self.neighbours > 1)
        return found

    def examples(self, samples: Samples, products: npt.NDArray[np.object_]) -> list[Apart]:
        """Some of these, of products that differ as far as that goes."""
        shown: dict[str, list[Apart]] = {}
        for n in np.flatnonzero(self.apart).tolist():
            photo = samples.photos[int(samples.owners[self.rows[n]])]
            one = Apart(photo.source, photo.product, str(products[self.nearest[n]]))
            shown.setdefault(photo.product, []).append(one)
        turns = (part[turn] for turn in range(MOST_SHOWN) for part in shown.values() if turn < len(part))
        return [one for one, _ in zip(turns, range(MOST_SHOWN), strict=False)]


def _rows_of(samples: Samples, products: int) -> Callable[[int], float]:
    """Products -> rows that are learned from, with as many photos of each as these samples have."""
    counts = {shopper: sum(photo.shopper == shopper for photo in samples.photos) for shopper in (False, True)}

    def rows(size: int) -> float:
        photos = {shopper: count * size / products for shopper, count in counts.items()}
        return sum(count * (1 + times_for(round(count), shopper)) for shopper, count in photos.items())

    return rows
