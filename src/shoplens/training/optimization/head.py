"""The head: a linear map behind the whitened features, trained by gradient descent so that distances are right.

It starts as the principal directions of the whitened features. During training it is scored on photos that it does not
learn from, and the best state is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.pca import principal_axes
from shoplens.filters.model.principal_components import normalize_rows
from shoplens.training.optimization.batch_sampling import BatchSampler
from shoplens.training.optimization.losses import LossFunction
from shoplens.training.optimization.training_loop import (
    LoopOptions,
    LoopResult,
    Scores,
    import_torch,
    run_training_loop,
)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
HeadMetric = Callable[[Callable[[Floats], Floats]], Scores]
"""Rates a head: given a function from whitened rows to unit vectors, it returns the scores of validation queries."""
LOSS_RATE_FACTOR = 10.0
"""A loss's own parameters learn faster than the head by this factor."""
COLLAPSE_COSINE = 0.9
"""The head has collapsed when photos of different classes have at least this mean cosine."""
_PAIRS = 2_000
"""Number of pairs that the mean cosine is estimated from."""


@dataclass(frozen=True, slots=True)
class HeadRecipe:
    """How a head is trained. ``benchmarks/RESULTS.md`` says how the defaults were chosen.

    Attributes:
        loss: a name of :data:`~shoplens.training.optimization.losses.LOSSES`.
        dimensions: maximum length of a vector.
        steps: length of the learning rate's whole schedule.
        learning_rate: the highest learning rate of AdamW.
        weight_decay: the weight decay of AdamW.
        classes_per_batch, rows_per_class, hard_negative_share: as in
            :class:`~shoplens.training.optimization.batch_sampling.BatchSampler`.
        shrinkage: as in :func:`~shoplens.training.optimization.feature_whitening.fit_whitening`.
        seed: seed of all random draws.
    """

    loss: str = "supcon"
    dimensions: int = 256
    steps: int = 600
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    classes_per_batch: int = 48
    rows_per_class: int = 6
    hard_negative_share: float = 0.5
    shrinkage: float = 2.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """The rows that one head is trained on.

    Attributes:
        rows: float32 (n, b), whitened features.
        classes: int64 (n,), numbered from 0.
        from_catalogue: bool (n,), whether a row is of a product's own photo.
    """

    rows: Floats
    classes: Ints
    from_catalogue: npt.NDArray[np.bool_]


