"""The losses that distances can be trained by, as rows of a table; all of them are pytorch-metric-learning's.

Which is the default was measured: ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shoplens.errors import InvalidValue

if TYPE_CHECKING:
    import torch

DEFAULT = "supcon"
STUCK = 0.05
"""A loss this near, relatively, to where it is when all vectors are alike is dead."""
EXTRA = "pip install 'shoplens[train]'"


@dataclass(frozen=True, slots=True)
class Loss:
    """A way to say how wrong distances are.

    Attributes:
        about: a sentence for people, with the source.
        made: number of classes and length of a vector -> the loss, and the miner that chooses its pairs or None.
        dead: the value that the loss has where all vectors are alike, for losses that can get stuck there.
    """

    about: str
    made: Callable[[int, int], tuple[Any, Any]]
    dead: float | None = None


class LossOf:
    """A loss and its miner, ready for a number of classes. Its own parameters are trained with the head's."""

    def __init__(self, name: str, classes: int, dimensions: int) -> None:
        self.loss, self._miner = loss_named(name).made(classes, dimensions)
        self._name, self._dead = name, loss_named(name).dead

    def __call__(self, vectors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        pairs = None if self._miner is None else self._miner(vectors, classes)
        found: torch.Tensor = self.loss(vectors, classes, pairs)
        return found

    def stuck(self, losses: Sequence[float]) -> list[str]:
        """What is wrong, in words, where it sees all distances as equal: by its values in the last steps."""
        if self._dead is None or not losses or abs(sum(losses) / len(losses) - self._dead) > STUCK * self._dead:
            return []
        return [
            f"The loss {self._name} is stuck at its margin of {self._dead}: it sees all distances as equal. "
            "Choose another with --loss."
        ]

    def parameters(self) -> list[torch.nn.Parameter]:
        return list(self.loss.parameters())


def loss_named(name: str) -> Loss:
    """A row of the table.

    Raises:
        InvalidValue: ``unknown-loss``.
    """
    if name not in LOSSES:
        raise InvalidValue(f"There is no loss {name!r}.", f"Choose one of: {', '.join(LOSSES)}.", code="unknown-loss")
    return LOSSES[name]


def _library() -> tuple[Any, Any]:
    try:
        from pytorch_metric_learning import losses, miners
    except ModuleNotFoundError as missing:
        raise InvalidValue(f"Training needs {missing.name}.", f"Install it: {EXTRA}.", code="no-torch") from None
    return losses, miners


def _supcon(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _library()
    return losses.SupConLoss(temperature=0.1), None


def _multi_similarity(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, miners = _library()
    return losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5), miners.MultiSimilarityMiner(epsilon=0.1)


def _triplet(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, miners = _library()
    return losses.TripletMarginLoss(margin=TRIPLET_MARGIN), miners.BatchHardMiner()


def _semihard(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, miners = _library()
    miner = miners.TripletMarginMiner(margin=TRIPLET_MARGIN, type_of_triplets="semihard")
    return losses.TripletMarginLoss(margin=TRIPLET_MARGIN), miner


def _contrastive(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _library()
    return losses.ContrastiveLoss(pos_margin=0, neg_margin=0.6), None


def _proxy_anchor(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _library()
    return losses.ProxyAnchorLoss(classes, dimensions, margin=0.1, alpha=32), None


def _arcface(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _library()
    return losses.ArcFaceLoss(classes, dimensions, margin=17, scale=30), None


def _cosface(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _library()
    return losses.CosFaceLoss(classes, dimensions, margin=0.2, scale=30), None


TRIPLET_MARGIN = 0.2
LOSSES = {
    "supcon": Loss("Supervised contrastive, temperature .1 (Khosla et al. 2020, arXiv:2004.11362).", _supcon),
    "multi-similarity": Loss(
        "Multi-similarity with its miner (Wang et al. 2019, arXiv:1904.06627).", _multi_similarity
    ),
    "triplet": Loss(
        "Triplets of the hardest positive and negative of a batch (Hermans et al. 2017, arXiv:1703.07737).",
        _triplet,
        dead=TRIPLET_MARGIN,
    ),
    "triplet-semihard": Loss(
        "Triplets whose negative is farther than the positive, within the margin (Schroff et al. 2015, FaceNet).",
        _semihard,
        dead=TRIPLET_MARGIN,
    ),
    "contrastive": Loss("Pairs pulled together, others pushed apart (Hadsell et al. 2006).", _contrastive),
    "proxy-anchor": Loss("A learned proxy per product (Kim et al. 2020, arXiv:2003.13911).", _proxy_anchor),
    "arcface": Loss("Angular margin softmax (Deng et al. 2019, arXiv:1801.07698).", _arcface),
    "cosface": Loss("Cosine margin softmax (Wang et al. 2018, arXiv:1801.09414).", _cosface),
}
