"""Models of the hub, from a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens.errors import InvalidValue, ModelError, Refused
from shoplens.models.add import AddedModel, AddOptions
from shoplens.models.hub import HubOptions
from shoplens.models.sources import add_named_model, find_source
from tests.models.colour_model import write_colour_model
from tests.models.fake_hub import COMMIT, FakeHub, run_hub
from tests.models.repositories import write_repository

pytestmark = [pytest.mark.extras, pytest.mark.filterwarnings("ignore")]
pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    folder = write_repository(tmp_path / "repository")
    write_repository(folder, network="onnx/text_model.onnx")
    (folder / "onnx" / "vision_model.onnx_data").write_bytes(b"weights")
    with run_hub(FakeHub(folder)) as running:
        yield running


def add(hub: FakeHub, revision: str = "", options: AddOptions | None = None, attempt: str = "cache") -> AddedModel:
    folder = hub.folder.parent
    place = HubOptions(endpoint=hub.address, cache=folder / attempt)
    return add_named_model(
        hub.REPOSITORY + (f"@{revision}" if revision else ""), options or AddOptions(), folder / "models", place
    )


def test_a_model_is_downloaded_and_its_revision_and_hashes_are_in_its_card(hub: FakeHub) -> None:
    added = add(hub)
    assert added.name == "tiny-model"
    assert (added.card["revision"], added.card["licence"]) == (COMMIT, "apache-2.0")
    assert added.card["source"] == "huggingface.co/someone/tiny-model"
    assert set(added.card["files"]) == {"vision_model.onnx", "vision_model.onnx_data"}
    downloaded = {request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /someone")}
    assert "text_model.onnx" not in downloaded


def test_a_revision_can_be_named(hub: FakeHub) -> None:
    assert add(hub, COMMIT).card["revision"] == COMMIT
    with pytest.raises(ModelError) as error:
        add(hub, "v9")
    assert error.value.code == "no-repository"


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub: FakeHub) -> None:
    hub.breaks = 2
    assert add(hub).card["revision"] == COMMIT


def test_bytes_that_are_not_those_of_the_hub_are_refused(hub: FakeHub) -> None:
    hub.wrong = True
    with pytest.raises(ModelError) as error:
        add(hub)
    assert error.value.code == "wrong-hash"


def test_a_gated_model_says_where_to_agree(hub: FakeHub) -> None:
    hub.gated = True
    with pytest.raises(ModelError) as error:
        add(hub)
    assert error.value.code == "gated-model" and "huggingface.co/someone/tiny-model" in error.value.fix


@pytest.mark.parametrize("licence", ["apple-amlr", ""])
def test_weights_are_downloaded_after_their_licence_is_accepted(hub: FakeHub, licence: str) -> None:
    hub.licence = licence
    with pytest.raises(Refused) as error:
        add(hub)
    assert error.value.code == "licence-refused"
    assert not any(".onnx" in request for request in hub.requests)
    assert add(hub, options=AddOptions(accept_licence=True)).name == "tiny-model"


def test_a_repository_that_is_not_there_is_named(hub: FakeHub, tmp_path: Path) -> None:
    place = HubOptions(endpoint=hub.address, cache=tmp_path / "cache")
    with pytest.raises(ModelError, match="someone/other cannot be downloaded") as error:
        add_named_model("someone/other", AddOptions(), tmp_path / "models", place)
    assert error.value.code == "no-repository"
    with pytest.raises(InvalidValue) as unknown:
        add_named_model("other", AddOptions(), tmp_path / "models", place)
    assert unknown.value.code == "unknown-model"


def test_for_an_export_the_weights_of_torch_are_downloaded_and_nothing_else(hub: FakeHub, tmp_path: Path) -> None:
    (hub.folder / "model.safetensors").write_bytes(b"weights")
    place = HubOptions(endpoint=hub.address, cache=tmp_path / "cache")
    source = find_source(hub.REPOSITORY, AddOptions(), place, exports=True)
    assert sorted(source.names()) == ["config.json", "model.safetensors", "preprocessor_config.json"]


def test_the_text_tower_is_downloaded_unless_it_is_not_wanted(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="the extra `hub` is not installed")
    with run_hub(FakeHub(write_colour_model(tmp_path / "repository"), licence="mit")) as hub:
        alone = add(hub, options=AddOptions(text=False))
        downloaded = {request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /someone")}
        assert "text" not in alone.card and not {"text_model.onnx", "tokenizer.json"} & downloaded
        both = add(hub, options=AddOptions(replace=True))
        assert set(both.card["text"]["files"]) == {"text_model.onnx", "tokenizer.json"}
        assert both.model == alone.model  # the vectors of photos are the same


def test_a_repository_without_onnx_is_explained(hub: FakeHub) -> None:
    for path in hub.folder.rglob("*.onnx"):
        path.unlink()
    with pytest.raises(ModelError) as error:
        add(hub)
    assert error.value.code == "no-onnx-file"


def test_without_a_network_the_cache_is_enough_and_an_empty_one_is_explained(hub: FakeHub, tmp_path: Path) -> None:
    add(hub)
    before = len(hub.requests)

    def run(cache: Path) -> dict[str, object]:
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_ENDPOINT": hub.address,
            "HF_HUB_CACHE": str(cache),
            "SHOPLENS_MODEL_FOLDER": str(tmp_path / "offline"),
        }
        command = [sys.executable, "-c", "from shoplens.cli import main; main()", "models", "add", hub.REPOSITORY]
        found = subprocess.run(
            [*command, "--accept-licence", "--json"], capture_output=True, text=True, env=environment
        )
        answer: dict[str, object] = json.loads(found.stdout)
        return answer

    card = run(tmp_path / "cache")["card"]
    assert isinstance(card, dict) and card["revision"] == COMMIT
    error = run(tmp_path / "empty")["error"]
    assert isinstance(error, dict) and error["code"] == "no-network"
    assert len(hub.requests) == before
