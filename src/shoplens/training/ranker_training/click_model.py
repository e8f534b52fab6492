"""Learning what counts from what was chosen, though what stands first is seen first.

A shopper looks at the product at rank r with a probability proportional to r^-η (Joachims, Swaminathan, Schnabel 2017,
"Unbiased Learning-to-Rank with Biased Feedback"), and chooses among those looked at by how well they fit. So the
probability that the one product chosen is i is

    r_i^-η exp(T s_i) / Σ_j r_j^-η exp(T s_j),

with s the score. Weights, the sharpness T and the examination η are estimated together, as the most probable ones given
the choices and a prior around what ranks now: the position takes its part of the explanation, and only the rest is
likeness. (McFadden 1974 for such a choice; Guo et al. 2019, "PAL", for the position as a part of it.) Compared with
weighing each choice by the inverse of its propensity, also offered, in ``benchmarks/clicks.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from shoplens.ranking.ranker_features import Floats
from shoplens.training.optimization.training_loop import torch_module
from shoplens.training.ranker_training.click_dataset import Clicked
from shoplens.training.ranker_training.ranking_networks import CLIP, Network, context_of

Correction = Literal["position", "propensity", "none"]
MOST_MOVED = 0.15
"""Of the weight, by one update."""
MOST_PROPENSITY = 10.0
_NOWHERE = -1e9


@dataclass(frozen=True, slots=True)
class ClickCourse:
    """How weights are learned.

    Attributes:
        correction: for the position; ``propensity`` weighs each choice by r^η, at most 10, with η estimated before.
        spread: standard deviation of the logarithm of a weight, a priori.
        gate_spread: the same of what a gate adds per standard deviation of a signal; it stays as it is where there is
            none.
        examination, sure: mean and standard deviation of η, a priori.
        steps, rate: of Adam, on all answers at once.
    """

    correction: Correction = "position"
    spread: float = 0.7
    gate_spread: float = 0.1
    examination: float = 1.0
    sure: float = 0.5
    steps: int = 150
    rate: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What was learned.

    Attributes:
        network: that ranks.
        sharpness: T.
        examination: η.
    """

    network: Network
    sharpness: float
    examination: float


def fit_click_model(clicked: Clicked, start: Network, course: ClickCourse, *, weights: bool = True) -> Learned:
    """The most probable weights, given what was chosen.

    Args:
        start: what ranks now; ``base``, and ``gate`` where it has any, are learned, the rest stays.
        weights: false learns T and η alone: what the same choices say of the weights as they are.
    """
    torch = torch_module(threads=1)  # its steps are too small to be shared
    if course.correction == "propensity":
        before = fit_click_model(clicked, start, replace(course, correction="position"), weights=False)
        inverse = np.minimum(clicked.ranks**before.examination, MOST_PROPENSITY)
        chosen = clicked.chosen * inverse
        clicked = replace(clicked, chosen=(chosen * clicked.chosen.sum() / max(float(chosen.sum()), 1e-9)))
    given = _Given(torch, clicked, start)
    base = torch.nn.Parameter(torch.from_numpy(start.base.copy()))
    gate = torch.nn.Parameter(torch.from_numpy(start.gate.copy()))
    sharpness, examination = (torch.nn.Parameter(torch.tensor(value)) for value in (1.0, course.examination))
    learned = [sharpness] + ([examination] if course.correction == "position" else [])
    dynamic = start.recipe.family != "static"
    if weights:
        learned += [base, gate] if dynamic else [base]
    optimizer = torch.optim.Adam(learned, lr=course.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, course.steps)
    for _ in range(course.steps):
        eta = examination if course.correction == "position" else torch.tensor(0.0)
        lost = given.lost(base, gate, sharpness, eta).sum()
        lost = lost + 0.5 * (((base - given.base) / course.spread) ** 2).sum() + 0.5 * (sharpness - 1.0) ** 2
        if dynamic:
            lost = lost + 0.5 * (((gate - given.gate) / course.gate_spread) ** 2).sum()
        lost = lost + 0.5 * ((examination - course.examination) / course.sure) ** 2
        optimizer.zero_grad()
        lost.backward()
        optimizer.step()
        schedule.step()
    found = replace(start, base=base.detach().numpy().copy(), gate=gate.detach().numpy().copy())
    return Learned(found, float(sharpness.exp().detach()), max(0.0, float(examination.detach())))


