"""Linear discriminant analysis for one class per photo and for trees, fitted so that wrong labels do little harm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shoplens.filters.fitting.crossfit import (
    Bools,
    ClassSums,
    CrossFitData,
    Ints,
    LinearHeads,
    class_sums_without_each_fold,
    softmax,
)
from shoplens.filters.fitting.temperature_scaling import (
    GRID_PHOTOS,
    TemperatureScaling,
    correct_temperature,
    fit_temperature,
    sample_indices,
)
from shoplens.filters.model.class_layout import ClassTree
from shoplens.filters.photo_features.pixels import Floats

UNKNOWN = -1
"""Class of a photo for which the feed gives no value."""
_SHRINKAGES = (0.02, 0.05, 0.1, 0.3, 1.0, 3.0)
_PRIOR_PHOTOS = 2.0
"""A class's mean is shrunk to the mean of all as if so many more of its photos lay there."""
_TREE_TEMPERATURES = tuple(float(step) for step in np.geomspace(0.25, 1.6, 25))
_MIN_PROBABILITY = 1e-12
_DOUBTFUL_OWN, _DOUBTFUL_OTHER = 0.02, 0.9
"""A label is doubtful where its class has less than the first probability and another class more than the second."""


def solve_discriminant(sums: ClassSums, shrinkage: float) -> tuple[Floats, Floats]:
    """Return weights (m, K) and bias (K,) of Fisher's linear discriminant with a shrunk covariance.

        score_k(x) = (mu_k - mu)' C⁻¹ (x - mu) - (mu_k - mu)' C⁻¹ (mu_k - mu) / 2
        C = within-class covariance + shrinkage * (its mean eigenvalue) * I

    Up to a constant it is the log likelihood of x in class k, and 0 for a class without photos. Class means are shrunk
    towards the mean of all: mu_k = mu + (mean_k - mu) * n_k / (n_k + 2). A photo without a class deviates from mu.
    Ledoit, Wolf 2004, "A well-conditioned estimator for large-dimensional covariance matrices"; Friedman 1989,
    "Regularized Discriminant Analysis".

    C is the known covariance of all photos minus that of the class means, whose rank is at most the number of classes;
    so only a system of K equations is solved (Woodbury 1950, "Inverting Modified Matrices").

    Args:
        sums: sums over the training photos, each of one class.
    """
    covariance, counts = sums.covariance, sums.counts[:, None]
    size, photos = len(covariance.mean), max(covariance.photos, 1.0)
    means = sums.class_deviations / np.maximum(counts, 1) * (counts / (counts + _PRIOR_PHOTOS))
    explained = np.where(counts > 0, counts + 2 * _PRIOR_PHOTOS, 0) / photos * means
    within = float(covariance.variances.sum() - (explained * means).sum())
    ridge = max(shrinkage * within / max(size, 1), 1e-6)
    scaled = means / (covariance.variances + ridge)
    solution = np.linalg.solve(np.eye(len(means)) - scaled @ explained.T, scaled)
    weights = covariance.axes @ solution.T.astype(np.float32)
    bias = -(means * solution).sum(axis=1) / 2 - covariance.mean @ weights
    return weights, bias.astype(np.float32)


def fit_fisher_heads(data: CrossFitData, classes: Ints, class_count: int) -> LinearHeads:
    """Fit heads whose logits and floor give calibrated probabilities by :func:`floored_softmax`.

    The shrinkage is the one of .02, .05, .1, .3, 1 and 3 under which most photos are predicted correctly by heads that
    were not fitted to them, counting photos and classes equally (the mean of accuracy and balanced accuracy); the
    smallest of equals. Log loss alone would choose more shrinkage, and lose classes of few photos.

    Photos with a doubtful label then count as photos of no class, and the heads are solved again: those whose own class
    has a probability below .02 while another has one above .9, without the floor. The idea is from Northcutt, Jiang,
    Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels". These photos still count when
    probabilities are calibrated, and wherever quality is measured.

    Args:
        data: photos in the principal components.
        classes: int64 (n,), :data:`UNKNOWN` where the feed gives no value.
        class_count: number of classes; some may have no photo.
    """
    is_known = classes != UNKNOWN
    targets = np.zeros((len(classes), class_count), np.float32)
    targets[is_known, classes[is_known]] = 1
    x, folds, known_classes = data.x[is_known], data.folds[is_known], classes[is_known]
    covariances = data.covariances_of(is_known)
    sums = class_sums_without_each_fold(data, covariances, targets, is_known)
    candidates = [_solve_heads(sums, shrinkage) for shrinkage in _SHRINKAGES]
    scores = [heads.logits(x, folds) for heads in candidates]
    scalings = [fit_temperature(each, known_classes) for each in scores]
    best = max(range(len(candidates)), key=lambda n: _mean_accuracy(scalings[n].logits(scores[n]), known_classes))
    heads, scaling, best_scores = candidates[best], scalings[best], scores[best]
    is_doubtful = _doubtful_mask(scaling.logits(best_scores), known_classes)
    if is_doubtful.any():
        is_trusted = is_known.copy()
        is_trusted[is_known] = ~is_doubtful
        trusted_sums = class_sums_without_each_fold(data, covariances, targets, is_trusted)
        heads = _solve_heads(trusted_sums, _SHRINKAGES[best])
        best_scores = heads.logits(x, folds)
        scaling = fit_temperature(best_scores, known_classes)
    return heads.scale(*correct_temperature(scaling, best_scores, known_classes))


