"""A whole evaluation of a small shop of colours: what it says, leaves out, remembers, writes and leaves alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shoplens import Shop
from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.results import Evaluation
from shoplens.evaluation.statistics.metrics import compute_metrics
from shoplens.ranking.strategies import STRATEGIES, strategy_named
from shoplens.settings import Settings
from shoplens.store.files.atomic import copy_tree
from tests.fakes import Color, ColourEmbedder, Stopped, colour_vector, feed_of, photo, row

SETTINGS = Settings(threads=2)
COLORS: dict[str, list[Color]] = {
    "red": [(255, 0, 0), (200, 60, 60)],
    "rose": [(255, 90, 120), (200, 60, 60)],
    "wine": [(200, 60, 60)],
    "leaf": [(0, 200, 0), (0, 120, 120), (90, 90, 0)],
    "sea": [(0, 90, 160), (0, 30, 255)],
    "sky": [(90, 190, 255), (10, 90, 150)],
    "night": [(10, 10, 40)],
    "snow": [(250, 250, 250), (120, 130, 140)],
}
CATEGORIES = {"sea": ["Blue", "Dark"], "sky": ["Blue", "Light"], "night": ["Blue", "Dark"], "red": ["Red"]}
CATEGORIES |= {"rose": ["Red"], "wine": ["Red"]}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, queries and a store; wine's only photo is, byte for byte, a further photo of red and of rose."""
    folder = tmp_path_factory.mktemp("shop")
    for name, colors in COLORS.items():
        for number, color in enumerate(colors):
            photo(folder / f"{name}-{number}.png", color, (12, 8))
    rows = [
        row(name, *(f"{name}-{number}.png" for number in range(len(colors))), category=CATEGORIES.get(name, []))
        for name, colors in COLORS.items()
    ]
    shop, summary = Shop.index(
        feed_of(folder / "feed.jsonl", rows), folder / "store", embedder=ColourEmbedder(), settings=SETTINGS
    )
    shop.close()
    assert (summary.products, summary.rejected) == (8, 0)
    return folder


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    copy_tree(built / "store", tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def shop(store: Path) -> Iterator[Shop]:
    with opened(store) as shop:
        yield shop


def opened(store: Path, embedder: ColourEmbedder | None = None) -> Shop:
    return Shop(store, embedder=embedder or ColourEmbedder(), settings=SETTINGS)


def ranked(color: Color, *, first_photos: bool, excluded: Sequence[str] = ()) -> list[str]:
    """By the definition: equal photos first, then by the cosine of the best photo, equals by id."""
    vector = colour_vector(color)
    gallery = {name: colors[:1] if first_photos else colors for name, colors in COLORS.items() if name not in excluded}

    def order(name: str) -> tuple[bool, float, str]:
        return (
            color not in gallery[name],
            -max(round(float(vector @ colour_vector(item)), 6) for item in gallery[name]),
            name,
        )

    return sorted(gallery, key=order)


def means(answers: list[tuple[list[str], dict[str, float]]]) -> dict[str, float]:
    """Each metric, by the definition, over (ranking, grades)."""
    numbers = [compute_metrics(result, grades) for result, grades in answers]
    fields = {name: float(np.mean([item[name] for item in numbers])) for name in numbers[0]}
    same = []
    for result, grades in answers:
        category = CATEGORIES.get(next(iter(grades)))
        if category:
            same.append(next(name for name in result if CATEGORIES.get(name) == category) in grades)
    return {**fields, CATEGORY_RECALL: float(np.mean(same))}


def values(found: Evaluation) -> dict[str, float]:
    return {name: item.value for name, item in found.overall.items()}


def test_held_out_photos_by_brute_force(shop: Shop) -> None:
    result = shop.quality.evaluate(strategy="pretrained")
    held_out = [(name, color) for name, colors in COLORS.items() for color in colors[1:]]
    expected = means([(ranked(color, first_photos=True), {name: 1.0}) for name, color in held_out])
    assert (result.queries, result.products, result.absent, result.left_out) == (7, 8, 0, [])
    assert values(result) == pytest.approx(expected)
    assert 0 < expected["recall@1"] < expected["recall@5"] == 1
    assert all(item.low <= item.value <= item.high for item in result.overall.values())
    assert {part.name: part.queries for part in result.categories} == {"Red": 2, "Blue / Dark": 1, "Blue / Light": 1}
    assert [item.value for item in result.curve[:1]] == [result.overall["recall@1"].value]
    assert result.queries_from == "held-out photos"
    assert (result.strategy, result.model) == ("pretrained", "colour@1")


def test_a_photo_that_is_held_out_is_not_in_the_gallery(shop: Shop, built: Path) -> None:
    """All of red, rose and wine have this photo; only wine has it first, so wine comes first, and is confused."""
    result = shop.quality.evaluate(strategy="pretrained")
    shared = {str(built / "red-1.png"), str(built / "rose-1.png")}
    worst = {answer.photo: answer for answer in result.worst}
    assert shared <= set(worst)
    for source in shared:
        assert (worst[source].results[0].product_id, worst[source].results[0].score) == ("wine", 1.0)
        assert all(item.photo.endswith("-0.png") for item in worst[source].results)
    confused = {(item.right.product_id, item.first_result.product_id): item.times for item in result.confused}
    assert confused["red", "wine"] == confused["rose", "wine"] == 1


def test_a_file_of_queries_by_brute_force(shop: Shop, tmp_path: Path) -> None:
    asked: list[tuple[Color, dict[str, float], list[str]]] = [
        ((250, 10, 10), {"red": 1.0}, []),
        ((0, 60, 200), {"night": 2.0, "sea": 1.0}, []),
        ((200, 60, 60), {"red": 1.0, "rose": 3.0}, ["wine"]),
        ((200, 60, 60), {"red": 1.0, "rose": 3.0}, []),
        ((128, 128, 128), {"leaf": 1.0}, ["snow", "sky"]),
    ]
    lines = ["photo;product_id;exclude;grade"]
    for number, (color, grades, excluded) in enumerate(asked):
        name = photo(tmp_path / f"{number}.png", color, (50, 40) if number < 2 else (12, 8)).name
        lines.append(f"{name};{'|'.join(grades)};{'|'.join(excluded)};{'|'.join(map(str, grades.values()))}")
    (tmp_path / "q.csv").write_text("\n".join(lines), "utf-8-sig")
    result = shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained")
    by_grade = [(color, dict(sorted(grades.items(), key=lambda item: -item[1])), gone) for color, grades, gone in asked]
    expected = means([(ranked(color, first_photos=False, excluded=gone), grades) for color, grades, gone in by_grade])
    assert result.queries == 5
    assert values(result) == pytest.approx(expected)
    assert result.queries_from == str(tmp_path / "q.csv")


def test_only_the_region_of_a_query_photo_is_searched_for(shop: Shop, tmp_path: Path) -> None:
    image = np.zeros((60, 100, 3), np.uint8)
    image[20:50, 60:90] = (0, 200, 0)
    Image.fromarray(image).save(tmp_path / "street.png")
    (tmp_path / "q.csv").write_text('photo,product_id,region\nstreet.png,leaf,"62,22,26,26"\n')
    assert shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained").overall["recall@1"].value == 1
    (tmp_path / "q.csv").write_text("photo,product_id,region\nstreet.png,leaf,\n")
    result = shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained")
    assert result.overall["recall@1"].value == 0
    (tmp_path / "q.csv").write_text('photo,product_id,region\nstreet.png,night,"0,0,60,60"\nstreet.png,leaf,\n')
    assert [answer.region for answer in shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained").worst] == [
        None
    ]


def test_the_json_has_the_documented_keys(shop: Shop) -> None:
    fields = shop.quality.evaluate(strategy="pretrained").as_json()
    assert json.loads(json.dumps(fields)) == fields
    assert list(fields)[:2] == ["queries", "metrics"]
    assert fields["queries"] == 7
    assert list(fields["metrics"]) == [
        "recall@1",
        "recall@5",
        "recall@10",
        "mrr",
        "map@r",
        "ndcg@10",
        "recall@1/category",
    ]
    for estimate in fields["metrics"].values():
        assert list(estimate) == ["value", "low", "high"]
        assert 0 <= estimate["low"] <= estimate["value"] <= estimate["high"] <= 1


def test_queries_that_cannot_be_used_are_counted_and_named(shop: Shop, built: Path, tmp_path: Path) -> None:
    lines = [
        "photo,product_id,region,exclude,grade",
        f"{built}/red-0.png,red,,,",
        "gone.png,red,,,",
        "gone2.png,red,,,",
        f"{built}/red-0.png,mauve|beige,,,",
        f"{built}/red-0.png,red|beige,,,",
        f"{built}/red-0.png,red,,red,",
        f"{built}/red-0.png,,,,",
        f"{built}/red-0.png,red,,,many",
        f'{built}/red-0.png,red,"5,5,8,3",,',
        f'{built}/red-0.png,red,"5,5",,',
        f"{built}/feed.jsonl,red,,,",
        "gone.png,unknown,,,",
    ]
    (tmp_path / "q.csv").write_text("\n".join(lines))
    result = shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained")
    assert (result.queries, result.absent) == (2, 2)
    assert [(item.kind, item.times, item.example) for item in result.left_out] == [
        ("photo-missing", 2, f"row 2, photo: {tmp_path}/gone.png"),
        ("product-not-in-store", 2, "row 4, product_id: mauve|beige"),
        ("query-region", 2, "row 10, region: 5,5"),  # noticed before row 9, whose photo has to be read
        ("photo-not-an-image", 1, f"row 11, photo: {built}/feed.jsonl"),
        ("query-all-excluded", 1, f"row 6, exclude: {built}/red-0.png"),
        ("query-grades", 1, "row 8, grade: many"),
        ("query-incomplete", 1, "row 7, product_id"),
        ("right-product-not-in-store", 1, "row 5, product_id: beige"),
    ]
    assert all(item.fix for item in result.left_out)
    (report,) = (Path(result.store) / "reports").glob("*-queries.jsonl")
    assert len(report.read_text().splitlines()) == 11


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a.png,mauve\nb.png,beige", r"None of the queries .*: 2 × product-not-in-store \(row 1, product_id: mauve\)"),
        ("a.png,red", r"None of the queries .*: 1 × photo-missing \(row 1, photo: .*a\.png\)"),
    ],
)
def test_an_evaluation_without_judged_queries_is_an_error_with_reasons(
    shop: Shop, tmp_path: Path, rows: str, told: str
) -> None:
    (tmp_path / "q.csv").write_text(f"photo,product_id\n{rows}\n")
    for ask in shop.quality.evaluate, shop.quality.compare:
        with pytest.raises(InvalidValue, match=told) as problem:
            ask(tmp_path / "q.csv")
        assert problem.value.code == "nothing-judged"


