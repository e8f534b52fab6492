"""The networks that rank: static weights, the gate, and the listwise one on top of it; trained by listwise losses.

All are trained alike, on the same queries: the static weights that a gate is compared with are the same network with
nothing to look at. The loss is ListNet's top-one cross-entropy (Cao et al. 2007, "Learning to Rank: From Pairwise
Approach to Listwise Approach"), which bounds nDCG (Bruch et al. 2019, "An Analysis of the Softmax Cost Function for
Learning to Rank"): of the right product, and for a small part of graded likeness.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from shoplens.ranking.ranker_features import Floats
from shoplens.training.optimization.training_loop import torch_module
from shoplens.training.ranker_training.ranking_dataset import Tasks, is_right

Family = Literal["static", "gate", "listwise"]
LEAST_WEIGHT = 0.02
"""Added to fitted weights, or one of 0 could never grow."""
CLIP = 3.0
AXES = 8
"""Principal directions of the embeddings that a gate looks at."""
HIDDEN = 8
BOUND = 0.5
GRADED = 0.1
"""Share of the loss that graded likeness has."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is trained.

    Attributes:
        family: what it may look at.
        prior: pull of the weights back to the fitted ones.
        shrinkage: pull of what looks at signals towards nothing.
        look_shrinkage: the same of what looks at the embedding; None leaves it out.
        list_shrinkage: the same of the listwise part.
        steps, rate, per_batch: of Adam, with a cosine schedule.
        seed: of everything that is drawn.
    """

    family: Family = "static"
    prior: float = 1e-3
    shrinkage: float = 0.1
    look_shrinkage: float | None = None
    list_shrinkage: float = 0.03
    steps: int = 250
    rate: float = 2e-2
    per_batch: int = 192
    seed: int = 0


class Queries(Protocol):
    """What a gate looks at, of q queries."""

    @property
    def signals(self) -> Floats:
        """float32 (q, d, s)."""

    @property
    def looks(self) -> Floats:
        """float32 (q, e)."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A trained network; d dimensions, s signals.

    Attributes:
        recipe: it was trained by.
        base: float32 (d,), logits of the weights.
        mean, scale: float32 (d, s), of the signals.
        gate: float32 (d, s).
        axes: float32 (e, a), of embeddings; their ``offset`` float32 (a,); look float32 (a, d).
        inner, inner_bias, query, key, outer, outer_bias: of the listwise part; (3 d + 1, h), (h,), (h, h), (h, h),
            (2 h,), ().
    """

    recipe: Recipe
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

    def weights(self, tasks: Queries) -> Floats:
        """float32 (q, d): weights of each query, summing to 1."""
        signals = np.clip((tasks.signals - self.mean) / self.scale, -CLIP, CLIP)
        axes = np.clip(tasks.looks @ self.axes - self.offset, -CLIP, CLIP)
        logits = self.base + (signals * self.gate).sum(axis=2) + axes @ self.look
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: Floats = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
        return found

    def scores(self, tasks: Tasks) -> Floats:
        """float32 (q, n): of the candidates."""
        weights = self.weights(tasks)
        scores = np.einsum("qnd,qd->qn", tasks.places, weights)
        if self.recipe.family == "listwise":
            context = [context_of(self, *one) for one in zip(tasks.places, weights, strict=True)]
            scores = scores + np.stack(context)
        found: Floats = scores.astype(np.float32)
        return found


def context_of(network: Network, places: Floats, weights: Floats) -> Floats:
    """float32 (n,): the listwise part of each candidate, as the exported network computes it.

    Args:
        places: float32 (n, d).
        weights: float32 (d,).
    """
    rows = _listwise_inputs(np, places[None], weights[None])[0]
    hidden = np.tanh(rows @ network.inner + network.inner_bias)
    logits = (hidden @ network.query) @ (hidden @ network.key).T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    pooled = shares / shares.sum(axis=1, keepdims=True) @ hidden
    both = np.concatenate([hidden, hidden - pooled], axis=1)
    found: Floats = (BOUND * np.tanh(both @ network.outer + network.outer_bias)).astype(np.float32)
    return found


def _listwise_inputs(library: Any, places: Any, weights: Any) -> Any:
    """(q, n, 3 d + 1): what the listwise part sees of each candidate; a dimension of weight 0 is not seen.

    Args:
        library: numpy or torch.
        places: (q, n, d).
        weights: (q, d).
    """
    parts = places * weights[:, None]
    counted = (weights > 0)[:, None]
    total = parts.sum(2)[..., None]
    if library is np:
        gaps, behind = places - places.max(1, keepdims=True), total - total.max(1, keepdims=True)
        return np.concatenate(
            [parts, counted * np.clip(places, -6, 6) / 3, counted * np.clip(gaps, -6, 0) / 3, behind], axis=2
        ).astype(np.float32)
    gaps, behind = places - places.amax(1, keepdim=True), total - total.amax(1, keepdim=True)
    return library.cat([parts, counted * places.clamp(-6, 6) / 3, counted * gaps.clamp(-6, 0) / 3, behind], dim=2)


def train_network(tasks: Tasks, recipe: Recipe, begun: Network | None = None) -> Network:
    """The network that this recipe makes of these queries.

    Args:
        begun: whose weights a listwise part is put on top of; needed for that family.

    Raises:
        InvalidValue: ``no-torch``.
    """
    torch = torch_module(threads=1)  # its steps are too small to be shared
    generator = torch.Generator().manual_seed(recipe.seed)
    start = begun or _beginning(tasks, recipe)
    learned = {
        name: torch.nn.Parameter(torch.from_numpy(getattr(start, name).copy())) for name in _trainable_names(recipe)
    }
    held = {name: torch.from_numpy(getattr(start, name)) for name in _NUMBERS if name not in learned}
    numbers = {**held, **learned}
    temperature = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.Adam([*learned.values(), temperature], lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    signals = torch.from_numpy(np.clip((tasks.signals - start.mean) / start.scale, -CLIP, CLIP))
    axes = torch.from_numpy(np.clip(tasks.looks @ start.axes - start.offset, -CLIP, CLIP))
    places, targets = torch.from_numpy(tasks.places), torch.from_numpy(_targets(tasks))
    fitted = torch.from_numpy(_base(tasks))
    for _ in range(recipe.steps):
        rows = torch.randint(len(tasks), (min(recipe.per_batch, len(tasks)),), generator=generator)
        scores = _scores(torch, numbers, recipe, places[rows], signals[rows], axes[rows])
        loss = -(targets[rows] * torch.log_softmax(scores * temperature.exp(), dim=1)).sum(dim=1).mean()
        loss = loss + _penalty(numbers, recipe, fitted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    made = {name: value.detach().numpy().astype(np.float32) for name, value in learned.items()}
    return replace(start, recipe=recipe, **made)


_NUMBERS = ("base", "gate", "look", "inner", "inner_bias", "query", "key", "outer", "outer_bias")


def _trainable_names(recipe: Recipe) -> tuple[str, ...]:
    if recipe.family == "static":
        return ("base",)
    if recipe.family == "gate":
        return ("base", "gate") if recipe.look_shrinkage is None else ("base", "gate", "look")
    return ("inner", "inner_bias", "query", "key", "outer", "outer_bias")


def _scores(torch: Any, numbers: dict[str, Any], recipe: Recipe, places: Any, signals: Any, axes: Any) -> Any:
    logits = numbers["base"] + (signals * numbers["gate"]).sum(2) + axes @ numbers["look"]
    weights = torch.softmax(logits, dim=1)
    scores = (places * weights[:, None]).sum(2)
    if recipe.family != "listwise":
        return scores
    hidden = torch.tanh(_listwise_inputs(torch, places, weights) @ numbers["inner"] + numbers["inner_bias"])
    logits = (hidden @ numbers["query"]) @ (hidden @ numbers["key"]).transpose(1, 2)
    pooled = torch.softmax(logits, dim=2) @ hidden
    both = torch.cat([hidden, hidden - pooled], dim=2)
    return scores + BOUND * torch.tanh(both @ numbers["outer"] + numbers["outer_bias"])


def _penalty(numbers: dict[str, Any], recipe: Recipe, fitted: Any) -> Any:
    if recipe.family == "listwise":
        held = sum((numbers[name] ** 2).sum() for name in ("inner", "query", "key", "outer"))
        return recipe.list_shrinkage * 0.1 * held
    pull = recipe.prior * ((numbers["base"] - fitted) ** 2).sum()
    if recipe.family == "gate":
        pull = pull + recipe.shrinkage * (numbers["gate"] ** 2).sum()
        if recipe.look_shrinkage is not None:
            pull = pull + recipe.look_shrinkage * (numbers["look"] ** 2).sum()
    return pull


def _targets(tasks: Tasks) -> Floats:
    """float32 (q, n), summing to 1 where anything is worth anything."""
    right = is_right(tasks).astype(np.float32)
    graded = tasks.gains / np.maximum(tasks.gains.sum(axis=1, keepdims=True), 1e-9)
    found: Floats = ((1 - GRADED) * right + GRADED * graded).astype(np.float32)
    return found


def _base(tasks: Tasks) -> Floats:
    found: Floats = np.log(tasks.static + LEAST_WEIGHT).astype(np.float32)
    return found


def _beginning(tasks: Tasks, recipe: Recipe) -> Network:
    """A network that ranks by the fitted weights."""
    rng = np.random.default_rng(recipe.seed)
    d, s = tasks.signals.shape[1:]
    centre = tasks.looks.mean(axis=0)
    _, lengths, directions = np.linalg.svd(tasks.looks - centre, full_matrices=False)
    kept = directions[:AXES].T / np.maximum(lengths[:AXES] / np.sqrt(len(tasks)), 1e-6)
    axes = np.zeros((tasks.looks.shape[1], AXES), np.float32)
    axes[:, : kept.shape[1]] = kept
    zeros = np.zeros
    return Network(
        recipe,
        _base(tasks),
        tasks.signals.mean(axis=0),
        (tasks.signals.std(axis=0) + 1e-3).astype(np.float32),
        zeros((d, s), np.float32),
        axes,
        (centre @ axes).astype(np.float32),
        zeros((AXES, d), np.float32),
        (rng.normal(0, 0.3, (3 * d + 1, HIDDEN))).astype(np.float32),
        zeros(HIDDEN, np.float32),
        (rng.normal(0, 0.3, (HIDDEN, HIDDEN))).astype(np.float32),
        (rng.normal(0, 0.3, (HIDDEN, HIDDEN))).astype(np.float32),
        zeros(2 * HIDDEN, np.float32),
        zeros((), np.float32),
    )
