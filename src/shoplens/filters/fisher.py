"""Which one class a photo is of: linear discriminant analysis, fitted so that wrong labels do little harm."""

from __future__ import annotations

import numpy as np

from shoplens.filters.calibrated import Softening, checked, softened, softmax
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
    """Heads whose logits and floor are calibrated probabilities, see :func:`~shoplens.filters.calibrated.read`.

    The shrinkage is the one of .05, .1, .3 and 1 that reads most photos rightly which the heads never saw, counting
    photos and classes alike (the mean of accuracy and balanced accuracy); of equals the least. Log loss alone prefers
    more shrinkage, and loses classes of few photos by it.

    Photos whose label is hardly to be believed are then left out and the heads solved again: those whose own class has
    a probability below .02 while another has one above .9, floor aside. It is the idea of Northcutt, Jiang, Chuang
    2021, "Confident Learning: Estimating Uncertainty in Dataset Labels". They still count when probabilities are
    calibrated, and wherever quality is measured.

    Args:
        rows: photos in the basis.
        classes: int64 (n,), :data:`UNKNOWN` where the feed is silent.
        kinds: how many classes there are; some may have no photo.
    """
    known = classes != UNKNOWN
    targets = np.zeros((len(classes), kinds), np.float32)
    targets[known, classes[known]] = 1
    sums = sums_without_each_fold(rows, targets, known)
    shrinkage, heads = max(
        ((part, _solved(rows, classes, sums, part)) for part in _SHRINKAGES),
        key=lambda one: _right(one[1], rows, classes),
    )
    doubted = _doubted(heads, rows, classes)
    if doubted.any():
        heads = _solved(rows, classes, sums_without_each_fold(rows, targets, known & ~doubted), shrinkage)
    return _checked(heads, rows, classes)


def _solved(rows: Rows, classes: Ints, sums: list[Sums], shrinkage: float) -> Heads:
    """Calibrated heads, their temperature not yet checked."""
    seen = np.stack([part.counts > 0 for part in sums])
    heads = Heads.of([discriminant(part, shrinkage) for part in sums], seen)
    known = np.flatnonzero(classes != UNKNOWN)
    return heads.scaled(*softened(heads.logits(rows.x[known], rows.folds[known]), classes[known]))


def _checked(heads: Heads, rows: Rows, classes: Ints) -> Heads:
    known = np.flatnonzero(classes != UNKNOWN)
    as_is = Softening(1.0, np.zeros(len(heads.floor), np.float32), heads.floor)
    return heads.scaled(*checked(as_is, heads.logits(rows.x[known], rows.folds[known]), classes[known]))


def _right(heads: Heads, rows: Rows, classes: Ints) -> float:
    """Mean of accuracy and balanced accuracy on photos that the heads never saw."""
    known = np.flatnonzero(classes != UNKNOWN)
    if not known.size:
        return 0.0
    their = classes[known]
    hits = their[heads.logits(rows.x[known], rows.folds[known]).argmax(axis=1) == their]
    counts = np.bincount(their)
    recalls = np.bincount(hits, minlength=len(counts))[counts > 0] / counts[counts > 0]
    return (len(hits) / len(their) + float(recalls.mean())) / 2


def _doubted(heads: Heads, rows: Rows, classes: Ints) -> Bools:
    """bool (n,): photos whose label the heads that never saw them hardly believe."""
    known = np.flatnonzero(classes != UNKNOWN)
    sure = softmax(heads.logits(rows.x[known], rows.folds[known]))
    doubted = np.zeros(len(classes), np.bool_)
    if sure.shape[1]:
        own = sure[np.arange(len(known)), classes[known]]
        doubted[known] = (own < _LEAST) & (sure.max(axis=1) > _MOST)
    return doubted
