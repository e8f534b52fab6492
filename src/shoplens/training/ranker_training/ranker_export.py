"""Exports a trained gate and listwise network as one ONNX file, and checks it against what was trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoplens.embedders.classifier import CARD
from shoplens.ranking.ranker import Ranker, RankerCard
from shoplens.ranking.ranker_features import SIGNALS, Floats, RankerFeatures
from shoplens.training.optimization.head_export import IR, OPSET, import_onnx
from shoplens.training.ranker_training.ranking_dataset import RankingDataset
from shoplens.training.ranker_training.ranking_networks import (
    CLIP,
    CONTEXT_BOUND,
    RankerRecipe,
    RankingNetwork,
    listwise_context,
)

PARAMETERS = (
    *("base", "mean", "scale", "gate", "axes", "offset", "look"),
    *("inner", "inner_bias", "query", "key", "outer", "outer_bias"),
)
MIN_SHARE = 0.005
"""Minimum share of a static weight, because one of 0 could never grow."""


def export_ranker(network: RankingNetwork, card: RankerCard) -> bytes:
    """Export a ranker: ``signals`` (d, s) and ``look`` (e,) -> ``logits`` (d,); ``places`` (n, d) and ``weights`` (d,)
    -> ``context`` (n,); all float32.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    onnx, helper, numpy_helper = import_onnx()
    dimensions, signals = network.gate.shape
    constants: dict[str, Any] = {
        **{name: getattr(network, name) for name in PARAMETERS},
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "none": np.float32(0),
        "far": np.float32(6),
        "near": np.float32(-6),
        "third": np.float32(1 / 3),
        "bound": np.float32(CONTEXT_BOUND),
        "last": np.array([1], np.int64),
    }
    constants["direction"] = constants.pop("look")
    # The names below are in every exported file; another name would change the ids of rankers.
    node = helper.make_node
    gate = [
        node("Sub", ["signals", "mean"], ["centred"]),
        node("Div", ["centred", "scale"], ["scaled"]),
        node("Clip", ["scaled", "low", "high"], ["clipped"]),
        node("Mul", ["clipped", "gate"], ["gated"]),
        node("ReduceSum", ["gated", "last"], ["by_signals"], keepdims=0),
        node("MatMul", ["look", "axes"], ["turned"]),
        node("Sub", ["turned", "offset"], ["placed"]),
        node("Clip", ["placed", "low", "high"], ["along"]),
        node("MatMul", ["along", "direction"], ["by_look"]),
        node("Add", ["by_signals", "by_look"], ["both_parts"]),
        node("Add", ["both_parts", "base"], ["logits"]),
    ]
    context = [
        node("Mul", ["places", "weights"], ["parts"]),
        node("Greater", ["weights", "none"], ["counts"]),
        node("Cast", ["counts"], ["counted"], to=onnx.TensorProto.FLOAT),
        node("Clip", ["places", "near", "far"], ["bounded"]),
        node("Mul", ["bounded", "counted"], ["kept"]),
        node("Mul", ["kept", "third"], ["values"]),
        node("ReduceMax", ["places"], ["best"], axes=[0], keepdims=1),
        node("Sub", ["places", "best"], ["gap"]),
        node("Clip", ["gap", "near", "none"], ["bounded_gap"]),
        node("Mul", ["bounded_gap", "counted"], ["kept_gap"]),
        node("Mul", ["kept_gap", "third"], ["gaps"]),
        node("ReduceSum", ["parts", "last"], ["total"], keepdims=1),
        node("ReduceMax", ["total"], ["best_total"], axes=[0], keepdims=1),
        node("Sub", ["total", "best_total"], ["behind"]),
        node("Concat", ["parts", "values", "gaps", "behind"], ["rows"], axis=1),
        node("MatMul", ["rows", "inner"], ["rows_inside"]),
        node("Add", ["rows_inside", "inner_bias"], ["rows_biased"]),
        node("Tanh", ["rows_biased"], ["hidden"]),
        node("MatMul", ["hidden", "query"], ["asking"]),
        node("MatMul", ["hidden", "key"], ["asked"]),
        node("Transpose", ["asked"], ["asked_turned"], perm=[1, 0]),
        node("MatMul", ["asking", "asked_turned"], ["attention"]),
        node("Softmax", ["attention"], ["shares"], axis=1),
        node("MatMul", ["shares", "hidden"], ["pooled"]),
        node("Sub", ["hidden", "pooled"], ["apart"]),
        node("Concat", ["hidden", "apart"], ["both"], axis=1),
        node("MatMul", ["both", "outer"], ["outside"]),
        node("Add", ["outside", "outer_bias"], ["outside_biased"]),
        node("Tanh", ["outside_biased"], ["share"]),
        node("Mul", ["share", "bound"], ["context"]),
    ]

    def value_info(name: str, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    used = {name for graph_node in (*gate, *context) for name in graph_node.input}
    graph = helper.make_graph(
        [*gate, *context],
        "ranker",
        [
            value_info("signals", [dimensions, signals]),
            value_info("look", [network.axes.shape[0]]),
            value_info("places", ["n", dimensions]),
            value_info("weights", [dimensions]),
        ],
        [value_info("logits", [dimensions]), value_info("context", ["n"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items() if name in used],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="shoplens")
    helper.set_model_props(model, {CARD: card.as_json()})
    content: bytes = model.SerializeToString()
    return content


def load_ranking_network(ranker: Ranker) -> RankingNetwork:
    """Return the network that a ranker was exported from.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    onnx, _, numpy_helper = import_onnx()
    graph = onnx.load_from_string(ranker.network).graph
    values = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
    values["look"] = values.pop("direction")
    parameters = {name: values[name].astype(np.float32) for name in PARAMETERS}
    return RankingNetwork(RankerRecipe(ranker.card.kind), **parameters)


def static_network(weights: Floats, size: int) -> RankingNetwork:
    """Return a network that ranks by static weights.

    Args:
        weights: float32 (d,), 0 or more; one below :data:`MIN_SHARE` of the sum is raised to that share.
        size: length of the queries' embeddings.
    """
    dimensions, signals, zeros = len(weights), len(SIGNALS), np.zeros
    shares = np.maximum(weights / weights.sum(), MIN_SHARE)
    listwise = {name: zeros((0,), np.float32) for name in PARAMETERS}
    return RankingNetwork(
        RankerRecipe("static"),
        **{
            **listwise,
            "base": np.log(shares).astype(np.float32),
            "mean": zeros((dimensions, signals), np.float32),
            "scale": np.ones((dimensions, signals), np.float32),
            "gate": zeros((dimensions, signals), np.float32),
            "axes": zeros((size, 1), np.float32),
            "offset": zeros(1, np.float32),
            "look": zeros((1, dimensions), np.float32),
        },
    )


def measure_ranker_difference(ranker: Ranker, network: RankingNetwork, dataset: RankingDataset) -> float:
    """Return the largest difference of any weight or context between the exported ranker and what was trained."""
    expected = network.weights(dataset)
    static = dict(zip(dataset.names, dataset.fitted_weights.tolist(), strict=True))
    difference = 0.0
    for n in range(len(dataset)):
        similarities = dataset.similarities[n]
        features = RankerFeatures(dataset.names, dataset.embeddings[n], dataset.signals[n], similarities)
        weights = ranker.weights(features, static)
        values = np.array([*weights.values()], np.float32)
        difference = max(difference, float(np.abs(values - expected[n]).max()))
        if ranker.card.kind == "listwise":
            context = ranker.context(
                dataset.names, similarities, dict(zip(dataset.names, values.tolist(), strict=True))
            )
            difference = max(difference, float(np.abs(context - listwise_context(network, similarities, values)).max()))
    return difference
