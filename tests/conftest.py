"""Fixtures that several packages' tests share."""

import os
from pathlib import Path

import pytest

# Before numpy is loaded: on a busy machine, threads that wait for each other make small matrices fifty times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real catalogues; the test is skipped where there is none."""
    folder = Path(os.environ.get("SHOPLENS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real catalogues in {folder}; name their folder in SHOPLENS_DATA")
    return folder.resolve()
