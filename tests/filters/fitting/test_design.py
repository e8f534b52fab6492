"""Designs and outlines as unit vectors."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.fitting.design import DESIGN_SIZE, SHAPE_SIZE, TINT_SIZE, fit_design, fit_shape, fit_tint
from shoplens.filters.fitting.pca import principal_axes
from shoplens.filters.model.principal_components import FeatureProjection

BACKBONE = 12


def shop(groups: int, seed: int = 0) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Three products per group: equal in columns 0-4, loudly different in 5-9; the second has a second photo."""
    random = np.random.default_rng(seed)
    rows, names, first = [], [], []
    for group in range(groups):
        design = random.standard_normal(5)
        for product in range(3):
            variant = 3 * random.standard_normal(5)
            for view in range(2 if product == 1 else 1):
                quiet = 0.1 * random.standard_normal(BACKBONE - 10)
                rows.append(np.concatenate([design, variant, quiet]) + 5)
                names.append(f"g{group}")
                first.append(view == 0)
    return np.array(rows, np.float32).reshape(-1, BACKBONE), names, np.array(first, bool)


def designs(rows: np.ndarray, names: list[str], first: np.ndarray) -> FeatureProjection:
    """Of photos whose basis is their standardised columns, turned."""
    mean, deviation = (rows.mean(axis=0), rows.std(axis=0)) if len(rows) else (np.zeros(BACKBONE), np.ones(BACKBONE))
    scale = 1 / np.maximum(deviation, 1e-6)
    axes = principal_axes(((rows - mean) * scale).astype(np.float32), BACKBONE)
    block = FeatureProjection.from_axes(0, mean, scale[:, None] * axes)
    return fit_design(block, block.project(rows), names, first)


def same_group_first(vectors: np.ndarray, names: list[str]) -> float:
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -2)
    groups = np.array(names)
    return float((groups[similar.argmax(axis=1)] == groups).mean())


def test_variants_of_a_design_that_was_never_seen_are_found_although_they_differ_more_than_designs() -> None:
    rows, names, first = shop(150)
    new, new_names, is_first = shop(40, seed=1)
    new, new_names = new[is_first], [name for name, item in zip(new_names, is_first, strict=True) if item]
    plain = new - rows.mean(axis=0)
    plain = plain / np.linalg.norm(plain, axis=1, keepdims=True)
    result = designs(rows, names, first).unit_vectors(new)
    assert same_group_first(plain, new_names) < 0.3
    assert same_group_first(result, new_names) > 0.7


def test_vectors_are_the_whitened_photos() -> None:
    """With so few columns nothing is lost, so cosines are those of C^(-1/2) x, by the definition."""
    rows, names, first = shop(80)
    result = designs(rows, names, first)
    scaled = ((rows - rows.mean(axis=0)) / rows.std(axis=0) / np.sqrt(BACKBONE))[first].astype(np.float64)
    groups = np.array(names)[first]
    deviations = np.concatenate([scaled[groups == g] - scaled[groups == g].mean(axis=0) for g in dict.fromkeys(groups)])
    within = deviations.T @ deviations / len(deviations)
    within += 0.3 * np.trace(within) / BACKBONE * np.eye(BACKBONE)
    white = scaled @ np.linalg.cholesky(np.linalg.inv(within))
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    vectors = result.unit_vectors(rows[first])
    assert np.allclose(vectors @ vectors.T, white @ white.T, atol=5e-3)


def test_only_first_photos_are_fitted() -> None:
    rows, names, first = shop(40)
    changed = rows.copy()
    changed[~first] = 100
    block = FeatureProjection.from_axes(0, rows.mean(axis=0), np.eye(BACKBONE, dtype=np.float32))
    item, two = (
        fit_design(block, block.project(rows), names, first),
        fit_design(block, block.project(changed), names, first),
    )
    assert np.array_equal(item.axes, two.axes)


@pytest.mark.parametrize(
    "names",
    [[], ["a"], ["a", "b", "c", "d", "e"], ["a", "a", "b", "b", "c"]],
    ids=["no photo", "one photo", "alone", "pairs"],
)
def test_without_groups_of_two_design_vectors_are_zero(names: list[str]) -> None:
    rows = np.random.default_rng(0).standard_normal((len(names), BACKBONE)).astype(np.float32)
    result = designs(rows, names, np.ones(len(names), bool)).unit_vectors(rows)
    assert result.shape == (len(names), DESIGN_SIZE)
    pairs = len(set(names)) < len(names)
    assert np.allclose(np.linalg.norm(result, axis=1), 1 if pairs else 0, atol=1e-5)


def test_shapes_are_the_principal_components_of_outlines() -> None:
    random = np.random.default_rng(0)
    outlines = (random.standard_normal((200, 20)) * np.linspace(3, 0.1, 20)).astype(np.float32)
    first = np.arange(200) % 4 > 0
    result = fit_shape(outlines, 0, first)
    vectors = result.unit_vectors(outlines)
    assert vectors.shape == (200, SHAPE_SIZE)
    centred = outlines - outlines[first].mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert np.allclose(vectors @ vectors.T, centred @ centred.T, atol=5e-3)


def test_of_many_columns_the_64_most_discriminative_directions_are_kept() -> None:
    random = np.random.default_rng(0)
    outlines = (random.standard_normal((300, 100)) * np.linspace(2, 0.01, 100)).astype(np.float32)
    first = np.ones(300, bool)
    axes = fit_shape(outlines, 0, first).axes
    centred = outlines - outlines.mean(axis=0)
    leading = np.linalg.svd(centred, full_matrices=False)[2][:SHAPE_SIZE].T
    scale = np.linalg.norm(axes[:, 0])
    assert np.allclose(np.linalg.svd(leading.T @ axes / scale, compute_uv=False), 1, atol=5e-3)


def test_the_outline_is_found_among_the_features_and_a_missing_one_is_zeros() -> None:
    random = np.random.default_rng(0)
    outlines = random.random((30, 10)).astype(np.float32)
    result = fit_shape(outlines, 4, np.ones(30, bool))
    features = np.hstack([random.random((30, 4)), outlines, random.random((30, 2))]).astype(np.float32)
    features[3, 4:14] = 0
    vectors = result.unit_vectors(features)
    assert np.allclose(np.linalg.norm(np.delete(vectors, 3, axis=0), axis=1), 1, atol=1e-5)
    assert not vectors[3].any()
    assert np.allclose(vectors[:3], fit_shape(outlines, 0, np.ones(30, bool)).unit_vectors(outlines)[:3], atol=1e-6)


@pytest.mark.parametrize("photos", [0, 1])
def test_shapes_of_too_few_photos_are_zeros_for_those(photos: int) -> None:
    outlines = np.ones((photos, 10), np.float32)
    assert not fit_shape(outlines, 0, np.ones(photos, bool)).unit_vectors(outlines).any()


def test_cosines_of_tints_are_agreements_of_histograms() -> None:
    random = np.random.default_rng(0)
    shares = random.random((200, 40)) * (random.random((200, 40)) < 0.2)
    roots = np.sqrt(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    vectors = fit_tint(roots, 0, np.ones(200, bool)).unit_vectors(roots)
    assert vectors.shape == (200, TINT_SIZE)
    assert np.allclose(vectors @ vectors.T, roots @ roots.T, atol=5e-3)


def test_rows_that_are_too_short_are_refused() -> None:
    result = fit_shape(np.ones((2, 10), np.float32), 4, np.ones(2, bool))
    with pytest.raises(InvalidValue, match="at least 14"):
        result.unit_vectors(np.ones((2, 13), np.float32))
