"""What the benchmarks put into their tables: spreads, intervals, and the machine they ran on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shoplens.settings import Settings

RESAMPLES = 1000


def machine_line(*packages: str) -> str:
    """Processor, cores, Python, versions and commit, for the end of a table."""
    info = Path("/proc/cpuinfo").read_text("utf-8") if Path("/proc/cpuinfo").is_file() else ""
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if "model name" in line), "")
    repository = Path(__file__).parent
    commit = _git(repository, "rev-parse", "--short", "HEAD") or "unknown"
    changed = "+changes" if _git(repository, "status", "--porcelain", "--", "../src") else ""
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    cpu = model or platform.processor() or platform.machine()
    return f"{cpu}, {Settings().cores} cores; Python {platform.python_version()}, {versions}; commit {commit}{changed}"


def _git(folder: Path, *arguments: str) -> str:
    told = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return told.stdout.strip() if told.returncode == 0 else ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """``median (p25-p75)``."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def default_data() -> Path:
    """Where the real catalogues are when nobody says."""
    return Path(os.environ.get("SHOPLENS_DATA", "../shared/data"))


def interval(
    values: Sequence[float] | npt.NDArray[np.float32], clusters: Sequence[str], seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of the mean (2.5th and 97.5th percentile); whole clusters are drawn with replacement.

    >>> interval([1.0, 1.0, 1.0], ["a", "b", "c"])
    (1.0, 1.0)
    """
    _, owner = np.unique(np.asarray(clusters), return_inverse=True)
    sums, sizes = np.bincount(owner, weights=np.asarray(values, np.float64)), np.bincount(owner)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def percent_cell(value: float, low: float, high: float) -> str:
    """``value (low-high)`` in percent."""
    return f"{100 * value:.1f} ({100 * low:.1f}-{100 * high:.1f})"
