"""Products over HTTP: put, changed, removed, each as often as one likes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.images import PhotoCache, PhotoSource
from shoplens.service.caches.not_found_stats import UNKNOWN, NotFoundStats
from tests.fakes import ColourEmbedder, photo
from tests.service.conftest import asked, client_with
from tests.service.test_searching import code


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """Address of a server of the shop's photos."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def writer(shop: Shop) -> Iterator[TestClient]:
    """With a key that may write; the shop fetches from its own machine."""
    with client_with(shop, "write", allow_private=True) as client:
        shop._parts.feed_photos = PhotoSource(
            shop.settings, PhotoCache(shop._parts.store.photos_folder, shop.settings.kept_photo_bytes)
        )
        yield client


def product(web: str, name: str, *photos: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "title": f"The {name}", "photos": [f"{web}/{one}" for one in photos], **fields}


def test_products_are_put_one_by_one_and_told_of(writer: TestClient, shop: Shop, folder: Path, web: str) -> None:
    photo(folder / "new.png", (120, 20, 160))
    sent = [
        product(web, "new", "new.png", price=5, attributes={"color": "purple", "size": ["S", 3]}),
        product(web, "lost", "nowhere.png"),
        product(web, "half", "nowhere.png", "new.png"),
    ]
    told = writer.post("/v1/products", json={"products": sent})
    assert told.status_code == 200
    items = {one["id"]: one for one in told.json()["items"]}
    assert {name: one["done"] for name, one in items.items()} == {"new": "added", "lost": "rejected", "half": "added"}
    assert items["new"]["problems"] == [] and items["lost"]["problems"] and items["half"]["problems"]
    again = writer.post("/v1/products", json={"products": sent[:1]}).json()["items"]
    assert [one["done"] for one in again] == ["unchanged"]
    sent[0]["price"] = 6
    assert writer.post("/v1/products", json={"products": sent[:1]}).json()["items"][0]["done"] == "changed"
    assert writer.get("/v1/products/new").json()["price"] == 6
    found = writer.post("/v1/search", files={"image": ("p.png", (folder / "new.png").read_bytes())}).json()["results"]
    assert {found[0]["product_id"], found[1]["product_id"]} == {"new", "half"}
    assert len(shop) == 14


@pytest.mark.parametrize("path", ["/etc/passwd", "new.png", "../feed.jsonl"])
def test_files_of_the_machine_cannot_be_put(writer: TestClient, path: str) -> None:
    sent = {"id": "x", "title": "x", "photos": [path]}
    answer = writer.post("/v1/products", json={"products": [sent]})
    assert (answer.status_code, code(answer)) == (422, "bad-url")


def test_a_file_address_is_no_way_in_either(writer: TestClient, shop: Shop) -> None:
    sent = {"id": "x", "title": "x", "photos": ["file:///etc/passwd"]}
    done = writer.post("/v1/products", json={"products": [sent]}).json()["items"][0]
    assert done["done"] == "rejected" and shop.products.get("x") is None


def test_price_stock_and_attributes_change_without_a_look(writer: TestClient, shop: Shop) -> None:
    shop._parts.feed_photos = SimpleNamespace(close=lambda: None)  # type: ignore[assignment]  # it has no photos at all
    told = writer.patch("/v1/products/red-1", json={"price": 99.5, "in_stock": False}).json()
    assert (told["price"], told["in_stock"], told["attributes"]["color"]) == (99.5, False, ["red"])
    told = writer.patch("/v1/products/red-1", json={"attributes": {"color": "green", "size": None, "fit": [1, True]}})
    assert told.json()["attributes"] == {"color": ["green"], "fit": [1, True]}
    where = {"product_id": "green-0", "where": ["color = green", "price > 90"]}
    assert [one["product_id"] for one in writer.post("/v1/search", json=where).json()["results"]] == ["red-1"]
    assert writer.patch("/v1/products/red-1", json={"price": None}).json()["price"] is None
    assert shop.products.get("red-1").title == "The red-1"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"price": -1}, 422),
        ({"title": None}, 422),
        ({"photos": ["x"]}, 422),
        ({"id": "other"}, 422),
        ({"attributes": {"": 1}}, 422),
        ([], 422),
    ],
)
def test_changes_that_make_no_sense_change_nothing(writer: TestClient, shop: Shop, body: object, status: int) -> None:
    before = shop.products.get("red-1")
    assert writer.patch("/v1/products/red-1", json=body).status_code == status
    assert shop.products.get("red-1") == before
    assert writer.patch("/v1/products/none", json={"price": 1}).status_code == 404


def test_removing_twice_is_as_removing_once(writer: TestClient, shop: Shop) -> None:
    for _ in range(2):
        assert writer.delete("/v1/products/red-1").status_code == 204
    assert shop.products.get("red-1") is None and len(shop) == 11
    assert writer.get("/v1/products/red-1").status_code == 404


@pytest.mark.parametrize("name", ["a/b", "a b?c#d%", "ünï", "similar", "x/similar/y"])
def test_ids_of_any_kind_are_addresses(writer: TestClient, folder: Path, web: str, name: str) -> None:
    done = writer.post("/v1/products", json={"products": [product(web, name, "red-0.png")]}).json()["items"][0]
    assert done["done"] == "added"
    address = f"/v1/products/{quote(name, safe='')}"
    assert writer.get(address).json()["id"] == name
    assert writer.patch(address, json={"price": 3}).json()["price"] == 3
    assert writer.delete(address).status_code == 204 and writer.get(address).status_code == 404


