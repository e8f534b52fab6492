"""A shop moves to another model beside its running service: it adds, indexes, compares, and goes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.client import Client
from shoplens.service.keys import Keys
from tests.cli.command_line import run_command
from tests.models.repositories import write_repository
from tests.service.service_process import run_service
from tests.training.shops import write_learnable_feed

PRODUCTS = 12


@contextmanager
def searching(address: str, photo: bytes) -> Iterator[set[str]]:
    """Search all the time, and collect by which model each answer was made, or the error."""
    stop, seen = threading.Event(), set[str]()

    def search() -> None:
        with Client(address) as client:
            while not stop.is_set():
                try:
                    answer = client.search(photo, k=3)
                    seen.add(
                        str(answer.query["model"]).partition("@")[0] if len(answer.results) == 3 else "too few results"
                    )
                except Exception as problem:  # any of them is a failure of the switch
                    seen.add(repr(problem))

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_a_running_service_moves_to_another_model_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    feed, store = write_learnable_feed(tmp_path, PRODUCTS, 2), tmp_path / "store"
    assert run_command("index", feed, "--no-tune", "--store", store).code == 0
    shipped = run_command("info", "--store", store, "--json").json["model"]
    assert run_command("models", "add", write_repository(tmp_path / "tiny")).code == 0
    key = Keys(store).create("writer", "write")[0]
    with run_service(store, "--rate-limit", "0") as service:
        with searching(service.address, (tmp_path / "p3-0.png").read_bytes()) as seen:
            replaced = run_command(
                "index", feed, "--replace", "--keep", "--no-tune", "--model", "tiny", "--store", store
            )
            assert replaced.code == 0, replaced.err
            info = run_command("info", "--store", store, "--json").json
            assert info["model"].startswith("tiny@") and info["products"] == PRODUCTS
            with Client(service.address, key) as client:
                client.update("p3", price=7.5)
            compared = run_command("generations", "compare", "--held-out", "--store", store, "--json").json
            assert [row["model"].partition("@")[0] for row in compared["rows"]] == ["tiny", shipped.partition("@")[0]]
            assert compared["skipped"] == {} and "tiny" in run_command("generations", "--store", store).out
            back = run_command("generations", "roll-back", "--store", store)
            assert back.code == 0, back.err
            assert run_command("info", "--store", store, "--json").json["model"] == shipped
        assert seen == {shipped.partition("@")[0], "tiny"}, "every search was answered, before and after each switch"
        with Client(service.address, key) as client:
            assert client.product("p3").price == 7.5, "what was written under the other model stays"
    with Shop(store) as shop:
        assert shop.search(tmp_path / "p5-0.png").results[0].product.id == "p5"


def test_a_service_with_a_model_of_its_own_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_MODEL_FOLDER", str(tmp_path / "models"))
    feed, store = write_learnable_feed(tmp_path, PRODUCTS, 1), tmp_path / "store"
    assert run_command("models", "add", write_repository(tmp_path / "tiny")).code == 0
    assert run_command("index", feed, "--model", "tiny", "--store", store).code == 0
    with run_service(store, "--model", "tiny") as service:
        other = run_command("index", feed, "--replace", "--model", "efficientnet-lite2", "--store", store)
        assert other.code == 6 and "start the service" in other.err
        assert service.process.poll() is None
