"""The losses that distances can be trained by, as rows of a table; all of them are from pytorch-metric-learning.

The default was chosen by measurement: see ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shoplens.errors import InvalidValue

if TYPE_CHECKING:
    import torch

DEFAULT_LOSS = "supcon"
STUCK_TOLERANCE = 0.05
"""A loss is stuck when its mean is within this relative distance of its value for vectors that are all alike."""
INSTALL_COMMAND = "pip install 'shoplens[train]'"


@dataclass(frozen=True, slots=True)
class Loss:
    """A way to measure how wrong distances are.

    Attributes:
        description: a sentence for people, with the source.
        create: number of classes and length of a vector -> the loss, and the miner that selects its pairs, or None.
        collapsed_value: the value of the loss when all vectors are alike, for losses that can get stuck there.
    """

    description: str
    create: Callable[[int, int], tuple[Any, Any]]
    collapsed_value: float | None = None


class LossFunction:
    """A loss and its miner, ready for a number of classes. Its own parameters are trained with the head's."""

    def __init__(self, name: str, classes: int, dimensions: int) -> None:
        self.loss, self._miner = find_loss(name).create(classes, dimensions)
        self._name, self._collapsed_value = name, find_loss(name).collapsed_value

    def __call__(self, vectors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        pairs = None if self._miner is None else self._miner(vectors, classes)
        loss: torch.Tensor = self.loss(vectors, classes, pairs)
        return loss

    def stuck_warnings(self, losses: Sequence[float]) -> list[str]:
        """Return a warning if the losses of the last steps show that the loss sees all distances as equal."""
        if self._collapsed_value is None or not losses:
            return []
        if abs(sum(losses) / len(losses) - self._collapsed_value) > STUCK_TOLERANCE * self._collapsed_value:
            return []
        return [
            f"The loss {self._name} is stuck at its margin of {self._collapsed_value}: it sees all distances as equal. "
            "Choose another with --loss."
        ]

    def parameters(self) -> list[torch.nn.Parameter]:
        return list(self.loss.parameters())


def find_loss(name: str) -> Loss:
    """Return a row of the table.

    Raises:
        InvalidValue: ``unknown-loss``.
    """
    if name not in LOSSES:
        raise InvalidValue(f"There is no loss {name!r}.", f"Choose one of: {', '.join(LOSSES)}.", code="unknown-loss")
    return LOSSES[name]


def _import_library() -> tuple[Any, Any]:
    try:
        from pytorch_metric_learning import losses, miners
    except ModuleNotFoundError as missing:
        raise InvalidValue(
            f"Training needs {missing.name}.", f"Install it: {INSTALL_COMMAND}.", code="no-torch"
        ) from None
    return losses, miners


def _create_supcon(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _import_library()
    return losses.SupConLoss(temperature=0.1), None


def _create_multi_similarity(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, miners = _import_library()
    return losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5), miners.MultiSimilarityMiner(epsilon=0.1)


def _create_triplet(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, miners = _import_library()
    return losses.TripletMarginLoss(margin=TRIPLET_MARGIN), miners.BatchHardMiner()


def _create_semihard(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, miners = _import_library()
    miner = miners.TripletMarginMiner(margin=TRIPLET_MARGIN, type_of_triplets="semihard")
    return losses.TripletMarginLoss(margin=TRIPLET_MARGIN), miner


def _create_contrastive(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _import_library()
    return losses.ContrastiveLoss(pos_margin=0, neg_margin=0.6), None


def _create_proxy_anchor(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _import_library()
    return losses.ProxyAnchorLoss(classes, dimensions, margin=0.1, alpha=32), None


def _create_arcface(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _import_library()
    return losses.ArcFaceLoss(classes, dimensions, margin=17, scale=30), None


def _create_cosface(classes: int, dimensions: int) -> tuple[Any, Any]:
    losses, _ = _import_library()
    return losses.CosFaceLoss(classes, dimensions, margin=0.2, scale=30), None


TRIPLET_MARGIN = 0.2
LOSSES = {
    "supcon": Loss("Supervised contrastive, temperature .1 (Khosla et al. 2020, arXiv:2004.11362).", _create_supcon),
    "multi-similarity": Loss(
        "Multi-similarity with its miner (Wang et al. 2019, arXiv:1904.06627).", _create_multi_similarity
    ),
    "triplet": Loss(
        "Triplets of the hardest positive and negative of a batch (Hermans et al. 2017, arXiv:1703.07737).",
        _create_triplet,
        collapsed_value=TRIPLET_MARGIN,
    ),
    "triplet-semihard": Loss(
        "Triplets whose negative is farther than the positive, within the margin (Schroff et al. 2015, FaceNet).",
        _create_semihard,
        collapsed_value=TRIPLET_MARGIN,
    ),
    "contrastive": Loss("Pairs pulled together, others pushed apart (Hadsell et al. 2006).", _create_contrastive),
    "proxy-anchor": Loss("A learned proxy per product (Kim et al. 2020, arXiv:2003.13911).", _create_proxy_anchor),
    "arcface": Loss("Angular margin softmax (Deng et al. 2019, arXiv:1801.07698).", _create_arcface),
    "cosface": Loss("Cosine margin softmax (Wang et al. 2018, arXiv:1801.09414).", _create_cosface),
}
