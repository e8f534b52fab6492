"""Tests of searches over HTTP by photo, earlier query, product and colour; of rejected requests; and of feedback."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.schemas import AnswerDocument
from shoplens.settings import Merchandising
from tests.service.conftest import error_code, make_client, query_photo


def test_finds_products_by_a_photo_in_a_form_or_in_json(client: TestClient, folder: Path) -> None:
    photo = query_photo(folder)
    fields = {"k": "3", "facets": ["color", "size"]}
    form_response = client.post("/v1/search", files={"image": ("p.png", photo)}, data=fields)
    assert form_response.status_code == 200
    form_answer = AnswerDocument.model_validate(form_response.json())
    assert [result.product_id.split("-")[0] for result in form_answer.results] == ["red"] * 3
    assert [facet.field for facet in form_answer.facets] == ["color", "size"]
    assert form_answer.verdict_words == "uncalibrated"
    assert form_answer.remembered and form_answer.query["source"] == "upload"
    for result in form_answer.results:
        assert sum(result.parts.values()) == pytest.approx(result.score)
    body = {"image": base64.b64encode(photo).decode(), "k": 3, "facets": ["color", "size"]}
    json_answer = AnswerDocument.model_validate(client.post("/v1/search", json=body).json())
    assert [result.product_id for result in json_answer.results] == [
        result.product_id for result in form_answer.results
    ]


def test_ranks_the_photo_of_an_earlier_query_again(client: TestClient, folder: Path) -> None:
    first = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}).json()
    body = {"query_id": first["query_id"], "where": ["color = blue"], "explain": True}
    response = client.post("/v1/search", json=body)
    answer = response.json()
    assert response.status_code == 200 and "embed" not in answer["took_ms"]
    assert {result["product_id"].split("-")[0] for result in answer["results"]} == {"blue"}
    assert answer["results"][0]["reasons"]["weights"] == answer["weights"]
    reweighted = client.post("/v1/search", json={"query_id": answer["query_id"], "weights": {"look": 0, "color": 1}})
    assert reweighted.status_code == 200 and reweighted.json()["importances"]["look"] == 0
    unknown_query = client.post("/v1/search", json={"query_id": "long ago"})
    assert (unknown_query.status_code, error_code(unknown_query)) == (404, "unknown-query")
    empty_region = client.post("/v1/search", json={"query_id": first["query_id"], "region": [0, 0, 4, 4]})
    assert (empty_region.status_code, error_code(empty_region)) == (422, "region-of-nothing")


def test_pages_cover_the_whole_answer_in_order(client: TestClient, folder: Path) -> None:
    whole_answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data={"k": "12"}).json()
    assert len(whole_answer["results"]) == 12 and whole_answer["next_offset"] is None
    paged_results, offset = [], 0
    while offset is not None:
        page = client.post("/v1/search", json={"query_id": whole_answer["query_id"], "k": 5, "offset": offset}).json()
        paged_results += [(result["rank"], result["product_id"]) for result in page["results"]]
        offset = page["next_offset"]
    assert paged_results == [(result["rank"], result["product_id"]) for result in whole_answer["results"]]


def test_pages_end_with_a_sentence(client: TestClient) -> None:
    for offset, ends in ((495, False), (500, True), (600, True)):
        page = client.post("/v1/search", json={"product_id": "red-1", "k": 3, "offset": offset}).json()
        assert (page["results"], page["next_offset"]) == ([], None)
        assert any("Pages end after 500 products" in note for note in page["notes"]) == ends


def test_a_pin_that_names_no_product_is_logged_at_the_start(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    preferences = replace(shop.settings.preferences, merchandising=Merchandising(("red-1", "gone")))
    with make_client(shop, preferences=preferences) as client:
        assert client.post("/v1/search", json={"color": "blue", "k": 1}).json()["results"][0]["product_id"] == "red-1"
    (warning,) = [one.getMessage() for one in caplog.records if "The merchandising names" in one.getMessage()]
    assert "'gone'" in warning and "correct the entry" in warning


def test_rejects_a_page_of_an_earlier_generation(client: TestClient, shop: Shop, folder: Path) -> None:
    first_answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data={"k": "5"}).json()
    assert shop.training.train_filters().products == 12
    page = {"query_id": first_answer["query_id"], "k": 5}
    outdated = client.post("/v1/search", json={**page, "offset": 5})
    assert (outdated.status_code, error_code(outdated)) == (410, "another-generation")
    new_answer = client.post("/v1/search", json=page).json()
    second_page = client.post("/v1/search", json={**page, "query_id": new_answer["query_id"], "offset": 5}).json()
    assert [result["rank"] for result in second_page["results"]] == [6, 7, 8, 9, 10]


def test_searches_by_a_product_or_a_colour(client: TestClient) -> None:
    by_product = client.post("/v1/search", json={"product_id": "red-1", "k": 2}).json()
    similar = client.get("/v1/products/red-1/similar", params={"k": 2}).json()
    assert [result["product_id"] for result in by_product["results"]] == [
        result["product_id"] for result in similar["results"]
    ]
    assert "red-1" not in {result["product_id"] for result in by_product["results"]}
    assert client.get("/v1/products/none/similar").status_code == 404
    by_color = client.post("/v1/search", json={"color": "green", "k": 1}).json()
    assert by_color["results"][0]["product_id"].startswith("green")


def test_serves_product_photos_in_the_allowed_widths(client: TestClient, folder: Path) -> None:
    result = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}).json()["results"][0]
    assert result["photo"] in result["photos"]
    response = client.get(result["photo"], params={"width": 96})
    assert response.headers["content-type"] == "image/jpeg" and response.content.startswith(b"\xff\xd8")
    etag = response.headers["etag"]
    assert client.get(result["photo"], params={"width": 96}, headers={"If-None-Match": etag}).status_code == 304
    assert error_code(client.get(result["photo"], params={"width": 97})) == "bad-width"
    for unknown_photo in ("0" * 32, "..%2f..%2fetc%2fpasswd", "A" * 32, "%00"):
        assert client.get(f"/v1/photos/{unknown_photo}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "expected_code"),
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
def test_rejects_invalid_searches(client: TestClient, body: object, status: int, expected_code: str) -> None:
    response = client.post("/v1/search", json=body)
    assert (response.status_code, error_code(response)) == (status, expected_code)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 422),
        (b"[" * 40_000, "application/json", 422),
        (b"[" * 100_000, "application/json", 413),
        (b'{"weights": {"look": NaN}, "color": "red"}', "application/json", 422),
        (b"hello", "text/plain", 415),
        (b"", "", 415),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", 422),
        (b"no boundary", "multipart/form-data", 422),
    ],
)
def test_rejects_malformed_request_bodies(client: TestClient, content: bytes, content_type: str, status: int) -> None:
    response = client.post("/v1/search", content=content, headers={"Content-Type": content_type})
    assert response.status_code == status and error_code(response)


def make_huge_png() -> bytes:
    """Return a small PNG whose header declares 50,000 x 50,000 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1_000))
    chunks = [
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, data)
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("content", "status", "expected_code"),
    [
        (make_huge_png(), 422, "photo-too-many-pixels"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415, "photo-not-an-image"),
        (b"%PDF-1.7\n" + bytes(100), 415, "photo-not-an-image"),
        (b"GIF89a/*<script>alert(1)</script>*/", 422, "photo-truncated"),
        (b"PK\x03\x04" + bytes(100), 415, "photo-not-an-image"),
    ],
    ids=["bomb", "svg", "pdf", "gif and script", "zip"],
)
def test_rejects_uploads_that_are_not_valid_photos(
    client: TestClient, content: bytes, status: int, expected_code: str
) -> None:
    response = client.post("/v1/search", files={"image": ("p.png", content)})
    assert (response.status_code, error_code(response)) == (status, expected_code)


