"""Tests of a network's end: torch computes the same as ONNX, and it is trained and put back beside the old one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.embedders import FineTunedEmbedder, OnnxEmbedder
from shoplens.embedders.onnx import run_network
from shoplens.embedders.sessions import open_session
from shoplens.embedders.shipped import shipped_file
from shoplens.errors import InvalidValue, ModelError
from shoplens.training.optimization.backbone_tail import Tail, load_tail
from shoplens.types import Pixels
from tests.fakes import ColourEmbedder
from tests.training.optimization.small_network import CHANNELS, LATE, small_model, small_network

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")


@pytest.fixture
def base(tmp_path: Path) -> OnnxEmbedder:
    return OnnxEmbedder(small_model(tmp_path))


def photos(count: int = 3, side: int = 16) -> list[Pixels]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (side, side, 3), np.uint8) for _ in range(count)]


def compute_maps(tail: Tail, images: list[Pixels]) -> np.ndarray:
    maps = run_network(open_session(tail.export_trunk(), 1), tail.card, [tail.card.tail_from], images)
    return maps.reshape(len(images), *tail.map_shape())


def test_torch_and_onnx_give_equal_outputs(base: OnnxEmbedder) -> None:
    tail, images = load_tail(base), photos()
    assert (tail.map_shape(), tail.output_sizes(), tail.output_spans()) == (
        (CHANNELS, 4, 4),
        [LATE],
        [(CHANNELS, CHANNELS + LATE)],
    )
    with torch.no_grad():
        outputs = tail.module(torch.from_numpy(compute_maps(tail, images))).numpy()
    features = base.embed(images)[:, base.dimensions :]
    np.testing.assert_allclose(outputs, features[:, CHANNELS:], atol=1e-5)


@pytest.mark.parametrize(("network", "tolerance"), [("efficientnet-lite2", 2e-3), ("efficientnet-lite2-int8", None)])
def test_the_tail_of_a_shipped_network_continues_its_trunk(network: str, tolerance: float | None) -> None:
    base, images = OnnxEmbedder(shipped_file(network)), photos(2, 280)
    tail = load_tail(base)
    with torch.no_grad():
        outputs = tail.module(torch.from_numpy(compute_maps(tail, images))).numpy()
    features = base.embed(images)[:, base.dimensions :]
    expected = np.concatenate([features[:, start:stop] for start, stop in tail.output_spans()], axis=1)
    if tolerance is not None:
        np.testing.assert_allclose(outputs, expected, atol=tolerance)
    cosines = (outputs * expected).sum(1) / np.linalg.norm(outputs, axis=1) / np.linalg.norm(expected, axis=1)
    assert (cosines > 0.97).all()  # the tail of the int8 network is trained in float32
    assert sum(tail.output_sizes()) == outputs.shape[1] == 3_264
    both = FineTunedEmbedder(base, tail.export_both_tails())
    assert both.extra_features == base.extra_features + 3_264
    combined = both.embed(images)
    np.testing.assert_allclose(combined[:, : base.dimensions + features.shape[1]], base.embed(images), atol=1e-4)
    np.testing.assert_allclose(combined[:, -3_264:], outputs, atol=2e-3)


def test_a_missing_file_of_tail_weights_is_named(tmp_path: Path) -> None:
    base = OnnxEmbedder(small_model(tmp_path))
    base.card = replace(base.card, tail_weights="gone.onnx")
    with pytest.raises(InvalidValue, match=r"gone\.onnx, does not exist"):
        load_tail(base)


def test_both_tails_together_give_the_base_outputs_followed_by_the_trained_ones(base: OnnxEmbedder) -> None:
    tail, images = load_tail(base), photos()
    before = base.embed(images)
    with torch.no_grad():
        for weight in tail.module.parameters():
            weight.mul_(1.5)
        expected = tail.module(torch.from_numpy(compute_maps(tail, images))).numpy()
    both = FineTunedEmbedder(base, tail.export_both_tails())
    features = both.embed(images)
    assert (both.model, both.dimensions, both.features) == (base.model, base.dimensions, base.features)
    np.testing.assert_array_equal(features[:, : before.shape[1]], before)
    np.testing.assert_allclose(features[:, before.shape[1] :], expected, atol=1e-5)
    assert np.abs(expected - before[:, -LATE:]).max() > 0.01


def test_a_trained_end_leaves_what_shows_the_object_as_it_is() -> None:
    base = OnnxEmbedder()
    tuned = FineTunedEmbedder(base, load_tail(base).export_both_tails())
    photo = photos(1, base.card.side)[0]
    before, after = base.embed_with_object(photo), tuned.embed_with_object(photo)
    assert before.feature_map is not None and after.feature_map is not None
    np.testing.assert_array_equal(after.row[:, : before.row.shape[1]], before.row)
    np.testing.assert_array_equal(after.mask, before.mask)
    np.testing.assert_array_equal(after.feature_map, before.feature_map)
    np.testing.assert_array_equal(tuned.find_mask(photo), base.find_mask(photo))


def test_gradients_reach_every_weight(base: OnnxEmbedder) -> None:
    tail = load_tail(base)
    tail.module(torch.from_numpy(compute_maps(tail, photos()))).sum().backward()
    assert [tuple(weight.shape) for weight in tail.module.parameters()] == [(LATE, CHANNELS, 3, 3), (LATE,)]
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in tail.module.parameters())


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"tail_from": "", "tail_to": ()}, "does not say where its tail begins"),
        ({"tail_from": "squares", "tail_to": ("early",)}, "does not lie behind 'squares' alone"),
    ],
)
def test_a_card_without_a_usable_tail_is_an_error(base: OnnxEmbedder, card: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as raised:
        Tail(small_network(), replace(base.card, **card))
    assert raised.value.code == "no-tail"


def test_a_tail_output_that_is_in_no_feature_is_an_error(base: OnnxEmbedder) -> None:
    tail = Tail(small_network(), replace(base.card, tail_to=("means",)))
    with pytest.raises(InvalidValue, match="means of small is not the last part of any of its features"):
        tail.output_spans()


def test_an_unknown_operator_is_an_error(base: OnnxEmbedder) -> None:
    with pytest.raises(InvalidValue, match="cannot be trained: Softplus"):
        Tail(small_network("Softplus"), base.card)


def test_a_model_that_is_no_onnx_file_has_no_tail() -> None:
    with pytest.raises(InvalidValue, match="not an ONNX file"):
        load_tail(ColourEmbedder())


def test_a_network_without_the_outputs_of_the_base_is_refused(base: OnnxEmbedder) -> None:
    with pytest.raises(ModelError, match="lacks outputs"):
        FineTunedEmbedder(base, small_network())
