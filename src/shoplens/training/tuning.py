"""Training a network's end together with the head behind it, so that distances are right.

It begins as the untouched end and a head that was trained on the untouched features. Everything before the end stays as
it is: the maps that it makes of photos are computed once, and what is left to train fits a CPU.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.look import LookCard, TrainedLook
from shoplens.embedders.tuned import tuned
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import Bench
from shoplens.filters.measured import MEASURED
from shoplens.images import decoded
from shoplens.sight import feature_model, sight, width_of
from shoplens.training.basis import CLIP, Basis, Scale
from shoplens.training.batches import Batches
from shoplens.training.course import Course, taught, torch_module
from shoplens.training.export import look_network
from shoplens.training.feature_pass import FOLDER
from shoplens.training.head import LOSS_RATE, Trained, collapse
from shoplens.training.lessons import HeadLook, Lessons, Made, mrr, training_key
from shoplens.training.losses import LossOf
from shoplens.training.maps import Maps
from shoplens.training.proof import Plan
from shoplens.training.samples import Ints, Samples
from shoplens.training.tail import Tail, tail_of
from shoplens.types import Vectors

AT_ONCE, CHECKED_PHOTOS = 64, 16


@dataclass(frozen=True, slots=True)
class TailRecipe:
    """How a network's end is trained. What the defaults were chosen by is in ``benchmarks/RESULTS.md``.

    Attributes:
        loss: of :data:`~shoplens.training.losses.LOSSES`.
        steps: of the whole course of the learning rate.
        every: steps from one look at it to the next.
        rate, decay: the highest learning rate of AdamW for the network, and its weight decay.
        head_rate, head_decay: the same for the head.
        per_batch, per_class, alike: as :class:`~shoplens.training.batches.Batches`.
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

    def __init__(self, bench: Bench, lessons: Lessons, maps: Maps, recipe: TailRecipe, budget: float) -> None:
        self._bench, self._lessons, self._maps, self._recipe, self._budget = bench, lessons, maps, recipe, budget
        self._head_step = 0

    def proved(self, taught: Plan) -> TunedLook:
        """As :meth:`~shoplens.training.lessons.Lessons.proved`.

        Raises:
            InvalidValue: ``budget-too-small``; as there.
        """
        start = self._lessons.proved(taught)
        self._head_step = start.step
        look = TunedLook(self._bench, self._lessons.samples, self._maps, start, self._recipe)
        minutes = self._fits(look)
        watched = taught.watched

        def watch() -> float:
            return float(np.mean([mrr(asked, look.vectors(asked.seen)) for asked in watched]))

        look.learn(self._course(look, f"Training the network, to prove it ({minutes})"), watch if watched else None)
        return look

    def on_everything(self, last: int) -> TunedLook:
        """As :meth:`~shoplens.training.lessons.Lessons.on_everything`."""
        start = self._lessons.on_everything(self._head_step)
        look = TunedLook(self._bench, self._lessons.samples, self._maps, start, self._recipe)
        look.learn(replace(self._course(look, "Training the network on everything"), last=last))
        return look

    def _fits(self, look: TunedLook) -> str:
        """How long a training takes, in words; a few of its steps are timed.

        Raises:
            InvalidValue: ``budget-too-small``.
        """
        minutes = look.step_seconds() * self._recipe.steps / 60
        if 2 * 60 * minutes > self._budget:
            raise InvalidValue(
                f"Training the network twice, to prove it and on everything, takes about {2 * minutes:.0f} minutes on "
                f"this machine; the budget is {self._budget / 60:.0f}.",
                f"Give --budget {2.5 * minutes:.0f}m, leave it out, or leave --depth out.",
                code="budget-too-small",
            )
        return f"the first of two that take {minutes:.0f} min each"

    def _course(self, look: TunedLook, name: str) -> Course:
        return Course(
            deadline=time.monotonic() + self._budget / 2,
            checkpoint=self._bench.store.folder / FOLDER / f"{look.key}.checkpoint",
            every=self._recipe.every,
            progress=self._bench.progress,
            name=name,
            threads=self._bench.settings.cores,
        )