def test_accepts_a_photo_with_appended_html_and_any_file_name(client: TestClient, folder: Path) -> None:
    photo = query_photo(folder)
    names = ("p.png", "../../etc/passwd", 'x";\r\nX-Injected: 1', "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe")
    for name in names:
        response = client.post("/v1/search", files={"image": (name, photo + b"<script>alert(1)</script>PK\x03\x04")})
        assert response.status_code == 200 and response.headers["content-type"] == "application/json"
        assert "x-injected" not in response.headers and "<script" not in response.text
    truncated = client.post("/v1/search", files={"image": ("p.png", photo[: len(photo) // 2])})
    assert (truncated.status_code, error_code(truncated)) == (422, "photo-damaged")


def test_fetches_urls_with_the_safe_fetcher_only(shop: Shop) -> None:
    with make_client(shop) as client:
        for url in ("http://127.0.0.1:1/x.png", "http://[::ffff:169.254.169.254]/", "http://localhost/", "gopher://x/"):
            response = client.post("/v1/search", json={"url": url})
            assert response.status_code == 422 and error_code(response).startswith("fetch-"), url


def test_adds_feedback_and_forgets_users(client: TestClient, shop: Shop, folder: Path) -> None:
    answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data={"user": "ann"}).json()
    event = {"query_id": answer["query_id"], "product_id": answer["results"][1]["product_id"], "kind": "click"}
    summary = client.post("/v1/feedback", json={"events": [event, event, {**event, "query_id": "gone"}]}).json()
    assert summary["added"] == {"click": 1, "purchase": 0, "wrong": 0} and summary["rejected"] == 1
    assert {problem["kind"] for problem in summary["problems"]} == {"unknown-query", "duplicate-event"}
    assert shop.feedback.counts().events["click"] == 1
    short_answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data={"k": "3"}).json()
    not_shown = {**event, "query_id": short_answer["query_id"], "product_id": answer["results"][3]["product_id"]}
    summary = client.post("/v1/feedback", json={"events": [not_shown]}).json()
    assert [problem["kind"] for problem in summary["problems"]] == ["unknown-product"], (
        "the answer did not show this product"
    )
    assert client.delete("/v1/users/ann").status_code == 401
    with make_client(shop, "admin") as admin:
        assert admin.delete("/v1/users/ann").status_code == 204
    assert shop.feedback.counts().impressions == 1


def test_events_may_name_identifiers_and_former_ids(client: TestClient, shop: Shop, folder: Path) -> None:
    answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}).json()
    first, second, third = (result["product_id"] for result in answer["results"][1:4])
    shop.products.update(first, identifiers=("SKU-1",))
    shop.products.update(second, identifiers=("shared",))
    shop.products.update(third, identifiers=("shared",))
    shop._parts.store.add_renames({"before": second})
    names = ("SKU-1", "before", "shared", "unheard of")
    events = [{"query_id": answer["query_id"], "product_id": name, "kind": "purchase"} for name in names]
    summary = client.post("/v1/feedback", json={"events": events}).json()
    assert summary["added"]["purchase"] == 2
    assert {problem["kind"] for problem in summary["problems"]} == {"ambiguous-product", "unknown-product"}
    (impression,) = shop._parts.feedback_log.impressions_with_events()
    assert set(impression.events) == {first, second}


