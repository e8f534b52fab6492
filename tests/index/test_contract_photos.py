"""The contract of every index on photos: what filters retrieve and score."""

# ruff: noqa: F811  (fixtures are asked for by the names they are imported by)

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.index.condition_parser import parse_condition
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import (
    ANY_PHOTO,
    Index,
    IndexedProduct,
    NearestRequest,
    PhotoConstraint,
    PhotoHits,
    PhotoKey,
    VectorQuery,
    VectorSizes,
    best_photos,
)
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import FilterScores, SparseVector, Vectors
from tests.index.server_indexes import in_16_bits
from tests.index.test_contract import (  # noqa: F401
    CLASSES,
    DIMENSIONS,
    FILTER_VECTOR_SIZE,
    Filled,
    entry,
    filled,
    filled_index,
    new_index,
    read_only,
    scores_of,
)


def product_of(index: Index, entries: list[IndexedProduct], keys: list[PhotoKey]) -> list[tuple[str, int]]:
    """(product id, number of the photo) of each key."""
    ids = {index.product_key(item.product.id): item.product.id for item in entries}
    assert len(ids) == len(entries)
    return [(ids[key.product], key.view) for key in keys]


def key_of(index: Index, product_id: str, view: int = 0) -> PhotoKey:
    return PhotoKey(index.product_key(product_id), view)


def photo_queries(rng: np.random.Generator) -> list[VectorQuery]:
    """One by the embedding, one by what lies beside it, one by both, one by class_vector, one by text_vector."""
    look, filter_vector = (in_16_bits(rng.normal(size=size)) for size in (DIMENSIONS, FILTER_VECTOR_SIZE))
    indices = np.sort(rng.choice(CLASSES, 4, replace=False)).astype(np.uint32)
    class_vector = SparseVector(indices, rng.random(4).astype(np.float32) + 0.1)
    return [
        VectorQuery(look=look),
        VectorQuery(filter_vector=filter_vector),
        VectorQuery(look=look, filter_vector=filter_vector),
        VectorQuery(class_vector=class_vector),
        VectorQuery(text_vector=SparseVector(class_vector.indices * 10**8 + 7, class_vector.values)),
    ]


def dot(photo_query: VectorQuery, item: IndexedProduct, view: int) -> float | None:
    """What a probe is defined to give a photo; None where it cannot find it."""
    assert item.scores is not None
    for in_query, in_photos in (
        (photo_query.class_vector, item.scores.class_vectors),
        (photo_query.text_vector, item.scores.text_vectors),
    ):
        if in_query is not None:
            photo = dict(zip(in_photos[view].indices.tolist(), in_photos[view].values.tolist(), strict=True))
            query = zip(in_query.indices.tolist(), in_query.values.tolist(), strict=True)
            shared = [value * photo[index] for index, value in query if index in photo]
            return sum(shared) if shared else None
    look = 0.0 if photo_query.look is None else float(item.vectors[view] @ photo_query.look)
    return look + (
        0.0
        if photo_query.filter_vector is None
        else float(item.scores.filter_vectors[view] @ photo_query.filter_vector)
    )


def test_numbers_are_rounded_to_16_bits(new_index: Callable[[], Index]) -> None:
    """A score differs by less than 1e-3 of itself from that of the numbers as they were given."""
    rng = np.random.default_rng(11)
    scores = FilterScores(
        rng.normal(size=(1, FILTER_VECTOR_SIZE)).astype(np.float32),
        (SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32)),),
        {},
    )
    item = replace(entry(0, rng), scores=scores)
    item = replace(item, photos=item.photos[:1], vectors=rng.normal(size=(1, DIMENSIONS)).astype(np.float32))
    index = new_index()
    index.upsert([item])
    query = VectorQuery(look=item.vectors[0], filter_vector=scores.filter_vectors[0])
    (score,) = index.nearest_photos(query, 1, PhotoConstraint()).scores
    assert score == pytest.approx(dot(query, item, 0), rel=1e-3)


