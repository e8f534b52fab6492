"""Trains a network's end together with the head behind it, so that distances are right.

It starts from the untouched end and a head that was trained on the untouched features. Everything before the end stays
as it is: the feature maps in front of it are computed once per photo, so that what is left to train fits a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shoplens.build.photo_features import feature_model, feature_width
from shoplens.embedders.look import EmbeddingHead, LookCard
from shoplens.embedders.tuned import FineTunedEmbedders
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.training.data.feature_maps import FeatureMaps
from shoplens.training.data.samples import Ints, Samples
from shoplens.training.holdout_test import HoldoutPlan
from shoplens.training.optimization.head import LOSS_RATE_FACTOR, TrainedWeights, collapse_warnings, create_sampler
from shoplens.training.optimization.head_export import export_look
from shoplens.training.optimization.head_trainers import (
    ExportedHead,
    HeadLook,
    HeadTrainer,
    checkpoint_path,
    join_scores,
    reciprocal_ranks,
    training_key,
)
from shoplens.training.optimization.losses import LossFunction
from shoplens.training.optimization.tail_features import BATCH_ROWS, TailFeatures
from shoplens.training.optimization.training_loop import (
    LOOK_TRAINING,
    LoopOptions,
    Scores,
    Trainable,
    choose_clock,
    import_torch,
    run_training_loop,
)
from shoplens.types import Vectors


@dataclass(frozen=True, slots=True)
class TailRecipe:
    """How a network's end is trained. The number of steps was chosen on ``val.csv``, see ``benchmarks/RESULTS.md``; the
    other defaults are usual values, and no others were tried.

    Attributes:
        loss: a name of :data:`~shoplens.training.optimization.losses.LOSSES`.
        steps: length of the learning rate's whole schedule.
        evaluate_every: number of steps between two evaluations.
        learning_rate, weight_decay: the highest learning rate of AdamW for the network, and its weight decay.
        head_learning_rate, head_weight_decay: the same for the head.
        classes_per_batch, rows_per_class, hard_negative_share: as in
            :class:`~shoplens.training.optimization.batch_sampling.BatchSampler`.
        seed: seed of all random draws.
    """

    loss: str = "supcon"
    steps: int = 400
    evaluate_every: int = 100
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    head_learning_rate: float = 5e-4
    head_weight_decay: float = 1e-4
    classes_per_batch: int = 24
    rows_per_class: int = 4
    hard_negative_share: float = 0.5
    seed: int = 0


class TailTrainer:
    """Trains looks together with their network's end.

    Args:
        context: of the store, in which checkpoints are kept.
        head_trainer: trains the heads that the trainings start from.
        maps: of the same samples.
        recipe: how the end is trained.
        budget: seconds of CPU time that both trainings may take.
    """

    def __init__(
        self,
        context: EvaluationContext,
        head_trainer: HeadTrainer,
        maps: FeatureMaps,
        recipe: TailRecipe,
        budget: float,
    ) -> None:
        self._context, self._head_trainer, self._maps, self._recipe, self._budget = (
            context,
            head_trainer,
            maps,
            recipe,
            budget,
        )
        self._head_step = 0

    def train_held_out(self, plan: HoldoutPlan) -> TailLook:
        """Train as :meth:`~shoplens.training.optimization.head_trainers.LookTrainer.train_held_out` says.

        Raises:
            InvalidValue: ``budget-too-small``, ``no-groups``.
        """
        start = self._head_trainer.train_held_out(plan)
        self._head_step = start.step
        look = TailLook(self._context, self._head_trainer.samples, self._maps, start, self._recipe)
        duration = describe_duration(look, self._recipe, self._budget)

        def metric() -> Scores:
            return join_scores(
                [reciprocal_ranks(queries, look.vectors(queries.used_rows)) for queries in plan.validation]
            )

        name = f"Training the network for the test ({duration})"
        look.fit(self._loop_options(look, name), metric if plan.validation else None)
        return look

    def train_on_everything(self, last_step: int) -> TailLook:
        """Train as :meth:`~shoplens.training.optimization.head_trainers.LookTrainer.train_on_everything` says."""
        start = self._head_trainer.train_on_everything(self._head_step)
        look = TailLook(self._context, self._head_trainer.samples, self._maps, start, self._recipe)
        look.fit(replace(self._loop_options(look, "Training the network on all photos"), last_step=last_step))
        return look

    def _loop_options(self, look: TailLook, name: str) -> LoopOptions:
        return LoopOptions(
            budget=self._budget / 2,
            checkpoint=checkpoint_path(self._context, LOOK_TRAINING, look.key),
            evaluate_every=self._recipe.evaluate_every,
            progress=self._context.progress,
            name=name,
            threads=self._context.settings.cores,
        )


class TailLook:
    """A network's end and the head behind it: the model of the training loop, and then what it learned."""

    def __init__(
        self, context: EvaluationContext, samples: Samples, maps: FeatureMaps, start: HeadLook, recipe: TailRecipe
    ) -> None:
        torch = self._torch = import_torch(context.settings.cores)
        torch.manual_seed(recipe.seed)
        self._context, self._start, self._recipe = context, start, recipe
        self._features = TailFeatures(context, samples, maps, start.whitening)
        self._weights = torch.nn.Parameter(torch.from_numpy(start.head.weights.copy()))
        self._loss = LossFunction(recipe.loss, int(start.training_set.classes.max()) + 1, start.head.weights.shape[1])
        self.module = torch.nn.ModuleDict({"tail": self._features.module, "loss": self._loss.loss})
        self.module.register_parameter("weights", self._weights)
        self.module.to(self._features.device)
        self._sampler = create_sampler(start.training_set, recipe, recipe.hard_negative_share)
        self._classes = torch.from_numpy(start.training_set.classes).to(self._features.device)
        self.step, self.warnings = 0, list[str]()
        self.ended_early: Sequence[str] = start.ended_early
        self.dimensions = start.head.weights.shape[1]

    @property
    def key(self) -> str:
        """The key of the training, which names its checkpoint."""
        return training_key(self._start.training_set, self._recipe, 0, self._start.head.weights)

    def fit(self, options: LoopOptions, metric: Callable[[], Scores] | None = None) -> None:
        """Train the end and the head; they end in their best state."""
        result = run_training_loop(self, self._recipe.steps, options, metric)
        self.step = result.step
        self.ended_early = [*self._start.ended_early, *([result.ended_early] if result.ended_early else [])]
        self.warnings = [*self._collapse_warnings(), *self._loss.stuck_warnings(result.losses)]

    def parameter_groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        groups = [
            {
                "params": list(self._features.module.parameters()),
                "lr": recipe.learning_rate,
                "weight_decay": recipe.weight_decay,
            },
            {"params": [self._weights], "lr": recipe.head_learning_rate, "weight_decay": recipe.head_weight_decay},
        ]
        if loss_parameters := self._loss.parameters():
            groups.append(
                {"params": loss_parameters, "lr": LOSS_RATE_FACTOR * recipe.head_learning_rate, "weight_decay": 0.0}
            )
        return groups

    def loss(self, step: int) -> Any:
        rows = self._sampler.sample(step)
        vectors = self._embed(self._features.forward(self._start.rows[rows]))
        return self._loss(vectors, self._classes[self._torch.from_numpy(rows)])

    def vectors(self, rows: Ints) -> Vectors:
        """Return the vectors of these rows of the samples, float32 (n, d), of length 1."""
        return self._features.evaluate(rows, self._embed)

    def _embed(self, rows: Any) -> Any:
        return self._torch.nn.functional.normalize(rows @ self._weights, dim=1)

    def _collapse_warnings(self) -> list[str]:
        sample = np.random.default_rng(self._recipe.seed).permutation(len(self._start.rows))[: 4 * BATCH_ROWS]
        return collapse_warnings(
            self.vectors(self._start.rows[sample]), self._start.training_set.classes[sample], self._recipe.seed
        )

    def export_head(self) -> ExportedHead:
        """Export the head that the training began with."""
        return self._start.export()

    def export(self) -> ExportedHead:
        """Export the networks that serve searches, and compare their vectors with these on some photos, from the pixels
        on."""
        backbone = self._features.export_backbone()
        network = export_look(
            self._features.extended_whitening(), TrainedWeights(self._weights.detach().cpu().numpy(), self.step)
        )
        embedder = FineTunedEmbedders(backbone).with_tail(self._context.embedder)
        card = LookCard(feature_model(embedder), feature_width(embedder), self.dimensions)
        rows, features = self._features.extract_served_features(backbone)
        served = EmbeddingHead(network, card, None, backbone).embed(features)
        difference = float(np.abs(served - self.vectors(rows)).max(initial=0.0)) if len(rows) else 0.0
        return ExportedHead(
            network, card.features, card.width, self.dimensions, difference, backbone, self._features.spans
        )


def measure_step_seconds(learner: Trainable) -> float:
    """Return the duration of a training step in seconds, as a budget counts them; nothing is learned."""
    durations, clock = [], choose_clock(learner)
    for step in range(2):
        started = clock()
        learner.loss(step).backward()  # type: ignore[no-untyped-call]
        durations.append(clock() - started)
    learner.module.zero_grad()
    return min(durations)


def describe_duration(learner: Trainable, recipe: TailRecipe, budget: float) -> str:
    """Time two steps of a training, and describe in words how long it will take.

    Raises:
        InvalidValue: ``budget-too-small``.
    """
    minutes = measure_step_seconds(learner) * recipe.steps / 60
    if 2 * 60 * minutes > budget:
        raise InvalidValue(
            f"Training the network twice, for the test and on all photos, takes about {2 * minutes:.0f} minutes on "
            f"this machine; the budget is {budget / 60:.0f} minutes.",
            f"Give --budget {2.5 * minutes:.0f}m, leave it out, or leave --depth out.",
            code="budget-too-small",
        )
    return f"the first of two that take {minutes:.0f} min each"
