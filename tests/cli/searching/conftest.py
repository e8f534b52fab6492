"""Fixtures: the shop of squares, which is indexed once, and its ``shoplens.toml``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens.store.store import Store
from tests.cli.command_line import run_command
from tests.cli.searching.squares import write_squares

TOML = """
[weights]
shape = 0
[profiles.same-colour]
color = 9
pattern = 0
[profiles.nothing]
look = 0
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the feed, the photos and, once it is indexed, the store of the squares."""
    folder = tmp_path_factory.mktemp("squares")
    write_squares(folder)
    return folder


@pytest.fixture(scope="session")
def store(folder: Path) -> Path:
    """Index the shop of squares and return the folder of its store."""
    result = run_command("index", folder / "feed.jsonl", "--store", folder / "store", "--json")
    assert (result.code, result.json["products"]) == (0, 39)
    assert result.json["dimensions"] == 6
    assert "6 dimensions were fitted" in result.err
    return folder / "store"


@pytest.fixture(autouse=True)
def preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write ``shoplens.toml`` into the working directory of the test and return this directory."""
    (tmp_path / "shoplens.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True, scope="module")
def released_store(store: Path) -> Iterator[None]:
    """Check after the tests of a file that no command still holds the lock of the store."""
    yield
    Store(store, lock_wait=0.0).close()
