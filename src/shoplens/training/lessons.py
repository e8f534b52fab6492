"""One training of a head on some of the samples: basis, steps, checkpoints."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import Bench
from shoplens.sight import backbone_width, width_of
from shoplens.training.basis import Basis, Columns, basis_of
from shoplens.training.course import Course
from shoplens.training.feature_pass import FOLDER
from shoplens.training.head import Lesson, Recipe, Trained, Watch, trained_head
from shoplens.training.proof import Plan, Questions, ranks
from shoplens.training.samples import Bools, Samples
from shoplens.types import Vectors

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Lessons:
    """The two trainings, which differ in what they see only.

    Args:
        bench: of the store, where checkpoints are kept.
        samples: to learn from.
        same: what has to lie together, ``product`` or ``group``.
        budget: seconds that both may take, half of them each.
    """

    def __init__(self, bench: Bench, samples: Samples, recipe: Recipe, same: str, budget: float) -> None:
        self._bench, self._samples, self._recipe, self._same = bench, samples, recipe, same
        self._seconds = budget / 2
        self._classes = np.unique(np.array(samples.classes(same), object), return_inverse=True)[1][samples.owners]
        self._columns = Columns(backbone_width(bench.embedder), width_of(bench.embedder))

    def proved(self, taught: Plan) -> tuple[Basis, Trained]:
        """The head that never sees what is asked in the end, at the step where it did best on what is watched.

        Raises:
            InvalidValue: ``no-groups``.
        """
        basis, lesson = self._lesson(taught.learned)
        watched = [(asked, basis.applied(self._samples.rows[asked.seen])) for asked in taught.watched]

        def watch(of: Any) -> float:
            return float(np.mean([_mrr(asked, of(rows)) for asked, rows in watched])) if watched else 0.0

        return basis, self._trained(lesson, "Training, to prove it", Course(), watch if watched else None)

    def on_everything(self, last: int) -> tuple[Basis, Trained]:
        """The head that sees everything, for as many steps as the other was best at.

        Raises:
            InvalidValue: ``no-groups``.
        """
        basis, lesson = self._lesson(np.ones(len(self._samples.rows), bool))
        return basis, self._trained(lesson, "Training on everything", Course(last=last))

    def _lesson(self, learned: Bools) -> tuple[Basis, Lesson]:
        rows = np.flatnonzero(learned)
        if self._same == "group":  # a group of one product says nothing of what products have in common
            several = np.bincount(self._classes[rows], minlength=int(self._classes.max()) + 1) > 1
            rows = rows[several[self._classes[rows]]]
        if not len(rows):
            raise InvalidValue(
                "No group has several products to learn from.",
                "Leave --same out, or give the feed's products their group ids.",
                code="no-groups",
            )
        _, classes = np.unique(self._classes[rows], return_inverse=True)
        features = self._samples.rows[rows]
        basis = basis_of(features, classes, self._columns, self._recipe.shrinkage, self._recipe.seed)
        shoppers = np.array([photo.shopper for photo in self._samples.photos], bool)
        return basis, Lesson(basis.applied(features), classes, ~shoppers[self._samples.owners[rows]])

    def _trained(self, lesson: Lesson, name: str, course: Course, watch: Watch | None = None) -> Trained:
        file = self._bench.store.folder / FOLDER / f"{training_key(lesson, self._recipe, course.last)}.checkpoint"
        return trained_head(
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


def _mrr(asked: Questions, vectors: Vectors) -> float:
    """Mean reciprocal rank, of vectors of the rows that take part."""
    places = {name: np.searchsorted(asked.seen, getattr(asked, name)) for name in ("rows", "gallery")}
    return float((1.0 / ranks(replace(asked, **places), vectors)).mean())


def training_key(lesson: Lesson, recipe: DataclassInstance, last: int) -> str:
    """Names a training: the same photos, recipe and end."""
    told = [type(recipe).__name__, asdict(recipe), last]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for part in (lesson.rows, lesson.classes, lesson.catalogue):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
