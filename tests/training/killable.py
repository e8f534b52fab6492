"""The process that the tests kill: a training, run as ``python -m tests.training.killable STORE``. It prints its
progress."""

from __future__ import annotations

import sys
from pathlib import Path

from shoplens import Shop
from shoplens.training.look import LookOptions
from shoplens.training.optimization.head import HeadRecipe
from tests.fakes import ColourEmbedder
from tests.training.shops import SETTINGS

OPTIONS = LookOptions(
    recipe=HeadRecipe(steps=100, classes_per_batch=12, rows_per_class=2, dimensions=8), augmentations=1, force=True
)


def main(folder: str) -> None:
    with Shop(Path(folder), embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        training = shop.training.train_look(
            OPTIONS, progress=lambda what, done, total: print(what, done, sep="|", flush=True)
        )
        print("taken", training.model, sep="|", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
