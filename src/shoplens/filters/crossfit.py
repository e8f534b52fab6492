"""Sums over the photos of each fold, from which a head for any four of five folds is solved at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.filters.basis import half
from shoplens.filters.pixels import Floats

FOLDS = 5
"""Parts of a catalogue; the head that reads a photo was fitted to the other four."""
MEAN = FOLDS
"""Stands for a photo of no fold: it is read by the mean of all heads."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Photos in the basis, each in a fold.

    Attributes:
        x: float32 (n, m).
        folds: int64 (n,), each in [0, FOLDS).
        scatter: float32 (FOLDS, m, m), sum of the outer products of each fold's photos.
    """

    x: Floats
    folds: Ints
    scatter: Floats

    @classmethod
    def of(cls, x: Floats, folds: Ints) -> Rows:
        """Rows with their scatter."""
        return cls(x, folds, np.stack([_scatter(x[folds == fold]) for fold in range(FOLDS)]))

    def scatter_of(self, used: Bools) -> Floats:
        """float32 (FOLDS, m, m) of some photos only; the cheaper of adding them up and taking the others off."""
        if used.all():
            return self.scatter
        less = 2 * used.sum() > len(used)
        picked = ~used if less else used
        parts = np.stack([_scatter(self.x[picked & (self.folds == fold)]) for fold in range(FOLDS)])
        return self.scatter - parts if less else parts


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What least squares and discriminants need to know of some photos.

    Attributes:
        photos: how many.
        total: float32 (m,), sum of the photos.
        scatter: float32 (m, m), sum of their outer products.
        counts: float32 (K,), photos of each class.
        of_class: float32 (K, m), sum of each class's photos.
    """

    photos: float
    total: Floats
    scatter: Floats
    counts: Floats
    of_class: Floats


def sums_without_each_fold(rows: Rows, targets: Floats, used: Bools) -> list[Sums]:
    """For each fold the sums over all other folds.

    Args:
        targets: float32 (n, K), 1 where a photo is of a class.
        used: bool (n,), the photos that count.
    """
    scatter = rows.scatter_of(used)
    parts = []
    for fold in range(FOLDS):
        inside = used & (rows.folds == fold)
        x, y = rows.x[inside], targets[inside]
        parts.append(Sums(float(inside.sum()), x.sum(axis=0), scatter[fold], y.sum(axis=0), y.T @ x))
    return [_added([part for other, part in enumerate(parts) if other != fold]) for fold in range(FOLDS)]


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Linear heads of some classes: one per fold that it never saw, and the mean of those last.

    Attributes:
        weights: float32 (FOLDS + 1, m, K).
        bias: float32 (FOLDS + 1, K).
        floor: float32 (K,), what a class of its block gets of a photo that the head errs about; 0 where there is none.
    """

    weights: Floats
    bias: Floats
    floor: Floats

    @classmethod
    def of(cls, heads: list[tuple[Floats, Floats]], seen: Bools | None = None) -> Heads:
        """One weights (m, K) and bias (K,) per fold; the mean leaves out those heads that never saw a class.

        Args:
            seen: bool (FOLDS, K), whether a head's photos had the class; all when omitted.
        """
        weights, bias = np.stack([head[0] for head in heads]), np.stack([head[1] for head in heads])
        share = np.ones(bias.shape, np.float32) if seen is None else seen.astype(np.float32)
        share = share / np.maximum(share.sum(axis=0), 1)
        mean = (weights * share[:, None]).sum(axis=0), (bias * share).sum(axis=0)
        weights, bias = np.concatenate([weights, mean[0][None]]), np.concatenate([bias, mean[1][None]])
        return cls(weights, bias, np.zeros(bias.shape[1], np.float32))

    @classmethod
    def beside(cls, many: list[Heads], size: int) -> Heads:
        """The classes of all, in order, held to half precision; ``size`` is m, for where there are none."""
        weights = [np.zeros((FOLDS + 1, size, 0), np.float32), *(heads.weights for heads in many)]
        bias = [np.zeros((FOLDS + 1, 0), np.float32), *(heads.bias for heads in many)]
        floor = [np.zeros(0, np.float32), *(heads.floor for heads in many)]
        return cls(half(np.concatenate(weights, axis=2)), np.concatenate(bias, axis=1), np.concatenate(floor))

    def logits(self, x: Floats, folds: Ints | None = None) -> Floats:
        """float32 (n, K) of photos (n, m), each by the head that never saw its fold, or by the mean."""
        result = np.empty((len(x), self.bias.shape[1]), np.float32)
        if folds is None:
            folds = np.full(len(x), MEAN, np.int64)
        for fold in np.unique(folds):
            inside = folds == fold
            result[inside] = x[inside] @ self.weights[fold] + self.bias[fold]
        return result

    def scaled(self, slope: Floats | float, offset: Floats, floor: Floats | None = None) -> Heads:
        """Heads whose logits are slope * logits + offset.

        Args:
            slope: float32 (K,) or one number.
            offset: float32 (K,).
            floor: float32 (K,); as it was when omitted.
        """
        factor = np.asarray(slope, np.float32)
        return Heads(self.weights * factor, self.bias * factor + offset, self.floor if floor is None else floor)


def _scatter(x: Floats) -> Floats:
    return x.T @ x


def _added(parts: list[Sums]) -> Sums:
    return Sums(
        sum(part.photos for part in parts),
        np.sum([part.total for part in parts], axis=0, dtype=np.float32),
        np.sum([part.scatter for part in parts], axis=0, dtype=np.float32),
        np.sum([part.counts for part in parts], axis=0, dtype=np.float32),
        np.sum([part.of_class for part in parts], axis=0, dtype=np.float32),
    )
