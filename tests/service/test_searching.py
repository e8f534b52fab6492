"""Searching over HTTP: by a photo, again by the same one, by a product, by a colour; and what is refused."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.schemas import AnswerDocument, ErrorDocument
from tests.service.conftest import asked, client_with


def code(answer: object) -> str:
    """Of an error, whose shape is checked."""
    return ErrorDocument.model_validate(answer.json()).error.code  # type: ignore[attr-defined]


def test_a_photo_finds_its_product_by_form_and_by_json(client: TestClient, folder: Path) -> None:
    photo = asked(folder)
    form = client.post("/v1/search", files={"image": ("p.png", photo)}, data={"k": "3", "facets": ["color", "size"]})
    assert form.status_code == 200
    told = AnswerDocument.model_validate(form.json())
    assert [one.product_id.split("-")[0] for one in told.results] == ["red"] * 3
    assert [facet["field"] for facet in told.facets] == ["color", "size"]
    assert told.verdict_words == "uncalibrated" and told.remembered and told.query["source"] == "upload"
    for result in told.results:
        assert sum(result.parts.values()) == pytest.approx(result.score)
    body = {"image": base64.b64encode(photo).decode(), "k": 3, "facets": ["color", "size"]}
    same = AnswerDocument.model_validate(client.post("/v1/search", json=body).json())
    assert [one.product_id for one in same.results] == [one.product_id for one in told.results]


def test_the_same_photo_is_ranked_anew_without_being_sent(client: TestClient, folder: Path) -> None:
    first = client.post("/v1/search", files={"image": ("p.png", asked(folder))}).json()
    again = client.post("/v1/search", json={"query_id": first["query_id"], "where": ["color = blue"], "explain": True})
    told = again.json()
    assert again.status_code == 200 and "embed" not in told["took_ms"]
    assert {one["product_id"].split("-")[0] for one in told["results"]} == {"blue"}
    assert told["results"][0]["reasons"]["weights"] == told["weights"]
    weighed = client.post("/v1/search", json={"query_id": told["query_id"], "weights": {"look": 0, "color": 1}})
    assert weighed.status_code == 200 and weighed.json()["importances"]["look"] == 0
    lost = client.post("/v1/search", json={"query_id": "long ago"})
    assert (lost.status_code, code(lost)) == (404, "unknown-query")
    part = client.post("/v1/search", json={"query_id": first["query_id"], "region": [0, 0, 4, 4]})
    assert (part.status_code, code(part)) == (422, "region-of-nothing")


def test_pages_follow_one_another(client: TestClient, folder: Path) -> None:
    whole = client.post("/v1/search", files={"image": ("p.png", asked(folder))}, data={"k": "12"}).json()
    assert len(whole["results"]) == 12 and whole["next_offset"] is None
    found, offset = [], 0
    while offset is not None:
        page = client.post("/v1/search", json={"query_id": whole["query_id"], "k": 5, "offset": offset}).json()
        found += [(one["rank"], one["product_id"]) for one in page["results"]]
        offset = page["next_offset"]
    assert found == [(one["rank"], one["product_id"]) for one in whole["results"]]


def test_pages_are_of_one_generation(client: TestClient, shop: Shop, folder: Path) -> None:
    first = client.post("/v1/search", files={"image": ("p.png", asked(folder))}, data={"k": "5"}).json()
    assert shop.training.train_filters().products == 12
    page = {"query_id": first["query_id"], "k": 5}
    told = client.post("/v1/search", json={**page, "offset": 5})
    assert (told.status_code, code(told)) == (410, "another-generation")
    again = client.post("/v1/search", json=page).json()
    second = client.post("/v1/search", json={**page, "query_id": again["query_id"], "offset": 5}).json()
    assert [one["rank"] for one in second["results"]] == [6, 7, 8, 9, 10]


def test_a_product_or_a_colour_is_searched_by(client: TestClient) -> None:
    like = client.post("/v1/search", json={"product_id": "red-1", "k": 2}).json()
    short = client.get("/v1/products/red-1/similar", params={"k": 2}).json()
    assert [one["product_id"] for one in like["results"]] == [one["product_id"] for one in short["results"]]
    assert "red-1" not in {one["product_id"] for one in like["results"]}
    assert client.get("/v1/products/none/similar").status_code == 404
    green = client.post("/v1/search", json={"color": "green", "k": 1}).json()
    assert green["results"][0]["product_id"].startswith("green")


def test_photos_are_addresses_that_answer(client: TestClient, folder: Path) -> None:
    result = client.post("/v1/search", files={"image": ("p.png", asked(folder))}).json()["results"][0]
    assert result["photo"] in result["photos"]
    picture = client.get(result["photo"], params={"width": 96})
    assert picture.headers["content-type"] == "image/jpeg" and picture.content.startswith(b"\xff\xd8")
    tag = picture.headers["etag"]
    assert client.get(result["photo"], params={"width": 96}, headers={"If-None-Match": tag}).status_code == 304
    assert code(client.get(result["photo"], params={"width": 97})) == "bad-width"
    for wrong in ("0" * 32, "..%2f..%2fetc%2fpasswd", "A" * 32, "%00"):
        assert client.get(f"/v1/photos/{wrong}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 422, "ambiguous-query"),
        ({"image": "AAAA", "product_id": "red-1"}, 422, "ambiguous-query"),
        ({"image": "not base64!"}, 422, "bad-request"),
        ({"image": "AAAA"}, 415, "photo-not-an-image"),
        ({"image": ""}, 422, "photo-empty"),
        ({"product_id": "none"}, 404, "unknown-product"),
        ({"product_id": "red-1", "k": 0}, 422, "bad-request"),
        ({"product_id": "red-1", "k": 10**30}, 422, "bad-request"),
        ({"product_id": "red-1", "kk": 3}, 422, "bad-request"),
        ({"product_id": "red-1", "where": ["colour = red"]}, 422, "unknown-field"),
        ({"product_id": "red-1", "where": ["color ="]}, 422, "bad-syntax"),
        ({"product_id": "red-1", "weights": {"taste": 1}}, 422, "unknown-dimension"),
        ({"product_id": "red-1", "weights": {"look": -1}}, 422, "bad-weight"),
        ({"product_id": "red-1", "strategy": "magic"}, 422, "unknown-strategy"),
        ({"product_id": "red-1", "facets": ["taste"]}, 422, "unknown-field"),
        ({"color": "reddish"}, 422, "unknown-color"),
        ({"url": "file:///etc/passwd"}, 422, "fetch-scheme"),
        ({"url": "/etc/passwd"}, 422, "bad-url"),
        ([1], 422, "bad-request"),
        ("text", 422, "bad-request"),
    ],
)
def test_what_makes_no_sense_is_told(client: TestClient, body: object, status: int, told: str) -> None:
    answer = client.post("/v1/search", json=body)
    assert (answer.status_code, code(answer)) == (status, told)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b'{"weights": {"look": NaN}, "color": "red"}', "application/json", 422),
        (b"hello", "text/plain", 415),
        (b"", "", 415),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 422),
        (b"no boundary", "multipart/form-data", 400),
    ],
)
def test_what_is_no_request_is_told(client: TestClient, content: bytes, kind: str, status: int) -> None:
    answer = client.post("/v1/search", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status and code(answer)


def huge_png() -> bytes:
    """Some bytes that say that they are 50,000 x 50,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1_000))
    parts = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        (huge_png(), 422, "photo-too-many-pixels"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415, "photo-not-an-image"),
        (b"%PDF-1.7\n" + bytes(100), 415, "photo-not-an-image"),
        (b"GIF89a/*<script>alert(1)</script>*/", 422, "photo-truncated"),
        (b"PK\x03\x04" + bytes(100), 415, "photo-not-an-image"),
    ],
    ids=["bomb", "svg", "pdf", "gif and script", "zip"],
)
def test_files_that_are_something_else_are_told(client: TestClient, sent: bytes, status: int, told: str) -> None:
    answer = client.post("/v1/search", files={"image": ("p.png", sent)})
    assert (answer.status_code, code(answer)) == (status, told)