def test_a_shop_of_single_photos_has_nothing_to_hold_out(shop: Shop) -> None:
    shop.products.remove([name for name, colors in COLORS.items() if len(colors) > 1])
    with pytest.raises(InvalidValue, match="no product of the store has a second photo") as error:
        shop.quality.evaluate(strategy="pretrained")
    assert error.value.code == "nothing-judged"


@pytest.mark.parametrize(
    ("text", "code"), [("", "no-queries"), ("photo,product_id\n", "no-queries"), ("a,b\n1,2", "queries-without-column")]
)
def test_a_file_without_queries_is_an_error(shop: Shop, tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "q.csv").write_text(text)
    with pytest.raises(InvalidValue) as error:
        shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained")
    assert error.value.code == code


def test_an_unknown_strategy_names_those_there_are(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match=f"no strategy 'magic'. Choose one of: {', '.join(STRATEGIES)}") as error:
        shop.quality.evaluate(strategy="magic")
    assert error.value.code == "unknown-strategy"
    with pytest.raises(InvalidValue, match="no strategy 'magic'"):
        shop.search(b"", strategy="magic")
    assert [strategy_named(name).name for name in STRATEGIES] == list(STRATEGIES)


def test_queries_are_embedded_once(store: Path) -> None:
    for embedded in (6, 7), (0,):  # two of the seven are the same photo, and may be in work at the same time
        embedder = ColourEmbedder()
        with opened(store, embedder) as shop:
            assert shop.quality.evaluate(strategy="pretrained").queries == 7
        assert embedder.photos in embedded


