"""The trainers of a classifier: they train on some of the samples a softmax on features, or the network's end with
it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import feature_model, feature_width
from shoplens.embedders import ProductClassifier
from shoplens.embedders.classifier import ClassifierCard, backbone_digest
from shoplens.embedders.tuned import FineTunedEmbedders
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.training.data.feature_maps import FeatureMaps
from shoplens.training.data.samples import Bools, Ints, Samples
from shoplens.training.holdout_test import HoldoutQueries
from shoplens.training.optimization.feature_whitening import FeatureWhitening, fit_whitening
from shoplens.training.optimization.fine_tuning import TailRecipe, describe_duration
from shoplens.training.optimization.head import TrainingSet, create_sampler
from shoplens.training.optimization.head_export import export_classifier
from shoplens.training.optimization.head_trainers import (
    checkpoint_path,
    feature_columns,
    join_scores,
    score_by_group,
    training_key,
)
from shoplens.training.optimization.softmax_head import (
    SoftmaxRecipe,
    SoftmaxWeights,
    build_softmax_module,
    softmax_weights,
    train_softmax,
)
from shoplens.training.optimization.tail_features import TailFeatures
from shoplens.training.optimization.training_loop import (
    CLASSIFIER_TRAINING,
    LoopOptions,
    Scores,
    import_torch,
    run_training_loop,
)

Floats = npt.NDArray[np.float32]


class TrainedClassifier(Protocol):
    """A trained classifier, as training uses it."""

    @property
    def whitening(self) -> FeatureWhitening:
        """The whitening of the features."""

    @property
    def step(self) -> int:
        """The number of steps that it was trained for."""

    @property
    def ended_early(self) -> Sequence[str]:
        """Which of its trainings the budget ended before their last step, in words."""

    def logits(self, rows: Ints) -> Floats:
        """Return the logits of these rows of the samples, float32 (n, products)."""

    def vectors(self, rows: Ints) -> Floats:
        """Return what the last layer works on, float32 (n, h)."""

    def export(self, card: ClassifierCard) -> ProductClassifier:
        """Export the classifier that serves searches; the card's features are filled in."""


class ClassifierTrainer(Protocol):
    """Trains a classifier twice; the two trainings differ only in the rows that they learn from."""

    def train(
        self, train_rows: Bools, name: str, last_step: int = 0, validation: Sequence[HoldoutQueries] = ()
    ) -> TrainedClassifier:
        """Train a classifier on these rows.

        Args:
            train_rows: bool (m,), the rows of the samples to learn from.
            name: the name of the work, for progress.
            last_step: the step to end with; 0 runs all steps.
            validation: queries by which the best state is chosen; without them it is the last state.
        """


@dataclass(frozen=True, slots=True, eq=False)
class FeatureClassifier:
    """A softmax on the untouched network's features.

    Attributes:
        rows: int64 (n,), the rows of the samples that are in the training set.
    """

    context: EvaluationContext
    samples: Samples
    whitening: FeatureWhitening
    softmax: SoftmaxWeights
    training_set: TrainingSet
    rows: Ints

    @property
    def step(self) -> int:
        return self.softmax.step

    @property
    def ended_early(self) -> Sequence[str]:
        return [self.softmax.ended_early] if self.softmax.ended_early else []

    def logits(self, rows: Ints) -> Floats:
        return self.softmax.logits(self.whitening.transform(self.samples.rows[rows]))

    def vectors(self, rows: Ints) -> Floats:
        return self.softmax.vectors(self.whitening.transform(self.samples.rows[rows]))

    def export(self, card: ClassifierCard) -> ProductClassifier:
        embedder = self.context.embedder
        completed = replace(card, features=feature_model(embedder), width=feature_width(embedder))
        return ProductClassifier(export_classifier(self.whitening, self.softmax, completed.to_json()))


class SoftmaxTrainer:
    """Trains a softmax on features.

    Args:
        classes: int64 (m,), the class of every row.
        budget: seconds of CPU time that both trainings may take.
    """

    def __init__(
        self, context: EvaluationContext, samples: Samples, classes: Ints, recipe: SoftmaxRecipe, budget: float
    ) -> None:
        self.context, self.samples, self.classes, self.recipe = context, samples, classes, recipe
        self._seconds = budget / 2
        self._columns = feature_columns(context.embedder)

    def train(
        self, train_rows: Bools, name: str, last_step: int = 0, validation: Sequence[HoldoutQueries] = ()
    ) -> FeatureClassifier:
        """Train as :meth:`ClassifierTrainer.train` says."""
        samples, rows = self.samples, np.flatnonzero(train_rows)
        features, classes = samples.rows[rows], self.classes[rows]
        whitening = fit_whitening(features, classes, self._columns, self.recipe.shrinkage, self.recipe.seed)
        is_shopper = np.array([photo.is_shopper for photo in samples.photos], bool)
        training_set = TrainingSet(whitening.transform(features), classes, ~is_shopper[samples.owners[rows]])
        queries = [(part, whitening.transform(samples.rows[part.rows])) for part in validation]

        def metric(softmax: SoftmaxWeights) -> Scores:
            return join_scores([_reciprocal_ranks(part, softmax.logits(features)) for part, features in queries])

        options = LoopOptions(
            last_step=last_step,
            budget=self._seconds,
            checkpoint=checkpoint_path(
                self.context, CLASSIFIER_TRAINING, training_key(training_set, self.recipe, last_step)
            ),
            progress=self.context.progress,
            name=name,
            threads=self.context.settings.cores,
        )
        softmax = train_softmax(training_set, self.recipe, options, metric if queries else None)
        return FeatureClassifier(self.context, samples, whitening, softmax, training_set, rows)


