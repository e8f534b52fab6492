"""Tests of killed trainings: the live generation is untouched, and the next run ends as an uninterrupted one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.store.store import Store
from tests.fakes import ColourEmbedder
from tests.forked import forked
from tests.training.killable import train_look
from tests.training.shops import SETTINGS, create_learnable_shop

pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")


@pytest.fixture(scope="module")
def untrained_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    create_learnable_shop(folder, 40, 2).close()
    return folder


def run_training(store: Path, until: str = "") -> list[list[str]]:
    """Return what a training prints; it is killed once it has printed ``until`` (``what|done``)."""
    with forked(train_look, store, until) as process:
        return [line.rstrip("\n").split("|") for line in process.lines]


@pytest.fixture(scope="module")
def uninterrupted_look(untrained_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the id of the look that an uninterrupted training results in."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    shutil.copytree(untrained_shop / "store", store)
    return run_training(store)[-1][1]


@pytest.mark.parametrize(
    "moment",
    [
        "Extracting features of augmented photos|30",
        "Training for the test|77",
        "Building the search graph|0",
    ],
)
def test_a_training_killed_at_any_moment_leaves_a_usable_store(
    moment: str, untrained_shop: Path, uninterrupted_look: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(untrained_shop / "store", store)
    lines = run_training(store, until=moment)
    assert "|".join(lines[-1]) == moment, "it was killed there"
    with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        assert (len(shop), shop.info()["look"], shop.info()["generation"]) == (40, "", "000001")
    resumed = run_training(store)
    assert resumed[-1] == ["taken", uninterrupted_look]
    steps = [int(done) for what, done in resumed if what == "Training for the test"]
    if moment.startswith("Training for the test"):
        assert steps[0] == 51, "it goes on from the last checkpoint"
    final_store = Store(store)
    assert final_store.live.manifest.look == uninterrupted_look
    assert [folder.name for folder in final_store.kept_generations()] == ["000001"]
    final_store.close()
