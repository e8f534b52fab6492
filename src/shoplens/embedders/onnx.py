"""ONNX networks, run by ONNX Runtime: embedders of photos, the shipped one by default, and small networks that read the
features of photos."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.card import ModelCard, load_card
from shoplens.embedders.embedder import ALL_OBJECTS, NO_OBJECTS, Embedder, ObjectEmbedder, ObjectPass, ObjectUse
from shoplens.embedders.graph.onnx_graph import only_outputs, with_outputs
from shoplens.embedders.pooling import ShortenVectors, check_axes, load_shortening, pool_output
from shoplens.embedders.preprocessing import network_input
from shoplens.embedders.second_order import SecondOrderPooling, load_second_order_pooling
from shoplens.embedders.sessions import open_session, open_small_session
from shoplens.embedders.shipped import shipped_file
from shoplens.embedders.text.card import load_text_card
from shoplens.embedders.text.tower import TextTower
from shoplens.errors import ModelError
from shoplens.types import Features, Mask, Pixels, Vectors

MAX_ROWS = 1024
"""Photos that pass through a small network at once."""


class OnnxEmbedder:
    """An embedder that runs an ONNX network, described by a card.

    Attributes:
        text_tower: makes vectors of texts in the space of those of photos; None where the model has none.
        object_finder: the network that finds the objects for it; None where it finds them itself, or none are found.

    Args:
        path: the ``.onnx`` file; its card is the ``.json`` file beside it. None uses the shipped network.
        objects: what it should do with the object in a photo; its attribute says what it does, as far as the network
            can.
        threads: number of threads for one photo; indexing runs several photos at once with one thread each, a search
            uses all threads for one photo.
        providers: what runs the network, see :func:`open_session`.

    Raises:
        ModelError: the file or its card is missing or unreadable, or the two do not fit.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        threads: int = 1,
        objects: ObjectUse = ALL_OBJECTS,
        providers: str = "",
    ) -> None:
        path = path or shipped_file()
        self.path, self.threads, self.providers = path, threads, providers
        self.object_finder: OnnxEmbedder | None
        self.card: ModelCard = load_card(path) if path.is_file() else _raise_missing(path)
        pools = bool(self.card.second_order and self.card.mask) and objects.second_order
        network = with_outputs(path.read_bytes(), [self.card.second_order]) if pools else str(path)
        self._session = open_session(network, threads, providers)
        self._parts = NetworkParts(path, threads, providers)
        outputs = {output.name: output for output in self._session.get_outputs()}
        self._output = self.card.output or next(iter(outputs))
        for name in (self._output, *self.card.features, *self.card.further, *filter(None, [self.card.mask])):
            if name not in outputs:
                own = ", ".join(one for one in outputs if one != self.card.second_order)
                raise ModelError(f"{path} has no output {name!r}.", f"There are: {own}.")
        self._length = self._output_size(outputs[self._output].shape)
        self._shorten: ShortenVectors = load_shortening(path, self.card)
        self.dimensions = self.card.cut or self._length
        feature_sizes = tuple(_feature_count(name, outputs[name].shape) for name in self.card.features)
        self.features, self.object_sizes = sum(feature_sizes), feature_sizes or (self.dimensions,)
        self.extra_features = sum(_feature_count(name, outputs[name].shape) for name in self.card.further)
        self.pooling: SecondOrderPooling | None = None
        if pools:
            axes = path.with_name(self.card.second_order_axes)
            self.pooling = load_second_order_pooling(axes, outputs[self.card.second_order].shape[1:])
            self.object_sizes = (self.pooling.size,)
        mask = self.card.mask if objects.compared else ""
        self.mask_shape = _mask_shape(mask, outputs[mask].shape) if mask else (0, 0)
        self.min_side, self.finder, self.object_finder = self.card.min_side, "", None
        if self.card.finder and objects.compared and (objects.by_finder or not self.card.mask):
            finder, use = shipped_file(self.card.finder), ObjectUse(compared=True)
            self._add_finder(OnnxEmbedder(finder, threads=threads, providers=providers, objects=use))
        by_finder = bool(self.card.mask and self.finder)
        finds = self.mask_shape != (0, 0)
        self.objects = ObjectUse(finds, objects.framed, self.pooling is not None, by_finder) if finds else NO_OBJECTS
        self.model = f"{self.card.name}@{_model_digest(path, self.card)}"
        text = load_text_card(path)
        self.text_tower = (
            None if text is None else TextTower(path.parent, text, self._shorten, threads=threads, providers=providers)
        )

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        """Return float32 (number of photos, dimensions + features + extra_features)."""
        return self._run(self.outputs, photos)

    def embed_with_object(self, photo: Pixels) -> ObjectPass:
        """Return one row of :meth:`embed`, and what shows the object, from one pass."""
        if not self.object_outputs:
            return ObjectPass(self.embed([photo]), None)
        names = (*self.outputs, *self.object_outputs)
        return split_object(self._run(names, [photo]), self)

    def find_mask(self, photo: Pixels) -> Mask:
        """Return the mask of the object in the whole photo alone, float32 (rows, columns)."""
        if self.object_finder is not None:
            return self.object_finder.find_mask(photo)
        names = (self.card.mask,)
        return run_network(self._parts.open(names), self.card, names, [photo]).reshape(self.mask_shape)

    def backbone_features(self, photo: Pixels) -> Vectors:
        """Return the features alone, or the vector where the card names none, float32 (1, any)."""
        if not self.card.features:
            return self._run([self._output], [photo])
        return run_network(self._parts.open(self.card.features), self.card, self.card.features, [photo])

    def _run(self, outputs: Sequence[str], photos: Sequence[Pixels]) -> Vectors:
        """Return outputs side by side, float32 (photos, any); the vector, which comes first, is shortened."""
        rows = run_network(self._session, self.card, outputs, photos)
        if not self.card.cut or outputs[0] != self._output:
            return rows
        return np.concatenate([self._shorten(rows[:, : self._length]), rows[:, self._length :]], axis=1)

    def _add_finder(self, finder: OnnxEmbedder) -> None:
        """Let another network find the object in the whole photo."""
        self.object_finder, self.finder = finder, finder.model
        self.mask_shape = self.mask_shape if self.card.mask else finder.mask_shape
        self.min_side = max(self.min_side, finder.card.side)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are used: the vector, the features, and the extra features."""
        return (self._output, *self.card.features, *self.card.further)

    @property
    def object_outputs(self) -> tuple[str, ...]:
        """Names of the outputs that show the object: the mask, and the map that is pooled, where one is; none where
        the network finds no objects itself."""
        pooled = [self.card.second_order] if self.pooling is not None else []
        return (self.card.mask, *pooled) if self.card.mask else ()

    def _output_size(self, shape: Sequence[object]) -> int:
        check_axes(self._output, tuple(shape), self.card.pool)
        last = shape[1] if len(shape) == 4 else shape[-1]
        dimensions = self.card.dimensions or (last if isinstance(last, int) else 0)
        if not dimensions:
            raise ModelError(
                f"Output {self._output!r} of {self.card.name} has shape {list(shape)}, of unknown length.",
                "Give `dimensions` in the card.",
            )
        if isinstance(last, int) and last != dimensions:
            raise ModelError(
                f"Output {self._output!r} of {self.card.name} has {last} dimensions, and its card says {dimensions}.",
                "Correct `dimensions` in the card, or leave it out.",
            )
        return dimensions


class NetworkParts:
    """Parts of a network that give some of its outputs, each opened when it is first needed. Thread-safe.

    Args:
        path: the ``.onnx`` file; of one whose weights lie in another file, the only part is the whole.
        threads, providers: as of :class:`OnnxEmbedder`.
    """

    def __init__(self, path: Path, threads: int, providers: str) -> None:
        self._path, self._threads, self._providers = path, threads, providers
        self._sessions: dict[tuple[str, ...], Any] = {}
        self._lock = threading.Lock()

    def open(self, outputs: tuple[str, ...]) -> Any:
        """Return a session with these outputs, and no others where that saves time."""
        with self._lock:
            if outputs not in self._sessions:
                is_whole = len(network_files(self._path)) > 1
                network = str(self._path) if is_whole else only_outputs(self._path.read_bytes(), outputs)
                self._sessions[outputs] = open_session(network, self._threads, self._providers)
            return self._sessions[outputs]


class Embedders:
    """Embedders of one model for several numbers of threads, each opened when it is first requested.

    Args:
        embedder: the embedder for any number of threads; None opens ``path``.
        path, objects, providers: as of :class:`OnnxEmbedder`.
    """

    def __init__(
        self,
        embedder: Embedder | None,
        path: Path | None,
        *,
        objects: ObjectUse = ALL_OBJECTS,
        providers: str = "",
    ) -> None:
        self._embedder, self._path, self._objects, self._providers = embedder, path, objects, providers
        self._opened: dict[int, Embedder] = {}
        self._lock = threading.Lock()

    def with_threads(self, threads: int) -> Embedder:
        """Return the embedder that uses this number of threads for one photo."""
        if self._embedder is not None:
            return self._embedder
        with self._lock:
            if threads not in self._opened:
                self._opened[threads] = OnnxEmbedder(
                    self._path, threads=threads, objects=self._objects, providers=self._providers
                )
            return self._opened[threads]


def run_network(session: Any, card: ModelCard, outputs: Sequence[str], photos: Sequence[Pixels]) -> Vectors:
    """Return the outputs with these names, side by side, that of the vector pooled: float32 (photos, any).

    Raises:
        ModelError: the network cannot take the input that its card describes; or as
            :func:`~shoplens.embedders.pooling.pool_output`.
    """
    photo_input = next((one for one in session.get_inputs() if one.name == card.input), session.get_inputs()[0])
    inputs = [network_input(photo, card) for photo in photos]
    batch = np.stack(inputs) if len(inputs) > 1 else inputs[0][None]
    only_one = bool(photo_input.shape) and photo_input.shape[0] == 1  # some exports take one photo at a time
    parts = [batch[row : row + 1] for row in range(len(batch))] if only_one else [batch]
    try:
        runs = [session.run(list(outputs), {photo_input.name: part}) for part in parts]
    except Exception as problem:  # onnxruntime's own exceptions share no public base
        raise ModelError(
            f"{card.name} cannot take {batch.dtype} {batch.shape}: {str(problem).splitlines()[0]}",
            "Correct `side`, `layout` or `dtype` in its card.",
        ) from None
    arrays = runs[0] if len(runs) == 1 else [np.concatenate(arrays) for arrays in zip(*runs, strict=True)]
    rows = [_as_rows(name, array, card) for name, array in zip(outputs, arrays, strict=True)]
    return np.concatenate(rows, axis=1)


def _as_rows(name: str, array: np.ndarray[Any, np.dtype[Any]], card: ModelCard) -> Vectors:
    """Return float32 (photos, any) of one output."""
    if card.pool and name == card.output:
        return pool_output(array, card)
    return np.asarray(array, np.float32).reshape(len(array), -1)


class FeatureNetwork:
    """A small ONNX network that reads the features of photos. May be used from several threads.

    Args:
        network: ONNX with the input ``features``, float32 (n, width).
        width: length of a row of features.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, network: bytes, width: int) -> None:
        self._session, self.width = open_small_session(network), width

    @property
    def metadata(self) -> Mapping[str, str]:
        """The metadata in the file."""
        metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return metadata

    def run(self, features: Features, output: str) -> Features:
        """Return one output, float32 (n, any), for float32 (n, width) features.

        Raises:
            ModelError: the features have another width.
        """
        if features.ndim != 2 or features.shape[1] != self.width:
            raise ModelError(
                f"The network reads rows of {self.width} features, not {features.shape}.",
                "Index the catalogue again with the model that it was trained on.",
            )
        rows = np.ascontiguousarray(features, np.float32)
        starts = range(0, max(len(rows), 1), MAX_ROWS)
        return np.concatenate(
            [self._session.run([output], {"features": rows[start : start + MAX_ROWS]})[0] for start in starts]
        )