class TailClassifierTrainer:
    """Trains a softmax together with the network's end in front of it.

    Args:
        softmax_trainer: trains the softmax that the training starts from.
        maps: of the same samples.
        recipe: how the end is trained.
        budget: seconds of CPU time that both trainings may take.
    """

    def __init__(self, softmax_trainer: SoftmaxTrainer, maps: FeatureMaps, recipe: TailRecipe, budget: float) -> None:
        self._softmax_trainer, self._maps, self._recipe, self._budget = softmax_trainer, maps, recipe, budget
        self._first_step = 0

    def train(
        self, train_rows: Bools, name: str, last_step: int = 0, validation: Sequence[HoldoutQueries] = ()
    ) -> TailClassifier:
        """Train as :meth:`ClassifierTrainer.train` says.

        Raises:
            InvalidValue: ``budget-too-small``.
        """
        start = self._softmax_trainer.train(train_rows, name, self._first_step, validation)
        self._first_step = start.step
        classifier = TailClassifier(start, self._maps, self._recipe, self._softmax_trainer.recipe.label_smoothing)
        context = self._softmax_trainer.context
        duration = f" ({describe_duration(classifier, self._recipe, self._budget)})" if validation else ""

        def metric() -> Scores:
            return join_scores([_reciprocal_ranks(part, classifier.logits(part.rows)) for part in validation])

        options = LoopOptions(
            last_step=last_step,
            budget=self._budget / 2,
            checkpoint=checkpoint_path(context, CLASSIFIER_TRAINING, classifier.key),
            evaluate_every=self._recipe.evaluate_every,
            progress=context.progress,
            name=f"{name}, with the network's end{duration}",
            threads=context.settings.cores,
        )
        classifier.fit(options, metric if validation else None)
        return classifier


class TailClassifier:
    """A network's end and the softmax behind it: the model of the training loop, and then what it learned."""

    def __init__(self, start: FeatureClassifier, maps: FeatureMaps, recipe: TailRecipe, label_smoothing: float) -> None:
        torch = self._torch = import_torch(start.context.settings.cores)
        torch.manual_seed(recipe.seed)
        self._start, self._recipe, self._label_smoothing = start, recipe, label_smoothing
        self.whitening, self.step = start.whitening, 0
        self.ended_early: Sequence[str] = start.ended_early
        self._features = TailFeatures(start.context, start.samples, maps, start.whitening)
        self._softmax = build_softmax_module(start.softmax)
        self.module = torch.nn.ModuleDict({"tail": self._features.module, "softmax": self._softmax})
        self.module.to(self._features.device)
        self._sampler = create_sampler(start.training_set, recipe, recipe.hard_negative_share)
        self._classes = torch.from_numpy(start.training_set.classes).to(self._features.device)

    @property
    def key(self) -> str:
        """The key of the training, which names its checkpoint."""
        return training_key(self._start.training_set, self._recipe, 0, self._start.softmax.outputs)

    def fit(self, options: LoopOptions, metric: Callable[[], Scores] | None) -> None:
        """Train the end and the softmax; they end in their best state."""
        result = run_training_loop(self, self._recipe.steps, options, metric)
        self.step = result.step
        self.ended_early = [*self._start.ended_early, *([result.ended_early] if result.ended_early else [])]

    def parameter_groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        return [
            {
                "params": list(self._features.module.parameters()),
                "lr": recipe.learning_rate,
                "weight_decay": recipe.weight_decay,
            },
            {
                "params": list(self._softmax.parameters()),
                "lr": recipe.head_learning_rate,
                "weight_decay": recipe.head_weight_decay,
            },
        ]

    def loss(self, step: int) -> Any:
        rows = self._sampler.sample(step)
        logits = self._softmax(self._features.forward(self._start.rows[rows]))
        classes = self._classes[self._torch.from_numpy(rows)]
        return self._torch.nn.functional.cross_entropy(logits, classes, label_smoothing=self._label_smoothing)

    def logits(self, rows: Ints) -> Floats:
        return self._features.evaluate(rows, self._softmax)

    def vectors(self, rows: Ints) -> Floats:
        return self._features.evaluate(rows, self._softmax[0])

    def export(self, card: ClassifierCard) -> ProductClassifier:
        backbone = self._features.export_backbone()
        embedder = FineTunedEmbedders(backbone).with_tail(self._start.context.embedder)
        completed = replace(
            card,
            features=feature_model(embedder),
            width=feature_width(embedder),
            tail=self._features.tail_width,
            backbone=backbone_digest(backbone),
        )
        network = export_classifier(
            self._features.extended_whitening(), softmax_weights(self._softmax), completed.to_json()
        )
        return ProductClassifier(network, lambda digest: backbone)


def output_ranks(logits: Floats, right: Ints) -> Ints:
    """Return the rank of the right output, int64 (q,); among equals it comes last."""
    ranks: Ints = (logits >= np.take_along_axis(logits, right[:, None], axis=1)).sum(axis=1)
    return ranks


def _reciprocal_ranks(queries: HoldoutQueries, logits: Floats) -> Scores:
    return score_by_group(1.0 / output_ranks(logits, queries.classes), queries.clusters)
