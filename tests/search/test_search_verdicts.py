"""The verdicts of searches: `exact`, `similar`, `not in this catalogue`, or `uncalibrated`."""

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
CALIBRATION_FILE = "calibration-pretrained.json"


def toy_calibration(model: str = "colour@1", strategy: str = "pretrained", match: float = 0.0) -> Calibration:
    """Return a calibration whose probabilities can be computed by hand.

    Any two of pure red, green and blue have a cosine of ½, so a score of ¾, and the distances of both scores from 1.01
    are .01 and .26. A pure colour therefore matches with a probability of .26 / .27 = .96, and gray, which is equally
    near to all three, with ½. A photo counts as absent when its best score is below .9, with a slope of 100: black has
    (1 + √½) / 2 = .85, and gray has .90.
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
    """Write a feed of a red, a green and a blue product, and query photos of another size in the folder ``queries``.

    Red is sold out; red and green are of one group.
    """
    folder = tmp_path_factory.mktemp("shop")
    for name, color in {**COLORS, "gray": GRAY, "black": BLACK}.items():
        photo(folder / f"{name}.png", color, (12, 8))
        photo(folder / "queries" / f"{name}.png", color, (14, 10))
    rows = [
        row("red", group_id="warm", in_stock=False),
        row("green", group_id="warm", in_stock=True),
        row("blue", in_stock=True),
    ]
    feed_of(folder / "feed.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def built_store(folder: Path) -> Path:
    shop, _ = Shop.index(folder / "feed.jsonl", folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    shop.close()
    return folder / "store"


@pytest.fixture
def shop(built_store: Path, tmp_path: Path) -> Iterator[Shop]:
    """Open a copy of the store, without calibration."""
    copy_tree(built_store, tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


@pytest.fixture
def calibrated(shop: Shop) -> Shop:
    """Return the shop with the toy calibration."""
    write_calibration(shop._parts.store.live, toy_calibration())
    return shop


def search(shop: Shop, photo: Path, k: int = 10, **options: Any) -> Answer:
    """Search by the strategy that the toy calibration is for."""
    return shop.search(photo, k, strategy="pretrained", **options)


def probabilities(answer: Answer) -> dict[str, float | None]:
    return {result.product.id: result.match_probability for result in answer.results}


def expected_probabilities(color: Color) -> tuple[dict[str, float], float]:
    """Return product -> match probability, and the probability of absence, by the formulas of the toy calibration."""
    scores = {name: (1 + float(colour_vector(color) @ colour_vector(value))) / 2 for name, value in COLORS.items()}
    absent = 1 / (1 + math.exp(100 * max(scores.values()) - 90))
    rivals = {name: max(score for other, score in scores.items() if other != name) for name in scores}
    distances = {name: 1.01 - rivals[name] for name in scores}
    return {name: (1 - absent) * distances[name] / (distances[name] + 1.01 - scores[name]) for name in scores}, absent


# Without a calibration


def test_without_calibration_the_verdict_is_uncalibrated(shop: Shop, folder: Path) -> None:
    answer = search(shop, folder / "queries/red.png")
    assert (answer.verdict, answer.absent_probability) == ("uncalibrated", None)
    assert probabilities(answer) == {"red": None, "green": None, "blue": None}
    assert "run `shoplens calibrate`" in VERDICTS[answer.verdict]


def test_a_catalogue_photo_is_exact_with_and_without_calibration(shop: Shop, folder: Path) -> None:
    before = search(shop, folder / "red.png")
    assert (before.verdict, before.absent_probability) == ("exact", None)
    assert probabilities(before) == {"red": 1.0, "green": None, "blue": None}
    write_calibration(shop._parts.store.live, toy_calibration())
    for precision in (0.5, 0.95, 0.99):
        after = search(shop, folder / "red.png", precision=precision)
        assert (after.verdict, after.absent_probability) == ("exact", 0.0)
        assert probabilities(after) == {
            "red": 1.0,
            **{name: pytest.approx(0.01 / 0.27, abs=1e-3) for name in ("green", "blue")},
        }


def test_a_catalogue_photo_whose_product_is_filtered_out_is_not_exact(calibrated: Shop, folder: Path) -> None:
    hidden = search(calibrated, folder / "red.png", where="id = green")
    assert hidden.verdict == "similar"
    assert probabilities(hidden) == {"green": pytest.approx(0.01 / 0.27, abs=1e-3)}


def test_a_sold_out_product_that_comes_last_keeps_probability_one(calibrated: Shop, folder: Path) -> None:
    answer = search(calibrated, folder / "red.png", sold_out="last")
    assert [result.product.id for result in answer.results] == ["blue", "green", "red"]
    assert (answer.verdict, answer.absent_probability) == ("similar", 0.0)
    assert answer.results[-1].match_probability == 1.0


# With a calibration


@pytest.mark.parametrize(
    ("name", "verdict"), [("red", "exact"), ("blue", "exact"), ("gray", "similar"), ("black", "not-in-catalogue")]
)
def test_verdict_and_probabilities_follow_the_formulas(calibrated: Shop, folder: Path, name: str, verdict: str) -> None:
    answer = search(calibrated, folder / "queries" / f"{name}.png")
    expected, absent = expected_probabilities({**COLORS, "gray": GRAY, "black": BLACK}[name])
    assert answer.verdict == verdict
    assert probabilities(answer) == {product: pytest.approx(value, abs=1e-4) for product, value in expected.items()}
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
def test_the_required_precision_changes_the_verdict_and_no_probability(
    calibrated: Shop, folder: Path, name: str, precision: float, verdict: str
) -> None:
    answer = search(calibrated, folder / "queries" / f"{name}.png", precision=precision)
    assert answer.verdict == verdict
    assert probabilities(answer) == probabilities(search(calibrated, folder / "queries" / f"{name}.png"))


def test_the_default_precision_comes_from_the_settings(calibrated: Shop, folder: Path) -> None:
    path, query = calibrated._parts.store.folder, folder / "queries/red.png"
    calibrated.close()
    with Shop(path, embedder=ColourEmbedder(), settings=Settings(threads=2, precision=0.99)) as strict:
        assert search(strict, query).verdict == "similar"
        assert search(strict, query, precision=0.95).verdict == "exact"
    assert settings_from({"SHOPLENS_PRECISION": "0.8"}, folder).precision == 0.8
    assert settings_from({}, folder).precision == 0.95


@pytest.mark.parametrize("precision", [0.0, 0.49, 0.995, 1.0, 95, math.nan])
def test_a_precision_out_of_range_is_refused(calibrated: Shop, folder: Path, precision: float) -> None:
    with pytest.raises(InvalidValue, match=r"The precision is .*Choose 0\.50 to 0\.99"):
        search(calibrated, folder / "queries/red.png", precision=precision)
    with pytest.raises(SettingsError, match=r"precision is .*0\.50 to 0\.99"):
        Settings(precision=precision)


@pytest.mark.parametrize("name", ["red", "gray", "black"])
def test_conditions_and_options_change_no_probability(calibrated: Shop, folder: Path, name: str) -> None:
    query = folder / "queries" / f"{name}.png"
    unrestricted = search(calibrated, query)
    all_probabilities = probabilities(unrestricted)
    sold_out_options: tuple[SoldOut, ...] = ("hide", "last")
    for answer, count in (
        *((search(calibrated, query, where=f"id = {product}"), 1) for product in COLORS),
        (search(calibrated, query, where="in_stock = true"), 2),
        (search(calibrated, query, per_group=1), 2),
        *(
            (search(calibrated, query, sold_out=option), count)
            for option, count in zip(sold_out_options, (2, 3), strict=True)
        ),
        (search(calibrated, query, 1), 1),
        (search(calibrated, query, 1, where="id = green", per_group=1, sold_out="hide"), 1),
    ):
        remaining = probabilities(answer)
        assert len(remaining) == count
        assert remaining == {product: all_probabilities[product] for product in remaining}
        assert answer.absent_probability == unrestricted.absent_probability


def test_the_only_product_that_a_condition_leaves_is_not_exact(calibrated: Shop, folder: Path) -> None:
    query = folder / "queries/red.png"
    assert search(calibrated, query, where="id = green").verdict == "similar"
    assert search(calibrated, query, sold_out="hide").verdict == "similar"
    assert search(calibrated, folder / "queries/black.png", where="id = green").verdict == "not-in-catalogue"


def test_a_search_by_a_region_has_a_verdict(calibrated: Shop, folder: Path) -> None:
    answer = search(calibrated, folder / "red.png", region=(0, 0, 10, 8))
    assert answer.verdict == "exact"
    assert answer.results[0].match_probability == pytest.approx(expected_probabilities(RED)[0]["red"], abs=1e-4)


def test_in_an_empty_store_every_photo_is_not_in_the_catalogue(calibrated: Shop, folder: Path) -> None:
    calibrated.products.remove(COLORS)
    answer = search(calibrated, folder / "queries/red.png")
    assert (answer.results, answer.verdict, answer.absent_probability) == ((), "not-in-catalogue", 1.0)


# Calibrations that do not fit or are damaged


@pytest.mark.parametrize("foreign", [toy_calibration(model="other@1"), toy_calibration(strategy="hybrid")])
def test_a_calibration_of_another_model_or_strategy_is_not_used(shop: Shop, folder: Path, foreign: Calibration) -> None:
    write_calibration(shop._parts.store.live, foreign)
    answer = search(shop, folder / "queries/red.png")
    assert (answer.verdict, answer.results[0].match_probability) == ("uncalibrated", None)


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"format": 1}', '{"format": 2}', b"\xff\xfe"])
def test_a_damaged_calibration_is_an_error_until_it_is_written_again(
    calibrated: Shop, folder: Path, damage: str | bytes
) -> None:
    path = calibrated._parts.store.live.folder / CALIBRATION_FILE
    path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    with pytest.raises(StoreError) as error:
        search(calibrated, folder / "queries/red.png")
    assert (error.value.code, error.value.exit_code) == ("bad-calibration", 4)
    assert "calibration cannot be used" in error.value.problem
    assert error.value.fix == "Run `shoplens calibrate` again."
    write_calibration(calibrated._parts.store.live, toy_calibration())
    assert search(calibrated, folder / "queries/red.png").verdict == "exact"


def test_a_new_calibration_is_used_at_once_even_with_an_unchanged_file_time(calibrated: Shop, folder: Path) -> None:
    query, generation = folder / "queries/gray.png", calibrated._parts.store.live
    path = generation.folder / CALIBRATION_FILE
    before, modified_ns = search(calibrated, query).results[0].match_probability, path.stat().st_mtime_ns
    assert before == pytest.approx(expected_probabilities(GRAY)[0]["red"], abs=1e-4)
    write_calibration(generation, toy_calibration(match=-9.0))
    os.utime(path, ns=(modified_ns, modified_ns))
    assert search(calibrated, query).results[0].match_probability == pytest.approx(0.0, abs=1e-3)
    path.unlink()
    assert search(calibrated, query).verdict == "uncalibrated"


# Generations and backups


def test_a_rebuilt_store_has_no_calibration(calibrated: Shop, folder: Path) -> None:
    path = calibrated._parts.store.folder
    calibrated.close()
    rebuilt, _ = Shop.index(folder / "feed.jsonl", path, replace=True, embedder=ColourEmbedder(), settings=SETTINGS)
    with rebuilt:
        assert search(rebuilt, folder / "queries/red.png").verdict == "uncalibrated"
        assert load_calibration(rebuilt._parts.store.live, "pretrained") is None


def test_changes_and_a_new_search_graph_keep_the_calibration(calibrated: Shop, folder: Path) -> None:
    photo(folder / "white.png", (255, 255, 255))
    calibrated.add(feed_of(folder / "more.jsonl", [row("white")]))
    assert load_calibration(calibrated._parts.store.live, "pretrained") == toy_calibration()
    calibrated.sync(folder / "feed.jsonl", max_removals="50%")
    assert search(calibrated, folder / "queries/red.png").verdict == "exact"
    store = calibrated._parts.store
    before = store.live
    # A change builds a graph only when many products lack one, so the test calls the step itself.
    store.switch(search_graph._copy_with_graph(store, before))
    assert store.live is not before and not before.folder.exists()
    assert search(calibrated, folder / "queries/red.png").verdict == "exact"
    assert load_calibration(store.live, "pretrained") == toy_calibration()


def test_a_backup_holds_the_calibration(calibrated: Shop, folder: Path, tmp_path: Path) -> None:
    calibrated.backup(tmp_path / "backup")
    Shop.restore(tmp_path / "backup", tmp_path / "restored")
    with Shop(tmp_path / "restored", embedder=ColourEmbedder(), settings=SETTINGS) as restored:
        assert search(restored, folder / "queries/red.png").verdict == "exact"
        assert load_calibration(restored._parts.store.live, "pretrained") == toy_calibration()
