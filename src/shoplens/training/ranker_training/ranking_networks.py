"""The networks that rank: static weights, the gate, and the listwise network on top of it; trained by listwise losses.

All are trained alike, on the same queries: the static weights that a gate is compared with are the same network without
inputs. The loss is ListNet's top-one cross-entropy (Cao et al. 2007, "Learning to Rank: From Pairwise Approach to
Listwise Approach"), which bounds nDCG (Bruch et al. 2019, "An Analysis of the Softmax Cost Function for Learning to
Rank"): of the right product, and with a small share of graded relevance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from shoplens.filters.fitting.pca import principal_axes
from shoplens.ranking.ranker_features import Floats
from shoplens.training.optimization.training_loop import import_torch
from shoplens.training.ranker_training.ranking_dataset import RankingDataset, is_right

Family = Literal["static", "gate", "listwise"]
MIN_WEIGHT = 0.02
"""Is added to fitted weights, because a weight of 0 could never grow."""
CLIP = 3.0
EMBEDDING_AXES = 8
"""Number of principal directions of the embeddings that a gate sees."""
HIDDEN_SIZE = 8
CONTEXT_BOUND = 0.5
GRADED_SHARE = 0.1
"""Share of graded relevance in the loss."""


@dataclass(frozen=True, slots=True)
class RankerRecipe:
    """How one network is trained.

    Attributes:
        family: which inputs it sees.
        prior: strength of the pull of the weights to the fitted ones.
        shrinkage: strength of the pull of the signals' coefficients to zero.
        embedding_shrinkage: the same for the embedding's coefficients; None leaves the embedding out.
        listwise_shrinkage: the same for the listwise network.
        steps, learning_rate, batch_size: of Adam, with a cosine schedule.
        seed: seed of all random draws.
    """

    family: Family = "static"
    prior: float = 1e-3
    shrinkage: float = 0.1
    embedding_shrinkage: float | None = None
    listwise_shrinkage: float = 0.03
    steps: int = 250
    learning_rate: float = 2e-2
    batch_size: int = 192
    seed: int = 0


class QuerySignals(Protocol):
    """What a gate sees of q queries."""

    @property
    def signals(self) -> Floats:
        """float32 (q, d, s)."""

    @property
    def embeddings(self) -> Floats:
        """float32 (q, e)."""


@dataclass(frozen=True, slots=True, eq=False)
class RankingNetwork:
    """A trained network for d dimensions and s signals.

    Attributes:
        recipe: the recipe that it was trained by.
        base: float32 (d,), logits of the weights.
        mean, scale: float32 (d, s), of the signals.
        gate: float32 (d, s), coefficients of the signals.
        axes, offset, look: float32 (e, a), (a,) and (a, d): the embedding's directions, their offset, and their
            coefficients.
        inner, inner_bias, query, key, outer, outer_bias: of the listwise network; (3 d + 1, h), (h,), (h, h), (h, h),
            (2 h,), ().
    """

    recipe: RankerRecipe
    base: Floats
    mean: Floats
    scale: Floats
    gate: Floats
    axes: Floats
    offset: Floats
    look: Floats
    inner: Floats
    inner_bias: Floats
    query: Floats
    key: Floats
    outer: Floats
    outer_bias: Floats

    def weights(self, queries: QuerySignals) -> Floats:
        """Return the weights of each query, float32 (q, d), summing to 1."""
        signals = np.clip((queries.signals - self.mean) / self.scale, -CLIP, CLIP)
        axes = np.clip(queries.embeddings @ self.axes - self.offset, -CLIP, CLIP)
        logits = self.base + (signals * self.gate).sum(axis=2) + axes @ self.look
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights: Floats = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
        return weights

    def scores(self, dataset: RankingDataset) -> Floats:
        """Return the scores of the candidates, float32 (q, n)."""
        weights = self.weights(dataset)
        scores = np.einsum("qnd,qd->qn", dataset.similarities, weights)
        if self.recipe.family == "listwise":
            context = [listwise_context(self, *query) for query in zip(dataset.similarities, weights, strict=True)]
            scores = scores + np.stack(context)
        result: Floats = scores.astype(np.float32)
        return result


def listwise_context(network: RankingNetwork, similarities: Floats, weights: Floats) -> Floats:
    """Return what the listwise network adds to each candidate's score, float32 (n,), as the exported network computes
    it.

    Args:
        similarities: float32 (n, d).
        weights: float32 (d,).
    """
    rows = _listwise_inputs(np, similarities[None], weights[None])[0]
    hidden = np.tanh(rows @ network.inner + network.inner_bias)
    logits = (hidden @ network.query) @ (hidden @ network.key).T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    pooled = shares / shares.sum(axis=1, keepdims=True) @ hidden
    both = np.concatenate([hidden, hidden - pooled], axis=1)
    context: Floats = (CONTEXT_BOUND * np.tanh(both @ network.outer + network.outer_bias)).astype(np.float32)
    return context


def _listwise_inputs(library: Any, similarities: Any, weights: Any) -> Any:
    """Return what the listwise network sees of each candidate, (q, n, 3 d + 1); a dimension of weight 0 is not seen.

    Args:
        library: numpy or torch.
        similarities: (q, n, d).
        weights: (q, d).
    """
    parts = similarities * weights[:, None]
    is_counted = (weights > 0)[:, None]
    total = parts.sum(2)[..., None]
    if library is np:
        gaps, behind = similarities - similarities.max(1, keepdims=True), total - total.max(1, keepdims=True)
        return np.concatenate(
            [parts, is_counted * np.clip(similarities, -6, 6) / 3, is_counted * np.clip(gaps, -6, 0) / 3, behind],
            axis=2,
        ).astype(np.float32)
    gaps, behind = similarities - similarities.amax(1, keepdim=True), total - total.amax(1, keepdim=True)
    return library.cat(
        [parts, is_counted * similarities.clamp(-6, 6) / 3, is_counted * gaps.clamp(-6, 0) / 3, behind], dim=2
    )


def train_network(
    dataset: RankingDataset, recipe: RankerRecipe, gate_network: RankingNetwork | None = None
) -> RankingNetwork:
    """Train a network on these queries.

    Args:
        gate_network: the network whose weights a listwise network is put on top of; required for that family.

    Raises:
        InvalidValue: ``no-torch``.
    """
    torch = import_torch(threads=1)  # its steps are too small to share among threads
    generator = torch.Generator().manual_seed(recipe.seed)
    start = gate_network or _initial_network(dataset, recipe)
    learned = {
        name: torch.nn.Parameter(torch.from_numpy(getattr(start, name).copy())) for name in _trainable_names(recipe)
    }
    frozen = {name: torch.from_numpy(getattr(start, name)) for name in _PARAMETERS if name not in learned}
    parameters = {**frozen, **learned}
    temperature = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.Adam([*learned.values(), temperature], lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    signals = torch.from_numpy(np.clip((dataset.signals - start.mean) / start.scale, -CLIP, CLIP))
    axes = torch.from_numpy(np.clip(dataset.embeddings @ start.axes - start.offset, -CLIP, CLIP))
    similarities, targets = torch.from_numpy(dataset.similarities), torch.from_numpy(_targets(dataset))
    fitted = torch.from_numpy(_initial_logits(dataset))
    for _ in range(recipe.steps):
        rows = torch.randint(len(dataset), (min(recipe.batch_size, len(dataset)),), generator=generator)
        scores = _scores(torch, parameters, recipe, similarities[rows], signals[rows], axes[rows])
        loss = -(targets[rows] * torch.log_softmax(scores * temperature.exp(), dim=1)).sum(dim=1).mean()
        loss = loss + _penalty(parameters, recipe, fitted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    trained = {name: value.detach().numpy().astype(np.float32) for name, value in learned.items()}
    return replace(start, recipe=recipe, **trained)


_PARAMETERS = ("base", "gate", "look", "inner", "inner_bias", "query", "key", "outer", "outer_bias")


def _trainable_names(recipe: RankerRecipe) -> tuple[str, ...]:
    if recipe.family == "static":
        return ("base",)
    if recipe.family == "gate":
        return ("base", "gate") if recipe.embedding_shrinkage is None else ("base", "gate", "look")
    return ("inner", "inner_bias", "query", "key", "outer", "outer_bias")


def _scores(
    torch: Any, parameters: dict[str, Any], recipe: RankerRecipe, similarities: Any, signals: Any, axes: Any
) -> Any:
    logits = parameters["base"] + (signals * parameters["gate"]).sum(2) + axes @ parameters["look"]
    weights = torch.softmax(logits, dim=1)
    scores = (similarities * weights[:, None]).sum(2)
    if recipe.family != "listwise":
        return scores
    hidden = torch.tanh(_listwise_inputs(torch, similarities, weights) @ parameters["inner"] + parameters["inner_bias"])
    logits = (hidden @ parameters["query"]) @ (hidden @ parameters["key"]).transpose(1, 2)
    pooled = torch.softmax(logits, dim=2) @ hidden
    both = torch.cat([hidden, hidden - pooled], dim=2)
    return scores + CONTEXT_BOUND * torch.tanh(both @ parameters["outer"] + parameters["outer_bias"])


def _penalty(parameters: dict[str, Any], recipe: RankerRecipe, fitted: Any) -> Any:
    if recipe.family == "listwise":
        squares = sum((parameters[name] ** 2).sum() for name in ("inner", "query", "key", "outer"))
        return recipe.listwise_shrinkage * 0.1 * squares
    pull = recipe.prior * ((parameters["base"] - fitted) ** 2).sum()
    if recipe.family == "gate":
        pull = pull + recipe.shrinkage * (parameters["gate"] ** 2).sum()
        if recipe.embedding_shrinkage is not None:
            pull = pull + recipe.embedding_shrinkage * (parameters["look"] ** 2).sum()
    return pull


def _targets(dataset: RankingDataset) -> Floats:
    """Return the target distribution over candidates, float32 (q, n), summing to 1 where any is relevant."""
    right = is_right(dataset).astype(np.float32)
    graded = dataset.gains / np.maximum(dataset.gains.sum(axis=1, keepdims=True), 1e-9)
    targets: Floats = ((1 - GRADED_SHARE) * right + GRADED_SHARE * graded).astype(np.float32)
    return targets


def _initial_logits(dataset: RankingDataset) -> Floats:
    logits: Floats = np.log(dataset.fitted_weights + MIN_WEIGHT).astype(np.float32)
    return logits


def _initial_network(dataset: RankingDataset, recipe: RankerRecipe) -> RankingNetwork:
    """Return a network that ranks by the fitted weights."""
    rng = np.random.default_rng(recipe.seed)
    d, s = dataset.signals.shape[1:]
    center = dataset.embeddings.mean(axis=0)
    centered = dataset.embeddings - center
    directions = principal_axes(centered, EMBEDDING_AXES, exact=True)
    axes = np.zeros((dataset.embeddings.shape[1], EMBEDDING_AXES), np.float32)
    axes[:, : directions.shape[1]] = directions / np.maximum((centered @ directions).std(axis=0), 1e-6)
    zeros = np.zeros
    return RankingNetwork(
        recipe,
        _initial_logits(dataset),
        dataset.signals.mean(axis=0),
        (dataset.signals.std(axis=0) + 1e-3).astype(np.float32),
        zeros((d, s), np.float32),
        axes,
        (center @ axes).astype(np.float32),
        zeros((EMBEDDING_AXES, d), np.float32),
        (rng.normal(0, 0.3, (3 * d + 1, HIDDEN_SIZE))).astype(np.float32),
        zeros(HIDDEN_SIZE, np.float32),
        (rng.normal(0, 0.3, (HIDDEN_SIZE, HIDDEN_SIZE))).astype(np.float32),
        (rng.normal(0, 0.3, (HIDDEN_SIZE, HIDDEN_SIZE))).astype(np.float32),
        zeros(2 * HIDDEN_SIZE, np.float32),
        zeros((), np.float32),
    )
