"""A folder in the hub's layout becomes a model: its card, its files, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoplens.embedders import OnnxEmbedder, network_file
from shoplens.embedders.added import added_models
from shoplens.errors import InvalidValue, ModelError, Refused, ShoplensError
from shoplens.models.add import AddOptions, ModelSource, add_model
from shoplens.models.layout import choose_files
from shoplens.models.outputs import choose_output
from shoplens.models.table import list_models
from tests.models.repositories import PROCESSOR, SIDE, TOKENS, WIDTH, pixel_network, write_repository

PHOTO = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def add(folder: Path, models: Path, **options: Any) -> OnnxEmbedder:
    return OnnxEmbedder(add_model(ModelSource(folder, str(folder)), AddOptions(**options), models).path)


def error_of(folder: Path, **options: Any) -> ShoplensError:
    with pytest.raises(ShoplensError) as error:
        add(folder, folder.parent / "models", **options)
    assert not list((folder.parent / "models").glob("*")), "nothing half-made is left"
    return error.value


def test_the_card_says_what_the_files_of_the_repository_say(tmp_path: Path) -> None:
    folder = write_repository(tmp_path / "Tiny-Siglip-ONNX", readme="---\nlicense: apache-2.0\n---\nWords.")
    added = add_model(ModelSource(folder, str(folder)), AddOptions(), tmp_path / "models")
    assert (added.name, added.path) == ("tiny-siglip", tmp_path / "models" / "tiny-siglip" / "vision_model.onnx")
    content = (folder / "onnx" / "vision_model.onnx").read_bytes()
    expected = {
        "side": SIDE,
        "fit": "squash",
        "resample": "bilinear",
        "rescale": 1 / 255,
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "layout": "NCHW",
        "dtype": "float32",
        "input": "pixel_values",
        "output": "pooler_output",
        "pool": "",
        "dimensions": TOKENS * WIDTH,
        "licence": "apache-2.0",
        "files": {"vision_model.onnx": hashlib.sha256(content).hexdigest()},
    }
    card = json.loads(added.path.with_suffix(".json").read_text())
    assert {name: card[name] for name in expected} == expected
    assert card["cpu_ms"] >= 0


def test_vectors_are_the_network_of_the_prepared_pixels(tmp_path: Path) -> None:
    embedder = add(write_repository(tmp_path / "tiny"), tmp_path / "models")
    pixels = (PHOTO.astype(np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(embedder.embed([PHOTO])[0], pixels.transpose(2, 0, 1).ravel(), atol=1e-6)
    np.testing.assert_array_equal(embedder.embed([PHOTO, PHOTO])[1], embedder.embed([PHOTO])[0])


@pytest.mark.parametrize(
    ("family", "options", "rows"),
    [
        ("dinov2", {}, slice(0, 1)),
        ("other", {"output": "last_hidden_state", "pool": "mean"}, slice(0, None)),
        ("other", {"output": "last_hidden_state", "pool": "patches"}, slice(1, None)),
    ],
)
def test_tokens_are_pooled_as_the_family_or_the_options_say(
    tmp_path: Path, family: str, options: dict[str, Any], rows: slice
) -> None:
    folder = write_repository(tmp_path / "tiny", outputs=("last_hidden_state",), family=family)
    embedder = add(folder, tmp_path / "models", **options)
    tokens = ((PHOTO.astype(np.float32) / 255 - 0.5) / 0.5).transpose(2, 0, 1).reshape(TOKENS, WIDTH)
    assert embedder.dimensions == WIDTH
    np.testing.assert_allclose(embedder.embed([PHOTO])[0], tokens[rows].mean(axis=0), atol=1e-6)


def test_a_map_is_pooled_over_its_places(tmp_path: Path) -> None:
    folder = write_repository(tmp_path / "tiny", outputs=("map",))
    embedder = add(folder, tmp_path / "models", output="map", pool="mean")
    assert embedder.dimensions == 3
    pixels = (PHOTO.astype(np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(embedder.embed([PHOTO])[0], pixels.mean(axis=(0, 1)), atol=1e-6)


def test_the_name_finds_the_model_and_so_does_the_id_in_a_store(tmp_path: Path) -> None:
    embedder, models = add(write_repository(tmp_path / "tiny"), tmp_path / "models"), tmp_path / "models"
    path = models / "tiny" / "vision_model.onnx"
    assert added_models(models) == {"tiny": path}
    assert network_file(Path("tiny"), models=models) == path
    assert network_file(None, embedder.model, models) == path
    assert network_file(Path("other"), models=models) == Path("other")
    row = next(row for row in list_models(models) if row.name == "tiny")
    assert (row.state, row.dimensions, row.licence) == ("added", TOKENS * WIDTH, "not named")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = add(write_repository(tmp_path / "tiny"), tmp_path / "models").path
    path.write_bytes(pixel_network(("pooler_output",), opset=16))
    with pytest.raises(ModelError, match="is not the file that its card names") as error:
        OnnxEmbedder(path)
    assert error.value.code == "wrong-hash"


def test_a_model_is_replaced_only_on_request(tmp_path: Path) -> None:
    folder, models = write_repository(tmp_path / "tiny"), tmp_path / "models"
    first = add(folder, models).model
    with pytest.raises(ModelError, match="There is a model 'tiny' already"):
        add(folder, models)
    write_repository(folder, processor={**PROCESSOR, "resample": 3})
    assert add(folder, models, replace=True).model != first


@pytest.mark.parametrize("licence", ["apple-amlr", "other\nlicense_name: dinov3-license", "something-new"])
def test_a_licence_with_limits_must_be_accepted(tmp_path: Path, licence: str) -> None:
    folder = write_repository(tmp_path / "tiny", readme=f"---\nlicense: {licence}\n---\n")
    error = error_of(folder)
    assert isinstance(error, Refused) and error.code == "licence-refused"
    assert add(folder, tmp_path / "models", accept_licence=True).card.name == "tiny"


def test_what_is_no_model_of_photos_is_refused(tmp_path: Path) -> None:
    folder = write_repository(tmp_path / "tiny")
    (folder / "preprocessor_config.json").unlink()
    assert error_of(folder).code == "not-an-image-model"
    write_repository(folder)
    both = pixel_network(("pooler_output",), inputs=("pixel_values", "input_ids"))
    (folder / "onnx" / "vision_model.onnx").write_bytes(both)
    error = error_of(folder)
    assert error.code == "not-an-image-model" and "input_ids" in error.problem
    (folder / "onnx" / "vision_model.onnx").unlink()
    assert error_of(folder).code == "no-onnx-file"


def test_classes_are_no_vector(tmp_path: Path) -> None:
    error = error_of(write_repository(tmp_path / "tiny", outputs=("logits",)))
    assert error.code == "unfit-output" and "logits" in error.problem


def test_an_output_that_does_not_fit_is_explained(tmp_path: Path) -> None:
    folder = write_repository(tmp_path / "tiny", outputs=("last_hidden_state",))
    assert error_of(folder, output="embeddings").fix == "There are: last_hidden_state."
    error = error_of(folder, output="last_hidden_state")
    assert error.code == "unfit-output" and "`cls`, `mean`, `patches`" in error.fix


def test_a_network_of_another_size_is_explained(tmp_path: Path) -> None:
    error = error_of(write_repository(tmp_path / "tiny", processor={**PROCESSOR, "size": {"height": 16, "width": 16}}))
    assert error.code == "unfit-output"
    assert "takes photos of 8 x 8 pixels, and its preprocessor_config.json makes them 16 x 16" in error.problem


def test_a_newer_opset_says_so(tmp_path: Path) -> None:
    error = error_of(write_repository(tmp_path / "tiny", opset=99))
    assert error.code == "bad-onnx" and error.fix.startswith("Upgrade onnxruntime")
    assert error.problem.startswith(
        f"vision_model.onnx of {tmp_path / 'tiny'} cannot be loaded: it is of opset 99, and"
    )


def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    folder = write_repository(tmp_path / "tiny")
    for name in "efficientnet-lite2", "../up", "Capital":
        with pytest.raises(InvalidValue) as error:
            add(folder, tmp_path / "models", name=name)
        assert error.value.code == "bad-model-name"


def test_the_tower_of_photos_is_preferred_and_variants_are_found() -> None:
    names = ["config.json", "onnx/model.onnx", "onnx/vision_model.onnx", "onnx/vision_model.onnx_data"]
    files = choose_files([*names, "onnx/vision_model_int8.onnx", "onnx/text_model.onnx"], "here")
    assert files.all == ("config.json", "onnx/vision_model.onnx", "onnx/vision_model.onnx_data")
    assert choose_files([*names, "onnx/vision_model_int8.onnx"], "here", "int8").network.endswith("_int8.onnx")
    with pytest.raises(ModelError, match="no network") as error:
        choose_files(names, "here", "q4")
    assert (error.value.code, error.value.fix) == ("no-variant", "Leave `--variant` out.")
    with pytest.raises(ModelError) as other:
        choose_files([*names, "onnx/vision_model_int8.onnx"], "here", "q4")
    assert other.value.fix == "Leave `--variant` out, or give `--variant` int8."


def test_poolers_without_weights_are_not_used() -> None:
    shapes = {"last_hidden_state": ["n", 5, 8], "pooler_output": ["n", 8]}
    assert choose_output(shapes, "vit") == ("last_hidden_state", "cls")
    assert choose_output(shapes, "siglip2") == ("pooler_output", "")
    assert choose_output({"image_embeds": ["n", 8], **shapes}, "clip") == ("image_embeds", "")
    assert choose_output({"last_hidden_state": ["n", 8, 2, 2]}, "mobilenet_v2") == ("last_hidden_state", "mean")
