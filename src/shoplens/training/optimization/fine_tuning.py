"""Training a network's end together with the head behind it, so that distances are right.

It begins as the untouched end and a head that was trained on the untouched features. Everything before the end stays as
it is: the maps that it makes of photos are computed once, and what is left to train fits a CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shoplens.build.photo_features import feature_model, width_of
from shoplens.embedders.look import EmbeddingHead, LookCard
from shoplens.embedders.tuned import Tunings
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.training.data.feature_maps import Maps
from shoplens.training.data.samples import Ints, Samples
from shoplens.training.holdout import Plan
from shoplens.training.optimization.head import LOSS_RATE, Trained, batches_of, collapse
from shoplens.training.optimization.head_export import look_network
from shoplens.training.optimization.head_trainers import HeadLook, Lessons, Made, checkpoint_file, mrr, training_key
from shoplens.training.optimization.losses import LossOf
from shoplens.training.optimization.tail_features import AT_ONCE, TunedBasis
from shoplens.training.optimization.training_loop import LOOK, Course, Trainable, taught, torch_module
from shoplens.types import Vectors


@dataclass(frozen=True, slots=True)
class TailRecipe:
    """How a network's end is trained. How many steps was looked at on ``val.csv``, see ``benchmarks/RESULTS.md``; the
    other defaults are usual values, which nothing was tried against.

    Attributes:
        loss: of :data:`~shoplens.training.optimization.losses.LOSSES`.
        steps: of the whole course of the learning rate.
        every: steps from one look at it to the next.
        rate, decay: the highest learning rate of AdamW for the network, and its weight decay.
        head_rate, head_decay: the same for the head.
        per_batch, per_class, alike: as :class:`~shoplens.training.optimization.batch_sampling.Batches`.
        seed: of everything that is drawn.
    """

    loss: str = "supcon"
    steps: int = 400
    every: int = 100
    rate: float = 1e-4
    decay: float = 1e-2
    head_rate: float = 5e-4
    head_decay: float = 1e-4
    per_batch: int = 24
    per_class: int = 4
    alike: float = 0.5
    seed: int = 0


class TailLessons:
    """The two trainings of a look whose network's end is trained, too.

    Args:
        bench: of the store, where checkpoints are kept.
        lessons: that train the heads which these begin with.
        maps: of the same samples.
        budget: seconds that both may take.
    """

    def __init__(
        self, bench: EvaluationContext, lessons: Lessons, maps: Maps, recipe: TailRecipe, budget: float
    ) -> None:
        self._bench, self._lessons, self._maps, self._recipe, self._budget = bench, lessons, maps, recipe, budget
        self._head_step = 0

    def train_held_out(self, taught: Plan) -> TunedLook:
        """As :meth:`~shoplens.training.optimization.head_trainers.Lessons.train_held_out`.

        Raises:
            InvalidValue: ``budget-too-small``; as there.
        """
        start = self._lessons.train_held_out(taught)
        self._head_step = start.step
        look = TunedLook(self._bench, self._lessons.samples, self._maps, start, self._recipe)
        minutes = minutes_told(look, self._recipe, self._budget)
        watched = taught.watched

        def watch() -> float:
            return float(np.mean([mrr(asked, look.vectors(asked.seen)) for asked in watched]))

        look.learn(self._course(look, f"Training the network, to prove it ({minutes})"), watch if watched else None)
        return look

    def train_on_everything(self, last: int) -> TunedLook:
        """As :meth:`~shoplens.training.optimization.head_trainers.Lessons.train_on_everything`."""
        start = self._lessons.train_on_everything(self._head_step)
        look = TunedLook(self._bench, self._lessons.samples, self._maps, start, self._recipe)
        look.learn(replace(self._course(look, "Training the network on everything"), last=last))
        return look

    def _course(self, look: TunedLook, name: str) -> Course:
        return Course(
            deadline=time.monotonic() + self._budget / 2,
            checkpoint=checkpoint_file(self._bench, LOOK, look.key),
            every=self._recipe.every,
            progress=self._bench.progress,
            name=name,
            threads=self._bench.settings.cores,
        )


class TunedLook:
    """A network's end and the head behind it: first the learner, then what was learned."""

    def __init__(
        self, bench: EvaluationContext, samples: Samples, maps: Maps, start: HeadLook, recipe: TailRecipe
    ) -> None:
        torch = self._torch = torch_module(bench.settings.cores)
        torch.manual_seed(recipe.seed)
        self._bench, self._start, self._recipe = bench, start, recipe
        self._basis = TunedBasis(bench, samples, maps, start.basis)
        self._weights = torch.nn.Parameter(torch.from_numpy(start.head.weights.copy()))
        self._loss = LossOf(recipe.loss, int(start.lesson.classes.max()) + 1, start.head.weights.shape[1])
        self.module = torch.nn.ModuleDict({"tail": self._basis.module, "loss": self._loss.loss})
        self.module.register_parameter("weights", self._weights)
        self.module.to(self._basis.device)
        self._batches = batches_of(start.lesson, recipe, recipe.alike)
        self._classes = torch.from_numpy(start.lesson.classes).to(self._basis.device)
        self.step, self.warnings = 0, list[str]()
        self.dimensions = start.head.weights.shape[1]

    @property
    def key(self) -> str:
        """Names the training."""
        return training_key(self._start.lesson, self._recipe, 0, self._start.head.weights)

    def learn(self, course: Course, watch: Callable[[], float] | None = None) -> None:
        """Train it; afterwards it is as it was best."""
        outcome = taught(self, self._recipe.steps, course, watch)
        self.step = outcome.step
        self.warnings = [*self._collapse_warnings(), *self._loss.stuck(outcome.losses)]

    def groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        found = [
            {"params": list(self._basis.module.parameters()), "lr": recipe.rate, "weight_decay": recipe.decay},
            {"params": [self._weights], "lr": recipe.head_rate, "weight_decay": recipe.head_decay},
        ]
        if own := self._loss.parameters():
            found.append({"params": own, "lr": LOSS_RATE * recipe.head_rate, "weight_decay": 0.0})
        return found

    def loss(self, step: int) -> Any:
        chosen = self._batches.of(step)
        vectors = self._embed(self._basis.rows(self._start.rows[chosen]))
        return self._loss(vectors, self._classes[self._torch.from_numpy(chosen)])

    def vectors(self, rows: Ints) -> Vectors:
        """float32 (n, d), of length 1, of these rows of the samples."""
        return self._basis.applied(rows, self._embed)

    def _embed(self, rows: Any) -> Any:
        return self._torch.nn.functional.normalize(rows @ self._weights, dim=1)

    def _collapse_warnings(self) -> list[str]:
        drawn = np.random.default_rng(self._recipe.seed).permutation(len(self._start.rows))[: 4 * AT_ONCE]
        return collapse(self.vectors(self._start.rows[drawn]), self._start.lesson.classes[drawn], self._recipe.seed)

    def made(self) -> Made:
        """The networks that serve: what they give is compared with this, on some photos from their pixels on."""
        backbone = self._basis.backbone()
        network = look_network(self._basis.beside(), Trained(self._weights.detach().cpu().numpy(), self.step))
        embedder = Tunings(backbone).of(self._bench.embedder)
        card = LookCard(feature_model(embedder), width_of(embedder), self.dimensions)
        rows, features = self._basis.seen(backbone)
        found = EmbeddingHead(network, card, None, backbone).of(features)
        difference = float(np.abs(found - self.vectors(rows)).max(initial=0.0)) if len(rows) else 0.0
        return Made(network, card.features, card.width, self.dimensions, difference, backbone, self._basis.places)


def step_seconds(learner: Trainable) -> float:
    """Of a step; nothing is learned."""
    took = []
    for step in range(2):
        started = time.perf_counter()
        learner.loss(step).backward()  # type: ignore[no-untyped-call]
        took.append(time.perf_counter() - started)
    learner.module.zero_grad()
    return min(took)


def minutes_told(learner: Trainable, recipe: TailRecipe, budget: float) -> str:
    """How long a training takes, in words; two of its steps are timed.

    Raises:
        InvalidValue: ``budget-too-small``.
    """
    minutes = step_seconds(learner) * recipe.steps / 60
    if 2 * 60 * minutes > budget:
        raise InvalidValue(
            f"Training the network twice, to ask it and on everything, takes about {2 * minutes:.0f} minutes on this "
            f"machine; the budget is {budget / 60:.0f}.",
            f"Give --budget {2.5 * minutes:.0f}m, leave it out, or leave --depth out.",
            code="budget-too-small",
        )
    return f"the first of two that take {minutes:.0f} min each"
