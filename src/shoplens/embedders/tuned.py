"""An embedder whose last layers were trained: it gives the outputs of the pretrained network and of a trained tail.

Both are in one network with one trunk and two tails, so a photo passes through it once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from shoplens.embedders.card import ModelCard
from shoplens.embedders.embedder import NO_OBJECTS, Embedder, ObjectPass, ObjectUse
from shoplens.embedders.graph.onnx_graph import with_outputs
from shoplens.embedders.onnx import OnnxEmbedder, run_network, split_object
from shoplens.embedders.second_order import SecondOrderPooling
from shoplens.embedders.sessions import open_session
from shoplens.embedders.text.tower import TextTower
from shoplens.errors import ModelError
from shoplens.types import Mask, Pixels, Vectors

TAIL_OUTPUT = "tuned"
"""Name of the output of the trained tail, float32 (photos, any)."""


class FineTunedEmbedder:
    """A network with a trained tail, in place of the pretrained one. Vectors and features stay the same, so it has the
    same ``model``; the outputs of the trained tail follow the ``extra_features``. On top of another fine-tuned embedder
    it is a second network, and a photo passes through both.

    Args:
        base: the pretrained embedder, or a fine-tuned one.
        network: ONNX, with all outputs of the pretrained network and :data:`TAIL_OUTPUT`.

    Attributes:
        tail_id: id of the trained tails.

    Raises:
        ModelError: ``bad-onnx``.
    """

    threads: int
    providers: str
    card: ModelCard
    outputs: tuple[str, ...]
    model: str
    dimensions: int
    features: int
    extra_features: int
    min_side: int
    objects: ObjectUse
    mask_shape: tuple[int, int]
    object_sizes: tuple[int, ...]
    pooling: SecondOrderPooling | None
    finder: str
    text_tower: TextTower | None
    tail_id: str

    def __init__(self, base: OnnxEmbedder | FineTunedEmbedder, network: bytes) -> None:
        self._base, self._is_second = base, isinstance(base, FineTunedEmbedder)
        self.threads, self.providers = base.threads, base.providers
        self._object_outputs = base.object_outputs if isinstance(base, OnnxEmbedder) else ()
        opened = with_outputs(network, self._object_outputs[1:])
        self._session = open_session(opened, base.threads, base.providers)
        self.outputs = (TAIL_OUTPUT,) if self._is_second else (*base.outputs, TAIL_OUTPUT)
        self.card, self.model, self.dimensions = base.card, base.model, base.dimensions
        self.features, self.min_side = base.features, base.min_side
        self.object_sizes, self.pooling = base.object_sizes, base.pooling
        shapes = {output.name: output.shape for output in self._session.get_outputs()}
        if not set(self.outputs) <= shapes.keys():
            raise ModelError(f"The trained network lacks outputs of {base.model}.", "Train it again.", code="bad-onnx")
        finds = self.card.mask in shapes or bool(base.finder) or self._is_second
        self.objects, self.mask_shape = (base.objects, base.mask_shape) if finds else (NO_OBJECTS, (0, 0))
        self.finder, self.text_tower = base.finder, base.text_tower
        self.extra_features = base.extra_features + int(shapes[TAIL_OUTPUT][1])
        prefix = f"{base.tail_id}+" if isinstance(base, FineTunedEmbedder) else ""
        self.tail_id = prefix + hashlib.sha256(network).hexdigest()[:12]

    def embed_with_object(self, photo: Pixels) -> ObjectPass:
        """Return one row of :meth:`embed`, and what shows the object."""
        if not self._is_second:
            rows = run_network(self._session, self.card, (*self.outputs, *self._object_outputs), [photo])
            return split_object(rows, self) if self._object_outputs else ObjectPass(rows, None)
        one = self._base.embed_with_object(photo)
        outputs = run_network(self._session, self.card, self.outputs, [photo])
        return replace(one, row=np.concatenate([one.row, outputs], axis=1))

    def find_mask(self, photo: Pixels) -> Mask:
        """Return the mask of the object in the photo alone, float32 (rows, columns), which no training changed."""
        return self._base.find_mask(photo)

    def backbone_features(self, photo: Pixels) -> Vectors:
        """Return the features alone, float32 (1, features), which no training changed."""
        return self._base.backbone_features(photo)

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """Return vectors and features, see :meth:`~shoplens.embedders.embedder.Embedder.embed`."""
        outputs = run_network(self._session, self.card, self.outputs, photos)
        return np.concatenate([self._base.embed(photos), outputs], axis=1) if self._is_second else outputs


class FineTunedEmbedders:
    """Embedders with one trained tail, each opened once. Thread-safe.

    Args:
        network: as of :class:`FineTunedEmbedder`; empty where no tail was trained.
    """

    def __init__(self, network: bytes) -> None:
        self._network = network
        self._opened: dict[int, tuple[Embedder, Embedder]] = {}
        self._lock = threading.Lock()

    def with_tail(self, base: Embedder) -> Embedder:
        """Return the embedder with the trained tail; the base itself where no tail was trained.

        Raises:
            ModelError: ``bad-onnx``; ``no-tail``: the base is no ONNX network.
        """
        if not self._network:
            return base
        if not isinstance(base, OnnxEmbedder | FineTunedEmbedder):
            raise ModelError(
                f"The trained network continues an ONNX network, and {base.model} is none.",
                "Open the store with the model that it was built with.",
                code="no-tail",
            )
        with self._lock:
            if id(base) not in self._opened:
                self._opened[id(base)] = (base, FineTunedEmbedder(base, self._network))
            return self._opened[id(base)][1]