def test_an_interrupted_run_continues_where_it_stopped(store: Path) -> None:
    cut = ColourEmbedder(stop_after=4)
    with opened(store, cut) as shop, pytest.raises(Stopped):
        shop.quality.evaluate(strategy="pretrained")
    rest = ColourEmbedder()
    with opened(store, rest) as shop:
        result = shop.quality.evaluate(strategy="pretrained")
    assert cut.photos == 4
    assert rest.photos <= 3
    with opened(store) as shop:
        assert values(shop.quality.evaluate(strategy="pretrained")) == values(result)


def test_another_model_is_refused(store: Path) -> None:
    with opened(store, ColourEmbedder("other@1")) as shop:
        for ask in shop.quality.evaluate, shop.quality.compare:
            with pytest.raises(StoreError) as error:
                ask()
            assert error.value.code == "other-model"


def test_the_same_seed_gives_the_same_intervals(shop: Shop) -> None:
    once, again, second = (shop.quality.evaluate(seed=seed, strategy="pretrained").overall for seed in (1, 1, 2))
    assert once == again
    assert {name: first.value for name, first in once.items()} == {name: first.value for name, first in second.items()}


def test_evaluations_may_run_at_the_same_time(shop: Shop) -> None:
    with ThreadPoolExecutor(4) as pool:
        result = list(pool.map(lambda _: values(shop.quality.evaluate(strategy="pretrained")), range(4)))
    assert result == [result[0]] * 4


