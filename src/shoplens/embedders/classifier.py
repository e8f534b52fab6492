"""A classifier with an output per product: features of a photo -> how probably each product is the one in it.

The honest baseline. It knows the products that it was trained on and no others: one that is added is not found until
it is trained again, and one that is removed keeps its output until then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.embedder import Embedder
from shoplens.embedders.look import TOLD_DIGITS
from shoplens.embedders.onnx import FeatureNetwork
from shoplens.embedders.tuned import Tunings
from shoplens.errors import ModelError, StoreError
from shoplens.types import Features

NETWORK, BACKBONES = "classifier.onnx", "classifier-*.onnx"
"""Files in a generation's folder. The card is inside the first, so that the two cannot part; it names the second, whose
name is its digest."""
CARD = "card"


@dataclass(frozen=True, slots=True)
class ClassifierCard:
    """What a classifier is.

    Attributes:
        features: id of what makes the features that it reads, see :func:`~shoplens.build.photo_features.feature_model`.
        width: how many they are.
        products: ids, in the order of its outputs.
        tail: how many of these, the last ones, are of a tail of its own; 0 for none.
        backbone: digest of the whole network with that tail; empty for none.
        made: how it was trained, and what came of it: for people.
        learned: as in :class:`~shoplens.embedders.look.LookCard`.
    """

    features: str
    width: int
    products: Sequence[str]
    tail: int = 0
    backbone: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)
    learned: Sequence[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """What a classifier says of one photo.

    Attributes:
        products: p ids.
        probabilities: float32 (p,), they sum to 1.
    """

    products: Sequence[str]
    probabilities: Features


class ProductClassifier:
    """A classifier, open. May be used from several threads.

    Args:
        network: ONNX, ``features`` float32 (n, width) -> ``probabilities`` float32 (n, products) and ``vectors``
            float32 (n, h), what its last layer works on; its metadata hold the card.
        backbone: digest -> the whole network with a tail of its own; asked where the card names one.

    Raises:
        ModelError: ``damaged-classifier``, it cannot be loaded.
    """

    def __init__(self, network: bytes, backbone: Callable[[str], bytes] = lambda digest: b"") -> None:
        try:
            opened = FeatureNetwork(network, 0)
            self.card = ClassifierCard(**json.loads(opened.told[CARD]))
            self.backbone = backbone(self.card.backbone) if self.card.backbone else b""
            if backbone_digest(self.backbone) != self.card.backbone:
                raise ValueError("its network is that of another")
        except (ModelError, OSError, KeyError, ValueError, TypeError) as problem:
            raise ModelError(
                f"The classifier cannot be loaded: {problem}",
                "Run `shoplens train classifier`.",
                code="damaged-classifier",
            ) from None
        opened.width = self.card.width
        self._opened, self._tunings, self.network = opened, Tunings(self.backbone), network
        self._learned = frozenset(self.card.learned)
        self.model = f"classifier@{hashlib.sha256(network).hexdigest()[:12]}"

    def embedder_for(self, base: Embedder) -> Embedder:
        """What makes the features that it reads, of what the generation sees by.

        Raises:
            ModelError: as :meth:`~shoplens.embedders.tuned.Tunings.of`.
        """
        return self._tunings.of(base)

    def classified(self, features: Features) -> Classified:
        """What it says of one photo, by its features, float32 (width,).

        Raises:
            ModelError: features of another width.
        """
        return Classified(self.card.products, self.probabilities(features[None])[0])

    def vectors(self, features: Features) -> Features:
        """float32 (n, h), of any length: what the last layer works on."""
        return self._opened.of(self._select_features(features), "vectors")

    def probabilities(self, features: Features) -> Features:
        """float32 (n, products)."""
        return self._opened.of(self._select_features(features), "probabilities")

    def _select_features(self, features: Features) -> Features:
        """What it reads of them: those of the untouched network, behind which a look's tail may follow, and its own
        tail's, which come last."""
        shared = features[:, : self.card.width - self.card.tail]
        return np.concatenate([shared, features[:, -self.card.tail :]], axis=1) if self.card.tail else shared

    def has_learned(self, content_hash: str) -> bool:
        """Whether it learned from this photo, so that asking with it proves nothing."""
        return content_hash[:TOLD_DIGITS] in self._learned


def backbone_digest(backbone: bytes) -> str:
    """As a card names it."""
    return hashlib.sha256(backbone).hexdigest()[:TOLD_DIGITS] if backbone else ""


def backbone_file(digest: str) -> str:
    """Its name in a generation's folder."""
    return f"classifier-{digest}.onnx"


def classifier_in(folder: Path) -> ProductClassifier | None:
    """The one in a generation's folder, if there is one.

    Raises:
        StoreError: ``damaged-classifier``.
    """
    try:
        network = (folder / NETWORK).read_bytes()
        return ProductClassifier(network, lambda digest: (folder / backbone_file(digest)).read_bytes())
    except FileNotFoundError:
        return None
    except ModelError as problem:
        raise StoreError(problem.problem, problem.fix, code=problem.code) from problem
