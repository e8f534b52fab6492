"""Fixtures that several packages' tests share."""

import os
from pathlib import Path

import pytest

# Before numpy is loaded: on a busy machine, threads that wait for each other make small matrices fifty times slower.
for _library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
if (_worker := os.environ.get("PYTEST_XDIST_WORKER", "")) and hasattr(os, "sched_setaffinity"):
    # A core for each process: threads of two that share one wait for each other, too.
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_worker.removeprefix("gw")) % len(_cores)]})
# Processes that tests start find the byte code of those before; to compile the package takes a second and a half.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
LONG = (
    "/training/",
    "/web/",
    "kill",
    "real_catalogue",
    "projection",
    "test_snippets",
    "/service/",
    "test_cli",
    "doctor",
    "demo",
)
"""Parts of the paths of files whose few tests take long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that in the end no process waits for another."""
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in LONG))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real catalogues; the test is skipped where there is none."""
    folder = Path(os.environ.get("SHOPLENS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real catalogues in {folder}; name their folder in SHOPLENS_DATA")
    return folder.resolve()
