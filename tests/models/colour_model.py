"""A model of photos and texts in the layout of the hub whose vectors are colours, so that they can be computed in one's
head: a photo is its mean colour, and a text the mean of the colours that its words name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 8
COLORS = {
    "crimson": (1.0, -1.0, -1.0),
    "emerald": (-1.0, 1.0, -1.0),
    "azure": (-1.0, -0.4, 1.0),
    "lemon": (1.0, 1.0, -1.0),
}
"""Words that the text tower knows, with their colours as the network for photos sees them."""
_OTHER = (0.01, 0.01, 0.01)
"""What any other word adds, so that no vector is zero."""
PROCESSOR = {
    "image_processor_type": "SiglipImageProcessor",
    "size": {"height": SIDE, "width": SIDE},
    "image_mean": [0.5] * 3,
    "image_std": [0.5] * 3,
}


def write_colour_model(folder: Path) -> Path:
    """Write the repository, and return its folder."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "vision_model.onnx").write_bytes(_photos())
    (folder / "onnx" / "text_model.onnx").write_bytes(_texts())
    (folder / "config.json").write_text(json.dumps({"model_type": "clip"}))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    words = ["[UNK]", *COLORS]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: n for n, word in enumerate(words)}, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def _photos() -> bytes:
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["image_embeds"]),
    ]
    shape = ["batch", 3, SIDE, SIDE]
    return _model(nodes, "pixel_values", TensorProto.FLOAT, shape, "image_embeds", [])


def _texts() -> bytes:
    table = numpy_helper.from_array(np.array([_OTHER, *COLORS.values()], np.float32), "table")
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("ReduceMean", ["words"], ["text_embeds"], axes=[1], keepdims=0),
    ]
    return _model(nodes, "input_ids", TensorProto.INT64, ["batch", "tokens"], "text_embeds", [table])


def _model(nodes: list[object], name: str, kind: int, shape: list[object], output: str, weights: list[object]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", 3])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    content: bytes = onnx.ModelProto.SerializeToString(model)
    return content
