"""Whitened rows vary alike in every direction, and shrinkage takes that back; what photos of one product vary in counts
less."""

from __future__ import annotations

import numpy as np

from shoplens.filters.fitting.crossfit import FOLDS, fold_index
from shoplens.filters.fitting.whitening import VIEW_PRIOR, VIEW_SHRINKAGE, fit_view_metric, whitening_matrix


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


WIDTH = 16


def views(count: int) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Two photos of each product: the last three directions change from photo to photo, the others hardly do."""
    random = np.random.default_rng(1)
    rows = np.repeat(random.standard_normal((count, WIDTH)), 2, axis=0)
    rows[:, -3:] = 3 * random.standard_normal((2 * count, 3))
    rows += 0.2 * random.standard_normal(rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    products = [f"p{n // 2}" for n in range(2 * count)]
    folds = np.array([fold_index(name, FOLDS) for name in products], np.int64)
    return rows.astype(np.float32), products, folds


def found_first(metric_of: object, rows: np.ndarray) -> float:
    """Share of second photos whose first photo is the most similar first photo."""
    queries = np.stack([metric_of(row) for row in rows[1::2]])  # type: ignore[operator]
    return float(((queries @ rows[::2].T).argmax(axis=1) == np.arange(len(queries))).mean())


def test_directions_in_which_photos_of_one_product_differ_count_less_for_other_products_too() -> None:
    rows, products, folds = views(300)
    metric = fit_view_metric({"look": rows[:400]}, products[:400], folds[:400])
    assert metric is not None and metric.photos == 200
    unseen = rows[400:]
    before, after = found_first(lambda row: row, unseen), found_first(lambda row: metric.transform("look", row), unseen)
    assert after > 1.5 * before
    lengths = [np.linalg.norm(metric.transform("look", row / 2)) for row in unseen[:5]]
    assert np.allclose(lengths, 0.5, atol=1e-6), "a query keeps its length"
    assert not metric.transform("look", np.zeros(WIDTH, np.float32)).any()
    assert (metric.transform("color", unseen[0]) == unseen[0]).all(), "no other dimension changes"


def test_each_fold_has_a_metric_that_was_not_fitted_to_it() -> None:
    rows, products, folds = views(60)
    metric = fit_view_metric({"object": rows}, products, folds)
    assert metric is not None
    changed = rows.copy()
    inside = folds == 2
    changed[inside] = np.random.default_rng(5).standard_normal((inside.sum(), WIDTH))
    other = fit_view_metric({"object": changed}, products, folds)
    assert other is not None
    same = [bool((metric.matrices["object"][n] == other.matrices["object"][n]).all()) for n in range(FOLDS + 1)]
    assert same == [fold == 2 for fold in range(FOLDS)] + [False]
    name = next(one for one, fold in zip(products, folds, strict=True) if fold == 2)
    assert (metric.transform("object", rows[0], name) == other.transform("object", rows[0], name)).all()


def test_the_matrix_is_the_inverse_root_of_the_shrunk_covariance_within_products() -> None:
    rows, products, folds = views(50)
    metric = fit_view_metric({"look": rows}, products, folds)
    assert metric is not None
    deviations = rows - np.repeat((rows[::2] + rows[1::2]) / 2, 2, axis=0)
    matrix = whitening_matrix(deviations, VIEW_SHRINKAGE + VIEW_PRIOR / 50)
    assert np.allclose(metric.matrices["look"][FOLDS], matrix / np.trace(matrix) * WIDTH, atol=1e-3)


def test_without_further_photos_nothing_is_learned_and_few_change_little() -> None:
    rows, products, folds = views(50)
    assert fit_view_metric({"look": rows[::2]}, products[::2], folds[::2]) is None
    assert fit_view_metric({"look": rows[:0]}, [], folds[:0]) is None
    metric = fit_view_metric({"look": rows[:4]}, products[:4], folds[:4])
    assert metric is not None and metric.photos == 2
    assert np.allclose(metric.matrices["look"], np.eye(WIDTH), atol=0.15)


def test_photos_that_several_products_have_teach_nothing() -> None:
    rows, products, folds = views(50)
    alone = fit_view_metric({"look": rows}, products, folds)
    sizes = rows[:1] * 0 + 0.25  # a table of sizes, which every product has
    names = [f"p{n}" for n in range(50)]
    with_tables = np.concatenate([rows, np.repeat(sizes, 50, axis=0)]), [*products, *names]
    further = np.array([fold_index(name, FOLDS) for name in names], np.int64)
    metric = fit_view_metric({"look": with_tables[0]}, with_tables[1], np.concatenate([folds, further]))
    assert alone is not None and metric is not None
    assert metric.photos == 50
    assert (metric.matrices["look"] == alone.matrices["look"]).all()
