"""A look whose network was trained, too, from end to end."""

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
from tests.training.shops import SETTINGS, learnable_feed, learnable_shop, spotted
from tests.training.small_network import small_model

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


def opened(folder: Path) -> Shop:
    return Shop(folder / "store", embedder=OnnxEmbedder(folder / "small.onnx"), settings=SETTINGS)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LookTraining]:
    """A folder with a closed shop that was trained, and what that came to."""
    folder = tmp_path_factory.mktemp("tuned")
    embedder = OnnxEmbedder(small_model(folder))
    feed = learnable_feed(folder, 60, 3)
    Shop.index(feed, folder / "store", embedder=embedder, settings=SETTINGS)[0].close()
    shutil.copytree(folder / "store", folder / "untrained")
    with opened(folder) as shop:
        return folder, shop.training.train_look(QUICK)


@pytest.fixture
def shop(trained: tuple[Path, LookTraining], tmp_path: Path) -> Iterator[Shop]:
    """A copy of it, open."""
    for name in ("small.onnx", "small.json"):
        shutil.copy(trained[0] / name, tmp_path / name)
    shutil.copytree(trained[0] / "store", tmp_path / "store")
    with opened(tmp_path) as shop:
        yield shop


def test_it_is_better_than_the_untouched_network(trained: tuple[Path, LookTraining]) -> None:
    folder, training = trained
    assert training.taken and not training.warnings
    assert all(part.after["recall@1"].value > part.before["recall@1"].value for part in training.parts)
    assert training.difference < 2e-3, "weights are kept as float16"
    assert not list((folder / "store" / "training").glob("maps*"))
    assert (folder / "store" / "generations" / "000002" / "look-backbone.onnx").is_file()


def test_searches_and_new_products_are_seen_by_the_trained_network(shop: Shop, tmp_path: Path) -> None:
    assert "p7" in [
        one.product.id for one in shop.search(spotted(tmp_path / "a.png", 7, 99), 5, strategy="metric").results
    ]
    shop.add(feed_of(tmp_path / "new.jsonl", [row("new", spotted(tmp_path / "new.png", 500, 0).name)]))
    found = shop.search(spotted(tmp_path / "again.png", 500, 0), 1, strategy="metric").results
    assert found[0].product.id == "new" and found[0].score > 0.999
    with shop._parts.store.reading() as generation:
        (entry,) = generation.index.entries(["p3"])
        assert entry.trained is not None and entry.trained.shape == (3, 16)


def test_a_classifier_with_a_tail_of_its_own_stands_beside_a_look_with_one(shop: Shop, tmp_path: Path) -> None:
    asked = spotted(tmp_path / "asked.png", 7, 99)
    before = [(one.product.id, one.score) for one in shop.search(asked, 5, strategy="metric").results]
    recipe = SoftmaxRecipe(hidden_size=16, min_steps=60, learning_rate=2e-2)
    tail = TailRecipe(
        steps=30, evaluate_every=15, learning_rate=1e-3, head_learning_rate=2e-2, classes_per_batch=24, rows_per_class=4
    )
    shop.training.train_classifier(ClassifierOptions(depth="full", recipe=recipe, tail=tail, augmentations=1))
    assert len(list(shop._parts.store.live.folder.glob("classifier-*.onnx"))) == 1
    assert not list((shop._parts.store.folder / "training").glob("maps*"))
    assert len(shop.search(asked, 99, strategy="classifier").results) == 60
    assert [(one.product.id, one.score) for one in shop.search(asked, 5, strategy="metric").results] == before
    alone = shop.quality.evaluate(strategy="classifier").overall["recall@1"].value
    together = {row.name: row.metrics["recall@1"].value for row in shop.quality.compare().rows}
    assert together.keys() == {"pretrained", "filters-static", "metric", "classifier"}
    assert together["metric"] > together["pretrained"] and alone == together["classifier"] > 0.1
    shop.training.train_filters()
    assert len(shop.search(asked, 99, strategy="classifier").results) == 60
    live = shop._parts.store.live
    next(live.folder.glob("classifier-*.onnx")).unlink()
    live._classifier = None
    with pytest.raises(StoreError, match=r"cannot be loaded.*No such file"):
        shop.search(asked, strategy="classifier")
    shop.training.train_classifier(ClassifierOptions(recipe=recipe, augmentations=1))
    assert not list(live.folder.glob("classifier-*.onnx"))
    assert len(shop.search(asked, 99, strategy="classifier").results) == 60


