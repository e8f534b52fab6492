"""Fixtures that several packages' tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real catalogues; the test is skipped where there is none."""
    folder = Path(os.environ.get("SHOPLENS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real catalogues in {folder}; name their folder in SHOPLENS_DATA")
    return folder.resolve()
