"""The times that an answer tells are those of its stages."""

from pathlib import Path

from shoplens import Shop
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, colored_rows, feed_of

SECONDS = 0.03


def test_a_stage_takes_its_own_time_and_no_more_than_the_whole(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "feed.jsonl", colored_rows(tmp_path, range(3)))
    settings = Settings(threads=2)
    Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=settings)[0].close()
    with Shop(tmp_path / "store", embedder=ColourEmbedder(seconds=SECONDS), settings=settings) as shop:
        took = shop.search(tmp_path / "p1.png").took_ms
    others = sum(milliseconds for name, milliseconds in took.items() if name not in ("embed", "total"))
    assert took["embed"] >= 1_000 * SECONDS and min(took.values()) >= 0
    assert took["total"] >= took["embed"] + others - 0.01
