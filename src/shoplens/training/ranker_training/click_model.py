"""Learns what matters from what was chosen, although first results are examined first.

A shopper examines the product at rank r with a probability proportional to r^-η (Joachims, Swaminathan, Schnabel 2017,
"Unbiased Learning-to-Rank with Biased Feedback"), and chooses among the examined ones by how well they fit. So the
probability that the one product chosen is i is

    r_i^-η exp(T s_i) / Σ_j r_j^-η exp(T s_j),

with s the score. Weights, the sharpness T and the examination exponent η are estimated together, as the most probable
ones given the choices and a prior around the current ranking: the position explains its part of the choices, and only
the rest is attributed to similarity. (McFadden 1974 for such a choice model; Guo et al. 2019, "PAL", for the position
as a part of it.) The alternative of weighting each choice by the inverse of its propensity is offered, too;
``benchmarks/learning/clicks.py`` compares them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from shoplens.ranking.ranker_features import Floats
from shoplens.training.optimization.training_loop import import_torch
from shoplens.training.ranker_training.click_dataset import ClickDataset
from shoplens.training.ranker_training.ranking_networks import CLIP, RankingNetwork, listwise_context

Correction = Literal["position", "propensity", "none"]
MAX_WEIGHT_CHANGE = 0.15
"""Maximum share of the weight that one update may move."""
MAX_PROPENSITY = 10.0
_PADDING_SCORE = -1e9


@dataclass(frozen=True, slots=True)
class ClickModelOptions:
    """How weights are learned.

    Attributes:
        correction: the correction for the position; ``propensity`` multiplies each choice by r^η, at most 10, with η
            estimated before.
        spread: prior standard deviation of the logarithm of a weight.
        gate_spread: prior standard deviation of what a gate adds per standard deviation of a signal; unused without a
            gate.
        examination, examination_spread: prior mean and standard deviation of η.
        steps, learning_rate: of Adam, on all answers at once.
    """

    correction: Correction = "position"
    spread: float = 0.7
    gate_spread: float = 0.1
    examination: float = 1.0
    examination_spread: float = 0.5
    steps: int = 150
    learning_rate: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class ClickModel:
    """What was learned.

    Attributes:
        network: the network that ranks.
        sharpness: T.
        examination: η.
    """

    network: RankingNetwork
    sharpness: float
    examination: float


def fit_click_model(
    answers: ClickDataset, start: RankingNetwork, options: ClickModelOptions, *, fit_weights: bool = True
) -> ClickModel:
    """Estimate the most probable weights, given what was chosen.

    Args:
        start: the current ranking; its ``base``, and ``gate`` if it has one, are learned, the rest stays.
        fit_weights: false estimates T and η alone, and leaves the weights as they are.
    """
    torch = import_torch(threads=1)  # its steps are too small to share among threads
    if options.correction == "propensity":
        estimate = fit_click_model(answers, start, replace(options, correction="position"), fit_weights=False)
        inverse = np.minimum(answers.ranks**estimate.examination, MAX_PROPENSITY)
        chosen = answers.chosen * inverse
        answers = replace(answers, chosen=(chosen * answers.chosen.sum() / max(float(chosen.sum()), 1e-9)))
    click_loss = _ClickLoss(torch, answers, start)
    base = torch.nn.Parameter(torch.from_numpy(start.base.copy()))
    gate = torch.nn.Parameter(torch.from_numpy(start.gate.copy()))
    sharpness, examination = (torch.nn.Parameter(torch.tensor(value)) for value in (1.0, options.examination))
    parameters = [sharpness] + ([examination] if options.correction == "position" else [])
    is_dynamic = start.recipe.family != "static"
    if fit_weights:
        parameters += [base, gate] if is_dynamic else [base]
    optimizer = torch.optim.Adam(parameters, lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    for _ in range(options.steps):
        eta = examination if options.correction == "position" else torch.tensor(0.0)
        loss = click_loss.loss(base, gate, sharpness, eta).sum()
        loss = loss + 0.5 * (((base - click_loss.base) / options.spread) ** 2).sum() + 0.5 * (sharpness - 1.0) ** 2
        if is_dynamic:
            loss = loss + 0.5 * (((gate - click_loss.gate) / options.gate_spread) ** 2).sum()
        loss = loss + 0.5 * ((examination - options.examination) / options.examination_spread) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network = replace(start, base=base.detach().numpy().copy(), gate=gate.detach().numpy().copy())
    return ClickModel(network, float(sharpness.exp().detach()), max(0.0, float(examination.detach())))


def log_likelihoods(answers: ClickDataset, model: ClickModel) -> npt.NDArray[np.float64]:
    """Return the mean logarithm of the probability of the reactions to each answer, float64 (q,)."""
    torch = import_torch(threads=1)
    click_loss = _ClickLoss(torch, answers, model.network)
    with torch.no_grad():
        loss = click_loss.loss(
            torch.from_numpy(model.network.base),
            torch.from_numpy(model.network.gate),
            torch.tensor(float(np.log(model.sharpness))),
            torch.tensor(model.examination),
        )
    reactions = answers.chosen.sum(axis=1) + answers.wrong.any(axis=1)
    means: npt.NDArray[np.float64] = (-loss.numpy() / np.maximum(reactions, 1e-9)).astype(np.float64)
    return means


def limit_update(
    answers: ClickDataset, start: RankingNetwork, target: RankingNetwork, max_change: float = MAX_WEIGHT_CHANGE
) -> tuple[RankingNetwork, float]:
    """Return a network as close to the target as one update may go, and the share of the weight that moves, 0 to 1.

    The share is half the sum of all changes of weights, averaged over the answers: their total variation.
    """
    low, high = 0.0, 1.0
    if _total_variation(answers, start, target) > max_change:
        for _ in range(30):
            middle = (low + high) / 2
            if _total_variation(answers, start, _between(start, target, middle)) > max_change:
                high = middle
            else:
                low = middle
        target = _between(start, target, low)
    return target, _total_variation(answers, start, target)


def score_answers(network: RankingNetwork, answers: ClickDataset) -> Floats:
    """Return the scores of the shown products, float32 (q, n); padding gets a score far below all others."""
    weights = network.weights(answers)
    scores: Floats = np.einsum("qnd,qd->qn", answers.similarities, weights).astype(np.float32)
    return np.where(answers.shown, scores + _listwise_context(network, answers, weights), np.float32(_PADDING_SCORE))


def _listwise_context(network: RankingNetwork, answers: ClickDataset, weights: Floats) -> Floats:
    context = np.zeros(answers.shown.shape, np.float32)
    if network.recipe.family == "listwise":
        for n, count in enumerate(answers.shown.sum(axis=1).tolist()):
            context[n, :count] = listwise_context(network, answers.similarities[n, :count], weights[n])
    return context


def _between(start: RankingNetwork, target: RankingNetwork, share: float) -> RankingNetwork:
    return replace(
        start,
        base=start.base + np.float32(share) * (target.base - start.base),
        gate=start.gate + np.float32(share) * (target.gate - start.gate),
    )


def _total_variation(answers: ClickDataset, start: RankingNetwork, end: RankingNetwork) -> float:
    return float(0.5 * np.abs(end.weights(answers) - start.weights(answers)).sum(axis=1).mean())


class _ClickLoss:
    """The loss of answers, as tensors. The listwise ``context`` keeps its initial value."""

    def __init__(self, torch: Any, answers: ClickDataset, start: RankingNetwork) -> None:
        self._torch = torch
        tensor = torch.from_numpy
        self.base, self.gate = tensor(start.base), tensor(start.gate)
        self._similarities = tensor(answers.similarities)
        self._listwise_context = tensor(_listwise_context(start, answers, start.weights(answers)))
        self._signals = tensor(np.clip((answers.signals - start.mean) / start.scale, -CLIP, CLIP).astype(np.float32))
        axes = np.clip(answers.embeddings @ start.axes - start.offset, -CLIP, CLIP).astype(np.float32)
        self._embedding_logits = tensor(axes @ start.look)
        self._chosen, self._wrong = tensor(answers.chosen), tensor(answers.wrong)
        self._padding = tensor(np.where(answers.shown, 0, _PADDING_SCORE).astype(np.float32))
        logs = np.where(answers.wrong, 0, np.log(answers.ranks))
        self._log_ranks = tensor(logs.astype(np.float32))  # a marked product was certainly examined
        self._any_wrong = self._wrong.any(dim=1)

    def loss(self, base: Any, gate: Any, sharpness: Any, examination: Any) -> Any:
        """Return minus the logarithm of the probability of all reactions to each answer, (q,)."""
        torch = self._torch
        logits = base + (self._signals * gate).sum(2) + self._embedding_logits
        scores = (self._similarities * torch.softmax(logits, dim=1)[:, None]).sum(2) + self._listwise_context
        utilities = scores * sharpness.exp() + self._padding
        loss = -(self._chosen * torch.log_softmax(utilities - examination * self._log_ranks, dim=1)).sum(dim=1)
        others = torch.logsumexp(torch.where(self._wrong, torch.full_like(utilities, _PADDING_SCORE), utilities), dim=1)
        return loss + torch.where(self._any_wrong, torch.logsumexp(utilities, dim=1) - others, torch.zeros_like(others))
