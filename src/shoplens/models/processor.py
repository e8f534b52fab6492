"""``preprocessor_config.json``, which says how `transformers` prepares photos for a network -> the keys of a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shoplens.errors import ModelError

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)
_CLIP = {
    "size": {"shortest_edge": 224},
    "resample": 3,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
}
_SQUARE = {"size": {"height": 224, "width": 224}, "resample": 2, "image_mean": HALF, "image_std": HALF}
_MOBILENET = {**_CLIP, "size": {"shortest_edge": 256}, "resample": 2, "image_mean": HALF, "image_std": HALF}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "CLIP": _CLIP,
    "ChineseCLIP": _CLIP,
    "Siglip": {**_SQUARE, "resample": 3},
    "Siglip2": {**_SQUARE, "resample": 3},
    "Bit": _CLIP,
    "Pvt": {**_SQUARE, "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD},
    "ViT": _SQUARE,
    "DeiT": {
        **_SQUARE,
        "size": {"height": 256, "width": 256},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": 224, "width": 224},
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    },
    "Beit": {**_SQUARE, "resample": 3},
    "DINOv3ViT": {**_SQUARE, "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD},
    "MobileNetV1": _MOBILENET,
    "MobileNetV2": _MOBILENET,
    "MobileViT": {
        **_CLIP,
        "size": {"shortest_edge": 288},
        "resample": 2,
        "crop_size": {"height": 256, "width": 256},
        "do_normalize": False,
        "do_flip_channel_order": True,
    },
    "ConvNext": {
        "size": {"shortest_edge": 384},
        "resample": 3,
        "crop_pct": 224 / 256,
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    },
}
"""First part of the name of an image processor -> what it does where its file is silent. All others are refused, since
several differ in a step that their file does not name."""
RESAMPLE = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""The numbers of filters in Pillow."""
CONVNEXT_SQUASHED = 384
"""Pixels from which the processor of ConvNeXT scales photos to the square instead of cutting the centre out."""


def card_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a card that say the same as the file: ``side``, ``fit``, ``resize``, ``resample``,
    ``rescale``, ``mean``, ``std`` and ``channels``.

    Raises:
        ModelError: ``unknown-processor``: it prepares photos in a way that no card can say.
    """
    values = _read_values(config)
    if values.get("do_pad"):
        raise _cannot_say("pads photos (`do_pad`)")
    keys: dict[str, Any] = _read_geometry(values)
    resample = values.get("resample", 2)
    if keys["resample"] is None or resample not in RESAMPLE:
        raise _cannot_say(f"uses the filter {resample!r}")
    keys["rescale"] = float(values.get("rescale_factor", 1 / 255)) if values.get("do_rescale", True) else 1.0
    normalizes = values.get("do_normalize", True)
    keys["mean"] = _read_colour(values["image_mean"]) if normalizes else [0.0] * 3
    keys["std"] = _read_colour(values["image_std"]) if normalizes else [1.0] * 3
    keys["channels"] = "BGR" if values.get("do_flip_channel_order") else "RGB"
    return keys


def _read_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the file says, completed by what its processor does where the file is silent."""
    name = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    kind = name.removesuffix("Fast").removesuffix("Pil").removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    if kind not in DEFAULTS:
        raise _cannot_say(f"is {name!r}, which is none of {', '.join(DEFAULTS)}")
    if "max_num_patches" in config:
        raise _cannot_say("cuts photos of any shape into patches (SigLIP2 NaFlex)")
    values = {**DEFAULTS[kind], **{name: value for name, value in config.items() if value is not None}}
    if not values.get("do_resize", True):
        raise _cannot_say("does not scale photos")
    return values


def _read_geometry(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of scaling and cutting."""
    size, crop = values["size"], values.get("crop_size") if values.get("do_center_crop") else None
    cuts = crop is not None
    if isinstance(size, int):  # files of before 2023
        size = {"shortest_edge": size} if cuts or "crop_pct" in values else {"height": size, "width": size}
    resample = RESAMPLE.get(values.get("resample", 2))
    shortest = size.get("shortest_edge")
    if shortest and "crop_pct" in values and not cuts:
        if shortest >= CONVNEXT_SQUASHED:
            return {"side": shortest, "fit": "squash", "resample": resample}
        resize = int(shortest / (values["crop_pct"] or 224 / 256))
        return {"side": shortest, "fit": "shortest", "resize": resize, "resample": resample}
    if shortest and cuts and "longest_edge" not in size:
        side = crop if isinstance(crop, int) else _square(crop)
        if side > shortest:
            raise _cannot_say(f"cuts {side} pixels out of {shortest}")
        return {"side": side, "fit": "shortest", "resize": shortest, "resample": resample}
    if {"height", "width"} <= set(size):
        full = _square(size)
        side = full if not cuts else crop if isinstance(crop, int) else _square(crop)
        if side <= full:
            return {"side": side, "fit": "squash", "resize": full, "resample": resample}
    raise _cannot_say(f"scales to {size} and cuts to {crop}")


def _square(size: Any) -> int:
    height, width = size.get("height"), size.get("width")
    if height != width or not isinstance(height, int):
        raise _cannot_say(f"makes photos of {height} x {width} pixels, which are no squares")
    return height


def _read_colour(value: object) -> list[float]:
    if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(one, int | float) for one in value):
        return [float(one) for one in value]
    raise _cannot_say(f"has the mean or the standard deviation {value!r}")


def _cannot_say(what: str) -> ModelError:
    return ModelError(
        f"The image processor of this model {what}, which Shoplens does not do.",
        "Write the card yourself with what comes next to it (docs/models.md), or choose another model.",
        code="unknown-processor",
    )
