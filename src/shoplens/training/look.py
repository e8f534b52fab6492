"""Trains a look: photos -> features -> a head that is tested on held-out photos -> the head that serves.

Two heads are trained. The first never sees a fifth of the groups, nor all photos of the others: the test asks it with
what it did not see, and says whether training helps. If it does, the second head is trained in the same way, for as
many steps, on everything. That one serves, because a shop's newest products need it most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from shoplens.embedders import EmbeddingHead
from shoplens.embedders.look import HASH_DIGITS, LookCard
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import OmissionCount, to_json_values
from shoplens.feeds import Report
from shoplens.store.files.atomic import timestamp, translate_disk_errors
from shoplens.store.generation import Generation
from shoplens.training.data.feature_maps import FeatureMaps, delete_feature_maps, open_feature_maps
from shoplens.training.data.feature_pass import FOLDER, FeaturePassOptions, count_augmented_views, extract_samples
from shoplens.training.data.samples import SamplePhoto, Samples
from shoplens.training.data.training_photos import (
    PairsFile,
    RejectionHandler,
    load_catalogue_photos,
    load_shopper_photos,
)
from shoplens.training.holdout_test import (
    HoldoutPlan,
    HoldoutResult,
    compare_ranks,
    compute_ranks,
    judge_look,
    plan_holdout,
)
from shoplens.training.optimization.backbone_tail import load_tail
from shoplens.training.optimization.fine_tuning import TailRecipe, TailTrainer
from shoplens.training.optimization.head import HeadRecipe
from shoplens.training.optimization.head_trainers import ExportedHead, HeadTrainer, LookTrainer, TrainedLook
from shoplens.training.optimization.training_loop import import_torch
from shoplens.types import StageTimer, Vectors

Positives = Literal["product", "group"]
Depth = Literal["head", "full"]
DEPTHS: tuple[Depth, ...] = ("head", "full")
HEAD_RECIPES: dict[str, HeadRecipe] = {
    "product": HeadRecipe(),
    "group": HeadRecipe(steps=500, classes_per_batch=96, rows_per_class=3, shrinkage=0.3),
}
MIN_GROUPS = 10
"""Minimum number of designs, so that some of them can be held out."""


def validate_depth_and_budget(depth: str, budget: float | None) -> None:
    """Check the options that all trainings of networks share.

    Raises:
        InvalidValue: there is no such depth, or the budget is not above 0.
    """
    if depth not in DEPTHS:
        raise InvalidValue(f"--depth is {depth!r}.", f"Choose one of: {', '.join(DEPTHS)}.")
    if budget is not None and not budget > 0:
        raise InvalidValue(f"The budget is {budget} seconds.", "Give a time above 0, such as 10m.")


@dataclass(frozen=True, slots=True)
class LookOptions:
    """What is trained, and how.

    Attributes:
        pairs: a file of shoppers' photos; None learns from the catalogue alone.
        positives: what has to lie together: the photos of a ``product``, or the products of a ``group``.
        depth: ``head`` trains a linear map on the untouched network's features; ``full`` trains the network's end, too.
        budget: seconds of CPU time that training may take on each core, after the pass over the photos. None sets no
            limit: the number of steps ends a training.
        recipe: how the head is trained; None takes the one of :data:`HEAD_RECIPES`.
        tail: how the network's end is trained.
        seed: seed of all random draws.
        refit: whether, after a successful test, a head that was trained on everything serves; else the tested one does.
        force: whether it serves even if it is not better.
        augmentations: number of augmented views of each photo; None derives it from the number of photos.
    """

    pairs: Path | None = None
    positives: Positives = "product"
    depth: Depth = "head"
    budget: float | None = None
    recipe: HeadRecipe | None = None
    tail: TailRecipe = field(default_factory=TailRecipe)
    seed: int = 0
    refit: bool = True
    force: bool = False
    augmentations: int | None = None

    def __post_init__(self) -> None:
        if self.positives not in HEAD_RECIPES:
            raise InvalidValue(f"--positives is {self.positives!r}.", f"Choose one of: {', '.join(HEAD_RECIPES)}.")
        if self.augmentations is not None and self.augmentations < 0:
            raise InvalidValue(f"The number of augmented views is {self.augmentations}.", "Give 0 or more.")
        validate_depth_and_budget(self.depth, self.budget)


@dataclass(frozen=True, slots=True)
class LookTraining:
    """The result of a training.

    Attributes:
        is_better: whether the test found it to be better.
        promoted: whether it now serves.
        reason: in words.
        results: the results of the test.
        warnings: collapse and stuck losses, in words.
        ended_early: trainings that the budget ended before their last step, in words.
        products, photos, shopper_photos, rows: what there was to learn from; rows include augmented views.
        step: the step at which the head was best.
        seconds: stage -> its duration.
        export_difference: largest difference of any value of a vector between torch and the exported network.
        model: the id of the network; empty if none was exported.
        look_weight, text_weight: multiples of the default weights of ``look`` and ``text`` that searches use from now
            on.
        left_out: photos and rows that could not be learned from.
        options: the options of the training.
    """

    is_better: bool
    promoted: bool
    reason: str
    results: Sequence[HoldoutResult]
    warnings: Sequence[str]
    ended_early: Sequence[str]
    products: int
    photos: int
    shopper_photos: int
    rows: int
    step: int
    seconds: Mapping[str, float]
    export_difference: float = 0.0
    model: str = ""
    look_weight: float = 1.0
    text_weight: float = 1.0
    left_out: Sequence[OmissionCount] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON object."""
        document: dict[str, Any] = to_json_values(self)
        return document


