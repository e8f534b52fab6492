"""Tests of authorization: what each role allows, which keys are accepted, how keys are stored, and allowed origins."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.errors import InvalidValue, StoreError
from shoplens.service.app import application
from shoplens.service.auth import is_loopback
from shoplens.service.keys import Keys
from shoplens.service.limits.origins import MAX_ORIGINS
from tests.service.conftest import error_code, make_client


@pytest.mark.parametrize(
    ("role", "search", "write", "admin"),
    [(None, 200, 401, 401), ("search", 200, 403, 403), ("write", 200, 204, 403), ("admin", 200, 204, 204)],
)
def test_each_role_allows_its_requests(shop: Shop, role: str | None, search: int, write: int, admin: int) -> None:
    with make_client(shop, role) as client:  # type: ignore[arg-type]
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == search
        assert client.delete("/v1/products/none").status_code == write
        assert client.delete("/v1/users/ann").status_code == admin


def test_searching_needs_a_key_unless_it_is_open_on_a_loopback_address(shop: Shop) -> None:
    with make_client(shop, host="0.0.0.0") as client:
        response = client.post("/v1/search", json={"product_id": "red-1"})
        assert (response.status_code, error_code(response)) == (401, "unauthenticated")
        assert response.headers["www-authenticate"] == "Bearer"
    with make_client(shop, "search", host="0.0.0.0") as client:
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == 200
    with make_client(shop, host="127.0.0.1", open_search=False) as client:
        assert client.post("/v1/search", json={"product_id": "red-1"}).status_code == 401
    assert is_loopback("::1") and is_loopback("localhost") and not is_loopback("::") and not is_loopback("shop.example")


def test_rejects_wrong_keys_and_removed_keys_at_once(shop: Shop) -> None:
    keys = Keys(shop.folder)
    secret, key = keys.create("test", "write")
    with TestClient(application(shop)) as client:
        for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
            assert client.delete("/v1/products/none", headers=headers).status_code == 204
        for wrong_secret in (secret[:-1], secret.upper(), "sl_", "\u00e9"):
            response = client.delete("/v1/products/none", headers={"Authorization": f"Bearer {wrong_secret}".encode()})
            assert (response.status_code, error_code(response)) == (401, "unknown-key")
        keys.remove(key.id)
        assert client.delete("/v1/products/none", headers={"X-API-Key": secret}).status_code == 401


def test_keys_are_stored_as_hashes_in_a_private_file(shop: Shop) -> None:
    keys = Keys(shop.folder)
    secret, key = keys.create(" For the shop ", "search")
    assert secret not in keys.path.read_text("utf-8") and keys.path.stat().st_mode & 0o077 == 0
    assert keys.find(secret) == key and key.name == "For the shop" and keys.find("") is None
    for name, role in (("", "search"), ("x\x00", "search"), ("x" * 500, "search"), ("x", "owner")):
        with pytest.raises(InvalidValue, match="--role is" if role == "owner" else "The name is") as error:
            keys.create(name, role)  # type: ignore[arg-type]
        assert error.value.code == "bad-key" and keys.list_all() == [key]
    with pytest.raises(InvalidValue, match=key.id) as unknown_key:
        keys.remove("nothing")
    assert unknown_key.value.code == "unknown-key-id"
    keys.path.write_text("{")
    with pytest.raises(StoreError, match="shoplens keys add"):
        keys.list_all()


def test_only_configured_origins_may_search_from_a_browser(shop: Shop) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with make_client(shop) as client:
        assert "access-control-allow-origin" not in client.options("/v1/search", headers=preflight).headers
    with make_client(shop, cors="https://shop.example, https://other.example") as client:
        headers = client.options("/v1/search", headers=preflight).headers
        assert headers["access-control-allow-origin"] == "https://shop.example"
        denied = client.options("/v1/search", headers={**preflight, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in denied.headers


def test_a_site_that_may_not_search_is_logged_once_with_what_allows_it(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Pages of the service itself, and other requests than those of its API, are nobody's trouble."""
    browser = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}
    asked = {**browser, "Origin": "https://other.example", "Access-Control-Request-Method": "POST"}

    def told() -> list[str]:
        return [record.getMessage() for record in caplog.records if getattr(record, "code", "") == "refused-origin"]

    with make_client(shop, cors="https://shop.example") as client:
        for headers in (
            {**browser, "Origin": "https://shop.example"},
            {**browser, "Sec-Fetch-Site": "same-origin", "Origin": "https://search.shop.example"},
            {"Origin": "https://script.example"},
        ):
            client.get("/v1/storefront", headers=headers)
        client.get("/web/element.js", headers=asked)
        assert told() == []
        for _ in range(2):
            client.options("/v1/search", headers=asked)
            client.get("/v1/storefront", headers=asked)
        assert told() == [
            "A page of https://other.example may not search here. To allow it, add it to the setting cors: "
            "--cors https://shop.example,https://other.example"
        ]
        for number in range(2 * MAX_ORIGINS):
            client.options("/v1/search", headers={**asked, "Origin": f"https://site{number}.example"})
        assert len(told()) == MAX_ORIGINS
