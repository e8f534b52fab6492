"""Tiny models of `transformers` with random weights from a fixed seed, saved in the layout of the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 64
_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
_PATCHES = {**_SIZES, "image_size": SIDE, "patch_size": 16}
WORDS = ("red", "green", "blue", "lamp", "cup", "chair", "wood", "photo", "of", "a")
_SPECIAL = ("<pad>", "<unk>", "<start>", "<end>")
_TEXT = {
    **_SIZES,
    "vocab_size": len(WORDS) + len(_SPECIAL),
    "max_position_embeddings": 16,
    "bos_token_id": len(WORDS) + 2,
    "eos_token_id": len(WORDS) + 3,
    "pad_token_id": len(WORDS),
}
_CUT = {
    "size": {"shortest_edge": SIDE},
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
}
FAMILIES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "clip": ("CLIP", "CLIP", {"vision_config": _PATCHES, "text_config": _TEXT, "projection_dim": 24}, _CUT),
    "siglip": ("Siglip", "Siglip", {"vision_config": _PATCHES, "text_config": _TEXT}, {}),
    "dinov2": ("Dinov2", "Bit", _PATCHES, {**_CUT, "size": {"shortest_edge": 73}}),
    "dinov3_vit": ("DINOv3ViT", "DINOv3ViT", {**_PATCHES, "num_register_tokens": 4}, {}),
    "vit": ("ViT", "ViT", _PATCHES, {}),
    "convnext": ("ConvNext", "ConvNext", {"depths": [1, 1], "hidden_sizes": [16, 32], "num_stages": 2}, _CUT),
    "mobilenet_v2": ("MobileNetV2", "MobileNetV2", {"depth_multiplier": 0.35, "image_size": SIDE}, _CUT),
}
"""Family -> first parts of the names of model and processor, the configuration, and that of the processor."""


def save_model(family: str, folder: Path) -> Any:
    """Save a model of a family, and return it."""
    import torch

    from shoplens.training.exports.torchvision_operators import repair_torchvision

    repair_torchvision()
    import transformers

    name, processor, options, geometry = FAMILIES[family]
    torch.manual_seed(7)
    model = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**options)).eval()
    for layer in model.modules():  # without statistics of their own, random layers fade to zero
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None
    if family == "mobilenet_v2":
        model.train()(pixel_values=torch.randn(8, 3, SIDE, SIDE))
        model.eval()
    model.save_pretrained(folder)
    square = {"size": {"height": SIDE, "width": SIDE}} | geometry
    if family in ("clip", "siglip"):
        write_tokenizer(folder)
    kind = {"image_processor_type": f"{processor}ImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(kind | square))
    return model


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of whole words, which puts a start and an end around them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = (*WORDS, *_SPECIAL)
    tokenizer = Tokenizer(models.WordLevel({name: n for n, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, names.index(name)) for name in ("<start>", "<end>")]
    tokenizer.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>"}))
