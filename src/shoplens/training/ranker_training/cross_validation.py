"""Compares rankers by cross-validation: every query is ranked by networks that saw nothing of its group.

Groups lie in folds. For each fold, recipes are chosen on the next fold, with networks that learned from the other
three; then networks with the chosen recipes learn from all four, and rank. So neither weights nor choices have seen the
queries that they are tested on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from shoplens.filters.fitting.crossfit import fold_index
from shoplens.ranking.ranker_features import Floats
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, is_right
from shoplens.training.ranker_training.ranking_networks import Family, RankerRecipe, RankingNetwork, train_network
from shoplens.types import Progress

FOLDS = 5
RANKER_RECIPES: tuple[RankerRecipe, ...] = (
    RankerRecipe("static", prior=1e-3),
    RankerRecipe("static", prior=1e-2),
    RankerRecipe("static", prior=1e-1),
    RankerRecipe("static", prior=1.0),
    RankerRecipe("gate", shrinkage=1e-2),
    RankerRecipe("gate", shrinkage=1e-1),
    RankerRecipe("gate", shrinkage=1.0),
    RankerRecipe("gate", shrinkage=1e-1, embedding_shrinkage=1e-1),
    RankerRecipe("listwise", listwise_shrinkage=3e-3, batch_size=64),
    RankerRecipe("listwise", listwise_shrinkage=3e-2, batch_size=64),
)
FAMILIES: tuple[Family, ...] = ("static", "gate", "listwise")
DEPTH = 10


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """The result of a cross-validation.

    Attributes:
        scores: ``fitted`` and each family -> float32 (q, n), of the candidates of every query.
        recipes: family -> the recipe that was chosen most often; among equals the one of the first fold.
        gate_weights: float32 (q, d), the gate's weights of every query.
    """

    scores: Mapping[str, Floats]
    recipes: Mapping[Family, RankerRecipe]
    gate_weights: Floats


def cross_validate(
    dataset: RankingDataset, seed: int, progress: Progress, recipes: Sequence[RankerRecipe] = RANKER_RECIPES
) -> CrossValidation:
    """Let all families rank all queries."""
    recipes = [replace(recipe, seed=seed) for recipe in recipes]
    folds = np.array([fold_index(group, FOLDS) for group in dataset.groups])
    scores: dict[str, Floats] = {family: np.zeros(dataset.gains.shape, np.float32) for family in FAMILIES}
    gate_weights = np.zeros((len(dataset), len(dataset.names)), np.float32)
    votes: dict[Family, list[RankerRecipe]] = {family: [] for family in FAMILIES}
    for fold in range(FOLDS):
        is_test, is_validation = folds == fold, folds == (fold + 1) % FOLDS
        if not is_test.any():
            continue
        is_train = ~is_test & ~is_validation
        train = dataset.subset(is_train if is_train.any() else ~is_test)
        validation = dataset.subset(is_validation if is_validation.any() else ~is_test)
        chosen = _choose_recipes(train, validation, recipes)
        test, networks = dataset.subset(is_test), train_families(dataset.subset(~is_test), chosen)
        for family, network in networks.items():
            scores[family][is_test] = network.scores(test)
            votes[family].append(chosen[family])
        gate_weights[is_test] = networks["gate"].weights(test)
        progress("Comparing rankers", fold + 1, FOLDS)
    fitted: Floats = (dataset.similarities @ (dataset.fitted_weights / dataset.fitted_weights.sum())).astype(np.float32)
    most_frequent = {family: max(ballots, key=ballots.count) for family, ballots in votes.items()}
    return CrossValidation({"fitted": fitted, **scores}, most_frequent, gate_weights)


def train_families(dataset: RankingDataset, recipes: Mapping[Family, RankerRecipe]) -> dict[Family, RankingNetwork]:
    """Train a network of each family; the listwise one is put on top of the gate."""
    gate = train_network(dataset, recipes["gate"])
    return {
        "static": train_network(dataset, recipes["static"]),
        "gate": gate,
        "listwise": train_network(dataset, recipes["listwise"], gate),
    }


def _choose_recipes(
    train: RankingDataset, validation: RankingDataset, recipes: Iterable[RankerRecipe]
) -> dict[Family, RankerRecipe]:
    """Return the best recipe of each family; a gate is pulled to the fitted weights as strongly as the best static
    weights are."""
    best: dict[Family, tuple[float, RankerRecipe]] = {}
    gate: RankingNetwork | None = None
    for recipe in sorted(recipes, key=lambda recipe: FAMILIES.index(recipe.family)):
        if recipe.family == "gate":
            recipe = replace(recipe, prior=best["static"][1].prior)
        network = train_network(train, recipe, gate if recipe.family == "listwise" else None)
        ndcg = float(binary_ndcg(validation, network.scores(validation)).mean())
        if recipe.family not in best or ndcg > best[recipe.family][0]:
            best[recipe.family] = ndcg, recipe
            gate = network if recipe.family == "gate" else gate
    return {family: recipe for family, (_, recipe) in best.items()}


def compute_ranks(dataset: RankingDataset, scores: Floats) -> npt.NDArray[np.int64]:
    """Return the rank of the right product, int64 (q,). Among equals it comes last; if it is not a candidate, its rank
    is one more than the number of candidates."""
    right = is_right(dataset)
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    ranks: npt.NDArray[np.int64] = 1 + ((scores >= best) & ~right).sum(axis=1)
    return np.where(right.any(axis=1), ranks, scores.shape[1] + 1)


def binary_ndcg(dataset: RankingDataset, scores: Floats) -> npt.NDArray[np.float64]:
    """Return the nDCG@10 of the right product alone, 1 / log2(1 + rank), float64 (q,)."""
    ranks = compute_ranks(dataset, scores)
    return np.where(ranks <= DEPTH, 1 / np.log2(1.0 + ranks), 0.0)


def graded_ndcg(dataset: RankingDataset, scores: Floats) -> npt.NDArray[np.float64]:
    """Return the nDCG@10 by graded relevance (Järvelin, Kekäläinen 2002), among the candidates, float64 (q,)."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    discounts = 1 / np.log2(2.0 + np.arange(order.shape[1]))
    ideal = -np.sort(-dataset.gains, axis=1)[:, :DEPTH] @ discounts
    dcg = np.take_along_axis(dataset.gains, order, axis=1) @ discounts
    ndcg: npt.NDArray[np.float64] = dcg / np.maximum(ideal, 1e-12)
    return ndcg
