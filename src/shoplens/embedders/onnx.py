"""Any ONNX file as an embedder, run by ONNX Runtime; the shipped one by default. Also small networks behind it."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.card import Card, card_beside, network_input
from shoplens.embedders.embedder import Embedder
from shoplens.errors import ModelError
from shoplens.types import Features, Pixels, Vectors

SHIPPED = Path(str(resources.files("shoplens.embedders"))) / "models" / "efficientnet-lite2.onnx"


_READ_BESIDE = ("features", "further", "tail_from", "tail_to")
"""What a card says of outputs beside the vector, which do not shape it."""


class OnnxEmbedder:
    """An ONNX network and its card.

    Args:
        path: the ``.onnx`` file; its card lies beside it as ``.json``. None takes the shipped one.
        threads: that one photo may use; indexing runs several photos at once with one thread each, a search gives one
            photo all of them.

    Raises:
        ModelError: when the file or its card is missing, unreadable, or the two do not fit.
    """

    def __init__(self, path: Path | None = None, *, threads: int = 1) -> None:
        path = path or SHIPPED
        self.path, self.threads = path, threads
        self.card: Card = card_beside(path) if path.is_file() else _missing(path)
        self._session = open_session(str(path), threads)
        outputs = {output.name: output for output in self._session.get_outputs()}
        self._output = self.card.output or next(iter(outputs))
        if self._output not in outputs:
            raise ModelError(f"{path} has no output {self._output!r}.", f"There are: {', '.join(outputs)}.")
        for name in (*self.card.features, *self.card.further):
            if name not in outputs:
                raise ModelError(f"{path} has no output {name!r}.", f"There are: {', '.join(outputs)}.")
        self.dimensions = self._dimensions(outputs[self._output].shape)
        self.features = sum(_width(name, outputs[name].shape) for name in self.card.features)
        self.further = sum(_width(name, outputs[name].shape) for name in self.card.further)
        self.shortest = self.card.side
        self.model = f"{self.card.name}@{_digest(path, self.card)}"

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """float32 (number of photos, dimensions + features + further)."""
        return outputs_of(self._session, self.card, self.outputs, photos)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what is read of it: the vector, the features, and what is further."""
        return (self._output, *self.card.features, *self.card.further)

    def _dimensions(self, shape: Sequence[object]) -> int:
        last = shape[-1] if shape else None
        dimensions = self.card.dimensions or (last if isinstance(last, int) else 0)
        if not dimensions or len(shape) != 2:
            raise ModelError(
                f"Output {self._output!r} of {self.card.name} has shape {list(shape)}, not (photos, dimensions).",
                "Choose a pooled output by `output` in the card, and say `dimensions`.",
            )
        if isinstance(last, int) and last != dimensions:
            raise ModelError(
                f"Output {self._output!r} of {self.card.name} has {last} dimensions, and its card says {dimensions}.",
                "Correct `dimensions` in the card, or leave it out.",
            )
        return dimensions


class Embedders:
    """Embedders of one model, by how many threads a photo may use; opened when they are first asked for.

    Args:
        given: what answers for any number of threads; None opens ``path``.
        path: as of :class:`OnnxEmbedder`.
    """

    def __init__(self, given: Embedder | None, path: Path | None) -> None:
        self._given, self._path = given, path
        self._open: dict[int, Embedder] = {}
        self._loading = threading.Lock()

    def of(self, threads: int) -> Embedder:
        if self._given is not None:
            return self._given
        with self._loading:
            if threads not in self._open:
                self._open[threads] = OnnxEmbedder(self._path, threads=threads)
            return self._open[threads]


def open_session(network: str | bytes, threads: int) -> Any:
    """A session of ONNX Runtime.

    Args:
        network: path or content of an ONNX file.

    Raises:
        ModelError: ``bad-onnx``.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(network, options, providers=onnxruntime.get_available_providers())
    except Exception as problem:  # onnxruntime's own exceptions share no public base
        name = network if isinstance(network, str) else "The network"
        raise ModelError(
            f"{name} cannot be loaded: {str(problem).splitlines()[0]}", "Give a valid ONNX file.", code="bad-onnx"
        ) from None


def outputs_of(session: Any, card: Card, outputs: Sequence[str], photos: Sequence[Pixels]) -> Vectors:
    """These outputs, side by side: float32 (photos, any).

    Raises:
        ModelError: the network cannot take what its card says.
    """
    batch = np.stack([network_input(photo, card) for photo in photos])
    try:
        found = session.run(list(outputs), {session.get_inputs()[0].name: batch})
    except Exception as problem:  # as above
        raise ModelError(
            f"{card.name} cannot take {batch.dtype} {batch.shape}: {str(problem).splitlines()[0]}",
            "Correct `side`, `layout` or `dtype` in its card.",
        ) from None
    return np.concatenate([np.asarray(one, np.float32).reshape(len(photos), -1) for one in found], axis=1)


def _missing(path: Path) -> Card:
    raise ModelError(f"There is no model at {path}.", "Give the path of an ONNX file.", code="no-model")


def _width(name: str, shape: Sequence[object]) -> int:
    """Length of a further output.

    Raises:
        ModelError: it is not one row of known length per photo.
    """
    if len(shape) != 2 or not isinstance(shape[1], int):
        raise ModelError(
            f"Output {name!r} has shape {list(shape)}, not (photos, a number).",
            "Name pooled outputs in `features` of the card.",
        )
    return shape[1]


def _digest(path: Path, card: Card) -> str:
    """First 12 hex digits over the weights and everything that shapes their input or the vector."""
    digest = hashlib.sha256()
    for part in sorted(path.parent.glob(glob.escape(path.name) + "*")):  # large models keep weights in model.onnx.data
        digest.update(part.read_bytes())
    shaping = {name: value for name, value in dataclasses.asdict(card).items() if name not in _READ_BESIDE}
    digest.update(json.dumps(shaping, sort_keys=True).encode())
    return digest.hexdigest()[:12]


MOST_ROWS = 1024
"""Photos that pass through one at once."""


def small_session(network: bytes) -> Any:
    """A session of one thread for a network that takes well below a millisecond.

    Raises:
        ModelError: it cannot be loaded.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime's own exceptions share no public base
        raise ModelError(str(problem).splitlines()[0], "Train it anew, or restore a backup.") from None


class FeatureNetwork:
    """One, open. May be used from several threads.

    Args:
        network: ONNX with the input ``features``, float32 (n, width).
        width: of a row of features.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, network: bytes, width: int) -> None:
        self._session, self.width = small_session(network), width

    @property
    def told(self) -> Mapping[str, str]:
        """What the file says of itself beside the network."""
        found: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return found

    def of(self, features: Features, output: str) -> Features:
        """One output, float32 (n, any), of float32 (n, width) features.

        Raises:
            ModelError: features of another width.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ModelError(
                f"The network reads rows of {self.width} features, not {features.shape}.",
                "Index the catalogue anew with the model that it was trained on.",
            )
        rows = np.ascontiguousarray(features, np.float32)
        starts = range(0, max(len(rows), 1), MOST_ROWS)
        return np.concatenate(
            [self._session.run([output], {"features": rows[start : start + MOST_ROWS]})[0] for start in starts]
        )
