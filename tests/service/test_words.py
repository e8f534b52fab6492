"""Words over HTTP, alone and with a photo."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from tests.service.conftest import error_code, query_photo


def test_words_alone_and_with_a_photo(client: TestClient, folder: Path) -> None:
    alone = client.post("/v1/search", json={"text": "en bleu, moins de 12 €", "k": 5}).json()
    assert {result["price"] for result in alone["results"]} == {10, 11}
    assert [result["product_id"].split("-")[0] for result in alone["results"][:2]] == ["blue", "blue"]
    assert [(one["words"], one["kind"], one["condition"]) for one in alone["words"]] == [
        ("bleu", "wanted", ""),
        ("moins de 12 €", "condition", "price < 12"),
    ]
    form = {"text": "in green", "k": "3"}
    with_photo = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data=form).json()
    assert {result["product_id"].split("-")[0] for result in with_photo["results"]} == {"green"}
    again = client.post("/v1/search", json={"query_id": with_photo["query_id"], "text": "not red", "k": 12}).json()
    assert "embed" not in again["took_ms"] and len(again["results"]) == 9
    assert "red" not in {result["product_id"].split("-")[0] for result in again["results"]}


def test_words_that_cannot_be_used_are_errors(client: TestClient) -> None:
    unknown = client.post("/v1/search", json={"text": "flurbel"})
    assert (unknown.status_code, error_code(unknown)) == (422, "not-understood")
    empty = client.post("/v1/search", json={"text": "  "})
    assert (empty.status_code, error_code(empty)) == (422, "ambiguous-query")
    assert client.post("/v1/search", json={"text": "x" * 501}).status_code == 422
