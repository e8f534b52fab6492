"""Who teaches a classifier: trainings on some of the samples, of a softmax on features, or of the network, too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shoplens.build.photo_features import backbone_width, feature_model, width_of
from shoplens.embedders import ProductClassifier
from shoplens.embedders.classifier import ClassifierCard, backbone_digest
from shoplens.embedders.tuned import Tunings
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.training.data.feature_maps import Maps
from shoplens.training.data.samples import Bools, Ints, Samples
from shoplens.training.holdout import Questions
from shoplens.training.optimization.feature_whitening import Basis, Columns, basis_of
from shoplens.training.optimization.fine_tuning import TailRecipe, minutes_told
from shoplens.training.optimization.head import Lesson, batches_of
from shoplens.training.optimization.head_export import classifier_network
from shoplens.training.optimization.head_trainers import checkpoint_file, training_key
from shoplens.training.optimization.softmax_head import (
    Softmax,
    SoftmaxRecipe,
    softmax_module,
    softmax_of,
    train_softmax,
)
from shoplens.training.optimization.tail_features import TunedBasis
from shoplens.training.optimization.training_loop import CLASSIFIER, Course, taught, torch_module

Floats = npt.NDArray[np.float32]


class LearnedClassifier(Protocol):
    """A trained classifier, as training has it."""

    @property
    def basis(self) -> Basis:
        """Of the features."""

    @property
    def step(self) -> int:
        """The steps that it learned."""

    def logits(self, rows: Ints) -> Floats:
        """float32 (n, products), of these rows of the samples."""

    def vectors(self, rows: Ints) -> Floats:
        """float32 (n, h), what the last layer works on."""

    def made(self, card: ClassifierCard) -> ProductClassifier:
        """What serves; the card's features are filled in."""


class ClassifierTeacher(Protocol):
    """Trains twice; the two trainings differ in what they see only."""

    def taught(self, learned: Bools, name: str, last: int = 0, watched: Sequence[Questions] = ()) -> LearnedClassifier:
        """The classifier of the rows bool (m,): the best by what is watched, or after ``last`` steps."""


@dataclass(frozen=True, slots=True, eq=False)
class OnFeatures:
    """A softmax on the untouched network's features.

    Attributes:
        rows: int64 (n,), of the samples, those of the lesson.
    """

    bench: EvaluationContext
    samples: Samples
    basis: Basis
    softmax: Softmax
    lesson: Lesson
    rows: Ints

    @property
    def step(self) -> int:
        return self.softmax.step

    def logits(self, rows: Ints) -> Floats:
        return self.softmax.logits(self.basis.applied(self.samples.rows[rows]))

    def vectors(self, rows: Ints) -> Floats:
        return self.softmax.vectors(self.basis.applied(self.samples.rows[rows]))

    def made(self, card: ClassifierCard) -> ProductClassifier:
        embedder = self.bench.embedder
        whole = replace(card, features=feature_model(embedder), width=width_of(embedder))
        return ProductClassifier(classifier_network(self.basis, self.softmax, _json(whole)))


class SoftmaxLessons:
    """The teacher of a softmax on features.

    Args:
        classes: int64 (m,), of every row.
        budget: seconds that both trainings may take.
    """

    def __init__(
        self, bench: EvaluationContext, samples: Samples, classes: Ints, recipe: SoftmaxRecipe, budget: float
    ) -> None:
        self.bench, self.samples, self.classes, self.recipe = bench, samples, classes, recipe
        self._seconds = budget / 2
        self._columns = Columns(backbone_width(bench.embedder), width_of(bench.embedder))

    def taught(self, learned: Bools, name: str, last: int = 0, watched: Sequence[Questions] = ()) -> OnFeatures:
        """As :meth:`ClassifierTeacher.taught`."""
        samples, rows = self.samples, np.flatnonzero(learned)
        features, classes = samples.rows[rows], self.classes[rows]
        basis = basis_of(features, classes, self._columns, self.recipe.shrinkage, self.recipe.seed)
        shoppers = np.array([photo.shopper for photo in samples.photos], bool)
        lesson = Lesson(basis.applied(features), classes, ~shoppers[samples.owners[rows]])
        seen = [(basis.applied(samples.rows[asked.rows]), asked.classes) for asked in watched]

        def watch(softmax: Softmax) -> float:
            return _mean([_mrr(softmax.logits(asked), right) for asked, right in seen])

        course = Course(
            last=last,
            deadline=time.monotonic() + self._seconds,
            checkpoint=checkpoint_file(self.bench, CLASSIFIER, training_key(lesson, self.recipe, last)),
            progress=self.bench.progress,
            name=name,
            threads=self.bench.settings.cores,
        )
        softmax = train_softmax(lesson, self.recipe, course, watch if seen else None)
        return OnFeatures(self.bench, samples, basis, softmax, lesson, rows)