def test_progress_is_reported(shop: Shop) -> None:
    fields: list[tuple[str, int, int]] = []
    shop.quality.evaluate(progress=lambda *step: fields.append(step), strategy="pretrained")
    assert fields[:7] == [("Judging queries", done, 7) for done in range(1, 8)]
    assert fields[7:] == [("Computing intervals", 0, 0)]


def contents(folder: Path) -> dict[str, str]:
    """Every file but what evaluations write, by the hash of its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("evaluation", "reports")
    }


def test_an_evaluation_does_not_change_the_store(store: Path, built: Path, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text(f"photo,product_id\n{built}/red-0.png,red\ngone.png,red\n")
    with opened(store) as shop:
        before = contents(store)
        shop.quality.evaluate(report=store / "reports" / "evaluation.html", strategy="pretrained")
        shop.quality.evaluate(tmp_path / "q.csv", strategy="pretrained")
        shop.quality.compare(tmp_path / "q.csv", report=store / "reports" / "comparison.html")
        assert contents(store) == before
    assert {path.name for path in store.iterdir() if path.is_dir()} >= {"evaluation", "reports", "generations"}


def test_the_report_is_one_page_and_the_same_json(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "report.html"
    result = shop.quality.evaluate(report=path, strategy="pretrained")
    page, fields = path.read_text("utf-8"), json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert fields == result.as_json()
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|#)|url\((?!["']?data:)|@import""", page)
    assert page.count("data:image/jpeg;base64,") >= 2 * len(result.worst)
    assert "photo cannot be read" not in page
    assert '"snow"' in page  # on the map
    assert {item.name for item in path.parent.iterdir()} == {"report.html", "report.json"}


def test_either_file_of_a_report_may_be_named(shop: Shop, tmp_path: Path) -> None:
    result = shop.quality.evaluate(report=tmp_path / "r.json", strategy="pretrained")
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == result.as_json()
    assert (tmp_path / "r.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_is_an_error(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ask: Any
    for ask in shop.quality.evaluate, shop.quality.compare:
        with pytest.raises(InvalidValue, match=r"The report .*file/r\.html cannot be written: .*--report"):
            ask(report=tmp_path / "file" / "r.html")
