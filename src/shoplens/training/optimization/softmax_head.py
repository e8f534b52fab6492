"""A softmax over all products on top of the basis, trained by cross-entropy: it classifies, and learns no distances.

A linear map to a few hundred numbers, begun as the principal directions of the basis, and a linear map from these to an
output per product.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.training.optimization.head import Lesson, batches_of, beginning
from shoplens.training.optimization.training_loop import Course, taught, torch_module

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SoftmaxRecipe:
    """How a classifier is trained. The defaults are usual values, which nothing was tried against.

    Attributes:
        hidden: numbers that the last layer works on.
        passes: how often every product is in a batch, in the whole course.
        least_steps: steps are not fewer, however few products there are.
        rate: the highest learning rate of AdamW.
        decay: its weight decay.
        smoothing: share of the label that is given to all products alike (Szegedy et al. 2016, arXiv:1512.00567).
        per_batch: products in a step.
        per_class: rows of each.
        shrinkage: as :func:`~shoplens.training.optimization.feature_whitening.basis_of`.
        seed: of everything that is drawn.
    """

    hidden: int = 256
    passes: int = 40
    least_steps: int = 600
    rate: float = 1e-3
    decay: float = 1e-2
    smoothing: float = 0.1
    per_batch: int = 96
    per_class: int = 3
    shrinkage: float = 1.0
    seed: int = 0

    def steps(self, products: int) -> int:
        """Of the whole course."""
        return max(self.least_steps, math.ceil(self.passes * products / self.per_batch))


@dataclass(slots=True)
class Softmax:
    """A classifier; a row x of the basis gets the logits (x · body) · outputs + biases.

    Attributes:
        body: float32 (b, h).
        outputs: float32 (h, products).
        biases: float32 (products,).
        step: when it was best, and the steps that it learned.
        history: (step, loss, score of the watch), of every time it was looked at.
    """

    body: Floats
    outputs: Floats
    biases: Floats
    step: int = 0
    history: list[tuple[int, float, float]] = field(default_factory=list)

    def vectors(self, rows: Floats) -> Floats:
        """float32 (n, h), of any length: what the last layer works on."""
        found: Floats = rows @ self.body
        return found

    def logits(self, rows: Floats) -> Floats:
        """float32 (n, products)."""
        found: Floats = self.vectors(rows) @ self.outputs + self.biases
        return found


def train_softmax(
    lesson: Lesson, recipe: SoftmaxRecipe, course: Course, watch: Callable[[Softmax], float] | None = None
) -> Softmax:
    """The best classifier of a training.

    Args:
        watch: how good one is, in [0, 1], bigger is better; None trains the course's last step and takes that.

    Raises:
        InvalidValue: ``no-torch``, the extra is not installed.
    """
    learner = SoftmaxLearner(lesson, recipe, torch_module(course.threads))
    score = None if watch is None else lambda: watch(learner.softmax())
    outcome = taught(learner, recipe.steps(learner.products), course, score)
    found = learner.softmax()
    found.step, found.history = outcome.step, outcome.history
    return found


def softmax_module(softmax: Softmax) -> Any:
    """Torch's, float32 (n, b) -> logits float32 (n, products)."""
    torch = torch_module()
    body = torch.nn.Linear(*softmax.body.shape, bias=False)
    outputs = torch.nn.Linear(*softmax.outputs.shape)
    with torch.no_grad():
        for one, values in ((body.weight, softmax.body.T), (outputs.weight, softmax.outputs.T)):
            one.copy_(torch.from_numpy(values))
        outputs.bias.copy_(torch.from_numpy(softmax.biases))
    return torch.nn.Sequential(body, outputs)


def softmax_of(module: Any) -> Softmax:
    """The same as arrays."""
    body, outputs = module
    arrays = [one.detach().cpu().numpy().T.copy() for one in (body.weight, outputs.weight, outputs.bias)]
    return Softmax(*arrays)


def init_softmax(body: Floats, products: int, seed: int) -> Softmax:
    """One that knows nothing yet, with torch's usual outputs.

    Args:
        body: float32 (b, h).
    """
    torch = torch_module()
    torch.manual_seed(seed)
    outputs = torch.nn.Linear(body.shape[1], products)
    return Softmax(body, outputs.weight.detach().numpy().T.copy(), outputs.bias.detach().numpy().copy())


class SoftmaxLearner:
    """The learner of :func:`~shoplens.training.optimization.training_loop.taught`."""

    def __init__(self, lesson: Lesson, recipe: SoftmaxRecipe, torch: Any) -> None:
        self._torch, self._recipe = torch, recipe
        self.products = int(lesson.classes.max()) + 1
        self._rows, self._classes = torch.from_numpy(lesson.rows), torch.from_numpy(lesson.classes)
        self.module = softmax_module(init_softmax(beginning(lesson.rows, recipe.hidden), self.products, recipe.seed))
        self._batches = batches_of(lesson, recipe, alike=0.0)

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.module.parameters()), "lr": self._recipe.rate, "weight_decay": self._recipe.decay}]

    def loss(self, step: int) -> Any:
        chosen = self._torch.from_numpy(self._batches.of(step))
        return self._torch.nn.functional.cross_entropy(
            self.module(self._rows[chosen]), self._classes[chosen], label_smoothing=self._recipe.smoothing
        )

    def softmax(self) -> Softmax:
        """As it is now."""
        return softmax_of(self.module)