def fit_tree_heads(data: CrossFitData, tree: ClassTree, known: list[tuple[str, ...]]) -> tuple[ClassTree, LinearHeads]:
    """Return the tree with its fitted temperature, and heads for all levels side by side.

    Each level has heads of its own, fitted to the products that reach it. The temperature is the one of least log loss
    on photos that the heads were not fitted to and whose products end at a leaf, corrected as that of any other
    dimension is.

    Args:
        data: n photos in the principal components.
        known: for each photo the nodes that the feed puts its product in; none where it gives no value.
    """
    positions = {names: tree.level_positions(names) for names in set(known)}
    by_level = np.array([[UNKNOWN if p is None else p for p in positions[names]] for names in known], np.int64)
    by_level = by_level.reshape(len(known), len(tree.levels))
    level_heads = [fit_fisher_heads(data, by_level[:, n], len(level)) for n, level in enumerate(tree.levels)]
    heads = LinearHeads.concatenate(level_heads, data.x.shape[1])
    leaves = _leaf_indices(tree, known)
    photos = np.flatnonzero(leaves != UNKNOWN)
    if not photos.size:
        return tree, heads
    photos = photos[sample_indices(len(photos), 10 * GRID_PHOTOS)]
    logits = tree.leaf_logits(heads.logits(data.x[photos], data.folds[photos]), heads.floor)
    best = min(_TREE_TEMPERATURES, key=lambda t: _log_loss(np.float32(t) * logits, leaves[photos]))
    zeros = np.zeros(len(tree.leaves), np.float32)
    scaling = correct_temperature(TemperatureScaling(best, zeros, zeros), logits, leaves[photos])
    return replace(tree, temperature=float(scaling.slope)), heads


def _solve_heads(sums: list[ClassSums], shrinkage: float) -> LinearHeads:
    has_class = np.stack([fold.counts > 0 for fold in sums])
    return LinearHeads.from_folds([solve_discriminant(fold, shrinkage) for fold in sums], has_class)


def _mean_accuracy(logits: Floats, classes: Ints) -> float:
    """Return the mean of accuracy and balanced accuracy."""
    if not len(classes):
        return 0.0
    hits = classes[logits.argmax(axis=1) == classes]
    counts = np.bincount(classes)
    recalls = np.bincount(hits, minlength=len(counts))[counts > 0] / counts[counts > 0]
    return (len(hits) / len(classes) + float(recalls.mean())) / 2


def _doubtful_mask(logits: Floats, classes: Ints) -> Bools:
    """Return bool (n,): photos with a doubtful label, by heads that were not fitted to them."""
    probabilities = softmax(logits)
    if not probabilities.size:
        return np.zeros(len(classes), np.bool_)
    own = probabilities[np.arange(len(classes)), classes]
    return np.asarray((own < _DOUBTFUL_OWN) & (probabilities.max(axis=1) > _DOUBTFUL_OTHER))


def _leaf_indices(tree: ClassTree, known: list[tuple[str, ...]]) -> Ints:
    """Return int64 (n,): the leaf that each photo's product ends in, UNKNOWN where it ends above one."""
    indices = {leaf: index for index, leaf in enumerate(tree.leaves)}
    return np.array([next((indices[n] for n in names if n in indices), UNKNOWN) for names in known], np.int64)


def _log_loss(logits: Floats, classes: Ints) -> float:
    """Return the mean of -log p(class), in nats."""
    own = softmax(logits)[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(own, _MIN_PROBABILITY)).mean())
