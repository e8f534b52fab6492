"""The process that the tests kill: a training."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from shoplens import Shop
from shoplens.training.look import LookOptions
from shoplens.training.optimization.head import HeadRecipe
from tests.fakes import ColourEmbedder
from tests.training.shops import SETTINGS

OPTIONS = LookOptions(
    recipe=HeadRecipe(steps=100, classes_per_batch=12, rows_per_class=2, dimensions=8), augmentations=1, force=True
)


def train_look(folder: Path, until: str) -> None:
    """Train, and print each step as ``what|done``; the process kills itself where it has printed ``until``."""

    def show_progress(what: str, done: int, total: int) -> None:
        print(what, done, sep="|", flush=True)
        if f"{what}|{done}" == until:
            os.kill(os.getpid(), signal.SIGKILL)

    with Shop(folder, embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        training = shop.training.train_look(OPTIONS, progress=show_progress)
        print("taken", training.model, sep="|", flush=True)
