"""Queries of a store -> its calibration: what is taken of each answer, what is left out, what is kept."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product as pairs
from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.calibrate import SAME_PHOTO, build_sample, calibrate, collect_samples
from shoplens.evaluation.evaluate import QuerySet
from shoplens.evaluation.queries import HELD_OUT, JudgedQuery
from shoplens.evaluation.query_runs import JudgedRun
from shoplens.evaluation.report_files import calibration_json, claim_table
from shoplens.evaluation.statistics.calibration import CalibrationSample
from shoplens.ranking.match_probability import REFERENCE
from shoplens.ranking.strategies import EncodedQuery, strategy_named
from shoplens.settings import Merchandising, Preferences, Settings
from shoplens.store.calibration_file import load_calibration
from shoplens.store.files.atomic import copy_tree
from shoplens.types import Result
from tests.fakes import Color, ColourEmbedder, colour_vector, feed_of, photo, product, row

SETTINGS = Settings(threads=2)
PRETRAINED = strategy_named("pretrained")
COLORS: list[Color] = [(r, g, b) for r, g, b in pairs((50, 130, 205), repeat=3)]
"""Of 27 products."""
OFF = ((0, 0, 9), (9, 0, 0), (0, 12, 0), (44, 6, -44))
"""What their further photos are off by; the last is more than half-way to another product."""


def off(number: int, by: int) -> Color:
    r, g, b = (first + second for first, second in zip(COLORS[number], OFF[by], strict=True))
    return r, g, b


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """27 products in 25 groups, each with a photo and four further ones; and 108 other photos of the same colours."""
    folder = tmp_path_factory.mktemp("shop")
    rows = []
    for number, color in enumerate(COLORS):
        names = [f"p{number}.png", *(f"p{number}-{by}.png" for by in range(len(OFF)))]
        for by, name in enumerate(names):
            photo(folder / name, color if not by else off(number, by - 1))
            photo(folder / "asked" / name, color if not by else off(number, by - 1), (14, 10))
        rows.append(row(f"p{number}", *names, group_id="three" if number < 3 else ""))
    feed_of(folder / "feed.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    shop, _ = Shop.index(folder / "feed.jsonl", folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    shop.close()
    return folder / "store"


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Iterator[Shop]:
    copy_tree(built, tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def queries(path: Path, asked: list[tuple[Path, str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("photo", "product_id"), *asked])
    return path


def asked_of(folder: Path, count: int = 108) -> list[tuple[Path, str]]:
    """Photos that the catalogue does not have, of its products."""
    every = [(folder / f"asked/p{number}-{by}.png", f"p{number}") for by in range(4) for number in range(27)]
    return every[:count]


# What is taken of an answer


def run(scores: list[float], right: set[int], group: str = "") -> JudgedRun:
    """A judged answer in which the products of these places are right."""
    results = [
        Result(n + 1, product(f"p{n}", f"/{n}.png", group_id=group), score, f"/{n}.png", {"look": score})
        for n, score in enumerate(scores)
    ]
    query = JudgedQuery("/query.png", {f"p{place}": 1.0 for place in sorted(right)})
    most_wanted = product(f"p{min(right)}", "/wanted.png", group_id=group)
    return JudgedRun(query, EncodedQuery(np.ones(1, np.float32)), most_wanted, results, {}, min(right) + 1, {})


def test_a_sample_has_the_first_scores_and_those_without_the_right_products() -> None:
    scores = [0.9 - 0.01 * place for place in range(20)]
    sample = build_sample(run(scores, {1, 4, 15}))
    assert sample.scores == tuple(scores[:11])
    assert sample.right == tuple(place in (1, 4) for place in range(11))
    assert sample.scores_without_right == tuple(scores[place] for place in (0, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12))
    assert sample.cluster == "product p1"
    assert len(sample.scores) == len(sample.scores_without_right) == REFERENCE


def test_a_sample_of_a_small_catalogue_and_of_a_group() -> None:
    assert build_sample(run([0.8], {0})) == CalibrationSample((0.8,), (True,), (), "product p0")
    expected = CalibrationSample((0.8, 0.7), (False, True), (0.8,), "group shirts")
    assert build_sample(run([0.8, 0.7], {1}, "shirts")) == expected


def test_samples_of_held_out_photos_see_all_other_photos(shop: Shop) -> None:
    samples, left_out = collect_samples(shop._parts.evaluation_context(None), QuerySet(), PRETRAINED)
    assert (len(samples), left_out) == (108, ())
    photos = [[color, *(off(number, by) for by in range(4))] for number, color in enumerate(COLORS)]
    expected = []
    for number, by in pairs(range(27), range(4)):
        query = colour_vector(off(number, by))
        seen = [[item for item in of if item != off(number, by)] for of in photos]
        scores = np.array([max((1 + colour_vector(item) @ query) / 2 for item in of) for of in seen])
        first, others = np.sort(scores)[::-1][:REFERENCE], np.sort(np.delete(scores, number))[::-1][:REFERENCE]
        place = int((scores > scores[number] + 1e-6).sum())
        flags = tuple(at == place for at in range(REFERENCE))
        cluster = "group three" if number < 3 else f"product p{number}"
        expected.append((cluster, flags, first, others))
    assert any(not flags[0] for _, flags, _, _ in expected), "the queries should not all be easy"

    def key(cluster: str, first: object) -> tuple[str, list[float]]:
        return cluster, np.round(np.asarray(first, float), 4).tolist()

    samples.sort(key=lambda item: key(item.cluster, item.scores))
    expected.sort(key=lambda item: key(item[0], item[2]))
    for sample, (cluster, flags, first, others) in zip(samples, expected, strict=True):
        assert (sample.cluster, sample.right) == (cluster, flags)
        np.testing.assert_allclose(sample.scores, first, atol=1e-5)
        np.testing.assert_allclose(sample.scores_without_right, others, atol=1e-5)


# Held out, or from a file


def test_held_out_photos_are_the_default(shop: Shop, folder: Path) -> None:
    before = shop.search(folder / "asked/p5-0.png")
    assert before.verdict == "uncalibrated"
    values: list[str] = []
    result = shop.quality.calibrate(progress=lambda what, done, total: values.append(what), strategy="pretrained")
    fitted = result.calibration
    assert (fitted.queries, fitted.clusters, fitted.products, fitted.absent_share) == (108, 25, 27, 0.5)
    assert (fitted.strategy, fitted.model) == ("pretrained", "colour@1")
    assert (result.queries_from, result.left_out) == (HELD_OUT, ())
    assert load_calibration(shop._parts.store.live, "pretrained") == fitted
    assert [one.answers for one in result.reliability] == [216, 216]
    assert [sum(part.count for part in one.bins) for one in result.reliability] == [216, 216]
    assert result.reliability[0].ece.value == fitted.measured["match_error"]
    assert result.reliability[1].ece.value == fitted.measured["absent_error"]
    assert list(dict.fromkeys(values)) == ["Judging queries", "Fitting"]
    here, gone = (
        shop.search(folder / "asked/p5-0.png", strategy="pretrained"),
        shop.search(photo(folder / "between.png", (90, 90, 90), (9, 9)), strategy="pretrained"),
    )
    assert here.results[0].product.id == "p5"
    first, other = here.results[0].match_probability, gone.results[0].match_probability
    assert first is not None and other is not None and 1 > first > 0.5 > other > 0
    assert here.absent_probability is not None and gone.absent_probability is not None
    assert 0 < here.absent_probability < gone.absent_probability < 1


def test_a_file_of_queries(shop: Shop, folder: Path, tmp_path: Path) -> None:
    asked = queries(tmp_path / "queries.csv", [*asked_of(folder), (folder / "asked/p1.png", "nothing")])
    asked.write_text(asked.read_text() + f"{folder / 'gone.png'},p1\n")
    result = shop.quality.calibrate(asked, strategy="pretrained")
    assert result.queries_from == str(asked)
    assert (result.calibration.queries, result.calibration.clusters) == (108, 25)
    assert {item.kind: (item.times, item.example) for item in result.left_out} == {
        "product-not-in-store": (1, "row 109, product_id: nothing"),
        "photo-missing": (1, f"row 110, photo: {folder / 'gone.png'}"),
    }
    assert (
        result.calibration.match["lead"] != shop.quality.calibrate(strategy="pretrained").calibration.match["lead"]
    ), "it searched first photos only"


def test_photos_of_the_catalogue_are_left_out_and_counted(shop: Shop, folder: Path, tmp_path: Path) -> None:
    known = [(folder / f"p{number}.png", f"p{number}") for number in (3, 4)]
    result = shop.quality.calibrate(
        queries(tmp_path / "queries.csv", [known[0], *asked_of(folder), known[1]]), strategy="pretrained"
    )
    assert result.calibration.queries == 108
    (left_out,) = result.left_out
    assert (left_out.kind, left_out.times, left_out.example) == (SAME_PHOTO, 2, str(folder / "p3.png"))
    without = shop.quality.calibrate(
        queries(tmp_path / "fewer.csv", asked_of(folder)), strategy="pretrained"
    ).calibration
    assert replace(without, created=result.calibration.created) == result.calibration


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_the_absent_share_moves_probabilities(shop: Shop, folder: Path, share: float) -> None:
    asked = folder / "asked/p5-3.png"
    shop.quality.calibrate(strategy="pretrained")
    even = shop.search(asked, strategy="pretrained").absent_probability
    assert shop.quality.calibrate(absent_share=share, strategy="pretrained").calibration.absent_share == share
    other = shop.search(asked, strategy="pretrained").absent_probability
    assert even is not None and other is not None
    assert (other < even) == (share < 0.5)


# What goes wrong, and what stays


def test_too_few_queries_leave_the_calibration_before(shop: Shop, folder: Path, tmp_path: Path) -> None:
    before = shop.quality.calibrate(strategy="pretrained").calibration
    kept = (shop._parts.store.live.folder / "calibration-pretrained.json").read_bytes()
    few = queries(tmp_path / "few.csv", [*asked_of(folder, 30), (folder / "asked/p1.png", "nothing")])
    with pytest.raises(InvalidValue, match="There are 30 queries of 25 products or groups") as error:
        shop.quality.calibrate(few, strategy="pretrained")
    assert (error.value.code, error.value.exit_code) == ("too-few-queries", 3)
    assert "1 × product-not-in-store (row 31, product_id: nothing)" in error.value.problem
    assert "Give 100 or more, of 20 or more products" in error.value.fix
    assert (shop._parts.store.live.folder / "calibration-pretrained.json").read_bytes() == kept
    assert load_calibration(shop._parts.store.live, "pretrained") == before


def test_many_photos_of_few_products_are_too_few(shop: Shop, folder: Path, tmp_path: Path) -> None:
    same = [(folder / f"asked/p{number}-0.png", f"p{number}") for number in range(21)] * 6
    with pytest.raises(InvalidValue, match=r"There are 126 queries of 19 products or groups\.") as error:
        shop.quality.calibrate(queries(tmp_path / "few.csv", same), strategy="pretrained")
    assert error.value.code == "too-few-queries"
    assert load_calibration(shop._parts.store.live, "pretrained") is None


def test_nothing_usable_says_why(shop: Shop, folder: Path, tmp_path: Path) -> None:
    asked = queries(tmp_path / "known.csv", [(folder / f"p{number}.png", f"p{number}") for number in range(27)])
    with pytest.raises(InvalidValue, match=rf"There are 0 queries.*27 × {SAME_PHOTO} \(.*p0\.png\)"):
        shop.quality.calibrate(asked, strategy="pretrained")


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_an_invalid_share_is_refused_before_calibration(built: Path, tmp_path: Path, share: float) -> None:
    copy_tree(built, tmp_path / "store")
    embedder = ColourEmbedder()
    with (
        Shop(tmp_path / "store", embedder=embedder, settings=SETTINGS) as shop,
        pytest.raises(InvalidValue, match=r"absent share is .*above 0 and below 1"),
    ):
        shop.quality.calibrate(absent_share=share, strategy="pretrained")
    assert embedder.photos == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "no-queries"), ("photo,product_id\n", "no-queries"), ("photo\na.png\n", "queries-without-column")],
)
def test_an_invalid_file_of_queries_is_an_error(shop: Shop, tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "queries.csv").write_text(text)
    with pytest.raises(InvalidValue) as error:
        shop.quality.calibrate(tmp_path / "queries.csv", strategy="pretrained")
    assert error.value.code == code


def test_another_model_and_an_unknown_strategy_are_refused(built: Path, tmp_path: Path) -> None:
    copy_tree(built, tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder("other@2"), settings=SETTINGS) as other:
        with pytest.raises(StoreError) as error:
            other.quality.calibrate()
        with pytest.raises(InvalidValue) as unknown:
            other.quality.calibrate(strategy="nonsense")
    assert (error.value.code, unknown.value.code) == ("other-model", "unknown-strategy")


def test_calibrating_again_replaces_a_damaged_calibration(shop: Shop, folder: Path) -> None:
    path = shop._parts.store.live.folder / "calibration-pretrained.json"
    path.write_text("{")
    assert calibrate(shop._parts.evaluation_context(None), QuerySet(), PRETRAINED).calibration.queries == 108
    assert shop.search(folder / "asked/p5-0.png", strategy="pretrained").verdict != "uncalibrated"


# What is written


def test_the_report_and_the_documented_object(shop: Shop, tmp_path: Path) -> None:
    result = shop.quality.calibrate(report=tmp_path / "reports/calibration.html", strategy="pretrained")
    values = calibration_json(result)
    assert json.loads((tmp_path / "reports/calibration.json").read_text()) == values
    assert {
        name: values[name] for name in ("format", "queries", "clusters", "products", "queries_from", "left_out")
    } == {
        "format": 1,
        "queries": 108,
        "clusters": 25,
        "products": 27,
        "queries_from": HELD_OUT,
        "left_out": [],
    }
    assert [list(item) for item in values["reliability"]] == [["claim", "answers", "error", "bins"]] * 2
    assert list(values["reliability"][0]["error"]) == ["value", "low", "high"]
    assert list(values["reliability"][0]["bins"][0]) == ["count", "predicted", "observed"]
    page = (tmp_path / "reports/calibration.html").read_text()
    assert "108 query photos of 25 designs (held-out photos), 27 products; strategy pretrained, model colour@1." in page
    assert "The latter is assumed for 50% of all searches." in page
    for item in result.reliability:
        assert item.claim in page


def test_a_report_named_json_does_not_overwrite_its_page(shop: Shop, tmp_path: Path) -> None:
    result = shop.quality.calibrate(report=tmp_path / "calibration.json", strategy="pretrained")
    assert json.loads((tmp_path / "calibration.json").read_text()) == calibration_json(result)
    assert "108 query photos" in (tmp_path / "calibration.html").read_text()


def test_claims_name_the_thresholds_of_four_precisions(shop: Shop) -> None:
    result = shop.quality.calibrate(strategy="pretrained").calibration
    head, *rows = claim_table(result)
    assert head[0] == "precision"
    assert [item[0] for item in rows] == ["80%", "90%", "95%", "99%"]
    for (_, exact, absent), place in zip(rows, (30, 40, 45, 49), strict=True):
        for values, threshold in ((exact, result.exact_thresholds[place]), (absent, result.absent_thresholds[place])):
            assert values == ("never said" if threshold is None else f"{threshold:.3f}")
    assert rows[-1][1:] == ("never said", "never said"), "108 queries cannot support 99 %"


def test_a_report_that_cannot_be_written_is_an_error_before_the_work(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("something")
    with pytest.raises(InvalidValue, match=r"The report .* cannot be written"):
        shop.quality.calibrate(report=tmp_path / "file" / "report.html", strategy="pretrained")
    assert load_calibration(shop._parts.store.live, "pretrained") is None


def test_merchandising_does_not_change_a_calibration(built: Path, tmp_path: Path) -> None:
    calibrations = []
    for name, merchandising in (
        ("plain", Merchandising()),
        ("pinned", Merchandising(pins=("p5",), boosts={"p9": 0.5})),
    ):
        copy_tree(built, tmp_path / name)
        settings = replace(SETTINGS, preferences=Preferences(merchandising=merchandising))
        with Shop(tmp_path / name, embedder=ColourEmbedder(), settings=settings) as shop:
            calibrations.append(shop.quality.calibrate(strategy="filters-static").calibration)
    assert calibrations[0].match == calibrations[1].match and calibrations[0].absent == calibrations[1].absent
