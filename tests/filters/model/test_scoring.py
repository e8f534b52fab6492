"""The space of the graph: one dot product is the weighted score, whatever the weights."""

from __future__ import annotations

import numpy as np
import pytest

from shoplens.filters.dimensions.dimension import LOOK, Dimension
from shoplens.filters.model.class_layout import ClassLayout
from shoplens.filters.model.scoring import (
    DENSE_PARTS,
    DENSE_SIZE,
    SKETCH_SIZE,
    RetrievalSpace,
    agreement_slope,
    cosine_slope,
    dense_parts,
    filter_vector_size,
    fit_retrieval_space,
)
from shoplens.types import SparseVector

USUAL = {LOOK: 0.6, "design": 0.1, "shape": 0.0, "color": 0.1, "pattern": 0.2}


def layout_of(classes: int) -> ClassLayout:
    names = tuple(f"c{number}" for number in range(classes))
    return ClassLayout.from_dimensions([Dimension("pattern", "single", "pattern", names, (1,) * classes)])


def class_vectors_of(rng: np.random.Generator, layout: ClassLayout, count: int) -> list[SparseVector]:
    result = []
    for _ in range(count):
        indices = np.sort(rng.choice(layout.size, 3, replace=False)).astype(np.uint32)
        result.append(SparseVector(indices, rng.random(3, dtype=np.float32)))
    return result


def dense_of(rng: np.random.Generator, count: int) -> np.ndarray:
    rows = rng.normal(size=(count, DENSE_SIZE)).astype(np.float32)
    for part in DENSE_PARTS.values():
        rows[:, part] /= np.linalg.norm(rows[:, part], axis=1, keepdims=True)
    return rows


def to_dense(class_vectors: list[SparseVector], size: int) -> np.ndarray:
    rows = np.zeros((len(class_vectors), size), np.float32)
    for row, item in zip(rows, class_vectors, strict=True):
        row[item.indices] = item.values
    return rows


def space_of(classes: int) -> tuple[RetrievalSpace, np.ndarray, list[SparseVector]]:
    rng, layout = np.random.default_rng(classes), layout_of(classes)
    class_vectors = class_vectors_of(rng, layout, 300)
    return fit_retrieval_space(layout, USUAL, to_dense(class_vectors, layout.size)), dense_of(rng, 300), class_vectors


def score(
    space: RetrievalSpace,
    query: tuple[np.ndarray, SparseVector],
    dense: np.ndarray,
    class_vectors: np.ndarray,
    weights: dict[str, float],
) -> np.ndarray:
    """The definition, without look and constants."""
    row = to_dense([query[1]], space.layout.size)[0]
    parts = [weights.get(n, 0) * cosine_slope(n) * (dense[:, part] @ query[0][part]) for n, part in DENSE_PARTS.items()]
    return np.sum(parts, axis=0) + weights.get("pattern", 0) * agreement_slope("pattern") * (class_vectors @ row)


@pytest.mark.parametrize(
    "weights", [USUAL, {"design": 1.0}, {"pattern": 1.0}, {"color": 0.5, "shape": 0.5}, {LOOK: 1.0}]
)
@pytest.mark.parametrize("classes", [3, SKETCH_SIZE])
def test_a_dot_product_is_the_score_for_any_weights(classes: int, weights: dict[str, float]) -> None:
    space, dense, class_vectors = space_of(classes)
    assert space.is_lossless
    filter_vectors = space.filter_vectors(dense[1:], class_vectors[1:])
    assert (filter_vectors.shape, filter_vectors.dtype) == ((299, filter_vector_size(has_object=False)), np.float32)
    result = filter_vectors @ space.query_vector(dense[0], class_vectors[0], weights)
    expected = score(space, (dense[0], class_vectors[0]), dense[1:], to_dense(class_vectors[1:], classes), weights)
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_with_more_classes_the_sketch_keeps_the_largest_parts() -> None:
    classes = SKETCH_SIZE + 40
    space, dense, class_vectors = space_of(classes)
    assert not space.is_lossless
    filter_vectors, every = space.filter_vectors(dense[1:], class_vectors[1:]), to_dense(class_vectors[1:], classes)
    result = filter_vectors @ space.query_vector(dense[0], class_vectors[0], {"pattern": 1.0})
    expected = score(space, (dense[0], class_vectors[0]), dense[1:], every, {"pattern": 1.0})
    assert 0 < np.abs(result - expected).max() < 0.5
    assert np.corrcoef(result, expected)[0, 1] > 0.9
    other = RetrievalSpace(space.layout, USUAL, np.roll(space.sketch_axes, 1, axis=0))
    worse = other.filter_vectors(dense[1:], class_vectors[1:]) @ other.query_vector(
        dense[0], class_vectors[0], {"pattern": 1.0}
    )
    assert ((result - expected) ** 2).mean() < ((worse - expected) ** 2).mean()


def test_dot_products_of_filter_vectors_are_proportional_to_the_default_score() -> None:
    """Without a query's weights: two placed photos' dot product is their score, but for a factor."""
    space, dense, class_vectors = space_of(5)
    filter_vectors = space.filter_vectors(dense, class_vectors)
    weights = {**USUAL, "shape": 0.03}  # no dimension is placed by less
    expected = score(space, (dense[0], class_vectors[0]), dense[1:], to_dense(class_vectors[1:], 5), weights)
    np.testing.assert_allclose(
        filter_vectors[1:] @ filter_vectors[0], expected / (USUAL[LOOK] * cosine_slope(LOOK)), atol=1e-5
    )


def test_dense_vectors_are_recovered_from_filter_vectors() -> None:
    space, dense, class_vectors = space_of(5)
    np.testing.assert_allclose(space.dense_vectors(space.filter_vectors(dense, class_vectors)), dense, atol=1e-6)
    for name, part in dense_parts(DENSE_SIZE).items():
        cosines = space.filter_vectors(dense, class_vectors) @ space.dimension_query_vector(name, dense[7])
        np.testing.assert_allclose(cosines, dense[:, part] @ dense[7, part], atol=1e-5)


def test_a_shop_without_classes_has_a_space_too() -> None:
    layout = ClassLayout.from_dimensions([])
    space = fit_retrieval_space(layout, {}, np.zeros((0, 0), np.float32))
    empty = SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32))
    dense = dense_of(np.random.default_rng(1), 2)
    filter_vectors = space.filter_vectors(dense, [empty, empty])
    assert not filter_vectors[:, DENSE_SIZE:].any()
    result = filter_vectors @ space.query_vector(dense[0], empty, {"design": 1.0})
    part = DENSE_PARTS["design"]
    np.testing.assert_allclose(result, cosine_slope("design") * dense[:, part] @ dense[0, part], atol=1e-6)
    assert space.filter_vectors(dense[:0], []).shape == (0, filter_vector_size(has_object=False))


def test_the_overlap_of_weights_is_their_shared_part() -> None:
    space, _, _ = space_of(5)
    assert space.usual_overlap(USUAL) == pytest.approx(1)
    assert space.usual_overlap({"pattern": 1.0}) == pytest.approx(0.2)
    assert space.usual_overlap({LOOK: 0.3, "color": 0.7}) == pytest.approx(0.4)
    assert space.usual_overlap({"unheard of": 1.0}) == 0
