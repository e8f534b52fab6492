"""The catalogue search of the Universal Commerce Protocol: its profile, and searches by a photo or a product."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.index.condition_parser import parse_condition
from shoplens.service.routes.ucp import FiltersInput, PriceFilter, _conditions_of, minor_units
from tests.service.conftest import error_code, make_client


@pytest.fixture
def priced_client(shop: Shop) -> Iterator[TestClient]:
    """Yield a client of a shop whose prices are in euros."""
    with make_client(shop, currency="EUR") as client:
        yield client


def search(client: TestClient, **body: Any) -> Any:
    response = client.post("/ucp/catalog/search", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_profile_names_the_search_and_its_address(client: TestClient) -> None:
    profile = client.get("/.well-known/ucp").json()["ucp"]
    [service] = profile["services"]["dev.ucp.shopping"]
    assert service["transport"] == "rest" and service["endpoint"] == f"{client.base_url}/ucp"
    assert list(profile["capabilities"]) == ["dev.ucp.shopping.catalog.search"]
    assert {service["version"], profile["version"]} == {"2026-04-08"}


def test_a_photo_finds_its_product_in_the_shape_of_the_protocol(priced_client: TestClient, folder: Path) -> None:
    data = base64.b64encode((folder / "red-1.png").read_bytes()).decode()
    answer = search(
        priced_client, like=[{"image": {"content_type": "image/png", "data": data}}], pagination={"limit": 2}
    )
    first = answer["products"][0]
    assert first["id"] == "red-1" and first["price_range"]["min"] == {"amount": 1100, "currency": "EUR"}
    [variant] = first["variants"]
    assert variant["price"] == first["price_range"]["max"] and variant["availability"] == {"available": True}
    assert {"id", "title", "description", "price"} <= set(variant)
    assert priced_client.get(first["media"][0]["url"]).headers["content-type"] == "image/jpeg"
    assert answer["pagination"] == {"has_next_page": True, "cursor": "2"} and len(answer["products"]) == 2


def test_pages_follow_each_other_and_filters_hold(priced_client: TestClient) -> None:
    like: Any = [{"id": "red-1"}]
    filters = {"price": {"max": 1200}}
    first = search(priced_client, like=like, filters=filters, pagination={"limit": 1})
    assert all(one["price_range"]["min"]["amount"] <= 1200 for one in first["products"])
    page = {"limit": 1, "cursor": first["pagination"]["cursor"]}
    second = search(priced_client, like=like, filters=filters, pagination=page)
    names = [one["id"] for page in (first, second) for one in page["products"]]
    assert len(set(names)) == len(names) and "red-1" not in names


def test_products_without_a_currency_are_left_out_and_it_is_said(client: TestClient) -> None:
    answer = search(client, like=[{"id": "red-1"}])
    assert answer["products"] == []
    assert "Products without a price" in answer["messages"][-1]["content"]


@pytest.mark.parametrize(
    "body", [{}, {"filters": {"brand": ["x"]}}, {"query": "red", "pagination": {"cursor": "e30="}}, {"like": [{}, {}]}]
)
def test_what_cannot_be_searched_is_an_error(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/ucp/catalog/search", json=body).status_code == 422


@pytest.mark.parametrize(
    ("currency", "bound", "condition"),
    [
        ("EUR", 1_234_567, "price <= 12345.67"),
        ("JPY", 1_000_000, "price <= 1000000"),
        ("KWD", 5, "price <= 0.005"),
        ("EUR", 10**18, "price <= 10000000000000000.00"),
    ],
)
def test_a_bound_of_prices_keeps_all_of_its_digits(currency: str, bound: int, condition: str) -> None:
    assert _conditions_of(FiltersInput(price=PriceFilter(max=bound)), currency) == [condition]
    parse_condition(condition)


def test_what_is_longer_than_a_search_may_be_is_told_as_such(priced_client: TestClient) -> None:
    """Many long filters are few values each; words are limited as those of any search."""
    filters = FiltersInput(categories=[f"{'c' * 40} {number}" for number in range(50)], brand=["b" * 900])
    body = {"like": [{"id": "red-1"}], "filters": filters.model_dump(exclude_unset=True)}
    answer = priced_client.post("/ucp/catalog/search", json=body)
    assert error_code(answer) == "unknown-field", "the products of this shop have neither"
    [categories, brands] = _conditions_of(filters, "EUR")
    assert len(categories) > 2_000 and parse_condition(categories) and parse_condition(brands)
    assert priced_client.post("/ucp/catalog/search", json={"query": "a" * 501}).status_code == 422


def test_prices_are_in_the_smallest_unit_of_their_currency() -> None:
    assert [minor_units(12.34, one) for one in ("EUR", "JPY", "KWD")] == [1234, 12, 12340]
