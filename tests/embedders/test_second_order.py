"""Tests of pooling products of features inside an object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shoplens.build.photo_features import backbone_width, extract_features, frame_photo
from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.embedder import NO_OBJECTS, ObjectUse
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.embedders.second_order import SecondOrderPooling, load_second_order_pooling, weigh_places
from shoplens.errors import ModelError
from shoplens.filters.photo_features.measurements import MEASURED_SIZE
from shoplens.types import Mask
from tests.images.made_photos import scene

IDENTITY = np.array([[1, 0], [0, 1], [0, 0]], np.float32)


def left_half(side: int) -> Mask:
    mask = np.zeros((side, side), np.float32)
    mask[:, : side // 2] = 1
    return mask


def test_products_are_averaged_inside_the_object() -> None:
    feature_map = np.array([[[4, 10]], [[-9, 10]]], np.float32)  # two channels, one row, two columns
    pooling = SecondOrderPooling(IDENTITY, (2, 1, 2))
    assert pooling.size == 3
    inside = pooling.pool(feature_map, left_half(8))
    assert inside == pytest.approx([4, -6, 9], rel=0.01)  # the roots of 4 · 4, 4 · -9 and -9 · -9
    everywhere = pooling.pool(feature_map, np.ones((8, 8), np.float32))
    assert everywhere[0] == pytest.approx(np.sqrt((16 + 100) / 2))


def test_channels_are_projected_before_they_are_multiplied() -> None:
    axes = np.array([[1.0], [1.0], [2.0]], np.float32)
    feature_map = np.array([[[3.0]], [[4.0]]], np.float32)
    assert SecondOrderPooling(axes, (2, 1, 1)).pool(feature_map, left_half(4)) == pytest.approx([3 + 4 + 2])


def test_without_an_object_all_places_count_alike() -> None:
    assert weigh_places(np.zeros((9, 9), np.float32), 3, 3) == pytest.approx(np.full(9, 1 / 9))


@pytest.mark.parametrize("content", [b"", b"no array", np.zeros(3, np.float32), np.zeros((3, 2), np.int64)])
def test_a_file_without_axes_is_an_error(content: bytes | np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "axes.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(ModelError, match=r"axes\.npy") as error:
        load_second_order_pooling(path, (2, 4, 4))
    assert error.value.code == "bad-axes"


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 4), (2, "rows", 4)])
def test_axes_for_another_map_are_an_error(shape: tuple[object, ...], tmp_path: Path) -> None:
    np.save(tmp_path / "axes.npy", IDENTITY)
    assert load_second_order_pooling(tmp_path / "axes.npy", (2, 4, 4)).map_shape == (2, 4, 4)
    with pytest.raises(ModelError, match="second_order") as error:
        load_second_order_pooling(tmp_path / "axes.npy", shape)
    assert error.value.code == "bad-axes"


def test_the_shipped_network_pools_the_map_of_the_pass_that_it_makes_anyway() -> None:
    photo, embedder = np.asarray(scene(260, 260, 1)), OnnxEmbedder()
    assert embedder.pooling is not None and embedder.object_sizes == (embedder.pooling.size,)
    unpooled = OnnxEmbedder(objects=ObjectUse(compared=True, framed=True))
    found, without = embedder.embed_with_object(photo), unpooled.embed_with_object(photo)
    np.testing.assert_array_equal(found.row, without.row)
    np.testing.assert_array_equal(found.mask, without.mask)
    assert found.feature_map is not None and without.feature_map is None
    np.testing.assert_array_equal(found.feature_map, MapNetwork(embedder).compute(photo).maps[0])
    assert OnnxEmbedder(objects=NO_OBJECTS).pooling is None


def test_the_features_of_the_object_are_pooled_where_it_is() -> None:
    photo, embedder = np.asarray(scene(300, 400, 2)), OnnxEmbedder()
    assert embedder.pooling is not None
    features = extract_features(embedder, "p", photo).features
    start = backbone_width(embedder) + MEASURED_SIZE
    found = embedder.embed_with_object(frame_photo(embedder, photo))
    assert found.feature_map is not None
    expected = embedder.pooling.pool(found.feature_map, found.mask)
    assert features[start : start + embedder.pooling.size] == pytest.approx(expected, rel=1e-3, abs=1e-3)
