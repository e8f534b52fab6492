"""Tests of the linear map in front of a head."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.training.optimization.feature_whitening import CLIP, FeatureColumns, FeatureScale, fit_whitening
from tests.training.toy_samples import BACKBONE, COLUMNS, create_toy_samples, sample_photo


@pytest.mark.parametrize("pooled", [0, 3])
def test_columns_of_the_blocks_cover_every_feature_once(pooled: int) -> None:
    blocks = FeatureColumns(BACKBONE, COLUMNS.width, pooled).blocks
    assert sorted(np.concatenate(blocks).tolist()) == list(range(COLUMNS.width))
    assert blocks[0].tolist()[pooled - 4 :] == list(range(COLUMNS.width - 4 + pooled, COLUMNS.width))
    assert blocks[3].tolist() == list(range(COLUMNS.width - 4, COLUMNS.width - 4 + pooled))


def test_the_feature_scale_equals_its_definition() -> None:
    rows = np.abs(np.random.default_rng(0).normal(size=(50, COLUMNS.width))).astype(np.float32)
    scale = FeatureScale.fit(rows, COLUMNS)
    histogram = int(COLUMNS.blocks[1][0])
    for column, values in ((0, rows[:, 0]), (histogram, np.sqrt(rows[:, histogram]))):
        expected = np.clip((values - values.mean()) / (values.std() + 1e-3), -CLIP, CLIP)
        np.testing.assert_allclose(scale.transform(rows)[:, column], expected, atol=1e-4)


def test_directions_that_vary_within_a_product_count_less() -> None:
    samples = create_toy_samples([sample_photo(f"p{n}") for n in range(60)], augmented_views=5)
    classes = samples.owners
    whitening = fit_whitening(samples.rows, classes, COLUMNS, shrinkage=0.1)
    rows = whitening.transform(samples.rows)
    means = np.stack([rows[classes == class_id].mean(axis=0) for class_id in range(60)])
    between, within = means.var(axis=0).sum(), (rows - means[classes]).var(axis=0).sum()
    plain = fit_whitening(samples.rows, classes, COLUMNS, shrinkage=1e6).transform(samples.rows)
    plain_means = np.stack([plain[classes == one].mean(axis=0) for one in range(60)])
    assert between / within > 3 * plain_means.var(axis=0).sum() / (plain - plain_means[classes]).var(axis=0).sum()


def test_classes_of_one_row_give_a_finite_whitening() -> None:
    samples = create_toy_samples([sample_photo(f"p{n}") for n in range(20)], augmented_views=0)
    rows = fit_whitening(samples.rows, samples.owners, COLUMNS, shrinkage=1.0).transform(samples.rows)
    assert np.isfinite(rows).all() and rows.any()


def test_features_that_are_all_equal_give_an_empty_basis() -> None:
    rows = np.ones((10, COLUMNS.width), np.float16)
    whitening = fit_whitening(rows, np.arange(10), COLUMNS, shrinkage=1.0)
    assert not whitening.transform(rows).any()