def likelihood(clicked: Clicked, learned: Learned) -> npt.NDArray[np.float64]:
    """float64 (q,): mean logarithm of the probability of what was done with each answer."""
    torch = torch_module(threads=1)
    given = _Given(torch, clicked, learned.network)
    with torch.no_grad():
        lost = given.lost(
            torch.from_numpy(learned.network.base),
            torch.from_numpy(learned.network.gate),
            torch.tensor(float(np.log(learned.sharpness))),
            torch.tensor(learned.examination),
        )
    done = clicked.chosen.sum(axis=1) + clicked.wrong.any(axis=1)
    found: npt.NDArray[np.float64] = (-lost.numpy() / np.maximum(done, 1e-9)).astype(np.float64)
    return found


def limit_update(clicked: Clicked, start: Network, wanted: Network, most: float = MOST_MOVED) -> tuple[Network, float]:
    """As far towards what is wanted as one update may go, and the part of the weight that moves, 0 to 1.

    The part is half the sum of all changes of weights, in the mean over the answers: their total variation.
    """
    low, high = 0.0, 1.0
    if _total_variation(clicked, start, wanted) > most:
        for _ in range(30):
            middle = (low + high) / 2
            if _total_variation(clicked, start, _between(start, wanted, middle)) > most:
                high = middle
            else:
                low = middle
        wanted = _between(start, wanted, low)
    return wanted, _total_variation(clicked, start, wanted)


def scores_of(network: Network, clicked: Clicked) -> Floats:
    """float32 (q, n): of what was shown; far below all for what fills up."""
    weights = network.weights(clicked)
    found: Floats = np.einsum("qnd,qd->qn", clicked.places, weights).astype(np.float32)
    return np.where(clicked.shown, found + _context(network, clicked, weights), np.float32(_NOWHERE))


def _context(network: Network, clicked: Clicked, weights: Floats) -> Floats:
    found = np.zeros(clicked.shown.shape, np.float32)
    if network.recipe.family == "listwise":
        for n, count in enumerate(clicked.shown.sum(axis=1).tolist()):
            found[n, :count] = context_of(network, clicked.places[n, :count], weights[n])
    return found


def _between(start: Network, wanted: Network, share: float) -> Network:
    return replace(
        start,
        base=start.base + np.float32(share) * (wanted.base - start.base),
        gate=start.gate + np.float32(share) * (wanted.gate - start.gate),
    )


def _total_variation(clicked: Clicked, start: Network, end: Network) -> float:
    return float(0.5 * np.abs(end.weights(clicked) - start.weights(clicked)).sum(axis=1).mean())


class _Given:
    """Answers as tensors, and what the starting network makes of them. ``context`` stays what it is at the start."""

    def __init__(self, torch: Any, clicked: Clicked, start: Network) -> None:
        self._torch = torch
        tensor = torch.from_numpy
        self.base, self.gate = tensor(start.base), tensor(start.gate)
        self._places = tensor(clicked.places)
        self._context = tensor(_context(start, clicked, start.weights(clicked)))
        self._signals = tensor(np.clip((clicked.signals - start.mean) / start.scale, -CLIP, CLIP).astype(np.float32))
        axes = np.clip(clicked.looks @ start.axes - start.offset, -CLIP, CLIP).astype(np.float32)
        self._by_look = tensor(axes @ start.look)
        self._chosen, self._wrong = tensor(clicked.chosen), tensor(clicked.wrong)
        self._nothing = tensor(np.where(clicked.shown, 0, _NOWHERE).astype(np.float32))
        logs = np.where(clicked.wrong, 0, np.log(clicked.ranks))
        self._logs = tensor(logs.astype(np.float32))  # what was marked was looked at
        self._any_wrong = self._wrong.any(dim=1)

    def lost(self, base: Any, gate: Any, sharpness: Any, examination: Any) -> Any:
        """(q,): minus the logarithm of the probability of all that was done."""
        torch = self._torch
        logits = base + (self._signals * gate).sum(2) + self._by_look
        scores = (self._places * torch.softmax(logits, dim=1)[:, None]).sum(2) + self._context
        fits = scores * sharpness.exp() + self._nothing
        lost = -(self._chosen * torch.log_softmax(fits - examination * self._logs, dim=1)).sum(dim=1)
        others = torch.logsumexp(torch.where(self._wrong, torch.full_like(fits, _NOWHERE), fits), dim=1)
        return lost + torch.where(self._any_wrong, torch.logsumexp(fits, dim=1) - others, torch.zeros_like(others))
