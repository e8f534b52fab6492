"""A training that is killed: the live generation is untouched, and the next run ends as an undisturbed one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.store.store import Store
from tests.fakes import ColourEmbedder
from tests.training.shops import SETTINGS, learnable_shop

pytest.importorskip("pytorch_metric_learning", reason="the extra train is not installed")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    learnable_shop(folder, 40, 2).close()
    return folder


def run(store: Path, until: str = "") -> list[list[str]]:
    """What a training says; it is killed once it has said ``until`` (``what|done``)."""
    said = []
    command = [sys.executable, "-m", "tests.training.killable", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line.rstrip("\n").split("|"))
            if line.startswith(until) and until:
                os.killpg(process.pid, signal.SIGKILL)
                break
    return said


@pytest.fixture(scope="module")
def undisturbed(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The network that comes out when nothing happens."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    shutil.copytree(untrained / "store", store)
    return run(store)[-1][1]


@pytest.mark.parametrize(
    "moment",
    [
        "Looking at the photos again|30",
        "Training, to prove it|77",
        "Building the search graph|0",
    ],
)
def test_wherever_it_is_killed(moment: str, untrained: Path, undisturbed: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(untrained / "store", store)
    said = run(store, until=moment)
    assert said[-1][0] == moment.split("|")[0], "it was killed there"
    with Shop(store, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        assert (len(shop), shop.info()["look"], shop.info()["generation"]) == (40, "", "000001")
    again = run(store)
    assert again[-1] == ["taken", undisturbed]
    steps = [int(done) for what, done in again if what == "Training, to prove it"]
    if moment.startswith("Training, to prove it"):
        assert steps[0] == 51, "it goes on from the last checkpoint"
    left = Store(store)
    assert left.live.manifest.look == undisturbed
    assert [folder.name for folder in left.kept_generations()] == ["000001"]
    left.close()
