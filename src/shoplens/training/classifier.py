"""Training a classifier on one screen: photos -> features -> a softmax asked on held-out photos -> the one to take.

As with a look, two are trained: the first does not see all photos and is asked with the rest; the second, trained for
as many steps, sees everything and serves. There are no new products to hold out: it could not find them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.catalogue import Report
from shoplens.embedders.classifier import ClassifierCard
from shoplens.embedders.look import TOLD_DIGITS
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import Bench
from shoplens.evaluation.intervals import estimate
from shoplens.evaluation.results import Estimate, Growth, LeftOut, plain
from shoplens.index.durable import disk_errors_told
from shoplens.index.store import timestamp
from shoplens.search import Clock
from shoplens.sight import backbone_width, feature_model, width_of
from shoplens.training.basis import Basis, Columns, basis_of
from shoplens.training.course import Course, torch_module
from shoplens.training.export import classifier_network
from shoplens.training.feature_pass import FOLDER, times_for
from shoplens.training.growth import growth
from shoplens.training.head import Lesson, unit
from shoplens.training.lessons import training_key
from shoplens.training.look import LookOptions, material_of
from shoplens.training.proof import KNOWN, Questions, plan, ranks
from shoplens.training.samples import Bools, Samples
from shoplens.training.softmax import Softmax, SoftmaxRecipe, trained_softmax

LEAST_PRODUCTS = 2
MOST_SHOWN = 24
RECALLS = (1, 5)
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassifierOptions:
    """What is trained.

    Attributes:
        pairs: file of shoppers' photos; None learns from the catalogue alone.
        budget: seconds that training may take; the pass over the photos comes before that.
        recipe: how.
        seed: of everything that is drawn.
        again: how often each photo is taken again; None leaves it to how many there are.
    """

    pairs: Path | None = None
    budget: float = 600.0
    recipe: SoftmaxRecipe = field(default_factory=SoftmaxRecipe)
    seed: int = 0
    again: int | None = None

    def __post_init__(self) -> None:
        if not self.budget > 0:
            raise InvalidValue(f"The budget is {self.budget} seconds.", "Give a time above 0, such as 10m.")


@dataclass(frozen=True, slots=True)
class Apart:
    """A photo that is classified rightly, though by the same numbers another product's photo is nearest.

    Attributes:
        photo: path or URL.
        product: in it, and the softmax says so.
        nearest: whose photo is nearest.
    """

    photo: str
    product: str
    nearest: str


@dataclass(frozen=True, slots=True)
class ClassifierTraining:
    """What a training came to.

    Attributes:
        queries: photos that were asked and not learned.
        made: whether they are made ones, since there were too few real ones.
        classified: ``recall@1``, ``recall@5`` of the softmax; empty where nothing could be asked.
        neighbours: the same, of the nearest catalogue photo in the numbers that its last layer works on.
        apart: share of the photos that are classified rightly and whose nearest neighbour is another product; None
            where nothing could be asked.
        examples: some of them.
        products, photos, shoppers, rows: what there was to learn from; rows count photos that were taken again.
        photos_per_product: ``median``, ``least``, and ``single``: the share of products with one only.
        step: the step at which it was best.
        growth: what a training costs as the catalogue grows; one more product takes one.
        seconds: stage -> how long it took.
        model: id of the network.
        left_out: photos and rows that taught nothing.
        options: what was asked for.
    """

    queries: int
    made: bool
    classified: Mapping[str, Estimate]
    neighbours: Mapping[str, Estimate]
    apart: Estimate | None
    examples: Sequence[Apart]
    products: int
    photos: int
    shoppers: int
    rows: int
    photos_per_product: Mapping[str, float]
    step: int
    growth: Sequence[Growth]
    seconds: Mapping[str, float]
    model: str = ""
    left_out: Sequence[LeftOut] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        found: dict[str, Any] = plain(self)
        return found


def asked_classifier(bench: Bench, options: ClassifierOptions) -> tuple[ClassifierTraining, bytes]:
    """Train a classifier and ask it; the store is only read. Returns what came of it, and the network to take.

    Raises:
        InvalidValue: ``no-torch``, ``too-few-products``, or the file of pairs makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    torch_module(bench.settings.cores)
    folder, clock = bench.store.folder, Clock()
    report = Report(folder / "reports" / f"{timestamp()}-train-classifier-photos.jsonl")
    with disk_errors_told(folder), report:
        with clock.stage("photos"), bench.reading() as generation:
            looked_at = LookOptions(pairs=options.pairs, again=options.again)
            samples = material_of(bench, generation, looked_at, report.add).samples
        training, network = asked_on(samples, bench, options, clock)
        left_out = [LeftOut(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(training, left_out=left_out), network


def asked_on(
    samples: Samples, bench: Bench, options: ClassifierOptions, clock: Clock
) -> tuple[ClassifierTraining, bytes]:
    """As :func:`asked_classifier`, on these samples."""
    products, classes = np.unique(np.array(samples.classes("product"), object), return_inverse=True)
    if len(products) < LEAST_PRODUCTS:
        raise InvalidValue(
            f"There are photos of {len(products)} products; nothing could be told apart.",
            f"A classifier takes {LEAST_PRODUCTS} or more.",
            code="too-few-products",
        )
    recipe = replace(options.recipe, seed=options.seed)
    lessons = _Lessons(bench, samples, classes[samples.owners], recipe, options.budget)
    taught = plan(samples, "product", new=False)
    with clock.stage("training"):
        basis, softmax = lessons.taught(taught.learned, "Training", watched=taught.watched)
    asked = taught.asked.get(KNOWN)
    found = _Asked.by(asked, samples, basis, softmax) if asked else _Asked.nothing()
    with clock.stage("all photos"):
        basis, softmax = lessons.taught(np.ones(len(samples.rows), bool), "Training on everything", softmax.step)
    with clock.stage("growth"):
        rows = _rows_of(samples, len(products))
        grown = growth(basis.axes.shape[0], basis.axes.shape[1], rows, recipe, bench.settings.cores)
    counts = np.bincount(classes)
    training = ClassifierTraining(
        queries=len(found.rows),
        made=bool(asked and asked.made),
        classified=found.recalls(found.classified, options.seed),
        neighbours=found.recalls(found.neighbours, options.seed),
        apart=estimate(found.apart.astype(float), found.clusters, options.seed) if len(found.rows) else None,
        examples=found.examples(samples, products),
        products=len(products),
        photos=len(samples.photos),
        shoppers=sum(photo.shopper for photo in samples.photos),
        rows=len(samples.rows),
        photos_per_product={
            "median": float(np.median(counts)),
            "least": float(counts.min()),
            "single": float((counts == 1).mean()),
        },
        step=softmax.step,
        growth=grown,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        options={**plain(replace(options, recipe=recipe)), "pairs": str(options.pairs or "")},
    )
    card = ClassifierCard(
        feature_model(bench.embedder),
        width_of(bench.embedder),
        products.tolist(),
        {"created": timestamp(), **training.as_json()},
        sorted({photo.name[:TOLD_DIGITS] for photo in samples.photos}),
    )
    return training, classifier_network(basis, softmax, json.dumps(asdict(card), default=dict))


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Answers to photos that were held out: int64 (q,) ranks of the right product, by the softmax and by distance.

    Attributes:
        nearest: int64 (q,), class of the nearest catalogue photo.
        rows: int64 (q,), of the samples.
    """

    classified: Ints
    neighbours: Ints
    nearest: Ints
    rows: Ints
    clusters: tuple[str, ...]

    @classmethod
    def nothing(cls) -> _Asked:
        none = np.zeros(0, np.int64)
        return cls(none, none, none, none, ())

    @classmethod
    def by(cls, asked: Questions, samples: Samples, basis: Basis, softmax: Softmax) -> _Asked:
        rows = basis.applied(samples.rows)
        vectors = unit(softmax.vectors(rows))
        nearest = np.argmax(vectors[asked.rows] @ vectors[asked.gallery].T, axis=1)
        return cls(
            _ranks(softmax.logits(rows[asked.rows]), asked.classes),
            ranks(asked, vectors),
            asked.gallery_classes[nearest],
            asked.rows,
            asked.clusters,
        )

    def recalls(self, places: Ints, seed: int) -> dict[str, Estimate]:
        if not len(places):
            return {}
        return {f"recall@{k}": estimate((places <= k).astype(float), self.clusters, seed) for k in RECALLS}

    @property
    def apart(self) -> Bools:
        """bool (q,): classified rightly, and another product is nearest."""
        found: Bools = (self.classified == 1) & (self.neighbours > 1)
        return found

    def examples(self, samples: Samples, products: npt.NDArray[np.object_]) -> list[Apart]:
        """Some of these, of products that differ as far as that goes."""
        shown: dict[str, list[Apart]] = {}
        for n in np.flatnonzero(self.apart).tolist():
            photo = samples.photos[int(samples.owners[self.rows[n]])]
            one = Apart(photo.source, photo.product, str(products[self.nearest[n]]))
            shown.setdefault(photo.product, []).append(one)
        turns = (part[turn] for turn in range(MOST_SHOWN) for part in shown.values() if turn < len(part))
        return [one for one, _ in zip(turns, range(MOST_SHOWN), strict=False)]


class _Lessons:
    """The two trainings, which differ in what they see only."""

    def __init__(self, bench: Bench, samples: Samples, classes: Ints, recipe: SoftmaxRecipe, budget: float) -> None:
        self._bench, self._samples, self._classes, self._recipe = bench, samples, classes, recipe
        self._seconds = budget / 2
        self._columns = Columns(backbone_width(bench.embedder), width_of(bench.embedder))

    def taught(
        self, learned: Bools, name: str, last: int = 0, watched: Sequence[Questions] = ()
    ) -> tuple[Basis, Softmax]:
        """The classifier of these rows: the best by what is watched, or after ``last`` steps."""
        features, classes = self._samples.rows[learned], self._classes[learned]
        basis = basis_of(features, classes, self._columns, self._recipe.shrinkage, self._recipe.seed)
        shoppers = np.array([photo.shopper for photo in self._samples.photos], bool)
        lesson = Lesson(basis.applied(features), classes, ~shoppers[self._samples.owners[learned]])
        seen = [(basis.applied(self._samples.rows[asked.rows]), asked.classes) for asked in watched]

        def watch(softmax: Softmax) -> float:
            return float(np.mean([(1.0 / _ranks(softmax.logits(rows), right)).mean() for rows, right in seen]))

        course = Course(
            last=last,
            deadline=time.monotonic() + self._seconds,
            checkpoint=self._bench.store.folder / FOLDER / f"{training_key(lesson, self._recipe, last)}.checkpoint",
            progress=self._bench.progress,
            name=name,
            threads=self._bench.settings.cores,
        )
        return basis, trained_softmax(lesson, self._recipe, course, watch if seen else None)


def _rows_of(samples: Samples, products: int) -> Callable[[int], float]:
    """Products -> rows that are learned from, with as many photos of each as these samples have."""
    counts = {shopper: sum(photo.shopper == shopper for photo in samples.photos) for shopper in (False, True)}

    def rows(size: int) -> float:
        photos = {shopper: count * size / products for shopper, count in counts.items()}
        return sum(count * (1 + times_for(round(count), shopper)) for shopper, count in photos.items())

    return rows


def _ranks(logits: npt.NDArray[np.float32], right: Ints) -> Ints:
    """int64 (q,), the rank of the right output; of equals it comes last."""
    found: Ints = (logits >= np.take_along_axis(logits, right[:, None], axis=1)).sum(axis=1)
    return found
