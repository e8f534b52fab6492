"""Training a ranker on one screen: query photos with candidates -> weights and networks -> the best that is proved.

First all are asked on what they did not see (:mod:`~shoplens.training.ranker_training.cross_validation`); what is taken then learns from
all queries, by the recipe that was chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.look import TOLD_DIGITS
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.results import Estimate, LeftOut, Paired, plain
from shoplens.evaluation.statistics.intervals import estimate, paired_difference
from shoplens.feeds import Report
from shoplens.ranking.ranker import KINDS, Kind, Ranker, RankerCard
from shoplens.store.files.atomic import disk_errors_told, timestamp
from shoplens.training.clicks import ClickTraining
from shoplens.training.optimization.training_loop import torch_module
from shoplens.training.ranker_training.cross_validation import (
    RECIPES,
    Contest,
    binary_ndcg,
    contest,
    graded_ndcg,
    ranks,
    taught,
)
from shoplens.training.ranker_training.ranker_export import largest_difference, ranker_network
from shoplens.training.ranker_training.ranking_dataset import Tasks, tasks_of
from shoplens.training.ranker_training.ranking_networks import Network, Recipe
from shoplens.types import StageTimer

MAIN = "ndcg@10"
METRICS = ("recall@1", MAIN, "graded ndcg@10")
FITTED, STATIC = "fitted", "static"
NAMES = {FITTED: "fitted weights", STATIC: "tuned weights", "gate": "gate", "listwise": "gate and context"}
EXAMPLES = 12
CHECKED = 64


@dataclass(frozen=True, slots=True)
class RankerOptions:
    """What is trained.

    Attributes:
        queries: file of ``photo,product_id`` rows; None asks with the catalogue's own photos.
        kind: the network that may be taken, ``gate`` or ``listwise``; None leaves it to the measurements.
        seed: of everything that is drawn.
        force: take a network, and what clicks say, though it is not surely better.
        dry_run: take nothing.
        recipes: to choose from; some of each family.
    """

    queries: Path | None = None
    kind: Kind | None = None
    seed: int = 0
    force: bool = False
    recipes: Sequence[Recipe] = RECIPES
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise InvalidValue(f"--kind is {self.kind!r}.", f"Choose one of: {', '.join(KINDS)}.")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The weights that the gate chose for one photo that it did not learn from.

    Attributes:
        photo: path or URL.
        weights: dimension -> weight.
        rank, rank_static: of the right product by the gate, and by the tuned weights.
    """

    photo: str
    weights: Mapping[str, float]
    rank: int
    rank_static: int


@dataclass(frozen=True, slots=True)
class RankerTraining:
    """What a training came to.

    Attributes:
        taken: ``gate``, ``listwise``, ``static`` for tuned weights alone, or empty.
        why: in words.
        queries, groups: how many photos of how many designs were asked.
        photos: what they are, in words.
        figures: ranker -> metric -> figure, on queries that it did not see.
        changes: ranker -> metric -> its figure less that of what it has to beat, on the same queries: tuned weights the
            fitted ones, networks the tuned weights.
        fitted, tuned: dimension -> static weight, summing to 1.
        chosen: dimension -> mean and standard deviation of the gate's weights over the queries.
        examples: photos whose weights are the least usual.
        seconds: stage -> how long it took.
        difference: largest difference of any number between torch and the network that serves.
        model: id of the network; empty where none was taken.
        left_out: photos and rows that taught nothing.
        options: what was asked for, and the recipes that were chosen.
        clicks: what clicks came to, on top of it; None where there are none.
    """

    taken: str
    why: str
    queries: int
    groups: int
    photos: str
    figures: Mapping[str, Mapping[str, Estimate]]
    changes: Mapping[str, Mapping[str, Paired]]
    fitted: Mapping[str, float]
    tuned: Mapping[str, float]
    chosen: Mapping[str, tuple[float, float]]
    examples: Sequence[Chosen]
    seconds: Mapping[str, float]
    difference: float = 0.0
    model: str = ""
    left_out: Sequence[LeftOut] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    clicks: ClickTraining | None = None

    def as_json(self) -> dict[str, Any]:
        """The documented object."""
        found: dict[str, Any] = plain(self)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class ProvedRanker:
    """A training, and what it is to be ranked by.

    Attributes:
        weights: dimension -> static weight; empty to keep those that were fitted.
        ranker: None where none is to be taken.
        tasks: that it was proved on.
    """

    training: RankerTraining
    weights: Mapping[str, float]
    ranker: Ranker | None
    tasks: Tasks


def train_and_test_ranker(bench: EvaluationContext, options: RankerOptions) -> ProvedRanker:
    """Train rankers and prove the best; the store is only read.

    Raises:
        InvalidValue: ``no-torch``, ``no-filters``, ``too-few-queries``, or the file of queries makes no sense.
        StoreError: ``other-model``, ``unfinished-store``, ``disk``.
    """
    torch_module()  # before anything is looked at
    folder, clock = bench.store.folder, StageTimer()
    report = Report(folder / "reports" / f"{timestamp()}-train-ranker-photos.jsonl")
    with disk_errors_told(folder), report:
        with clock.stage("candidates"), bench.reading() as generation:
            tasks = tasks_of(bench, generation, options.queries, report.add)
        proved = ranker_on(tasks, bench, options, clock)
        left_out = [LeftOut(row.kind, row.times, row.example, row.fix) for row in report.summary()]
    return replace(proved, training=replace(proved.training, left_out=left_out))


