"""A model whose vectors are shorter than those of another, added beside it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from shoplens.embedders import OnnxEmbedder
from shoplens.embedders.added import added_model, read_added_card
from shoplens.embedders.embedder import NO_OBJECTS
from shoplens.errors import InvalidValue, ModelError
from shoplens.models.add import AddedModel
from shoplens.models.folder import ADDING, put_in_place, refuse_if_added
from shoplens.types import Vectors

AXES = "axes.npy"


def cut_model(name: str, dimensions: int, axes: Vectors | None, models: Path) -> AddedModel:
    """Write a model called ``NAME-DIMENSIONS``, which gives the vectors of another in fewer numbers.

    Args:
        name: of an added model.
        axes: float32 (d, dimensions), that vectors are multiplied with; None keeps the first numbers, as models
            allow whose card says so in ``cuts``.

    Raises:
        ModelError: ``no-model``; ``model-exists``.
        StoreError: ``store-in-use``, another process changes the folder for long.
        InvalidValue: ``bad-cut``: the vectors are not longer, or were cut before.
    """
    path = added_model(models, name)
    if path is None:
        raise ModelError(
            f"No model {name!r} was added.", "Give a name that `shoplens models` lists as added.", code="no-model"
        )
    card = dict(read_added_card(path))
    length = OnnxEmbedder(path, objects=NO_OBJECTS).dimensions
    if card.get("cut") or not 1 <= dimensions < length:
        raise InvalidValue(
            f"The vectors of {name} have {length} numbers{', and were cut before' if card.get('cut') else ''}.",
            "Give a model that was not cut, and fewer numbers.",
            code="bad-cut",
        )
    target = models / f"{name}-{dimensions}"
    refuse_if_added(models, target.name)
    with TemporaryDirectory(dir=models, prefix=ADDING) as folder:
        made = Path(folder) / target.name
        shutil.copytree(path.parent, made)
        card |= {"name": target.name, "cut": dimensions, "dimensions": length, "cuts": []}
        if axes is not None:
            np.save(made / AXES, np.asarray(axes, np.float32))
            card |= {"axes": AXES, "axes_sha256": hashlib.sha256((made / AXES).read_bytes()).hexdigest()}
        (made / path.name).with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
        embedder = OnnxEmbedder(made / path.name, objects=NO_OBJECTS)
        put_in_place(made, models, replace=False)
    return AddedModel(target.name, target / path.name, embedder.model, card)
