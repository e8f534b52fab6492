"""Cross-fitting: folds of groups, and linear heads of which each never saw the photos of one fold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shoplens.errors import InvalidValue
from shoplens.filters.model.principal_components import half
from shoplens.filters.photo_features.pixels import Floats
from shoplens.preferences import fold_name
from shoplens.types import Product

FOLDS = 5
"""Parts of a catalogue; the head that reads a photo was fitted to the other four."""
MEAN = FOLDS
"""Stands for a photo of no fold: it is read by the mean of all heads."""

_NEARLY_ALL = 0.9

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How some photos lie around their mean, whatever they are of.

    Attributes:
        photos: how many.
        mean: float32 (m,).
        variances: float64 (m,), along the axes; sums of squares over ``photos``.
        axes: float32 (m, m), orthonormal columns.
    """

    photos: float
    mean: Floats
    variances: Doubles
    axes: Floats

    @classmethod
    def of(cls, photos: float, total: Floats, scatter: Floats) -> Spread:
        """From the sum of the photos and the sum of their outer products."""
        mean = total / max(photos, 1)
        values, axes = np.linalg.eigh(scatter / np.float32(max(photos, 1)) - np.outer(mean, mean))
        return cls(photos, mean, np.maximum(values.astype(np.float64), 0), axes)


def _spreads(x: Floats, folds: Ints) -> tuple[Spread, ...]:
    """Per fold, of all photos but its own."""
    parts = [x[folds == fold] for fold in range(FOLDS)]
    counts = np.array([len(part) for part in parts], np.float64)
    totals = np.stack([part.sum(axis=0) for part in parts])
    scatters = np.stack([part.T @ part for part in parts])
    counts, totals, scatters = (part.sum(axis=0) - part for part in (counts, totals, scatters))
    return tuple(Spread.of(float(n), *sums) for n, *sums in zip(counts, totals, scatters, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Photos in the basis, each in a fold.

    Attributes:
        x: float32 (n, m).
        folds: int64 (n,), each in [0, FOLDS).
        spreads: per fold, of all photos but its own.
    """

    x: Floats
    folds: Ints
    spreads: tuple[Spread, ...]

    @classmethod
    def of(cls, x: Floats, folds: Ints) -> Rows:
        """Rows with their spreads, so that no head needs to go through the photos' covariance again."""
        return cls(x, folds, _spreads(x, folds))

    def spreads_of(self, used: Bools) -> tuple[Spread, ...]:
        """Of some photos only; of all where nearly all are used, for that costs nothing."""
        if used.sum() >= _NEARLY_ALL * len(used):
            return self.spreads
        return _spreads(self.x[used], self.folds[used])


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What least squares and discriminants need to know of some photos and their classes.

    Attributes:
        spread: of the photos; also of some others, where those are few, which then count as photos of no class.
        photos: of how many the feed says something.
        counts: float64 (K,), photos of each class.
        apart: float64 (K, m), sum over each class's photos of their deviation from the mean, along the spread's axes.
        told: float64 (m,), the same over all photos of which the feed says something.
    """

    spread: Spread
    photos: float
    counts: Doubles
    apart: Doubles
    told: Doubles


def sums_without_each_fold(rows: Rows, spreads: Sequence[Spread], targets: Floats, used: Bools) -> list[Sums]:
    """For each fold the sums over all other folds.

    Args:
        spreads: per fold, see :meth:`Rows.spreads_of`.
        targets: float32 (n, K), 1 where a photo is of a class.
        used: bool (n,), the photos that count.
    """
    marks = np.column_stack([targets, np.ones(len(targets), np.float32)]) * used[:, None]
    inside = [rows.folds == fold for fold in range(FOLDS)]
    counts = np.stack([marks[part].sum(axis=0, dtype=np.float64) for part in inside])
    totals = np.stack([marks[part].T @ rows.x[part] for part in inside])
    counts, totals = counts.sum(axis=0) - counts, totals.sum(axis=0) - totals
    result = []
    for spread, count, total in zip(spreads, counts, totals, strict=True):
        apart = ((total - np.outer(count, spread.mean)) @ spread.axes).astype(np.float64)
        result.append(Sums(spread, float(count[-1]), count[:-1], apart[:-1], apart[-1]))
    return result


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

    def scale(self, slope: Floats | float, offset: Floats, floor: Floats | None = None) -> Heads:
        """Heads whose logits are slope * logits + offset.

        Args:
            slope: float32 (K,) or one number.
            offset: float32 (K,).
            floor: float32 (K,); as it was when omitted.
        """
        factor = np.asarray(slope, np.float32)
        return Heads(self.weights * factor, self.bias * factor + offset, self.floor if floor is None else floor)


def floored_softmax(logits: Floats, floor: Floats) -> Floats:
    """Probabilities (n, K) of logits: softmax * (1 - what the floor takes) + floor."""
    result: Floats = softmax(logits) * (1 - floor.sum()) + floor
    return result


def softmax(logits: Floats) -> Floats:
    """Rows that sum to 1; also for rows without classes."""
    if not logits.shape[1]:
        return logits
    raised: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def sigmoid(logits: Floats) -> Floats:
    """Of every number by itself."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def group_of(product: Product) -> str:
    """The group of a product; one without a group is its own, by its id."""
    return product.group_id or product.id


def fold_of(group: str, folds: int) -> int:
    """The fold of a group, 0 to ``folds`` - 1: the same on every machine and in every run, whatever other groups
    there are. Groups are compared folded.

    The first 8 bytes of the SHA-256 of the name, modulo ``folds``.

    >>> fold_of("MH01", 5) == fold_of(" mh01", 5)
    True

    Raises:
        InvalidValue: fewer than two folds.
    """
    if folds < 2:
        raise InvalidValue(f"There are {folds} folds.", "Ask for 2 or more, one to test on and the others to learn.")
    digest = hashlib.sha256(fold_name(group).encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:8], "big") % folds


def number_groups(groups: Iterable[str]) -> Ints:
    """int64 (n,): a number for the group of each of n photos, from 0 on.

    >>> number_groups(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)
