"""A trained head -> an ONNX network from features to vectors, checked against what was trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.training.basis import CLIP, Basis
from shoplens.training.head import Trained
from shoplens.training.losses import EXTRA

Floats = npt.NDArray[np.float32]
OPSET, IR = 17, 8


def look_network(basis: Basis, head: Trained) -> bytes:
    """``features`` float32 (n, width) -> ``vectors`` float32 (n, d), of length 1.

    Basis and head are one linear map behind the scale of the features, so the network multiplies once.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    onnx, helper, numpy_helper = _library()
    width, dimensions = basis.axes.shape[0], head.weights.shape[1]
    constants = {
        "rooted": basis.scale.rooted,
        "mean": basis.scale.mean,
        "factor": basis.scale.factor,
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "weights": (basis.axes @ head.weights).astype(np.float32),
        "offset": (basis.offset @ head.weights).astype(np.float32),
    }
    nodes = [
        helper.make_node("Relu", ["features"], ["positive"]),
        helper.make_node("Sqrt", ["positive"], ["roots"]),
        helper.make_node("Where", ["rooted", "roots", "features"], ["values"]),
        helper.make_node("Sub", ["values", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "factor"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
        helper.make_node("MatMul", ["clipped", "weights"], ["products"]),
        helper.make_node("Sub", ["products", "offset"], ["placed"]),
        helper.make_node("LpNormalization", ["placed"], ["vectors"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "look",
        [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("vectors", onnx.TensorProto.FLOAT, ["n", dimensions])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="shoplens")
    network: bytes = model.SerializeToString()
    return network


def largest_difference(network: bytes, basis: Basis, head: Trained, rows: npt.NDArray[np.float16]) -> float:
    """Largest difference of any number between the network's vectors and those that torch computes in training."""
    import onnxruntime
    import torch

    features = rows.astype(np.float32)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    found = session.run(None, {"features": features})[0]
    inner = torch.from_numpy(basis.applied(rows)) @ torch.from_numpy(head.weights)
    expected = torch.nn.functional.normalize(inner, dim=1).numpy()
    return float(np.abs(found - expected).max(initial=0.0))


def _library() -> tuple[Any, Any, Any]:
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ModuleNotFoundError:
        raise InvalidValue("Training needs onnx.", f"Install it: {EXTRA}.", code="no-onnx") from None
    return onnx, helper, numpy_helper
