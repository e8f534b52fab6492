"""The end of an ONNX network as a torch module that can be trained, and put back into the network beside the old end.

Only what convolutional networks are made of is understood; see :data:`OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shoplens.embedders import Embedder, OnnxEmbedder
from shoplens.embedders.card import Card
from shoplens.embedders.tuned import TUNED
from shoplens.errors import InvalidValue
from shoplens.training.optimization.head_export import onnx_library
from shoplens.training.optimization.training_loop import torch_module

Floats = npt.NDArray[np.float32]
Attributes = Mapping[str, Any]
_SMALL = 1e-12
"""Roots are taken of this at least: their slope at 0 is endless."""


class Tail:
    """What lies behind one map of a network, up to some of its outputs.

    Args:
        network: the ONNX file.
        card: names the map and the outputs, see :class:`~shoplens.embedders.card.Card`.

    Attributes:
        module: torch's; its parameters are the network's weights, as they are in the file.

    Raises:
        InvalidValue: ``no-tail``, the card names none, or it holds an operator that cannot be trained here.
    """

    def __init__(self, network: bytes, card: Card) -> None:
        onnx, _, numpy_helper = onnx_library()
        if not card.tail_from:
            raise InvalidValue(
                f"The card of {card.name} does not say where its tail begins.",
                "Leave --depth out, or name `tail_from` and `tail_to` in its card; see docs/models.md.",
                code="no-tail",
            )
        self._model = onnx.load_from_string(network)
        self.card = card
        self._constants = {one.name: numpy_helper.to_array(one) for one in self._model.graph.initializer}
        self._nodes = _tail_nodes(self._model.graph.node, set(self._constants), card)
        unknown = sorted({node.op_type for node in self._nodes} - OPERATORS.keys() - {"Cast"})
        if unknown:
            raise InvalidValue(
                f"The tail of {card.name} has operators that are not trained here: {', '.join(unknown)}.",
                f"Leave --depth out; known are {', '.join(sorted(OPERATORS))}.",
                code="no-tail",
            )
        self.module = self._build_module()

    def _build_module(self) -> Any:
        torch = torch_module()
        steps, weights = [], {}
        for node in self._nodes:
            for name in node.input:
                if name in self._constants and self._constants[name].ndim and name not in weights:
                    values = torch.from_numpy(self._constants[name].astype(np.float32))
                    weights[name] = torch.nn.Parameter(values.contiguous(memory_format=_layout(torch, values)))
            steps.append((node.op_type, list(node.input), node.output[0], _attributes(node)))
        used = {name for node in self._nodes for name in node.input}
        fixed = {
            name: torch.tensor(float(one)) for name, one in self._constants.items() if name in used and not one.ndim
        }
        return _module(torch, steps, weights, fixed, self.card)

    def beside(self) -> bytes:
        """The whole network with both ends: all outputs of before, and the trained ones joined as :data:`TUNED`.

        Weights are kept as precisely as those of before.
        """
        onnx, helper, numpy_helper = onnx_library()
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        inside = {name for node in self._nodes for name in node.output}
        trained = {name: one.detach().numpy() for name, one in self.module.named_weights()}

        def tuned_name(name: str) -> str:
            return f"{TUNED}/{name}" if name in inside or name in trained else name

        for name, values in trained.items():
            kept = np.ascontiguousarray(values).astype(self._constants[name].dtype)
            model.graph.initializer.append(numpy_helper.from_array(kept, tuned_name(name)))
        for node in self._nodes:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            del copy.input[:], copy.output[:]
            copy.input.extend(map(tuned_name, node.input))
            copy.output.extend(map(tuned_name, node.output))
            copy.name = tuned_name(node.name) if node.name else ""
            model.graph.node.append(copy)
        outputs = [tuned_name(name) for name in self.card.tail_to]
        model.graph.node.append(helper.make_node("Concat", outputs, [TUNED], axis=1))
        model.graph.output.append(
            helper.make_tensor_value_info(TUNED, onnx.TensorProto.FLOAT, ["n", sum(self.sizes())])
        )
        network: bytes = model.SerializeToString()
        return network

    def trunk(self) -> bytes:
        """The network up to the map, which is its only output."""
        onnx, helper, _ = onnx_library()
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(self.card.tail_from, onnx.TensorProto.FLOAT, None))
        network: bytes = model.SerializeToString()
        return network

    def sizes(self) -> list[int]:
        """Length of each of the outputs ``tail_to``."""
        torch = torch_module()
        shape = self.map_shape()
        with torch.no_grad():
            return [one.shape[1] for one in self.module.parts(torch.zeros(1, *shape))]

    def places(self) -> list[tuple[int, int]]:
        """Where each of the outputs ``tail_to`` lies, from and to, in the outputs ``features`` and ``further`` as they
        follow one another.

        Raises:
            InvalidValue: ``no-tail``, one of them is no part of these.
        """
        graph, found = self._model.graph, dict[str, tuple[int, int]]()
        widths = {one.name: one.type.tensor_type.shape.dim[-1].dim_value for one in graph.output}
        joins = {node.output[0]: list(node.input) for node in graph.node if node.op_type == "Concat"}
        sizes = dict(zip(self.card.tail_to, self.sizes(), strict=True))
        stop = 0
        for name in (*self.card.features, *self.card.further):
            stop += widths[name]
            part = name if name in sizes else joins.get(name, [""])[-1]
            if part in sizes:
                found[part] = (stop - sizes[part], stop)
        if missing := [name for name in sizes if name not in found]:
            raise InvalidValue(
                f"{', '.join(missing)} of {self.card.name} is no end of its features.",
                "Correct `tail_to` in its card.",
                code="no-tail",
            )
        return [found[name] for name in self.card.tail_to]

    def map_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the map."""
        onnx, _, _ = onnx_library()
        inferred = onnx.shape_inference.infer_shapes(self._model)
        (found,) = (one for one in inferred.graph.value_info if one.name == self.card.tail_from)
        channels, height, width = (one.dim_value for one in found.type.tensor_type.shape.dim[1:])
        return channels, height, width