def ranker_on(tasks: Tasks, bench: EvaluationContext, options: RankerOptions, clock: StageTimer) -> ProvedRanker:
    """Train rankers on these queries, and prove the best."""
    with clock.stage("proof"):
        met = contest(tasks, options.seed, bench.progress, options.recipes)
    figures = {name: _figures(tasks, scores, options.seed) for name, scores in met.scores.items()}
    changes = {name: _changes(tasks, met, name, options.seed) for name in met.scores if name != FITTED}
    taken, why = verdict(changes, options)
    with clock.stage("all queries"):
        networks = taught(tasks, met.chosen)
    weights = _weights_by_name(tasks, networks["static"].weights(tasks)[0])
    ranker, difference = None, 0.0
    for kind in KINDS:
        if kind == taken:
            ranker = _ranker(networks[kind], tasks, kind, why, met)
            difference = largest_difference(ranker, networks[kind], tasks.some(np.arange(len(tasks)) < CHECKED))
    told = RankerTraining(
        taken=taken,
        why=why,
        queries=len(tasks),
        groups=len(set(tasks.groups)),
        photos=tasks.kind,
        figures=figures,
        changes=changes,
        fitted=_weights_by_name(tasks, tasks.static / tasks.static.sum()),
        tuned=weights,
        chosen={
            name: (float(met.weights[:, column].mean()), float(met.weights[:, column].std()))
            for column, name in enumerate(tasks.names)
        },
        examples=_examples(tasks, met),
        seconds={name: round(took / 1e3, 1) for name, took in clock.stages().items()},
        difference=difference,
        model="" if ranker is None else ranker.model,
        options={
            **plain(replace(options, recipes=())),
            "queries": str(options.queries or ""),
            "recipes": plain(dict(met.chosen)),
        },
    )
    return ProvedRanker(told, weights if taken else {}, ranker, tasks)


def verdict(changes: Mapping[str, Mapping[str, Paired]], options: RankerOptions) -> tuple[str, str]:
    """What is taken, and why.

    A network is, when by nDCG@10 it is surely better than the tuned weights (the interval is above zero), and the right
    product does not surely come first less often. Tuned weights are, when they are better than those that were fitted
    by a rule of thumb.
    """
    kinds: tuple[Kind, ...] = KINDS if options.kind is None else (options.kind,)
    sure = [kind for kind in kinds if _is_sure(changes[kind])]
    best = max(sure or kinds, key=lambda kind: changes[kind][MAIN].difference.value)
    told = f"{NAMES[best]} against tuned weights: {_change_text(changes[best][MAIN])}"
    if sure:
        return best, f"What counts depends on the photo: {told}."
    if options.force:
        return best, f"It was forced, and is not surely better: {told}."
    tuned = changes[STATIC][MAIN]
    against = f"tuned weights against fitted ones: {_change_text(tuned)}"
    if tuned.difference.value > 0:
        return STATIC, f"No network is surely better than tuned weights ({told}), so these rank: {against}."
    return "", f"Nothing is better than what was fitted: {against}; {told}."


def _is_sure(change: Mapping[str, Paired]) -> bool:
    return change[MAIN].difference.low > 0 and change["recall@1"].difference.high >= 0


def _change_text(change: Paired) -> str:
    one = change.difference
    return f"nDCG@10 {100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f}) points"


def _values(tasks: Tasks, scores: npt.NDArray[np.float32], metric: str) -> npt.NDArray[np.float64]:
    if metric == "recall@1":
        first: npt.NDArray[np.float64] = (ranks(tasks, scores) == 1).astype(np.float64)
        return first
    return binary_ndcg(tasks, scores) if metric == MAIN else graded_ndcg(tasks, scores)


def _figures(tasks: Tasks, scores: npt.NDArray[np.float32], seed: int) -> dict[str, Estimate]:
    return {metric: estimate(_values(tasks, scores, metric), tasks.groups, seed) for metric in METRICS}


def _changes(tasks: Tasks, met: Contest, name: str, seed: int) -> dict[str, Paired]:
    mine, theirs = met.scores[name], met.scores[FITTED if name == STATIC else STATIC]
    return {
        metric: paired_difference(_values(tasks, mine, metric), _values(tasks, theirs, metric), tasks.groups, seed)
        for metric in METRICS
    }


def _weights_by_name(tasks: Tasks, weights: npt.NDArray[np.float32]) -> dict[str, float]:
    return {name: round(weight, 4) for name, weight in zip(tasks.names, weights.tolist(), strict=True)}


def _ranker(network: Network, tasks: Tasks, kind: Kind, why: str, met: Contest) -> Ranker:
    recipe: Recipe = met.chosen[kind]
    card = RankerCard(
        tasks.names,
        kind,
        tasks.looks.shape[1],
        {"created": timestamp(), "why": why, "queries": len(tasks), "photos": tasks.kind, "recipe": plain(recipe)},
        sorted({name[:TOLD_DIGITS] for name in tasks.photos}),
    )
    return Ranker(ranker_network(network, card))


def _examples(tasks: Tasks, met: Contest) -> list[Chosen]:
    """Photos whose weights are farthest from the mean, one of each group."""
    usual = met.weights.mean(axis=0)
    unusual = np.argsort(-np.abs(met.weights - usual).sum(axis=1), kind="stable").tolist()
    by_gate, by_static = ranks(tasks, met.scores["gate"]), ranks(tasks, met.scores[STATIC])
    found: dict[str, Chosen] = {}
    for n in unusual:
        one = Chosen(tasks.sources[n], _weights_by_name(tasks, met.weights[n]), int(by_gate[n]), int(by_static[n]))
        found.setdefault(tasks.groups[n], one)
    return [*found.values()][:EXAMPLES]
