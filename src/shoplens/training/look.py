"""Training a look on one screen: photos -> features -> a head that is proved on held-out photos -> the head to take.

Twice a head is trained. The first never sees a fifth of the groups, and of the others not all photos: by it is proved,
on what it did not see, whether training helps. If it does, the second one is trained in the same way, for as many
steps, on everything; that is the one that is taken, since a shop's newest products are what it needs most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shoplens.embedders import EmbeddingHead
from shoplens.embedders.look import TOLD_DIGITS, LookCard
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import LeftOut, plain
from shoplens.feeds import Report
from shoplens.store.files.atomic import disk_errors_told, timestamp
from shoplens.store.generation import Generation
from shoplens.training.data.feature_maps import Maps, forget_maps, maps_pass
from shoplens.training.data.feature_pass import FOLDER, Pass, feature_pass, times_retaken
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.data.training_photos import Pairs, Told, catalogue_photos, shopper_photos
from shoplens.training.holdout import Measured, compare_ranks, plan, ranks, verdict
from shoplens.training.optimization.backbone_tail import tail_of
from shoplens.training.optimization.fine_tuning import TailLessons, TailRecipe
from shoplens.training.optimization.head import Recipe
from shoplens.training.optimization.head_trainers import Lessons, Made, Trainer
from shoplens.training.optimization.training_loop import torch_module
from shoplens.types import StageTimer, Vectors

Same = Literal["product", "group"]
Depth = Literal["head", "full"]
DEPTHS: tuple[Depth, ...] = ("head", "full")
HEAD_BUDGET = 600.0
RECIPES: dict[str, Recipe] = {
    "product": Recipe(),
    "group": Recipe(steps=500, per_batch=96, per_class=3, shrinkage=0.3),
}
LEAST_GROUPS = 10
"""Designs from which on something can be held out."""


def check_training(depth: str, budget: float | None) -> None:
    """See that a training can be meant.

    Raises:
        InvalidValue: there is no such depth, or no time.
    """
    if depth not in DEPTHS:
        raise InvalidValue(f"--depth is {depth!r}.", f"Choose one of: {', '.join(DEPTHS)}.")
    if budget is not None and not budget > 0:
        raise InvalidValue(f"The budget is {budget} seconds.", "Give a time above 0, such as 10m.")


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What is trained, and how.

    Attributes:
        pairs: file of shoppers' photos; None learns from the catalogue alone.
        same: what has to lie together: the photos of a ``product``, or the products of a ``group``.
        depth: ``head`` trains a linear map on the untouched network's features; ``full`` the end of the network, too.
        budget: seconds that training may take; the pass over the photos comes before that. None takes
            :data:`HEAD_BUDGET` for heads, and as long as it takes for the network.
        recipe: None takes that of :data:`RECIPES`.
        tail: how the network's end is trained.
        seed: of everything that is drawn.
        all_photos: whether, once it was proved, a head that was trained on everything is taken; else the proved one.
        force: take it though it is not better.
        again: how often each photo is taken again; None leaves it to how many there are.
    """

    pairs: Path | None = None
    same: Same = "product"
    depth: Depth = "head"
    budget: float | None = None
    recipe: Recipe | None = None
    tail: TailRecipe = field(default_factory=TailRecipe)
    seed: int = 0
    all_photos: bool = True
    force: bool = False
    again: int | None = None

    def __post_init__(self) -> None:
        if self.same not in RECIPES:
            raise InvalidValue(f"--positives is {self.same!r}.", f"Choose one of: {', '.join(RECIPES)}.")
        if self.again is not None and self.again < 0:
            raise InvalidValue(f"Photos are to be taken again {self.again} times.", "Give 0 or more.")
        check_training(self.depth, self.budget)


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
    look: EmbeddingHead | None
    gallery: tuple[str, ...]
    before: Vectors
    after: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class FilterTrainingData:
    """What there is to learn from.

    Attributes:
        samples: photos with their features.
        before: float32 (m, d), vectors of all rows as searches compare them so far; where a look was trained already,
            by the network that proved it, which did not see what is asked either.
        maps: of all rows, where the network's end is trained.
        serves_a_network: whether the look that serves has a network of its own; ``before`` is the untouched one's then.
    """

    samples: Samples
    before: Vectors
    maps: Maps | None = None
    serves_a_network: bool = False


