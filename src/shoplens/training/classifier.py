"""Trains a classifier: photos -> features -> a softmax that is tested on held-out photos -> the one that serves.

As with a look, two are trained: the first does not see all photos, and is tested with the rest; the second is trained
for as many steps on everything, and serves. No new products are held out, because a classifier cannot find them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders import ProductClassifier
from shoplens.embedders.classifier import ClassifierCard
from shoplens.embedders.look import HASH_DIGITS
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import Estimate, OmissionCount, RetrainingCost, to_json_values
from shoplens.evaluation.statistics.intervals import estimate
from shoplens.feeds import Report
from shoplens.filters.model.principal_components import normalize_rows
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.training.data.feature_pass import augmented_view_count
from shoplens.training.data.samples import Bools, Ints, SamplePhoto, Samples
from shoplens.training.holdout_test import KNOWN_PRODUCTS, HoldoutQueries, compute_ranks, plan_holdout
from shoplens.training.look import Depth, LookOptions, TrainingData, collect_training_data, validate_depth_and_budget
from shoplens.training.optimization.classifier_trainers import (
    ClassifierTrainer,
    SoftmaxTrainer,
    TailClassifierTrainer,
    TrainedClassifier,
    output_ranks,
)
from shoplens.training.optimization.fine_tuning import TailRecipe
from shoplens.training.optimization.softmax_head import SoftmaxRecipe
from shoplens.training.optimization.training_loop import import_torch
from shoplens.training.retraining_cost import measure_retraining_costs
from shoplens.types import StageTimer

MIN_PRODUCTS = 2
MAX_EXAMPLES = 24
RECALL_DEPTHS = (1, 5)


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What is trained.

    Attributes:
        pairs: a file of shoppers' photos; None learns from the catalogue alone.
        depth: as in :class:`~shoplens.training.look.LookOptions`.
        budget: seconds of CPU time that training may take on each core; None sets no limit.
        recipe: how the softmax is trained.
        tail: how the network's end is trained.
        seed: seed of all random draws.
        augmentations: number of augmented views of each photo; None derives it from the number of photos.
    """

    pairs: Path | None = None
    depth: Depth = "head"
    budget: float | None = None
    recipe: SoftmaxRecipe = field(default_factory=SoftmaxRecipe)
    tail: TailRecipe = field(default_factory=TailRecipe)
    seed: int = 0
    augmentations: int | None = None

    def __post_init__(self) -> None:
        validate_depth_and_budget(self.depth, self.budget)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A photo that is classified right, although another product's photo is nearest in the same network's numbers.

    Attributes:
        photo: path or URL.
        product: the product in it, which the softmax names.
        nearest: the product whose photo is nearest.
    """

    photo: str
    product: str
    nearest: str


@dataclass(frozen=True, slots=True)
class ClassifierTraining:
    """The result of a training.

    Attributes:
        queries: number of test queries: photos that were not learned from.
        simulated: whether the queries are simulated phone photos, because there were too few real ones.
        output_metrics: ``recall@1`` and ``recall@5`` of the softmax; empty if there were no queries.
        distance_metrics: the same of the nearest catalogue photo, in the numbers that the last layer works on.
        disagreement: share of the queries that are classified right and whose nearest neighbour is another product;
            None if there were no queries.
        examples: some of these queries.
        products, photos, shopper_photos, rows: what there was to learn from; rows include augmented views.
        photos_per_product: ``median``, ``least``, and ``single``: the share of products with one photo only.
        step: the step at which the classifier was best.
        ended_early: trainings that the budget ended before their last step, in words.
        retraining_costs: what a training costs as the catalogue grows; each further product takes one.
        seconds: stage -> its duration.
        model: the id of the network.
        left_out: photos and rows that could not be learned from.
        options: the options of the training.
    """

    queries: int
    simulated: bool
    output_metrics: Mapping[str, Estimate]
    distance_metrics: Mapping[str, Estimate]
    disagreement: Estimate | None
    examples: Sequence[Disagreement]
    products: int
    photos: int
    shopper_photos: int
    rows: int
    photos_per_product: Mapping[str, float]
    step: int
    ended_early: Sequence[str]
    retraining_costs: Sequence[RetrainingCost]
    seconds: Mapping[str, float]
    model: str = ""
    left_out: Sequence[OmissionCount] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        document: dict[str, Any] = to_json_values(self)
        return document


def train_and_test_classifier(
    context: EvaluationContext, options: ClassifierOptions
) -> tuple[ClassifierTraining, ProductClassifier]:
    """Train a classifier and test it; the store is only read. Return the result, and the classifier that is to serve.

    Raises:
        InvalidValue: ``no-torch``, ``too-few-products``, or the file of pairs makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    import_torch(context.settings.cores)
    folder, clock = context.store.folder, StageTimer()
    report = Report(folder / "reports" / f"{timestamp()}-train-classifier-photos.jsonl")
    with translate_disk_errors(folder), report, ExitStack() as stack:
        with clock.stage("photos"), context.reading() as generation:
            look_options = LookOptions(pairs=options.pairs, augmentations=options.augmentations, depth=options.depth)
            data = collect_training_data(context, generation, look_options, report.add, stack, _check_products)
        training, classifier = train_classifier_on(data, context, options, clock)
        left_out = [OmissionCount(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(training, left_out=left_out), classifier


def train_classifier_on(
    data: TrainingData, context: EvaluationContext, options: ClassifierOptions, clock: StageTimer
) -> tuple[ClassifierTraining, ProductClassifier]:
    """Train a classifier on this data and test it, as :func:`train_and_test_classifier` does."""
    samples = data.samples
    _check_products(samples.photos)
    products, classes = np.unique(np.array(samples.class_names("product"), object), return_inverse=True)
    row_classes = classes[samples.owners]
    trainer = _create_trainer(data, context, row_classes, options)
    plan = plan_holdout(samples, "product", new_products=False)
    # Of a product whose first photo cannot be used, no photo is a query, and all are learned.
    train_rows = plan.train_rows | ~np.isin(row_classes, row_classes[plan.train_rows])
    with clock.stage("training"):
        classifier = trainer.train(train_rows, "Training for the test", validation=plan.validation)
    queries = plan.test.get(KNOWN_PRODUCTS)
    answers = _TestAnswers.compute(queries, samples, classifier) if queries else _TestAnswers.empty()
    ended_early = classifier.ended_early
    with clock.stage("all photos"):
        all_rows = np.ones(len(samples.rows), bool)
        classifier = trainer.train(all_rows, "Training on all photos", classifier.step)
    ended_early = [*ended_early, *classifier.ended_early]
    with clock.stage("retraining costs"):
        width, whitened_width = classifier.whitening.axes.shape
        costs = measure_retraining_costs(
            width, whitened_width, _count_rows(samples, len(products)), options.recipe, context.settings.cores
        )
    counts = np.bincount(classes)
    training = ClassifierTraining(
        queries=len(answers.rows),
        simulated=bool(queries and queries.simulated),
        output_metrics=answers.recalls(answers.output_ranks, options.seed),
        distance_metrics=answers.recalls(answers.distance_ranks, options.seed),
        disagreement=estimate(answers.disagrees.astype(float), answers.clusters, options.seed)
        if len(answers.rows)
        else None,
        examples=answers.examples(samples, products),
        products=len(products),
        photos=len(samples.photos),
        shopper_photos=sum(photo.is_shopper for photo in samples.photos),
        rows=len(samples.rows),
        photos_per_product={
            "median": float(np.median(counts)),
            "least": float(counts.min()),
            "single": float((counts == 1).mean()),
        },
        step=classifier.step,
        ended_early=ended_early,
        retraining_costs=costs,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        options={
            **to_json_values(
                replace(options, recipe=replace(options.recipe, seed=options.seed), tail=_tail_recipe(options))
            ),
            "pairs": str(options.pairs or ""),
        },
    )
    record = {"created": timestamp(), **training.as_json()}
    learned = sorted({photo.name[:HASH_DIGITS] for photo in samples.photos})
    return training, classifier.export(
        ClassifierCard("", 0, products.tolist(), training_record=record, training_photos=learned)
    )


def _check_products(photos: Sequence[SamplePhoto]) -> None:
    products = {photo.product for photo in photos}
    if len(products) < MIN_PRODUCTS:
        raise InvalidValue(
            f"There are photos of {len(products)} products, which are too few to classify.",
            f"Index at least {MIN_PRODUCTS} products.",
            code="too-few-products",
        )


def _create_trainer(
    data: TrainingData, context: EvaluationContext, classes: Ints, options: ClassifierOptions
) -> ClassifierTrainer:
    recipe, budget = replace(options.recipe, seed=options.seed), options.budget or float("inf")
    trainer = SoftmaxTrainer(context, data.samples, classes, recipe, budget)
    if data.maps is None:
        return trainer
    return TailClassifierTrainer(trainer, data.maps, _tail_recipe(options), budget)


def _tail_recipe(options: ClassifierOptions) -> TailRecipe:
    return replace(options.tail, seed=options.seed)


@dataclass(frozen=True, slots=True, eq=False)
class _TestAnswers:
    """The answers to the test queries.

    Attributes:
        output_ranks, distance_ranks: int64 (q,), ranks of the right product, by the softmax and by distance.
        nearest: int64 (q,), the class of the nearest catalogue photo.
        rows: int64 (q,), rows of the samples.
        clusters: the group of each query.
    """

    output_ranks: Ints
    distance_ranks: Ints
    nearest: Ints
    rows: Ints
    clusters: tuple[str, ...]

    @classmethod
    def empty(cls) -> _TestAnswers:
        empty = np.zeros(0, np.int64)
        return cls(empty, empty, empty, empty, ())

    @classmethod
    def compute(cls, queries: HoldoutQueries, samples: Samples, classifier: TrainedClassifier) -> _TestAnswers:
        rows = queries.used_rows
        unit_vectors = normalize_rows(classifier.vectors(rows))
        vectors = np.zeros((len(samples.rows), unit_vectors.shape[1]), np.float32)
        vectors[rows] = unit_vectors
        nearest = np.argmax(vectors[queries.rows] @ vectors[queries.gallery].T, axis=1)
        return cls(
            output_ranks(classifier.logits(queries.rows), queries.classes),
            compute_ranks(queries, vectors),
            queries.gallery_classes[nearest],
            queries.rows,
            queries.clusters,
        )

    def recalls(self, ranks: Ints, seed: int) -> dict[str, Estimate]:
        """Return recall@1 and recall@5; nothing if there are no queries."""
        if not len(ranks):
            return {}
        return {f"recall@{k}": estimate((ranks <= k).astype(float), self.clusters, seed) for k in RECALL_DEPTHS}

    @property
    def disagrees(self) -> Bools:
        """bool (q,): the photo is classified right, and another product is nearest."""
        disagrees: Bools = (self.output_ranks == 1) & (self.distance_ranks > 1)
        return disagrees

    def examples(self, samples: Samples, products: npt.NDArray[np.object_]) -> list[Disagreement]:
        """Return some of these photos, of as many different products as possible."""
        by_product: dict[str, list[Disagreement]] = {}
        for n in np.flatnonzero(self.disagrees).tolist():
            photo = samples.photos[int(samples.owners[self.rows[n]])]
            example = Disagreement(photo.source, photo.product, str(products[self.nearest[n]]))
            by_product.setdefault(photo.product, []).append(example)
        rounds = (part[turn] for turn in range(MAX_EXAMPLES) for part in by_product.values() if turn < len(part))
        return list(islice(rounds, MAX_EXAMPLES))


def _count_rows(samples: Samples, products: int) -> Callable[[int], float]:
    """Return a function from a number of products to the number of rows, with as many photos of each as here."""
    counts = {shopper: sum(photo.is_shopper == shopper for photo in samples.photos) for shopper in (False, True)}

    def count_rows(size: int) -> float:
        photos = {shopper: count * size / products for shopper, count in counts.items()}
        return sum(count * (1 + augmented_view_count(round(count), shopper)) for shopper, count in photos.items())

    return count_rows
