"""Which ranker is better, asked honestly: every query is ranked by networks that saw nothing of its group.

Groups lie in folds. For each fold, recipes are chosen on the next one, by networks that learned from the other three;
the chosen ones then learn from all four, and answer. So neither weights nor choices have seen what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.folds import fold_of
from shoplens.ranking.ranker_features import Floats
from shoplens.training.ranker_training.ranking_dataset import Tasks, is_right
from shoplens.training.ranker_training.ranking_networks import Family, Network, Recipe, train_network

FOLDS = 5
RECIPES: tuple[Recipe, ...] = (
    Recipe("static", prior=1e-3),
    Recipe("static", prior=1e-2),
    Recipe("static", prior=1e-1),
    Recipe("static", prior=1.0),
    Recipe("gate", shrinkage=1e-2),
    Recipe("gate", shrinkage=1e-1),
    Recipe("gate", shrinkage=1.0),
    Recipe("gate", shrinkage=1e-1, look_shrinkage=1e-1),
    Recipe("listwise", list_shrinkage=3e-3, per_batch=64),
    Recipe("listwise", list_shrinkage=3e-2, per_batch=64),
)
FAMILIES: tuple[Family, ...] = ("static", "gate", "listwise")
DEEP = 10
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """What came of it.

    Attributes:
        scores: ``fitted`` and each family -> float32 (q, n), of the candidates of every query.
        chosen: family -> the recipe that was chosen most often, of equals the one of the first fold.
        weights: float32 (q, d), of every query by the gate.
    """

    scores: Mapping[str, Floats]
    chosen: Mapping[Family, Recipe]
    weights: Floats


def contest(tasks: Tasks, seed: int, progress: Progress, recipes: Sequence[Recipe] = RECIPES) -> Contest:
    """Have all families answer all queries."""
    recipes = [replace(recipe, seed=seed) for recipe in recipes]
    folds = np.array([fold_of(group, FOLDS) for group in tasks.groups])
    scores: dict[str, Floats] = {family: np.zeros(tasks.gains.shape, np.float32) for family in FAMILIES}
    weights = np.zeros((len(tasks), len(tasks.names)), np.float32)
    votes: dict[Family, list[Recipe]] = {family: [] for family in FAMILIES}
    for fold in range(FOLDS):
        mine, watched = folds == fold, folds == (fold + 1) % FOLDS
        if not mine.any():
            continue
        learned = tasks.some(~mine & ~watched) if (~mine & ~watched).any() else tasks.some(~mine)
        chosen = _choose_recipes(learned, tasks.some(watched if watched.any() else ~mine), recipes)
        asked, networks = tasks.some(mine), taught(tasks.some(~mine), chosen)
        for family, network in networks.items():
            scores[family][mine] = network.scores(asked)
            votes[family].append(chosen[family])
        weights[mine] = networks["gate"].weights(asked)
        progress("Comparing rankers", fold + 1, FOLDS)
    fitted: Floats = (tasks.places @ (tasks.static / tasks.static.sum())).astype(np.float32)
    return Contest(
        {"fitted": fitted, **scores}, {name: max(one, key=one.count) for name, one in votes.items()}, weights
    )


def taught(tasks: Tasks, recipes: Mapping[Family, Recipe]) -> dict[Family, Network]:
    """A network of each family; the listwise one stands on the gate."""
    gate = train_network(tasks, recipes["gate"])
    return {
        "static": train_network(tasks, recipes["static"]),
        "gate": gate,
        "listwise": train_network(tasks, recipes["listwise"], gate),
    }


def _choose_recipes(learned: Tasks, watched: Tasks, recipes: Iterable[Recipe]) -> dict[Family, Recipe]:
    """The best recipe of each family; a gate is pulled to the fitted weights as the static ones are."""
    found: dict[Family, tuple[float, Recipe]] = {}
    gate: Network | None = None
    for recipe in sorted(recipes, key=lambda one: FAMILIES.index(one.family)):
        if recipe.family == "gate":
            recipe = replace(recipe, prior=found["static"][1].prior)
        network = train_network(learned, recipe, gate if recipe.family == "listwise" else None)
        value = float(binary_ndcg(watched, network.scores(watched)).mean())
        if recipe.family not in found or value > found[recipe.family][0]:
            found[recipe.family] = value, recipe
            gate = network if recipe.family == "gate" else gate
    return {family: recipe for family, (_, recipe) in found.items()}


def ranks(tasks: Tasks, scores: Floats) -> npt.NDArray[np.int64]:
    """int64 (q,): the rank of the right product; of equals it comes last; one more than the candidates where it is
    none of them."""
    right = is_right(tasks)
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    found: npt.NDArray[np.int64] = 1 + ((scores >= best) & ~right).sum(axis=1)
    return np.where(right.any(axis=1), found, scores.shape[1] + 1)


def binary_ndcg(tasks: Tasks, scores: Floats) -> npt.NDArray[np.float64]:
    """float64 (q,): nDCG@10 of the right product alone, 1 / log2(1 + rank)."""
    rank = ranks(tasks, scores)
    return np.where(rank <= DEEP, 1 / np.log2(1.0 + rank), 0.0)


def graded_ndcg(tasks: Tasks, scores: Floats) -> npt.NDArray[np.float64]:
    """float64 (q,): nDCG@10 by graded likeness (Järvelin, Kekäläinen 2002), among the candidates."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :DEEP]
    discounts = 1 / np.log2(2.0 + np.arange(order.shape[1]))
    ideal = -np.sort(-tasks.gains, axis=1)[:, :DEEP] @ discounts
    found = np.take_along_axis(tasks.gains, order, axis=1) @ discounts
    result: npt.NDArray[np.float64] = found / np.maximum(ideal, 1e-12)
    return result
