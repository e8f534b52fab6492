"""The head: a linear map on top of the basis, trained by gradients so that distances are right.

It begins as the principal directions of the basis. It is watched on photos that it does not learn from, the best of
what it has been is kept, and it can be killed at any moment: the next run goes on from the last checkpoint and ends
with the same numbers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.filters.components import components
from shoplens.training.batches import Batches
from shoplens.training.losses import EXTRA, LossOf

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]
Watch = Callable[[Callable[[Floats], Floats]], float]
"""Given what turns basis rows into unit vectors, how good it is: in [0, 1], bigger is better."""
WATCH_EVERY, WARM_UP = 50, 0.1
LOSS_RATE = 10.0
"""How much faster a loss's own parameters learn."""
ALIKE = 0.9
"""Mean cosine of photos of different classes from which on the head has collapsed."""
STUCK = 0.05
"""A loss this near, relatively, to where it is when all vectors are alike is dead."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained. What the defaults were chosen by is in ``benchmarks/RESULTS.md``.

    Attributes:
        loss: of :data:`~shoplens.training.losses.LOSSES`.
        dimensions: length of a vector, at most.
        steps: of the whole course of the learning rate.
        rate: the highest learning rate of AdamW.
        decay: its weight decay.
        per_batch, per_class, alike: as :class:`~shoplens.training.batches.Batches`.
        shrinkage: as :func:`~shoplens.training.basis.basis_of`.
        seed: of everything that is drawn.
    """

    loss: str = "supcon"
    dimensions: int = 256
    steps: int = 600
    rate: float = 1e-3
    decay: float = 1e-4
    per_batch: int = 48
    per_class: int = 6
    alike: float = 0.5
    shrinkage: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one head is trained on.

    Attributes:
        rows: float32 (n, b), in the basis.
        classes: int64 (n,), 0 ….
        catalogue: bool (n,), whether a row is of a product's own photo.
    """

    rows: Floats
    classes: Ints
    catalogue: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Trained:
    """A head.

    Attributes:
        weights: float32 (b, d); the vector of a row x is x · weights, divided by its length.
        step: when it was best, and the steps that it learned.
        history: (step, loss, score of the watch), of every time it was looked at.
        warnings: what went wrong, in words; empty for a sound head.
    """

    weights: Floats
    step: int
    history: list[tuple[int, float, float]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def of(self, rows: Floats) -> Floats:
        """float32 (n, d), of length 1."""
        return unit(rows @ self.weights)


@dataclass(frozen=True, slots=True)
class Course:
    """What goes on beside the training.

    Attributes:
        watch: scores a head; None trains ``last`` steps and takes the last.
        last: step to end with; the recipe's when 0.
        deadline: seconds of :func:`time.monotonic` from which on no further step is made.
        checkpoint: file to go on from; None keeps none.
        progress: told of every step.
        name: what it is told.
        threads: for torch.
    """

    watch: Watch | None = None
    last: int = 0
    deadline: float = float("inf")
    checkpoint: Path | None = None
    progress: Progress = lambda what, done, total: None
    name: str = "Training"
    threads: int = 0


def unit(rows: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays."""
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found


def trained_head(lesson: Lesson, recipe: Recipe, course: Course) -> Trained:
    """The best head of a training.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed; ``unknown-loss``.
    """
    torch = torch_module(course.threads)
    state = _State(lesson, recipe, torch)
    if course.checkpoint is not None:
        state.read(course.checkpoint)
    batches = Batches(
        lesson.rows,
        lesson.classes,
        lesson.catalogue,
        per_batch=recipe.per_batch,
        per_class=recipe.per_class,
        alike=recipe.alike,
        seed=recipe.seed,
    )
    last = min(course.last or recipe.steps, recipe.steps)
    while state.step < last and time.monotonic() < course.deadline:
        state.learn(batches.of(state.step))
        course.progress(course.name, state.step, last)
        if state.step % WATCH_EVERY == 0 or state.step == last:
            if course.watch is not None:
                state.look(course.watch)
            if course.checkpoint is not None:
                state.write(course.checkpoint)
    return state.trained(course.watch is not None)


