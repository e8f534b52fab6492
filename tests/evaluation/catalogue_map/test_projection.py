import sys

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.evaluation.catalogue_map.projection import WITHOUT_UMAP, Projection, project, query_positions
from shoplens.types import Vectors


def unit(rows: object) -> Vectors:
    array = np.asarray(rows, np.float32)
    vectors: Vectors = array / np.linalg.norm(array, axis=1, keepdims=True)
    return vectors


def two_clusters(each: int) -> Vectors:
    """Rows around two directions at a right angle, the first half around the first one."""
    noise = np.random.default_rng(3).normal(0, 0.05, (2 * each, 8)).astype(np.float32)
    noise[:each, 0] += 1
    noise[each:, 1] += 1
    return unit(noise)


@pytest.fixture
def without_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)  # how Python marks a module that cannot be imported


@pytest.mark.parametrize(("n", "expected"), [(0, []), (1, [[0.5, 0.5]]), (2, [[1.0, 0.5], [0.0, 0.5]])])
def test_positions_of_up_to_three_products_are_exact(n: int, expected: list[list[float]]) -> None:
    result = project(np.eye(4, dtype=np.float32)[:n])
    assert result.positions.dtype == np.float32
    assert result.positions.shape == (n, 2)
    assert (result.method, result.note) == ("PCA", "")
    places = result.positions.tolist()
    assert places in (expected, expected[::-1])


def test_a_few_products_say_why_it_is_pca() -> None:
    result = project(two_clusters(3))
    assert (result.method, result.note) == ("PCA", "PCA; UMAP needs 15 products or more")


def test_pca_is_the_plane_of_most_variance(without_umap: None) -> None:
    vectors = two_clusters(20)
    result = project(vectors)
    assert (result.method, result.note) == ("PCA", WITHOUT_UMAP)
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    plane = centred @ directions[:, :-3:-1]
    for axis in range(2):
        assert abs(np.corrcoef(plane[:, axis], result.positions[:, axis])[0, 1]) > 0.9999
    across, down = np.ptp(plane, axis=0)
    assert np.ptp(result.positions, axis=0) == pytest.approx([1, down / across], abs=1e-4)
    assert np.array_equal(result.positions, project(vectors).positions)


def test_equal_vectors_lie_in_the_middle(without_umap: None) -> None:
    assert (project(np.tile(unit([[1, 2]]), (20, 1))).positions == 0.5).all()


def test_umap_keeps_clusters_apart_and_is_decided_by_the_seed() -> None:
    pytest.importorskip("umap")
    vectors = two_clusters(20)
    result = project(vectors, seed=5)
    assert (result.method, result.note) == ("UMAP", "")
    assert result.positions.min() == 0
    assert result.positions.max() == 1
    apart = np.linalg.norm(result.positions[:, None] - result.positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    assert ((apart.argmin(axis=1) < 20) == (np.arange(40) < 20)).all()
    assert np.array_equal(result.positions, project(vectors, seed=5).positions)
    assert np.isfinite(project(np.tile(unit([[1, 2]]), (20, 1))).positions).all()


@pytest.mark.parametrize("positions", [np.zeros((2, 3), np.float32), np.zeros((2, 2)), np.full((1, 2), 2, np.float32)])
def test_a_projection_checks_its_positions(positions: Vectors) -> None:
    with pytest.raises(InvalidValue, match=r"Give float32 of shape \(n, 2\), each in \[0, 1\]"):
        Projection(positions, "PCA")


def test_a_query_lies_among_its_nearest_products() -> None:
    random = np.random.default_rng(0)
    products, queries = unit(random.normal(size=(30, 6))), unit(random.normal(size=(5, 6)))
    positions = random.random((30, 2)).astype(np.float32)
    result = query_positions(queries, products, positions, nearest=3)
    for query, place in zip(queries, result, strict=True):
        similarity = products @ query
        best = np.argsort(-similarity)[:3]
        weights = np.exp((similarity[best] - similarity.max()) / 0.05)
        assert place == pytest.approx((weights @ positions[best]) / weights.sum(), abs=1e-5)
    alone = query_positions(queries[2:3], products, positions, nearest=3)
    assert alone[0] == pytest.approx(result[2], abs=1e-6)


def test_placing_with_few_or_no_products() -> None:
    query = unit([[1, 0]])
    assert query_positions(query, np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)).tolist() == [[0.5, 0.5]]
    assert query_positions(query, query, np.array([[0.25, 0.75]], np.float32)).tolist() == [[0.25, 0.75]]
    assert query_positions(query[:0], query, np.array([[0.25, 0.75]], np.float32)).shape == (0, 2)
    with pytest.raises(InvalidValue, match="2 positions for 1 products"):
        query_positions(query, query, np.zeros((2, 2), np.float32))
