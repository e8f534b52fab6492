"""The contract of every index on trained vectors, which stand beside those of the untouched extractor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.index.condition_parser import parse_condition
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import Index, IndexedProduct, PhotoConstraint, PhotoKey, VectorQuery, VectorSizes
from shoplens.index.qdrant.config import dense_vector_sizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import Vectors
from tests.index.server_indexes import SERVER_PARAMETERS, in_16_bits
from tests.index.test_contract import DIMENSIONS, FILTER_VECTOR_SIZE, entry, scores_of

TRAINED = 6
SIZES = VectorSizes(DIMENSIONS, FILTER_VECTOR_SIZE, TRAINED)


def trained_vectors(number: int, photos: int) -> Vectors:
    vectors = np.random.default_rng([9, number]).normal(size=(photos, TRAINED))
    return in_16_bits(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def build_entries(count: int) -> list[IndexedProduct]:
    rng = np.random.default_rng(7)
    result = [entry(number, rng) for number in range(count)]
    return [
        replace(item, trained_vectors=trained_vectors(number, len(item.photos))) for number, item in enumerate(result)
    ]


@pytest.fixture(
    params=[pytest.param(ExactIndex, id="exact"), pytest.param(QdrantIndex, id="qdrant"), *SERVER_PARAMETERS]
)
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Index, ExactIndex, list[IndexedProduct]]]:
    entries = build_entries(120)
    if request.param is ExactIndex:
        index: Index = ExactIndex(DIMENSIONS)
    else:
        index = QdrantIndex(tmp_path / "shard", SIZES) if request.param is QdrantIndex else request.param(SIZES)
    oracle = ExactIndex(DIMENSIONS)
    for item in (index, oracle):
        item.upsert(entries)
    yield index, oracle, entries
    index.close()


def test_each_kind_of_vector_has_its_own_nearest(filled: tuple[Index, ExactIndex, list[IndexedProduct]]) -> None:
    index, oracle, entries = filled
    for text in (None, "color = red", "id in (p1, p2)"):
        condition = parse_condition(text) if text else None
        query = entries[4].look_vectors[0]
        expected = oracle.nearest_products(query, 7, PhotoConstraint(condition), use_trained=True)
        result = index.nearest_products(query, 7, PhotoConstraint(condition), use_trained=True)
        assert [(hit.record.product.id, hit.photo) for hit in result] == [
            (hit.record.product.id, hit.photo) for hit in expected
        ]
        assert [hit.similarity for hit in result] == pytest.approx([hit.similarity for hit in expected], abs=1e-5)
    assert index.nearest_products(entries[4].look_vectors[0], 1, use_trained=True)[0].record.product.id == "p4"
    assert index.nearest_products(entries[5].vectors[0], 1)[0].record.product.id == "p5"


def test_the_look_of_the_filters_space_is_the_trained_vector(
    filled: tuple[Index, ExactIndex, list[IndexedProduct]],
) -> None:
    index, oracle, entries = filled
    rng = np.random.default_rng(1)
    photo_query = VectorQuery(
        look=in_16_bits(rng.normal(size=TRAINED)), filter_vector=in_16_bits(rng.normal(size=FILTER_VECTOR_SIZE))
    )
    expected, result = (item.nearest_photos(photo_query, 9, PhotoConstraint()).scores for item in (oracle, index))
    np.testing.assert_allclose(result, expected, atol=1e-4)
    key = PhotoKey(index.product_key("p8"), 1)
    assert entries[8].scores is not None and photo_query.look is not None and photo_query.filter_vector is not None
    by_hand = (
        entries[8].look_vectors[1] @ photo_query.look + entries[8].scores.filter_vectors[1] @ photo_query.filter_vector
    )
    assert index.photo_scores([photo_query], [key])[0, 0] == pytest.approx(by_hand, abs=1e-4)


def test_entries_come_back_with_both(filled: tuple[Index, ExactIndex, list[IndexedProduct]]) -> None:
    index, _, entries = filled
    (result,) = index.entries(["p8"])
    assert result.trained_vectors is not None
    np.testing.assert_allclose(result.trained_vectors, entries[8].look_vectors, atol=1e-6)
    np.testing.assert_allclose(result.vectors, entries[8].vectors, atol=1e-6)


def test_new_scores_leave_both_as_they_are(filled: tuple[Index, ExactIndex, list[IndexedProduct]]) -> None:
    index, _, entries = filled
    index.update_scores([replace(entries[8], scores=scores_of(77, len(entries[8].photos)))])
    (result,) = index.entries(["p8"])
    np.testing.assert_allclose(result.look_vectors, entries[8].look_vectors, atol=1e-6)
    assert result.scores is not None
    np.testing.assert_allclose(
        result.scores.filter_vectors, scores_of(77, len(entries[8].photos)).filter_vectors, atol=1e-5
    )


def test_a_trained_vector_is_needed_for_every_photo() -> None:
    (item,) = build_entries(1)
    with pytest.raises(InvalidValue, match="photos"):
        replace(item, trained_vectors=trained_vectors(0, 2))


def test_kinds_of_vectors_that_graphs_are_built_over() -> None:
    assert dense_vector_sizes(VectorSizes(8)) == {"pretrained": 8}
    assert dense_vector_sizes(VectorSizes(8, 5)) == {"pretrained": 8, "combined": 13}
    assert dense_vector_sizes(VectorSizes(8, 5, 6)) == {"pretrained": 8, "metric": 6, "combined": 11}
