"""Linear discriminant analysis for one class per photo and for trees, fitted so that wrong labels do little harm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shoplens.filters.fitting.crossfit import (
    Bools,
    Heads,
    Ints,
    Rows,
    Sums,
    softmax,
    sums_without_each_fold,
)
from shoplens.filters.fitting.temperature_scaling import (
    ROWS,
    TemperatureScaling,
    correct_temperature,
    fit_temperature,
    sample_indices,
)
from shoplens.filters.model.class_layout import Tree
from shoplens.filters.photo_features.pixels import Floats

UNKNOWN = -1
"""Class of a photo that the feed says nothing about."""
_SHRINKAGES = (0.02, 0.05, 0.1, 0.3, 1.0, 3.0)
_FEW = 2.0
"""A class's mean is drawn to the mean of all as if so many more of its photos lay there."""
_TEMPERATURES = tuple(float(step) for step in np.geomspace(0.25, 1.6, 25))
_MIN_PROBABILITY = 1e-12
_LEAST, _MOST = 0.02, 0.9


def discriminant(sums: Sums, shrinkage: float) -> tuple[Floats, Floats]:
    """Weights (m, K) and bias (K,) of Fisher's linear discriminant with a shrunk covariance.

        score_k(x) = (mu_k - mu)' C⁻¹ (x - mu) - (mu_k - mu)' C⁻¹ (mu_k - mu) / 2
        C = within-class covariance + shrinkage * (its mean eigenvalue) * I

    Up to a constant it is the log likelihood of x in class k, 0 for a class that has no photos. Class means are shrunk
    towards the mean of all: mu_k = mu + (mean_k - mu) * n_k / (n_k + 2). A photo without a class deviates from mu.
    Ledoit, Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices"; Friedman 1989,
    "Regularized Discriminant Analysis".

    C is the covariance of all photos, whose spread is known, less that of the class means, which has no more directions
    than there are classes; so only a system of K equations is solved (Woodbury 1950, "Inverting Modified Matrices").

    Args:
        sums: of the photos to learn from, each of one class.
    """
    spread, counts = sums.spread, sums.counts[:, None]
    size, photos = len(spread.mean), max(spread.photos, 1.0)
    apart = sums.apart / np.maximum(counts, 1) * (counts / (counts + _FEW))
    explained = np.where(counts > 0, counts + 2 * _FEW, 0) / photos * apart
    within = float(spread.variances.sum() - (explained * apart).sum())
    ridge = max(shrinkage * within / max(size, 1), 1e-6)
    eased = apart / (spread.variances + ridge)
    solved = np.linalg.solve(np.eye(len(apart)) - eased @ explained.T, eased)
    weights = spread.axes @ solved.T.astype(np.float32)
    bias = -(apart * solved).sum(axis=1) / 2 - spread.mean @ weights
    return weights, bias.astype(np.float32)


def fisher_heads(rows: Rows, classes: Ints, kinds: int) -> Heads:
    """Heads whose logits and floor are calibrated probabilities, see ``read``.

    The shrinkage is the one of .02, .05, .1, .3, 1 and 3 that reads most photos rightly which the heads never saw,
    counting photos and classes alike (the mean of accuracy and balanced accuracy); of equals the least. Log loss alone
    prefers more shrinkage, and loses classes of few photos by it.

    Photos whose label is hardly to be believed then count as photos of no class, and the heads are solved again: those
    whose own class has a probability below .02 while another has one above .9, floor aside. It is the idea of
    Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels". They still count when
    probabilities are calibrated, and wherever quality is measured.

    Args:
        rows: photos in the basis.
        classes: int64 (n,), :data:`UNKNOWN` where the feed is silent.
        kinds: how many classes there are; some may have no photo.
    """
    known = classes != UNKNOWN
    targets = np.zeros((len(classes), kinds), np.float32)
    targets[known, classes[known]] = 1
    x, folds, their = rows.x[known], rows.folds[known], classes[known]
    spreads = rows.spreads_of(known)
    sums = sums_without_each_fold(rows, spreads, targets, known)
    tried = [_solve(sums, shrinkage) for shrinkage in _SHRINKAGES]
    scores = [heads.logits(x, folds) for heads in tried]
    fits = [fit_temperature(each, their) for each in scores]
    best = max(range(len(tried)), key=lambda one: _right(fits[one].logits(scores[one]), their))
    heads, fit, own = tried[best], fits[best], scores[best]
    doubted = _doubtful_mask(fit.logits(own), their)
    if doubted.any():
        kept = known.copy()
        kept[known] = ~doubted
        heads = _solve(sums_without_each_fold(rows, spreads, targets, kept), _SHRINKAGES[best])
        own = heads.logits(x, folds)
        fit = fit_temperature(own, their)
    return heads.scale(*correct_temperature(fit, own, their))


