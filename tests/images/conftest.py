"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shoplens.settings import Settings

from .local_server import Server


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()