def test_several_photos_are_one_query(client: TestClient, folder: Path) -> None:
    first, second = query_photo(folder, "red"), query_photo(folder, "blue")
    photos = [("image", ("1.png", first)), ("image", ("2.png", second))]
    alone, both = (
        client.post("/v1/search", files=sent, data={"strategy": "pretrained"}).json() for sent in (photos[:1], photos)
    )
    scores = [{row["product_id"]: row["score"] for row in answer["results"]} for answer in (alone, both)]
    assert scores[0].keys() == scores[1].keys() and scores[0] != pytest.approx(scores[1])
    again = client.post("/v1/search", json={"query_id": both["query_id"], "strategy": "pretrained"}).json()
    assert {row["product_id"]: row["score"] for row in again["results"]} == pytest.approx(scores[1])
    too_many = client.post("/v1/search", files=photos * 3)
    assert too_many.status_code == 422 and error_code(too_many) == "too-many-photos"


def test_the_precision_is_that_of_the_settings_where_a_request_names_none(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    required, search = list[float](), shop.search_encoded
    monkeypatch.setattr(
        shop,
        "search_encoded",
        lambda query, *rest, **more: (required.append(query.precision), search(query, *rest, **more))[1],
    )
    with make_client(shop, precision=0.6) as client:
        for body in ({}, {"precision": 0.8}):
            assert client.post("/v1/search", json={"product_id": "red-1", **body}).status_code == 200
    assert required == [0.6, 0.8]
