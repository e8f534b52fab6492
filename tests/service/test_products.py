"""Tests of products over HTTP: they are put, changed and removed, and each request may be repeated."""

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
from shoplens.errors import InvalidValue, Refused
from shoplens.images import PhotoCache, PhotoSource
from shoplens.service.caches.not_found_stats import UNKNOWN, NotFoundStats
from shoplens.service.caches.thumbnails import ThumbnailCache
from shoplens.service.product_links import product_address
from tests.fakes import ColourEmbedder, photo
from tests.service.conftest import error_code, make_client, query_photo


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without logging the requests."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def photo_server(folder: Path) -> Iterator[str]:
    """Yield the address of an HTTP server of the shop's photos."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def writer(shop: Shop) -> Iterator[TestClient]:
    """Yield a client whose key has the role ``write``; its shop may fetch photos from private addresses."""
    with make_client(shop, "write", allow_private=True) as client:
        shop._parts.feed_photos = PhotoSource(
            shop.settings, PhotoCache(shop._parts.store.photos_folder, shop.settings.kept_photo_bytes)
        )
        yield client


def product_document(photo_server: str, name: str, *photos: str, **fields: Any) -> dict[str, Any]:
    """Return the JSON object of a product; its photos are file names on the server."""
    return {
        "id": name,
        "title": f"The {name}",
        "photos": [f"{photo_server}/{file_name}" for file_name in photos],
        **fields,
    }


def test_puts_products_and_reports_each_of_them(
    writer: TestClient, shop: Shop, folder: Path, photo_server: str
) -> None:
    photo(folder / "new.png", (120, 20, 160))
    documents = [
        product_document(photo_server, "new", "new.png", price=5, attributes={"color": "purple", "size": ["S", 3]}),
        product_document(photo_server, "lost", "nowhere.png"),
        product_document(photo_server, "half", "nowhere.png", "new.png"),
    ]
    response = writer.post("/v1/products", json={"products": documents})
    assert response.status_code == 200
    items = {item["id"]: item for item in response.json()["items"]}
    assert {name: item["done"] for name, item in items.items()} == {"new": "added", "lost": "rejected", "half": "added"}
    assert items["new"]["problems"] == [] and items["lost"]["problems"] and items["half"]["problems"]
    repeated_items = writer.post("/v1/products", json={"products": documents[:1]}).json()["items"]
    assert [item["done"] for item in repeated_items] == ["unchanged"]
    documents[0]["price"] = 6
    assert writer.post("/v1/products", json={"products": documents[:1]}).json()["items"][0]["done"] == "changed"
    assert writer.get("/v1/products/new").json()["price"] == 6
    results = writer.post("/v1/search", files={"image": ("p.png", (folder / "new.png").read_bytes())}).json()["results"]
    assert {results[0]["product_id"], results[1]["product_id"]} == {"new", "half"}
    assert len(shop) == 14


@pytest.mark.parametrize("path", ["/etc/passwd", "new.png", "../feed.jsonl"])
def test_rejects_photos_that_are_local_paths(writer: TestClient, path: str) -> None:
    document = {"id": "x", "title": "x", "photos": [path]}
    response = writer.post("/v1/products", json={"products": [document]})
    assert (response.status_code, error_code(response)) == (422, "bad-url")


def test_rejects_photos_that_are_file_urls(writer: TestClient, shop: Shop) -> None:
    document = {"id": "x", "title": "x", "photos": ["file:///etc/passwd"]}
    item = writer.post("/v1/products", json={"products": [document]}).json()["items"][0]
    assert item["done"] == "rejected" and shop.products.get("x") is None


def test_changes_price_stock_and_attributes_without_reading_photos(writer: TestClient, shop: Shop) -> None:
    shop._parts.feed_photos = SimpleNamespace(close=lambda: None)  # type: ignore[assignment]  # it cannot read photos
    product = writer.patch("/v1/products/red-1", json={"price": 99.5, "in_stock": False}).json()
    assert (product["price"], product["in_stock"], product["attributes"]["color"]) == (99.5, False, ["red"])
    changes = {"color": "green", "size": None, "fit": [1, True]}
    product = writer.patch("/v1/products/red-1", json={"attributes": changes}).json()
    assert product["attributes"] == {"color": ["green"], "fit": [1, True]}
    query = {"product_id": "green-0", "where": ["color = green", "price > 90"]}
    assert [result["product_id"] for result in writer.post("/v1/search", json=query).json()["results"]] == ["red-1"]
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
def test_invalid_changes_change_nothing(writer: TestClient, shop: Shop, body: object, status: int) -> None:
    before = shop.products.get("red-1")
    assert writer.patch("/v1/products/red-1", json=body).status_code == status
    assert shop.products.get("red-1") == before
    assert writer.patch("/v1/products/none", json={"price": 1}).status_code == 404


def test_removing_a_product_twice_succeeds(writer: TestClient, shop: Shop) -> None:
    for _ in range(2):
        assert writer.delete("/v1/products/red-1").status_code == 204
    assert shop.products.get("red-1") is None and len(shop) == 11
    assert writer.get("/v1/products/red-1").status_code == 404


@pytest.mark.parametrize("name", ["a/b", "a b?c#d%", "ünï", "similar", "x/similar/y"])
def test_product_ids_with_special_characters_work_in_addresses(
    writer: TestClient, folder: Path, photo_server: str, name: str
) -> None:
    document = product_document(photo_server, name, "red-0.png")
    item = writer.post("/v1/products", json={"products": [document]}).json()["items"][0]
    assert item["done"] == "added"
    address = f"/v1/products/{quote(name, safe='')}"
    assert writer.get(address).json()["id"] == name
    assert writer.patch(address, json={"price": 3}).json()["price"] == 3
    assert writer.delete(address).status_code == 204 and writer.get(address).status_code == 404


def test_finds_a_product_by_its_identifiers_and_former_ids(
    writer: TestClient, shop: Shop, folder: Path, photo_server: str
) -> None:
    photo(folder / "new.png", (120, 20, 160))
    identifiers = ["AB/12 S", "4006381333931", "shared"]
    documents = [
        product_document(photo_server, "new", "new.png", identifiers=identifiers),
        product_document(photo_server, "twin", "new.png", identifiers=["shared"]),
    ]
    items = writer.post("/v1/products", json={"products": documents}).json()["items"]
    assert [(item["done"], item["problems"]) for item in items] == [("added", [])] * 2
    shop._parts.store.add_renames({"before": "new"})
    expected = writer.get("/v1/products/new").json()
    assert expected["identifiers"] == identifiers
    similar = writer.get("/v1/products/new/similar").json()["results"]
    for name in (*identifiers[:2], "before"):
        address = f"/v1/products/{quote(name, safe='')}"
        assert writer.get(address).json() == expected
        assert writer.get(f"{address}/similar").json()["results"] == similar
        assert writer.post("/v1/search", json={"product_id": name}).json()["results"] == similar
        assert writer.delete(address).status_code == 204 and writer.get(address).json() == expected
        patch_response = writer.patch(address, json={"price": 3})
        assert (patch_response.status_code, error_code(patch_response)) == (404, "unknown-product")
    for response in (
        writer.get("/v1/products/shared"),
        writer.get("/v1/products/shared/similar"),
        writer.post("/v1/search", json={"product_id": "shared"}),
    ):
        assert (response.status_code, error_code(response)) == (422, "ambiguous-product")
        assert "new, twin" in response.json()["error"]["problem"]
    answer = writer.post("/v1/search", json={"color": "red", "where": ["id = 'AB/12 S' or id = 4006381333931"]}).json()
    assert [(result["product_id"], result["identifiers"]) for result in answer["results"]] == [("new", identifiers)]


def test_searches_succeed_while_products_change(writer: TestClient, folder: Path, photo_server: str) -> None:
    image, failures, stop = query_photo(folder), list[str](), threading.Event()

    def search() -> None:
        while not stop.is_set():
            response = writer.post("/v1/search", files={"image": ("p.png", image)})
            if response.status_code != 200 or not response.json()["results"]:
                failures.append(response.text)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(12):
        writer.post("/v1/products", json={"products": [product_document(photo_server, f"n{number}", "blue-0.png")]})
        writer.patch(f"/v1/products/n{number}", json={"price": number})
        writer.delete(f"/v1/products/n{number - 1}")
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures


def test_lists_facets_and_dimensions(client: TestClient) -> None:
    counted = client.get("/v1/facets", params={"field": ["color", "size"], "where": "price < 12"}).json()
    facets = counted["facets"]
    assert 0 < counted["price"]["min"] <= counted["price"]["max"] < 12 and sum(counted["price"]["counts"]) == 8
    assert facets["color"] == {"blue": 2, "gold": 2, "green": 2, "red": 2} and facets["size"] == {"m": 8, "s": 8}
    assert set(client.get("/v1/facets").json()["facets"]) >= {"color", "size", "group_id"}
    unknown_field = client.get("/v1/facets", params={"field": "taste"})
    assert (unknown_field.status_code, error_code(unknown_field)) == (422, "unknown-field")
    names = [dimension["name"] for dimension in client.get("/v1/dimensions").json()["dimensions"]]
    assert "look" in names and "color" in names


def test_makes_a_backup_while_serving(shop: Shop, tmp_path: Path) -> None:
    with make_client(shop, "admin") as admin:
        assert error_code(admin.post("/v1/backups")) == "no-backups"
    with make_client(shop, "admin", backups=tmp_path / "backups") as admin:
        backup = Path(admin.post("/v1/backups").json()["folder"])
    with make_client(shop, "admin", backups=shop.folder / "backups") as admin:
        assert admin.post("/v1/backups").status_code == 409, "the folder of backups is in the store"
    Shop.restore(backup, tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=shop.settings) as restored:
        assert sorted(restored.products.ids()) == sorted(shop.products.ids())


def test_a_backup_is_not_restored_to_a_server(shop: Shop, tmp_path: Path) -> None:
    shop.backup(tmp_path / "backup")
    with pytest.raises(Refused, match="not to a server"):
        Shop.restore(tmp_path / "backup", "qdrant://localhost:1/shop")


def test_what_cannot_be_changed_of_a_product_is_refused(shop: Shop) -> None:
    before = shop.products.get("red-1")
    for changes in ({"photos": ("/new.jpg",)}, {"id": "other"}, {"price": 3.0, "colour": "red"}):
        with pytest.raises(InvalidValue, match="cannot be changed") as error:
            shop.products.update("red-1", **changes)
        assert error.value.code == "fixed-field"
    assert shop.products.get("red-1") == before


def test_bytes_of_a_photo_that_two_threads_make_are_counted_once(shop: Shop) -> None:
    """Else the cache would count itself full one day, and keep a single photo."""
    thumbnails = ThumbnailCache(shop)
    [name] = shop.products.photo_hashes(["red-1"])["red-1"].values()
    contents = [thumbnails.get(name, 192) for _ in range(3)]
    assert thumbnails._bytes == len(contents[0]) == len(thumbnails.get_cached(name, 192) or b"")


def test_counts_only_searches_without_a_product_in_the_catalogue(shop: Shop) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    stats = NotFoundStats(shop.folder, lambda: now[0])
    answer = shop.similar("red-1", 2)
    stats.count(answer)
    assert stats.counts() == {}
    for _ in range(2):
        stats.count(replace(answer, verdict="not-in-catalogue"))
    now[0] = datetime(2026, 1, 2, tzinfo=UTC)
    stats.count(replace(answer, verdict="not-in-catalogue", results=()))
    assert stats.counts() == {"2026-01-01": {UNKNOWN: 2}, "2026-01-02": {UNKNOWN: 1}}
    now[0] = datetime(2027, 3, 1, tzinfo=UTC)
    stats.count(replace(answer, verdict="not-in-catalogue"))
    assert set(stats.counts()) == {"2027-03-01"}
    with make_client(shop, "admin") as admin:
        assert admin.get("/v1/missing").json()["searches"] == {"2027-03-01": {UNKNOWN: 1}}
    (shop.folder / "not-found.json").write_text("[")
    assert stats.counts() == {}


def test_products_have_the_shops_currency_and_addresses(shop: Shop) -> None:
    shop.products.update("red-1", url="/bags/a b.html", currency="USD")
    shop.products.update("red-2", url="https://elsewhere.example/red-2")
    with make_client(shop, currency="EUR", url_template="https://shop.example/{url}") as client:
        found = {row["product_id"]: row for row in client.post("/v1/search", json={"color": "red"}).json()["results"]}
        assert (found["red-1"]["url"], found["red-1"]["currency"]) == ("https://shop.example/bags/a%20b.html", "USD")
        assert (found["red-2"]["url"], found["red-2"]["currency"]) == ("https://elsewhere.example/red-2", "EUR")
        assert found["red-0"]["url"] == "", "nothing says where its page is"
        assert client.get("/v1/products/red-1").json()["url"] == found["red-1"]["url"]


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("https://shop.example/p/{id}", "https://shop.example/p/A%2F1%20%C3%BC%7Burl%7D"),
        ("https://shop.example/{group_id}?id={id}", "https://shop.example/g%261?id=A%2F1%20%C3%BC%7Burl%7D"),
        ("", ""),
    ],
)
def test_an_address_is_made_of_encoded_values(template: str, address: str) -> None:
    assert product_address(template, "", "A/1 ü{url}", "g&1") == address
    assert product_address(template, "HTTP://a.example", "x", "") == "HTTP://a.example"


def test_photos_are_shown_while_searches_wait(client: TestClient) -> None:
    photo = client.get("/v1/products/red-1").json()["photos"][0]
    service = client.app.state.service  # type: ignore[attr-defined]
    service.work.waiting += 1_000
    try:
        assert client.get(photo, params={"width": 96}).headers["content-type"] == "image/jpeg"
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == 503
    finally:
        service.work.waiting -= 1_000