def test_filters_are_fitted_and_generations_go_back_and_forth(shop: Shop, tmp_path: Path) -> None:
    look, asked = shop.info()["look"], spotted(tmp_path / "asked.png", 7, 99)
    before = [(one.product.id, round(one.score, 4)) for one in shop.search(asked, 5, strategy="metric").results]
    shop.training.train_filters()
    assert shop.info()["look"] == look
    assert shop.search(asked, 3).strategy == "filters-static"
    shop.generations.roll_back()
    assert shop.info()["look"] == ""
    shop.generations.roll_back()
    assert [(one.product.id, round(one.score, 4)) for one in shop.search(asked, 5, strategy="metric").results] == before


@pytest.mark.parametrize(
    ("moment", "step"), [("Looking at the photos for the network", 31), ("Training the network, to prove it", 27)]
)
def test_wherever_it_is_cut_off_it_ends_the_same(
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
    with opened(tmp_path) as shop:
        with pytest.raises(Killed):
            shop.training.train_look(QUICK, progress=kill)
        assert shop.info()["look"] == "" and (shop._parts.store.folder / "training" / "maps.sqlite").is_file()
        steps: list[tuple[str, int]] = []
        assert shop.training.train_look(QUICK, progress=lambda what, done, total: steps.append((what, done))).taken
        assert shop.info()["look"] == trained[1].model
    first = next(done for what, done in steps if what.startswith("Training the network, to prove it"))
    assert first == (21 if moment.startswith("Training") else 1), "it goes on from the last checkpoint"


def test_trained_again_it_begins_with_the_untouched_network(shop: Shop) -> None:
    head = shop.training.train_look(replace(QUICK, depth="head", force=False))
    assert not head.taken and "takes the place of a trained network only if it is forced" in head.why
    head = shop.training.train_look(replace(QUICK, depth="head"))
    assert head.taken and head.why.startswith("Compared with the untouched network")
    assert not (shop._parts.store.live.folder / "look-backbone.onnx").exists()


def test_a_photo_that_cannot_be_looked_at_again_is_placed_by_the_untouched_features(
    trained: tuple[Path, LookTraining], tmp_path: Path
) -> None:
    shutil.copytree(trained[0] / "untrained", tmp_path / "store")
    for file in [*trained[0].glob("p*.png"), trained[0] / "small.onnx", trained[0] / "small.json"]:
        shutil.copy(file, tmp_path / file.name)
    with opened(tmp_path) as shop:
        shop.sync(learnable_feed(tmp_path, 60, 3))

        def lose(what: str, done: int, total: int) -> None:
            if what == "Training the network on everything" and done == 1:
                (tmp_path / "p3-0.png").unlink()

        shop.training.train_look(QUICK, progress=lose)
        with shop._parts.store.reading() as generation:
            (entry,) = generation.index.entries(["p3"])
            assert entry.trained is not None and entry.scores is not None
            assert np.abs(np.linalg.norm(entry.trained, axis=1) - 1).max() < 1e-3
            assert entry.trained[0] @ entry.trained[1] > 0.2, "it lies near the others of its product"
            assert len(entry.scores.marks[0].indices)


def test_a_budget_that_does_not_last_is_told_first(shop: Shop) -> None:
    with pytest.raises(InvalidValue, match=r"takes about \d+ minutes on this machine") as told:
        shop.training.train_look(replace(QUICK, budget=0.01))
    assert told.value.code == "budget-too-small" and "--budget" in told.value.fix


def test_a_model_without_an_end_is_told(tmp_path: Path) -> None:
    with learnable_shop(tmp_path, 24, 1) as shop, pytest.raises(InvalidValue) as told:
        shop.training.train_look(QUICK)
    assert told.value.code == "no-tail"
