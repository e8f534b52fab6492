"""Which rows are compared in one step: a few of each of many classes, half of these look-alikes of one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
NEIGHBOURS = 7
"""Look-alikes that are drawn with a class."""


class Batches:
    """The rows of every step; the same for the same arguments, whatever was drawn before.

    Args:
        rows: float32 (n, b), by which classes are found to look alike: those whose means have the greatest cosines.
        classes: int64 (n,), 0 ….
        catalogue: bool (n,), whether a row is of a product's own photo. Where a class has others too, every batch holds
            one of each: a shopper's photo has to lie near the catalogue's.
        per_batch: classes.
        per_class: rows of each, drawn with repeats where there are fewer.
        alike: share of the classes that come with their look-alikes: the hard negatives.
        seed: of all draws.
    """

    def __init__(
        self,
        rows: Floats,
        classes: Ints,
        catalogue: npt.NDArray[np.bool_],
        *,
        per_batch: int,
        per_class: int,
        alike: float,
        seed: int,
    ) -> None:
        self._count = int(classes.max()) + 1
        self._per_batch, self._per_class = min(per_batch, self._count), per_class
        self._alike, self._seed = alike, seed
        self._own = _by_class(classes, catalogue, self._count)
        self._others = _by_class(classes, ~catalogue, self._count)
        self._neighbours = _neighbours(rows, classes, self._count) if alike else np.arange(self._count)[:, None]

    def of(self, step: int) -> Ints:
        """int64 (classes · rows per class,), the rows of a step."""
        rng = np.random.default_rng((self._seed, step))
        return np.concatenate([self._of_class(int(one), rng) for one in self._classes(rng)])

    def _classes(self, rng: np.random.Generator) -> Ints:
        shuffled = rng.permutation(self._count)
        seeds = shuffled[: round(self._alike * self._per_batch / (NEIGHBOURS + 1))]
        together = np.concatenate([self._neighbours[seeds].ravel(), shuffled])
        _, first = np.unique(together, return_index=True)
        chosen: Ints = together[np.sort(first)][: self._per_batch]
        return chosen

    def _of_class(self, one: int, rng: np.random.Generator) -> Ints:
        own, others = self._own[one], self._others[one]
        if not len(own) or not len(others):
            drawn: Ints = _draw(rng, own if len(own) else others, self._per_class)
            return drawn
        return np.concatenate([_draw(rng, own, 1), _draw(rng, others, self._per_class - 1)])


def _draw(rng: np.random.Generator, rows: Ints, count: int) -> Ints:
    """Without repeats, where there are enough."""
    if len(rows) >= count:
        return rng.permutation(rows)[:count]
    return np.concatenate([rows, rng.choice(rows, count - len(rows))])


def _by_class(classes: Ints, chosen: npt.NDArray[np.bool_], count: int) -> list[Ints]:
    places = np.flatnonzero(chosen)
    order = places[np.argsort(classes[places], kind="stable")]
    return np.split(order, np.cumsum(np.bincount(classes[places], minlength=count))[:-1])


def _neighbours(rows: Floats, classes: Ints, count: int) -> Ints:
    """int64 (count, up to 8): each class and those most like it."""
    means = np.zeros((count, rows.shape[1]), np.float32)
    np.add.at(means, classes, rows)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    wanted = min(NEIGHBOURS + 1, count)
    found = np.empty((count, wanted), np.int64)
    for start in range(0, count, 1024):
        cosines = means[start : start + 1024] @ means.T
        found[start : start + 1024] = np.argsort(-cosines, axis=1, kind="stable")[:, :wanted]
    return found
