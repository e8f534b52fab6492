"""A model that takes no time, in the layout of the hub."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

MODEL = "pixels"
"""Name of the model of the store."""


def write_repository(folder: Path) -> Path:
    """Write a model in the layout of the hub, whose vectors are photos of 8 x 8 pixels, and return the folder."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    photos = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 8, 8])
    vectors = helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["n", 192])
    node = helper.make_node("Flatten", ["pixel_values"], ["pooler_output"])
    graph = helper.make_graph([node], "pixels", [photos], [vectors])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "onnx" / "vision_model.onnx").write_bytes(onnx.ModelProto.SerializeToString(model))
    (folder / "config.json").write_text(json.dumps({"model_type": "siglip"}), "utf-8")
    processor = {"image_processor_type": "SiglipImageProcessor", "size": {"height": 8, "width": 8}, "resample": 2}
    processor |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), "utf-8")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n", "utf-8")
    return folder
