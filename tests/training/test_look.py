"""Tests of a look from end to end: it is trained, tested, put to use, and rolled back."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.build.generations import adopt_head
from shoplens.embedders import EmbeddingHead
from shoplens.embedders.look import CARD
from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import TRAINING_PHOTO
from shoplens.store.files.atomic import SEAL
from shoplens.training.data.samples import SamplePhoto
from shoplens.training.look import LookOptions, LookTraining
from shoplens.training.optimization.head import HeadRecipe
from shoplens.training.ranker_training.ranking_queries import _are_unlearned
from tests.fakes import ColourEmbedder, feed_of, photo, row
from tests.training.shops import SETTINGS, create_learnable_shop, draw_pattern, write_learnable_feed

pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
QUICK = LookOptions(
    recipe=HeadRecipe(steps=150, classes_per_batch=24, rows_per_class=4, dimensions=16), augmentations=1
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LookTraining]:
    """Return a folder with a closed shop whose look was trained, and the result of the training."""
    folder = tmp_path_factory.mktemp("trained")
    with create_learnable_shop(folder, 110, 3) as shop:
        return folder, shop.training.train_look(QUICK)


@pytest.fixture
def shop(trained: tuple[Path, LookTraining], tmp_path: Path) -> Iterator[Shop]:
    """Open a copy of the trained shop."""
    shutil.copytree(trained[0] / "store", tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def test_a_better_look_is_promoted(trained: tuple[Path, LookTraining]) -> None:
    folder, training = trained
    assert training.is_better and training.promoted and not training.warnings
    for part in training.results:
        assert part.after["recall@1"].value > part.before["recall@1"].value + 0.2
    assert training.export_difference < 1e-5
    assert training.model.startswith("look@")
    assert not list((folder / "store" / "training").glob("*.checkpoint*"))


def test_searches_use_the_trained_vectors(shop: Shop, trained: tuple[Path, LookTraining]) -> None:
    query_photo = draw_pattern(trained[0] / "asked.png", 7, 99)
    assert "p7" in [result.product.id for result in shop.search(query_photo, 3, strategy="metric").results]
    assert shop.info()["look"] == trained[1].model
    best = {name: shop.quality.evaluate(strategy=name).overall["recall@1"].value for name in ("pretrained", "metric")}
    assert best["metric"] > best["pretrained"] + 0.2


def test_searches_by_training_photos_are_marked(shop: Shop) -> None:
    kinds = {one.kind: one.times for one in shop.quality.evaluate(strategy="metric").left_out}
    assert kinds == {TRAINING_PHOTO: 220}
    assert not shop.quality.evaluate(strategy="pretrained").left_out


def test_new_products_need_no_training(shop: Shop, tmp_path: Path) -> None:
    first, second = (draw_pattern(tmp_path / f"new-{view}.png", 500, view) for view in range(2))
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", first.name)]))
    assert shop.search(second, 3, strategy="metric").results[0].product.id == "new"


def test_filters_compare_by_the_trained_look(shop: Shop) -> None:
    with shop._parts.store.reading() as generation:
        (entry,) = generation.index.entries(["p3"])
        assert entry.trained_vectors is not None and generation.filters is not None
        assert generation.filters.cohort.look.shape[1] == entry.trained_vectors.shape[1] == 16
    answer = shop.similar("p3", 3)
    assert answer.strategy == "filters-static" and len(answer.results) == 3
    summary = shop.training.train_filters()
    assert summary.products == 110
    assert shop.info()["look"], "fitting filters anew keeps the look"


def test_rolling_back_keeps_later_changes_of_the_products(shop: Shop, tmp_path: Path) -> None:
    rows = shop.generations.list_all()
    assert [(one.live, bool(one.look)) for one in rows] == [(True, True), (False, False)]
    assert rows[0].proof.startswith("It is better")
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", draw_pattern(tmp_path / "new.png", 500, 0).name)]))
    shop.products.remove(["p0"])
    shop.generations.roll_back()
    assert "new" in set(shop.products.ids()) and "p0" not in set(shop.products.ids())
    assert [(one.live, bool(one.look)) for one in shop.generations.list_all()] == [(True, False), (False, True)]
    with pytest.raises(InvalidValue, match="no trained look"):
        shop.search(draw_pattern(tmp_path / "asked.png", 7, 99), strategy="metric")
    shop.generations.roll_back(shop.generations.list_all()[1].name)
    answer = shop.search(draw_pattern(tmp_path / "asked.png", 500, 3), 1, strategy="metric")
    assert [result.product.id for result in answer.results] == ["new"]


def test_cards_of_older_versions_are_read(shop: Shop) -> None:
    """They call the reason `why`, and what has to lie together `same`."""
    file = shop._parts.store.live.folder / CARD
    card = json.loads(file.read_text("utf-8"))
    card["made"]["why"], reason = "an older reason", card["made"].pop("reason")
    assert reason.startswith("It is better")
    shop.close()
    file.write_text(json.dumps(card), "utf-8")
    (file.parent / SEAL).unlink()  # an older version wrote this file, and none of those seals
    with Shop(shop.folder, embedder=ColourEmbedder(), settings=SETTINGS) as reopened:
        assert reopened.generations.list_all()[0].proof == "an older reason"
    photos = [SamplePhoto(f"{n:012x}{0:052x}", f"/{n}.jpg", f"p{n}", "a learned group") for n in range(200)]
    look = EmbeddingHead.load(file.parent)
    for positives, expected in (("group", {False}), ("product", {False, True})):
        made = {"options": {"same": positives}}
        learned = replace(look.card, training_record=made, training_photos=[photo.name[:12] for photo in photos])
        older = EmbeddingHead(look._network, learned, look._validation_network)
        assert set(_are_unlearned(photos, older)) == expected, "single photos of a group are never held out"


def test_the_calibration_of_a_look_is_kept_until_the_look_is_dropped(shop: Shop) -> None:
    with shop._parts.store.reading() as generation:
        for strategy in ("pretrained", "metric"):
            (generation.folder / f"calibration-{strategy}.json").write_text("{}", "utf-8")
        look = generation.require_look()
    shop.training.train_filters()
    live = shop._parts.store.live
    assert (live.folder / "calibration-metric.json").is_file()
    builder = shop._parts.builder(None)
    adopt_head(builder, None)
    assert (shop._parts.store.live.folder / "calibration-pretrained.json").is_file()
    assert not (shop._parts.store.live.folder / "calibration-metric.json").exists()
    other_head = EmbeddingHead(look._network, replace(look.card, features="another"), None)
    with pytest.raises(StoreError, match="reads features of another"):
        adopt_head(builder, other_head)


def test_rolling_back_without_an_earlier_generation_is_an_error(tmp_path: Path) -> None:
    with create_learnable_shop(tmp_path, 3, 1) as shop, pytest.raises(InvalidValue, match="gone back to") as raised:
        shop.generations.roll_back()
    assert raised.value.code == "no-generation"


def test_an_index_with_the_same_model_keeps_the_look(shop: Shop, tmp_path: Path) -> None:
    look = shop.info()["look"]
    folder = shop._parts.store.folder
    shop.close()
    reindexed, _ = Shop.index(
        write_learnable_feed(tmp_path, 12, 2), folder, embedder=ColourEmbedder(), settings=SETTINGS, replace=True
    )
    with reindexed:
        assert reindexed.info()["look"] == look
        assert len(reindexed.search(draw_pattern(tmp_path / "asked.png", 3, 99), 2, strategy="metric").results) == 2
    other, _ = Shop.index(
        tmp_path / "feed.jsonl", folder, embedder=ColourEmbedder("colour@2"), settings=SETTINGS, replace=True
    )
    with other:
        assert other.info()["look"] == "", "another model's features are none that it can read"


def test_a_look_that_does_not_help_is_promoted_only_if_forced(tmp_path: Path) -> None:
    """Every photo has a colour of its own, so that there is nothing to learn."""
    rows = [
        row(f"p{n}", *(photo(tmp_path / f"{n}-{view}.png", (n * 5, view * 99, 9)).name for view in range(2)))
        for n in range(30)
    ]
    feed = feed_of(tmp_path / "feed.jsonl", rows)
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    quick = HeadRecipe(steps=4, classes_per_batch=4, rows_per_class=2, dimensions=1)
    with shop:
        refused = shop.training.train_look(LookOptions(recipe=quick, augmentations=1, budget=1e-9))
        assert "after 0 of 4 steps" in refused.reason and len(refused.ended_early) == 1
        assert not refused.promoted and len(shop.generations.list_all()) == 1
        forced = shop.training.train_look(LookOptions(recipe=quick, augmentations=1, force=True, refit=False))
        assert forced.promoted and not forced.is_better and len(shop.generations.list_all()) == 2


@pytest.mark.parametrize(("products", "photos"), [(1, 3), (6, 1)])
def test_too_few_products_are_an_error(tmp_path: Path, products: int, photos: int) -> None:
    with create_learnable_shop(tmp_path, products, photos) as shop, pytest.raises(InvalidValue) as raised:
        shop.training.train_look(QUICK)
    assert raised.value.code == "too-few-products"


def test_groups_of_one_product_are_an_error_for_positives_by_group(tmp_path: Path) -> None:
    rows = [row(f"p{n}", photo(tmp_path / f"{n}.png", (n * 5, 9, 9)).name) for n in range(20)]
    feed = feed_of(tmp_path / "feed.jsonl", rows)
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    with shop, pytest.raises(InvalidValue) as raised:
        shop.training.train_look(LookOptions(positives="group"))
    assert raised.value.code == "no-groups"


def test_invalid_options_are_refused() -> None:
    with pytest.raises(InvalidValue, match="--positives is 'shop'"):
        LookOptions(positives="shop")  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="budget"):
        LookOptions(budget=0)


def test_no_answer_fails_or_is_mixed_while_generations_switch(shop: Shop, tmp_path: Path) -> None:
    """All scores of one answer are of one generation: they equal those of one of the two, searched alone."""
    query_photo = draw_pattern(tmp_path / "asked.png", 7, 99)
    expected = []
    for _ in range(2):
        expected.append([(one.product.id, round(one.score, 5)) for one in shop.search(query_photo, 5).results])
        shop.generations.roll_back()
    assert expected[0] != expected[1]
    stop, errors, answers = threading.Event(), [], []

    def search() -> None:
        while not stop.is_set():
            try:
                answer = [(one.product.id, round(one.score, 5)) for one in shop.search(query_photo, 5).results]
                answers.append(expected.index(answer))
            except Exception as problem:
                errors.append(problem)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        shop.generations.roll_back()
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert set(answers) == {0, 1}


def test_generations_are_compared_on_the_products_that_all_of_them_hold(shop: Shop, tmp_path: Path) -> None:
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", draw_pattern(tmp_path / "new.png", 500, 0).name)]))
    queries = tmp_path / "asked.csv"
    queries_of_products = [(draw_pattern(tmp_path / f"asked-{n}.png", n, 99), f"p{n}") for n in range(40)]
    queries_of_products.append((draw_pattern(tmp_path / "asked-new.png", 500, 9), "new"))
    queries.write_text(
        "photo,product_id\n" + "".join(f"{file},{name}\n" for file, name in queries_of_products), "utf-8"
    )
    comparison = shop.generations.compare(queries, strategy="")
    assert [(row.name, bool(row.look), row.products) for row in comparison.rows] == [
        ("000002", True, 111),
        ("000001", False, 110),
    ]
    assert comparison.queries == 40 and not comparison.skipped
    live, before = comparison.rows
    assert not live.change and live.strategy == before.strategy == "filters-static"
    change = before.change["recall@1"].difference.value
    assert change == pytest.approx(live.metrics["recall@1"].value - before.metrics["recall@1"].value)
    single = shop.generations.compare(queries, strategy="metric")
    assert len(single.rows) == 1 and list(single.skipped) == ["000001"] and single.queries == 41
