"""The card of an ONNX embedder: a small JSON file beside it that describes its input and its outputs.

The smallest card::

    {"name": "my-model", "side": 224}

``models/`` in this package has a full example. ``licence``, ``source`` and other keys are for people and are not read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from shoplens.errors import ModelError

Fit = Literal["squash", "crop", "pad", "shortest"]
Resample = Literal["", "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Pool = Literal["", "cls", "mean", "patches"]
OTHER_OUTPUT_KEYS = (
    "features",
    "further",
    "tail_from",
    "tail_to",
    "tail_weights",
    "mask",
    "finder",
    "maps",
    "second_order",
    "second_order_axes",
    "cuts",
    "files",
)
"""Keys of a card that concern other outputs than the vector, and so are no part of the model id."""
FINDERS = ("", "object-finder", "efficientnet-lite2-int8")
"""Networks that can find the object for another one: a small one that does nothing else; and the shipped one, by which
models that were added earlier have it found."""
LATER_KEYS = (
    "resize",
    "centre",
    "resample",
    "fill",
    "rescale",
    "channels",
    "input",
    "pool",
    "prefix_tokens",
    "cut",
    "axes",
)
"""Keys that are part of the model id only where they differ from their default, so that the ids of models from before
these keys stay."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The input that a network needs, and the outputs that are used.

    Attributes:
        name: first part of the model id.
        side: pixels per side of the square input.
        fit: ``squash`` scales the whole photo to the square, ``crop`` takes its centre, ``pad`` keeps its proportions
            and fills the rest with ``fill``; ``shortest`` scales the shorter side to ``resize`` pixels and then cuts
            the centre of ``side`` x ``side`` pixels out.
        resize: pixels of the shorter side with ``shortest``, of both with ``squash``, before the centre is cut out; 0
            for ``side``.
        centre: how an odd rest around the centre that is cut out is divided: empty rounds down, as `transformers` does;
            ``even`` rounds a half to the even number, as `torchvision` does.
        resample: filter of the scaling, computed as the image processors of `transformers` compute it; empty for that
            of cards without this key, which is bicubic and, for ``squash``, takes a faster way to nearly the same.
        fill: colour around a photo with ``pad``, 0 to 255; empty for the median colour of its border.
        layout: order of the input's axes.
        dtype: ``uint8`` for the pixels as they are; ``float32`` and ``float16`` for (pixel * rescale - mean) / std.
        mean, std: per channel, in units of a rescaled pixel (0 to 255 where ``rescale`` is 1).
        rescale: factor of the pixels; 1/255 for a mean and std that are given in 0 to 1.
        channels: order of the colours.
        input: name of the input that is the photo; the first input when empty.
        output: name of the output that is the vector; the first output when empty.
        pool: how the vector comes out of ``output``: empty for an output that is the vector, (photos, dimensions);
            ``cls`` for the first of (photos, tokens, dimensions), ``mean`` for the mean of all tokens, or of all places
            of a map (photos, dimensions, rows, columns), ``patches`` for the mean of the tokens that show the photo.
            It needs ``output``. Vectors are brought to length 1 in any case.
        prefix_tokens: number of tokens before those that show the photo, for ``patches``.
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
        finder: name of the network in the package that finds the object in the whole photo for this one; empty for
            none. Where there is a ``mask``, too, that finds the object in the frame.
        maps: names of feature maps inside the graph, (photos, channels, rows, columns), by which the places of two
            photos are compared when a match is explained; empty for a network that cannot explain matches so.
        second_order: name of a feature map inside the graph, (photos, channels, rows, columns), of which the mean
            products of features inside the object are the features of the object; empty where they come from a pass
            over the object alone. It is used with ``mask`` only.
        second_order_axes: name of a file of NumPy in the same folder, float (channels + 1, components), by which the
            channels of that map are projected to fewer; see
            :class:`~shoplens.embedders.second_order.SecondOrderPooling`.
        cut: length to which vectors are shortened; 0 for none. They are then brought to length 1 again.
        cuts: lengths to which its authors say that vectors may be cut, because it was trained so (Kusupati et al. 2022,
            "Matryoshka Representation Learning"); for people and for ``models measure``.
        axes: name of a file of NumPy in the same folder, float32 (dimensions, cut), that vectors are multiplied with to
            shorten them; empty where their first numbers are kept.
        files: SHA-256 by the name of each file of the network; they are checked when it is opened. Empty for none.

    Raises:
        ModelError: a value is not allowed.
    """

    name: str
    side: int
    fit: Fit = "squash"
    resize: int = 0
    centre: Literal["", "even"] = ""
    resample: Resample = ""
    fill: tuple[int, ...] = ()
    layout: Literal["NHWC", "NCHW"] = "NCHW"
    dtype: Literal["uint8", "float32", "float16"] = "float32"
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    rescale: float = 1.0
    channels: Literal["RGB", "BGR"] = "RGB"
    input: str = ""
    output: str = ""
    pool: Pool = ""
    prefix_tokens: int = 1
    dimensions: int = 0
    features: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    tail_from: str = ""
    tail_to: tuple[str, ...] = ()
    tail_weights: str = ""
    mask: str = ""
    finder: str = ""
    maps: tuple[str, ...] = ()
    second_order: str = ""
    second_order_axes: str = ""
    cut: int = 0
    cuts: tuple[int, ...] = ()
    axes: str = ""
    files: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name, is_valid in {
            "name": isinstance(self.name, str) and bool(self.name.strip()),
            "side": isinstance(self.side, int) and 8 <= self.side <= 4096,
            "fit": self.fit in get_args(Fit),
            "resize": _is_integer(self.resize)
            and (not self.resize or (self.side <= self.resize <= 4096 and self.fit in ("shortest", "squash"))),
            "centre": self.centre in ("", "even"),
            "resample": self.resample in get_args(Resample),
            "fill": not self.fill or (_is_colour(self.fill) and all(0 <= value <= 255 for value in self.fill)),
            "layout": self.layout in ("NHWC", "NCHW"),
            "dtype": self.dtype in ("uint8", "float32", "float16"),
            "mean": _is_colour(self.mean),
            "std": _is_colour(self.std) and all(value > 0 for value in self.std),
            "rescale": isinstance(self.rescale, int | float) and self.rescale > 0,
            "channels": self.channels in ("RGB", "BGR"),
            "input": isinstance(self.input, str),
            "output": isinstance(self.output, str),
            "pool": self.pool in get_args(Pool) and bool(self.output or not self.pool),
            "prefix_tokens": _is_integer(self.prefix_tokens) and self.prefix_tokens >= 0,
            "dimensions": isinstance(self.dimensions, int) and self.dimensions >= 0,
            "features": _are_names(self.features),
            "further": _are_names(self.further),
            "tail_from": isinstance(self.tail_from, str) and not (self.tail_from and self.cut),
            "tail_to": _are_names(self.tail_to) and bool(self.tail_to) == bool(self.tail_from),
            "tail_weights": isinstance(self.tail_weights, str),
            "maps": _are_names(self.maps),
            "second_order": isinstance(self.second_order, str),
            "second_order_axes": isinstance(self.second_order_axes, str)
            and Path(self.second_order_axes).name == self.second_order_axes
            and bool(self.second_order_axes) == bool(self.second_order),
            "mask": isinstance(self.mask, str) and (not self.mask or self.fit == "squash"),
            "cut": _is_integer(self.cut) and 0 <= self.cut <= (self.dimensions or self.cut),
            "cuts": isinstance(self.cuts, tuple) and all(_is_integer(one) and one > 0 for one in self.cuts),
            "axes": isinstance(self.axes, str)
            and Path(self.axes).name == self.axes
            and bool(self.cut or not self.axes),
            "finder": self.finder in FINDERS,
            "files": isinstance(self.files, dict) and _are_names((*self.files, *self.files.values())),
        }.items():
            if not is_valid:
                raise ModelError(
                    f"The model's card says {name} = {getattr(self, name)!r}.",
                    "Correct it; the docstring of embedders/card.py describes the keys.",
                )

    @property
    def determining(self) -> dict[str, object]:
        """What of the card determines the input or the vector, and so is part of the model id."""
        defaults = {one.name: one.default for one in fields(self)}
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in OTHER_OUTPUT_KEYS and not (name in LATER_KEYS and value == defaults[name])
        }

    @property
    def min_side(self) -> int:
        """The smallest shorter side, in pixels, at which a photo loses no detail. A filter that is named reads twice
        the pixels that it gives, so that a photo that was decoded smaller gives nearly the same input."""
        return 2 * (self.resize or self.side) if self.resample else self.side


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


def _is_colour(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(isinstance(number, int | float) for number in value)


def load_card(model: Path) -> ModelCard:
    """Read the card of ``model.onnx`` from ``model.json``.

    Raises:
        ModelError: ``no-card``; or the card is not JSON, or has a value that is not allowed.
    """
    stored = read_card_file(model)
    known = {field.name for field in fields(ModelCard)}
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in known
    }
    return ModelCard(**values)  # type: ignore[arg-type]  # ModelCard checks its values


def read_card_file(model: Path) -> Mapping[str, Any]:
    """Read all keys of the card of ``model.onnx``.

    Raises:
        ModelError: ``no-card``; or the card is not JSON, or lacks what every card has.
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
    if not isinstance(stored, dict) or not {"name", "side"} <= stored.keys():
        raise ModelError(f"{path} lacks `name` or `side`.", 'Write at least {"name": "my-model", "side": 224}.')
    return stored