def test_a_photo_that_is_a_page_too_is_a_photo(client: TestClient, folder: Path) -> None:
    photo = asked(folder)
    names = ("p.png", "../../etc/passwd", 'x";\r\nX-Injected: 1', "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe")
    for name in names:
        answer = client.post("/v1/search", files={"image": (name, photo + b"<script>alert(1)</script>PK\x03\x04")})
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
        assert "x-injected" not in answer.headers and "<script" not in answer.text
    cut = client.post("/v1/search", files={"image": ("p.png", photo[: len(photo) // 2])})
    assert (cut.status_code, code(cut)) == (422, "photo-damaged")


def test_a_url_is_fetched_by_the_safe_fetcher_alone(shop: Shop) -> None:
    with client_with(shop) as client:
        for url in ("http://127.0.0.1:1/x.png", "http://[::ffff:169.254.169.254]/", "http://localhost/", "gopher://x/"):
            answer = client.post("/v1/search", json={"url": url})
            assert answer.status_code == 422 and code(answer).startswith("fetch-"), url


def test_feedback_closes_the_circle_and_users_are_forgotten(client: TestClient, shop: Shop, folder: Path) -> None:
    answer = client.post("/v1/search", files={"image": ("p.png", asked(folder))}, data={"user": "ann"}).json()
    event = {"query_id": answer["query_id"], "product_id": answer["results"][1]["product_id"], "kind": "click"}
    done = client.post("/v1/feedback", json={"events": [event, event, {**event, "query_id": "gone"}]}).json()
    assert done["added"] == {"click": 1, "purchase": 0, "wrong": 0} and done["rejected"] == 1
    assert {one["kind"] for one in done["problems"]} == {"unknown-query", "duplicate-event"}
    assert shop.feedback.counts().events["click"] == 1
    few = client.post("/v1/search", files={"image": ("p.png", asked(folder))}, data={"k": "3"}).json()
    beyond = {**event, "query_id": few["query_id"], "product_id": answer["results"][3]["product_id"]}
    told = client.post("/v1/feedback", json={"events": [beyond]}).json()
    assert [one["kind"] for one in told["problems"]] == ["unknown-product"], "it was not shown"
    assert client.delete("/v1/users/ann").status_code == 401
    with client_with(shop, "admin") as admin:
        assert admin.delete("/v1/users/ann").status_code == 204
    assert shop.feedback.counts().impressions == 1


def test_an_event_may_name_a_row_of_its_product(client: TestClient, shop: Shop, folder: Path) -> None:
    answer = client.post("/v1/search", files={"image": ("p.png", asked(folder))}).json()
    first, second, third = (one["product_id"] for one in answer["results"][1:4])
    shop.products.update(first, identifiers=("SKU-1",))
    shop.products.update(second, identifiers=("shared",))
    shop.products.update(third, identifiers=("shared",))
    shop._parts.store.add_renames({"before": second})
    names = ("SKU-1", "before", "shared", "unheard of")
    events = [{"query_id": answer["query_id"], "product_id": name, "kind": "purchase"} for name in names]
    told = client.post("/v1/feedback", json={"events": events}).json()
    assert told["added"]["purchase"] == 2
    assert {one["kind"] for one in told["problems"]} == {"ambiguous-product", "unknown-product"}
    (seen,) = shop._parts.feedback_log.impressions_with_events()
    assert set(seen.events) == {first, second}
