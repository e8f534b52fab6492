"""Tests of what all requests have in common: rate and size limits, headers, health and metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.service.failures import RequestRefused
from shoplens.service.limits.rate_limit import RateLimiter
from tests.event_loop import run_coroutine
from tests.service.conftest import error_code, make_client, query_photo


def test_rate_limiter_allows_a_burst_and_then_an_even_rate() -> None:
    run_coroutine(take_a_burst_and_an_even_rate())


async def take_a_burst_and_an_even_rate() -> None:
    now = [0.0]
    limiter = RateLimiter(60, lambda: now[0])
    for _ in range(30):
        await limiter.take("a")
    with pytest.raises(RequestRefused) as error:
        await limiter.take("a")
    assert error.value.code == "too-many-requests" and error.value.wait == pytest.approx(1)
    await limiter.take("b")
    now[0] = 2.0
    await limiter.take("a")
    await limiter.take("a")
    with pytest.raises(RequestRefused) as second_error:
        await limiter.take("a")
    assert second_error.value.code == "too-many-requests"
    for _ in range(1_000):
        await RateLimiter(0).take("a")


def test_too_many_requests_get_status_429_with_retry_after(shop: Shop) -> None:
    with make_client(shop, rate=2) as client:
        responses = [client.get("/v1/dimensions") for _ in range(3)]
    assert responses[0].status_code == 200 and responses[-1].status_code == 429
    assert int(responses[-1].headers["retry-after"]) >= 1 and error_code(responses[-1]) == "too-many-requests"


def test_rejects_photos_and_bodies_that_are_too_large(shop: Shop, folder: Path) -> None:
    with make_client(shop, max_photo_bytes=1_000) as client:
        assert client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}).status_code == 200
        large_photo = client.post("/v1/search", files={"image": ("p.png", b"x" * 2_000)})
        assert (large_photo.status_code, error_code(large_photo)) == (413, "photo-too-many-bytes")
        large_body = client.post("/v1/search", content=b"x" * 200_000, headers={"Content-Type": "application/json"})
        assert (large_body.status_code, error_code(large_body)) == (413, "too-large")
        chunked_body = client.post(
            "/v1/search", content=(b"x" * 10_000 for _ in range(20)), headers={"Content-Type": "application/json"}
        )
        assert (chunked_body.status_code, error_code(chunked_body)) == (413, "too-large")


def test_every_response_has_a_request_id_and_security_headers(client: TestClient) -> None:
    response = client.get("/v1/dimensions", headers={"X-Request-Id": "request-1"})
    assert response.headers["x-request-id"] == "request-1"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    unknown_route = client.get("/nothing", headers={"X-Request-Id": "a b\tc"})
    assert unknown_route.status_code == 404
    assert unknown_route.json()["error"]["request_id"] == unknown_route.headers["x-request-id"] != "a b\tc"
    assert error_code(client.put("/v1/search")) == "no-such-method"


def test_health_readiness_and_metrics(client: TestClient, shop: Shop) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "products": 12, "writes": "accepted"}
    client.post("/v1/search", json={"product_id": "red-1"})
    client.get("/v1/products/none")
    metrics = client.get("/metrics").text
    assert 'shoplens_request_seconds_count{route="/v1/search",status="200"} 1.0' in metrics
    assert 'shoplens_stage_seconds_count{stage="retrieve"} 1.0' in metrics
    assert "shoplens_products 12.0" in metrics and 'shoplens_errors_total{code="404"} 1.0' in metrics
    shop.close()
    assert client.get("/readyz").status_code == 503
    response = client.post("/v1/search", json={"product_id": "red-1"})
    assert (response.status_code, error_code(response)) == (503, "closed-store")