def torch_module(threads: int = 0) -> Any:
    """Torch.

    Raises:
        InvalidValue: ``no-torch``.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise InvalidValue("Training needs torch.", f"Install it: {EXTRA}.", code="no-torch") from None
    if threads:
        torch.set_num_threads(threads)
    return torch


class _State:
    """A training under way: everything that a checkpoint holds."""

    def __init__(self, lesson: Lesson, recipe: Recipe, torch: Any) -> None:
        self._torch, self._lesson, self._recipe = torch, lesson, recipe
        torch.manual_seed(recipe.seed)
        self._rows = torch.from_numpy(lesson.rows)
        self._classes = torch.from_numpy(lesson.classes)
        start = _beginning(lesson.rows, recipe.dimensions)
        self._weights = torch.nn.Parameter(torch.from_numpy(start))
        self._loss = LossOf(recipe.loss, int(lesson.classes.max()) + 1, start.shape[1])
        groups = [{"params": [self._weights], "lr": recipe.rate, "weight_decay": recipe.decay}]
        rates = [recipe.rate]
        if own := self._loss.parameters():
            groups.append({"params": own, "lr": LOSS_RATE * recipe.rate, "weight_decay": 0.0})
            rates.append(LOSS_RATE * recipe.rate)
        self._optimizer = torch.optim.AdamW(groups)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, rates, total_steps=recipe.steps + 1, pct_start=WARM_UP
        )
        self.step = 0
        self._best = Trained(start, 0)
        self._best_score = -1.0
        self._losses: list[float] = []

    def learn(self, rows: Ints) -> None:
        chosen = self._torch.from_numpy(rows)
        vectors = self._torch.nn.functional.normalize(self._rows[chosen] @ self._weights, dim=1)
        loss = self._loss(vectors, self._classes[chosen])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._schedule.step()
        self.step += 1
        self._losses.append(float(loss.detach()))

    def look(self, watch: Watch) -> None:
        """Score the head as it is, and keep it if it was never better."""
        now = self._weights.detach().numpy().copy()
        score = watch(Trained(now, self.step).of)
        self._best.history.append((self.step, float(np.mean(self._losses[-WATCH_EVERY:])), score))
        if score > self._best_score:
            self._best_score = score
            self._best.weights, self._best.step = now, self.step

    def trained(self, watched: bool) -> Trained:
        """The head that was best, or that is the last where nobody watched, with what is wrong with it."""
        if not watched or self._best.step == 0:
            self._best.weights, self._best.step = self._weights.detach().numpy().copy(), self.step
        self._best.warnings = [*self._collapse(), *self._dead()]
        return self._best

    def _collapse(self) -> list[str]:
        rng = np.random.default_rng(self._recipe.seed)
        one, other = rng.integers(0, len(self._lesson.rows), (2, 2_000))
        apart = self._lesson.classes[one] != self._lesson.classes[other]
        if not apart.any():
            return []
        vectors = [self._best.of(self._lesson.rows[some[apart]]) for some in (one, other)]
        cosine = float(np.einsum("nd,nd->n", *vectors).mean())
        if cosine < ALIKE:
            return []
        return [f"The vectors collapsed: photos of different products have a mean cosine of {cosine:.2f}."]

    def _dead(self) -> list[str]:
        dead, last = self._loss.dead, self._losses[-WATCH_EVERY:]
        if dead is None or not last or abs(float(np.mean(last)) - dead) > STUCK * dead:
            return []
        return [
            f"The loss {self._recipe.loss} is stuck at its margin of {dead}: it sees all distances as equal. "
            "Choose another with --loss."
        ]

    def read(self, file: Path) -> None:
        """Go on from a checkpoint, if there is one that can be read."""
        try:
            told = self._torch.load(file, weights_only=True)
            self._weights.data.copy_(told["weights"])
            self._loss.loss.load_state_dict(told["loss"])
            self._optimizer.load_state_dict(told["optimizer"])
            self._schedule.load_state_dict(told["schedule"])
            history = [tuple(one) for one in told["history"]]
            self._best = Trained(told["best"].numpy(), told["best_step"], history)
            self.step, self._best_score, self._losses = told["step"], told["best_score"], told["losses"]
        except FileNotFoundError:
            return
        except Exception:  # torch raises what it likes; half a file is begun anew, which loses a minute
            file.unlink()

    def write(self, file: Path) -> None:
        new = file.with_name(file.name + ".new")
        told = {
            "weights": self._weights.data,
            "loss": self._loss.loss.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "history": [list(one) for one in self._best.history],
            "best": self._torch.from_numpy(self._best.weights),
            "best_step": self._best.step,
            "best_score": self._best_score,
            "step": self.step,
            "losses": self._losses[-WATCH_EVERY:],
        }
        with new.open("wb") as opened:
            self._torch.save(told, opened)
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(file)


def _beginning(rows: Floats, dimensions: int) -> Floats:
    """float32 (b, d): principal directions of the rows."""
    return components(rows - rows.mean(axis=0), min(dimensions, rows.shape[1]))
