"""The cost of a classifier with one output per product as a catalogue grows, measured with products that do not
exist."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from shoplens.evaluation.results import RetrainingCost
from shoplens.training.optimization.softmax_head import SoftmaxRecipe, build_softmax_module, init_softmax
from shoplens.training.optimization.training_loop import import_torch

SIZES = (1_000, 10_000, 100_000)
_TIMED_STEPS = 3
_COPIES = 4
"""Copies of every trained number in memory: itself, its gradient, and AdamW's two moments."""


def measure_retraining_costs(
    width: int, whitened_width: int, rows: Callable[[int], float], recipe: SoftmaxRecipe, threads: int
) -> list[RetrainingCost]:
    """Measure what a training costs for catalogues of :data:`SIZES`: time a few steps, and multiply.

    Args:
        width: number of features of a photo.
        whitened_width: number of whitened features.
        rows: number of products -> number of rows that are learned from.
        recipe: how the classifier is trained.
        threads: number of threads for torch.
    """
    import_torch(threads)
    costs = []
    for products in SIZES:
        module = build_softmax_module(
            init_softmax(np.zeros((whitened_width, recipe.hidden_size), np.float32), products, recipe.seed)
        )
        parameter_count = sum(parameter.numel() for parameter in module.parameters())
        feature_bytes = rows(products) * (2 * width + 4 * whitened_width)  # float16, and float32
        seconds = _step_seconds(module, whitened_width, products, recipe) * recipe.steps(products)
        network_bytes = 4 * recipe.hidden_size * (width + products)
        costs.append(
            RetrainingCost(
                products, round(seconds, 1), round(feature_bytes) + _COPIES * 4 * parameter_count, network_bytes
            )
        )
    return costs


def _step_seconds(module: Any, whitened_width: int, products: int, recipe: SoftmaxRecipe) -> float:
    """Return the median duration of a few steps after the first one."""
    torch = import_torch()
    generator = torch.Generator().manual_seed(recipe.seed)
    rows = torch.randn(recipe.classes_per_batch * recipe.rows_per_class, whitened_width, generator=generator)
    classes = torch.randint(products, (len(rows),), generator=generator)
    optimizer = torch.optim.AdamW(module.parameters(), recipe.learning_rate)
    durations = []
    for _ in range(_TIMED_STEPS + 1):
        started = time.perf_counter()
        loss = torch.nn.functional.cross_entropy(module(rows), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        durations.append(time.perf_counter() - started)
    return float(np.median(durations[1:]))
