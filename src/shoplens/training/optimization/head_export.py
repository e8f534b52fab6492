"""Exports what was trained as an ONNX network behind the features, and checks it against what was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders.classifier import CARD
from shoplens.errors import InvalidValue
from shoplens.training.optimization.feature_whitening import CLIP, FeatureWhitening
from shoplens.training.optimization.head import TrainedWeights
from shoplens.training.optimization.losses import INSTALL_COMMAND
from shoplens.training.optimization.softmax_head import SoftmaxWeights

Floats = npt.NDArray[np.float32]
OPSET, IR = 17, 8


def export_look(whitening: FeatureWhitening, head: TrainedWeights) -> bytes:
    """Export a head: ``features`` float32 (n, width) -> ``vectors`` float32 (n, d), of length 1.

    Whitening and head are one linear map behind the scale of the features, so the network multiplies once.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    _, helper, _ = import_onnx()
    nodes, constants = _linear_nodes(whitening, head.weights)
    nodes.append(helper.make_node("LpNormalization", ["placed"], ["vectors"], axis=1, p=2))
    return _serialize("look", whitening, nodes, constants, {"vectors": head.weights.shape[1]})


def export_classifier(whitening: FeatureWhitening, softmax: SoftmaxWeights, card: str) -> bytes:
    """Export a classifier: ``features`` float32 (n, width) -> ``probabilities`` float32 (n, products), and ``vectors``
    float32 (n, h), which the last layer works on.

    Args:
        card: is stored inside, see :class:`~shoplens.embedders.classifier.ProductClassifier`.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    _, helper, _ = import_onnx()
    nodes, constants = _linear_nodes(whitening, softmax.body)
    nodes += [
        helper.make_node("Identity", ["placed"], ["vectors"]),
        helper.make_node("Gemm", ["vectors", "outputs", "biases"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    constants |= {"outputs": softmax.outputs, "biases": softmax.biases}
    sizes = {"probabilities": softmax.outputs.shape[1], "vectors": softmax.body.shape[1]}
    return _serialize("classifier", whitening, nodes, constants, sizes, {CARD: card})


def _linear_nodes(whitening: FeatureWhitening, weights: Floats) -> tuple[list[Any], dict[str, Any]]:
    """Return the nodes from ``features`` to ``placed``, float32 (n, d): whitened features times weights float32 (b,
    d)."""
    _, helper, _ = import_onnx()
    constants = {
        "rooted": whitening.scale.rooted,
        "mean": whitening.scale.mean,
        "factor": whitening.scale.factor,
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "weights": (whitening.axes @ weights).astype(np.float32),
        "offset": (whitening.offset @ weights).astype(np.float32),
    }
    # The names below are in every exported file; another name would change the ids of looks.
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


def _serialize(
    name: str,
    whitening: FeatureWhitening,
    nodes: Sequence[Any],
    constants: Mapping[str, Any],
    sizes: Mapping[str, int],
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return an ONNX network from ``features`` to outputs of these sizes."""
    onnx, helper, numpy_helper = import_onnx()

    def value_info(name: str, size: int) -> Any:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])

    graph = helper.make_graph(
        nodes,
        name,
        [value_info("features", whitening.axes.shape[0])],
        [value_info(*item) for item in sizes.items()],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="shoplens")
    helper.set_model_props(model, dict(metadata))
    network: bytes = model.SerializeToString()
    return network


def measure_export_difference(
    network: bytes, whitening: FeatureWhitening, head: TrainedWeights, rows: npt.NDArray[np.float16]
) -> float:
    """Return the largest difference of any value between the network's vectors and those that torch computes."""
    import onnxruntime
    import torch

    features = rows.astype(np.float32)
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    vectors = session.run(None, {"features": features})[0]
    projected = torch.from_numpy(whitening.transform(rows)) @ torch.from_numpy(head.weights)
    expected = torch.nn.functional.normalize(projected, dim=1).numpy()
    return float(np.abs(vectors - expected).max(initial=0.0))


def import_onnx() -> tuple[Any, Any, Any]:
    """Import onnx; return it with its ``helper`` and ``numpy_helper``.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    try:
        import onnx
        from onnx import helper, numpy_helper
    except ModuleNotFoundError:
        raise InvalidValue("Training needs onnx.", f"Install it: {INSTALL_COMMAND}.", code="no-onnx") from None
    return onnx, helper, numpy_helper
