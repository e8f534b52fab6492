"""Principal components against a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.filters.fitting.pca import principal_axes


def rows(count: int, columns: int, seed: int = 0) -> np.ndarray:
    """Their spread falls from direction to direction, as that of photos does."""
    random = np.random.default_rng(seed)
    turned = np.linalg.qr(random.standard_normal((columns, columns)))[0]
    return ((random.standard_normal((count, columns)) * 0.97 ** np.arange(columns)) @ turned).astype(np.float32)


@pytest.mark.parametrize("shape", [(50, 20), (20, 50), (30, 30)], ids=str)
def test_all_directions_are_those_of_a_singular_value_decomposition(shape: tuple[int, int]) -> None:
    data = rows(*shape)
    result = principal_axes(data, 100)
    assert result.shape == (shape[1], min(shape))
    assert result.dtype == np.float32
    assert np.allclose(result.T @ result, np.eye(min(shape)), atol=1e-3)
    expected = np.linalg.svd(data, compute_uv=False)
    assert np.allclose(np.linalg.norm(data @ result, axis=0), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(400, 300), (300, 400)], ids=str)
def test_the_leading_directions_of_many_hold_as_much_as_there_is(shape: tuple[int, int]) -> None:
    data = rows(*shape)
    result = principal_axes(data, 20)
    expected = np.linalg.svd(data, compute_uv=False)[:20]
    norms = np.linalg.norm(data @ result, axis=0)
    assert result.shape == (shape[1], 20)
    assert np.allclose(result.T @ result, np.eye(20), atol=1e-3)
    assert np.allclose(norms, expected, rtol=0.01)
    assert np.array_equal(result, principal_axes(data, 20))


def test_exact_directions_are_right_even_where_the_variance_hardly_falls() -> None:
    given = np.random.default_rng(0).standard_normal((400, 300)).astype(np.float32)
    truth = np.linalg.svd(given, full_matrices=False)[2][:5]
    found = principal_axes(given, 5, exact=True)
    assert np.allclose(np.abs((truth * found.T).sum(axis=1)), 1, atol=1e-3)


def test_directions_without_variance_are_left_out() -> None:
    flat = rows(40, 3) @ np.random.default_rng(1).standard_normal((3, 30)).astype(np.float32)
    assert principal_axes(flat, 20).shape == (30, 3)
    assert principal_axes(np.zeros((5, 4), np.float32), 3).shape == (4, 0)
    assert principal_axes(np.zeros((0, 4), np.float32), 3).shape == (4, 0)
