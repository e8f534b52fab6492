"""A trained embedding head: it turns the features of a photo into a vector whose distances were trained.

It is a small ONNX network that reads the features from the one pass over a photo, so it costs no second pass, and
photos whose features are known need not be embedded again when it is trained again. Where the last layers of the
pretrained network were trained, too, one network with both tails takes the place of the pretrained one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shoplens.embedders.embedder import Embedder
from shoplens.embedders.onnx import FeatureNetwork
from shoplens.embedders.tuned import FineTunedEmbedders
from shoplens.errors import ModelError, StoreError
from shoplens.types import Features, Vectors

NETWORK, VALIDATION_NETWORK, BACKBONE, CARD = "look.onnx", "look-proof.onnx", "look-backbone.onnx", "look.json"
"""Files of an embedding head in a folder."""
HASH_DIGITS = 12
"""Digits of a hash that cards store."""
_CARD_KEYS = {"training_record": "made", "training_photos": "learned", "replaced_features": "stands_for"}
"""Attribute of a card -> its key in the file, where the two differ."""
_CARD_ATTRIBUTES = {key: attribute for attribute, key in _CARD_KEYS.items()}


def card_to_json(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a card of a trained model by their keys in the file."""
    return {_CARD_KEYS.get(name, name): value for name, value in attributes.items()}


def card_from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a card from what :func:`card_to_json` returned."""
    return {_CARD_ATTRIBUTES.get(key, key): value for key, value in stored.items()}


@dataclass(frozen=True, slots=True)
class LookCard:
    """The description of an embedding head.

    Attributes:
        features: id of the features that it reads, see :func:`~shoplens.build.photo_features.feature_model`.
        width: number of these features.
        dimensions: length of a vector.
        training_record: how it was trained, and its results: for people.
        training_photos: the first :data:`HASH_DIGITS` digits of the content hash of every photo that it was trained on.
        replaced_features: start and end of each range of the pretrained network's features that the features of its own
            tail, which come last, replace; empty for a head without a tail.
    """

    features: str
    width: int
    dimensions: int
    training_record: Mapping[str, Any] = field(default_factory=dict)
    training_photos: Sequence[str] = ()
    replaced_features: Sequence[Sequence[int]] = ()


class EmbeddingHead:
    """An open embedding head. May be used from several threads.

    Args:
        network: ONNX, ``features`` float32 (n, width) -> ``vectors`` float32 (n, dimensions), of length 1.
        card: its description.
        validation_network: the network on which the benefit of the training was measured, which was not trained on all
            products; with a trained tail, the head that its training began with. None where it is ``network`` itself.
        backbone: the whole network with a trained tail, whose outputs are among the features that ``network`` reads;
            empty where ``network`` reads only features of the pretrained network.

    Raises:
        ModelError: ``damaged-look``: it cannot be loaded.
    """

    def __init__(
        self, network: bytes, card: LookCard, validation_network: bytes | None = None, backbone: bytes = b""
    ) -> None:
        try:
            self._feature_network = FeatureNetwork(network, card.width)
        except ModelError as problem:
            raise _damage_error("network", problem) from None
        self.card, self._network, self.backbone = card, network, backbone
        self._validation_network = validation_network
        self._fine_tuned = FineTunedEmbedders(backbone)
        self._training_photos = frozenset(card.training_photos)
        self.dimensions = card.dimensions
        self.model = f"look@{hashlib.sha256(network + backbone).hexdigest()[:12]}"

    @classmethod
    def load(cls, folder: Path) -> EmbeddingHead:
        """Read the embedding head of a folder.

        Raises:
            ModelError: ``no-look``: there is none; ``damaged-look``.
        """
        network, validation, backbone = folder / NETWORK, folder / VALIDATION_NETWORK, folder / BACKBONE
        if not network.is_file():
            raise ModelError(f"There is no {network}.", "Run `shoplens train look`.", code="no-look")
        try:
            card = LookCard(**card_from_json(json.loads((folder / CARD).read_text("utf-8"))))
        except (OSError, ValueError, TypeError, AttributeError) as problem:
            raise _damage_error(str(folder / CARD), problem) from None
        parts = [file.read_bytes() if file.is_file() else None for file in (validation, backbone)]
        return cls(network.read_bytes(), card, parts[0], parts[1] or b"")

    def embedder_for(self, base: Embedder) -> Embedder:
        """Return the embedder that computes the features that it reads: the base, or the base with the trained tail.

        Raises:
            ModelError: as :meth:`~shoplens.embedders.tuned.FineTunedEmbedders.with_tail`.
        """
        return self._fine_tuned.with_tail(base)

    def has_learned(self, content_hash: str) -> bool:
        """Return whether it was trained on this photo, so that a query with it proves nothing."""
        return content_hash[:HASH_DIGITS] in self._training_photos

    @property
    def validation_head(self) -> EmbeddingHead:
        """The head that was not trained on all products, which can be compared fairly with another on the others. It
        reads features of the pretrained network only."""
        if self._validation_network is None:
            return self
        own = sum(stop - start for start, stop in self.card.replaced_features)
        return EmbeddingHead(self._validation_network, replace(self.card, width=self.card.width - own))

    def embed(self, features: Features) -> Vectors:
        """Return float32 (n, dimensions), rows of length 1, for float32 (n, width or more) features, of which the first
        ``width`` are read.

        Raises:
            ModelError: there are fewer features.
        """
        return self._feature_network.run(features[:, : self.card.width], "vectors")

    def save(self, folder: Path) -> None:
        """Write it into a folder; the network is written last, so that a network always has its card."""
        attributes = {name: getattr(self.card, name) for name in LookCard.__slots__}
        (folder / CARD).write_text(json.dumps(card_to_json(attributes), indent=1, default=dict) + "\n", "utf-8")
        if self._validation_network is not None:
            (folder / VALIDATION_NETWORK).write_bytes(self._validation_network)
        if self.backbone:
            (folder / BACKBONE).write_bytes(self.backbone)
        (folder / NETWORK).write_bytes(self._network)


def _damage_error(part: str, problem: Exception) -> ModelError:
    return ModelError(
        f"The trained look's {part} cannot be loaded: {str(problem).splitlines()[0]}",
        "Run `shoplens train look`, or restore a backup.",
        code="damaged-look",
    )


def look_feature_model(folder: Path) -> str:
    """Return the id of the features that the embedding head of a folder reads; empty where there is none."""
    try:
        return str(json.loads((folder / CARD).read_text("utf-8"))["features"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def load_look(folder: Path, model: str) -> EmbeddingHead | None:
    """Read the embedding head of a generation's folder; return None for a generation without one.

    Args:
        model: id of the head that computed the generation's vectors; empty for none.

    Raises:
        StoreError: ``damaged-store``: the head is missing, damaged or another one.
    """
    if not model:
        return None
    try:
        head = EmbeddingHead.load(folder)
    except ModelError as problem:
        raise StoreError(problem.problem, problem.fix, code="damaged-store") from problem
    if head.model != model:
        raise StoreError(
            f"{folder} holds vectors of {model} and the network {head.model}.",
            "Restore a backup, or build the store again with `shoplens index --replace`.",
            code="damaged-store",
        )
    return head
