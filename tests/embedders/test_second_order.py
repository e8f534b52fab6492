"""Tests of pooling products of features inside an object."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.graph.map_network import MapNetwork
from shoplens.embedders.second_order import SecondOrderPooling, load_second_order_pooling, weigh_places
from shoplens.embedders.shipped import NETWORKS, shipped_file
from shoplens.errors import ModelError
from shoplens.types import ByteMask
from tests.images.made_photos import scene

IDENTITY = np.array([[1, 0], [0, 1], [0, 0]], np.float32)


def left_half(side: int) -> ByteMask:
    mask = np.zeros((side, side), np.uint8)
    mask[:, : side // 2] = 255
    return mask


def test_products_are_averaged_inside_the_object() -> None:
    feature_map = np.array([[[4, 10]], [[-9, 10]]], np.float32)  # two channels, one row, two columns
    pooled = SecondOrderPooling(IDENTITY).pool(feature_map, left_half(8))
    assert pooled == pytest.approx([4, -6, 9], rel=0.01)  # 4 · 4, 4 · -9 and -9 · -9, as signed roots
    everywhere = SecondOrderPooling(IDENTITY).pool(feature_map, np.full((8, 8), 255, np.uint8))
    assert everywhere[0] == pytest.approx(np.sqrt((16 + 100) / 2))


def test_channels_are_projected_before_they_are_multiplied() -> None:
    axes = np.array([[1.0], [1.0], [2.0]], np.float32)
    feature_map = np.array([[[3.0]], [[4.0]]], np.float32)
    pooling = SecondOrderPooling(axes)
    assert (pooling.size, pooling.channels) == (1, 2)
    assert pooling.pool(feature_map, left_half(4)) == pytest.approx([3 + 4 + 2])


def test_an_object_smaller_than_a_place_has_a_weight() -> None:
    weights = weigh_places(np.zeros((9, 9), np.uint8), 3, 3)
    assert weights == pytest.approx(np.full(9, 1 / 9))


@pytest.mark.parametrize("content", [b"", b"no array", np.zeros(5, np.float32), np.zeros((3, 2), np.int64)])
def test_a_file_without_axes_is_an_error(content: bytes | np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "axes.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    with pytest.raises(ModelError, match=r"axes\.npy") as error:
        load_second_order_pooling(path)
    assert error.value.code == "bad-axes"


def test_the_shipped_network_pools_the_map_inside_the_object() -> None:
    photo, mask = np.asarray(scene(260, 260, 1)), left_half(260)
    embedder = OnnxEmbedder()
    row = embedder.object_features(photo, mask)[0]
    assert embedder.second_order and len(row) == sum(embedder.object_sizes)
    pooling = load_second_order_pooling(embedder.path.with_name(embedder.card.second_order_axes))
    feature_map = MapNetwork(embedder).compute(photo).maps[0]
    assert row[embedder.features :] == pytest.approx(pooling.pool(feature_map, mask), abs=1e-3)
    without = OnnxEmbedder(second_order=False)
    assert without.object_features(photo, mask)[0] == pytest.approx(row[: embedder.features])
    assert not OnnxEmbedder(objects=False).second_order


def test_axes_for_another_map_are_an_error(tmp_path: Path) -> None:
    shipped = shipped_file(NETWORKS[0])
    for path in shipped.parent.glob(f"{shipped.stem}*"):
        shutil.copy(path, tmp_path / path.name)
    card = json.loads((tmp_path / f"{shipped.stem}.json").read_text("utf-8"))
    (tmp_path / f"{shipped.stem}.json").write_text(json.dumps({**card, "second_order": card["maps"][1]}), "utf-8")
    embedder = OnnxEmbedder(tmp_path / shipped.name)
    with pytest.raises(ModelError, match="its axes are for 120 channels") as error:
        embedder.object_features(np.asarray(scene(260, 260, 1)), left_half(260))
    assert error.value.code == "bad-axes"
    (tmp_path / card["second_order_axes"]).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        OnnxEmbedder(tmp_path / shipped.name)
