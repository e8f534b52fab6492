"""What was trained -> an ONNX network behind the features, checked against what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.classifier import CARD
from shoplens.errors import InvalidValue
from shoplens.training.optimization.feature_whitening import CLIP, Basis
from shoplens.training.optimization.head import Trained
from shoplens.training.optimization.losses import EXTRA
from shoplens.training.optimization.softmax_head import Softmax

Floats = npt.NDArray[np.float32]
OPSET, IR = 17, 8


def look_network(basis: Basis, head: Trained) -> bytes:
    """``features`` float32 (n, width) -> ``vectors`` float32 (n, d), of length 1.

    Basis and head are one linear map behind the scale of the features, so the network multiplies once.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    _, helper, _ = onnx_library()
    nodes, constants = _linear_nodes(basis, head.weights)
    nodes.append(helper.make_node("LpNormalization", ["placed"], ["vectors"], axis=1, p=2))
    return _network("look", basis, nodes, constants, {"vectors": head.weights.shape[1]})


def classifier_network(basis: Basis, softmax: Softmax, card: str) -> bytes:
    """``features`` float32 (n, width) -> ``probabilities`` float32 (n, products), and ``vectors`` float32 (n, h): what
    the last layer works on.

    Args:
        card: is kept inside, see :class:`~shoplens.embedders.classifier.ProductClassifier`.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    _, helper, _ = onnx_library()
    nodes, constants = _linear_nodes(basis, softmax.body)
    nodes += [
        helper.make_node("Identity", ["placed"], ["vectors"]),
        helper.make_node("Gemm", ["vectors", "outputs", "biases"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants |= {"outputs": softmax.outputs, "biases": softmax.biases}
    sizes = {"probabilities": softmax.outputs.shape[1], "vectors": softmax.body.shape[1]}
    return _network("classifier", basis, nodes, constants, sizes, {CARD: card})


def _linear_nodes(basis: Basis, weights: Floats) -> tuple[list[Any], dict[str, Any]]:
    """Nodes from ``features`` to ``placed``, float32 (n, d): features in the basis, times weights float32 (b, d)."""
    _, helper, _ = onnx_library()
    constants = {
        "rooted": basis.scale.rooted,
        "mean": basis.scale.mean,
        "factor": basis.scale.factor,
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "weights": (basis.axes @ weights).astype(np.float32),
        "offset": (basis.offset @ weights).astype(np.float32),
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
    ]
    return nodes, constants


def _network(
    name: str,
    basis: Basis,
    nodes: Sequence[Any],
    constants: Mapping[str, Any],
    sizes: Mapping[str, int],
    told: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """ONNX from ``features`` to outputs of these sizes."""
    onnx, helper, numpy_helper = onnx_library()

    def rows(one: str, size: int) -> Any:
        return helper.make_tensor_value_info(one, onnx.TensorProto.FLOAT, ["n", size])

    graph = helper.make_graph(
        nodes,
        name,
        [rows("features", basis.axes.shape[0])],
        [rows(*one) for one in sizes.items()],
        [numpy_helper.from_array(np.asarray(value), one) for one, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="shoplens")
    helper.set_model_props(model, dict(told))
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


def onnx_library() -> tuple[Any, Any, Any]:
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ModuleNotFoundError:
        raise InvalidValue("Training needs onnx.", f"Install it: {EXTRA}.", code="no-onnx") from None
    return onnx, helper, numpy_helper
