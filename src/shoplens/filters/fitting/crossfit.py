"""Cross-fitting: folds of groups, and linear heads, each of which was not fitted to the photos of one fold.

A fold never cuts a group: two colours or views of one product are never on both sides of a split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.filters.model.principal_components import round_to_half
from shoplens.filters.photo_features.pixels import Floats
from shoplens.settings import fold_name

FOLDS = 5
"""Number of folds of a catalogue; the head that predicts a photo was fitted to the other four."""
MEAN_HEAD = FOLDS
"""Number of the head that is the mean of all others; it predicts photos that belong to no fold."""

_NEARLY_ALL = 0.9

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]


def fold_index(group: str, folds: int) -> int:
    """Return the fold of a group, 0 to ``folds`` - 1: the same on every machine and in every run, whatever other groups
    there are. Groups are compared folded.

    It is given by the first 8 bytes of the SHA-256 of the name, modulo ``folds``.

    >>> fold_index("MH01", 5) == fold_index(" mh01", 5)
    True

    Raises:
        InvalidValue: there are fewer than two folds.
    """
    if folds < 2:
        raise InvalidValue(f"There are {folds} folds.", "Use 2 or more: one for testing and the others for training.")
    digest = hashlib.sha256(fold_name(group).encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:8], "big") % folds


def number_groups(groups: Iterable[Hashable]) -> Ints:
    """Return int64 (n,): the number of the group of each of n photos, from 0 on, in order of appearance.

    >>> number_groups(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Covariance:
    """Mean and covariance of some photos, the covariance by its eigenvectors.

    Attributes:
        photos: number of photos.
        mean: float32 (m,).
        variances: float64 (m,), eigenvalues: variances along the axes, sums of squares divided by ``photos``.
        axes: float32 (m, m), eigenvectors: orthonormal columns.
    """

    photos: float
    mean: Floats
    variances: Doubles
    axes: Floats

    @classmethod
    def from_sums(cls, photos: float, total: Floats, scatter: Floats) -> Covariance:
        """Return the covariance from the sum of the photos and the sum of their outer products."""
        mean = total / max(photos, 1)
        values, axes = np.linalg.eigh(scatter / np.float32(max(photos, 1)) - np.outer(mean, mean))
        return cls(photos, mean, np.maximum(values.astype(np.float64), 0), axes)


def _covariances_without_each_fold(x: Floats, folds: Ints) -> tuple[Covariance, ...]:
    parts = [x[folds == fold] for fold in range(FOLDS)]
    counts = np.array([len(part) for part in parts], np.float64)
    totals = np.stack([part.sum(axis=0) for part in parts])
    scatters = np.stack([part.T @ part for part in parts])
    counts, totals, scatters = (sums.sum(axis=0) - sums for sums in (counts, totals, scatters))
    return tuple(Covariance.from_sums(float(n), *sums) for n, *sums in zip(counts, totals, scatters, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class CrossFitData:
    """Photos in the principal components, each in a fold.

    Attributes:
        x: float32 (n, m).
        folds: int64 (n,), each in [0, FOLDS).
        covariances: for each fold, the covariance of all photos outside of it.
    """

    x: Floats
    folds: Ints
    covariances: tuple[Covariance, ...]

    @classmethod
    def from_photos(cls, x: Floats, folds: Ints) -> CrossFitData:
        """Return the data with their covariances, which all heads share."""
        return cls(x, folds, _covariances_without_each_fold(x, folds))

    def covariances_of(self, is_used: Bools) -> tuple[Covariance, ...]:
        """Return the covariances of some of the photos; those of all where nearly all are used, which costs nothing."""
        if is_used.sum() >= _NEARLY_ALL * len(is_used):
            return self.covariances
        return _covariances_without_each_fold(self.x[is_used], self.folds[is_used])


@dataclass(frozen=True, slots=True, eq=False)
class ClassSums:
    """The sums over photos and their classes from which least squares and discriminants are solved.

    Attributes:
        covariance: of the photos; it may also contain a few others, which then count as photos of no class.
        photos: number of photos for which the feed gives a value.
        counts: float64 (K,), photos of each class.
        class_deviations: float64 (K, m), sum over each class's photos of their deviation from the mean, along the axes
            of the covariance.
        total_deviation: float64 (m,), the same over all photos for which the feed gives a value.
    """

    covariance: Covariance
    photos: float
    counts: Doubles
    class_deviations: Doubles
    total_deviation: Doubles


def class_sums_without_each_fold(
    data: CrossFitData, covariances: Sequence[Covariance], targets: Floats, is_used: Bools
) -> list[ClassSums]:
    """Return for each fold the sums over all other folds.

    Args:
        covariances: for each fold, see :meth:`CrossFitData.covariances_of`.
        targets: float32 (n, K), 1 where a photo has a class.
        is_used: bool (n,), the photos that count.
    """
    indicators = np.column_stack([targets, np.ones(len(targets), np.float32)]) * is_used[:, None]
    inside = [data.folds == fold for fold in range(FOLDS)]
    counts = np.stack([indicators[part].sum(axis=0, dtype=np.float64) for part in inside])
    totals = np.stack([indicators[part].T @ data.x[part] for part in inside])
    counts, totals = counts.sum(axis=0) - counts, totals.sum(axis=0) - totals
    result = []
    for covariance, count, total in zip(covariances, counts, totals, strict=True):
        deviations = ((total - np.outer(count, covariance.mean)) @ covariance.axes).astype(np.float64)
        result.append(ClassSums(covariance, float(count[-1]), count[:-1], deviations[:-1], deviations[-1]))
    return result


@dataclass(frozen=True, slots=True, eq=False)
class LinearHeads:
    """Linear heads of some classes: for each fold one that was not fitted to it, and their mean last.

    Attributes:
        weights: float32 (FOLDS + 1, m, K).
        bias: float32 (FOLDS + 1, K).
        floor: float32 (K,), least probability of a class, for photos about which the head errs altogether; 0 for none.
    """

    weights: Floats
    bias: Floats
    floor: Floats

    @classmethod
    def from_folds(cls, heads: list[tuple[Floats, Floats]], has_class: Bools | None = None) -> LinearHeads:
        """Return the heads of weights (m, K) and bias (K,) per fold, and their mean.

        Args:
            has_class: bool (FOLDS, K), whether a head was fitted to photos of the class; heads without them are left
                out of the mean. None for all.
        """
        weights, bias = np.stack([head[0] for head in heads]), np.stack([head[1] for head in heads])
        share = np.ones(bias.shape, np.float32) if has_class is None else has_class.astype(np.float32)
        share = share / np.maximum(share.sum(axis=0), 1)
        mean = (weights * share[:, None]).sum(axis=0), (bias * share).sum(axis=0)
        weights, bias = np.concatenate([weights, mean[0][None]]), np.concatenate([bias, mean[1][None]])
        return cls(weights, bias, np.zeros(bias.shape[1], np.float32))

    @classmethod
    def concatenate(cls, many: list[LinearHeads], size: int) -> LinearHeads:
        """Return the heads of the classes of all, in order, rounded to half precision.

        Args:
            size: m, for where there are no heads.
        """
        weights = [np.zeros((FOLDS + 1, size, 0), np.float32), *(heads.weights for heads in many)]
        bias = [np.zeros((FOLDS + 1, 0), np.float32), *(heads.bias for heads in many)]
        floor = [np.zeros(0, np.float32), *(heads.floor for heads in many)]
        return cls(round_to_half(np.concatenate(weights, axis=2)), np.concatenate(bias, axis=1), np.concatenate(floor))

    def logits(self, x: Floats, folds: Ints | None = None) -> Floats:
        """Return float32 (n, K) for photos (n, m), each by the head that was not fitted to its fold, or by the mean."""
        result = np.empty((len(x), self.bias.shape[1]), np.float32)
        if folds is None:
            folds = np.full(len(x), MEAN_HEAD, np.int64)
        for fold in np.unique(folds):
            inside = folds == fold
            result[inside] = x[inside] @ self.weights[fold] + self.bias[fold]
        return result

    def scale(self, slope: Floats | float, offset: Floats, floor: Floats | None = None) -> LinearHeads:
        """Return heads whose logits are slope * logits + offset.

        Args:
            slope: float32 (K,) or one number.
            offset: float32 (K,).
            floor: float32 (K,); None keeps the present one.
        """
        factor = np.asarray(slope, np.float32)
        return LinearHeads(self.weights * factor, self.bias * factor + offset, self.floor if floor is None else floor)


def floored_softmax(logits: Floats, floor: Floats) -> Floats:
    """Return probabilities (n, K): softmax(logits) * (1 - sum of the floor) + floor."""
    result: Floats = softmax(logits) * (1 - floor.sum()) + floor
    return result


def softmax(logits: Floats) -> Floats:
    """Return rows that sum to 1; rows without classes stay as they are."""
    if not logits.shape[1]:
        return logits
    exponentials: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def sigmoid(logits: Floats) -> Floats:
    """Return the logistic sigmoid of every number."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)
