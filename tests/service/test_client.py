"""The client against a service that runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens.client import Client, ServiceError
from tests.cli.command_line import run_command
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.serving import serving
from tests.training.shops import draw_pattern


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return index_pixel_shop(tmp_path_factory.mktemp("client"), 20, 1)


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    key = run_command("keys", "add", "client", "--role", "admin", "--store", folder / "store", "--json").json["key"]
    options = ("--model", str(folder / "model.onnx"), "--remember", "--rate-limit", "0")
    with serving(folder / "store", *options) as served, Client(served.address, key) as client:
        yield client


def test_a_backend_searches_and_keeps_the_catalogue_fresh(client: Client, folder: Path) -> None:
    photo = draw_pattern(folder / "asked.png", 3, 77)
    answer = client.search(photo, k=3, where=["id != p0", "id != p1"], facets=["group_id"], weights={"look": 2})
    assert len(answer.results) == 3 and answer.facets[0]["field"] == "group_id" and answer.next_offset == 3
    again = client.search(query_id=answer.query_id, k=3, offset=3)
    assert [one.rank for one in again.results] == [4, 5, 6]
    part = client.search(photo.read_bytes(), k=1, region=[0, 0, 24, 24])
    assert part.query["region"] == [0, 0, 24, 24]
    assert "p3" not in {one.product_id for one in client.similar("p3", 5).results}
    changed = client.update("p3", price=12.5, attributes={"fit": ["loose", "long"]})
    assert changed == client.product("p3") and (changed.price, changed.attributes["fit"]) == (12.5, ["loose", "long"])
    [item] = client.put([{"id": "new", "title": "New", "photos": ["http://127.0.0.1:1/x.png"]}])
    assert item.done == "rejected" and item.problems[0]["kind"] == "fetch-address"
    client.remove("p4")
    client.remove("p4")
    with pytest.raises(ServiceError, match="no product 'p4'") as problem:
        client.product("p4")
    assert (problem.value.code, problem.value.status) == ("unknown-product", 404)


def test_feedback_is_told_and_forgotten(client: Client, folder: Path) -> None:
    plain = client.search(draw_pattern(folder / "asked.png", 5, 78), k=3, user="ann")
    event = {"query_id": plain.query_id, "product_id": plain.results[0].product_id, "kind": "click", "user": "ann"}
    assert plain.remembered and client.feedback([event]).added["click"] == 1
    client.forget("ann")
    assert client.feedback([event]).rejected == 1


def test_what_goes_wrong_is_told(folder: Path) -> None:
    with Client("http://127.0.0.1:9", seconds=2) as nobody, pytest.raises(ServiceError, match="does not answer"):
        nobody.search(product_id="p1")
