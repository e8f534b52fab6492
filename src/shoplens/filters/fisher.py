"""Which one class a photo is of: linear discriminant analysis, fitted so that wrong labels do little harm."""

from __future__ import annotations

import numpy as np

from shoplens.filters.calibrated import Softening, read, softened
from shoplens.filters.crossfit import Bools, Heads, Ints, Rows, Sums, sums_without_each_fold
from shoplens.filters.pixels import Floats

UNKNOWN = -1
"""Class of a photo that the feed says nothing about."""
_SHRINKAGES = (0.05, 0.1, 0.3, 1.0)
_FEW = 2.0
"""A class's mean is drawn to the mean of all as if so many more of its photos lay there."""
_LEAST, _MOST = 0.02, 0.9


def discriminant(sums: Sums, shrinkage: float) -> tuple[Floats, Floats]:
    """Weights (m, K) and bias (K,) of Fisher's linear discriminant with a shrunk covariance.

        score_k(x) = (mu_k - mu)' C⁻¹ (x - mu) - (mu_k - mu)' C⁻¹ (mu_k - mu) / 2
        C = within-class covariance + shrinkage * (its mean eigenvalue) * I

    Up to a constant it is the log likelihood of x in class k, 0 for a class that has no photos. Class means are shrunk
    towards the mean of all: mu_k = mu + (mean_k - mu) * n_k / (n_k + 2). Ledoit, Wolf 2004, "A well-conditioned
    estimator for large-dimensional covariance matrices"; Friedman 1989, "Regularized Discriminant Analysis".

    Args:
        sums: of the photos to learn from, each of one class.
    """
    size, photos = len(sums.total), max(sums.photos, 1.0)
    mean = sums.total / photos
    own = sums.of_class / np.maximum(sums.counts, 1)[:, None]
    apart = (own - mean) * (sums.counts / (sums.counts + _FEW))[:, None]
    middle = mean + apart
    crossed = (sums.counts[:, None] * own).T @ middle
    within = sums.scatter - crossed - crossed.T + (sums.counts[:, None] * middle).T @ middle
    within = within / photos
    ridge = shrinkage * float(np.trace(within)) / max(size, 1)
    within[np.diag_indices(size)] += max(ridge, 1e-6)
    weights = np.linalg.solve(within, apart.T)
    return weights, -(apart * weights.T).sum(axis=1) / 2 - mean @ weights


def fisher_heads(rows: Rows, classes: Ints, kinds: int) -> Heads:
    """Heads whose logits and floor, as :func:`~shoplens.filters.calibrated.read`, are the calibrated probabilities of ``kinds`` classes.

    The shrinkage is the one of .05, .1, .3 and 1 with the least log loss on photos that the heads never saw. Photos
    whose label is hardly to be believed are then left out and the heads solved again: those whose own class has a
    probability below .02 while another has one above .9. It is the idea of Northcutt, Jiang, Chuang 2021, "Confident
    Learning: Estimating Uncertainty in Dataset Labels". They still count when probabilities are calibrated, and
    wherever quality is measured.

    Args:
        rows: photos in the basis.
        classes: int64 (n,), :data:`UNKNOWN` where the feed is silent.
        kinds: how many classes there are; some may have no photo.
    """
    known = classes != UNKNOWN
    targets = np.zeros((len(classes), kinds), np.float32)
    targets[known, classes[known]] = 1
    sums = sums_without_each_fold(rows, targets, known)
    tried = {part: _solved(rows, classes, sums, part) for part in _SHRINKAGES}
    best = min(_SHRINKAGES, key=lambda part: tried[part][1].loss)
    heads, fit = tried[best]
    doubted = _doubted(heads.scaled(fit.slope, fit.offset, fit.floor), rows, classes)
    if doubted.any():
        heads, fit = _solved(rows, classes, sums_without_each_fold(rows, targets, known & ~doubted), best)
    return heads.scaled(fit.slope, fit.offset, fit.floor)


def _solved(rows: Rows, classes: Ints, sums: list[Sums], shrinkage: float) -> tuple[Heads, Softening]:
    """Heads of one shrinkage, and how their scores become probabilities."""
    seen = np.stack([part.counts > 0 for part in sums])
    heads = Heads.of([discriminant(part, shrinkage) for part in sums], seen)
    known = classes != UNKNOWN
    return heads, softened(heads.logits(rows.x[known], rows.folds[known]), classes[known])


def _doubted(heads: Heads, rows: Rows, classes: Ints) -> Bools:
    """bool (n,): photos whose label the heads that never saw them hardly believe."""
    known = np.flatnonzero(classes != UNKNOWN)
    sure = read(heads.logits(rows.x[known], rows.folds[known]), heads.floor)
    doubted = np.zeros(len(classes), np.bool_)
    if sure.shape[1]:
        own = sure[np.arange(len(known)), classes[known]]
        doubted[known] = (own < _LEAST) & (sure.max(axis=1) > _MOST)
    return doubted
