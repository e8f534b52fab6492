"""Training a look on one screen: photos -> features -> a head that is proved on held-out photos -> the head to take.

Twice a head is trained. The first never sees a fifth of the groups, and of the others not all photos: by it is proved,
on what it did not see, whether training helps. If it does, the second one is trained in the same way, for as many
steps, on everything; that is the one that is taken, since a shop's newest products are what it needs most.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shoplens.catalogue import Report
from shoplens.embedders import TrainedLook
from shoplens.embedders.look import LookCard
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import Bench
from shoplens.evaluation.results import LeftOut, plain
from shoplens.index.generation import Generation
from shoplens.index.store import disk_errors_told, timestamp
from shoplens.search import Clock
from shoplens.sight import backbone_width, feature_model, width_of
from shoplens.training.basis import Basis, Columns, basis_of
from shoplens.training.export import largest_difference, look_network
from shoplens.training.feature_pass import FOLDER, Pass, feature_pass, times_retaken
from shoplens.training.head import Course, Lesson, Recipe, Trained, torch_module, trained_head
from shoplens.training.photos import Pairs, catalogue_photos, shopper_photos
from shoplens.training.proof import Measured, Plan, Questions, measured, plan, ranks, verdict
from shoplens.training.samples import Bools, Samples
from shoplens.types import Vectors

Same = Literal["product", "group"]
RECIPES: dict[str, Recipe] = {
    "product": Recipe(),
    "group": Recipe(steps=500, per_batch=96, per_class=3, shrinkage=0.3),
}
LEAST_GROUPS = 10
"""Designs from which on something can be held out."""
CHECKED_ROWS = 256


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What is trained, and how.

    Attributes:
        pairs: file of shoppers' photos; None learns from the catalogue alone.
        same: what has to lie together: the photos of a ``product``, or the products of a ``group``.
        budget: seconds that the training of heads may take; the pass over the photos comes before that.
        recipe: None takes that of :data:`RECIPES`.
        seed: of everything that is drawn.
        all_photos: whether, once it was proved, a head that was trained on everything is taken; else the proved one.
        force: take it though it is not better.
    """

    pairs: Path | None = None
    same: Same = "product"
    budget: float = 600.0
    recipe: Recipe | None = None
    seed: int = 0
    all_photos: bool = True
    force: bool = False

    def __post_init__(self) -> None:
        if self.same not in RECIPES:
            raise InvalidValue(f"--same is {self.same!r}.", f"Choose one of: {', '.join(RECIPES)}.")
        if not self.budget > 0:
            raise InvalidValue(f"The budget is {self.budget} seconds.", "Give a time above 0, such as 10m.")


@dataclass(frozen=True, slots=True)
class LookTraining:
    """What a training came to.

    Attributes:
        better: whether it was proved to be better.
        taken: whether it now serves.
        why: in words.
        parts: the proof.
        warnings: collapse and dead losses, in words.
        products, photos, shoppers, rows: what there was to learn from; rows count photos that were taken again.
        step: the step at which the head was best.
        seconds: stage -> how long it took.
        difference: largest difference of any number of a vector between torch and the network that serves.
        model: id of the network; empty where none was made.
        left_out: photos and rows that taught nothing.
        options: what was asked for.
    """

    better: bool
    taken: bool
    why: str
    parts: Sequence[Measured]
    warnings: Sequence[str]
    products: int
    photos: int
    shoppers: int
    rows: int
    step: int
    seconds: Mapping[str, float]
    difference: float = 0.0
    model: str = ""
    left_out: Sequence[LeftOut] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        found: dict[str, Any] = plain(self)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Proved:
    """A training, with what only a report and the taking of it need.

    Attributes:
        look: to take; None where none is to be taken.
        gallery: ids of products, in the order of the vectors.
        before, after: float32 (g, d) and (g, e), vectors of their first photos; after, by the head that was proved.
    """

    training: LookTraining
    look: TrainedLook | None
    gallery: tuple[str, ...]
    before: Vectors
    after: Vectors


