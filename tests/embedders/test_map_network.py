"""Feature maps of the shipped network, which its file does not give as outputs."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.embedders.map_network import MapNetwork, with_outputs
from shoplens.embedders.onnx import OnnxEmbedder
from shoplens.embedders.shipped import NETWORKS, shipped_file
from shoplens.errors import InvalidValue
from tests.images.made_photos import scene


def test_the_maps_of_the_shipped_network_have_places_and_average_to_its_stages() -> None:
    embedder = OnnxEmbedder()
    photo = np.asarray(scene(260, 260))
    found = MapNetwork(embedder).compute(photo)
    assert [one.shape for one in found.maps] == [(120, 17, 17), (352, 9, 9)] and found.mask.shape == (65, 65)
    row, mask = embedder.embed_with_mask(photo)
    assert np.allclose(mask, found.mask, atol=1e-4)
    start = embedder.dimensions + embedder.feature_sizes[0]
    stages = row[0, start : start + embedder.feature_sizes[1]]
    averages = np.concatenate([one.mean(axis=(1, 2)) for one in found.maps])
    assert np.corrcoef(stages[-len(averages) :], averages)[0, 1] > 0.999


def test_an_appended_output_is_one_that_onnx_reads() -> None:
    onnx = pytest.importorskip("onnx")
    content = shipped_file().read_bytes()
    before, after = onnx.load_from_string(content), onnx.load_from_string(with_outputs(content, ["a" * 200, "b"]))
    names = [output.name for output in before.graph.output]
    assert [output.name for output in after.graph.output] == [*names, "a" * 200, "b"]
    assert len(after.graph.node) == len(before.graph.node)


def test_a_network_without_maps_or_objects_is_refused() -> None:
    for embedder in (OnnxEmbedder(shipped_file(NETWORKS[1])), OnnxEmbedder(objects=False)):
        with pytest.raises(InvalidValue) as problem:
            MapNetwork(embedder)
        assert problem.value.code == "no-maps"
