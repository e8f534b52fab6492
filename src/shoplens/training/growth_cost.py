"""What a classifier with an output per product costs as a catalogue grows, measured with products that do not exist."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from shoplens.evaluation.results import Growth
from shoplens.training.optimization.softmax_head import SoftmaxRecipe, init_softmax, softmax_module
from shoplens.training.optimization.training_loop import torch_module

SIZES = (1_000, 10_000, 100_000)
_TIMED_STEPS = 3
_COPIES = 4
"""Of every trained number: itself, its gradient, and AdamW's two moments."""


def growth(width: int, basis: int, rows: Callable[[int], float], recipe: SoftmaxRecipe, threads: int) -> list[Growth]:
    """For catalogues of :data:`SIZES`: a few steps are timed, and multiplied.

    Args:
        width: of a row of features.
        basis: of a row in the basis.
        rows: products -> how many rows are learned from.
        threads: for torch.
    """
    torch_module(threads)
    found = []
    for products in SIZES:
        module = softmax_module(init_softmax(np.zeros((basis, recipe.hidden), np.float32), products, recipe.seed))
        numbers = sum(one.numel() for one in module.parameters())
        features = rows(products) * (2 * width + 4 * basis)  # float16, and float32
        seconds = _step_seconds(module, basis, products, recipe) * recipe.steps(products)
        network = 4 * recipe.hidden * (width + products)
        found.append(Growth(products, round(seconds, 1), round(features) + _COPIES * 4 * numbers, network))
    return found


def _step_seconds(module: Any, basis: int, products: int, recipe: SoftmaxRecipe) -> float:
    """Median of a few steps after the first."""
    torch = torch_module()
    drawn = torch.Generator().manual_seed(recipe.seed)
    rows = torch.randn(recipe.per_batch * recipe.per_class, basis, generator=drawn)
    classes = torch.randint(products, (len(rows),), generator=drawn)
    optimizer = torch.optim.AdamW(module.parameters(), recipe.rate)
    took = []
    for _ in range(_TIMED_STEPS + 1):
        started = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(module(rows), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        took.append(time.perf_counter() - started)
    return float(np.median(took[1:]))