@dataclass(frozen=True, slots=True, eq=False)
class LookProof:
    """A training, with what only its report and its promotion need.

    Attributes:
        look: the look that is to serve; None if none is.
        gallery: product ids, in the order of the vectors.
        vectors_before, vectors_after: float32 (g, d) and (g, e), vectors of the products' first photos; those after
            training are by the head that was tested.
    """

    training: LookTraining
    look: EmbeddingHead | None
    gallery: tuple[str, ...]
    vectors_before: Vectors
    vectors_after: Vectors


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """What there is to learn from.

    Attributes:
        samples: photos with their features.
        baseline_vectors: float32 (m, d), vectors of all rows as searches compare them so far. If a look was trained
            before, they are by its tested network, which has not seen the test queries either.
        maps: feature maps of all rows, if the network's end is trained.
        serves_tuned_network: whether the look that serves has a trained network; the baseline is the untouched one's
            then.
    """

    samples: Samples
    baseline_vectors: Vectors
    maps: FeatureMaps | None = None
    serves_tuned_network: bool = False


def train_and_test_look(context: EvaluationContext, options: LookOptions) -> LookProof:
    """Train a look and test it; the store is only read. An interrupted training continues where it was.

    Raises:
        InvalidValue: ``no-torch``, ``too-few-products``, ``no-groups``, or the file of pairs makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    import_torch(context.settings.cores)
    folder = context.store.folder
    report = Report(folder / "reports" / f"{timestamp()}-train-look-photos.jsonl")
    clock = StageTimer()
    with translate_disk_errors(folder), report, ExitStack() as stack:
        with clock.stage("photos"), context.reading() as generation:
            data = collect_training_data(context, generation, options, report.add, stack, _check_groups)
        proof = train_look_on(data, context, options, clock)
        left_out = [OmissionCount(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(proof, training=replace(proof.training, left_out=left_out))


def collect_training_data(
    context: EvaluationContext,
    generation: Generation,
    options: LookOptions,
    on_rejection: RejectionHandler,
    stack: ExitStack | None = None,
    check_photos: Callable[[Sequence[SamplePhoto]], None] = lambda photos: None,
) -> TrainingData:
    """Collect everything there is to learn from.

    Args:
        on_rejection: receives photos and rows that cannot be learned from.
        stack: keeps the file of the feature maps open; needed for depth ``full`` only.
        check_photos: raises an error, before the passes over the photos, if they are too few.

    Raises:
        InvalidValue: as :func:`train_and_test_look`.
    """
    index = generation.index
    photos, regions = load_catalogue_photos(index, on_rejection), {}
    if options.pairs is not None:
        for photo, region in load_shopper_photos(index, PairsFile(options.pairs, context.source), on_rejection):
            photos.append(photo)
            if region is not None:
                regions[photo.name] = region
    # Products of a group differ in colour and in little else, so that augmented views would teach the wrong thing.
    view_counts = {False: 0, True: 0} if options.positives == "group" else count_augmented_views(photos)
    if options.augmentations is not None:
        view_counts = dict.fromkeys(view_counts, options.augmentations)
    check_photos(photos)
    pass_options, maps = FeaturePassOptions(photos, regions, view_counts), None
    if stack is not None and options.depth == "full":
        usable, maps = stack.enter_context(
            open_feature_maps(context, load_tail(context.embedder), pass_options, on_rejection)
        )
        pass_options = replace(pass_options, photos=usable)
    samples, vectors = extract_samples(context, index, pass_options, on_rejection)
    head = generation.look
    # Of a look with a trained network, the one that was tested is not kept: the untouched network is compared instead.
    baseline_vectors = (
        vectors if head is None or head.backbone else head.validation_head.embed(samples.rows.astype(np.float32))
    )
    return TrainingData(samples, baseline_vectors, maps, head is not None and bool(head.backbone))


def train_look_on(data: TrainingData, context: EvaluationContext, options: LookOptions, clock: StageTimer) -> LookProof:
    """Train a look on this data and test it.

    Raises:
        InvalidValue: as :func:`train_and_test_look`.
    """
    samples = data.samples
    _check_groups(samples.photos)
    plan, trainer = plan_holdout(samples, options.positives), _create_trainer(data, context, options)
    gallery = np.flatnonzero([photo.is_first for photo in samples.photos])
    gallery_rows = samples.original_rows[gallery]
    with clock.stage("training"):
        look = trainer.train_held_out(plan)
    with clock.stage("test"):
        results, vectors = _test_look(look, plan, data, options.seed)
    better, reason = judge_look(results)
    better, reason = _compare_with_tuned_network(data, options, better, reason)
    better = better and not look.warnings
    exported, tested, train_rows = None, None, plan.train_rows
    warnings, ended_early, step = look.warnings, look.ended_early, look.step
    if (better or options.force) and options.refit:
        tested, train_rows = look.export_head(), np.ones(len(samples.rows), bool)
        with clock.stage("all photos"):
            look = trainer.train_on_everything(step)
        warnings, ended_early = [*warnings, *look.warnings], [*ended_early, *look.ended_early]
        better = better and not look.warnings
    if better or options.force:
        exported = look.export()
    training = LookTraining(
        is_better=better,
        promoted=False,
        reason=" ".join([*warnings, *ended_early, reason]),
        results=results,
        warnings=warnings,
        ended_early=ended_early,
        products=len({photo.product for photo in samples.photos}),
        photos=len(samples.photos),
        shopper_photos=sum(photo.is_shopper for photo in samples.photos),
        rows=len(samples.rows),
        step=step,
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        export_difference=0.0 if exported is None else exported.difference,
        options={
            **to_json_values(replace(options, recipe=_head_recipe(options), tail=_tail_recipe(options))),
            "pairs": str(options.pairs or ""),
        },
    )
    photos = [samples.photos[n] for n in np.unique(samples.owners[train_rows]).tolist()]
    return LookProof(
        training,
        None if exported is None else _build_head(exported, tested, training, photos),
        tuple(samples.photos[n].product for n in gallery.tolist()),
        data.baseline_vectors[gallery_rows],
        vectors[gallery_rows],
    )


def _test_look(
    look: TrainedLook, plan: HoldoutPlan, data: TrainingData, seed: int
) -> tuple[list[HoldoutResult], Vectors]:
    """Return the results of the test, and the look's vectors, float32 (m, d), of first photos and of the queries;
    other rows are 0."""
    samples = data.samples
    first_rows = samples.original_rows[[photo.is_first for photo in samples.photos]]
    rows = np.unique(np.concatenate([first_rows, *(queries.used_rows for queries in plan.test.values())]))
    vectors = np.zeros((len(samples.rows), look.dimensions), np.float32)
    vectors[rows] = look.vectors(rows)
    results = [
        compare_ranks(
            name, queries, compute_ranks(queries, data.baseline_vectors), compute_ranks(queries, vectors), seed
        )
        for name, queries in plan.test.items()
    ]
    return results, vectors


def _compare_with_tuned_network(
    data: TrainingData, options: LookOptions, better: bool, reason: str
) -> tuple[bool, str]:
    """Adapt the verdict if the look that serves has a trained network, since the baseline is the untouched one."""
    if not data.serves_tuned_network:
        return better, reason
    reason = f"It was compared with the untouched network, not with the trained one that serves. {reason}"
    if options.depth == "full":
        return better, reason
    return False, f"{reason} A head alone replaces a trained network only if it is forced to."


def _create_trainer(data: TrainingData, context: EvaluationContext, options: LookOptions) -> LookTrainer:
    head_trainer = HeadTrainer(
        context, data.samples, _head_recipe(options), options.positives, options.budget or float("inf")
    )
    if options.depth == "head":
        return head_trainer
    if data.maps is None:
        raise InvalidValue(
            "The network's end cannot be trained without maps.", "Give `stack` to `collect_training_data`."
        )
    return TailTrainer(context, head_trainer, data.maps, _tail_recipe(options), options.budget or float("inf"))


def _tail_recipe(options: LookOptions) -> TailRecipe:
    return replace(options.tail, loss=_head_recipe(options).loss, seed=options.seed)


def _head_recipe(options: LookOptions) -> HeadRecipe:
    return replace(options.recipe or HEAD_RECIPES[options.positives], seed=options.seed)


def delete_checkpoints(folder: Path, kind: str) -> None:
    """Delete the checkpoints of a store's trainings of one kind, because a finished training does not continue. The
    feature maps are deleted, too, unless a training of another kind was interrupted."""
    for file in (folder / FOLDER).glob(f"{kind}-*.checkpoint*"):
        file.unlink(missing_ok=True)
    if not any((folder / FOLDER).glob("*.checkpoint")):
        delete_feature_maps(folder)


def _check_groups(photos: Sequence[SamplePhoto]) -> None:
    groups = {photo.group for photo in photos if photo.is_first}
    if len(groups) < MIN_GROUPS:
        raise InvalidValue(
            f"There are photos of {len(groups)} designs, which are too few to hold some of them out for a test.",
            f"Index at least {MIN_GROUPS} designs.",
            code="too-few-products",
        )


def _build_head(
    exported: ExportedHead, tested: ExportedHead | None, training: LookTraining, photos: Sequence[SamplePhoto]
) -> EmbeddingHead:
    """Build the look that serves; the head that was not trained on everything is kept beside it."""
    record = {name: value for name, value in training.as_json().items() if name not in ("promoted", "left_out")}
    card = LookCard(
        exported.features,
        exported.width,
        exported.dimensions,
        {"created": timestamp(), **record},
        sorted({photo.name[:HASH_DIGITS] for photo in photos}),
        exported.stands_for,
    )
    return EmbeddingHead(exported.network, card, None if tested is None else tested.network, exported.backbone)
