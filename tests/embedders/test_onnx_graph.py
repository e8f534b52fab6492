"""ONNX files with more outputs, or with fewer and only what those need."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.embedders.graph.onnx_graph import only_outputs, with_outputs
from shoplens.embedders.onnx import open_session
from shoplens.embedders.shipped import FINDER, NETWORKS, shipped_file
from tests.images.made_photos import scene


def test_an_appended_output_is_one_that_onnx_reads() -> None:
    onnx = pytest.importorskip("onnx")
    content = shipped_file().read_bytes()
    before, after = onnx.load_from_string(content), onnx.load_from_string(with_outputs(content, ["a" * 200, "b"]))
    names = [output.name for output in before.graph.output]
    assert [output.name for output in after.graph.output] == [*names, "a" * 200, "b"]
    assert len(after.graph.node) == len(before.graph.node)


def test_a_smaller_network_gives_the_same_outputs_from_fewer_nodes() -> None:
    onnx = pytest.importorskip("onnx")
    content, names = shipped_file().read_bytes(), ["features", "stages"]
    smaller = only_outputs(content, names)
    before, after = onnx.load_from_string(content), onnx.load_from_string(smaller)
    onnx.checker.check_model(after)
    assert [output.name for output in after.graph.output] == names
    assert len(after.graph.node) < len(before.graph.node) and len(after.graph.initializer) < len(
        before.graph.initializer
    )
    photo = {"photos": np.asarray(scene(260, 260))[None]}
    for whole, part in zip(
        open_session(content, 1).run(names, photo), open_session(smaller, 1).run(names, photo), strict=True
    ):
        np.testing.assert_array_equal(whole, part)


def test_all_outputs_keep_every_node() -> None:
    onnx = pytest.importorskip("onnx")
    network = onnx.load(shipped_file())
    kept = onnx.load_from_string(only_outputs(network.SerializeToString(), [one.name for one in network.graph.output]))
    assert kept == network


def test_a_network_that_holds_other_graphs_stays_as_it_is() -> None:
    onnx = pytest.importorskip("onnx")
    number = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [])
    value = onnx.helper.make_node("Identity", ["x"], ["y"])
    branch = onnx.helper.make_graph([value], "branch", [], [number])
    choice = onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    inputs = [
        onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, []),
        onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []),
    ]
    network = onnx.helper.make_model(onnx.helper.make_graph([choice], "graph", inputs, [number])).SerializeToString()
    assert only_outputs(network, ["y"]) == network


@pytest.mark.parametrize("name", (NETWORKS[0], FINDER))
def test_sums_of_two_products_fit_into_16_bits(name: str) -> None:
    """Processors without VNNI add the products of two neighbouring channels in 16 bits, and cut off the rest."""
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(shipped_file(name)).graph
    stored = {weight.name: weight for weight in graph.initializer}
    quantized = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    names = [quantized[node.input[1]] for node in graph.node if node.op_type == "Conv" and node.input[1] in quantized]
    convolutions = [onnx.numpy_helper.to_array(stored[weights]).astype(int) for weights in names]
    summed = [weights for weights in convolutions if weights.shape[1] > 1]
    assert len(summed) > 20
    for weights in summed:
        rows = weights.transpose(0, 2, 3, 1).reshape(len(weights), -1)
        pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(weights), -1, 2)
        for sign in (1, -1):
            assert np.maximum(sign * pairs, 0).sum(axis=2).max() * 255 <= 2**15 - 1
