"""Tests of the client against a running service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens.client import Client, ServiceError
from tests.cli.command_line import run_command
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.service_process import run_service
from tests.training.shops import draw_pattern


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``store``, photos and ``model.onnx``."""
    return index_pixel_shop(tmp_path_factory.mktemp("client"), 20, 1)


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    """Yield a client with the role ``admin`` of a service that remembers searches."""
    key = run_command("keys", "add", "client", "--role", "admin", "--store", folder / "store", "--json").json["key"]
    options = ("--model", str(folder / "model.onnx"), "--remember", "--rate-limit", "0")
    with run_service(folder / "store", *options) as service, Client(service.address, key) as client:
        yield client


def test_searches_and_changes_products(client: Client, folder: Path) -> None:
    photo = draw_pattern(folder / "query.png", 3, 77)
    answer = client.search(photo, k=3, where=["id != p0", "id != p1"], facets=["group_id"], weights={"look": 2})
    assert len(answer.results) == 3 and answer.facets[0].field == "group_id" and answer.next_offset == 3
    next_page = client.search(query_id=answer.query_id, k=3, offset=3)
    assert [result.rank for result in next_page.results] == [4, 5, 6]
    region_answer = client.search(photo.read_bytes(), k=1, region=[0, 0, 24, 24])
    assert region_answer.query["region"] == [0, 0, 24, 24]
    assert "p3" not in {result.product_id for result in client.similar("p3", 5).results}
    product = client.update("p3", price=12.5, attributes={"fit": ["loose", "long"]})
    assert product == client.product("p3") and (product.price, product.attributes["fit"]) == (12.5, ["loose", "long"])
    [item] = client.put([{"id": "new", "title": "New", "photos": ["http://127.0.0.1:1/x.png"]}])
    assert item.done == "rejected" and item.problems[0]["kind"] == "fetch-address"
    client.remove("p4")
    client.remove("p4")
    with pytest.raises(ServiceError, match="no product 'p4'") as error:
        client.product("p4")
    assert (error.value.code, error.value.status) == ("unknown-product", 404)


def test_asks_for_all_that_the_service_tells(client: Client, folder: Path) -> None:
    counted = client.facets(["group_id"], ["price < 13"], limit=3)
    assert (
        counted.facets["group_id"] and counted.price and counted.price.max < 13 and "id" not in client.facets().facets
    )
    assert {"look", "color"} <= {row.name for row in client.dimensions()}
    assert client.missing() == {}
    photo = draw_pattern(folder / "query.png", 3, 77)
    by_words = client.search(text="under 20", color="red", k=2)
    assert by_words.words[0].condition == "price < 20"
    for search in (
        lambda: client.search(photo, objects=True),
        lambda: client.regions(photo, "p3", region=[0, 0, 24, 24]),
    ):
        with pytest.raises(ServiceError) as error:
            search()
        assert error.value.code in ("no-objects", "no-maps"), "the small network of the tests finds no objects"


@pytest.mark.thorough
def test_asks_for_the_map(client: Client) -> None:
    catalogue_map = client.within(300).map()
    assert catalogue_map.note and all(0 <= one.x <= 1 and one.photo for one in catalogue_map.products)


def test_a_response_that_takes_too_long_is_given_up(client: Client) -> None:
    with pytest.raises(ServiceError, match="does not answer") as error:
        client.within(0.000_1).search(product_id="p3")
    assert (error.value.code, error.value.status) == ("no-answer", 0)
    assert client.search(product_id="p3").results


def test_an_error_has_a_text_for_shoppers(client: Client) -> None:
    with pytest.raises(ServiceError) as error:
        client.search(query_id="long ago")
    assert error.value.message == "This search has expired. Please start again with your photo."


def test_adds_feedback_and_forgets_a_user(client: Client, folder: Path) -> None:
    answer = client.search(draw_pattern(folder / "query.png", 5, 78), k=3, user="ann")
    event = {"query_id": answer.query_id, "product_id": answer.results[0].product_id, "kind": "click", "user": "ann"}
    assert answer.remembered and client.feedback([event]).added["click"] == 1
    client.forget("ann")
    assert client.feedback([event]).rejected == 1


def test_raises_an_error_when_no_service_answers() -> None:
    with Client("http://127.0.0.1:9", seconds=2) as client, pytest.raises(ServiceError, match="does not answer"):
        client.search(product_id="p1")