CONSTRAINTS = [
    PhotoConstraint(),
    PhotoConstraint(parse_condition("color in (green, light blue) and price < 20")),
    PhotoConstraint(first_photos_only=True),
    PhotoConstraint(parse_condition("brand = acme"), first_photos_only=True),
    PhotoConstraint(excluded_hash=f"{8:016x}{2:016x}"),
    PhotoConstraint(parse_condition("color = nothing")),
]


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=range(len(CONSTRAINTS)))
@pytest.mark.parametrize("limit", [1, 7, 2000])
def test_nearest_photos_equal_their_definition(read_only: Filled, constraint: PhotoConstraint, limit: int) -> None:
    index, oracle, entries = read_only
    meeting = {
        hit.record.product.id
        for hit in oracle.nearest_products(entries[0].vectors[0], 300, PhotoConstraint(constraint.condition))
    }
    for photo_query in photo_queries(np.random.default_rng([4, limit])):
        scores = {}
        for item in entries:
            for view, photo in enumerate(item.photos[:1] if constraint.first_photos_only else item.photos):
                score = dot(photo_query, item, view)
                if item.product.id in meeting and photo.content_hash != constraint.excluded_hash and score is not None:
                    scores[item.product.id, view] = score
        for candidate in (index, oracle):
            near = candidate.nearest_photos(photo_query, limit, constraint)
            result = product_of(candidate, entries, near.keys)
            assert len(set(result)) == len(result) == min(limit, len(scores))
            expected = sorted(scores.values(), reverse=True)[:limit]
            assert [scores[item] for item in result] == pytest.approx(expected, abs=1e-5)
            assert near.scores == pytest.approx(expected, abs=1e-5)
            assert near.scores.dtype == np.float32


def test_equal_photos_are_all_found(new_index: Callable[[], Index]) -> None:
    index, rng = new_index(), np.random.default_rng(0)
    item = entry(8, rng)  # of three photos
    assert item.scores is not None
    same = SparseVector(np.array([3], np.uint32), np.array([0.5], np.float32))
    scores = FilterScores(np.repeat(item.scores.filter_vectors[:1], 3, axis=0), (same,) * 3)
    alike = replace(item, vectors=np.repeat(item.vectors[:1], 3, axis=0), scores=scores)
    entries = [replace(alike, product=replace(alike.product, id=f"p{number}")) for number in range(4)]
    index.upsert(entries)
    everything = {(f"p{number}", view) for number in range(4) for view in range(3)}
    for photo_query in (VectorQuery(look=item.vectors[0]), VectorQuery(class_vector=same)):
        assert (
            set(product_of(index, entries, index.nearest_photos(photo_query, 12, PhotoConstraint()).keys)) == everything
        )
        assert len(index.nearest_photos(photo_query, 5, PhotoConstraint()).keys) == 5


def test_photo_scores_are_dot_products(read_only: Filled) -> None:
    index, oracle, entries = read_only
    queries = photo_queries(np.random.default_rng(6))
    chosen = [(entries[number], view) for number in (8, 3, 250, 5) for view in range(len(entries[number].photos))]
    for candidate in (index, oracle):
        keys = [key_of(candidate, item.product.id, view) for item, view in chosen]
        expected = [[dot(photo_query, item, view) or 0.0 for item, view in chosen] for photo_query in queries]
        result = candidate.photo_scores(queries, keys)
        assert (result.shape, result.dtype) == ((5, len(chosen)), np.float32)
        np.testing.assert_allclose(result, np.array(expected, np.float32), atol=1e-5)
        assert candidate.photo_scores(queries, []).shape == (5, 0)
        assert candidate.photo_scores([], keys).shape == (0, len(chosen))


def test_class_vectors_texts_and_records_come_in_the_order_of_their_keys(read_only: Filled) -> None:
    index, oracle, entries = read_only
    chosen = [(entries[number], view) for number in (8, 6, 251, 0) for view in range(len(entries[number].photos))]
    for candidate in (index, oracle):
        keys = [key_of(candidate, item.product.id, view) for item, view in chosen]
        class_vectors, texts = candidate.photo_class_vectors(keys), candidate.photo_text_vectors(keys)
        assert len(class_vectors) == len(texts) == len(chosen)
        for place, (item, view) in enumerate(chosen):
            assert item.scores is not None
            np.testing.assert_array_equal(class_vectors[place].indices, item.scores.class_vectors[view].indices)
            np.testing.assert_array_equal(class_vectors[place].values, item.scores.class_vectors[view].values)
            np.testing.assert_array_equal(texts[place].indices, item.scores.text_vectors[view].indices)
            np.testing.assert_array_equal(texts[place].values, item.scores.text_vectors[view].values)
        assert [record and record.product for record in candidate.photo_records(keys)] == [
            item.product for item, _ in chosen
        ]
        assert (len(candidate.photo_class_vectors([])), candidate.photo_records([])) == (0, [])
        assert len(candidate.photo_text_vectors([])) == 0