def train_and_test_look(bench: EvaluationContext, options: LookOptions) -> Proved:
    """Train a head and prove it; the store is only read. A training that was cut off goes on where it was.

    Raises:
        InvalidValue: ``no-torch``, ``too-few-products``, ``no-groups``, or the file of pairs makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    torch_module(bench.settings.cores)
    folder = bench.store.folder
    report = Report(folder / "reports" / f"{timestamp()}-train-look-photos.jsonl")
    clock = StageTimer()
    with disk_errors_told(folder), report, ExitStack() as opened:
        with clock.stage("photos"), bench.reading() as generation:
            material = material_of(bench, generation, options, report.add, opened, _check)
        proved = train_and_test_on(material, bench, options, clock)
        left_out = [LeftOut(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(proved, training=replace(proved.training, left_out=left_out))


def material_of(
    bench: EvaluationContext,
    generation: Generation,
    options: LookOptions,
    told: Told,
    opened: ExitStack | None = None,
    enough: Callable[[Sequence[SamplePhoto]], None] = lambda photos: None,
) -> FilterTrainingData:
    """Everything there is to learn from.

    Args:
        told: hears of what teaches nothing.
        opened: keeps the file of the maps open; needed for depth ``full`` only.
        enough: raises an error, before the passes over them, where these photos are too few.

    Raises:
        InvalidValue: as :func:`train_and_test_look`.
    """
    index = generation.index
    photos, regions = catalogue_photos(index, told), {}
    if options.pairs is not None:
        for photo, region in shopper_photos(index, Pairs(options.pairs, bench.source), told):
            photos.append(photo)
            if region is not None:
                regions[photo.name] = region
    # Colours differ within a group, and so little else of it that photos taken again teach the wrong thing.
    times = {False: 0, True: 0} if options.same == "group" else times_retaken(photos)
    if options.again is not None:
        times = dict.fromkeys(times, options.again)
    enough(photos)
    what, maps = Pass(photos, regions, times), None
    if opened is not None and options.depth == "full":
        usable, maps = opened.enter_context(maps_pass(bench, tail_of(bench.embedder), what, told))
        what = replace(what, photos=usable)
    samples, vectors = feature_pass(bench, index, what, told)
    look = generation.look
    # A look with a network of its own was proved by one that is not kept: it is compared with the untouched one.
    before = vectors if look is None or look.backbone else look.proof_head.of(samples.rows.astype(np.float32))
    return FilterTrainingData(samples, before, maps, look is not None and bool(look.backbone))


def train_and_test_on(
    material: FilterTrainingData, bench: EvaluationContext, options: LookOptions, clock: StageTimer
) -> Proved:
    """Train a look on this material and prove it.

    Raises:
        InvalidValue: as :func:`train_and_test_look`.
    """
    samples = material.samples
    _check(samples.photos)
    taught, teacher = plan(samples, options.same), _teacher(material, bench, options)
    gallery = np.flatnonzero([photo.first for photo in samples.photos])
    shown = samples.plain[gallery]
    with clock.stage("proof"):
        look = teacher.train_held_out(taught)
    with clock.stage("asking"):
        after = np.zeros((len(samples.rows), look.dimensions), np.float32)
        needed = np.unique(np.concatenate([shown, *(asked.seen for asked in taught.asked.values())]))
        after[needed] = look.vectors(needed)
        parts = [
            compare_ranks(name, asked, ranks(asked, material.before), ranks(asked, after), options.seed)
            for name, asked in taught.asked.items()
        ]
    better, why = verdict(parts)
    better, why = _beside_a_network(material, options, better, why)
    better = better and not look.warnings
    made, proof, learned = None, None, taught.learned
    warnings, step = look.warnings, look.step
    if (better or options.force) and options.all_photos:
        proof, learned = look.made() if options.depth == "head" else None, np.ones(len(samples.rows), bool)
        with clock.stage("all photos"):
            look = teacher.train_on_everything(step)
        warnings = [*warnings, *look.warnings]
        better = better and not look.warnings
    if better or options.force:
        made = look.made()
    told = LookTraining(
        better=better,
        taken=False,
        why=" ".join([*warnings, why]),
        parts=parts,
        warnings=warnings,
        products=len({photo.product for photo in samples.photos}),
        photos=len(samples.photos),
        shoppers=sum(photo.shopper for photo in samples.photos),
        rows=len(samples.rows),
        step=step,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        difference=0.0 if made is None else made.difference,
        options={
            **plain(replace(options, recipe=_recipe(options), tail=_tail_recipe(options))),
            "pairs": str(options.pairs or ""),
        },
    )
    photos = [samples.photos[n] for n in np.unique(samples.owners[learned]).tolist()]
    return Proved(
        told,
        None if made is None else _look(made, proof, told, photos),
        tuple(samples.photos[n].product for n in gallery.tolist()),
        material.before[shown],
        after[shown],
    )


def _beside_a_network(material: FilterTrainingData, options: LookOptions, better: bool, why: str) -> tuple[bool, str]:
    """The verdict, where the network of the look that serves was trained: it is compared with the untouched one."""
    if not material.serves_a_network:
        return better, why
    why = f"Compared with the untouched network, not with the trained one that serves. {why}"
    if options.depth == "full":
        return better, why
    return False, f"{why} A head alone takes the place of a trained network only if it is forced to."


def _teacher(material: FilterTrainingData, bench: EvaluationContext, options: LookOptions) -> Trainer:
    heads = Lessons(bench, material.samples, _recipe(options), options.same, options.budget or HEAD_BUDGET)
    if options.depth == "head":
        return heads
    if material.maps is None:
        raise InvalidValue("The network's end cannot be trained without maps.", "Keep them open: see material_of().")
    return TailLessons(bench, heads, material.maps, _tail_recipe(options), options.budget or float("inf"))


def _tail_recipe(options: LookOptions) -> TailRecipe:
    return replace(options.tail, loss=_recipe(options).loss, seed=options.seed)


def _recipe(options: LookOptions) -> Recipe:
    return replace(options.recipe or RECIPES[options.same], seed=options.seed)


def forget_checkpoints(folder: Path, kind: str) -> None:
    """Remove those of a store's trainings of one kind: once one has ended, there is nothing to go on with. Where no
    training of another kind was cut off, its maps go, too."""
    for file in (folder / FOLDER).glob(f"{kind}-*.checkpoint*"):
        file.unlink(missing_ok=True)
    if not any((folder / FOLDER).glob("*.checkpoint")):
        forget_maps(folder)


def _check(photos: Sequence[SamplePhoto]) -> None:
    groups = {photo.group for photo in photos if photo.first}
    if len(groups) < LEAST_GROUPS:
        raise InvalidValue(
            f"There are photos of {len(groups)} designs; a fifth of them could not be held out to prove anything.",
            f"Training takes {LEAST_GROUPS} or more.",
            code="too-few-products",
        )


def _look(made: Made, proof: Made | None, told: LookTraining, photos: Sequence[SamplePhoto]) -> EmbeddingHead:
    """The look that serves; the one that proved it is kept where the same features do for both."""
    said = {name: value for name, value in told.as_json().items() if name not in ("taken", "left_out")}
    card = LookCard(
        made.features,
        made.width,
        made.dimensions,
        {"created": timestamp(), **said},
        sorted({photo.name[:TOLD_DIGITS] for photo in photos}),
        made.stands_for,
    )
    kept = proof.network if proof is not None and not proof.backbone else None
    return EmbeddingHead(made.network, card, kept, made.backbone)
