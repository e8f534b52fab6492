"""Scores of heads -> logits whose softmax means what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shoplens.filters.fitting.crossfit import Ints, floored_softmax
from shoplens.filters.photo_features.pixels import Floats

ROWS = 2000
"""Photos that a grid is tried on."""
_TEMPERATURES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6)
_PRIORS = (0.0, 0.25, 0.5, 0.75, 1.0)
_FINER = (0.8, 0.9, 1.0, 1.12, 1.25)
_NEARER = (-0.12, -0.06, 0.0, 0.06, 0.12)
_LAPSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
_FARTHEST = 3.0
"""The last check changes the temperature at most by this factor."""
_HALVINGS = 12
_TINY = 1e-12


class TemperatureScaling(NamedTuple):
    """``read(slope * scores + offset, floor)`` are probabilities, see :func:`fit_temperature`."""

    slope: float
    offset: Floats
    floor: Floats

    def logits(self, scores: Floats) -> Floats:
        """slope * scores + offset."""
        result: Floats = np.float32(self.slope) * scores + self.offset
        return result


def fit_temperature(scores: Floats, classes: Ints) -> TemperatureScaling:
    """p = (1 - e) * softmax(T * scores + t * log prior) + e * prior, with the T, t and e of least log loss.

    T is for how sure the scores are (temperature scaling: Guo, Pleiss, Sun, Weinberger 2017, "On Calibration of Modern
    Neural Networks"), t for how much the classes' frequencies count, and e for the photos that show or are called
    something else altogether: without it they alone would decide T, and all others would be read too timidly (a lapse
    rate: Wichmann, Hill 2001, "The psychometric function: I").

    Three numbers for a whole dimension overfit nothing, so they are taken from the very predictions, made by heads that
    never saw the photo, that are calibrated.

    Args:
        scores: float32 (n, K), of photos that the heads never saw.
        classes: int64 (n,), what each photo is.

    Returns:
        With no photos or one class: slope 0 and the prior.
    """
    count, kinds = scores.shape
    prior = ((np.bincount(classes, minlength=kinds) + 1) / (count + kinds)).astype(np.float32)
    log_prior = np.log(prior)
    if not count or kinds < 2:
        return TemperatureScaling(0.0, log_prior, np.zeros(kinds, np.float32))
    few, more = sample_indices(count, ROWS // 2), sample_indices(count, ROWS)
    rough = _best(scores[few], classes[few], prior, (_TEMPERATURES, _PRIORS))
    finer = [rough[0] * step for step in _FINER], sorted({min(1.0, max(0.0, rough[1] + step)) for step in _NEARER})
    sharp, weight, lapse = _best(scores[more], classes[more], prior, finer)
    return TemperatureScaling(sharp, (weight * log_prior).astype(np.float32), (lapse * prior).astype(np.float32))


def correct_temperature(fit: TemperatureScaling, scores: Floats, classes: Ints) -> TemperatureScaling:
    """The same after a check of its temperature: the mean of the highest probability, photo by photo, becomes the share
    of photos whose highest probability is the right one. Arguments as for :func:`fit_temperature`."""
    if not len(classes) or scores.shape[1] < 2:
        return fit
    some = sample_indices(len(classes), 10 * ROWS)
    logits, their = fit.logits(scores[some]), classes[some]
    low, high = 1 / _FARTHEST, _FARTHEST
    for _ in range(_HALVINGS):
        factor = (low * high) ** 0.5
        said = floored_softmax(np.float32(factor) * logits, fit.floor)
        if said.max(axis=1).mean() < (said.argmax(axis=1) == their).mean():
            low = factor
        else:
            high = factor
    return TemperatureScaling(fit.slope * factor, np.float32(factor) * fit.offset, fit.floor)


def sample_indices(count: int, most: int) -> Ints:
    """Numbers below ``count``: all, or so many that are drawn; always the same."""
    if count <= most:
        return np.arange(count)
    return np.random.default_rng(0).choice(count, most, replace=False)


def _best(
    scores: Floats, classes: Ints, prior: Floats, grid: tuple[Sequence[float], Sequence[float]]
) -> tuple[float, float, float]:
    """T and t of a grid, and e, of least log loss; the first of equal ones.

    The exponentials of a T serve for every t: softmax(T * scores + t * log prior) is exp(T * scores) * prior^t over its
    sum, which is a product of matrices.
    """
    raised = prior ** np.array(grid[1], np.float32)[:, None]
    lapses = np.array(_LAPSES, np.float32)
    base = (prior[classes] * lapses[:, None])[:, :, None]
    scores = scores - scores.max(axis=1, keepdims=True)
    found = []
    for sharp in grid[0]:
        parts = np.exp(np.float32(sharp) * scores)
        own = parts[np.arange(len(classes)), classes, None] * raised.T[classes] / (parts @ raised.T)
        losses = -np.log(np.maximum((1 - lapses)[:, None, None] * own + base, _TINY)).mean(axis=1)
        lapse, weight = divmod(int(losses.argmin()), losses.shape[1])
        found.append((float(losses[lapse, weight]), sharp, grid[1][weight], _LAPSES[lapse]))
    return min(found)[1:]
