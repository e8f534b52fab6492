"""The shipped model, and others beside a card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens import Shop
from shoplens.embedders import OnnxEmbedder, embed_photos
from shoplens.embedders.sessions import choose_providers, refuse_missing
from shoplens.embedders.shipped import shipped_file
from shoplens.errors import ModelError
from shoplens.settings import Settings
from shoplens.types import Pixels
from tests.images.made_photos import scene


@pytest.fixture(scope="module")
def shipped() -> OnnxEmbedder:
    return OnnxEmbedder()


@pytest.fixture(scope="module")
def photos() -> list[Pixels]:
    return [
        np.asarray(scene(width, height, seed)) for seed, (width, height) in enumerate([(96, 64), (260, 260), (31, 400)])
    ]


@pytest.fixture
def model_with_card(tmp_path: Path) -> Callable[..., Path]:
    """Makes a copy of the shipped model whose card says something else; None leaves a key out."""

    def make(**card: Any) -> Path:
        error = {**json.loads(shipped_file().with_suffix(".json").read_text("utf-8")), **card}
        (tmp_path / "model.json").write_text(json.dumps({key: error[key] for key in error if error[key] is not None}))
        if not (tmp_path / "model.onnx").exists():
            (tmp_path / "model.onnx").symlink_to(shipped_file())
            axes = shipped_file().with_name(error["second_order_axes"])
            (tmp_path / axes.name).symlink_to(axes)
        return tmp_path / "model.onnx"

    return make


def test_the_shipped_model_gives_256_dimensions_of_length_one(shipped: OnnxEmbedder, photos: list[Pixels]) -> None:
    outputs = shipped.embed(photos)
    assert (shipped.dimensions, shipped.features, shipped.extra_features, shipped.min_side) == (256, 1824, 1824, 260)
    assert (outputs.shape, outputs.dtype) == ((3, 256 + 2 * (1280 + 544)), np.float32)
    np.testing.assert_allclose(np.linalg.norm(outputs[:, :256], axis=1), 1.0, atol=1e-3)
    assert shipped.model.startswith("efficientnet-lite2-256-int8@")


def test_embeddings_are_deterministic_and_nearly_equal_on_more_threads(
    shipped: OnnxEmbedder, photos: list[Pixels]
) -> None:
    np.testing.assert_array_equal(shipped.embed(photos[:1]), shipped.embed(photos[:1]))
    second = OnnxEmbedder(threads=2)
    assert second.model == shipped.model
    np.testing.assert_allclose(second.embed(photos[:1]), shipped.embed(photos[:1]), atol=1e-4)


def test_a_batch_equals_its_photos_one_by_one(shipped: OnnxEmbedder, photos: list[Pixels]) -> None:
    singles = np.concatenate([shipped.embed([photo]) for photo in photos])
    np.testing.assert_allclose(shipped.embed(photos), singles, atol=1e-4)


def test_different_photos_differ(shipped: OnnxEmbedder, photos: list[Pixels]) -> None:
    vectors = embed_photos(shipped, ["a", "b", "c"], photos).vectors
    similar = vectors @ vectors.T
    assert (similar[~np.eye(3, dtype=bool)] < 0.95).all()


def test_embed_photos_keeps_the_order_and_accepts_no_photos(shipped: OnnxEmbedder, photos: list[Pixels]) -> None:
    result = embed_photos(shipped, ["a", "b"], photos[:2])
    assert (result.ids, result.model, result.vectors.shape) == (("a", "b"), shipped.model, (2, 256))
    assert embed_photos(shipped, [], []).vectors.shape == (0, 256)


def test_a_card_may_name_another_output_of_the_same_file(
    model_with_card: Callable[..., Path], photos: list[Pixels]
) -> None:
    features = OnnxEmbedder(model_with_card(output="features", dimensions=1280))
    assert features.dimensions == 1280
    result = embed_photos(features, ["a"], photos[:1])
    np.testing.assert_allclose(np.linalg.norm(result.vectors, axis=1), 1.0, atol=1e-3)
    assert OnnxEmbedder(model_with_card(output="features", dimensions=None)).dimensions == 1280


@pytest.mark.parametrize(
    "card",
    [
        {"name": "other"},
        {"fit": "pad", "mask": None},
        {"side": 224},
        {"output": "features", "dimensions": 1280},
        {"mean": [0, 0, 0]},
    ],
)
def test_the_model_id_changes_with_every_setting_that_affects_vectors(
    shipped: OnnxEmbedder, model_with_card: Callable[..., Path], card: dict[str, Any]
) -> None:
    assert OnnxEmbedder(model_with_card(**card)).model != shipped.model


def test_the_model_id_does_not_depend_on_description_and_licence(
    shipped: OnnxEmbedder, model_with_card: Callable[..., Path]
) -> None:
    assert OnnxEmbedder(model_with_card(description="Other words.", licence=None)).model == shipped.model


def error_of(path: Path) -> ModelError:
    with pytest.raises(ModelError) as error:
        OnnxEmbedder(path)
    assert error.value.exit_code == 3
    return error.value


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = error_of(tmp_path / "gone.onnx")
    assert (error.code, error.problem) == ("no-model", f"There is no model at {tmp_path / 'gone.onnx'}.")


def test_a_missing_card_says_what_to_write(tmp_path: Path) -> None:
    shutil.copy(shipped_file(), tmp_path / "bare.onnx")
    error = error_of(tmp_path / "bare.onnx")
    assert error.code == "no-card"
    assert f'Write {tmp_path / "bare.json"}, at least {{"name": "my-model", "side": 224}}' in error.fix


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("not a network")
    (tmp_path / "text.json").write_text('{"name": "text", "side": 224}')
    error = error_of(tmp_path / "text.onnx")
    assert (error.code, error.fix) == ("bad-onnx", "Give a valid ONNX file.")


def test_an_output_that_is_not_there_lists_those_there_are(model_with_card: Callable[..., Path]) -> None:
    error = error_of(model_with_card(output="logits"))
    assert "has no output 'logits'" in error.problem
    assert error.fix == "There are: embedding, features, stages, gem, deviations, mask."


def test_dimensions_that_the_file_does_not_give_are_refused(model_with_card: Callable[..., Path]) -> None:
    error = error_of(model_with_card(dimensions=128))
    assert "256" in error.problem
    assert "128" in error.problem


@pytest.mark.parametrize("card", [{"layout": "NCHW"}, {"dtype": "float32"}])
def test_pixels_that_the_network_cannot_take_are_explained(
    model_with_card: Callable[..., Path], photos: list[Pixels], card: dict[str, Any]
) -> None:
    embedder = OnnxEmbedder(model_with_card(**card))
    with pytest.raises(ModelError, match="cannot take") as error:
        embedder.embed(photos[:1])
    assert error.value.fix == "Correct `side`, `layout` or `dtype` in its card."


class ConstantEmbedder:
    """Answers something that no embedder may."""

    model, dimensions, min_side = "wrong@1", 2, 8

    def __init__(self, answer: list[list[float]], features: int = 0) -> None:
        self.answer, self.features, self.extra_features = answer, features, 0

    def embed(self, photos: object) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.array(self.answer, np.float32)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([[1.0, 0.0], [1.0, 0.0]], r"returned \(2, 2\), not \(1, 2\)"),
        ([[1.0, 0.0, 0.0]], r"returned \(1, 3\), not \(1, 2\)"),
        ([[0.0, 0.0]], "zero or not finite"),
        ([[float("nan"), 1.0]], "zero or not finite"),
        ([[float("inf"), 1.0]], "zero or not finite"),
    ],
)
def test_the_answer_of_a_plug_in_is_checked(answer: list[list[float]], message: str, photos: list[Pixels]) -> None:
    with pytest.raises(ModelError, match=message):
        embed_photos(ConstantEmbedder(answer), ["a"], photos[:1])


def test_vectors_are_brought_to_length_one(photos: list[Pixels]) -> None:
    np.testing.assert_allclose(embed_photos(ConstantEmbedder([[3.0, 4.0]]), ["a"], photos[:1]).vectors, [[0.6, 0.8]])


def test_features_follow_the_vector_and_keep_their_length(photos: list[Pixels]) -> None:
    result = embed_photos(ConstantEmbedder([[3.0, 4.0, 10.0, 0.0, -5.0]], features=3), ["a"], photos[:1])
    np.testing.assert_allclose(result.vectors, [[0.6, 0.8]])
    assert result.features is not None
    np.testing.assert_array_equal(result.features, [[10.0, 0.0, -5.0]])


def test_without_features_filters_work_on_the_vector(photos: list[Pixels]) -> None:
    result = embed_photos(ConstantEmbedder([[3.0, 4.0]]), ["a"], photos[:1])
    assert result.features is not None
    np.testing.assert_array_equal(result.features, result.vectors)


def test_the_features_of_the_card_are_named_outputs(
    shipped: OnnxEmbedder, model_with_card: Callable[..., Path], photos: list[Pixels]
) -> None:
    alone = OnnxEmbedder(model_with_card(features=["stages"]))
    assert (alone.features, alone.model) == (544, shipped.model)  # vectors are the same
    np.testing.assert_allclose(alone.embed(photos[:1])[:, 256:], shipped.embed(photos[:1])[:, 256 + 1280 :], atol=1e-5)
    assert OnnxEmbedder(model_with_card(features=None)).features == 0
    assert error_of(model_with_card(features=["nothing"])).problem.endswith("has no output 'nothing'.")


def test_execution_providers_are_chosen_by_their_short_names() -> None:
    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert choose_providers("", there) == choose_providers("", ["TensorrtExecutionProvider", *there]) == there
    assert choose_providers("cpu, CUDA", there) == ["CPUExecutionProvider", "CUDAExecutionProvider"]
    assert choose_providers("CPUExecutionProvider", there) == ["CPUExecutionProvider"]
    with pytest.raises(ModelError, match="no execution provider 'openvino'") as error:
        choose_providers("OpenVINO, CPU", there)
    assert error.value.code == "no-provider" and "cuda, cpu" in error.value.fix
    refuse_missing(there, there)
    with pytest.raises(ModelError) as silent:  # ONNX Runtime goes on without it where there is no driver
        refuse_missing(there, ["CPUExecutionProvider"])
    assert silent.value.code == "no-provider" and "CUDA does not work on this machine" in silent.value.problem


def test_the_setting_for_providers_reaches_the_network(tmp_path: Path) -> None:
    scene(90, 120, 1).save(tmp_path / "p.png")
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": "P", "photos": ["p.png"]}) + "\n")
    with pytest.raises(ModelError) as error:
        Shop.index(feed, tmp_path / "other", settings=Settings(threads=1, providers="Nothing"))
    assert error.value.code == "no-provider"
    with Shop.index(feed, tmp_path / "store", settings=Settings(threads=1, providers="CPU"))[0] as shop:
        assert shop.search(tmp_path / "p.png").results[0].product.id == "p"
