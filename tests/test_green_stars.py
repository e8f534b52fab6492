"""The example that the idea comes from: a green starry thing, and what shall count of it, its colour or its stars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.rendered import ProductSpec, product_photo
from shoplens.rendered.things.shapes import SHAPES
from shoplens.rendered.words import feed_row, product_id
from shoplens.settings import Settings
from shoplens.types import Answer, Result, Steering

GARMENTS = ("hoodie", "t-shirt", "dress", "skirt")
COLORS = ("green", "red", "blue", "yellow", "purple", "grey")
PATTERNS = ("solid", "stars", "stripes", "dots")
ASKED = ("hoodie", "green", "stars")
EVERYTHING = len(GARMENTS) * len(COLORS) * len(PATTERNS)


def spec(shape: str, color: str, pattern: str) -> ProductSpec:
    kind = SHAPES[shape]
    number = 1 + (GARMENTS.index(shape) * len(PATTERNS) + PATTERNS.index(pattern)) * len(COLORS) + COLORS.index(color)
    scale, direction = ("" if pattern == "solid" else "medium"), ("horizontal" if pattern == "stripes" else "")
    group = (number - 1) // len(COLORS)
    return ProductSpec(
        shape, color, pattern, kind.materials[0], "white", next(iter(kind.cuts)), scale, direction, number, group
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feed of every garment in every colour and pattern but one, and a photo of that one."""
    folder = tmp_path_factory.mktemp("stars")
    rows = []
    for shape in GARMENTS:
        for pattern in PATTERNS:
            for color in COLORS:
                made = spec(shape, color, pattern)
                if (shape, color, pattern) == ASKED:
                    product_photo(made, 1, 260).save(folder / "query.jpg", quality=88)
                    continue
                name = f"{product_id(made.number)}.jpg"
                product_photo(made, 0, 260).save(folder / name, quality=88)
                rows.append(feed_row(made, [name]))
    (folder / "feed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    made, summary = Shop.index(folder / "feed.jsonl", folder / "store", settings=Settings(threads=2))
    assert (summary.products, summary.rejected) == (EVERYTHING - 1, 0)
    with made:
        yield made


def ask(shop: Shop, folder: Path, **weights: float) -> Answer:
    return shop.search(folder / "query.jpg", EVERYTHING, steering=Steering(weights=weights, explain=True))


def hoodies(answer: Answer) -> tuple[list[Result], list[Result]]:
    """Green ones without stars, and starry ones of other colours."""
    green, starry = [], []
    for result in answer.results:
        held = result.product.attributes
        if held["shape"] == ("hoodie",) and held["color"] == ("green",):
            green.append(result)
        if held["shape"] == ("hoodie",) and held["pattern"] == ("stars",):
            starry.append(result)
    assert (len(green), len(starry)) == (len(PATTERNS) - 1, len(COLORS) - 1)
    return green, starry


def test_raising_color_puts_green_without_stars_above_stars_of_other_colors(shop: Shop, folder: Path) -> None:
    green, starry = hoodies(ask(shop, folder, color=8))
    assert max(one.rank for one in green) < min(one.rank for one in starry)


def test_raising_pattern_puts_stars_of_other_colors_above_green_without_stars(shop: Shop, folder: Path) -> None:
    green, starry = hoodies(ask(shop, folder, pattern=8))
    assert max(one.rank for one in starry) < min(one.rank for one in green)


@pytest.mark.parametrize("raised", ["color", "pattern"])
def test_the_parts_of_the_scores_explain_the_order(shop: Shop, folder: Path, raised: str) -> None:
    answer = ask(shop, folder, **{raised: 8})
    green, starry = hoodies(answer)
    above, below = (green, starry) if raised == "color" else (starry, green)
    for result in answer.results:
        assert sum(result.parts.values()) == result.score
        assert result.reasons is not None
        for name, part in result.parts.items():
            assert part == pytest.approx(answer.weights[name] * result.reasons.similarities[name])
    for one in above:
        for other in below:
            lead = {name: one.parts[name] - other.parts[name] for name in one.parts}
            assert max(lead, key=lambda name: lead[name]) == raised
            assert sum(lead[name] for name in lead if name != raised) < lead[raised]


def test_the_class_that_matched_is_named(shop: Shop, folder: Path) -> None:
    green, starry = hoodies(ask(shop, folder, color=8))
    for one in green:
        assert one.reasons is not None
        assert one.reasons.matches["color"].name == "green"
        assert one.reasons.matches["color"].query > 0.5
    for one in starry:
        assert one.reasons is not None
        assert (one.reasons.matches["pattern"].name, one.reasons.matches["pattern"].product) == ("stars", 1.0)
        assert one.reasons.matches["pattern"].query > 0.5


def test_a_product_ranks_lower_without_the_raised_dimension(shop: Shop, folder: Path) -> None:
    green, _ = hoodies(ask(shop, folder, color=8))
    worst = green[-1]
    assert worst.reasons is not None
    assert worst.reasons.ranks_without["color"] > worst.rank
