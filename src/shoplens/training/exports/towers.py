"""The towers of a model of torch, and what writes them as ONNX networks that are checked against torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.sessions import open_session
from shoplens.errors import ModelError

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
"""Between a number of a unit vector by torch and by ONNX Runtime."""
CHECKED = 3
"""Number of inputs by which the two are compared."""
PIXELS, TOKENS = "pixel_values", "input_ids"
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TorchTower:
    """A tower as a module of torch with one input.

    Attributes:
        module: returns the output for a batch.
        output: name of the output.
    """

    module: Any
    output: str


@dataclass(frozen=True, slots=True, eq=False)
class TorchModel:
    """A model whose towers are exported.

    Attributes:
        photos: the tower for photos.
        side: pixels per side of its input.
        texts: the tower for texts; None where the model has none, or no file of `tokenizers`.
        length: tokens of a text; the tower takes any number up to it, unless ``is_fixed``.
        vocabulary: number of tokens that there are.
        is_fixed: whether texts are always filled up to this length.
        text_keys: keys of the part ``text`` of the card, such as the scale of the logits.
        processor: keys of the card that say how photos are prepared; empty where files of the model say it.
        made_by: the library and its version, for people.
    """

    photos: TorchTower
    side: int
    texts: TorchTower | None = None
    length: int = 0
    vocabulary: int = 0
    is_fixed: bool = False
    text_keys: Mapping[str, Any] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)
    made_by: str = ""


def export_photos(torch: Any, model: TorchModel, path: Path) -> float:
    """Write the ONNX file of the tower for photos, and return the largest difference of its unit vectors.

    Raises:
        ModelError: ``export-differs``.
    """
    shape = (CHECKED, 3, model.side, model.side)
    photos = torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    return _export(torch, model.photos, PIXELS, photos, {0: "batch"}, path)


def export_texts(torch: Any, model: TorchModel, texts: TorchTower, path: Path) -> float:
    """Write the ONNX file of the tower for texts, and return the largest difference of its unit vectors.

    Raises:
        ModelError: ``export-differs``.
    """
    tokens = np.random.default_rng(0).integers(1, model.vocabulary, (CHECKED, model.length))
    axes = {0: "batch"} if model.is_fixed else {0: "batch", 1: "tokens"}
    difference = _export(torch, texts, TOKENS, torch.from_numpy(tokens), axes, path)
    if not model.is_fixed:  # a graph may have kept the number of tokens that it was traced with
        short = torch.from_numpy(tokens[:, : max(2, model.length // 2)])
        difference = max(difference, _compare(torch, texts, TOKENS, short, path))
    return difference


def _export(torch: Any, tower: TorchTower, name: str, inputs: Any, axes: Mapping[int, str], path: Path) -> float:
    path.parent.mkdir(parents=True, exist_ok=True)
    module = tower.module.eval()
    torch.onnx.export(
        module,
        (inputs[:2],),
        str(path),
        input_names=[name],
        output_names=[tower.output],
        dynamic_axes={name: axes, tower.output: {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,  # the newer exporter needs onnxscript
    )
    return _compare(torch, tower, name, inputs, path)


def _compare(torch: Any, tower: TorchTower, name: str, inputs: Any, path: Path) -> float:
    """Return the largest difference between torch and ONNX Runtime, in batches of one and two.

    Raises:
        ModelError: ``export-differs``.
    """
    with torch.no_grad():
        expected = tower.module(inputs).numpy()
    session = open_session(str(path), 1)
    parts: Sequence[Any] = (inputs[:1], inputs[1:])
    found = [session.run([tower.output], {name: part.numpy()})[0] for part in parts]
    difference = float(np.abs(_unit_vectors(np.concatenate(found)) - _unit_vectors(expected)).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ModelError(
            f"The vectors of the exported network differ from those of torch by up to {difference:.1e}.",
            f"At most {LARGEST_DIFFERENCE:g} is accepted; report the model, or export it yourself.",
            code="export-differs",
        )
    return difference


def _unit_vectors(output: Array) -> Array:
    """Return what lies along the last axis of tokens, or all of a pooled output, with the length 1."""
    rows = output if output.ndim == 3 else output.reshape(len(output), -1)
    unit: Array = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return unit
