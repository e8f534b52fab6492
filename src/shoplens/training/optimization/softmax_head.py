"""A softmax over all products behind the whitened features, trained by cross-entropy: it classifies, and learns no
distances.

It is a linear map to a few hundred numbers, which starts as the principal directions of the whitened features, and a
linear map from these numbers to one output per product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.training.optimization.head import TrainingSet, create_sampler, initial_weights
from shoplens.training.optimization.training_loop import LoopOptions, Scores, import_torch, run_training_loop

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoftmaxRecipe:
    """How a classifier is trained. The defaults are usual values; no others were tried.

    Attributes:
        hidden_size: number of values that the last layer works on.
        epochs: how many times every product is in a batch, over the whole schedule.
        min_steps: minimum number of steps, however few products there are.
        learning_rate: the highest learning rate of AdamW.
        weight_decay: the weight decay of AdamW.
        label_smoothing: share of the label that is spread over all products (Szegedy et al. 2016, arXiv:1512.00567).
        classes_per_batch: number of products in a step.
        rows_per_class: number of rows of each product.
        shrinkage: as in :func:`~shoplens.training.optimization.feature_whitening.fit_whitening`.
        seed: seed of all random draws.
    """

    hidden_size: int = 256
    epochs: int = 40
    min_steps: int = 600
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    classes_per_batch: int = 96
    rows_per_class: int = 3
    shrinkage: float = 1.0
    seed: int = 0

    def steps(self, products: int) -> int:
        """Return the number of steps of the whole schedule for this number of products."""
        return max(self.min_steps, math.ceil(self.epochs * products / self.classes_per_batch))


@dataclass(slots=True)
class SoftmaxWeights:
    """The weights of a classifier; a whitened row x gets the logits (x · body) · outputs + biases.

    Attributes:
        body: float32 (b, h).
        outputs: float32 (h, products).
        biases: float32 (products,).
        step: the step at which the classifier was best: the number of steps that it was trained for.
        history: (step, loss, score) of every evaluation.
        ended_early: as in :class:`~shoplens.training.optimization.training_loop.LoopResult`.
    """

    body: Floats
    outputs: Floats
    biases: Floats
    step: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)
    ended_early: str = ""

    def vectors(self, rows: Floats) -> Floats:
        """Return what the last layer works on, float32 (n, h), of any length."""
        vectors: Floats = rows @ self.body
        return vectors

    def logits(self, rows: Floats) -> Floats:
        """Return the logits of whitened rows, float32 (n, products)."""
        logits: Floats = self.vectors(rows) @ self.outputs + self.biases
        return logits


def train_softmax(
    training_set: TrainingSet,
    recipe: SoftmaxRecipe,
    options: LoopOptions,
    metric: Callable[[SoftmaxWeights], Scores] | None = None,
) -> SoftmaxWeights:
    """Train a classifier and return its best state.

    Args:
        metric: returns the scores of validation queries by a classifier; None trains until the last step of the options
            and returns that state.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed.
    """
    learner = _SoftmaxLearner(training_set, recipe, import_torch(options.threads))
    score = None if metric is None else lambda: metric(learner.weights())
    result = run_training_loop(learner, recipe.steps(learner.products), options, score)
    softmax = learner.weights()
    softmax.step, softmax.history, softmax.ended_early = result.step, result.history, result.ended_early
    return softmax


def build_softmax_module(softmax: SoftmaxWeights) -> Any:
    """Build the torch module of these weights: whitened rows float32 (n, b) -> logits float32 (n, products)."""
    torch = import_torch()
    body = torch.nn.Linear(*softmax.body.shape, bias=False)
    outputs = torch.nn.Linear(*softmax.outputs.shape)
    with torch.no_grad():
        for parameter, values in ((body.weight, softmax.body.T), (outputs.weight, softmax.outputs.T)):
            parameter.copy_(torch.from_numpy(values))
        outputs.bias.copy_(torch.from_numpy(softmax.biases))
    return torch.nn.Sequential(body, outputs)


def softmax_weights(module: Any) -> SoftmaxWeights:
    """Return the weights of a module that :func:`build_softmax_module` built."""
    body, outputs = module
    arrays = [parameter.detach().cpu().numpy().T.copy() for parameter in (body.weight, outputs.weight, outputs.bias)]
    return SoftmaxWeights(*arrays)


def init_softmax(body: Floats, products: int, seed: int) -> SoftmaxWeights:
    """Return an untrained classifier, whose outputs have torch's usual initial values.

    Args:
        body: float32 (b, h).
        products: number of outputs.
        seed: seed of the initial values.
    """
    torch = import_torch()
    torch.manual_seed(seed)
    outputs = torch.nn.Linear(body.shape[1], products)
    return SoftmaxWeights(body, outputs.weight.detach().numpy().T.copy(), outputs.bias.detach().numpy().copy())


class _SoftmaxLearner:
    """The model of the training loop."""

    def __init__(self, training_set: TrainingSet, recipe: SoftmaxRecipe, torch: Any) -> None:
        self._torch, self._recipe = torch, recipe
        self.products = int(training_set.classes.max()) + 1
        self._rows, self._classes = torch.from_numpy(training_set.rows), torch.from_numpy(training_set.classes)
        self.module = build_softmax_module(
            init_softmax(initial_weights(training_set.rows, recipe.hidden_size), self.products, recipe.seed)
        )
        self._sampler = create_sampler(training_set, recipe, hard_negative_share=0.0)

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [
            {
                "params": list(self.module.parameters()),
                "lr": self._recipe.learning_rate,
                "weight_decay": self._recipe.weight_decay,
            }
        ]

    def loss(self, step: int) -> Any:
        rows = self._torch.from_numpy(self._sampler.sample(step))
        return self._torch.nn.functional.cross_entropy(
            self.module(self._rows[rows]), self._classes[rows], label_smoothing=self._recipe.label_smoothing
        )

    def weights(self) -> SoftmaxWeights:
        """Return the weights as they are now."""
        return softmax_weights(self.module)