class TunedClassifierLessons:
    """The teacher of a softmax and the network's end before it.

    Args:
        lessons: that train what these begin with.
        maps: of the same samples.
        budget: seconds that both trainings may take.
    """

    def __init__(self, lessons: SoftmaxLessons, maps: Maps, recipe: TailRecipe, budget: float) -> None:
        self._lessons, self._maps, self._recipe, self._budget = lessons, maps, recipe, budget
        self._first_step = 0

    def taught(self, learned: Bools, name: str, last: int = 0, watched: Sequence[Questions] = ()) -> TunedSoftmax:
        """As :meth:`ClassifierTeacher.taught`.

        Raises:
            InvalidValue: ``budget-too-small``.
        """
        start = self._lessons.taught(learned, name, self._first_step, watched)
        self._first_step = start.step
        found = TunedSoftmax(start, self._maps, self._recipe, self._lessons.recipe.smoothing)
        bench = self._lessons.bench
        told = f" ({minutes_told(found, self._recipe, self._budget)})" if watched else ""

        def watch() -> float:
            return _mean([_mrr(found.logits(asked.rows), asked.classes) for asked in watched])

        course = Course(
            last=last,
            deadline=time.monotonic() + self._budget / 2,
            checkpoint=checkpoint_file(bench, CLASSIFIER, found.key),
            every=self._recipe.every,
            progress=bench.progress,
            name=f"{name}, the network too{told}",
            threads=bench.settings.cores,
        )
        found.learn(course, watch if watched else None)
        return found


class TunedSoftmax:
    """A network's end and the softmax behind it: first the learner, then what was learned."""

    def __init__(self, start: OnFeatures, maps: Maps, recipe: TailRecipe, smoothing: float) -> None:
        torch = self._torch = torch_module(start.bench.settings.cores)
        torch.manual_seed(recipe.seed)
        self._start, self._recipe, self._smoothing = start, recipe, smoothing
        self.basis, self.step = start.basis, 0
        self._tuned = TunedBasis(start.bench, start.samples, maps, start.basis)
        self._softmax = softmax_module(start.softmax)
        self.module = torch.nn.ModuleDict({"tail": self._tuned.module, "softmax": self._softmax})
        self.module.to(self._tuned.device)
        self._batches = batches_of(start.lesson, recipe, recipe.alike)
        self._classes = torch.from_numpy(start.lesson.classes).to(self._tuned.device)

    @property
    def key(self) -> str:
        """Names the training."""
        return training_key(self._start.lesson, self._recipe, 0, self._start.softmax.outputs)

    def learn(self, course: Course, watch: Callable[[], float] | None) -> None:
        """Train it; afterwards it is as it was best."""
        self.step = taught(self, self._recipe.steps, course, watch).step

    def groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        return [
            {"params": list(self._tuned.module.parameters()), "lr": recipe.rate, "weight_decay": recipe.decay},
            {"params": list(self._softmax.parameters()), "lr": recipe.head_rate, "weight_decay": recipe.head_decay},
        ]

    def loss(self, step: int) -> Any:
        chosen = self._batches.of(step)
        logits = self._softmax(self._tuned.rows(self._start.rows[chosen]))
        classes = self._classes[self._torch.from_numpy(chosen)]
        return self._torch.nn.functional.cross_entropy(logits, classes, label_smoothing=self._smoothing)

    def logits(self, rows: Ints) -> Floats:
        return self._tuned.applied(rows, self._softmax)

    def vectors(self, rows: Ints) -> Floats:
        return self._tuned.applied(rows, self._softmax[0])

    def made(self, card: ClassifierCard) -> ProductClassifier:
        backbone = self._tuned.backbone()
        embedder = Tunings(backbone).of(self._start.bench.embedder)
        whole = replace(
            card,
            features=feature_model(embedder),
            width=width_of(embedder),
            tail=self._tuned.tail,
            backbone=backbone_digest(backbone),
        )
        network = classifier_network(self._tuned.beside(), softmax_of(self._softmax), _json(whole))
        return ProductClassifier(network, lambda digest: backbone)


def output_ranks(logits: Floats, right: Ints) -> Ints:
    """int64 (q,), the rank of the right output; of equals it comes last."""
    found: Ints = (logits >= np.take_along_axis(logits, right[:, None], axis=1)).sum(axis=1)
    return found


def _mrr(logits: Floats, right: Ints) -> float:
    return float((1.0 / output_ranks(logits, right)).mean())


def _mean(scores: Sequence[float]) -> float:
    return sum(scores) / len(scores)


def _json(card: ClassifierCard) -> str:
    return json.dumps(asdict(card), default=dict)
