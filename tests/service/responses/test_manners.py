"""Tests of what well-behaved HTTP services do: HEAD, compression, texts for people, and a document that generates
clients."""

from __future__ import annotations

import gzip
import json

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.app import application
from shoplens.service.responses.messages import KINDS, LANGUAGES, MESSAGES, choose_language, message_for
from tests.docs.pages import names, page, rows
from tests.service.conftest import make_client

PATHS = (
    "/",
    "/v1/facets",
    "/v1/products/red-1",
    "/v1/products/none",
    "/healthz",
    "/v1/openapi.json",
    "/web/element.js",
)


@pytest.mark.parametrize("path", PATHS)
def test_head_gives_the_headers_of_get_without_the_body(client: TestClient, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code and head.content == b""
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers[name] == got.headers[name]
    assert client.head("/v1/search").status_code == 405


@pytest.mark.parametrize("path", ["/desk", "/web/element.js", "/v1/openapi.json"])
def test_texts_of_some_size_are_compressed_for_whom_accepts_it(client: TestClient, path: str) -> None:
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for accepted in ("gzip", "br, GZIP;q=0.5", "*"):
        packed = client.get(path, headers={"Accept-Encoding": accepted})
        assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content
        assert int(packed.headers["content-length"]) < len(plain.content)
        assert "Accept-Encoding" in packed.headers["vary"]
    assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_short_texts_and_photos_are_sent_as_they_are(client: TestClient) -> None:
    photo = client.get("/v1/products/red-1").json()["photos"][0]
    for path in ("/healthz", photo):
        assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "gzip"}).headers


def test_only_photos_and_the_element_are_for_pages_of_other_origins(client: TestClient) -> None:
    photo = client.get("/v1/products/red-1").json()["photos"][0]
    for path, policy in ((photo, "cross-origin"), ("/web/element.js", "cross-origin"), ("/v1/facets", "same-origin")):
        assert client.get(path).headers["cross-origin-resource-policy"] == policy


def test_errors_have_a_text_for_shoppers_in_their_language(client: TestClient) -> None:
    for accepted, beginning in (
        ("", "This search"),
        ("pt-BR, de;q=0.9, en;q=0.1", "Diese Suche"),
        ("fr-CA", "Cette recherche"),
        ("es;q=broken, es;q=0.3", "Esta búsqueda"),
    ):
        response = client.post("/v1/search", json={"query_id": "old"}, headers={"Accept-Language": accepted})
        assert response.json()["error"]["message"].startswith(beginning)
    for response in (client.get("/nothing"), client.post("/v1/search", json={"kk": 1})):
        assert response.json()["error"]["message"] == "That did not work. Please try again."


def test_every_documented_error_has_a_text_in_every_language() -> None:
    documented = {code for cell, *_ in rows(page("docs/errors.md"), "code", "what is wrong") for code in names(cell)}
    assert set(KINDS) <= documented
    for code in documented:
        for language in LANGUAGES:
            assert message_for(code, language).endswith(".")
    assert all(len(texts) == len(set(texts)) == len(LANGUAGES) for texts in MESSAGES.values())
    assert choose_language("x" * 100_000) == choose_language("de;q=0") == "en"


def test_the_document_names_operations_tags_and_roles(shop: Shop) -> None:
    document = application(shop).openapi()
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids)) and all(one.isidentifier() for one in ids)
    described = {tag["name"] for tag in document["tags"]}
    assert {tag for one in operations for tag in one["tags"]} <= described
    by_id = dict(zip(ids, operations, strict=True))
    assert by_id["search"]["x-role"] == "search" and {} in by_id["search"]["security"]
    assert by_id["put"]["x-role"] == "write" and by_id["put"]["security"] == [{"key": []}]
    assert "x-role" not in by_id["photo"] and by_id["photo"]["security"] == []
    schemas = document["components"]["schemas"]
    assert schemas["AnswerDocument"]["properties"]["facets"]["items"] == {"$ref": "#/components/schemas/FacetDocument"}
    for name in ("facets", "dimensions", "catalogue_map"):
        assert "$ref" in by_id[name]["responses"]["200"]["content"]["application/json"]["schema"]


def test_a_compressed_answer_is_the_same_answer(shop: Shop) -> None:
    with make_client(shop) as client:
        search = {"product_id": "red-1", "k": 12}
        with client.stream("POST", "/v1/search", json=search, headers={"Accept-Encoding": "gzip"}) as response:
            packed = b"".join(response.iter_raw())
        assert len(json.loads(gzip.decompress(packed))["results"]) == 11
