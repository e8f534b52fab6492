"""What searches claim: `exact`, `similar`, `not in this catalogue`, or that nobody knows."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, SettingsError, StoreError
from shoplens.ranking.match_probability import FEATURES, PRECISIONS, Calibration
from shoplens.ranking.verdict import VERDICTS
from shoplens.settings import Settings, settings_from
from shoplens.store import search_graph
from shoplens.store.calibration_file import load_calibration, write_calibration
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Answer, SoldOut
from tests.fakes import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    Color,
    ColourEmbedder,
    colour_vector,
    feed_of,
    photo,
    row,
)

SETTINGS = Settings(threads=2)
GRAY = (128, 128, 128)
COLORS: dict[str, Color] = {"red": RED, "green": GREEN, "blue": BLUE}
FILE = "calibration-pretrained.json"


def made(model: str = "colour@1", strategy: str = "pretrained", match: float = 0.0) -> Calibration:
    """Two of pure red, green and blue have a cosine of ½, so a score of ¾, and .01 and .26 are the distances from 1.01:

    a pure colour matches with a probability of .26 / .27 = .96; gray, which is as near to all three, with ½;
    and a photo is absent when its best score is below .9, by a slope of 100: black has (1 + √½) / 2 = .85, gray .90.
    """
    return Calibration(
        strategy=strategy,
        model=model,
        products=3,
        queries=200,
        clusters=40,
        absent_share=0.5,
        created="20260101T000000000000Z",
        match=dict(zip(FEATURES, (match, 0.0, 1.0, 0.0), strict=True)),
        absent=dict(zip(FEATURES, (90.0, -100.0, 0.0, 0.0), strict=True)),
        exact_thresholds=tuple(0.2 if p <= 0.6 else 0.9 if p <= 0.95 else None for p in PRECISIONS),
        absent_thresholds=tuple(0.9 if p <= 0.95 else 0.995 if p <= 0.97 else None for p in PRECISIONS),
        measured={},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red, green and blue products, and queries of other sizes; red is sold out; red and green are of one group."""
    folder = tmp_path_factory.mktemp("shop")
    for name, color in {**COLORS, "gray": GRAY, "black": BLACK}.items():
        photo(folder / f"{name}.png", color, (12, 8))
        photo(folder / "asked" / f"{name}.png", color, (14, 10))
    rows = [
        row("red", group_id="warm", in_stock=False),
        row("green", group_id="warm", in_stock=True),
        row("blue", in_stock=True),
    ]
    feed_of(folder / "feed.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    shop, _ = Shop.index(folder / "feed.jsonl", folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    shop.close()
    return folder / "store"


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Iterator[Shop]:
    """A store without calibration."""
    copy_tree(built, tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


@pytest.fixture
def calibrated(shop: Shop) -> Shop:
    write_calibration(shop._parts.store.live, made())
    return shop


def search(shop: Shop, photo: Path, k: int = 10, **options: Any) -> Answer:
    """By the strategy whose scores the formulas of ``made`` speak of."""
    return shop.search(photo, k, strategy="pretrained", **options)


def probabilities(answer: Answer) -> dict[str, float | None]:
    return {result.product.id: result.match_probability for result in answer.results}


def by_head(color: Color) -> tuple[dict[str, float], float]:
    """Every product's probability, and that of absence, by the formulas of ``made``."""
    scores = {name: (1 + float(colour_vector(color) @ colour_vector(one))) / 2 for name, one in COLORS.items()}
    absent = 1 / (1 + math.exp(100 * max(scores.values()) - 90))
    rivals = {name: max(score for other, score in scores.items() if other != name) for name in scores}
    far = {name: 1.01 - rivals[name] for name in scores}
    return {name: (1 - absent) * far[name] / (far[name] + 1.01 - scores[name]) for name in scores}, absent


# Without a calibration


def test_a_store_that_was_never_calibrated_says_so(shop: Shop, folder: Path) -> None:
    answer = search(shop, folder / "asked/red.png")
    assert (answer.verdict, answer.absent_probability) == ("uncalibrated", None)
    assert probabilities(answer) == {"red": None, "green": None, "blue": None}
    assert "run `shoplens calibrate`" in VERDICTS[answer.verdict]


def test_a_photo_of_the_store_is_exact_with_and_without_calibration(shop: Shop, folder: Path) -> None:
    before = search(shop, folder / "red.png")
    assert (before.verdict, before.absent_probability) == ("exact", None)
    assert probabilities(before) == {"red": 1.0, "green": None, "blue": None}
    write_calibration(shop._parts.store.live, made())
    for precision in (0.5, 0.95, 0.99):
        after = search(shop, folder / "red.png", precision=precision)
        assert (after.verdict, after.absent_probability) == ("exact", 0.0)
        assert probabilities(after) == {
            "red": 1.0,
            **{name: pytest.approx(0.01 / 0.27, abs=1e-3) for name in ("green", "blue")},
        }


def test_a_photo_of_the_store_that_is_not_shown_claims_nothing_of_what_is(calibrated: Shop, folder: Path) -> None:
    hidden = search(calibrated, folder / "red.png", where="id = green")
    assert hidden.verdict == "similar"
    assert probabilities(hidden) == {"green": pytest.approx(0.01 / 0.27, abs=1e-3)}


def test_a_sold_out_product_put_last_is_still_the_one_in_the_photo(calibrated: Shop, folder: Path) -> None:
    answer = search(calibrated, folder / "red.png", sold_out="last")
    assert [result.product.id for result in answer.results] == ["blue", "green", "red"]
    assert (answer.verdict, answer.absent_probability) == ("similar", 0.0)
    assert answer.results[-1].match_probability == 1.0


# With one


@pytest.mark.parametrize(
    ("name", "verdict"), [("red", "exact"), ("blue", "exact"), ("gray", "similar"), ("black", "not-in-catalogue")]
)
def test_verdict_and_probabilities_are_those_of_the_formulas(
    calibrated: Shop, folder: Path, name: str, verdict: str
) -> None:
    answer = search(calibrated, folder / "asked" / f"{name}.png")
    expected, absent = by_head({**COLORS, "gray": GRAY, "black": BLACK}[name])
    assert answer.verdict == verdict
    assert probabilities(answer) == {product: pytest.approx(one, abs=1e-4) for product, one in expected.items()}
    assert answer.absent_probability == pytest.approx(absent, abs=1e-4)
    assert max(expected.values()) + absent <= 1


@pytest.mark.parametrize(
    ("name", "precision", "verdict"),
    [
        ("gray", 0.5, "exact"),
        ("gray", 0.6, "exact"),
        ("gray", 0.605, "similar"),
        ("red", 0.95, "exact"),
        ("red", 0.955, "similar"),
        ("red", 0.99, "similar"),
        ("black", 0.95, "not-in-catalogue"),
        ("black", 0.96, "similar"),
        ("black", 0.99, "similar"),
    ],
)
def test_the_precision_asked_for_moves_the_verdict(
    calibrated: Shop, folder: Path, name: str, precision: float, verdict: str
) -> None:
    answer = search(calibrated, folder / "asked" / f"{name}.png", precision=precision)
    assert answer.verdict == verdict
    assert probabilities(answer) == probabilities(search(calibrated, folder / "asked" / f"{name}.png"))


def test_the_settings_say_which_precision_is_meant(calibrated: Shop, folder: Path) -> None:
    path, asked = calibrated._parts.store.folder, folder / "asked/red.png"
    calibrated.close()
    with Shop(path, embedder=ColourEmbedder(), settings=Settings(threads=2, precision=0.99)) as strict:
        assert search(strict, asked).verdict == "similar"
        assert search(strict, asked, precision=0.95).verdict == "exact"
    assert settings_from({"SHOPLENS_PRECISION": "0.8"}, folder).precision == 0.8
    assert settings_from({}, folder).precision == 0.95


@pytest.mark.parametrize("precision", [0.0, 0.49, 0.995, 1.0, 95, math.nan])
def test_a_precision_that_makes_no_sense_is_refused(calibrated: Shop, folder: Path, precision: float) -> None:
    with pytest.raises(InvalidValue, match=r"The precision is .*Choose 0\.50 to 0\.99"):
        search(calibrated, folder / "asked/red.png", precision=precision)
    with pytest.raises(SettingsError, match=r"precision is .*0\.50 to 0\.99"):
        Settings(precision=precision)


@pytest.mark.parametrize("name", ["red", "gray", "black"])
def test_what_is_asked_for_changes_no_probability(calibrated: Shop, folder: Path, name: str) -> None:
    asked = folder / "asked" / f"{name}.png"
    whole = search(calibrated, asked)
    everything = probabilities(whole)
    sold_outs: tuple[SoldOut, ...] = ("hide", "last")
    for answer, count in (
        *((search(calibrated, asked, where=f"id = {one}"), 1) for one in COLORS),
        (search(calibrated, asked, where="in_stock = true"), 2),
        (search(calibrated, asked, per_group=1), 2),
        *((search(calibrated, asked, sold_out=one), count) for one, count in zip(sold_outs, (2, 3), strict=True)),
        (search(calibrated, asked, 1), 1),
        (search(calibrated, asked, 1, where="id = green", per_group=1, sold_out="hide"), 1),
    ):
        found = probabilities(answer)
        assert len(found) == count
        assert found == {product: everything[product] for product in found}
        assert answer.absent_probability == whole.absent_probability


def test_an_only_product_left_by_a_condition_is_not_exact(calibrated: Shop, folder: Path) -> None:
    asked = folder / "asked/red.png"
    assert search(calibrated, asked, where="id = green").verdict == "similar"
    assert search(calibrated, asked, sold_out="hide").verdict == "similar"
    assert search(calibrated, folder / "asked/black.png", where="id = green").verdict == "not-in-catalogue"


def test_a_region_is_judged_too(calibrated: Shop, folder: Path) -> None:
    answer = search(calibrated, folder / "red.png", region=(0, 0, 10, 8))
    assert answer.verdict == "exact"
    assert answer.results[0].match_probability == pytest.approx(by_head(RED)[0]["red"], abs=1e-4)


def test_an_emptied_store_holds_no_product_for_sure(calibrated: Shop, folder: Path) -> None:
    calibrated.products.remove(COLORS)
    answer = search(calibrated, folder / "asked/red.png")
    assert (answer.results, answer.verdict, answer.absent_probability) == ((), "not-in-catalogue", 1.0)


# Whose calibration it is


@pytest.mark.parametrize("foreign", [made(model="other@1"), made(strategy="hybrid")])
def test_the_calibration_of_something_else_is_not_used(shop: Shop, folder: Path, foreign: Calibration) -> None:
    write_calibration(shop._parts.store.live, foreign)
    answer = search(shop, folder / "asked/red.png")
    assert (answer.verdict, answer.results[0].match_probability) == ("uncalibrated", None)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"format": 1}', '{"format": 2}', b"\xff\xfe"])
def test_a_damaged_calibration_says_what_to_do(calibrated: Shop, folder: Path, damage: str | bytes) -> None:
    path = calibrated._parts.store.live.folder / FILE
    path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(StoreError) as told:
        search(calibrated, folder / "asked/red.png")
    assert (told.value.code, told.value.exit_code) == ("bad-calibration", 4)
    assert "calibration cannot be used" in told.value.problem
    assert told.value.fix == "Run `shoplens calibrate` again."
    write_calibration(calibrated._parts.store.live, made())
    assert search(calibrated, folder / "asked/red.png").verdict == "exact"


def test_a_new_calibration_counts_at_once_even_within_a_tick_of_the_clock(calibrated: Shop, folder: Path) -> None:
    asked, generation = folder / "asked/gray.png", calibrated._parts.store.live
    path = generation.folder / FILE
    before, then = search(calibrated, asked).results[0].match_probability, path.stat().st_mtime_ns
    assert before == pytest.approx(by_head(GRAY)[0]["red"], abs=1e-4)
    write_calibration(generation, made(match=-9.0))
    os.utime(path, ns=(then, then))
    assert search(calibrated, asked).results[0].match_probability == pytest.approx(0.0, abs=1e-3)
    path.unlink()
    assert search(calibrated, asked).verdict == "uncalibrated"


# It belongs to a generation


def test_building_anew_loses_the_calibration(calibrated: Shop, folder: Path) -> None:
    path = calibrated._parts.store.folder
    calibrated.close()
    again, _ = Shop.index(folder / "feed.jsonl", path, replace=True, embedder=ColourEmbedder(), settings=SETTINGS)
    with again:
        assert search(again, folder / "asked/red.png").verdict == "uncalibrated"
        assert load_calibration(again._parts.store.live, "pretrained") is None


def test_changes_and_a_new_graph_keep_the_calibration(calibrated: Shop, folder: Path) -> None:
    photo(folder / "white.png", (255, 255, 255))
    calibrated.add(feed_of(folder / "more.jsonl", [row("white")]))
    assert load_calibration(calibrated._parts.store.live, "pretrained") == made()
    calibrated.sync(folder / "feed.jsonl", max_removals="50%")
    assert search(calibrated, folder / "asked/red.png").verdict == "exact"
    store = calibrated._parts.store
    before = store.live
    # A change does this once a graph is due, which takes many products.
    store.switch(search_graph._copy_with_graph(store, before))
    assert store.live is not before and not before.folder.exists()
    assert search(calibrated, folder / "asked/red.png").verdict == "exact"
    assert load_calibration(store.live, "pretrained") == made()


def test_a_backup_holds_the_calibration(calibrated: Shop, folder: Path, tmp_path: Path) -> None:
    calibrated.backup(tmp_path / "backup")
    Shop.restore(tmp_path / "backup", tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=SETTINGS) as restored:
        assert search(restored, folder / "asked/red.png").verdict == "exact"
        assert load_calibration(restored._parts.store.live, "pretrained") == made()
