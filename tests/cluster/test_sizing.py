"""The sizes of clusters in the documentation are those that the script computes from measured bytes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import size_cluster  # noqa: E402


def test_the_table_of_the_documentation_is_that_of_the_script() -> None:
    sizes = [size_cluster.size_cluster(photos) for photos in (1e6, 10e6, 100e6)]
    assert size_cluster.table(sizes, 64) in (ROOT / "docs" / "cluster.md").read_text("utf-8")


@pytest.mark.parametrize(("combined_bytes", "measured"), [(4, 10_995), (4, 10_865), (2, 8_947)])
def test_shards_that_were_measured_fit_what_is_computed(combined_bytes: int, measured: int) -> None:
    """Bytes per photo of shards that ``benchmarks/service/cluster.py size`` built (benchmarks/RESULTS.md)."""
    computed = size_cluster.disk_bytes_per_photo(combined_bytes=combined_bytes)
    assert computed == pytest.approx(measured, rel=0.03)
    text = (ROOT / "docs" / "cluster.md").read_text("utf-8")
    assert f"{measured:,}" in text and f"{round(computed):,}" in text


def test_more_photos_and_copies_need_more() -> None:
    small, large = size_cluster.size_cluster(1e6), size_cluster.size_cluster(1e8)
    assert large.memory == pytest.approx(100 * small.memory) and large.nodes > small.nodes >= 3
    assert large.shards % large.nodes == 0 and large.shards >= 10
    assert size_cluster.size_cluster(1e6, replicas=1).memory == pytest.approx(small.memory / 2)
    assert size_cluster.size_cluster(1e6, cores=128).build_hours == pytest.approx(small.build_hours / 2)
