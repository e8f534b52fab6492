"""The trainer of heads: it trains on some of the samples, with whitening, steps and checkpoints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from shoplens.build.photo_features import backbone_width, feature_model, feature_width, second_order_width
from shoplens.embedders import Embedder
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.statistics.intervals import sum_by_cluster
from shoplens.training.data.feature_pass import FOLDER
from shoplens.training.data.samples import Bools, Ints, Samples
from shoplens.training.holdout_test import HoldoutPlan, HoldoutQueries, compute_ranks
from shoplens.training.optimization.feature_whitening import FeatureColumns, FeatureWhitening, Floats, fit_whitening
from shoplens.training.optimization.head import HeadMetric, HeadRecipe, TrainedWeights, TrainingSet, train_head
from shoplens.training.optimization.head_export import export_look, measure_export_difference
from shoplens.training.optimization.training_loop import LOOK_TRAINING, LoopOptions, Scores
from shoplens.types import Vectors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHECKED_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class ExportedHead:
    """What serves searches, exported from what was learned.

    Attributes:
        network: ONNX, from features to vectors.
        features: the id of what computes the features that ``network`` reads.
        width: the number of features.
        dimensions: length of a vector.
        difference: largest difference of any value of a vector between this and what was trained.
        backbone: the whole network with a trained end; empty if the network was not trained.
        stands_for: as in :class:`~shoplens.embedders.look.LookCard`.
    """

    network: bytes
    features: str
    width: int
    dimensions: int
    difference: float
    backbone: bytes = b""
    stands_for: Sequence[Sequence[int]] = ()


class TrainedLook(Protocol):
    """A trained look, as training uses it.

    Attributes:
        step: number of steps that it was trained for.
        warnings: what went wrong, in words; empty for a sound look.
        ended_early: which of its trainings the budget ended before their last step, in words.
        dimensions: length of a vector.
    """

    step: int
    warnings: list[str]
    ended_early: Sequence[str]
    dimensions: int

    def vectors(self, rows: Ints) -> Vectors:
        """Return the vectors of these rows of the samples, float32 (n, d), of length 1."""

    def export(self) -> ExportedHead:
        """Export the networks that serve searches."""

    def export_head(self) -> ExportedHead:
        """Export the head on the untouched network's features that was trained on the same rows."""


class LookTrainer(Protocol):
    """Trains a look twice; the two trainings differ only in the rows that they learn from."""

    def train_held_out(self, plan: HoldoutPlan) -> TrainedLook:
        """Train a look on the training rows of a plan, up to the step at which it did best on the validation queries.

        Raises:
            InvalidValue: ``no-groups``.
        """

    def train_on_everything(self, last_step: int) -> TrainedLook:
        """Train a look on all rows, for as many steps as the held-out one was best at.

        Raises:
            InvalidValue: ``no-groups``.
        """


class HeadLook:
    """A head on the untouched network's features.

    Args:
        rows: int64 (n,), the rows of the samples that are in the training set.
    """

    def __init__(
        self,
        context: EvaluationContext,
        samples: Samples,
        whitening: FeatureWhitening,
        head: TrainedWeights,
        training_set: TrainingSet,
        rows: Ints,
    ) -> None:
        self._context, self._samples = context, samples
        self.whitening, self.head, self.training_set, self.rows = whitening, head, training_set, rows
        self.step, self.warnings, self.dimensions = head.step, head.warnings, head.weights.shape[1]
        self.ended_early: Sequence[str] = [head.ended_early] if head.ended_early else []

    def vectors(self, rows: Ints) -> Vectors:
        return self.head.embed(self.whitening.transform(self._samples.rows[rows]))

    def export(self) -> ExportedHead:
        network, embedder = export_look(self.whitening, self.head), self._context.embedder
        difference = measure_export_difference(network, self.whitening, self.head, self._samples.rows[:CHECKED_ROWS])
        return ExportedHead(network, feature_model(embedder), feature_width(embedder), self.dimensions, difference)

    def export_head(self) -> ExportedHead:
        return self.export()