def test_a_product_is_found_by_the_ids_of_its_rows(writer: TestClient, shop: Shop, folder: Path, web: str) -> None:
    photo(folder / "new.png", (120, 20, 160))
    names = ["AB/12 S", "4006381333931", "shared"]
    sent = [product(web, "new", "new.png", identifiers=names), product(web, "twin", "new.png", identifiers=["shared"])]
    told = writer.post("/v1/products", json={"products": sent}).json()["items"]
    assert [(one["done"], one["problems"]) for one in told] == [("added", [])] * 2
    shop._parts.store.add_renames({"before": "new"})
    expected = writer.get("/v1/products/new").json()
    assert expected["identifiers"] == names
    similar = writer.get("/v1/products/new/similar").json()["results"]
    for name in (*names[:2], "before"):
        address = f"/v1/products/{quote(name, safe='')}"
        assert writer.get(address).json() == expected
        assert writer.get(f"{address}/similar").json()["results"] == similar
        assert writer.post("/v1/search", json={"product_id": name}).json()["results"] == similar
        assert writer.delete(address).status_code == 204 and writer.get(address).json() == expected
        changed = writer.patch(address, json={"price": 3})
        assert (changed.status_code, code(changed)) == (404, "unknown-product")
    for answer in (
        writer.get("/v1/products/shared"),
        writer.get("/v1/products/shared/similar"),
        writer.post("/v1/search", json={"product_id": "shared"}),
    ):
        assert (answer.status_code, code(answer)) == (422, "ambiguous-product")
        assert "new, twin" in answer.json()["error"]["problem"]
    found = writer.post("/v1/search", json={"color": "red", "where": ["id = 'AB/12 S' or id = 4006381333931"]}).json()
    assert [(one["product_id"], one["identifiers"]) for one in found["results"]] == [("new", names)]


def test_searches_are_answered_while_products_come_and_go(writer: TestClient, folder: Path, web: str) -> None:
    image, problems, stop = asked(folder), list[str](), threading.Event()

    def search() -> None:
        while not stop.is_set():
            answer = writer.post("/v1/search", files={"image": ("p.png", image)})
            if answer.status_code != 200 or not answer.json()["results"]:
                problems.append(answer.text)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(12):
        writer.post("/v1/products", json={"products": [product(web, f"n{n}", "blue-0.png")]})
        writer.patch(f"/v1/products/n{n}", json={"price": n})
        writer.delete(f"/v1/products/n{n - 1}")
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems


def test_facets_and_dimensions_are_listed(client: TestClient) -> None:
    found = client.get("/v1/facets", params={"field": ["color", "size"], "where": "price < 12"}).json()["facets"]
    assert found["color"] == {"blue": 2, "gold": 2, "green": 2, "red": 2} and found["size"] == {"m": 8, "s": 8}
    assert set(client.get("/v1/facets").json()["facets"]) >= {"color", "size", "group_id"}
    unknown = client.get("/v1/facets", params={"field": "taste"})
    assert (unknown.status_code, code(unknown)) == (422, "unknown-field")
    names = [one["name"] for one in client.get("/v1/dimensions").json()["dimensions"]]
    assert "look" in names and "color" in names


def test_a_backup_is_made_while_it_serves(shop: Shop, tmp_path: Path) -> None:
    with client_with(shop, "admin") as admin:
        assert code(admin.post("/v1/backups")) == "no-backups"
    with client_with(shop, "admin", backups=tmp_path / "backups") as admin:
        made = Path(admin.post("/v1/backups").json()["folder"])
        inside = client_with(shop, "admin", backups=shop.folder / "backups")
        with inside:
            assert inside.post("/v1/backups").status_code == 409
    Shop.restore(made, tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=shop.settings) as restored:
        assert sorted(restored.products.ids()) == sorted(shop.products.ids())


def test_what_is_not_in_the_catalogue_is_counted_and_nothing_else(shop: Shop) -> None:
    days = [datetime(2026, 1, 1, tzinfo=UTC)]
    missing = NotFoundStats(shop.folder, lambda: days[0])
    answer = shop.similar("red-1", 2)
    missing.count(answer)
    assert missing.counts() == {}
    for _ in range(2):
        missing.count(replace(answer, verdict="not-in-catalogue"))
    days[0] = datetime(2026, 1, 2, tzinfo=UTC)
    missing.count(replace(answer, verdict="not-in-catalogue", results=()))
    assert missing.counts() == {"2026-01-01": {UNKNOWN: 2}, "2026-01-02": {UNKNOWN: 1}}
    days[0] = datetime(2027, 3, 1, tzinfo=UTC)
    missing.count(replace(answer, verdict="not-in-catalogue"))
    assert set(missing.counts()) == {"2027-03-01"}
    with client_with(shop, "admin") as admin:
        assert admin.get("/v1/missing").json()["searches"] == {"2027-03-01": {UNKNOWN: 1}}
    (shop.folder / "not-found.json").write_text("[")
    assert missing.counts() == {}
