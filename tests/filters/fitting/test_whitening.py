"""Whitened rows vary alike in every direction, and shrinkage takes that back."""

from __future__ import annotations

import numpy as np

from shoplens.filters.fitting.whitening import whitening_matrix


def deviations() -> np.ndarray:
    """Wide in the first direction, narrow in the last, and turned."""
    random = np.random.default_rng(0)
    turned = np.linalg.qr(random.standard_normal((6, 6)))[0]
    rows = (random.standard_normal((500, 6)) * [8, 4, 2, 1, 0.5, 0.25]) @ turned
    return (rows - rows.mean(axis=0)).astype(np.float32)


def test_whitened_rows_have_the_identity_as_covariance() -> None:
    white = deviations() @ whitening_matrix(deviations(), 0.0)
    assert np.allclose(white.T @ white / len(white), np.eye(6), atol=1e-3)


def test_it_is_the_inverse_square_root_of_the_shrunk_covariance() -> None:
    rows = deviations().astype(np.float64)
    covariance = rows.T @ rows / len(rows)
    shrunk = covariance + 0.3 * np.trace(covariance) / 6 * np.eye(6)
    matrix = whitening_matrix(rows, 0.3)
    assert matrix.dtype == np.float32
    assert np.allclose(matrix @ matrix @ shrunk, np.eye(6), atol=1e-4)


def test_without_rows_or_with_much_shrinkage_all_directions_count_alike() -> None:
    for matrix in (whitening_matrix(np.zeros((0, 4), np.float32), 1.0), whitening_matrix(deviations(), 1e9)):
        assert np.allclose(matrix / matrix[0, 0], np.eye(len(matrix)), atol=1e-6)


def test_a_whitening_without_directions_is_valid() -> None:
    assert whitening_matrix(np.zeros((5, 0), np.float32), 1.0).shape == (0, 0)
