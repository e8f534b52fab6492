"""Models of `timm` as towers of torch: weights in safetensors, and a config.json that names the architecture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from shoplens.errors import InvalidValue, ModelError
from shoplens.models.add import ModelSource
from shoplens.training.exports.towers import TorchModel, TorchTower

FITS = {"center": "shortest", "squash": "squash"}
"""How `timm` scales photos before it cuts the centre out -> `fit` of a card."""


def is_timm(config: Mapping[str, Any]) -> bool:
    """Whether config.json is one of `timm`."""
    return "architecture" in config and "model_type" not in config


def load_timm_model(torch: Any, source: ModelSource) -> TorchModel:
    """Read a model of `timm` without its classifier.

    Raises:
        InvalidValue: ``no-export``: `timm` is not installed.
        ModelError: ``unknown-processor``, ``missing-weights``.
    """
    timm = import_library("timm", "timm")
    config = json.loads((source.folder / "config.json").read_text("utf-8"))
    options = dict(config.get("model_args") or {})
    try:
        model = timm.create_model(config["architecture"], pretrained=False, num_classes=0, **options)
    except Exception as problem:  # the library raises RuntimeError, TypeError and others
        raise ModelError(
            f"timm cannot make {config['architecture']}: {str(problem).splitlines()[0]}", "Upgrade timm."
        ) from None
    load_weights(model, source, ("model.safetensors",), {"head.", "classifier.", "fc.", "head_drop."})
    keys = processor_of_timm({**model.pretrained_cfg, **(config.get("pretrained_cfg") or {})})

    class Tower(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, values: Any) -> Any:
            return self.model(values)

    made_by = f"timm {timm.__version__}, torch {torch.__version__}"
    return TorchModel(TorchTower(Tower(), "image_embeds"), keys["side"], processor=keys, made_by=made_by)


def processor_of_timm(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a card that say how `timm` prepares photos.

    Raises:
        ModelError: ``unknown-processor``.
    """
    height, width = tuple(config["input_size"])[1:]
    mode, interpolation = config.get("crop_mode") or "center", config.get("interpolation") or "bicubic"
    if height != width or mode not in FITS or interpolation not in ("bilinear", "bicubic", "nearest", "lanczos"):
        raise ModelError(
            f"timm prepares photos of {width} x {height} pixels by {mode}, {interpolation}: not done by Shoplens.",
            "Write the card yourself (docs/models.md), or choose another model.",
            code="unknown-processor",
        )
    return {
        "side": height,
        "fit": FITS[mode],
        "resize": math.floor(height / float(config.get("crop_pct") or 1.0)),
        "centre": "even",
        "resample": interpolation,
        "rescale": 1 / 255,
        "mean": [float(one) for one in config["mean"]],
        "std": [float(one) for one in config["std"]],
        "channels": "RGB",
    }


def load_weights(model: Any, source: ModelSource, names: tuple[str, ...], unused: set[str]) -> None:
    """Load the first of these files that is there.

    Args:
        unused: first parts of the names of weights that a file may have beside those of the model.

    Raises:
        ModelError: ``missing-weights``.
    """
    from safetensors.torch import load_file

    path = next(source.folder / name for name in names if (source.folder / name).is_file())
    try:
        weights = {name.removeprefix("model."): tensor for name, tensor in load_file(path).items()}
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except Exception as problem:  # those of safetensors and torch share no public base
        raise ModelError(
            f"The weights of {source.place} cannot be read: {str(problem).splitlines()[0]}",
            "See that the configuration and the weights belong together.",
        ) from None
    strange = [name for name in unexpected if not name.startswith(tuple(unused))]
    if missing or strange:
        lacking = [*missing, *strange]
        raise ModelError(
            f"The weights of {source.place} do not fit: {len(lacking)} tensors, such as {lacking[0]}.",
            "Choose the weights of the whole model; its vectors would be random.",
            code="missing-weights",
        )
    model.eval()


def import_library(name: str, package: str) -> Any:
    """Import a library that only some exports need.

    Raises:
        InvalidValue: ``no-export``.
    """
    try:
        return import_module(name)
    except ImportError as missing:
        raise InvalidValue(
            f"Exporting this model needs {missing.name}.", f"Run `pip install {package}`.", code="no-export"
        ) from None
