"""All strategies side by side: the same queries, paired differences, and what each costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.evaluation.results import Comparison
from shoplens.evaluation.statistics.metrics import METRICS
from shoplens.ranking.strategies import BASELINE, STRATEGIES, available_strategies
from shoplens.settings import Settings
from tests.fakes import ColourEmbedder, Stopped, feed_of, numbered_color, photo, row

SETTINGS = Settings(threads=2)
UNTRAINED = frozenset({"filters"})
COSTS = {"median", "p95"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Ten products of two equal photos each."""
    for number in range(10):
        photo(tmp_path / f"p{number}-0.png", numbered_color(number), (12, 8))
        photo(tmp_path / f"p{number}-1.png", numbered_color(number), (16, 8))
    rows = [row(f"p{number}", f"p{number}-0.png", f"p{number}-1.png") for number in range(10)]
    shop, _ = Shop.index(
        feed_of(tmp_path / "feed.jsonl", rows), tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS
    )
    with shop:
        yield shop


@pytest.fixture
def backwards() -> Iterator[str]:
    """One more row of the table for a while: a strategy that finds what the default does, but shows it last first."""
    name, default = "backwards", STRATEGIES[BASELINE]
    STRATEGIES[name] = replace(
        default,
        name=name,
        about="What is least alike comes first.",
        retrieve=lambda *asked: [
            replace(item, scores={"look": 1 - item.scores["look"]}) for item in default.retrieve(*asked)
        ],
        adding="nothing",
    )
    yield name
    del STRATEGIES[name]


def queries(folder: Path, *rows: str) -> Path:
    path = folder / "queries.csv"
    path.write_text("\n".join(["photo,product_id", *rows]) + "\n")
    return path


def test_every_strategy_is_described_with_its_costs(shop: Shop) -> None:
    result = shop.quality.compare()
    assert (result.queries, result.products, result.compared_with, result.left_out) == (10, 10, BASELINE, [])
    assert [item.name for item in result.rows] == [item.name for item in available_strategies(UNTRAINED)]
    for item in result.rows:
        assert (item.about, item.adding) == (STRATEGIES[item.name].about, STRATEGIES[item.name].adding)
        assert item.metrics["recall@1"].value == 1
        assert bool(item.against) == (item.name != BASELINE)
        for spread in item.query_ms, item.adding_ms:
            assert set(spread) == COSTS
            assert 0 < spread["median"] <= spread["p95"]
        assert item.bytes_per_product > 0
        assert item.metrics == shop.quality.evaluate(strategy=item.name).overall


def test_a_new_strategy_is_a_row_of_the_table(shop: Shop, backwards: str) -> None:
    result = shop.quality.compare()
    first, *_, second = result.rows
    assert (first.name, second.name, second.adding) == (BASELINE, backwards, "nothing")
    assert (first.metrics["recall@1"].value, second.metrics["recall@1"].value) == (1, 0)
    assert second.metrics["recall@10"].value == 1
    assert first.against == {}
    assert list(second.against) == list(METRICS)
    assert (second.against["recall@1"].difference.value, second.against["recall@1"].p) == (-1, 2 / 2**10)
    assert (second.against["recall@10"].difference.value, second.against["recall@10"].p) == (0, 1)
    assert shop.quality.evaluate(strategy=backwards).overall == second.metrics


def test_queries_left_out_are_reported_and_do_not_stop_the_timing(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    rows = ["gone.png,p1", "text.jpg,p1", "p1-1.png,p1", "p2-1.png,p2", "p3-1.png,unknown", "p4-1.png,", "p5-1.png,p5"]
    result = shop.quality.compare(queries(tmp_path, *rows))
    assert result.queries == 3
    assert {item.kind: item.times for item in result.left_out} == {
        "photo-missing": 1,
        "photo-not-an-image": 1,
        "product-not-in-store": 1,
        "query-incomplete": 1,
    }
    assert set(result.rows[0].query_ms) == COSTS


def test_a_single_query_gives_no_time_rather_than_that_of_a_cold_start(shop: Shop, tmp_path: Path) -> None:
    assert shop.quality.compare(queries(tmp_path, "p1-1.png,p1")).rows[0].query_ms == {}


def test_products_whose_photos_are_gone_have_no_cost(shop: Shop, tmp_path: Path) -> None:
    path = queries(tmp_path, *(f"q{number}.png,p{number}" for number in range(3)))
    for number in range(3):
        photo(tmp_path / f"q{number}.png", numbered_color(number), (20, 10))
    for number in range(10):
        for view in range(2):
            (tmp_path / f"p{number}-{view}.png").unlink()
    result = shop.quality.compare(path)
    assert (result.queries, result.rows[0].adding_ms) == (3, {})


def test_a_comparison_removes_its_temporary_folders(shop: Shop, tmp_path: Path) -> None:
    shop.quality.compare()
    assert not list((tmp_path / "store").glob("adding-*"))
    broken = ColourEmbedder(stop_after=13)  # the ten queries, then it stops while products are added
    shop.close()
    (tmp_path / "store" / "evaluation" / "query-vectors.sqlite").unlink()
    with Shop(tmp_path / "store", embedder=broken, settings=SETTINGS) as other, pytest.raises(Stopped):
        other.quality.compare()
    assert broken.photos > 10
    assert not list((tmp_path / "store").glob("adding-*"))


def test_the_json_and_the_report_say_the_same(shop: Shop, tmp_path: Path, backwards: str) -> None:
    result = shop.quality.compare(report=tmp_path / "c.html", seed=5)
    assert isinstance(result, Comparison)
    values = json.loads((tmp_path / "c.json").read_text("utf-8"))
    assert values == json.loads(json.dumps(result.as_json()))
    assert (values["queries"], values["seed"]) == (10, 5)
    assert [item["name"] for item in values["rows"]] == [item.name for item in available_strategies(UNTRAINED)]
    assert list(values["rows"][1]["metrics"]["recall@1"]) == ["value", "low", "high"]
    assert list(values["rows"][1]["against"]["recall@1"]) == ["difference", "p"]
    page = (tmp_path / "c.html").read_text("utf-8")
    assert backwards in page and "http" not in page.replace("http://www.w3.org/2000/svg", "")
