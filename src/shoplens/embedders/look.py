"""A trained extractor: features of a photo -> a vector whose distances were learned.

It is a small ONNX network behind the untouched one. It reads the features that the one pass over a photo gives, so it
costs no second pass, and photos whose features are known need not be looked at again when it is trained anew. Where
the end of the untouched network was trained, too, one network with both ends takes its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shoplens.embedders.embedder import Embedder
from shoplens.embedders.onnx import FeatureNetwork
from shoplens.embedders.tuned import Tunings
from shoplens.errors import ModelError, StoreError
from shoplens.types import Features, Vectors

NETWORK, PROOF, BACKBONE, CARD = "look.onnx", "look-proof.onnx", "look-backbone.onnx", "look.json"
"""Files of a trained extractor in a folder."""
TOLD_DIGITS = 12


@dataclass(frozen=True, slots=True)
class LookCard:
    """What a trained extractor is.

    Attributes:
        features: id of what makes the features that it reads, see :func:`~shoplens.build.photo_features.feature_model`.
        width: how many they are.
        dimensions: length of a vector.
        made: how it was trained, and what came of it: for people.
        learned: the first :data:`TOLD_DIGITS` digits of the content hash of every photo that it learned from.
        stands_for: from and to, of the untouched network's features that its own tail's, which come last, stand in for;
            empty for one without a tail.
    """

    features: str
    width: int
    dimensions: int
    made: Mapping[str, Any] = field(default_factory=dict)
    learned: Sequence[str] = ()
    stands_for: Sequence[Sequence[int]] = ()


class EmbeddingHead:
    """A trained extractor, open. May be used from several threads.

    Args:
        network: ONNX, ``features`` float32 (n, width) -> ``vectors`` float32 (n, dimensions), of length 1.
        card: what it is.
        proof: the network by which it was proved that training helps, which did not see all products; None where the
            two are one.
        backbone: the whole network with a trained tail, whose outputs are among the features that ``network`` reads;
            empty where the untouched network is all that it takes.

    Raises:
        ModelError: ``damaged-look``, it cannot be loaded.
    """

    def __init__(self, network: bytes, card: LookCard, proof: bytes | None = None, backbone: bytes = b"") -> None:
        try:
            self._opened = FeatureNetwork(network, card.width)
        except ModelError as problem:
            raise _damage_error("network", problem) from None
        self.card, self._network, self._proof, self.backbone = card, network, proof, backbone
        self._tunings = Tunings(backbone)
        self._learned = frozenset(card.learned)
        self.dimensions = card.dimensions
        self.model = f"look@{hashlib.sha256(network + backbone).hexdigest()[:12]}"

    @classmethod
    def read(cls, folder: Path) -> EmbeddingHead:
        """The one in a folder.

        Raises:
            ModelError: ``no-look``, there is none; ``damaged-look``.
        """
        network, proof, backbone = folder / NETWORK, folder / PROOF, folder / BACKBONE
        if not network.is_file():
            raise ModelError(f"There is no {network}.", "Run `shoplens train look`.", code="no-look")
        try:
            card = LookCard(**json.loads((folder / CARD).read_text("utf-8")))
        except (OSError, ValueError, TypeError) as problem:
            raise _damage_error(str(folder / CARD), problem) from None
        parts = [file.read_bytes() if file.is_file() else None for file in (proof, backbone)]
        return cls(network.read_bytes(), card, parts[0], parts[1] or b"")

    def embedder_for(self, base: Embedder) -> Embedder:
        """What makes the features that it reads: the untouched embedder, or the same with the trained tail.

        Raises:
            ModelError: as :meth:`~shoplens.embedders.tuned.Tunings.of`.
        """
        return self._tunings.of(base)

    def has_learned(self, content_hash: str) -> bool:
        """Whether it learned from this photo, so that asking with it proves nothing."""
        return content_hash[:TOLD_DIGITS] in self._learned

    @property
    def proof_head(self) -> EmbeddingHead:
        """The extractor that did not see all products, which can be compared honestly with another on those."""
        return self if self._proof is None else EmbeddingHead(self._proof, self.card)

    def of(self, features: Features) -> Vectors:
        """float32 (n, dimensions), rows of length 1, of float32 (n, width or more) features, the first of each.

        Raises:
            ModelError: features of another width.
        """
        return self._opened.of(features[:, : self.card.width], "vectors")

    def write(self, folder: Path) -> None:
        """Put it into a folder; the network last, so that one that is there has its card."""
        told = {name: getattr(self.card, name) for name in LookCard.__slots__}
        (folder / CARD).write_text(json.dumps(told, indent=1, default=dict) + "\n", "utf-8")
        if self._proof is not None:
            (folder / PROOF).write_bytes(self._proof)
        if self.backbone:
            (folder / BACKBONE).write_bytes(self.backbone)
        (folder / NETWORK).write_bytes(self._network)


def _damage_error(what: str, problem: Exception) -> ModelError:
    return ModelError(
        f"The trained look's {what} cannot be loaded: {str(problem).splitlines()[0]}",
        "Run `shoplens train look`, or restore a backup.",
        code="damaged-look",
    )


def features_read(folder: Path) -> str:
    """Id of what makes the features that the look in a folder reads; empty where there is none."""
    try:
        return str(json.loads((folder / CARD).read_text("utf-8"))["features"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def look_in(folder: Path, model: str) -> EmbeddingHead | None:
    """The trained extractor of a generation's folder; None for a generation that was made without one.

    Args:
        model: that its vectors were made by, empty for none.

    Raises:
        StoreError: ``damaged-store``, it is missing, damaged or another.
    """
    if not model:
        return None
    try:
        found = EmbeddingHead.read(folder)
    except ModelError as problem:
        raise StoreError(problem.problem, problem.fix, code="damaged-store") from problem
    if found.model != model:
        raise StoreError(
            f"{folder} holds vectors of {model} and the network {found.model}.",
            "Restore a backup, or build the store anew with `shoplens index --replace`.",
            code="damaged-store",
        )
    return found
