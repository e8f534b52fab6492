"""Temperature scaling: turns scores of heads into logits whose softmax is a calibrated probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shoplens.filters.fitting.crossfit import Ints, floored_softmax
from shoplens.filters.photo_features.pixels import Floats

GRID_PHOTOS = 2000
"""Photos on which a grid is searched."""
_TEMPERATURES = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6)
_PRIOR_EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_FINE_FACTORS = (0.8, 0.9, 1.0, 1.12, 1.25)
_FINE_STEPS = (-0.12, -0.06, 0.0, 0.06, 0.12)
_LAPSE_RATES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
_MAX_CORRECTION = 3.0
"""The final correction changes the temperature at most by this factor."""
_BISECTIONS = 12
_TINY = 1e-12


class TemperatureScaling(NamedTuple):
    """``floored_softmax(slope * scores + offset, floor)`` are probabilities, see :func:`fit_temperature`."""

    slope: float
    offset: Floats
    floor: Floats

    def logits(self, scores: Floats) -> Floats:
        """Return slope * scores + offset."""
        result: Floats = np.float32(self.slope) * scores + self.offset
        return result


def fit_temperature(scores: Floats, classes: Ints) -> TemperatureScaling:
    """Fit p = (1 - e) * softmax(T * scores + t * log prior) + e * prior, with the T, t and e of least log loss.

    T sets how confident the scores are (temperature scaling: Guo, Pleiss, Sun, Weinberger 2017, "On Calibration of
    Modern Neural Networks"), t how much the classes' frequencies count, and e allows for photos that show or are called
    something else altogether: without it they alone would decide T, and all others would get too low confidences (a
    lapse rate: Wichmann, Hill 2001, "The psychometric function: I").

    Three numbers for a whole dimension do not overfit, so they are fitted to the very predictions that are calibrated,
    which come from heads that were not fitted to the photo.

    Args:
        scores: float32 (n, K), of photos that the heads were not fitted to.
        classes: int64 (n,), the class of each photo.

    Returns:
        With no photos or one class: slope 0 and the prior.
    """
    count, class_count = scores.shape
    prior = ((np.bincount(classes, minlength=class_count) + 1) / (count + class_count)).astype(np.float32)
    log_prior = np.log(prior)
    if not count or class_count < 2:
        return TemperatureScaling(0.0, log_prior, np.zeros(class_count, np.float32))
    half, whole = sample_indices(count, GRID_PHOTOS // 2), sample_indices(count, GRID_PHOTOS)
    coarse = _search_grid(scores[half], classes[half], prior, (_TEMPERATURES, _PRIOR_EXPONENTS))
    fine_temperatures = [coarse[0] * factor for factor in _FINE_FACTORS]
    fine_exponents = sorted({min(1.0, max(0.0, coarse[1] + step)) for step in _FINE_STEPS})
    temperature, exponent, lapse = _search_grid(
        scores[whole], classes[whole], prior, (fine_temperatures, fine_exponents)
    )
    return TemperatureScaling(
        temperature, (exponent * log_prior).astype(np.float32), (lapse * prior).astype(np.float32)
    )


def correct_temperature(scaling: TemperatureScaling, scores: Floats, classes: Ints) -> TemperatureScaling:
    """Return the scaling with a corrected temperature: the mean of the highest probability of each photo becomes the
    share of photos whose most probable class is correct. Arguments as for :func:`fit_temperature`."""
    if not len(classes) or scores.shape[1] < 2:
        return scaling
    sample = sample_indices(len(classes), 10 * GRID_PHOTOS)
    logits, sample_classes = scaling.logits(scores[sample]), classes[sample]
    low, high = 1 / _MAX_CORRECTION, _MAX_CORRECTION
    for _ in range(_BISECTIONS):
        factor = (low * high) ** 0.5
        probabilities = floored_softmax(np.float32(factor) * logits, scaling.floor)
        if probabilities.max(axis=1).mean() < (probabilities.argmax(axis=1) == sample_classes).mean():
            low = factor
        else:
            high = factor
    return TemperatureScaling(scaling.slope * factor, np.float32(factor) * scaling.offset, scaling.floor)


def sample_indices(count: int, max_count: int) -> Ints:
    """Return indices below ``count``: all of them, or ``max_count`` that are drawn, always the same."""
    if count <= max_count:
        return np.arange(count)
    return np.random.default_rng(0).choice(count, max_count, replace=False)


def _search_grid(
    scores: Floats, classes: Ints, prior: Floats, grid: tuple[Sequence[float], Sequence[float]]
) -> tuple[float, float, float]:
    """Return the T and t of a grid, and the e, of least log loss; the first of equals.

    The exponentials for one T serve every t: softmax(T * scores + t * log prior) is exp(T * scores) * prior^t divided
    by its sum, which is a matrix product.
    """
    powers = prior ** np.array(grid[1], np.float32)[:, None]
    lapses = np.array(_LAPSE_RATES, np.float32)
    lapse_part = (prior[classes] * lapses[:, None])[:, :, None]
    scores = scores - scores.max(axis=1, keepdims=True)
    candidates = []
    for temperature in grid[0]:
        exponentials = np.exp(np.float32(temperature) * scores)
        own = exponentials[np.arange(len(classes)), classes, None] * powers.T[classes] / (exponentials @ powers.T)
        losses = -np.log(np.maximum((1 - lapses)[:, None, None] * own + lapse_part, _TINY)).mean(axis=1)
        lapse, exponent = divmod(int(losses.argmin()), losses.shape[1])
        candidates.append((float(losses[lapse, exponent]), temperature, grid[1][exponent], _LAPSE_RATES[lapse]))
    return min(candidates)[1:]
