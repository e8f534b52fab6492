"""A network of two convolutions, whose end can be trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SIDE, CHANNELS, LATE = 16, 6, 8
CARD = {
    "name": "small",
    "side": SIDE,
    "layout": "NHWC",
    "dtype": "uint8",
    "output": "vector",
    "features": ["features"],
    "tail_from": "map",
    "tail_to": ["late"],
}


def small_network(extra: str = "Relu") -> bytes:
    """Return an ONNX network: ``photos`` uint8 (n, 16, 16, 3) -> ``vector`` (n, 6), ``features`` (n, 14) and ``mask``
    (n, 16, 16).

    The vector is the means of a map with a sixteenth of the positions; the features are the vector, and the means of
    what a second convolution makes of the map. The mask is 1 where the photo is not white.

    Args:
        extra: an operator with one input, in the end.
    """
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {
        "w1": rng.normal(0, 0.3, (CHANNELS, 3, 4, 4)).astype(np.float16),
        "b1": np.full(CHANNELS, 0.5, np.float32),
        "w2": rng.normal(0, 0.5, (LATE, CHANNELS, 3, 3)).astype(np.float32),
        "b2": np.full(LATE, 0.1, np.float32),
        "scale": np.float32(1 / 128),
        "low": np.float32(0),
        "high": np.float32(6),
        "white": np.float32(1.9),
        "root": np.float32(0.5),
    }

    def node(operator: str, inputs: str, output: str, **attributes: Any) -> Any:
        return helper.make_node(operator, inputs.split(), [output], **attributes)

    same_padding = {"auto_pad": "SAME_UPPER"}
    nodes = [
        node("Cast", "photos", "floats", to=onnx.TensorProto.FLOAT),
        node("Mul", "floats scale", "scaled"),
        node("Transpose", "scaled", "first", perm=[0, 3, 1, 2]),
        node("Cast", "w1", "w1f", to=onnx.TensorProto.FLOAT),
        node("Conv", "first w1f b1", "c1", strides=[4, 4], kernel_shape=[4, 4], **same_padding),
        node("Clip", "c1 low high", "map"),
        node("GlobalAveragePool", "map", "p1"),
        node("Flatten", "p1", "early"),
        node("Identity", "early", "vector"),
        node("Conv", "map w2 b2", "c2", strides=[2, 2], kernel_shape=[3, 3], **same_padding),
        node(extra, "c2", "r2"),
        node("Mul", "r2 r2", "squares"),
        node("GlobalAveragePool", "squares", "p2"),
        node("Flatten", "p2", "means"),
        node("Pow", "means root", "late"),
        node("Concat", "early late", "features", axis=1),
        node("ReduceMean", "scaled", "grey", axes=[3], keepdims=0),
        node("Less", "grey white", "dark"),
        node("Cast", "dark", "mask", to=onnx.TensorProto.FLOAT),
    ]
    photos = helper.make_tensor_value_info("photos", onnx.TensorProto.UINT8, ["n", SIDE, SIDE, 3])
    outputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])
        for name, size in (("vector", CHANNELS), ("features", CHANNELS + LATE))
    ]
    outputs.append(helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, ["n", SIDE, SIDE]))
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "small", [photos], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    network: bytes = model.SerializeToString()
    return network


def small_model(folder: Path, **card: Any) -> Path:
    """Write the network with its card into a folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.onnx").write_bytes(small_network())
    (folder / "small.json").write_text(json.dumps({**CARD, **card}))
    return folder / "small.onnx"
