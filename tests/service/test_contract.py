"""The API against its own OpenAPI document: nothing but what it says, whatever is sent; and the document as it was."""

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
from tests.service.conftest import SETTINGS, filled

STORED = Path(__file__).with_name("openapi.json")
NOT_MEANT = ("positive_data_acceptance", "ignored_auth", "use_after_free", "ensure_resource_availability")
"""That what a schema allows is accepted: no schema can tell that a product exists, or that one thing is to start from.
The others ask one operation after another, or without a key, which the other tests do."""
schemathesis = pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, str]]]:
    """The application of a shop, and the headers of who may do anything."""
    folder = filled(tmp_path_factory.mktemp("contract"))
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        secret, _ = Keys(shop.folder).create("contract", "admin")
        yield application(shop), {"Authorization": f"Bearer {secret}"}


def test_the_document_is_as_it_was(served: tuple[Any, dict[str, str]]) -> None:
    """When it is meant to change, write it anew: ``python -m tests.service.test_contract``."""
    assert json.loads(STORED.read_text("utf-8")) == json.loads(json.dumps(served[0].openapi()))


def test_every_answer_is_documented(served: tuple[Any, dict[str, str]]) -> None:
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    app, headers = served
    not_meant = [CHECKS.get_one(name) for name in NOT_MEANT]
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", app)
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()

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
            case.call_and_validate(headers=headers, excluded_checks=not_meant)

        check()
        tried.append(operation.label)
    assert len(tried) == len([method for path in app.openapi()["paths"].values() for method in path])


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder)) / "store"
        with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
            STORED.write_text(json.dumps(application(shop).openapi(), indent=1, sort_keys=True) + "\n", "utf-8")