def proved_look(bench: Bench, options: LookOptions) -> Proved:
    """Train a head and prove it; the store is only read. A training that was cut off goes on where it was.

    Raises:
        InvalidValue: ``no-torch``, ``too-few-products``, ``no-groups``, or the file of pairs makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    torch_module(bench.settings.cores)
    folder = bench.store.folder
    report = Report(folder / "reports" / f"{timestamp()}-train-look-photos.jsonl")
    clock = Clock()
    with disk_errors_told(folder), bench.reading() as generation, report:
        with clock.stage("photos"):
            samples, vectors = _samples(bench, generation, options, report)
        taught = plan(samples, options.same)
        _check(samples, options)
        classes = _numbers(samples.classes(options.same))
        recipe = replace(options.recipe or RECIPES[options.same], seed=options.seed)
        lessons = _Lessons(bench, samples, classes, recipe, options)
        with clock.stage("proof"):
            basis, head = lessons.proved(taught)
        with clock.stage("asking"):
            before = vectors if generation.look is None else generation.look.proved.of(samples.rows.astype(np.float32))
            after = head.of(basis.applied(samples.rows))
            parts = [
                measured(name, asked, ranks(asked, before), ranks(asked, after), options.seed)
                for name, asked in taught.asked.items()
            ]
        better, why = verdict(parts)
        better = better and not head.warnings
        network, proof, difference, step = None, None, 0.0, head.step
        if better or options.force:
            if options.all_photos:
                proof = look_network(basis, head)
                with clock.stage("all photos"):
                    basis, head = lessons.on_everything(step)
            network = look_network(basis, head)
            difference = largest_difference(network, basis, head, samples.rows[:CHECKED_ROWS])
        told = LookTraining(
            better=better,
            taken=False,
            why=" ".join([*head.warnings, why]),
            parts=parts,
            warnings=head.warnings,
            products=len({photo.product for photo in samples.photos}),
            photos=len(samples.photos),
            shoppers=sum(photo.shopper for photo in samples.photos),
            rows=len(samples.rows),
            step=step,
            seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
            difference=difference,
            left_out=[LeftOut(row.kind, row.times, row.example, row.fix) for row in report.summary()],
            options={**plain(replace(options, recipe=recipe)), "pairs": str(options.pairs or "")},
        )
        gallery = np.flatnonzero([photo.first for photo in samples.photos])
        rows = samples.plain[gallery]
        return Proved(
            told,
            None if network is None else TrainedLook(network, _card(bench, head, told), proof),
            tuple(samples.photos[n].product for n in gallery.tolist()),
            before[rows],
            after[rows],
        )


class _Lessons:
    """The two trainings, which differ in what they see only."""

    def __init__(
        self, bench: Bench, samples: Samples, classes: np.ndarray[Any, Any], recipe: Recipe, options: LookOptions
    ) -> None:
        self._bench, self._samples, self._recipe, self._options = bench, samples, recipe, options
        self._classes = classes[samples.owners]
        self._columns = Columns(backbone_width(bench.embedder), width_of(bench.embedder))
        self._deadline = time.monotonic() + options.budget / (2 if options.all_photos else 1)

    def proved(self, taught: Plan) -> tuple[Basis, Trained]:
        """The head that never sees what is asked in the end."""
        basis, lesson = self._lesson(taught.learned)
        watched = [(asked, basis.applied(self._samples.rows[asked.seen])) for asked in taught.watched]

        def watch(of: Any) -> float:
            return float(np.mean([_mrr(asked, of(rows)) for asked, rows in watched])) if watched else 0.0

        return basis, self._trained(lesson, "Training, to prove it", Course(watch=watch if watched else None))

    def on_everything(self, last: int) -> tuple[Basis, Trained]:
        """The head that sees everything, for as many steps as the other was best at."""
        self._deadline = time.monotonic() + self._options.budget / 2
        basis, lesson = self._lesson(np.ones(len(self._samples.rows), bool))
        return basis, self._trained(lesson, "Training on everything", Course(last=last))

    def _lesson(self, learned: Bools) -> tuple[Basis, Lesson]:
        rows = np.flatnonzero(learned)
        if self._options.same == "group":  # a group of one product says nothing of what products have in common
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

    def _trained(self, lesson: Lesson, name: str, course: Course) -> Trained:
        file = self._bench.store.folder / FOLDER / f"{_key(lesson, self._recipe, course.last)}.checkpoint"
        return trained_head(
            lesson,
            self._recipe,
            replace(
                course,
                deadline=self._deadline,
                checkpoint=file,
                progress=self._bench.progress,
                name=name,
                threads=self._bench.settings.cores,
            ),
        )


def forget_checkpoints(folder: Path) -> None:
    """Remove those of a store's trainings; once one has ended, there is nothing to go on with."""
    for file in (folder / FOLDER).glob("*.checkpoint*"):
        file.unlink(missing_ok=True)


def _samples(bench: Bench, generation: Generation, options: LookOptions, report: Report) -> tuple[Samples, Vectors]:
    """Everything there is to learn from, and the untouched extractor's vectors of it."""
    index = generation.index
    photos, regions = catalogue_photos(index, report.add), {}
    if options.pairs is not None:
        for photo, region in shopper_photos(index, Pairs(options.pairs, bench.source), report.add):
            photos.append(photo)
            if region is not None:
                regions[photo.name] = region
    # Colours differ within a group, and so little else of it that photos taken again teach the wrong thing.
    times = {False: 0, True: 0} if options.same == "group" else times_retaken(photos)
    return feature_pass(bench, index, Pass(photos, regions, times), report.add)


def _check(samples: Samples, options: LookOptions) -> None:
    groups = {photo.group for photo in samples.photos if photo.first}
    if len(groups) < LEAST_GROUPS:
        raise InvalidValue(
            f"There are photos of {len(groups)} designs; a fifth of them could not be held out to prove anything.",
            f"Training takes {LEAST_GROUPS} or more.",
            code="too-few-products",
        )


def _card(bench: Bench, head: Trained, told: LookTraining) -> LookCard:
    made = {name: value for name, value in told.as_json().items() if name not in ("taken", "left_out")}
    return LookCard(
        feature_model(bench.embedder), width_of(bench.embedder), head.weights.shape[1], {"created": timestamp(), **made}
    )


def _numbers(names: Sequence[str]) -> np.ndarray[Any, Any]:
    return np.unique(np.array(names, object), return_inverse=True)[1]


def _mrr(asked: Questions, vectors: Vectors) -> float:
    """Mean reciprocal rank, of vectors of the rows that take part."""
    places = {name: np.searchsorted(asked.seen, getattr(asked, name)) for name in ("rows", "gallery")}
    return float((1.0 / ranks(replace(asked, **places), vectors)).mean())


def _key(lesson: Lesson, recipe: Recipe, last: int) -> str:
    """Names a training: the same photos, recipe and end."""
    digest = hashlib.sha256(json.dumps([asdict(recipe), last], sort_keys=True).encode())
    for part in (lesson.rows, lesson.classes, lesson.catalogue):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]
