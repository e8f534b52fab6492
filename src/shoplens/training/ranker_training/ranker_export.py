"""A trained gate and listwise network -> one ONNX file, checked against what was trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoplens.embedders.classifier import CARD
from shoplens.ranking.ranker import Ranker, RankerCard
from shoplens.ranking.ranker_features import SIGNALS, Evidence, Floats
from shoplens.training.optimization.head_export import IR, OPSET, onnx_library
from shoplens.training.ranker_training.ranking_dataset import Tasks
from shoplens.training.ranker_training.ranking_networks import BOUND, CLIP, Network, Recipe, context_of

NUMBERS = (
    *("base", "mean", "scale", "gate", "axes", "offset", "look"),
    *("inner", "inner_bias", "query", "key", "outer", "outer_bias"),
)
LEAST_SHARE = 0.005


def ranker_network(network: Network, card: RankerCard) -> bytes:
    """``signals`` (d, s) and ``look`` (e,) -> ``logits`` (d,); ``places`` (n, d) and ``weights`` (d,) -> ``context``
    (n,); all float32.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    onnx, helper, numpy_helper = onnx_library()
    wide, signals = network.gate.shape
    constants: dict[str, Any] = {
        **{name: getattr(network, name) for name in NUMBERS},
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "none": np.float32(0),
        "far": np.float32(6),
        "near": np.float32(-6),
        "third": np.float32(1 / 3),
        "bound": np.float32(BOUND),
        "last": np.array([1], np.int64),
    }
    constants["direction"] = constants.pop("look")
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

    used = {name for one in (*gate, *context) for name in one.input}
    graph = helper.make_graph(
        [*gate, *context],
        "ranker",
        [
            value_info("signals", [wide, signals]),
            value_info("look", [network.axes.shape[0]]),
            value_info("places", ["n", wide]),
            value_info("weights", [wide]),
        ],
        [value_info("logits", [wide]), value_info("context", ["n"])],
        [numpy_helper.from_array(np.asarray(value), one) for one, value in constants.items() if one in used],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="shoplens")
    helper.set_model_props(model, {CARD: card.as_json()})
    found: bytes = model.SerializeToString()
    return found


def network_of(ranker: Ranker) -> Network:
    """What a ranker was exported from.

    Raises:
        InvalidValue: ``no-onnx``, the extra is not installed.
    """
    onnx, _, numpy_helper = onnx_library()
    graph = onnx.load_from_string(ranker.network).graph
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    held["look"] = held.pop("direction")
    numbers = {name: held[name].astype(np.float32) for name in NUMBERS}
    return Network(Recipe(ranker.card.kind), **numbers)


def network_of_weights(weights: Floats, size: int) -> Network:
    """What ranks by static weights.

    Args:
        weights: float32 (d,), 0 or more; one below :data:`LEAST_SHARE` of the sum counts as so much, or it could never
            grow.
        size: of the queries' embeddings.
    """
    wide, signals, zeros = len(weights), len(SIGNALS), np.zeros
    shares = np.maximum(weights / weights.sum(), LEAST_SHARE)
    empty = {name: zeros((0,), np.float32) for name in NUMBERS}
    return Network(
        Recipe("static"),
        **{
            **empty,
            "base": np.log(shares).astype(np.float32),
            "mean": zeros((wide, signals), np.float32),
            "scale": np.ones((wide, signals), np.float32),
            "gate": zeros((wide, signals), np.float32),
            "axes": zeros((size, 1), np.float32),
            "offset": zeros(1, np.float32),
            "look": zeros((1, wide), np.float32),
        },
    )


def largest_difference(ranker: Ranker, network: Network, tasks: Tasks) -> float:
    """Largest difference of any weight or context between the exported ranker and what was trained."""
    expected = network.weights(tasks)
    found, static = 0.0, dict(zip(tasks.names, tasks.static.tolist(), strict=True))
    for n in range(len(tasks)):
        weights = _weights(ranker, tasks, n, static)
        found = max(found, float(np.abs(weights - expected[n]).max()))
        if ranker.card.kind == "listwise":
            told = dict(zip(tasks.names, weights.tolist(), strict=True))
            context = ranker.context(tasks.names, tasks.places[n], told)
            found = max(found, float(np.abs(context - context_of(network, tasks.places[n], weights)).max()))
    return found


def _weights(ranker: Ranker, tasks: Tasks, n: int, static: dict[str, float]) -> Floats:
    seen = Evidence(tasks.names, tasks.looks[n], tasks.signals[n], tasks.places[n])
    return np.array([*ranker.weights(seen, static).values()], np.float32)
