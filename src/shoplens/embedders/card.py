"""The card of an ONNX embedder: a small JSON file beside it that describes its input and its outputs.

The smallest card::

    {"name": "my-model", "side": 224}

``models/`` in this package has a full example. ``licence``, ``source`` and other keys are for people and are not read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps

from shoplens.errors import ModelError
from shoplens.types import Pixels

Fit = Literal["squash", "crop", "pad"]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The input that a network needs, and the outputs that are used.

    Attributes:
        name: first part of the model id.
        side: pixels per side of the square input.
        fit: ``squash`` scales the whole photo to the square, ``crop`` takes its centre, ``pad`` keeps its proportions
            and fills the rest with the median colour of its border.
        layout: order of the input's axes.
        dtype: ``uint8`` for the pixels as they are; ``float32`` for (pixel - mean) / std.
        mean, std: per channel, in units of a pixel (0 to 255).
        output: name of the output that is the vector; the first output when empty.
        dimensions: length of that output, where it is to be checked; 0 reads it from the file.
        features: names of further outputs of shape (photos, any), which are the input of the filters; without any, the
            filters use ``output``.
        further: names of outputs of the same shape that only trained heads use.
        tail_from: name of the feature map inside the graph, (photos, channels, height, width), after which all layers
            are trained when a whole network is trained; empty for a network that cannot be trained so.
        tail_to: names of the trained tensors, of shape (photos, any): outputs of ``features`` and ``further``, or the
            last parts of outputs that are concatenated.
        tail_weights: name of the ONNX file in the same folder that has the tail with weights that can be trained, its
            tensors named as here; empty for the network itself. A quantized network names its original.
        mask: name of the output that says where the object in the photo is: (photos, rows, columns), the probability of
            each cell of the input to show it; empty for a network that finds no objects. It needs ``squash``.
        maps: names of feature maps inside the graph, (photos, channels, rows, columns), by which the places of two
            photos are compared when a match is explained; empty for a network that cannot explain matches so.

    Raises:
        ModelError: a value is not allowed.
    """

    name: str
    side: int
    fit: Fit = "squash"
    layout: Literal["NHWC", "NCHW"] = "NCHW"
    dtype: Literal["uint8", "float32"] = "float32"
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    output: str = ""
    dimensions: int = 0
    features: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    tail_from: str = ""
    tail_to: tuple[str, ...] = ()
    tail_weights: str = ""
    mask: str = ""
    maps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, is_valid in {
            "name": isinstance(self.name, str) and bool(self.name.strip()),
            "side": isinstance(self.side, int) and 8 <= self.side <= 4096,
            "fit": isinstance(self.fit, str) and self.fit in FITS,
            "layout": self.layout in ("NHWC", "NCHW"),
            "dtype": self.dtype in ("uint8", "float32"),
            "mean": _is_colour(self.mean),
            "std": _is_colour(self.std) and all(value > 0 for value in self.std),
            "output": isinstance(self.output, str),
            "dimensions": isinstance(self.dimensions, int) and self.dimensions >= 0,
            "features": _are_names(self.features),
            "further": _are_names(self.further),
            "tail_from": isinstance(self.tail_from, str),
            "tail_to": _are_names(self.tail_to) and bool(self.tail_to) == bool(self.tail_from),
            "tail_weights": isinstance(self.tail_weights, str),
            "maps": _are_names(self.maps),
            "mask": isinstance(self.mask, str) and (not self.mask or self.fit == "squash"),
        }.items():
            if not is_valid:
                raise ModelError(
                    f"The model's card says {name} = {getattr(self, name)!r}.",
                    "Correct it; the docstring of embedders/card.py describes the keys.",
                )


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


def _is_colour(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(isinstance(number, int | float) for number in value)


def load_card(model: Path) -> ModelCard:
    """Read the card of ``model.onnx`` from ``model.json``.

    Raises:
        ModelError: ``no-card``; or the card is not JSON, or has a value that is not allowed.
    """
    path = model.with_suffix(".json")
    try:
        stored: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{model} has no card.", f'Write {path}, at least {{"name": "my-model", "side": 224}}.', code="no-card"
        ) from None
    except ValueError as problem:
        raise ModelError(f"{path} is not JSON: {problem}.", "Correct the file.") from None
    known = {field.name for field in fields(ModelCard)}
    if not isinstance(stored, dict) or not {"name", "side"} <= stored.keys():
        raise ModelError(f"{path} lacks `name` or `side`.", 'Write at least {"name": "my-model", "side": 224}.')
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
    }
    return ModelCard(**values)  # type: ignore[arg-type]  # ModelCard checks its values


def network_input(photo: Pixels, card: ModelCard) -> np.ndarray[Any, np.dtype[Any]]:
    """Return one photo as the network's input, without the batch axis: (side, side, 3) or (3, side, side)."""
    image = Image.fromarray(photo)
    if image.size != (card.side, card.side):
        image = FITS[card.fit](image, card.side)
    pixels = np.asarray(image)
    if card.dtype == "float32":
        mean, std = np.asarray(card.mean, np.float32), np.asarray(card.std, np.float32)
        return _apply_layout((pixels.astype(np.float32) - mean) / std, card)
    return _apply_layout(pixels, card)


def _apply_layout(pixels: np.ndarray[Any, np.dtype[Any]], card: ModelCard) -> np.ndarray[Any, np.dtype[Any]]:
    return pixels if card.layout == "NHWC" else pixels.transpose(2, 0, 1)


def _squash(image: Image.Image, side: int) -> Image.Image:
    return image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _crop(image: Image.Image, side: int) -> Image.Image:
    return ImageOps.fit(image, (side, side), Image.Resampling.BICUBIC)


def _pad(image: Image.Image, side: int) -> Image.Image:
    inner = ImageOps.contain(image, (side, side), Image.Resampling.BICUBIC)
    pixels = np.asarray(inner)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    square = Image.new("RGB", (side, side), tuple(int(value) for value in np.median(border, axis=0)))
    square.paste(inner, ((side - inner.width) // 2, (side - inner.height) // 2))
    return square


FITS = {"squash": _squash, "crop": _crop, "pad": _pad}
