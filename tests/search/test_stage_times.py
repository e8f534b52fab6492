"""The times of an answer are measured per stage, and the total is their sum."""

from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, colored_rows, feed_of

SECONDS = 0.03


def test_embed_time_is_measured_and_total_is_the_sum_of_all_stages(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(3)))
    settings = Settings(threads=2)
    Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=settings)[0].close()
    with Shop(tmp_path / "store", embedder=ColourEmbedder(seconds=SECONDS), settings=settings) as shop:
        took_ms = shop.search(tmp_path / "p1.png").took_ms
    stages = [milliseconds for name, milliseconds in took_ms.items() if name != "total"]
    assert took_ms["embed"] >= 1_000 * SECONDS and min(stages) >= 0
    assert took_ms["total"] == pytest.approx(sum(stages), abs=1e-6)