def test_details_are_scores_class_vectors_and_records_at_once(read_only: Filled) -> None:
    index, oracle, entries = read_only
    queries = photo_queries(np.random.default_rng(6))[:2]
    for candidate in (index, oracle):
        keys = [key_of(candidate, entries[number].product.id) for number in (8, 251, 0)]
        details = candidate.photo_details(queries, keys)
        np.testing.assert_allclose(details.scores, candidate.photo_scores(queries, keys), atol=1e-6)
        for row, alone in zip(details.class_vectors, candidate.photo_class_vectors(keys), strict=True):
            np.testing.assert_array_equal(row.indices, alone.indices)
            np.testing.assert_array_equal(row.values, alone.values)
        assert details.records == candidate.photo_records(keys)
        assert (candidate.photo_details([], []).scores.shape, candidate.photo_details([], []).records) == ((0, 0), [])


@pytest.mark.parametrize("products", [0, 3, 1000])
def test_nearest_details_are_the_nearest_photos_and_details_of_the_best(read_only: Filled, products: int) -> None:
    index, oracle, _ = read_only
    *queries, query = photo_queries(np.random.default_rng(7))[:3]
    for candidate in (index, oracle):
        found = candidate.nearest_details(NearestRequest(query, 40, ANY_PHOTO, queries, products))
        near = candidate.nearest_photos(query, 40, ANY_PHOTO)
        assert dict(zip(*found.hits, strict=True)) == dict(zip(*near, strict=True))
        best = dict[str | int, PhotoKey]()
        for key in found.hits.keys:
            best.setdefault(key.product, key)
        assert found.keys == [*best.values()][:products]
        alone = candidate.photo_details(queries, found.keys)
        np.testing.assert_array_equal(found.details.scores, alone.scores)
        np.testing.assert_array_equal(found.details.class_vectors.values, alone.class_vectors.values)
        assert found.details.records == alone.records and None not in alone.records


def test_the_best_photo_of_each_product_comes_first_and_ties_by_key() -> None:
    keys = [PhotoKey("b", 1), PhotoKey("a", 2), PhotoKey("b", 0), PhotoKey("a", 0), PhotoKey("c", 0)]
    hits = PhotoHits(keys, np.array([0.5, 0.5, 0.5, 0.25, 0.75], np.float32))
    assert [keys[place] for place in best_photos(hits)] == [PhotoKey("c", 0), PhotoKey("a", 2), PhotoKey("b", 0)]
    assert best_photos(PhotoHits([], np.zeros(0, np.float32))) == []


def test_photos_that_were_removed_meanwhile_have_no_entry(filled: Filled) -> None:
    index, oracle, _ = filled
    for candidate in (index, oracle):
        keys = [key_of(candidate, "p8", 2), key_of(candidate, "p9")]
        candidate.remove(["p8"])
        gone, remaining = candidate.photo_records(keys)
        assert gone is None
        assert remaining is not None and remaining.product.id == "p9"
        assert len(candidate.photo_class_vectors(keys)[0].indices) == 0
        scores = candidate.photo_scores([VectorQuery(look=np.ones(DIMENSIONS, np.float32))], keys)
        assert candidate.photo_details([], keys).records == [None, remaining]
        assert scores[0, 0] == 0 != scores[0, 1]


def test_entries_come_back_whole(read_only: Filled) -> None:
    index, _, entries = read_only
    some = list(index.entries(["p8", "nothing", "p3"]))
    assert [item.product.id for item in some] == ["p8", "p3"]
    every = {item.product.id: item for item in index.entries()}
    assert len(every) == len(list(index.entries())) == 300
    for result in (*some, *every.values()):
        expected = entries[int(result.product.id[1:])]
        assert (result.product, result.photos) == (expected.product, expected.photos)
        np.testing.assert_array_equal(result.vectors, expected.vectors)
        assert result.scores is not None and expected.scores is not None
        np.testing.assert_array_equal(result.scores.filter_vectors, expected.scores.filter_vectors)
        assert result.scores.predicted == expected.scores.predicted
        vectors = (*result.scores.class_vectors, *result.scores.text_vectors)
        expected_vectors = (*expected.scores.class_vectors, *expected.scores.text_vectors)
        for in_query, in_photo in zip(vectors, expected_vectors, strict=True):
            np.testing.assert_array_equal(in_query.indices, in_photo.indices)
            np.testing.assert_array_equal(in_query.values, in_photo.values)
    assert list(index.entries([])) == []


