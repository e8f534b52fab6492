"""Tests of the API against its OpenAPI document: all responses are documented, and the document equals a stored one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from shoplens import Shop
from shoplens.service.app import application
from shoplens.service.keys import Keys
from tests.fakes import ColourEmbedder
from tests.service.conftest import SETTINGS, index_small_shop

STORED = Path(__file__).with_name("openapi.json")
EXCLUDED_CHECKS = ("positive_data_acceptance", "ignored_auth", "use_after_free", "ensure_resource_availability")
"""Checks of schemathesis that are left out. ``positive_data_acceptance`` demands that every request which a schema
allows is accepted, but no schema can express that a product exists, or that a search has exactly one starting point.
The others send one request after another, or without a key; other tests do that."""
schemathesis = pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def app_and_headers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """Yield the application of a shop, and the request headers with a key of the role ``admin``."""
    folder = index_small_shop(tmp_path_factory.mktemp("contract"))
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        secret, _ = Keys(shop.folder).create("contract", "admin")
        yield application(shop), {"Authorization": f"Bearer {secret}"}


def test_the_document_equals_the_stored_one(app_and_headers: tuple[Any, dict[str, str]]) -> None:
    """To change the stored document, run ``python -m tests.service.test_contract``."""
    assert json.loads(STORED.read_text("utf-8")) == json.loads(json.dumps(app_and_headers[0].openapi()))


def test_every_response_is_documented(app_and_headers: tuple[Any, dict[str, str]]) -> None:
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    app, headers = app_and_headers
    excluded_checks = [CHECKS.get_one(name) for name in EXCLUDED_CHECKS]
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", app)
    tested = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=25,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            case.call_and_validate(headers=headers, excluded_checks=excluded_checks)

        check()
        tested.append(operation.label)
    assert len(tested) == len([method for path in app.openapi()["paths"].values() for method in path])


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = index_small_shop(Path(folder)) / "store"
        with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
            STORED.write_text(json.dumps(application(shop).openapi(), indent=1, sort_keys=True) + "\n", "utf-8")
