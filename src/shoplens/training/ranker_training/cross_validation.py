"""Which ranker is better, asked honestly: every query is ranked by networks that saw nothing of its group.

Groups lie in folds. For each fold, recipes are chosen on the next one, by networks that learned from the other three;
the chosen ones then learn from all four, and answer. So neither weights nor choices have seen what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.crossfit import fold_of
from shoplens.ranking.ranker_features import Floats
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, is_right
from shoplens.training.ranker_training.ranking_networks import Family, RankerRecipe, RankingNetwork, train_network

FOLDS = 5
RANKER_RECIPES: tuple[RankerRecipe, ...] = (
    RankerRecipe("static", prior=1e-3),
    RankerRecipe("static", prior=1e-2),
    RankerRecipe("static", prior=1e-1),
    RankerRecipe("static", prior=1.0),
    RankerRecipe("gate", shrinkage=1e-2),
    RankerRecipe("gate", shrinkage=1e-1),
    RankerRecipe("gate", shrinkage=1.0),
    RankerRecipe("gate", shrinkage=1e-1, look_shrinkage=1e-1),
    RankerRecipe("listwise", list_shrinkage=3e-3, batch_size=64),
    RankerRecipe("listwise", list_shrinkage=3e-2, batch_size=64),
)
FAMILIES: tuple[Family, ...] = ("static", "gate", "listwise")
DEEP = 10
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """What came of it.

    Attributes:
        scores: ``fitted`` and each family -> float32 (q, n), of the candidates of every query.
        chosen: family -> the recipe that was chosen most often, of equals the one of the first fold.
        weights: float32 (q, d), of every query by the gate.
    """

    scores: Mapping[str, Floats]
    chosen: Mapping[Family, RankerRecipe]
    weights: Floats


def cross_validate(
    dataset: RankingDataset, seed: int, progress: Progress, recipes: Sequence[RankerRecipe] = RANKER_RECIPES
) -> CrossValidation:
    """Have all families answer all queries."""
    recipes = [replace(recipe, seed=seed) for recipe in recipes]
    folds = np.array([fold_of(group, FOLDS) for group in dataset.groups])
    scores: dict[str, Floats] = {family: np.zeros(dataset.gains.shape, np.float32) for family in FAMILIES}
    weights = np.zeros((len(dataset), len(dataset.names)), np.float32)
    votes: dict[Family, list[RankerRecipe]] = {family: [] for family in FAMILIES}
    for fold in range(FOLDS):
        mine, watched = folds == fold, folds == (fold + 1) % FOLDS
        if not mine.any():
            continue
        learned = dataset.subset(~mine & ~watched) if (~mine & ~watched).any() else dataset.subset(~mine)
        chosen = _choose_recipes(learned, dataset.subset(watched if watched.any() else ~mine), recipes)
        asked, networks = dataset.subset(mine), taught(dataset.subset(~mine), chosen)
        for family, network in networks.items():
            scores[family][mine] = network.scores(asked)
            votes[family].append(chosen[family])
        weights[mine] = networks["gate"].weights(asked)
        progress("Comparing rankers", fold + 1, FOLDS)
    fitted: Floats = (dataset.similarities @ (dataset.fitted_weights / dataset.fitted_weights.sum())).astype(np.float32)
    return CrossValidation(
        {"fitted": fitted, **scores}, {name: max(one, key=one.count) for name, one in votes.items()}, weights
    )


def taught(dataset: RankingDataset, recipes: Mapping[Family, RankerRecipe]) -> dict[Family, RankingNetwork]:
    """A network of each family; the listwise one stands on the gate."""
    gate = train_network(dataset, recipes["gate"])
    return {
        "static": train_network(dataset, recipes["static"]),
        "gate": gate,
        "listwise": train_network(dataset, recipes["listwise"], gate),
    }


def _choose_recipes(
    learned: RankingDataset, watched: RankingDataset, recipes: Iterable[RankerRecipe]
) -> dict[Family, RankerRecipe]:
    """The best recipe of each family; a gate is pulled to the fitted weights as the static ones are."""
    found: dict[Family, tuple[float, RankerRecipe]] = {}
    gate: RankingNetwork | None = None
    for recipe in sorted(recipes, key=lambda one: FAMILIES.index(one.family)):
        if recipe.family == "gate":
            recipe = replace(recipe, prior=found["static"][1].prior)
        network = train_network(learned, recipe, gate if recipe.family == "listwise" else None)
        value = float(binary_ndcg(watched, network.scores(watched)).mean())
        if recipe.family not in found or value > found[recipe.family][0]:
            found[recipe.family] = value, recipe
            gate = network if recipe.family == "gate" else gate
    return {family: recipe for family, (_, recipe) in found.items()}


def ranks(dataset: RankingDataset, scores: Floats) -> npt.NDArray[np.int64]:
    """int64 (q,): the rank of the right product; of equals it comes last; one more than the candidates where it is
    none of them."""
    right = is_right(dataset)
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    found: npt.NDArray[np.int64] = 1 + ((scores >= best) & ~right).sum(axis=1)
    return np.where(right.any(axis=1), found, scores.shape[1] + 1)


def binary_ndcg(dataset: RankingDataset, scores: Floats) -> npt.NDArray[np.float64]:
    """float64 (q,): nDCG@10 of the right product alone, 1 / log2(1 + rank)."""
    rank = ranks(dataset, scores)
    return np.where(rank <= DEEP, 1 / np.log2(1.0 + rank), 0.0)


def graded_ndcg(dataset: RankingDataset, scores: Floats) -> npt.NDArray[np.float64]:
    """float64 (q,): nDCG@10 by graded likeness (Järvelin, Kekäläinen 2002), among the candidates."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :DEEP]
    discounts = 1 / np.log2(2.0 + np.arange(order.shape[1]))
    ideal = -np.sort(-dataset.gains, axis=1)[:, :DEEP] @ discounts
    found = np.take_along_axis(dataset.gains, order, axis=1) @ discounts
    result: npt.NDArray[np.float64] = found / np.maximum(ideal, 1e-12)
    return result