def test_a_change_of_the_record_leaves_filter_scores_alone(filled: Filled) -> None:
    index, _, entries = filled
    before = entries[9].scores
    assert before is not None
    index.replace_products([replace(entries[9].product, price=2.25)])
    (after,) = index.entries(["p9"])
    assert after.product.price == 2.25
    assert after.scores is not None and after.scores.predicted == before.predicted
    np.testing.assert_array_equal(after.scores.filter_vectors, before.filter_vectors)
    np.testing.assert_array_equal(after.scores.class_vectors[0].indices, before.class_vectors[0].indices)
    assert index.records(["p9"])[0].predicted == before.predicted
    assert index.count(parse_condition("predicted.mood = calm@0.6 and id = p9")) == 1


@pytest.mark.parametrize("step", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
def test_predicted_values_can_be_asked_for(read_only: Filled, step: float) -> None:
    index, oracle, entries = read_only
    condition = parse_condition(f"predicted.mood = calm@{step:g}")
    expected = 0
    for item in entries:
        assert item.scores is not None
        expected += item.scores.predicted.get("mood", {}).get("calm", 0.0) >= step
    assert index.count(condition) == oracle.count(condition) == expected
    assert index.count(parse_condition("predicted.mood = wild@0.5")) == 0


def test_scores_may_come_later(new_index: Callable[[], Index]) -> None:
    index, rng = new_index(), np.random.default_rng(2)
    scored = [entry(number, rng) for number in range(6)]
    index.upsert([replace(item, scores=None) for item in scored])
    assert [item.scores for item in index.entries()] == [None] * 6
    photo_query, keys = VectorQuery(look=scored[5].vectors[0]), [key_of(index, "p5")]
    assert index.nearest_photos(photo_query, 5, PhotoConstraint()).keys == []
    assert (index.photo_scores([photo_query], keys).tolist(), len(index.photo_class_vectors(keys)[0].indices)) == (
        [[0.0]],
        0,
    )
    index.upsert(scored)
    assert index.nearest_photos(photo_query, 1, PhotoConstraint()).keys == keys
    assert index.photo_scores([photo_query], keys)[0, 0] == pytest.approx(1.0, abs=1e-3)


def test_products_are_scored_where_they_are(new_index: Callable[[], Index]) -> None:
    """Scores are given and replaced, and with them what was predicted; all else stays."""
    index, rng = new_index(), np.random.default_rng(3)
    item, other, third = (entry(number, rng) for number in (3, 4, 5))
    index.upsert([replace(item, scores=None), replace(other, scores=None), third])
    mood = parse_condition("predicted.mood = calm@0.5")
    for first, second in ((item.scores, other.scores), (scores_of(7, 1), scores_of(9, 2))):
        data = [replace(item, scores=first), replace(other, scores=second)]
        index.update_scores([*data, replace(third, scores=None)])
        for expected, result in zip([*data, third], index.entries(["p3", "p4", "p5"]), strict=True):
            assert (result.product, result.photos) == (expected.product, expected.photos)
            np.testing.assert_array_equal(result.vectors, expected.vectors)
            assert result.scores is not None and expected.scores is not None
            np.testing.assert_array_equal(result.scores.filter_vectors, expected.scores.filter_vectors)
            assert result.scores.predicted == expected.scores.predicted
        moody = [item.product.id for item in data if item.scores is not None and item.scores.predicted]
        assert index.count(mood) == len(moody) == 1
        assert index.count(parse_condition(f"predicted.mood = calm@0.5 and id = {moody[0]}")) == 1
    index.update_scores([])


def test_an_empty_index_has_no_photos(new_index: Callable[[], Index]) -> None:
    index = new_index()
    for photo_query in photo_queries(np.random.default_rng(1)):
        assert index.nearest_photos(photo_query, 5, PhotoConstraint()).keys == []
    keys = [key_of(index, "nothing")]
    assert index.photo_records(keys) == [None]
    assert (list(index.entries()), list(index.entries(["nothing"]))) == ([], [])


def test_a_shard_without_room_for_scores_answers_as_before(tmp_path: Path) -> None:
    """A generation of format 1."""
    rng = np.random.default_rng(7)
    entries = [entry(number, rng) for number in range(30)]
    index, oracle = QdrantIndex(tmp_path / "shard", VectorSizes(DIMENSIONS)), ExactIndex(DIMENSIONS)
    index.upsert(entries)
    oracle.upsert(entries)
    query: Vectors = entries[4].vectors[0]
    assert [hit.record.product for hit in index.nearest_products(query, 30)] == [
        hit.record.product for hit in oracle.nearest_products(query, 30)
    ]
    assert all(item.scores is None for item in index.entries())
    assert not index.needs_graph()
    index.close()