def split_object(outputs: Vectors, embedder: ObjectEmbedder) -> ObjectPass:
    """Split the outputs for one photo: its row, the mask, and the map that is pooled, where one is."""
    (rows, columns), pooling = embedder.mask_shape, embedder.pooling
    stop = outputs.shape[1] - (0 if pooling is None else math.prod(pooling.map_shape))
    start = stop - rows * columns
    mask = outputs[0, start:stop].reshape(rows, columns)
    feature_map = None if pooling is None else outputs[0, stop:].reshape(pooling.map_shape)
    return ObjectPass(outputs[:, :start], mask, feature_map)


def _mask_shape(name: str, shape: Sequence[object]) -> tuple[int, int]:
    """Return rows and columns of an output that is a mask.

    Raises:
        ModelError: it is no mask of known size.
    """
    rows, columns = shape[-2:] if len(shape) == 3 else (None, None)
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise ModelError(
            f"Output {name!r} has shape {list(shape)}, not (photos, rows, columns).",
            "Name a mask of fixed size in `mask` of the card.",
        )
    return rows, columns


def _raise_missing(path: Path) -> ModelCard:
    raise ModelError(
        f"There is no model at {path}.",
        "Give a name that `shoplens models` lists as added, or the path of an ONNX file.",
        code="no-model",
    )


