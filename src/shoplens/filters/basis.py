"""The few hundred directions in which a catalogue's photos differ most: what every learned filter sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.palette import FINE
from shoplens.filters.pixels import Floats

MOST = 768
"""Most directions."""
_SAMPLE = 20_000
"""Most photos that the directions are taken from."""
_FLOOR = 0.02
"""A column varies at least by this part of the median column, or noise in a constant one would be blown up."""
_CHUNK = 4096
"""Photos at a time, so that a large catalogue needs no second copy of its features."""


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """An affine map of features, and the directions of its results.

    Attributes:
        mean: float32 (c,), subtracted from the first c columns of the features.
        scale: float32 (c,), multiplied with the rest.
        axes: float32 (c, m), orthonormal columns, those with the most variance first; held to half precision.
    """

    mean: Floats
    scale: Floats
    axes: Floats

    @property
    def size(self) -> int:
        """m, how many numbers a photo has in the basis."""
        return int(self.axes.shape[1])

    def apply(self, features: Floats) -> Floats:
        """float32 (n, c or more) -> float32 (n, m), rows of length 1.

        Zeros for the mean photo, and for features that are all zero, which are of a photo that could not be read.

        Raises:
            InvalidValue: rows that are too short.
        """
        result = self.projected(features)
        result /= np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-9)
        return result

    def projected(self, features: Floats) -> Floats:
        """As :meth:`apply`, of any length: the affine map alone."""
        columns = len(self.mean)
        if features.ndim != 2 or features.shape[1] < columns:
            raise InvalidValue(f"Features of shape {features.shape}.", f"Give rows of at least {columns} numbers.")
        result = np.empty((len(features), self.size), np.float32)
        for start in range(0, len(features), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            part = features[chunk, :columns]
            result[chunk] = ((part - self.mean) * self.scale) @ self.axes
            result[chunk] *= part.any(axis=1, keepdims=True)
        return result


def fitted_basis(features: Floats, backbone: int, *, with_color: bool = True, seed: int = 0) -> Basis:
    """Principal components (Pearson 1901) of two blocks of columns that count alike.

    The backbone's columns are centred and divided by their standard deviation, the fine colour histograms are centred;
    then each block is divided by the root of its mean squared row norm. Outline and palette stay outside: the outline
    has a dimension of its own, and the palette says what the histograms say. At most 768 directions, fewer than photos,
    from at most 20,000 photos drawn with ``seed``.

    Args:
        features: float32 (n, ``backbone`` + FINE or more), rows as a store keeps them.
        backbone: how many columns the backbone gave.
        with_color: whether the histograms take part.
    """
    if len(features) > _SAMPLE:
        drawn = np.random.default_rng(seed).choice(len(features), _SAMPLE, replace=False)
        features = features[np.sort(drawn)]
    columns = backbone + FINE if with_color else backbone
    if not len(features):
        return Basis(np.zeros(columns, np.float32), np.ones(columns, np.float32), np.zeros((columns, 0), np.float32))
    mean = features[:, :columns].mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = features[:, :columns] - mean
    scale = _scales(centred, backbone)
    return Basis(mean, scale, half(_axes(centred * scale, min(MOST, len(features) - 1))))


def half(numbers: Floats) -> Floats:
    """Rounded to what half precision holds, so that a stored model answers exactly as the fitted one."""
    return numbers.astype(np.float16).astype(np.float32)


def _scales(centred: Floats, backbone: int) -> Floats:
    """(c,): what each column is multiplied with."""
    deviation = np.sqrt((centred**2).mean(axis=0, dtype=np.float64))
    scale = np.ones(centred.shape[1])
    if backbone:
        part = deviation[:backbone]
        floor = max(_FLOOR * float(np.median(part)), 1e-6 * float(part.max()), 1e-12)
        scale[:backbone] = 1 / np.maximum(part, floor)
    for block in (slice(0, backbone), slice(backbone, None)):
        norm = float(((deviation[block] * scale[block]) ** 2).sum())
        scale[block] /= np.sqrt(norm) if norm > 1e-12 else 1.0
    return scale.astype(np.float32)


def _axes(rows: Floats, most: int) -> Floats:
    """Orthonormal (c, m) with m <= most, from the smaller of the two Gram matrices; none without variance."""
    count, columns = rows.shape
    if count <= columns:
        values, left = np.linalg.eigh(rows @ rows.T)
        kept = _kept(values, most)
        vectors = rows.T @ (left[:, kept] / np.sqrt(values[kept]))
    else:
        values, right = np.linalg.eigh(rows.T @ rows)
        vectors = right[:, _kept(values, most)]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]) if vectors.size else 1.0
    result: Floats = (vectors * signs).astype(np.float32)
    return result


def _kept(values: Floats, most: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Places of the largest eigenvalues, largest first, without those that are rounding error."""
    order = np.argsort(-values, kind="stable")[:most]
    return order[values[order] > 1e-6 * max(float(values.max(initial=0)), 1e-12)]
