"""A small store with a baseline, and functions that the tests of the quality gate have in common."""

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
    """An embedder whose similarities have the wrong sign."""

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        return -super().embed(photos)


def write_photo(path: Path, color: Color) -> Path:
    return photo(path, color, (24, 16))


def write_quartered_photo(path: Path, color: Color) -> Path:
    """Write a photo of this colour in its upper left quarter, the only part that the embedder uses."""
    r, g, b = color
    image = Image.new("RGB", (48, 32), (255 - r, 255 - g, 255 - b))
    image.paste(color, (0, 0, 24, 16))
    image.save(path)
    return path


def create_shop(folder: Path, write: Callable[[Path, Color], Path] = write_photo, count: int = 27) -> Path:
    """Create the store of so many products and its baseline, and return their folder."""
    for number, color in enumerate(COLORS[:count]):
        write(folder / f"p{number}.png", color)
    kinds = ("Tops", "Shoes")
    rows = [row(f"p{number}", category=["Men", kinds[number % 2]]) for number in range(count)]
    feed = feed_of(folder / "feed.jsonl", rows)
    Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0].close()
    with open_context(folder / "store") as context:
        check_regression(context, strategy_named("pretrained"), UPDATE)
    return folder


@contextmanager
def open_context(
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
    with open_context(store, embedder, source, settings) as context:
        return check_regression(context, strategy_named("pretrained"), options)


def check_error(store: Path, options: CheckOptions = COMPARE, source: PhotoSource | None = None) -> InvalidValue:
    with open_context(store, source=source) as context, pytest.raises(InvalidValue) as error:
        check_regression(context, strategy_named("pretrained"), options)
    return error.value


def fallen_cells(result: CheckResult) -> list[str]:
    assert result.report is not None
    return [cell.name for cell in result.report.cells if cell.fell]


def left_out(result: CheckResult) -> dict[str, tuple[int, str]]:
    assert result.report is not None
    assert all(item.fix for item in result.report.left_out)
    return {item.kind: (item.times, item.example) for item in result.report.left_out}


def recall(run: Baseline, kind: str) -> float:
    return run.ranks[kind].count(1) / len(run.queries)


def change_index(store: Path, change: Callable[[Index], object]) -> None:
    opened = Store(store)
    change(opened.live.index)
    opened.close()
