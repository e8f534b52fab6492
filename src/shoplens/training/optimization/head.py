"""The head: a linear map on top of the basis, trained by gradients so that distances are right.

It begins as the principal directions of the basis. It is watched on photos that it does not learn from, and the best of
what it has been is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.pca import components
from shoplens.training.optimization.batch_sampling import Batches
from shoplens.training.optimization.losses import LossOf
from shoplens.training.optimization.training_loop import Course, Outcome, taught, torch_module

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Watch = Callable[[Callable[[Floats], Floats]], float]
"""Given what turns basis rows into unit vectors, how good it is: in [0, 1], bigger is better."""
LOSS_RATE = 10.0
"""How much faster a loss's own parameters learn."""
ALIKE = 0.9
"""Mean cosine of photos of different classes from which on the head has collapsed."""
_PAIRS = 2_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained. What the defaults were chosen by is in ``benchmarks/RESULTS.md``.

    Attributes:
        loss: of :data:`~shoplens.training.optimization.losses.LOSSES`.
        dimensions: length of a vector, at most.
        steps: of the whole course of the learning rate.
        rate: the highest learning rate of AdamW.
        decay: its weight decay.
        per_batch, per_class, alike: as :class:`~shoplens.training.optimization.batch_sampling.Batches`.
        shrinkage: as :func:`~shoplens.training.optimization.feature_whitening.basis_of`.
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


def unit(rows: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays."""
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found


def train_head(lesson: Lesson, recipe: Recipe, course: Course, watch: Watch | None = None) -> Trained:
    """The best head of a training.

    Args:
        watch: scores a head; None trains the course's last step and takes that.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed; ``unknown-loss``.
    """
    learner = _Head(lesson, recipe, torch_module(course.threads))
    score = None if watch is None else lambda: watch(learner.head(0).of)
    outcome = taught(learner, recipe.steps, course, score)
    head = learner.head(outcome.step)
    head.history, head.warnings = (
        outcome.history,
        [*_collapse_warnings(head, lesson, recipe.seed), *learner.stuck(outcome)],
    )
    return head


class _Head:
    """The learner: weights of the head, and those that its loss has."""

    def __init__(self, lesson: Lesson, recipe: Recipe, torch: Any) -> None:
        self._torch, self._recipe = torch, recipe
        torch.manual_seed(recipe.seed)
        self._rows, self._classes = torch.from_numpy(lesson.rows), torch.from_numpy(lesson.classes)
        start = beginning(lesson.rows, recipe.dimensions)
        self._weights = torch.nn.Parameter(torch.from_numpy(start))
        self._loss = LossOf(recipe.loss, int(lesson.classes.max()) + 1, start.shape[1])
        self.module = torch.nn.ModuleDict({"loss": self._loss.loss})
        self.module.register_parameter("weights", self._weights)
        self._batches = batches_of(lesson, recipe, recipe.alike)

    def groups(self) -> list[dict[str, Any]]:
        found = [{"params": [self._weights], "lr": self._recipe.rate, "weight_decay": self._recipe.decay}]
        if own := self._loss.parameters():
            found.append({"params": own, "lr": LOSS_RATE * self._recipe.rate, "weight_decay": 0.0})
        return found

    def loss(self, step: int) -> Any:
        chosen = self._torch.from_numpy(self._batches.of(step))
        vectors = self._torch.nn.functional.normalize(self._rows[chosen] @ self._weights, dim=1)
        return self._loss(vectors, self._classes[chosen])

    def stuck(self, outcome: Outcome) -> list[str]:
        return self._loss.stuck(outcome.losses)

    def head(self, step: int) -> Trained:
        return Trained(self._weights.detach().numpy().copy(), step)


class Drawn(Protocol):
    """What recipes have in common: how many classes are in a step, how many rows of each, and the seed."""

    @property
    def per_batch(self) -> int: ...

    @property
    def per_class(self) -> int: ...

    @property
    def seed(self) -> int: ...


def batches_of(lesson: Lesson, recipe: Drawn, alike: float) -> Batches:
    """The rows of every step; ``alike`` as there."""
    return Batches(
        lesson.rows,
        lesson.classes,
        lesson.catalogue,
        per_batch=recipe.per_batch,
        per_class=recipe.per_class,
        alike=alike,
        seed=recipe.seed,
    )


def _collapse_warnings(head: Trained, lesson: Lesson, seed: int) -> list[str]:
    drawn = np.random.default_rng(seed).permutation(len(lesson.rows))[:_PAIRS]
    return collapse(head.of(lesson.rows[drawn]), lesson.classes[drawn], seed)


def collapse(vectors: Floats, classes: Ints, seed: int) -> list[str]:
    """What is wrong, in words, where vectors of different classes are all alike.

    Args:
        vectors: float32 (n, d), of length 1; n at least 1.
        classes: int64 (n,).
        seed: of the draw of pairs.
    """
    one, other = np.random.default_rng(seed).integers(0, len(vectors), (2, _PAIRS))
    apart = classes[one] != classes[other]
    if not apart.any():
        return []
    cosine = float(np.einsum("nd,nd->n", vectors[one[apart]], vectors[other[apart]]).mean())
    if cosine < ALIKE:
        return []
    return [f"The vectors collapsed: photos of different products have a mean cosine of {cosine:.2f}."]


def beginning(rows: Floats, dimensions: int) -> Floats:
    """float32 (b, d): principal directions of the rows."""
    return components(rows - rows.mean(axis=0), min(dimensions, rows.shape[1]))