@dataclass(slots=True)
class TrainedWeights:
    """The weights of a trained head.

    Attributes:
        weights: float32 (b, d); the vector of a row x is x · weights, divided by its length.
        step: the step at which the head was best: the number of steps that it was trained for.
        history: (step, loss, score) of every evaluation.
        warnings: what went wrong, in words; empty for a sound head.
        ended_early: as in :class:`~shoplens.training.optimization.training_loop.LoopResult`.
    """

    weights: Floats
    step: int
    history: list[tuple[int, float, float]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ended_early: str = ""

    def embed(self, rows: Floats) -> Floats:
        """Return the vectors of whitened rows, float32 (n, d), of length 1."""
        return normalize_rows(rows @ self.weights)


def train_head(
    training_set: TrainingSet, recipe: HeadRecipe, options: LoopOptions, metric: HeadMetric | None = None
) -> TrainedWeights:
    """Train a head and return its best state.

    Args:
        metric: rates a head; None trains until the last step of the options and returns that state.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed; ``unknown-loss``.
    """
    learner = _HeadLearner(training_set, recipe, import_torch(options.threads))
    score = None if metric is None else lambda: metric(learner.trained_weights(0).embed)
    result = run_training_loop(learner, recipe.steps, options, score)
    head = learner.trained_weights(result.step)
    head.history, head.warnings = (
        result.history,
        [*_collapse_warnings(head, training_set, recipe.seed), *learner.stuck_warnings(result)],
    )
    head.ended_early = result.ended_early
    return head


class _HeadLearner:
    """The model of the training loop: the weights of the head, and those of its loss."""

    def __init__(self, training_set: TrainingSet, recipe: HeadRecipe, torch: Any) -> None:
        self._torch, self._recipe = torch, recipe
        torch.manual_seed(recipe.seed)
        self._rows, self._classes = torch.from_numpy(training_set.rows), torch.from_numpy(training_set.classes)
        start = initial_weights(training_set.rows, recipe.dimensions)
        self._weights = torch.nn.Parameter(torch.from_numpy(start))
        self._loss = LossFunction(recipe.loss, int(training_set.classes.max()) + 1, start.shape[1])
        self.module = torch.nn.ModuleDict({"loss": self._loss.loss})
        self.module.register_parameter("weights", self._weights)
        self._sampler = create_sampler(training_set, recipe, recipe.hard_negative_share)

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups = [
            {"params": [self._weights], "lr": self._recipe.learning_rate, "weight_decay": self._recipe.weight_decay}
        ]
        if loss_parameters := self._loss.parameters():
            groups.append(
                {"params": loss_parameters, "lr": LOSS_RATE_FACTOR * self._recipe.learning_rate, "weight_decay": 0.0}
            )
        return groups

    def loss(self, step: int) -> Any:
        rows = self._torch.from_numpy(self._sampler.sample(step))
        vectors = self._torch.nn.functional.normalize(self._rows[rows] @ self._weights, dim=1)
        return self._loss(vectors, self._classes[rows])

    def stuck_warnings(self, result: LoopResult) -> list[str]:
        return self._loss.stuck_warnings(result.losses)

    def trained_weights(self, step: int) -> TrainedWeights:
        return TrainedWeights(self._weights.detach().numpy().copy(), step)


class SamplingOptions(Protocol):
    """What all recipes have in common: the number of classes in a step, the number of rows of each, and the seed."""

    @property
    def classes_per_batch(self) -> int: ...

    @property
    def rows_per_class(self) -> int: ...

    @property
    def seed(self) -> int: ...


def create_sampler(training_set: TrainingSet, recipe: SamplingOptions, hard_negative_share: float) -> BatchSampler:
    """Create the sampler of a training set's rows; ``hard_negative_share`` is as in :class:`BatchSampler`."""
    return BatchSampler(
        training_set.rows,
        training_set.classes,
        training_set.from_catalogue,
        classes_per_batch=recipe.classes_per_batch,
        rows_per_class=recipe.rows_per_class,
        hard_negative_share=hard_negative_share,
        seed=recipe.seed,
    )


def _collapse_warnings(head: TrainedWeights, training_set: TrainingSet, seed: int) -> list[str]:
    sample = np.random.default_rng(seed).permutation(len(training_set.rows))[:_PAIRS]
    return collapse_warnings(head.embed(training_set.rows[sample]), training_set.classes[sample], seed)


def collapse_warnings(vectors: Floats, classes: Ints, seed: int) -> list[str]:
    """Return a warning if vectors of different classes are all alike.

    Args:
        vectors: float32 (n, d), of length 1; n is at least 1.
        classes: int64 (n,).
        seed: seed of the draw of pairs.
    """
    first, second = np.random.default_rng(seed).integers(0, len(vectors), (2, _PAIRS))
    differ = classes[first] != classes[second]
    if not differ.any():
        return []
    cosine = float(np.einsum("nd,nd->n", vectors[first[differ]], vectors[second[differ]]).mean())
    if cosine < COLLAPSE_COSINE:
        return []
    return [f"The vectors collapsed: photos of different products have a mean cosine of {cosine:.2f}."]


def initial_weights(rows: Floats, dimensions: int) -> Floats:
    """Return the principal directions of the rows, float32 (b, d)."""
    return principal_axes(rows - rows.mean(axis=0), min(dimensions, rows.shape[1]))
