"""The shop of squares, indexed once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens.store.store import Store
from tests.cli.command_line import shoplens
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
    """The folder of the squares, and of their store."""
    folder = tmp_path_factory.mktemp("squares")
    write_squares(folder)
    return folder


@pytest.fixture(scope="session")
def store(folder: Path) -> Path:
    done = shoplens("index", folder / "feed.jsonl", "--store", folder / "store", "--json")
    assert (done.code, done.told["products"]) == (0, 39)
    assert done.told["dimensions"] == 5
    assert "5 dimensions were fitted" in done.err
    return folder / "store"


@pytest.fixture(autouse=True)
def preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where shoplens.toml lies."""
    (tmp_path / "shoplens.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True, scope="module")
def closed(store: Path) -> Iterator[None]:
    """Every command lets go of the store."""
    yield
    Store(store, lock_wait=0.0).close()
