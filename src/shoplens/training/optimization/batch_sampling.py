"""Which rows are compared in one step: a few of each of many classes, half of these look-alikes of one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shoplens.filters.model.principal_components import normalize_rows

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
LOOK_ALIKES = 7
"""Number of look-alikes that are drawn with a class."""


class BatchSampler:
    """Samples the rows of every step; the same arguments give the same rows, whatever was sampled before.

    Args:
        rows: float32 (n, b); classes look alike when the means of their rows have the greatest cosines.
        classes: int64 (n,), numbered from 0.
        catalogue: bool (n,), whether a row is of a product's own photo. Where a class has other photos too, every batch
            holds a row of each kind: a shopper's photo has to lie near the catalogue's.
        classes_per_batch: number of classes in a batch.
        rows_per_class: number of rows of each class, drawn with repeats where there are fewer.
        hard_negative_share: share of the classes that come with their look-alikes, which are the hard negatives.
        seed: seed of all draws.
    """

    def __init__(
        self,
        rows: Floats,
        classes: Ints,
        catalogue: npt.NDArray[np.bool_],
        *,
        classes_per_batch: int,
        rows_per_class: int,
        hard_negative_share: float,
        seed: int,
    ) -> None:
        self._count = int(classes.max()) + 1
        self._classes_per_batch, self._rows_per_class = min(classes_per_batch, self._count), rows_per_class
        self._hard_negative_share, self._seed = hard_negative_share, seed
        self._catalogue_rows = _rows_by_class(classes, catalogue, self._count)
        self._other_rows = _rows_by_class(classes, ~catalogue, self._count)
        self._nearest = (
            _nearest_classes(rows, classes, self._count) if hard_negative_share else np.arange(self._count)[:, None]
        )

    def sample(self, step: int) -> Ints:
        """Return the rows of a step, int64 (classes · rows per class,)."""
        rng = np.random.default_rng((self._seed, step))
        return np.concatenate([self._sample_rows(int(class_id), rng) for class_id in self._sample_classes(rng)])

    def _sample_classes(self, rng: np.random.Generator) -> Ints:
        shuffled = rng.permutation(self._count)
        seeds = shuffled[: round(self._hard_negative_share * self._classes_per_batch / (LOOK_ALIKES + 1))]
        candidates = np.concatenate([self._nearest[seeds].ravel(), shuffled])
        _, first = np.unique(candidates, return_index=True)
        chosen: Ints = candidates[np.sort(first)][: self._classes_per_batch]
        return chosen

    def _sample_rows(self, class_id: int, rng: np.random.Generator) -> Ints:
        catalogue_rows, other_rows = self._catalogue_rows[class_id], self._other_rows[class_id]
        if not len(catalogue_rows) or not len(other_rows):
            return _draw(rng, catalogue_rows if len(catalogue_rows) else other_rows, self._rows_per_class)
        return np.concatenate([_draw(rng, catalogue_rows, 1), _draw(rng, other_rows, self._rows_per_class - 1)])


def _draw(rng: np.random.Generator, rows: Ints, count: int) -> Ints:
    """Draw rows, without repeats where there are enough of them."""
    if len(rows) >= count:
        return rng.permutation(rows)[:count]
    return np.concatenate([rows, rng.choice(rows, count - len(rows))])


def _rows_by_class(classes: Ints, chosen: npt.NDArray[np.bool_], count: int) -> list[Ints]:
    indices = np.flatnonzero(chosen)
    order = indices[np.argsort(classes[indices], kind="stable")]
    return np.split(order, np.cumsum(np.bincount(classes[indices], minlength=count))[:-1])


def _nearest_classes(rows: Floats, classes: Ints, count: int) -> Ints:
    """Return each class followed by the classes most like it, int64 (count, up to 8)."""
    means = np.zeros((count, rows.shape[1]), np.float32)
    np.add.at(means, classes, rows)
    means = normalize_rows(means)
    size = min(LOOK_ALIKES + 1, count)
    nearest = np.empty((count, size), np.int64)
    for start in range(0, count, 1024):
        cosines = means[start : start + 1024] @ means.T
        nearest[start : start + 1024] = np.argsort(-cosines, axis=1, kind="stable")[:, :size]
    return nearest
