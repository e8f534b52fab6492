"""A small store with a baseline, to be checked: what it is called in the tests of the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product as pairs
from pathlib import Path

import pytest
from PIL import Image

from shoplens import Shop
from shoplens.embedders import Embedder
from shoplens.errors import InvalidValue
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.evaluation.regression.baseline import Baseline
from shoplens.evaluation.regression.check import CheckOptions, CheckResult, check_regression
from shoplens.images import PhotoSource
from shoplens.index.protocol import Index
from shoplens.ranking.strategies import strategy_named
from shoplens.settings import Settings
from shoplens.store.store import Store
from shoplens.types import Pixels, Vectors
from tests.fakes import Color, ColourEmbedder, feed_of, photo, row

SETTINGS = Settings(threads=2)
COLORS: list[Color] = [(r, g, b) for r, g, b in pairs((30, 128, 226), repeat=3)]
"""Of 27 products; the same but for swapped channels are 9 of them."""
UPDATE, COMPARE = CheckOptions(make_baseline=True), CheckOptions()


class Negated(ColourEmbedder):
    """As if less alike were better."""

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        return -super().embed(photos)


def plain(path: Path, color: Color) -> Path:
    return photo(path, color, (24, 16))


def quartered(path: Path, color: Color) -> Path:
    """A photo whose upper left quarter, all that the embedder sees, is of this colour and the rest of the opposite."""
    r, g, b = color
    image = Image.new("RGB", (48, 32), (255 - r, 255 - g, 255 - b))
    image.paste(color, (0, 0, 24, 16))
    image.save(path)
    return path


def made_shop(folder: Path, drawn: Callable[[Path, Color], Path] = plain, count: int = 27) -> Path:
    """A folder with the store of so many products, and its baseline."""
    for number, color in enumerate(COLORS[:count]):
        drawn(folder / f"p{number}.png", color)
    kinds = ("Tops", "Shoes")
    rows = [row(f"p{number}", category=["Men", kinds[number % 2]]) for number in range(count)]
    feed = feed_of(folder / "feed.jsonl", rows)
    Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0].close()
    with bench(folder / "store") as opened:
        check_regression(opened, strategy_named("pretrained"), UPDATE)
    return folder


@contextmanager
def bench(
    store: Path, embedder: Embedder | None = None, source: PhotoSource | None = None, settings: Settings = SETTINGS
) -> Iterator[EvaluationContext]:
    opened = Store(store)
    yield EvaluationContext(opened, embedder or ColourEmbedder(), source or PhotoSource(settings), settings)
    opened.close()


def check(
    store: Path,
    options: CheckOptions = COMPARE,
    embedder: Embedder | None = None,
    source: PhotoSource | None = None,
    settings: Settings = SETTINGS,
) -> CheckResult:
    with bench(store, embedder, source, settings) as opened:
        return check_regression(opened, strategy_named("pretrained"), options)


def refused(store: Path, options: CheckOptions = COMPARE, source: PhotoSource | None = None) -> InvalidValue:
    with bench(store, source=source) as opened, pytest.raises(InvalidValue) as told:
        check_regression(opened, strategy_named("pretrained"), options)
    return told.value


def fallen(found: CheckResult) -> list[str]:
    assert found.report is not None
    return [cell.name for cell in found.report.cells if cell.fell]


def left_out(found: CheckResult) -> dict[str, tuple[int, str]]:
    assert found.report is not None
    assert all(one.fix for one in found.report.left_out)
    return {one.kind: (one.times, one.example) for one in found.report.left_out}


def recall(run: Baseline, kind: str) -> float:
    return run.ranks[kind].count(1) / len(run.queries)


def changed(store: Path, change: Callable[[Index], object]) -> None:
    opened = Store(store)
    change(opened.live.index)
    opened.close()
