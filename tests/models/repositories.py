"""Small networks in the layout of the Hugging Face hub, whose vectors can be computed in one's head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

SIDE = 8
"""Pixels per side of the photos that these networks read."""
TOKENS, WIDTH = 4, 48
"""Tokens of ``last_hidden_state``, and their length."""
PROCESSOR = {
    "image_processor_type": "SiglipImageProcessor",
    "size": {"height": SIDE, "width": SIDE},
    "resample": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def write_repository(
    folder: Path,
    *,
    network: str = "onnx/vision_model.onnx",
    outputs: tuple[str, ...] = ("pooler_output",),
    family: str = "siglip",
    processor: dict[str, Any] | None = None,
    readme: str = "",
    opset: int = 17,
) -> Path:
    """Write a repository whose network returns its pixels, and return the folder.

    Args:
        outputs: of ``pooler_output``, all pixels in a row, and ``last_hidden_state``, the same as four tokens.
    """
    (folder / network).parent.mkdir(parents=True, exist_ok=True)
    (folder / network).write_bytes(pixel_network(outputs, opset=opset))
    (folder / "config.json").write_text(json.dumps({"model_type": family}))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR if processor is None else processor))
    if readme:
        (folder / "README.md").write_text(readme)
    return folder


def pixel_network(outputs: tuple[str, ...], *, inputs: tuple[str, ...] = ("pixel_values",), opset: int = 17) -> bytes:
    """Return an ONNX file: (photos, 3, 8, 8) -> (photos, 192), (photos, 4, 48) or a map (photos, 3, 8, 8)."""
    shapes: dict[str, list[Any]] = {
        "pooler_output": ["batch", TOKENS * WIDTH],
        "last_hidden_state": ["batch", TOKENS, WIDTH],
        "map": ["batch", 3, SIDE, SIDE],
        "logits": ["batch", TOKENS * WIDTH],
    }
    nodes = {
        "pooler_output": helper.make_node("Flatten", ["pixel_values"], ["pooler_output"]),
        "logits": helper.make_node("Flatten", ["pixel_values"], ["logits"]),
        "last_hidden_state": helper.make_node("Reshape", ["pixel_values", "tokens"], ["last_hidden_state"]),
        "map": helper.make_node("Identity", ["pixel_values"], ["map"]),
    }
    graph = helper.make_graph(
        [nodes[name] for name in outputs],
        "pixels",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, SIDE, SIDE]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in outputs],
        [helper.make_tensor("tokens", TensorProto.INT64, [3], [-1, TOKENS, WIDTH])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    content: bytes = onnx.ModelProto.SerializeToString(model)
    return content