class HeadTrainer:
    """Trains heads.

    Args:
        context: of the store, in which checkpoints are kept.
        samples: what to learn from.
        recipe: how a head is trained.
        positives: what has to lie together, the photos of a ``product`` or the products of a ``group``.
        budget: seconds of CPU time that both trainings may take, half of it each.
    """

    def __init__(
        self, context: EvaluationContext, samples: Samples, recipe: HeadRecipe, positives: str, budget: float
    ) -> None:
        self._context, self.samples, self._recipe, self._positives = context, samples, recipe, positives
        self._seconds = budget / 2
        self._classes = np.unique(np.array(samples.class_names(positives), object), return_inverse=True)[1][
            samples.owners
        ]
        self._columns = feature_columns(context.embedder)

    def train_held_out(self, plan: HoldoutPlan) -> HeadLook:
        """Train as :meth:`LookTrainer.train_held_out` says."""
        whitening, training_set, rows = self._build_training_set(plan.train_rows)
        validation = [
            (queries, whitening.transform(self.samples.rows[queries.used_rows])) for queries in plan.validation
        ]

        def metric(embed: Callable[[Floats], Floats]) -> Scores:
            return join_scores([reciprocal_ranks(queries, embed(features)) for queries, features in validation])

        head = self._train_head(training_set, "Training for the test", LoopOptions(), metric if validation else None)
        return HeadLook(self._context, self.samples, whitening, head, training_set, rows)

    def train_on_everything(self, last_step: int) -> HeadLook:
        """Train as :meth:`LookTrainer.train_on_everything` says."""
        whitening, training_set, rows = self._build_training_set(np.ones(len(self.samples.rows), bool))
        head = self._train_head(training_set, "Training on all photos", LoopOptions(last_step=last_step))
        return HeadLook(self._context, self.samples, whitening, head, training_set, rows)

    def _build_training_set(self, train_rows: Bools) -> tuple[FeatureWhitening, TrainingSet, Ints]:
        rows = np.flatnonzero(train_rows)
        if self._positives == "group":  # a group of one product says nothing about what products have in common
            has_others = np.bincount(self._classes[rows], minlength=int(self._classes.max()) + 1) > 1
            rows = rows[has_others[self._classes[rows]]]
        if not len(rows):
            raise InvalidValue(
                "No group has several products to learn from.",
                "Leave --positives out, or give the feed's products their group ids.",
                code="no-groups",
            )
        _, classes = np.unique(self._classes[rows], return_inverse=True)
        features = self.samples.rows[rows]
        whitening = fit_whitening(features, classes, self._columns, self._recipe.shrinkage, self._recipe.seed)
        is_shopper = np.array([photo.is_shopper for photo in self.samples.photos], bool)
        return (
            whitening,
            TrainingSet(whitening.transform(features), classes, ~is_shopper[self.samples.owners[rows]]),
            rows,
        )

    def _train_head(
        self, training_set: TrainingSet, name: str, options: LoopOptions, metric: HeadMetric | None = None
    ) -> TrainedWeights:
        file = checkpoint_path(
            self._context, LOOK_TRAINING, training_key(training_set, self._recipe, options.last_step)
        )
        return train_head(
            training_set,
            self._recipe,
            replace(
                options,
                budget=self._seconds,
                checkpoint=file,
                progress=self._context.progress,
                name=name,
                threads=self._context.settings.cores,
            ),
            metric,
        )


def feature_columns(embedder: Embedder) -> FeatureColumns:
    """Return which columns of the features that an embedder gives of a photo hold what."""
    return FeatureColumns(backbone_width(embedder), feature_width(embedder), second_order_width(embedder))


def reciprocal_ranks(queries: HoldoutQueries, vectors: Vectors) -> Scores:
    """Return the reciprocal ranks of the queries' right products, by :func:`score_by_group`.

    Args:
        vectors: float32 (u, d), of :attr:`HoldoutQueries.used_rows`.
    """
    rows, gallery = (np.searchsorted(queries.used_rows, part) for part in (queries.rows, queries.gallery))
    return score_by_group(1.0 / compute_ranks(replace(queries, rows=rows, gallery=gallery), vectors), queries.clusters)


def score_by_group(values: Scores, groups: Sequence[str]) -> Scores:
    """Return what each group contributes to the mean of these values, float64 (groups,), with the same mean.

    Photos of one design are answered alike: their standard error, counted by photo, would be far too small.
    """
    sums, _ = sum_by_cluster(values, groups)
    return sums * (len(sums) / len(values))


def join_scores(parts: Sequence[Scores]) -> Scores:
    """Join the scores of several parts of the validation, scaled so that their mean is that of the parts' means."""
    count = sum(map(len, parts))
    return np.concatenate([part * count / (len(parts) * len(part)) for part in parts])


def checkpoint_path(context: EvaluationContext, kind: str, key: str) -> Path:
    """Return the path of the checkpoint of a training, by its kind and key."""
    return context.store.folder / FOLDER / f"{kind}-{key}.checkpoint"


def training_key(training_set: TrainingSet, recipe: DataclassInstance, last_step: int, *initial_weights: Floats) -> str:
    """Return a key of a training: the same for the same photos, recipe, last step and initial weights."""
    description = [type(recipe).__name__, asdict(recipe), last_step]
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for part in (training_set.rows, training_set.classes, training_set.from_catalogue, *initial_weights):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
