"""A network finds the object for another one: the small one for the shipped one, which finds it anew in the frame, and
the shipped one for those that have no head of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.build.photo_features import (
    embed_framed,
    extract_features,
    feature_model,
    feature_width,
    filter_input_width,
    object_width,
    whole_width,
)
from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.embedder import ALL_OBJECTS, NO_OBJECTS
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.embedders.shipped import FINDER, shipped_file
from shoplens.errors import ModelError
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.images.objects import cut_out, find_object, frame_object
from shoplens.types import Pixels
from tests.images.made_photos import scene
from tests.models.repositories import SIDE, pixel_network

SIZE = 3 * SIDE * SIDE


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose vector is its pixels, as if it were one of the hub."""
    path = tmp_path_factory.mktemp("models") / "pixels.onnx"
    path.write_bytes(pixel_network(("pooler_output",)))
    card = {"name": "pixels", "side": SIDE, "output": "pooler_output", "finder": "efficientnet-lite2-int8"}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.fixture(scope="module")
def photo() -> Pixels:
    """A small thing in the corner of a wall."""
    pixels = np.full((300, 400, 3), 225, np.uint8)
    pixels[30:150, 220:350] = np.asarray(scene(130, 120, seed=4))
    return pixels


def test_the_mask_is_that_of_the_shipped_network(network: Path, photo: Pixels) -> None:
    shipped, other = OnnxEmbedder(objects=replace(ALL_OBJECTS, by_finder=False)), OnnxEmbedder(network)
    np.testing.assert_array_equal(other.find_mask(photo), shipped.embed_with_object(photo).mask)
    np.testing.assert_array_equal(shipped.find_mask(photo), shipped.embed_with_object(photo).mask)
    assert (other.mask_shape, other.finder) == (shipped.mask_shape, shipped.model)
    assert other.model == OnnxEmbedder(network, objects=NO_OBJECTS).model  # the vector of a photo is the same
    assert OnnxEmbedder().min_side == shipped.min_side  # with the small network, photos are decoded no larger


def test_photos_are_framed_and_cut_out_for_the_other_network(network: Path, photo: Pixels) -> None:
    embedder = OnnxEmbedder(network)
    extracted = extract_features(embedder, "p", photo)
    found = find_object(embedder.find_mask(photo))
    assert found is not None and extracted.found is not None and extracted.found.box == found.box
    frame = frame_object(photo, found)
    assert frame is not None
    np.testing.assert_allclose(extracted.vector, embed_photos(embedder, ["p"], [frame]).vectors[0], atol=1e-6)
    inner = find_object(embedder.find_mask(frame))
    assert inner is not None
    alone = embed_photos(embedder, ["p"], [cut_out(frame, inner)]).vectors[0]
    row = extracted.features
    assert (object_width(embedder), whole_width(embedder)) == (SIZE, 0)
    assert len(row) == feature_width(embedder) == filter_input_width(embedder) == 2 * SIZE + MEASURED_SIZE
    np.testing.assert_allclose(row[:SIZE], extracted.vector, atol=1e-3)
    np.testing.assert_allclose(row[SIZE + MEASURED_SIZE :], alone, atol=1e-3)


def test_the_small_network_frames_photos_for_the_shipped_one(photo: Pixels) -> None:
    embedder, finder = OnnxEmbedder(), OnnxEmbedder(shipped_file(FINDER))
    framed = embed_framed(embedder, "p", photo)
    found = find_object(finder.find_mask(photo))
    assert found is not None and framed.found is not None and framed.found.box == found.box
    left, top, right, bottom = found.box
    assert abs(left - 0.55) < 0.05 and abs(top - 0.1) < 0.05 and abs(right - 0.875) < 0.05 and abs(bottom - 0.5) < 0.05
    frame = frame_object(photo, found)
    assert frame is not None
    np.testing.assert_array_equal(framed.pixels, frame)
    inner = find_object(embedder.embed_with_object(frame).mask)  # its own mask, which is finer
    assert inner is not None and framed.object_in_frame is not None and framed.object_in_frame.box == inner.box
    features = extract_features(embedder, "p", photo).features
    assert len(features) == feature_width(embedder)
    assert whole_width(embedder) == 0 == len(framed.whole)


def test_a_photo_that_is_not_framed_takes_one_pass_of_the_shipped_network(monkeypatch: pytest.MonkeyPatch) -> None:
    wall = np.full((200, 200, 3), 200, np.uint8)
    embedder, passes = OnnxEmbedder(), list[int]()
    embed = embedder.embed_with_object
    monkeypatch.setattr(embedder, "embed_with_object", lambda photo: passes.append(1) or embed(photo))
    assert embed_framed(embedder, "wall", wall).pixels.shape == wall.shape
    assert passes == [1]


def test_features_name_the_network_that_found_the_object(network: Path) -> None:
    assert f"finder={OnnxEmbedder().model}" in feature_model(OnnxEmbedder(network))
    assert "finder" not in feature_model(OnnxEmbedder(network, objects=NO_OBJECTS))
    assert "finder" not in feature_model(OnnxEmbedder(objects=replace(ALL_OBJECTS, by_finder=False)))
    assert "+finder=object-finder@" in feature_model(OnnxEmbedder())


def test_the_places_that_match_are_found_by_the_shipped_network(network: Path, photo: Pixels) -> None:
    found, shipped = (MapNetwork(one).compute(photo) for one in (OnnxEmbedder(network), OnnxEmbedder()))
    for one, other in zip(found.maps, shipped.maps, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_a_network_of_the_package_can_find_objects_for_another(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "pixels.onnx"
    path.write_bytes(network.read_bytes())
    card = json.loads(network.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "finder": "other"}))
    with pytest.raises(ModelError, match="finder = 'other'"):
        OnnxEmbedder(path)
