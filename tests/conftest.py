"""Fixtures that several packages' tests share."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Before numpy is loaded: on a busy machine, threads that wait for each other make small matrices fifty times slower.
for _library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
if (_worker := os.environ.get("PYTEST_XDIST_WORKER", "")) and hasattr(os, "sched_setaffinity"):
    # A core for each process: threads of two that share one wait for each other, too.
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_worker.removeprefix("gw")) % len(_cores)]})
# Processes that tests start find the byte code of those before; to compile the package takes a second and a half.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
SLOW = (
    "tests/attacks/",
    "tests/cli/",
    "tests/docs/test_snippets.py",
    "tests/evaluation/catalogue_map/",
    "tests/evaluation/regression/",
    "tests/evaluation/test_calibrate.py",
    "tests/evaluation/test_compare.py",
    "tests/evaluation/test_evaluate.py",
    "tests/index/test_older_points.py",
    "tests/service/",
    "tests/store/test_backup.py",
    "tests/test_green_stars.py",
    "tests/training/",
    "tests/web/",
)
"""Folders and files all of whose tests are slow; single ones of other files have the mark themselves."""
SLOW_FIXTURES = {"data_folder"}
SLOW_NAMES = {"forked", "run_service", "subprocess", "torch"}
"""What a file imports that starts processes, or trains."""
SHARED_MEMORY = Path("/dev/shm")
ROOM, MEMORY = 6_000_000_000, 8_000_000_000
"""Free bytes in it, and of memory, that a run of several processes needs to write there."""
_folder_in_memory = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Let a run of several processes write to memory: tests of stores wait for the disk most of their time."""
    if config.getoption("numprocesses", None) and "PYTEST_DEBUG_TEMPROOT" not in os.environ:
        folder = _make_folder_in_memory()
        if folder is not None:
            config.stash[_folder_in_memory] = folder
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove what the tests have left in memory."""
    if folder := config.stash.get(_folder_in_memory, None):
        shutil.rmtree(folder, ignore_errors=True)


def _make_folder_in_memory() -> Path | None:
    """A folder of this process, without those of processes that were killed; None where there is not enough memory."""
    facts = Path("/proc/meminfo")
    if not (os.access(SHARED_MEMORY, os.W_OK) and facts.is_file()):
        return None
    home = SHARED_MEMORY / f"shoplens-tests-{os.getuid()}"
    for folder in home.glob("*"):
        if not Path("/proc", folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)
    available = re.search(r"MemAvailable: +(\d+) kB", facts.read_text("utf-8"))
    if available is None or int(available[1]) * 1024 < MEMORY or shutil.disk_usage(SHARED_MEMORY).free < ROOM:
        return None
    folder = home / str(os.getpid())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and run that first, so that in the end no process waits for another."""
    for item in items:
        if _is_slow(item):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _is_slow(item: pytest.Item) -> bool:
    path = item.path.relative_to(ROOT).as_posix()
    names = vars(getattr(item, "module", None) or object)
    return (
        path.startswith(SLOW)
        or not SLOW_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        or not SLOW_NAMES.isdisjoint(names)
    )


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder of the test's own; it goes with the test where it lies in memory."""
    yield tmp_path
    if tmp_path.is_relative_to(SHARED_MEMORY):
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def folder_on_disk() -> Iterator[Path]:
    """A new folder that is not in memory, for tests of how much room files take."""
    cache = ROOT / ".pytest_cache"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real catalogues; the test is skipped where there is none."""
    folder = Path(os.environ.get("SHOPLENS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real catalogues in {folder}; name their folder in SHOPLENS_DATA")
    return folder.resolve()
