"""An embedder one of whose ends was trained: the untouched network's outputs, and beside them those of a trained tail.

Both are of one network with one trunk and two tails, so a photo passes through it once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import numpy as np

from shoplens.embedders.card import Card
from shoplens.embedders.embedder import Embedder
from shoplens.embedders.onnx import OnnxEmbedder, open_session, outputs_of
from shoplens.errors import ModelError
from shoplens.types import Pixels, Vectors

TUNED = "tuned"
"""Name of the output that the trained tail gives, float32 (photos, any)."""


class FineTunedEmbedder:
    """The network in place of the untouched one. Its vectors and features are the same, so it has the same ``model``;
    the trained outputs follow what is ``further``. On top of another trained one it is a network of its own, and a
    photo passes through both.

    Args:
        base: the untouched one, or a trained one.
        network: ONNX, with all outputs of the untouched one and :data:`TUNED`.

    Attributes:
        tuned: names the trained tails.

    Raises:
        ModelError: ``bad-onnx``.
    """

    threads: int
    card: Card
    outputs: tuple[str, ...]
    model: str
    dimensions: int
    features: int
    further: int
    shortest: int
    tuned: str

    def __init__(self, base: OnnxEmbedder | FineTunedEmbedder, network: bytes) -> None:
        self._before = base if isinstance(base, FineTunedEmbedder) else None
        self.threads, self._session = base.threads, open_session(network, base.threads)
        self.outputs = (*base.outputs, TUNED) if self._before is None else (TUNED,)
        self.card, self.model, self.dimensions = base.card, base.model, base.dimensions
        self.features, self.shortest = base.features, base.shortest
        sizes = {output.name: output.shape for output in self._session.get_outputs()}
        if not set(self.outputs) <= sizes.keys():
            raise ModelError(f"The trained network lacks outputs of {base.model}.", "Train it anew.", code="bad-onnx")
        self.further = base.further + int(sizes[TUNED][1])
        before = "" if self._before is None else f"{self._before.tuned}+"
        self.tuned = before + hashlib.sha256(network).hexdigest()[:12]

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """As :meth:`~shoplens.embedders.embedder.Embedder.embed`."""
        found = outputs_of(self._session, self.card, self.outputs, photos)
        return found if self._before is None else np.concatenate([self._before.embed(photos), found], axis=1)


class Tunings:
    """What a trained network makes of embedders, each opened once. Thread-safe.

    Args:
        network: as of :class:`FineTunedEmbedder`; empty where nothing was trained.
    """

    def __init__(self, network: bytes) -> None:
        self._network = network
        self._known: dict[int, tuple[Embedder, Embedder]] = {}
        self._opening = threading.Lock()

    def of(self, base: Embedder) -> Embedder:
        """The trained embedder; the base itself where nothing was trained.

        Raises:
            ModelError: ``bad-onnx``; ``no-tail``, the base is no ONNX network.
        """
        if not self._network:
            return base
        if not isinstance(base, OnnxEmbedder | FineTunedEmbedder):
            raise ModelError(
                f"A network was trained whose untouched form is an ONNX file, and {base.model} is none.",
                "Open the store with the model that it was made by.",
                code="no-tail",
            )
        with self._opening:
            if id(base) not in self._known:
                self._known[id(base)] = (base, FineTunedEmbedder(base, self._network))
            return self._known[id(base)][1]
