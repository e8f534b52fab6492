"""Tests of a classifier from end to end: it is trained, tested, compared and retrained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.embedders.classifier import CARD, NETWORK
from shoplens.errors import InvalidValue, StoreError
from shoplens.evaluation.evaluate import TRAINING_PHOTO
from shoplens.training.classifier import ClassifierOptions, ClassifierTraining
from shoplens.training.optimization.softmax_head import SoftmaxRecipe
from tests.fakes import ColourEmbedder, feed_of, row
from tests.training.shops import SETTINGS, create_learnable_shop, draw_pattern, write_learnable_feed

pytest.importorskip("torch", reason="the extra train is not installed")
RECIPE = SoftmaxRecipe(hidden_size=16, min_steps=150, learning_rate=2e-2, classes_per_batch=24, rows_per_class=4)
QUICK = ClassifierOptions(recipe=RECIPE, augmentations=1)
PRODUCTS = 50


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ClassifierTraining]:
    """Return a folder with a closed shop whose classifier was trained, and the result of the training."""
    folder = tmp_path_factory.mktemp("classified")
    with create_learnable_shop(folder, PRODUCTS, 4) as shop:
        return folder, shop.training.train_classifier(QUICK, report=folder / "classifier.html")


@pytest.fixture
def shop(trained: tuple[Path, ClassifierTraining], tmp_path: Path) -> Iterator[Shop]:
    """Open a copy of the trained shop."""
    shutil.copytree(trained[0] / "store", tmp_path / "store")
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def test_the_classifier_is_tested_on_photos_outside_of_training(trained: tuple[Path, ClassifierTraining]) -> None:
    folder, training = trained
    assert (training.products, training.photos, training.simulated) == (PRODUCTS, 4 * PRODUCTS, False)
    assert 29 < training.queries < 50, "a fifth of 150 photos that are not the first of a product"
    assert training.output_metrics["recall@1"].value > 0.5
    assert training.photos_per_product == {"median": 4, "least": 4, "single": 0}
    assert training.disagreement is not None
    share = training.output_metrics["recall@1"].value - training.distance_metrics["recall@1"].value
    assert training.disagreement.value >= share - 1e-9, "at least the photos that only the softmax gets right"
    assert all(one.product != one.nearest for one in training.examples)
    assert len(training.examples) == min(24, round(training.disagreement.value * training.queries))
    assert [one.products for one in training.retraining_costs] == [1_000, 10_000, 100_000]
    page = (folder / "classifier.html").read_text("utf-8")
    assert "100,000" in page and (folder / "classifier.json").is_file()
    assert not list((folder / "store" / "training").glob("*.checkpoint*"))


def test_searches_by_the_classifier_find_only_trained_products(
    shop: Shop, trained: tuple[Path, ClassifierTraining], tmp_path: Path
) -> None:
    answer = shop.search(draw_pattern(tmp_path / "asked.png", 7, 99), 5, strategy="classifier")
    assert answer.strategy == "classifier" and answer.results[0].product.id == "p7"
    assert all(sum(result.parts.values()) == pytest.approx(result.score) for result in answer.results)
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", draw_pattern(tmp_path / "new.png", 500, 0).name)]))
    query_photo = draw_pattern(tmp_path / "again.png", 500, 1)
    results = shop.search(query_photo, 100, strategy="classifier").results
    assert len(results) == PRODUCTS and "new" not in {result.product.id for result in results}
    (row_of_classifier,) = (one for one in shop.quality.compare().rows if one.name == "classifier")
    assert (
        row_of_classifier.unknown,
        len(row_of_classifier.retraining_costs),
        row_of_classifier.adding_ms["median"] > 100,
    ) == (
        1,
        3,
        True,
    )
    shop.training.train_classifier(QUICK)
    assert "new" in {result.product.id for result in shop.search(query_photo, 100, strategy="classifier").results}


def test_a_card_of_an_older_version_says_what_retraining_costs(shop: Shop) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra train is not installed")
    file = shop._parts.store.live.folder / NETWORK
    model = onnx.load(str(file))
    (entry,) = (entry for entry in model.metadata_props if entry.key == CARD)
    card = json.loads(entry.value)
    card["made"]["growth"] = card["made"].pop("retraining_costs")
    entry.value = json.dumps(card)
    file.write_bytes(model.SerializeToString())
    (row_of_classifier,) = (row for row in shop.quality.compare().rows if row.name == "classifier")
    assert [cost.products for cost in row_of_classifier.retraining_costs] == [1_000, 10_000, 100_000]


def test_the_classifier_is_used_only_if_it_is_named(shop: Shop, tmp_path: Path) -> None:
    assert shop.search(draw_pattern(tmp_path / "asked.png", 7, 99), 5).strategy == "filters-static"
    assert shop.info()["classifier"].startswith("classifier@")


def test_searches_by_training_photos_are_marked(shop: Shop) -> None:
    kinds = {one.kind: one.times for one in shop.quality.evaluate(strategy="classifier").left_out}
    assert kinds == {TRAINING_PHOTO: 3 * PRODUCTS}
    assert not shop.quality.evaluate(strategy="filters-static").left_out


def test_new_generations_of_the_same_model_keep_the_classifier(shop: Shop, tmp_path: Path) -> None:
    query_photo = draw_pattern(tmp_path / "asked.png", 7, 99)
    (calibration := shop._parts.store.live.folder / "calibration-classifier.json").write_text("{}", "utf-8")
    shop.training.train_filters()
    assert shop._parts.store.live.folder != calibration.parent
    kept = shop._parts.store.live.folder / calibration.name
    assert kept.is_file(), "its classifier is the same"
    kept.unlink()
    assert shop.search(query_photo, 1, strategy="classifier").results[0].product.id == "p7"
    folder = shop._parts.store.folder
    shop.close()
    feed = write_learnable_feed(tmp_path, 12, 2)
    reindexed, _ = Shop.index(feed, folder, embedder=ColourEmbedder(), settings=SETTINGS, replace=True)
    with reindexed:
        assert len(reindexed.search(query_photo, 99, strategy="classifier").results) == 12, (
            "outputs of removed products stay"
        )
        (kept := reindexed._parts.store.live.folder / calibration.name).write_text("{}", "utf-8")
        reindexed.training.train_classifier(QUICK)
        assert not kept.exists()
    other, _ = Shop.index(feed, folder, embedder=ColourEmbedder("colour@2"), settings=SETTINGS, replace=True)
    with other, pytest.raises(InvalidValue) as raised:
        other.search(query_photo, strategy="classifier")
    assert raised.value.code == "no-classifier"


def test_a_damaged_classifier_is_an_error_and_can_be_trained_again(shop: Shop, tmp_path: Path) -> None:
    (shop._parts.store.live.folder / NETWORK).write_bytes(b"half of it")
    query_photo = draw_pattern(tmp_path / "asked.png", 7, 99)
    with pytest.raises(StoreError, match="train classifier"):
        shop.search(query_photo, strategy="classifier")
    assert shop.search(query_photo).results, "other strategies still answer"
    shop.training.train_classifier(QUICK)
    assert shop.search(query_photo, strategy="classifier").results


def test_products_with_a_shared_first_photo_are_trained_on_their_other_photos(tmp_path: Path) -> None:
    shared = draw_pattern(tmp_path / "shared.png", 999, 0)
    rows = [row(f"p{n}", draw_pattern(tmp_path / f"p{n}-0.png", n, 0).name) for n in range(12)]
    rows += [row(f"s{n}", shared.name, draw_pattern(tmp_path / f"s{n}-1.png", 100 + n, 1).name) for n in range(12)]
    feed = feed_of(tmp_path / "feed.jsonl", rows)
    shop, _ = Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    with shop:
        assert shop.training.train_classifier(QUICK).products == 24


def test_one_product_is_too_few(tmp_path: Path) -> None:
    with create_learnable_shop(tmp_path, 1, 3) as shop, pytest.raises(InvalidValue) as raised:
        shop.training.train_classifier(QUICK)
    assert raised.value.code == "too-few-products"


def test_an_invalid_budget_is_refused() -> None:
    with pytest.raises(InvalidValue, match="budget"):
        ClassifierOptions(budget=0)
