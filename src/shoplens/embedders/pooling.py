"""The vector in an output of a network: the output itself, a token of it, or a mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shoplens.embedders.card import ModelCard, Pool
from shoplens.errors import ModelError
from shoplens.types import Vectors

AXES: dict[Pool, tuple[int, ...]] = {"": (2,), "cls": (3,), "mean": (3, 4), "patches": (3,)}
"""Pooling -> numbers of axes that an output for it may have."""
ShortenVectors = Callable[[Vectors], Vectors]
"""float32 (n, dimensions) -> float32 (n, fewer), rows of any length."""


def pool_output(output: np.ndarray[Any, np.dtype[Any]], card: ModelCard) -> Vectors:
    """Return float32 (photos, dimensions), which may have any length, from the output that the card names.

    Raises:
        ModelError: ``unfit-output``: the output has another shape than its pooling needs.
    """
    values = np.asarray(output, np.float32)
    check_axes(card.output, values.shape, card.pool)
    if card.pool == "cls":
        return values[:, 0]
    if card.pool == "patches":
        values = values[:, card.prefix_tokens :]
    if card.pool:
        values = np.mean(values, axis=1 if values.ndim == 3 else (2, 3))
    return values


def check_axes(name: str, shape: tuple[object, ...], pool: Pool) -> None:
    """Raise a ModelError where an output of this shape cannot be pooled so."""
    if len(shape) in AXES[pool]:
        return
    fitting = ", ".join(f"`{one}`" for one, axes in AXES.items() if one and len(shape) in axes)
    fix = "Choose another output by `output` in its card."
    if fitting:
        fix = f"Give `--pool` to `models add`, or set `pool` in its card: one of {fitting}."
    how = f"with the pooling {pool!r}" if pool else "(photos, dimensions)"
    raise ModelError(
        f"Output {name!r} has the shape {list(shape)}, which is no vector {how}.", fix, code="unfit-output"
    )


def load_shortening(model: Path, card: ModelCard) -> ShortenVectors:
    """Return what shortens the vectors of a model, as its card says.

    Raises:
        ModelError: ``bad-axes``: the file that the card names is none of NumPy, or of another shape.
    """
    if not card.cut:
        return lambda vectors: vectors
    if not card.axes:
        return lambda vectors: np.ascontiguousarray(vectors[:, : card.cut])
    path = model.parent / card.axes
    try:
        axes = np.asarray(np.load(path, allow_pickle=False), np.float32)
    except (OSError, ValueError, EOFError) as problem:
        raise ModelError(f"{path} cannot be read: {problem}.", "Cut the model anew.", code="bad-axes") from None
    if axes.ndim != 2 or axes.shape[1] != card.cut or (card.dimensions and len(axes) != card.dimensions):
        raise ModelError(
            f"{path} has the shape {list(axes.shape)}, not ({card.dimensions or 'dimensions'}, {card.cut}).",
            "Cut the model anew with `shoplens models cut`.",
            code="bad-axes",
        )
    return lambda vectors: np.asarray(vectors @ axes, np.float32)
