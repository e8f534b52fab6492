"""The end of an ONNX network as a torch module that can be trained, and put back into the network beside the old end.

It supports only what convolutional networks are made of; see :data:`OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders import Embedder, OnnxEmbedder
from shoplens.embedders.card import ModelCard
from shoplens.embedders.tuned import TAIL_OUTPUT
from shoplens.errors import InvalidValue
from shoplens.training.optimization.head_export import import_onnx
from shoplens.training.optimization.training_loop import import_torch

Floats = npt.NDArray[np.float32]
Attributes = Mapping[str, Any]
_SMALL = 1e-12
"""Roots are taken of at least this value, because their slope at 0 is infinite."""


class Tail:
    """The part of a network behind one of its maps, up to some of its outputs.

    Args:
        network: the ONNX file.
        card: names the map and the outputs, see :class:`~shoplens.embedders.card.ModelCard`.
        original: the ONNX file with the weights of the tail, where the network itself is quantized. Its tail takes the
            quantized network's map, and is trained and run in float32.

    Attributes:
        module: the torch module; its parameters are the network's weights, as they are in the file.

    Raises:
        InvalidValue: ``no-tail``, the card names no tail, or the tail has an operator that cannot be trained.
    """

    def __init__(self, network: bytes, card: ModelCard, original: bytes | None = None) -> None:
        onnx, _, numpy_helper = import_onnx()
        if not card.tail_from:
            raise InvalidValue(
                f"The card of {card.name} does not say where its tail begins.",
                "Leave --depth out, or name `tail_from` and `tail_to` in its card; see docs/models.md.",
                code="no-tail",
            )
        self._model = onnx.load_from_string(network)
        self._original = self._model if original is None else onnx.load_from_string(original)
        self.card = card
        graph = self._original.graph
        self._constants = {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
        self._nodes = _tail_nodes(graph.node, set(self._constants), card)
        unsupported = sorted({node.op_type for node in self._nodes} - OPERATORS.keys() - {"Cast"})
        if unsupported:
            raise InvalidValue(
                f"The tail of {card.name} has operators that cannot be trained: {', '.join(unsupported)}.",
                f"Leave --depth out. Supported operators are {', '.join(sorted(OPERATORS))}.",
                code="no-tail",
            )
        self.module = self._build_module()

    def _build_module(self) -> Any:
        torch = import_torch()
        steps, weights = [], {}
        for node in self._nodes:
            for name in node.input:
                if name in self._constants and self._constants[name].ndim and name not in weights:
                    values = torch.from_numpy(self._constants[name].astype(np.float32))
                    weights[name] = torch.nn.Parameter(values.contiguous(memory_format=_layout(torch, values)))
            steps.append((node.op_type, list(node.input), node.output[0], _attributes(node)))
        used_names = {name for node in self._nodes for name in node.input}
        scalars = {
            name: torch.tensor(float(value))
            for name, value in self._constants.items()
            if name in used_names and not value.ndim
        }
        return _create_module(torch, steps, weights, scalars, self.card)

    def export_both_tails(self) -> bytes:
        """Return the whole network with both tails: all outputs of before, and the trained ones joined as
        :data:`TAIL_OUTPUT`.

        Weights keep the precision that they had before.
        """
        onnx, helper, numpy_helper = import_onnx()
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        tail_outputs = {name for node in self._nodes for name in node.output}
        trained = {name: weight.detach().numpy() for name, weight in self.module.named_weights()}

        def tuned_name(name: str) -> str:
            return f"{TAIL_OUTPUT}/{name}" if name in tail_outputs or name in trained else name

        present = {constant.name for constant in model.graph.initializer}
        used = {name for node in self._nodes for name in node.input}
        for name in sorted(used & self._constants.keys() - trained.keys() - present):  # constants of the original alone
            model.graph.initializer.append(numpy_helper.from_array(self._constants[name], name))
        for name, values in trained.items():
            stored = np.ascontiguousarray(values).astype(self._constants[name].dtype)
            model.graph.initializer.append(numpy_helper.from_array(stored, tuned_name(name)))
        for node in self._nodes:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            del copy.input[:], copy.output[:]
            copy.input.extend(map(tuned_name, node.input))
            copy.output.extend(map(tuned_name, node.output))
            copy.name = tuned_name(node.name) if node.name else ""
            model.graph.node.append(copy)
        outputs = [tuned_name(name) for name in self.card.tail_to]
        model.graph.node.append(helper.make_node("Concat", outputs, [TAIL_OUTPUT], axis=1))
        model.graph.output.append(
            helper.make_tensor_value_info(TAIL_OUTPUT, onnx.TensorProto.FLOAT, ["n", sum(self.output_sizes())])
        )
        network: bytes = model.SerializeToString()
        return network

    def export_trunk(self) -> bytes:
        """Return the network up to the map, which is its only output."""
        onnx, helper, _ = import_onnx()
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(self.card.tail_from, onnx.TensorProto.FLOAT, None))
        network: bytes = model.SerializeToString()
        return network

    def output_sizes(self) -> list[int]:
        """Return the length of each of the outputs ``tail_to``."""
        torch = import_torch()
        shape = self.map_shape()
        with torch.no_grad():
            return [output.shape[1] for output in self.module.compute_outputs(torch.zeros(1, *shape))]

    def output_spans(self) -> list[tuple[int, int]]:
        """Return where each of the outputs ``tail_to`` lies, start and stop, in the joined outputs ``features`` and
        ``further``.

        Raises:
            InvalidValue: ``no-tail``, one of them is not a part of these.
        """
        graph, spans = self._original.graph, dict[str, tuple[int, int]]()
        widths = {output.name: output.type.tensor_type.shape.dim[-1].dim_value for output in graph.output}
        joins = {node.output[0]: list(node.input) for node in graph.node if node.op_type == "Concat"}
        lengths = dict(zip(self.card.tail_to, self.output_sizes(), strict=True))
        stop = 0
        for name in (*self.card.features, *self.card.further):
            stop += widths[name]
            part = name if name in lengths else joins.get(name, [""])[-1]
            if part in lengths:
                spans[part] = (stop - lengths[part], stop)
        if missing := [name for name in lengths if name not in spans]:
            raise InvalidValue(
                f"{', '.join(missing)} of {self.card.name} is not the last part of any of its features.",
                "Correct `tail_to` in its card.",
                code="no-tail",
            )
        return [spans[name] for name in self.card.tail_to]

    def map_shape(self) -> tuple[int, int, int]:
        """Return the channels, height and width of the map."""
        onnx, _, _ = import_onnx()
        inferred = onnx.shape_inference.infer_shapes(self._original)
        (value_info,) = (entry for entry in inferred.graph.value_info if entry.name == self.card.tail_from)
        channels, height, width = (side.dim_value for side in value_info.type.tensor_type.shape.dim[1:])
        return channels, height, width


def load_tail(embedder: Embedder) -> Tail:
    """Load the tail of an embedder's network, as it is in its file.

    Raises:
        InvalidValue: ``no-tail``, it has none that can be trained.
    """
    if not isinstance(embedder, OnnxEmbedder):
        raise InvalidValue(f"{embedder.model} is not an ONNX file.", "Leave --depth out.", code="no-tail")
    weights = embedder.card.tail_weights
    original = _read_network(embedder.path.with_name(weights)) if weights else None
    return Tail(_read_network(embedder.path), embedder.card, original)


def _read_network(path: Path) -> bytes:
    """Return an ONNX file with the weights that are stored beside it.

    Raises:
        InvalidValue: ``no-tail``, there is no such file.
    """
    onnx, _, _ = import_onnx()
    if not path.is_file():
        raise InvalidValue(
            f"The file with the weights of the tail, {path}, does not exist.",
            "Put it there, or leave --depth out.",
            code="no-tail",
        )
    network: bytes = onnx.load(str(path)).SerializeToString()
    return network


def _tail_nodes(nodes: Sequence[Any], constants: set[str], card: ModelCard) -> list[Any]:
    """Return the nodes between the map and the outputs, in their order."""
    by_output = {name: node for node in nodes for name in node.output}
    reachable, pending = set[str](), list(card.tail_to)
    while pending:
        name = pending.pop()
        if name in reachable or name in constants or name == card.tail_from:
            continue
        if name not in by_output:
            raise InvalidValue(
                f"{name!r} of {card.name} does not lie behind {card.tail_from!r} alone.",
                "Correct `tail_from` and `tail_to` in its card.",
                code="no-tail",
            )
        reachable.add(name)
        pending.extend(source for source in by_output[name].input if source)
    return [node for node in nodes if reachable.intersection(node.output)]


def _attributes(node: Any) -> dict[str, Any]:
    _, helper, _ = import_onnx()
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _layout(torch: Any, values: Any) -> Any:
    """Return the memory layout of a weight: channels last, in which depthwise convolutions are fast on a CPU."""
    return torch.channels_last if values.ndim == 4 else torch.contiguous_format


def _create_module(
    torch: Any,
    steps: Sequence[tuple[str, list[str], str, Attributes]],
    weights: Mapping[str, Any],
    scalars: Mapping[str, Any],
    card: ModelCard,
) -> Any:
    """Create a module that runs the steps one after the other."""

    class Steps(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._names = {name: f"w{number}" for number, name in enumerate(weights)}
            for name, weight in weights.items():
                self.register_parameter(self._names[name], weight)
            self._scalars = {name: f"c{number}" for number, name in enumerate(scalars)}
            for name, scalar in scalars.items():
                self.register_buffer(self._scalars[name], scalar)

        def named_weights(self) -> list[tuple[str, Any]]:
            return [(name, getattr(self, own)) for name, own in self._names.items()]

        def compute_outputs(self, maps: Any) -> list[Any]:
            """Return the outputs for maps float32 (n, channels, height, width), each float32 (n, any)."""
            values = {card.tail_from: maps.contiguous(memory_format=torch.channels_last)}
            for name, own in self._names.items():
                values[name] = getattr(self, own)
            for name, own in self._scalars.items():
                values[name] = getattr(self, own)
            for operator, inputs, output, attributes in steps:
                arguments = [values[name] if name else None for name in inputs]
                values[output] = (
                    arguments[0] if operator == "Cast" else OPERATORS[operator](torch, arguments, attributes)
                )
            return [values[name] for name in card.tail_to]

        def forward(self, maps: Any) -> Any:
            """Return the joined outputs, float32 (n, sum of their lengths)."""
            return torch.cat(self.compute_outputs(maps), dim=1)

    return Steps()


def _convolve(torch: Any, inputs: list[Any], attributes: Attributes) -> Any:
    strides = attributes.get("strides", [1, 1])
    kernel = inputs[1].shape[2:]
    mode = attributes.get("auto_pad", b"NOTSET")
    if mode in (b"SAME_UPPER", b"SAME_LOWER"):
        pads = [
            _same_padding(size, k, s, mode) for size, k, s in zip(inputs[0].shape[2:], kernel, strides, strict=True)
        ]
    else:
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        pads = [(top, bottom), (left, right)]
    symmetric = all(before == after for before, after in pads)
    maps = inputs[0] if symmetric else torch.nn.functional.pad(inputs[0], (*pads[1], *pads[0]))
    return torch.nn.functional.conv2d(
        maps,
        *inputs[1:],
        stride=strides,
        padding=(pads[0][0], pads[1][0]) if symmetric else 0,
        dilation=attributes.get("dilations", [1, 1]),
        groups=attributes.get("group", 1),
    )


def _same_padding(size: int, kernel: int, stride: int, mode: bytes) -> tuple[int, int]:
    """Return the padding before and after a side, so that its ``size`` becomes ceil(size / stride)."""
    padding = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    small, large = padding // 2, padding - padding // 2
    return (small, large) if mode == b"SAME_UPPER" else (large, small)


OPERATORS: dict[str, Callable[[Any, list[Any], Attributes], Any]] = {
    "Add": lambda torch, inputs, attributes: inputs[0] + inputs[1],
    "Clip": lambda torch, inputs, attributes: torch.clamp(inputs[0], *inputs[1:]),
    "Concat": lambda torch, inputs, attributes: torch.cat(inputs, dim=attributes["axis"]),
    "Conv": _convolve,
    "Flatten": lambda torch, inputs, attributes: inputs[0].flatten(attributes.get("axis", 1)),
    "GlobalAveragePool": lambda torch, inputs, attributes: inputs[0].mean((2, 3), keepdim=True),
    "Identity": lambda torch, inputs, attributes: inputs[0],
    "Mul": lambda torch, inputs, attributes: inputs[0] * inputs[1],
    "Pow": lambda torch, inputs, attributes: torch.pow(inputs[0].clamp_min(_SMALL), inputs[1]),
    "Relu": lambda torch, inputs, attributes: torch.relu(inputs[0]),
    "Sigmoid": lambda torch, inputs, attributes: torch.sigmoid(inputs[0]),
    "Sqrt": lambda torch, inputs, attributes: torch.sqrt(inputs[0].clamp_min(_SMALL)),
    "Sub": lambda torch, inputs, attributes: inputs[0] - inputs[1],
}
"""The ONNX operators that a tail may have, beside Cast; weights are trained as float32."""