def _feature_count(name: str, shape: Sequence[object]) -> int:
    """Return the length of an output of features.

    Raises:
        ModelError: the output is not one row of known length per photo.
    """
    if len(shape) != 2 or not isinstance(shape[1], int):
        raise ModelError(
            f"Output {name!r} has shape {list(shape)}, not (photos, a number).",
            "Name pooled outputs in `features` of the card.",
        )
    return shape[1]


def _model_digest(path: Path, card: ModelCard) -> str:
    """Return the first 12 hexadecimal digits of the digest of the weights and of all that determines their input or the
    vector.

    Raises:
        ModelError: ``wrong-hash``: a file is not the one that the card names.
    """
    digest, found = hashlib.sha256(), {}
    for part in network_files(path):
        content = part.read_bytes()
        digest.update(content)
        if part.name in card.files:
            found[part.name] = hashlib.sha256(content).hexdigest()
    for name, wanted in card.files.items():
        if found.get(name) != wanted:
            raise ModelError(
                f"{path.parent / name} is not the file that its card names: its SHA-256 is {found.get(name)}, "
                f"not {wanted}.",
                "Add the model anew with `shoplens models add`; or, if you changed the file, correct `files` in its "
                "card.",
                code="wrong-hash",
            )
    if card.axes:
        digest.update((path.parent / card.axes).read_bytes())
    digest.update(json.dumps(card.determining, sort_keys=True).encode())
    return digest.hexdigest()[:12]


def network_files(path: Path) -> list[Path]:
    """Return the file of a network and those that hold its weights, such as ``model.onnx.data`` or
    ``model.onnx_data``."""
    return sorted(path.parent.glob(glob.escape(path.name) + "*"))
