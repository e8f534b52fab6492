"""What no feed names, as unit vectors: the design that a product is a variant of, its outline, and its tints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shoplens.errors import InvalidValue
from shoplens.filters.basis import fitted_basis, half
from shoplens.filters.crossfit import Bools
from shoplens.filters.pixels import Floats

DESIGN_SIZE = 128
SHAPE_SIZE = 64
TINT_SIZE = 64
_SHRINKAGE = 0.3
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Columns of the features -> unit vectors.

    Attributes:
        first: number of the first column that counts.
        mean: float32 (c,), subtracted from the columns.
        axes: float32 (c, size), multiplied with the rest; trailing columns of zeros where there is less to tell.
    """

    first: int
    mean: Floats
    axes: Floats

    def apply(self, features: Floats) -> Floats:
        """float32 (n, first + c or more) -> float32 (n, size), rows of length 1; zeros for columns of zeros.

        Raises:
            InvalidValue: rows that are too short.
        """
        end = self.first + len(self.mean)
        if features.ndim != 2 or features.shape[1] < end:
            raise InvalidValue(f"Features of shape {features.shape}.", f"Give rows of at least {end} numbers.")
        columns = features[:, self.first : end]
        return _unit(((columns - self.mean) @ self.axes) * columns.any(axis=1, keepdims=True))


def fitted_design(features: Floats, backbone: int, groups: Sequence[str], first: Bools) -> Projection:
    """What products of one group have in common, however their variants differ: (DESIGN_SIZE,).

    The features are whitened by the covariance within groups, C: x -> C^(-1/2) x, C shrunk by .3 of its mean
    eigenvalue, so that directions in which variants of one design differ count little; then the 128 directions in
    which whitened photos differ most are kept. Within-class covariance normalisation: Hatch, Kajarekar, Stolcke 2006,
    "Within-Class Covariance Normalization for SVM-based Speaker Recognition".

    Only first photos count, or C would hold the difference between views. All axes are zero where no group has two
    products.

    Args:
        features: float32 (n, ``backbone`` or more).
        groups: of each photo.
        first: bool (n,), whether it is its product's first photo.
    """
    numbers = (
        np.unique(np.array(groups, object).astype(str), return_inverse=True)[1] if len(groups) else np.zeros(0, int)
    )
    sizes = np.bincount(numbers[first], minlength=int(numbers.max(initial=-1)) + 1)
    used = first & (sizes[numbers] > 1)
    basis = fitted_basis(features[first], backbone, with_color=False)
    if not used.any() or not basis.size:
        return Projection(0, basis.mean, np.zeros((backbone, DESIGN_SIZE), np.float32))
    x, of = basis.projected(features[used]), numbers[used]
    sums = np.zeros((len(sizes), basis.size), np.float32)
    np.add.at(sums, of, x)
    apart = x - (sums / np.maximum(sizes, 1)[:, None])[of]
    whitened = _whitening(apart)
    every = basis.projected(features[first]) @ whitened
    axes = np.linalg.eigh(every.T @ every)[1][:, ::-1][:, :DESIGN_SIZE]
    return Projection(0, basis.mean, _padded(basis.scale[:, None] * (basis.axes @ (whitened @ axes)), DESIGN_SIZE))


def fitted_shape(outlines: Floats, start: int, first: Bools) -> Projection:
    """The 64 directions in which the outlines of first photos differ most: (SHAPE_SIZE,).

    Args:
        outlines: float32 (n, OUTLINE).
        start: number of the outline's first column among the features.
        first: bool (n,), whether a photo is its product's first.
    """
    rows = outlines[first]
    mean = rows.mean(axis=0) if len(rows) else np.zeros(outlines.shape[1], np.float32)
    centred = rows - mean
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :SHAPE_SIZE]
    return Projection(start, mean.astype(np.float32), _padded(axes, SHAPE_SIZE))


def fitted_tint(histograms: Floats, start: int, first: Bools) -> Projection:
    """The 64 directions in which the fine colour histograms of first photos lie: (TINT_SIZE,).

    Rows are square roots, so that the cosine of two of them is the agreement of the histograms; not centred, so that it
    stays one. It tells shades apart that bear one name and fall on one anchor of the palette.

    Args:
        histograms: float32 (n, FINE).
        start: number of their first column among the features.
        first: bool (n,), whether a photo is its product's first.
    """
    rows = histograms[first]
    axes = np.linalg.eigh(rows.T @ rows)[1][:, ::-1][:, :TINT_SIZE]
    return Projection(start, np.zeros(histograms.shape[1], np.float32), _padded(axes, TINT_SIZE))


def _whitening(apart: Floats) -> Floats:
    """C^(-1/2), float32 (m, m), of deviations (n, m)."""
    covariance = apart.T @ apart / len(apart)
    values, axes = np.linalg.eigh(covariance)
    values = np.maximum(values, 0) + max(_SHRINKAGE * float(values.mean()), _TINY)
    result: Floats = (axes / np.sqrt(values)) @ axes.T
    return result.astype(np.float32)


def _padded(axes: Floats, size: int) -> Floats:
    result = np.zeros((len(axes), size), np.float32)
    result[:, : axes.shape[1]] = axes
    largest = float(np.abs(result).max(initial=0))
    return half(result / largest) if largest > 0 else result


def _unit(rows: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Floats = np.where(norms > _TINY, rows / np.maximum(norms, _TINY), 0).astype(np.float32)
    return result
