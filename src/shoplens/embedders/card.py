"""The card of an ONNX embedder: a small JSON file beside it that says what goes in and what comes out.

The least that is needed::

    {"name": "my-model", "side": 224}

A full example is ``models/`` in this package. ``licence``, ``source`` and other keys for people are kept unread.
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
class Card:
    """What the pixels must look like.

    Attributes:
        name: first part of the model id.
        side: pixels per side of the square that goes in.
        fit: ``squash`` scales the whole photo to the square, ``crop`` takes the middle, ``pad`` keeps its shape and
            fills up with the median colour of its border.
        layout: order of the input's axes.
        dtype: ``uint8`` gives the pixels as they are; ``float32`` gives (pixel - mean) / std.
        mean, std: per channel, in units of a pixel (0 to 255).
        output: name of the output to use; the first when empty.
        dimensions: length of the output, for cards that want it checked; 0 reads it from the file.
        features: names of further outputs of shape (photos, any), which the filters work on; they work on ``output``
            where there are none.
        further: names of outputs of the same shape that only a trained look works on.
        tail_from: name of the map inside the graph, (photos, channels, height, width), behind which all is trained when
            a whole network is; empty for a network that says nothing of it.
        tail_to: names of what is trained, of shape (photos, any): outputs of ``features`` and ``further``, or the last
            parts of those that are joined of several.
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

    def __post_init__(self) -> None:
        for name, right in {
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
        }.items():
            if not right:
                raise ModelError(
                    f"The model's card says {name} = {getattr(self, name)!r}.",
                    "See the docstring of embedders/card.py.",
                )


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


def _is_colour(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(isinstance(one, int | float) for one in value)


def card_beside(model: Path) -> Card:
    """The card of ``model.onnx``, read from ``model.json``.

    Raises:
        ModelError: when it is missing, is not JSON, or says something that cannot be.
    """
    path = model.with_suffix(".json")
    try:
        told: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{model} has no card.", f'Write {path}, at least {{"name": "my-model", "side": 224}}.', code="no-card"
        ) from None
    except ValueError as problem:
        raise ModelError(f"{path} is not JSON: {problem}.", "Mend it.") from None
    known = {field.name for field in fields(Card)}
    if not isinstance(told, dict) or not {"name", "side"} <= told.keys():
        raise ModelError(f"{path} lacks `name` or `side`.", 'Write at least {"name": "my-model", "side": 224}.')
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if name in known}
    return Card(**given)  # type: ignore[arg-type]  # checked by Card itself


def network_input(photo: Pixels, card: Card) -> np.ndarray[Any, np.dtype[Any]]:
    """One photo as the network wants it, without the batch axis: (side, side, 3) or (3, side, side)."""
    image = Image.fromarray(photo)
    if image.size != (card.side, card.side):
        image = FITS[card.fit](image, card.side)
    pixels = np.asarray(image)
    if card.dtype == "float32":
        mean, std = np.asarray(card.mean, np.float32), np.asarray(card.std, np.float32)
        return _apply_layout((pixels.astype(np.float32) - mean) / std, card)
    return _apply_layout(pixels, card)


def _apply_layout(pixels: np.ndarray[Any, np.dtype[Any]], card: Card) -> np.ndarray[Any, np.dtype[Any]]:
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
