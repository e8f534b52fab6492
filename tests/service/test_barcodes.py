"""Barcodes in photos over HTTP: the answer says why its first product is there, also when the search is refined."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens.service.schemas import AnswerDocument
from tests.code_photos import EAN, OTHER_EAN, draw_code, photo_with_code
from tests.service.conftest import COLORS


@pytest.fixture
def coded_photo(client: TestClient, shop: object, tmp_path: Path) -> bytes:
    """Give one product a barcode, and return a green photo that shows it."""
    shop.products.update("blue-1", identifiers=(EAN,))  # type: ignore[attr-defined]
    return photo_with_code(tmp_path / "coded.png", COLORS["green"], draw_code(EAN)).read_bytes()


def test_the_answer_says_which_barcode_it_is(client: TestClient, coded_photo: bytes) -> None:
    response = client.post("/v1/search", files={"image": ("p.png", coded_photo)}, data={"k": "3"})
    answer = AnswerDocument.model_validate(response.json())
    assert (answer.results[0].product_id, answer.results[0].barcode, answer.verdict) == ("blue-1", EAN, "exact")
    assert answer.query["barcodes"] == [EAN] and answer.results[1].barcode == ""


def test_a_refined_search_keeps_the_barcode_without_the_photo(client: TestClient, coded_photo: bytes) -> None:
    first = client.post("/v1/search", files={"image": ("p.png", coded_photo)}).json()
    again = client.post("/v1/search", json={"query_id": first["query_id"], "weights": {"look": 1}}).json()
    assert (again["results"][0]["product_id"], again["verdict"]) == ("blue-1", "exact")
    narrowed = client.post("/v1/search", json={"query_id": first["query_id"], "where": ["color = green"]}).json()
    assert narrowed["results"][0]["product_id"].startswith("green") and narrowed["verdict"] == "uncalibrated"
    assert narrowed["notes"] == [
        f"The product with the barcode {EAN} that is in the photo does not meet the condition."
    ]


def test_an_unknown_barcode_is_a_note_and_in_no_log(
    client: TestClient, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo = photo_with_code(tmp_path / "unknown.png", COLORS["red"], draw_code(OTHER_EAN)).read_bytes()
    with caplog.at_level(0):
        answer = client.post("/v1/search", files={"image": ("p.png", photo)}).json()
    assert answer["remembered"] and answer["results"][0]["product_id"].startswith("red")
    assert answer["notes"] == [f"No product has the barcode {OTHER_EAN} that is in the photo."]
    assert OTHER_EAN not in caplog.text and OTHER_EAN not in client.get("/metrics").text
    files = [path for path in (folder / "store").rglob("*") if path.is_file()]
    assert not [path for path in files if OTHER_EAN.encode() in path.read_bytes()]
