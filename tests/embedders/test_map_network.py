"""Feature maps of the shipped network, which its file does not give as outputs."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.embedders.embedder import NO_OBJECTS
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.embedders.onnx import OnnxEmbedder
from shoplens.embedders.shipped import NETWORKS, shipped_file
from shoplens.errors import InvalidValue
from tests.images.made_photos import scene


def test_the_maps_of_the_shipped_network_have_places_and_average_to_its_stages() -> None:
    embedder = OnnxEmbedder()
    photo = np.asarray(scene(260, 260))
    found = MapNetwork(embedder).compute(photo)
    assert [one.shape for one in found.maps] == [(120, 17, 17), (352, 9, 9)] and found.mask.shape == (65, 65)
    one_pass = embedder.embed_with_object(photo)
    row, mask = one_pass.row, one_pass.mask
    assert np.allclose(mask, found.mask, atol=1e-4)
    start = embedder.dimensions + 1280
    stages = row[0, start : start + 544]
    averages = np.concatenate([one.mean(axis=(1, 2)) for one in found.maps])
    assert np.corrcoef(stages[-len(averages) :], averages)[0, 1] > 0.999


def test_a_network_without_maps_or_objects_is_refused() -> None:
    for embedder in (OnnxEmbedder(shipped_file(NETWORKS[1])), OnnxEmbedder(objects=NO_OBJECTS)):
        with pytest.raises(InvalidValue) as problem:
            MapNetwork(embedder)
        assert problem.value.code == "no-maps"