def tail_of(embedder: Embedder) -> Tail:
    """The end of an embedder's network, as it is in its file.

    Raises:
        InvalidValue: ``no-tail``, it has none that could be trained.
    """
    if not isinstance(embedder, OnnxEmbedder):
        raise InvalidValue(f"{embedder.model} is no ONNX file.", "Leave --depth out.", code="no-tail")
    onnx, _, _ = onnx_library()
    return Tail(onnx.load(str(embedder.path)).SerializeToString(), embedder.card)  # with weights that lie beside it


def _tail_nodes(nodes: Sequence[Any], constants: set[str], card: Card) -> list[Any]:
    """Nodes between the map and the outputs, in their order."""
    by_output = {name: node for node in nodes for name in node.output}
    wanted, open_ = set[str](), list(card.tail_to)
    while open_:
        name = open_.pop()
        if name in wanted or name in constants or name == card.tail_from:
            continue
        if name not in by_output:
            raise InvalidValue(
                f"{name!r} of {card.name} does not lie behind {card.tail_from!r} alone.",
                "Correct `tail_from` and `tail_to` in its card.",
                code="no-tail",
            )
        wanted.add(name)
        open_.extend(one for one in by_output[name].input if one)
    return [node for node in nodes if wanted.intersection(node.output)]


def _attributes(node: Any) -> dict[str, Any]:
    _, helper, _ = onnx_library()
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _layout(torch: Any, values: Any) -> Any:
    """Channels last, which is how depthwise convolutions are fast on a CPU."""
    return torch.channels_last if values.ndim == 4 else torch.contiguous_format