class TunedLook:
    """A network's end and the head behind it: first the learner, then what was learned."""

    def __init__(self, bench: Bench, samples: Samples, maps: Maps, start: HeadLook, recipe: TailRecipe) -> None:
        torch = self._torch = torch_module(bench.settings.cores)
        torch.manual_seed(recipe.seed)
        self._bench, self._samples, self._maps, self._start, self._recipe = bench, samples, maps, start, recipe
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tail = tail_of(bench.embedder)
        columns = self._columns = _columns(self._tail, bench.embedder.features)
        basis = start.basis
        self._weights = torch.nn.Parameter(torch.from_numpy(start.head.weights.copy()))
        self._loss = LossOf(recipe.loss, int(start.lesson.classes.max()) + 1, start.head.weights.shape[1])
        self.module = torch.nn.ModuleDict({"tail": self._tail.module, "loss": self._loss.loss})
        self.module.register_parameter("weights", self._weights)
        self.module.to(self._device)
        self._fixed = {
            name: torch.from_numpy(one).to(self._device)
            for name, one in (
                ("mean", basis.scale.mean[columns]),
                ("factor", basis.scale.factor[columns]),
                ("axes", basis.axes[columns]),
            )
        }
        self._batches = Batches(
            start.lesson.rows,
            start.lesson.classes,
            start.lesson.catalogue,
            per_batch=recipe.per_batch,
            per_class=recipe.per_class,
            alike=recipe.alike,
            seed=recipe.seed,
        )
        self._classes = torch.from_numpy(start.lesson.classes).to(self._device)
        self.step, self.warnings = 0, list[str]()
        self.dimensions = start.head.weights.shape[1]

    @property
    def key(self) -> str:
        """Names the training."""
        return training_key(self._start.lesson, self._recipe, 0)

    def learn(self, course: Course, watch: Any = None) -> None:
        """Train it; afterwards it is as it was best."""
        outcome = taught(self, self._recipe.steps, course, watch)
        self.step = outcome.step
        self.warnings = [*self._collapsed(), *self._loss.stuck(outcome.losses)]

    def groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        found = [
            {"params": list(self._tail.module.parameters()), "lr": recipe.rate, "weight_decay": recipe.decay},
            {"params": [self._weights], "lr": recipe.head_rate, "weight_decay": recipe.head_decay},
        ]
        if own := self._loss.parameters():
            found.append({"params": own, "lr": LOSS_RATE * recipe.head_rate, "weight_decay": 0.0})
        return found

    def loss(self, step: int) -> Any:
        chosen = self._batches.of(step)
        return self._loss(self._placed(self._start.rows[chosen]), self._classes[self._torch.from_numpy(chosen)])

    def step_seconds(self) -> float:
        """Of a step; nothing is learned."""
        took = []
        for step in range(2):
            started = time.perf_counter()
            self.loss(step).backward()
            took.append(time.perf_counter() - started)
        self.module.zero_grad()
        return min(took)

    def vectors(self, rows: Ints) -> Vectors:
        """float32 (n, d), of length 1, of these rows of the samples."""
        found = [np.zeros((0, self.dimensions), np.float32)]
        with self._torch.no_grad():
            for start in range(0, len(rows), AT_ONCE):
                found.append(self._placed(rows[start : start + AT_ONCE]).cpu().numpy())
        return np.concatenate(found)

    def _placed(self, rows: Ints) -> Any:
        torch, fixed = self._torch, self._fixed
        outputs = self._tail.module(torch.from_numpy(self._maps.of(self._samples, rows)).to(self._device))
        inner = torch.clamp((outputs - fixed["mean"]) * fixed["factor"], -CLIP, CLIP) @ fixed["axes"]
        rest = torch.from_numpy(self._untouched(rows)).to(self._device)
        return torch.nn.functional.normalize((inner + rest) @ self._weights, dim=1)

    def _untouched(self, rows: Ints) -> npt.NDArray[np.float32]:
        """What the features that are not trained add to a row in the basis."""
        basis = self._start.basis
        scaled = basis.scale.applied(self._samples.rows[rows].astype(np.float32))
        scaled[:, self._columns] = 0
        found: npt.NDArray[np.float32] = scaled @ basis.axes - basis.offset
        return found

    def _collapsed(self) -> list[str]:
        drawn = np.random.default_rng(self._recipe.seed).permutation(len(self._start.rows))[: 4 * AT_ONCE]
        return collapse(self.vectors(self._start.rows[drawn]), self._start.lesson.classes[drawn], self._recipe.seed)

    def made(self) -> Made:
        """The networks that serve: what they give is compared with this, on some photos from their pixels on."""
        self.module.to("cpu")
        backbone = self._tail.beside()
        weights = self._weights.detach().cpu().numpy()
        network = look_network(_with_tail(self._start.basis, self._columns), Trained(weights, self.step))
        embedder = tuned(self._bench.embedder, backbone)
        card = LookCard(feature_model(embedder), width_of(embedder), self.dimensions)
        difference = self._difference(TrainedLook(network, card, None, backbone))
        return Made(network, card.features, card.width, self.dimensions, difference, backbone)

    def _difference(self, look: TrainedLook) -> float:
        plain = self._samples.plain
        photos = [photo for photo in range(len(plain)) if "/" not in self._samples.photos[photo].name][:CHECKED_PHOTOS]
        expected, embedder = self.vectors(plain[photos]), look.seen_by(self._bench.embedder)
        settings, found = self._bench.settings, []
        for photo in photos:
            data = self._bench.source.bytes_of(self._samples.photos[photo].source)
            pixels = decoded(data, settings, shortest=2 * embedder.shortest).pixels
            found.append(look.of(sight(embedder, "checked", pixels).features[None])[0])
        return float(np.abs(np.array(found) - expected).max(initial=0.0)) if photos else 0.0


def _columns(tail: Tail, features: int) -> Ints:
    """int64 (t,), where in a photo's features lie what the tail puts out."""
    if not features:
        raise InvalidValue(f"The card of {tail.card.name} names no `features`.", "Name outputs in it.", code="no-tail")
    parts = [np.arange(*place) + (MEASURED if place[0] >= features else 0) for place in tail.places()]
    return np.concatenate(parts)


def _with_tail(basis: Basis, columns: Ints) -> Basis:
    """The basis of features that are followed by a trained tail's, which stand in for those of these columns."""
    scale, axes = basis.scale, basis.axes.copy()
    axes[columns] = 0
    return Basis(
        Scale(
            np.concatenate([scale.rooted, np.zeros(len(columns), bool)]),
            np.concatenate([scale.mean, scale.mean[columns]]),
            np.concatenate([scale.factor, scale.factor[columns]]),
        ),
        np.concatenate([axes, basis.axes[columns]]),
        basis.offset,
    )
