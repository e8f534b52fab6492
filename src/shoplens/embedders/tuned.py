"""An embedder one of whose ends was trained: the untouched network's outputs, and beside them those of a trained tail.

Both are of one network with one trunk and two tails, so a photo passes through it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from shoplens.embedders.embedder import Embedder
from shoplens.embedders.onnx import OnnxEmbedder, opened, outputs_of
from shoplens.errors import ModelError
from shoplens.types import Pixels, Vectors

TUNED = "tuned"
"""Name of the output that the trained tail gives, float32 (photos, any)."""


class TunedEmbedder:
    """The network in place of the untouched one. Its vectors and features are the same, so it has the same ``model``;
    the trained outputs follow what is ``further``.

    Args:
        base: the untouched one.
        network: ONNX, with all outputs of the untouched one and :data:`TUNED`.

    Attributes:
        tuned: names the trained tail.

    Raises:
        ModelError: ``bad-onnx``.
    """

    def __init__(self, base: OnnxEmbedder, network: bytes) -> None:
        self._session = opened(network, base.threads)
        self._outputs = (*base.outputs, TUNED)
        self.card, self.model, self.dimensions = base.card, base.model, base.dimensions
        self.features, self.shortest = base.features, base.shortest
        sizes = {output.name: output.shape for output in self._session.get_outputs()}
        if not set(self._outputs) <= sizes.keys():
            raise ModelError(f"The trained network lacks outputs of {base.model}.", "Train it anew.", code="bad-onnx")
        self.further = base.further + int(sizes[TUNED][1])
        self.tuned = hashlib.sha256(network).hexdigest()[:12]

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """As :meth:`~shoplens.embedders.embedder.Embedder.embed`."""
        return outputs_of(self._session, self.card, self._outputs, photos)


def tuned(base: Embedder, network: bytes) -> Embedder:
    """The embedder that a trained network makes of the untouched one; that itself where nothing was trained.

    Raises:
        ModelError: ``bad-onnx``; ``no-tail``, the base is no ONNX network.
    """
    if not network:
        return base
    if not isinstance(base, OnnxEmbedder):
        raise ModelError(
            f"A network was trained whose untouched form is an ONNX file, and {base.model} is none.",
            "Open the store with the model that it was made by.",
            code="no-tail",
        )
    return TunedEmbedder(base, network)