def _module(
    torch: Any,
    steps: Sequence[tuple[str, list[str], str, Attributes]],
    weights: Mapping[str, Any],
    fixed: Mapping[str, Any],
    card: Card,
) -> Any:
    """A module that makes the steps one after the other."""

    class Steps(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self._names = {name: f"w{number}" for number, name in enumerate(weights)}
            for name, one in weights.items():
                self.register_parameter(self._names[name], one)
            self._fixed = {name: f"c{number}" for number, name in enumerate(fixed)}
            for name, one in fixed.items():
                self.register_buffer(self._fixed[name], one)

        def named_weights(self) -> list[tuple[str, Any]]:
            return [(name, getattr(self, own)) for name, own in self._names.items()]

        def parts(self, maps: Any) -> list[Any]:
            """Outputs of float32 (n, channels, height, width) maps, each float32 (n, any)."""
            values = {card.tail_from: maps.contiguous(memory_format=torch.channels_last)}
            for name, own in self._names.items():
                values[name] = getattr(self, own)
            for name, own in self._fixed.items():
                values[name] = getattr(self, own)
            for operator, inputs, output, attributes in steps:
                given = [values[one] if one else None for one in inputs]
                values[output] = given[0] if operator == "Cast" else OPERATORS[operator](torch, given, attributes)
            return [values[name] for name in card.tail_to]

        def forward(self, maps: Any) -> Any:
            """float32 (n, sum of the outputs' lengths)."""
            return torch.cat(self.parts(maps), dim=1)

    return Steps()


def _convolve(torch: Any, given: list[Any], attributes: Attributes) -> Any:
    strides = attributes.get("strides", [1, 1])
    kernel = given[1].shape[2:]
    how = attributes.get("auto_pad", b"NOTSET")
    if how in (b"SAME_UPPER", b"SAME_LOWER"):
        pads = [_same(size, k, s, how) for size, k, s in zip(given[0].shape[2:], kernel, strides, strict=True)]
    else:
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        pads = [(top, bottom), (left, right)]
    even = all(before == after for before, after in pads)
    photos = given[0] if even else torch.nn.functional.pad(given[0], (*pads[1], *pads[0]))
    return torch.nn.functional.conv2d(
        photos,
        *given[1:],
        stride=strides,
        padding=(pads[0][0], pads[1][0]) if even else 0,
        dilation=attributes.get("dilations", [1, 1]),
        groups=attributes.get("group", 1),
    )


def _same(size: int, kernel: int, stride: int, how: bytes) -> tuple[int, int]:
    """Padding before and after, so that a side of ``size`` becomes ceil(size / stride)."""
    missing = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    few, many = missing // 2, missing - missing // 2
    return (few, many) if how == b"SAME_UPPER" else (many, few)


OPERATORS: dict[str, Callable[[Any, list[Any], Attributes], Any]] = {
    "Add": lambda torch, given, told: given[0] + given[1],
    "Clip": lambda torch, given, told: torch.clamp(given[0], *given[1:]),
    "Concat": lambda torch, given, told: torch.cat(given, dim=told["axis"]),
    "Conv": _convolve,
    "Flatten": lambda torch, given, told: given[0].flatten(told.get("axis", 1)),
    "GlobalAveragePool": lambda torch, given, told: given[0].mean((2, 3), keepdim=True),
    "Identity": lambda torch, given, told: given[0],
    "Mul": lambda torch, given, told: given[0] * given[1],
    "Pow": lambda torch, given, told: torch.pow(given[0].clamp_min(_SMALL), given[1]),
    "Relu": lambda torch, given, told: torch.relu(given[0]),
    "Sigmoid": lambda torch, given, told: torch.sigmoid(given[0]),
    "Sqrt": lambda torch, given, told: torch.sqrt(given[0].clamp_min(_SMALL)),
    "Sub": lambda torch, given, told: given[0] - given[1],
}
"""ONNX's operators that a tail may have, beside Cast, whose weights are trained as float32."""
