"""The feature maps inside a network, which say where in a photo something is; for explanations only.

Searches do not need them, so they are no outputs of the network's file. A second session is opened with them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.embedders.card import ModelCard
from shoplens.embedders.embedder import Embedder
from shoplens.embedders.graph.onnx_graph import with_outputs
from shoplens.embedders.onnx import OnnxEmbedder
from shoplens.embedders.preprocessing import network_input
from shoplens.embedders.sessions import open_session
from shoplens.errors import InvalidValue
from shoplens.types import Mask, Pixels

FeatureMap = npt.NDArray[np.float32]
"""float32 (channels, rows, columns)."""


@dataclass(frozen=True, slots=True, eq=False)
class PhotoMaps:
    """What a network computes for the places of a photo.

    Attributes:
        maps: the maps that its card names, which may have different numbers of rows and columns.
        mask: float32 (rows, columns), the probability that a cell shows the object.
    """

    maps: tuple[FeatureMap, ...]
    mask: Mask


class MapNetwork:
    """A network whose feature maps can be read; opened when it is first used. Thread-safe.

    Args:
        embedder: the embedder of the store; where it finds no objects itself, the network that does gives the maps.

    Raises:
        InvalidValue: ``no-maps``: it finds no objects, or its card names no maps.
    """

    def __init__(self, embedder: Embedder) -> None:
        if isinstance(embedder, OnnxEmbedder) and embedder.object_finder is not None and not embedder.card.mask:
            embedder = embedder.object_finder
        if not isinstance(embedder, OnnxEmbedder) or not embedder.card.maps or not embedder.objects.compared:
            raise InvalidValue(
                f"The network {embedder.model} gives no feature maps of objects.",
                "Use the shipped network, or name `mask` and `maps` in the card of another one.",
                code="no-maps",
            )
        self._path, self._threads, self.card = embedder.path, embedder.threads, embedder.card
        self._providers = embedder.providers
        self._lock = threading.Lock()
        self._session: object = None

    def compute(self, photo: Pixels) -> PhotoMaps:
        """Return the maps of a photo from one pass.

        Raises:
            ModelError: ``bad-onnx``: the network has no tensor of a name in `maps`.
        """
        outputs = _run(self._open(), self.card, photo)
        return PhotoMaps(tuple(outputs[:-1]), outputs[-1])

    def _open(self) -> object:
        with self._lock:
            if self._session is None:
                network = with_outputs(self._path.read_bytes(), self.card.maps)
                self._session = open_session(network, self._threads, self._providers)
            return self._session


def _run(session: object, card: ModelCard, photo: Pixels) -> list[npt.NDArray[np.float32]]:
    batch = network_input(photo, card)[None]
    run, name = session.run, session.get_inputs()[0].name  # type: ignore[attr-defined]
    return [np.asarray(output[0], np.float32) for output in run([*card.maps, card.mask], {name: batch})]
