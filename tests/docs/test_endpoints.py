"""The service's documentation names every request that it answers, with the role that it takes, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from shoplens import Shop
from shoplens.service.app import application
from shoplens.service.failures import KINDS, STATUSES
from shoplens.service.keys import INCLUDED, ROLES
from tests.docs.pages import names, page, rows
from tests.fakes import ColourEmbedder
from tests.service.conftest import SETTINGS, index_small_shop, make_client

TABLE = {names(request)[0]: role for request, role, _ in rows(page("docs/service.md"), "request", "role")}
"""``METHOD /path`` -> role."""
FOR_COMMANDS = "/commands/"
"""What the command line alone may ask for."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = index_small_shop(tmp_path_factory.mktemp("endpoints"))
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def test_every_request_is_documented_and_every_documented_one_is_answered(shop: Shop) -> None:
    app = application(shop)
    told = {f"{method.upper()} {path}" for path, operations in app.openapi()["paths"].items() for method in operations}
    pages = {
        f"{method} {re.sub(':[a-z]+}', '}', route.path)}"
        for route in _routes(app.router)
        if not route.path.startswith(FOR_COMMANDS)
        for method in route.methods
    }
    assert told < pages
    assert sorted(TABLE) == sorted({*pages, "GET /v1/openapi.json"})


@pytest.mark.parametrize("key", [None, *ROLES])
def test_requests_take_the_role_that_is_documented(shop: Shop, key: str | None) -> None:
    may = [] if key is None else INCLUDED[key]  # type: ignore[index]
    with make_client(shop, key, open_search=False) as client:  # type: ignore[arg-type]
        for request, role in TABLE.items():
            method, path = request.split()
            answer = client.request(method, path.format_map(_Anything()))
            refused = answer.status_code in (401, 403)
            assert refused == bool(role and role not in may), request


def test_codes_have_the_status_that_is_documented() -> None:
    table = rows(page("docs/service.md"), "status", "codes")
    told = {code: cell for cell, codes, *_ in table for code in names(codes)}
    for code, status in STATUSES.items():
        assert told.get(code) == str(status), code
    assert {int(cell) for cell, *_ in table} == {*STATUSES.values(), *KINDS.values(), 405}


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    """The routes of a router, and of those that it includes."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif isinstance(included := getattr(route, "original_router", None), APIRouter):
            yield from _routes(included)


class _Anything(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "nothing"
