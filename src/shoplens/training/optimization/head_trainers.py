"""Who teaches a look: trainings on some of the samples, with basis, steps and checkpoints."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from shoplens.build.photo_features import backbone_width, feature_model, width_of
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.training.data.feature_pass import FOLDER
from shoplens.training.data.samples import Bools, Ints, Samples
from shoplens.training.holdout import Plan, Questions, ranks
from shoplens.training.optimization.feature_whitening import Basis, Columns, Floats, basis_of
from shoplens.training.optimization.head import Lesson, Recipe, Trained, Watch, train_head
from shoplens.training.optimization.head_export import largest_difference, look_network
from shoplens.training.optimization.training_loop import LOOK, Course
from shoplens.types import Vectors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CHECKED_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What serves, out of what was learned.

    Attributes:
        network: from features to vectors.
        backbone: the whole network with a trained end; empty where that was left as it is.
        stands_for: as in :class:`~shoplens.embedders.look.LookCard`.
        features: id of what makes the features that ``network`` reads.
        width: how many they are.
        dimensions: length of a vector.
        difference: largest difference of any number of a vector between this and what was trained.
    """

    network: bytes
    features: str
    width: int
    dimensions: int
    difference: float
    backbone: bytes = b""
    stands_for: Sequence[Sequence[int]] = ()


class LearnedLook(Protocol):
    """A trained look, as training has it.

    Attributes:
        step: the steps that it learned.
        warnings: what went wrong, in words; empty for a sound one.
        dimensions: length of a vector.
    """

    step: int
    warnings: list[str]
    dimensions: int

    def vectors(self, rows: Ints) -> Vectors:
        """float32 (n, d), of length 1, of these rows of the samples."""

    def made(self) -> Made:
        """The networks that serve."""


class Trainer(Protocol):
    """Trains twice; the two trainings differ in what they see only."""

    def train_held_out(self, taught: Plan) -> LearnedLook:
        """The look that never sees what is asked in the end, at the step where it did best on what is watched.

        Raises:
            InvalidValue: ``no-groups``.
        """

    def train_on_everything(self, last: int) -> LearnedLook:
        """The look that sees everything, for as many steps as the other was best at.

        Raises:
            InvalidValue: ``no-groups``.
        """


class HeadLook:
    """A head on the untouched network's features.

    Args:
        rows: int64 (n,), of the samples, those of the lesson.
    """

    def __init__(
        self, bench: EvaluationContext, samples: Samples, basis: Basis, head: Trained, lesson: Lesson, rows: Ints
    ) -> None:
        self._bench, self._samples = bench, samples
        self.basis, self.head, self.lesson, self.rows = basis, head, lesson, rows
        self.step, self.warnings, self.dimensions = head.step, head.warnings, head.weights.shape[1]

    def vectors(self, rows: Ints) -> Vectors:
        return self.head.of(self.basis.applied(self._samples.rows[rows]))

    def made(self) -> Made:
        network, embedder = look_network(self.basis, self.head), self._bench.embedder
        difference = largest_difference(network, self.basis, self.head, self._samples.rows[:CHECKED_ROWS])
        return Made(network, feature_model(embedder), width_of(embedder), self.dimensions, difference)


class Lessons:
    """The teacher of heads.

    Args:
        bench: of the store, where checkpoints are kept.
        samples: to learn from.
        same: what has to lie together, ``product`` or ``group``.
        budget: seconds that both may take, half of them each.
    """

    def __init__(self, bench: EvaluationContext, samples: Samples, recipe: Recipe, same: str, budget: float) -> None:
        self._bench, self.samples, self._recipe, self._same = bench, samples, recipe, same
        self._seconds = budget / 2
        self._classes = np.unique(np.array(samples.classes(same), object), return_inverse=True)[1][samples.owners]
        self._columns = Columns(backbone_width(bench.embedder), width_of(bench.embedder))

    def train_held_out(self, taught: Plan) -> HeadLook:
        """As :meth:`Trainer.train_held_out`."""
        basis, lesson, rows = self._lesson(taught.learned)
        watched = [(asked, basis.applied(self.samples.rows[asked.seen])) for asked in taught.watched]

        def watch(of: Any) -> float:
            return float(np.mean([mrr(asked, of(seen)) for asked, seen in watched]))

        head = self._train_head(lesson, "Training, to prove it", Course(), watch if watched else None)
        return HeadLook(self._bench, self.samples, basis, head, lesson, rows)

    def train_on_everything(self, last: int) -> HeadLook:
        """As :meth:`Trainer.train_on_everything`."""
        basis, lesson, rows = self._lesson(np.ones(len(self.samples.rows), bool))
        head = self._train_head(lesson, "Training on everything", Course(last=last))
        return HeadLook(self._bench, self.samples, basis, head, lesson, rows)

    def _lesson(self, learned: Bools) -> tuple[Basis, Lesson, Ints]:
        rows = np.flatnonzero(learned)
        if self._same == "group":  # a group of one product says nothing of what products have in common
            several = np.bincount(self._classes[rows], minlength=int(self._classes.max()) + 1) > 1
            rows = rows[several[self._classes[rows]]]
        if not len(rows):
            raise InvalidValue(
                "No group has several products to learn from.",
                "Leave --positives out, or give the feed's products their group ids.",
                code="no-groups",
            )
        _, classes = np.unique(self._classes[rows], return_inverse=True)
        features = self.samples.rows[rows]
        basis = basis_of(features, classes, self._columns, self._recipe.shrinkage, self._recipe.seed)
        shoppers = np.array([photo.shopper for photo in self.samples.photos], bool)
        return basis, Lesson(basis.applied(features), classes, ~shoppers[self.samples.owners[rows]]), rows

    def _train_head(self, lesson: Lesson, name: str, course: Course, watch: Watch | None = None) -> Trained:
        file = checkpoint_file(self._bench, LOOK, training_key(lesson, self._recipe, course.last))
        return train_head(
            lesson,
            self._recipe,
            replace(
                course,
                deadline=time.monotonic() + self._seconds,
                checkpoint=file,
                progress=self._bench.progress,
                name=name,
                threads=self._bench.settings.cores,
            ),
            watch,
        )


def mrr(asked: Questions, vectors: Vectors) -> float:
    """Mean reciprocal rank, of vectors of the rows that take part."""
    places = {name: np.searchsorted(asked.seen, getattr(asked, name)) for name in ("rows", "gallery")}
    return float((1.0 / ranks(replace(asked, **places), vectors)).mean())


def checkpoint_file(bench: EvaluationContext, kind: str, key: str) -> Path:
    """Of a training of this kind, by its key."""
    return bench.store.folder / FOLDER / f"{kind}-{key}.checkpoint"


def training_key(lesson: Lesson, recipe: DataclassInstance, last: int, *begun: Floats) -> str:
    """Names a training: the same photos, recipe and end, begun with the same numbers."""
    told = [type(recipe).__name__, asdict(recipe), last]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for part in (lesson.rows, lesson.classes, lesson.catalogue, *begun):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
