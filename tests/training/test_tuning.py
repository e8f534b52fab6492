"""Tests of a look whose network was trained, too, from end to end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens import Shop
from shoplens.embedders import OnnxEmbedder
from shoplens.errors import InvalidValue, StoreError
from shoplens.training.classifier import ClassifierOptions
from shoplens.training.look import LookOptions, LookTraining
from shoplens.training.optimization.fine_tuning import TailRecipe
from shoplens.training.optimization.head import HeadRecipe
from shoplens.training.optimization.softmax_head import SoftmaxRecipe
from tests.fakes import feed_of, row
from tests.training.optimization.small_network import LATE, small_model
from tests.training.shops import SETTINGS, create_learnable_shop, draw_pattern, write_learnable_feed

pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra train is not installed")
QUICK = LookOptions(
    depth="full",
    recipe=HeadRecipe(steps=60, classes_per_batch=24, rows_per_class=4, dimensions=16),
    tail=TailRecipe(
        steps=40, evaluate_every=20, learning_rate=3e-3, head_learning_rate=3e-3, classes_per_batch=16, rows_per_class=4
    ),
    augmentations=1,
    force=True,
)


def open_shop(folder: Path) -> Shop:
    return Shop(folder / "store", embedder=OnnxEmbedder(folder / "small.onnx"), settings=SETTINGS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LookTraining]:
    """Return a folder with a closed shop whose network was trained, and the result of the training."""
    folder = tmp_path_factory.mktemp("tuned")
    embedder = OnnxEmbedder(small_model(folder))
    feed = write_learnable_feed(folder, 60, 3)
    Shop.index(feed, folder / "store", embedder=embedder, settings=SETTINGS)[0].close()
    shutil.copytree(folder / "store", folder / "untrained")
    with open_shop(folder) as shop:
        return folder, shop.training.train_look(QUICK)


@pytest.fixture
def shop(trained: tuple[Path, LookTraining], tmp_path: Path) -> Iterator[Shop]:
    """Open a copy of the trained shop."""
    for name in ("small.onnx", "small.json"):
        shutil.copy(trained[0] / name, tmp_path / name)
    shutil.copytree(trained[0] / "store", tmp_path / "store")
    with open_shop(tmp_path) as shop:
        yield shop


def test_the_trained_network_is_better_than_the_pretrained_one(trained: tuple[Path, LookTraining]) -> None:
    folder, training = trained
    assert training.promoted and not training.warnings
    assert all(part.after["recall@1"].value > part.before["recall@1"].value for part in training.results)
    assert training.export_difference < 2e-3, "weights are kept as float16"
    with open_shop(folder) as shop:
        look = shop._parts.store.live.look
        assert look is not None and look.validation_head is not look, "weights are chosen by a head that saw less"
        assert look.validation_head.card.width == look.card.width - LATE
    assert not list((folder / "store" / "training").glob("maps*"))
    assert (folder / "store" / "generations" / "000002" / "look-backbone.onnx").is_file()


def test_the_network_is_trained_on_what_searches_embed(tmp_path: Path) -> None:
    """Photos are cut to the object before they are embedded, so the trained end sees the object and not the photo."""
    embedder = OnnxEmbedder(small_model(tmp_path, mask="mask"))
    feed = write_learnable_feed(tmp_path, 60, 3, margin=40)
    with Shop.index(feed, tmp_path / "store", embedder=embedder, settings=SETTINGS)[0] as shop:
        training = shop.training.train_look(QUICK)
    assert training.export_difference < 2e-3


def test_searches_and_new_products_use_the_trained_network(shop: Shop, tmp_path: Path) -> None:
    assert "p7" in [
        one.product.id for one in shop.search(draw_pattern(tmp_path / "a.png", 7, 99), 5, strategy="metric").results
    ]
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", draw_pattern(tmp_path / "new.png", 500, 0).name)]))
    found = shop.search(draw_pattern(tmp_path / "again.png", 500, 0), 1, strategy="metric").results
    assert found[0].product.id == "new" and found[0].score > 0.999
    with shop._parts.store.reading() as generation:
        (entry,) = generation.index.entries(["p3"])
        assert entry.trained_vectors is not None and entry.trained_vectors.shape == (3, 16)


def test_a_classifier_and_a_look_have_separate_trained_tails(shop: Shop, tmp_path: Path) -> None:
    query_photo = draw_pattern(tmp_path / "asked.png", 7, 99)
    before = [(one.product.id, one.score) for one in shop.search(query_photo, 5, strategy="metric").results]
    recipe = SoftmaxRecipe(hidden_size=16, min_steps=60, learning_rate=2e-2)
    tail = TailRecipe(
        steps=30, evaluate_every=15, learning_rate=1e-3, head_learning_rate=2e-2, classes_per_batch=24, rows_per_class=4
    )
    shop.training.train_classifier(ClassifierOptions(depth="full", recipe=recipe, tail=tail, augmentations=1))
    assert len(list(shop._parts.store.live.folder.glob("classifier-*.onnx"))) == 1
    assert not list((shop._parts.store.folder / "training").glob("maps*"))
    assert len(shop.search(query_photo, 99, strategy="classifier").results) == 60
    assert [(one.product.id, one.score) for one in shop.search(query_photo, 5, strategy="metric").results] == before
    evaluated = shop.quality.evaluate(strategy="classifier").overall["recall@1"].value
    compared = {row.name: row.metrics["recall@1"].value for row in shop.quality.compare().rows}
    assert compared.keys() == {"pretrained", "filters-static", "metric", "classifier"}
    assert compared["metric"] > compared["pretrained"] and evaluated == compared["classifier"] > 0.1
    shop.training.train_filters()
    assert len(shop.search(query_photo, 99, strategy="classifier").results) == 60
    live = shop._parts.store.live
    next(live.folder.glob("classifier-*.onnx")).unlink()
    live._classifier = None
    with pytest.raises(StoreError, match=r"cannot be loaded.*No such file"):
        shop.search(query_photo, strategy="classifier")
    shop.training.train_classifier(ClassifierOptions(recipe=recipe, augmentations=1))
    assert not list(live.folder.glob("classifier-*.onnx"))
    assert len(shop.search(query_photo, 99, strategy="classifier").results) == 60


def test_a_trained_tail_survives_new_filters_and_rolling_back(shop: Shop, tmp_path: Path) -> None:
    look, query_photo = shop.info()["look"], draw_pattern(tmp_path / "asked.png", 7, 99)
    before = [(one.product.id, round(one.score, 4)) for one in shop.search(query_photo, 5, strategy="metric").results]
    shop.training.train_filters()
    assert shop.info()["look"] == look
    assert shop.search(query_photo, 3).strategy == "filters-static"
    shop.generations.roll_back()
    assert shop.info()["look"] == ""
    shop.generations.roll_back()
    assert [
        (one.product.id, round(one.score, 4)) for one in shop.search(query_photo, 5, strategy="metric").results
    ] == before


@pytest.mark.parametrize(
    ("moment", "step"), [("Computing feature maps", 31), ("Training the network for the test", 27)]
)
def test_an_interrupted_training_gives_the_same_result(
    moment: str, step: int, trained: tuple[Path, LookTraining], tmp_path: Path
) -> None:
    class Killed(Exception):
        pass

    def kill(what: str, done: int, total: int) -> None:
        if what.startswith(moment) and done == step:
            raise Killed

    shutil.copytree(trained[0] / "untrained", tmp_path / "store")
    for name in ("small.onnx", "small.json"):
        shutil.copy(trained[0] / name, tmp_path / name)
    with open_shop(tmp_path) as shop:
        with pytest.raises(Killed):
            shop.training.train_look(QUICK, progress=kill)
        assert shop.info()["look"] == "" and (shop._parts.store.folder / "training" / "maps.sqlite").is_file()
        steps: list[tuple[str, int]] = []
        assert shop.training.train_look(QUICK, progress=lambda what, done, total: steps.append((what, done))).promoted
        assert shop.info()["look"] == trained[1].model
    first = next(done for what, done in steps if what.startswith("Training the network for the test"))
    assert first == (21 if moment.startswith("Training") else 1), "it continues from the last checkpoint"


def test_another_training_starts_with_the_pretrained_network(shop: Shop) -> None:
    head = shop.training.train_look(replace(QUICK, depth="head", force=False))
    assert not head.promoted and "replaces a trained network only if it is forced" in head.reason
    head = shop.training.train_look(replace(QUICK, depth="head"))
    assert head.promoted and head.reason.startswith("It was compared with the untouched network")
    assert not (shop._parts.store.live.folder / "look-backbone.onnx").exists()


def test_a_photo_that_is_missing_gets_a_vector_of_its_stored_features(
    trained: tuple[Path, LookTraining], tmp_path: Path
) -> None:
    shutil.copytree(trained[0] / "untrained", tmp_path / "store")
    for file in [*trained[0].glob("p*.png"), trained[0] / "small.onnx", trained[0] / "small.json"]:
        shutil.copy(file, tmp_path / file.name)
    with open_shop(tmp_path) as shop:
        shop.sync(write_learnable_feed(tmp_path, 60, 3))

        def delete_photo(what: str, done: int, total: int) -> None:
            if what == "Training the network on all photos" and done == 1:
                (tmp_path / "p3-0.png").unlink()

        shop.training.train_look(QUICK, progress=delete_photo)
        with shop._parts.store.reading() as generation:
            (entry,) = generation.index.entries(["p3"])
            assert entry.trained_vectors is not None and entry.scores is not None
            assert np.abs(np.linalg.norm(entry.trained_vectors, axis=1) - 1).max() < 1e-3
            assert entry.trained_vectors[0] @ entry.trained_vectors[1] > 0.2, (
                "it lies near the other photos of its product"
            )
            assert len(entry.scores.class_vectors[0].indices)


def test_a_budget_that_is_too_small_is_an_error_before_training(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match=r"takes about \d+ minutes on this machine") as raised:
        shop.training.train_look(replace(QUICK, budget=0.01))
    assert raised.value.code == "budget-too-small" and "--budget" in raised.value.fix


def test_a_model_without_a_tail_is_an_error(tmp_path: Path) -> None:
    with create_learnable_shop(tmp_path, 24, 1) as shop, pytest.raises(InvalidValue) as raised:
        shop.training.train_look(QUICK)
    assert raised.value.code == "no-tail"
