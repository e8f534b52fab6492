"""A classifier with one output per product: it predicts from a photo's features which product the photo shows.

It serves as the baseline for comparisons. It knows only the products that it was trained on: a product that is added is
not found until the classifier is trained again, and a product that is removed keeps its output until then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.embedder import Embedder
from shoplens.embedders.look import HASH_DIGITS, card_from_json, card_to_json
from shoplens.embedders.onnx import FeatureNetwork
from shoplens.embedders.tuned import FineTunedEmbedders
from shoplens.errors import ModelError, StoreError
from shoplens.types import Features

NETWORK, BACKBONES = "classifier.onnx", "classifier-*.onnx"
"""Files in a generation's folder. The first contains the card, so that the two cannot be separated; the card names the
second, whose name is its digest."""
CARD = "card"
"""Key of the card in the metadata of a network."""


@dataclass(frozen=True, slots=True)
class ClassifierCard:
    """The description of a classifier.

    Attributes:
        features: id of the features that it reads, see :func:`~shoplens.build.photo_features.feature_model`.
        width: number of these features.
        products: product ids, in the order of its outputs.
        tail: how many of the features, the last ones, come from a tail of its own; 0 for none.
        backbone: digest of the whole network with that tail; empty for none.
        training_record: how it was trained, and its results: for people.
        training_photos: as in :class:`~shoplens.embedders.look.LookCard`.
    """

    features: str
    width: int
    products: Sequence[str]
    tail: int = 0
    backbone: str = ""
    training_record: Mapping[str, Any] = field(default_factory=dict)
    training_photos: Sequence[str] = ()

    def to_json(self) -> str:
        """Return the text that the metadata of a network hold."""
        return json.dumps(card_to_json(asdict(self)), default=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """The probabilities of all products for one photo.

    Attributes:
        products: p ids.
        probabilities: float32 (p,), they sum to 1.
    """

    products: Sequence[str]
    probabilities: Features


class ProductClassifier:
    """An open classifier. May be used from several threads.

    Args:
        network: ONNX, ``features`` float32 (n, width) -> ``probabilities`` float32 (n, products) and ``vectors``
            float32 (n, h), the input of its last layer; its metadata hold the card.
        load_backbone: returns the whole network with a tail of its own for a digest; called where the card names one.

    Raises:
        ModelError: ``damaged-classifier``: it cannot be loaded.
    """

    def __init__(self, network: bytes, load_backbone: Callable[[str], bytes] = lambda digest: b"") -> None:
        try:
            feature_network = FeatureNetwork(network, 0)
            self.card = ClassifierCard(**card_from_json(json.loads(feature_network.metadata[CARD])))
            self.backbone = load_backbone(self.card.backbone) if self.card.backbone else b""
            if backbone_digest(self.backbone) != self.card.backbone:
                raise ValueError("its backbone is that of another classifier")
        except (ModelError, OSError, KeyError, ValueError, TypeError, AttributeError) as problem:
            raise ModelError(
                f"The classifier cannot be loaded: {problem}",
                "Run `shoplens train classifier`.",
                code="damaged-classifier",
            ) from None
        feature_network.width = self.card.width
        self._feature_network, self.network = feature_network, network
        self._fine_tuned = FineTunedEmbedders(self.backbone)
        self._training_photos = frozenset(self.card.training_photos)
        self.model = f"classifier@{hashlib.sha256(network).hexdigest()[:12]}"

    def embedder_for(self, base: Embedder) -> Embedder:
        """Return the embedder that computes the features that it reads, from the generation's embedder.

        Raises:
            ModelError: as :meth:`~shoplens.embedders.tuned.FineTunedEmbedders.with_tail`.
        """
        return self._fine_tuned.with_tail(base)

    def classify(self, features: Features) -> Classification:
        """Return the probabilities of all products for one photo, from its features, float32 (width,).

        Raises:
            ModelError: the features have another width.
        """
        return Classification(self.card.products, self.probabilities(features[None])[0])

    def vectors(self, features: Features) -> Features:
        """Return float32 (n, h), rows of any length: the input of the last layer."""
        return self._feature_network.run(self._select_features(features), "vectors")

    def probabilities(self, features: Features) -> Features:
        """Return float32 (n, products)."""
        return self._feature_network.run(self._select_features(features), "probabilities")

    def _select_features(self, features: Features) -> Features:
        """Return the features that it reads: those of the pretrained network, which those of a look's tail may follow,
        and those of its own tail, which come last."""
        shared = features[:, : self.card.width - self.card.tail]
        return np.concatenate([shared, features[:, -self.card.tail :]], axis=1) if self.card.tail else shared

    def has_learned(self, content_hash: str) -> bool:
        """Return whether it was trained on this photo, so that a query with it proves nothing."""
        return content_hash[:HASH_DIGITS] in self._training_photos


def backbone_digest(backbone: bytes) -> str:
    """Return the digest by which a card names a backbone; empty for none."""
    return hashlib.sha256(backbone).hexdigest()[:HASH_DIGITS] if backbone else ""


def backbone_file(digest: str) -> str:
    """Return the name of a backbone's file in a generation's folder."""
    return f"classifier-{digest}.onnx"


def load_classifier(folder: Path) -> ProductClassifier | None:
    """Read the classifier of a generation's folder; return None where there is none.

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
