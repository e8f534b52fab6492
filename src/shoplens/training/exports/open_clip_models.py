"""Models of `open_clip` as towers of torch: open_clip_config.json, and weights in safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shoplens.errors import ModelError
from shoplens.models.add import ModelSource
from shoplens.models.layout import OPEN_CLIP_WEIGHTS, TOKENIZER
from shoplens.training.exports.timm_models import import_library, load_weights
from shoplens.training.exports.towers import TorchModel, TorchTower

CONFIG = "open_clip_config.json"


def load_open_clip_model(torch: Any, source: ModelSource, *, text: bool = True) -> TorchModel:
    """Read the towers of a model of `open_clip`.

    Args:
        text: whether its tower for texts is wanted; it needs the file of `tokenizers`, too.

    Raises:
        InvalidValue: ``no-export``: `open_clip` is not installed.
        ModelError: ``unknown-processor``, ``missing-weights``.
    """
    open_clip = import_library("open_clip", "open_clip_torch")
    config = json.loads((source.folder / CONFIG).read_text("utf-8"))
    try:
        model = open_clip.create_model(f"local-dir:{source.folder}", load_weights=False, pretrained_text=False)
    except Exception as problem:  # the library raises RuntimeError, TypeError and others
        raise ModelError(
            f"open_clip cannot make the model of {source.place}: {str(problem).splitlines()[0]}",
            "Upgrade open_clip_torch.",
        ) from None
    load_weights(model, source, OPEN_CLIP_WEIGHTS, set())
    keys = processor_of_open_clip(config["model_cfg"], config.get("preprocess_cfg") or {})
    made_by = f"open_clip {open_clip.__version__}, torch {torch.__version__}"
    photos = TorchTower(_as_module(torch, model, "encode_image"), "image_embeds")
    if not text or not (source.folder / TOKENIZER).is_file():
        return TorchModel(photos, keys["side"], processor=keys, made_by=made_by)
    words = config["model_cfg"].get("text_cfg", {})
    length = int(words.get("context_length", 77))
    is_canonical = (words.get("tokenizer_kwargs") or {}).get("clean") == "canonicalize"
    bias = getattr(model, "logit_bias", None)
    text_keys = {
        "scale": float(model.logit_scale.exp()),
        "bias": 0.0 if bias is None else float(bias),
        "clean": "letters" if is_canonical else "lowercase",
    }
    return TorchModel(
        photos,
        keys["side"],
        TorchTower(_as_module(torch, model, "encode_text"), "text_embeds"),
        length,
        int(words.get("vocab_size", 49_408)),
        True,
        text_keys,
        keys,
        made_by,
    )


def processor_of_open_clip(model: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a card that say how `open_clip` prepares photos.

    Args:
        model, config: ``model_cfg`` and ``preprocess_cfg`` of the configuration.

    Raises:
        ModelError: ``unknown-processor``.
    """
    size = config.get("size") or model["vision_cfg"]["image_size"]
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    mode, interpolation = config.get("resize_mode") or "shortest", config.get("interpolation") or "bicubic"
    if height != width or mode not in ("shortest", "squash") or interpolation not in ("bilinear", "bicubic"):
        raise ModelError(
            f"open_clip prepares photos of {width} x {height} pixels by {mode}, {interpolation}: not done by Shoplens.",
            "Write the card yourself (docs/models.md), or choose another model.",
            code="unknown-processor",
        )
    mean = config.get("mean") or (0.48145466, 0.4578275, 0.40821073)
    std = config.get("std") or (0.26862954, 0.26130258, 0.27577711)
    return {
        "side": int(height),
        "fit": mode,
        "resize": int(height),
        "centre": "even",
        "resample": interpolation,
        "rescale": 1 / 255,
        "mean": [float(one) for one in mean],
        "std": [float(one) for one in std],
        "channels": "RGB",
    }


def _as_module(torch: Any, model: Any, name: str) -> Any:
    """Return a method of a model as a module of its own."""

    class Tower(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, values: Any) -> Any:
            return getattr(self.model, name)(values)

    return Tower()