def _solve(sums: list[Sums], shrinkage: float) -> Heads:
    seen = np.stack([part.counts > 0 for part in sums])
    return Heads.of([discriminant(part, shrinkage) for part in sums], seen)


def _right(logits: Floats, classes: Ints) -> float:
    """Mean of accuracy and balanced accuracy on photos that the heads never saw."""
    if not len(classes):
        return 0.0
    hits = classes[logits.argmax(axis=1) == classes]
    counts = np.bincount(classes)
    recalls = np.bincount(hits, minlength=len(counts))[counts > 0] / counts[counts > 0]
    return (len(hits) / len(classes) + float(recalls.mean())) / 2


def _doubtful_mask(logits: Floats, classes: Ints) -> Bools:
    """bool (n,): photos whose label the heads that never saw them hardly believe."""
    sure = softmax(logits)
    if not sure.size:
        return np.zeros(len(classes), np.bool_)
    own = sure[np.arange(len(classes)), classes]
    return np.asarray((own < _LEAST) & (sure.max(axis=1) > _MOST))


def tree_heads(rows: Rows, tree: Tree, known: list[tuple[str, ...]]) -> tuple[Tree, Heads]:
    """The tree with its temperature, and heads for all levels side by side.

    Each level has heads of its own, fitted to the products that reach it. The temperature is the one of least log loss
    on photos that the heads never saw and whose products end at a leaf, checked as that of any other dimension is.

    Args:
        rows: n photos in the basis.
        known: per photo the nodes that the feed puts it in; none where it is silent.
    """
    places = {names: tree.places(names) for names in set(known)}
    by_level = np.array([[UNKNOWN if p is None else p for p in places[names]] for names in known], np.int64)
    by_level = by_level.reshape(len(known), len(tree.levels))
    heads = [fisher_heads(rows, by_level[:, number], len(level)) for number, level in enumerate(tree.levels)]
    together = Heads.beside(heads, rows.x.shape[1])
    ends = _leaves(tree, known)
    used = np.flatnonzero(ends != UNKNOWN)
    if not used.size:
        return tree, together
    used = used[sample_indices(len(used), 10 * ROWS)]
    logits = tree.leaf_logits(together.logits(rows.x[used], rows.folds[used]), together.floor)
    best = min(_TEMPERATURES, key=lambda t: _log_loss(np.float32(t) * logits, ends[used]))
    nothing = np.zeros(len(tree.leaves), np.float32)
    fit = correct_temperature(TemperatureScaling(best, nothing, nothing), logits, ends[used])
    return replace(tree, temperature=float(fit.slope)), together


def _leaves(tree: Tree, known: list[tuple[str, ...]]) -> Ints:
    """int64 (n,): the leaf that each photo's product ends in, UNKNOWN where it ends above one."""
    number = {leaf: place for place, leaf in enumerate(tree.leaves)}
    return np.array([next((number[n] for n in names if n in number), UNKNOWN) for names in known], np.int64)


def _log_loss(logits: Floats, classes: Ints) -> float:
    """Mean of -log p(class), nats."""
    return float(-np.log(np.maximum(softmax(logits)[np.arange(len(classes)), classes], _MIN_PROBABILITY)).mean())
