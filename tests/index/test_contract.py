"""One suite for every index; the exact one, which is the definition, is the oracle."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import ConditionError
from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import AllOf, IsProduct, Not
from shoplens.index.exact import ExactIndex
from shoplens.index.process.remote_index import RemoteIndex
from shoplens.index.protocol import Index, IndexedProduct, PhotoConstraint, VectorQuery, VectorSizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import FilterScores, Photo, Product, SparseVector
from tests.index.server_indexes import SERVER_PARAMETERS, in_16_bits

DIMENSIONS, FILTER_VECTOR_SIZE, CLASSES = 8, 5, 40
FIRST_PHOTOS = PhotoConstraint(first_photos_only=True)
ODD_NAMES = ('a "quoted" name', "dotted.name", "[0]", "back\\slash", "naïve %20", "text")


def entry(number: int, rng: np.random.Generator, **changes: object) -> IndexedProduct:
    sources = tuple(f"/photos/{number}-{view}.jpg" for view in range(1 + number % 3))
    product = Product(
        id=f"p{number}",
        title=f"Product {number}",
        photos=sources,
        price=float(number % 50) + 0.5,
        brand=("Acme", "Blue Sky")[number % 2],
        category=("Shop", f"Shelf {number % 7}"),
        attributes={
            "color": (("red", "green", "Light Blue")[number % 3],),
            "size": tuple(str(size) for size in range(36, 37 + number % 4)),
            "code": (("007", "7", 7, 7.5, "\u0130stanbul", "gr\u00fcn", "GRU\u0308N", "Stra\u00dfe")[number % 8],),
            ODD_NAMES[number % len(ODD_NAMES)]: ("odd", True),
            **({"rare": (number,)} if number % 100 == 0 else {}),
        },
        group_id=f"{'gG'[number // 4 % 2]}{number // 8}",
        in_stock=None if number % 5 == 0 else number % 5 > 1,
        identifiers=(f"SKU-{number}", f"sku-{number}", f"shared {number // 10}", "007")[number % 5 :],
    )
    photos = tuple(
        Photo(source, f"{number:016x}{view:016x}", f"f{number:015x}{view:016x}", 100 + view, 200)
        for view, source in enumerate(sources)
    )
    vectors = rng.normal(size=(len(sources), DIMENSIONS)).astype(np.float32)
    vectors = in_16_bits(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return IndexedProduct(replace(product, **changes), photos, vectors, scores_of(number, len(sources)))  # type: ignore[arg-type]


def scores_of(number: int, photos: int) -> FilterScores:
    """Made-up scores; some photos have no class_vectors, and every third product a predicted color."""
    rng = np.random.default_rng([5, number])
    filter_vectors = in_16_bits(rng.normal(size=(photos, FILTER_VECTOR_SIZE)))
    class_vectors = []
    for view in range(photos):
        indices = np.sort(rng.choice(CLASSES, (number + view) % 6, replace=False)).astype(np.uint32)
        class_vectors.append(SparseVector(indices, rng.random(len(indices)).astype(np.float32)))
    predicted = {} if number % 3 else {"mood": {"calm": round(0.55 + number % 40 / 100, 2), "wild": 0.3}}
    texts = [SparseVector(vector.indices * 10**8 + 7, vector.values) for vector in class_vectors]  # of other numbers
    return FilterScores(filter_vectors, tuple(class_vectors), predicted, tuple(reversed(texts)))


@pytest.fixture(
    params=[
        pytest.param(ExactIndex, id="exact"),
        pytest.param(QdrantIndex, id="qdrant"),
        pytest.param(RemoteIndex, id="remote"),
        *SERVER_PARAMETERS,
    ],
    scope="module",
)
def new_index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Index]]:
    opened: list[Index] = []

    def make() -> Index:
        sizes = VectorSizes(DIMENSIONS, FILTER_VECTOR_SIZE, text=1)
        if request.param is ExactIndex:
            index: Index = ExactIndex(DIMENSIONS)
        elif request.param in (QdrantIndex, RemoteIndex):
            index = request.param(tmp_path_factory.mktemp("shard"), sizes)
        else:
            index = request.param(sizes)
        opened.append(index)
        return index

    yield make
    for index in opened:
        index.close()


Filled = tuple[Index, ExactIndex, list[IndexedProduct]]


def filled_index(new_index: Callable[[], Index]) -> Filled:
    rng = np.random.default_rng(7)
    entries = [entry(number, rng) for number in range(300)]
    index, oracle = new_index(), ExactIndex(DIMENSIONS)
    for start in range(0, 300, 64):
        index.upsert(entries[start : start + 64])
    oracle.upsert(entries)
    return index, oracle, entries


@pytest.fixture(scope="module")
def read_only(new_index: Callable[[], Index]) -> Filled:
    return filled_index(new_index)


@pytest.fixture
def filled(new_index: Callable[[], Index]) -> Filled:
    return filled_index(new_index)


CONDITIONS = [
    None,
    "color = RED",
    "color != red",
    "color in (green, light blue) and price < 20",
    "price >= 10.5 and price <= 10.5",
    "price = 10.5",
    "size = 38 or brand = acme",
    "size > 37.5",
    "not (in_stock = true)",
    "in_stock = false",
    "category = 'shelf 3'",
    "group_id = g7",
    "group_id in ('G7', g8) and not group_id = G8",
    "code = '007'",
    "code = 7",
    "code = '7' or code = 7.5",
    "code in (gru\u0308n, strasse)",
    "code = 'gr\u00fcn' and not code = 'Gr'",
    "code = 'i\u0307stanbul'",
    "price = '10.5' or price in ('11.50', 12.5)",
    "id = SKU-5 or id = 'sku-11'",
    "id = sku-5",
    "id = 'shared 3' and price > 30",
    "id = '007'",
    "id in (7, p7, P8)",
    "not id = '007'",
    "id in (p1, p2, nothing)",
    "color = nothing",
    '"dotted.name" = odd',
    '"a \\"quoted\\" name" = odd or "[0]" = true or "back\\\\slash" = odd',
    '"naïve %20" = odd or text = odd',
    "rare = 100 or rare > 199",
    "not (color = red or color = green) and not size = 36",
]


@pytest.mark.parametrize("text", CONDITIONS)
@pytest.mark.parametrize("k", [1, 10, 1000])
def test_nearest_products_equal_their_definition(read_only: Filled, text: str | None, k: int) -> None:
    index, oracle, _ = read_only
    condition = parse_condition(text) if text else None
    rng = np.random.default_rng(3)
    for _ in range(5):
        query = rng.normal(size=DIMENSIONS).astype(np.float32)
        query /= np.linalg.norm(query)
        expected, result = (
            oracle.nearest_products(query, k, PhotoConstraint(condition)),
            index.nearest_products(query, k, PhotoConstraint(condition)),
        )
        assert [hit.record for hit in result] == [hit.record for hit in expected]
        assert [hit.photo for hit in result] == [hit.photo for hit in expected]
        assert [hit.similarity for hit in result] == pytest.approx([hit.similarity for hit in expected], abs=1e-5)
    assert index.count(condition) == oracle.count(condition)
    assert index.facet("color", 20, condition) == oracle.facet("color", 20, condition)
    assert index.facet("size", 2, condition) == oracle.facet("size", 2, condition)
    for field in ("code", "group_id"):
        assert index.facet(field, 20, condition) == oracle.facet(field, 20, condition)
    met = {record.product.id for record in index.all_records(condition)}
    assert met == {record.product.id for record in oracle.all_records(condition)}


def test_a_product_itself_is_met_by_its_own_id(read_only: Filled) -> None:
    index, oracle, _ = read_only
    for condition in (
        IsProduct(("p7", "SKU-5", "nothing")),
        Not(IsProduct(("p7",))),
        AllOf((parse_condition("id = '007'"), Not(IsProduct(("p1", "p6"))))),
        Not(IsProduct(())),
    ):
        met = sorted(record.product.id for record in index.all_records(condition))
        assert met == sorted(record.product.id for record in oracle.all_records(condition))
        assert index.count(condition) == len(met)
    assert [record.product.id for record in index.all_records(IsProduct(("p7", "SKU-5")))] == ["p7"]


def test_field_kinds_equal_those_of_the_exact_index(read_only: Filled) -> None:
    index, oracle, _ = read_only
    assert dict(index.field_kinds()) == dict(oracle.field_kinds())
    assert index.field_kinds()["id"] == index.field_kinds()["group_id"] == {"text"}
    with pytest.raises(ConditionError, match="'id' holds text"):
        index.count(parse_condition("id > 3"))


def test_random_conditions(read_only: Filled) -> None:
    index, oracle, _ = read_only
    rng = np.random.default_rng(11)
    simple = [text for text in CONDITIONS if text]
    for _ in range(60):
        parts = [simple[pick] for pick in rng.integers(len(simple), size=3)]
        words = [("and", "or")[pick] for pick in rng.integers(2, size=2)]
        text = f"({parts[0]}) {words[0]} not ({parts[1]}) {words[1]} ({parts[2]})"
        query = rng.normal(size=DIMENSIONS).astype(np.float32)
        query /= np.linalg.norm(query)
        expected = [
            hit.record.product.id for hit in oracle.nearest_products(query, 7, PhotoConstraint(parse_condition(text)))
        ]
        assert [
            hit.record.product.id for hit in index.nearest_products(query, 7, PhotoConstraint(parse_condition(text)))
        ] == expected, text


@pytest.mark.parametrize("text", [None, "color in (green, light blue) and price < 20"])
def test_further_photos_can_be_left_out(read_only: Filled, text: str | None) -> None:
    index, oracle, entries = read_only
    condition = parse_condition(text) if text else None
    first = ExactIndex(DIMENSIONS)
    for item in entries:
        product = replace(item.product, photos=item.product.photos[:1])
        first.upsert([IndexedProduct(product, item.photos[:1], item.vectors[:1])])
    for query in (item.vectors[-1] for item in entries[:30]):
        expected = [
            (hit.record.product.id, hit.photo) for hit in first.nearest_products(query, 7, PhotoConstraint(condition))
        ]
        for candidate in (index, oracle):
            result = candidate.nearest_products(query, 7, PhotoConstraint(condition, first_photos_only=True))
            assert [(hit.record.product.id, hit.photo) for hit in result] == expected
    further, own = entries[5].photos[1].content_hash, entries[5].photos[0].content_hash
    assert index.products_with_photo(further, FIRST_PHOTOS) == oracle.products_with_photo(further, FIRST_PHOTOS) == []
    assert [hit.record.product.id for hit in index.products_with_photo(own, FIRST_PHOTOS)] == ["p5"]


def test_one_photo_can_be_left_out(read_only: Filled) -> None:
    index, oracle, entries = read_only
    for item in entries[:12]:
        own = item.photos[-1]
        expected = oracle.nearest_products(item.vectors[-1], 5, PhotoConstraint(excluded_hash=own.content_hash))
        result = index.nearest_products(item.vectors[-1], 5, PhotoConstraint(excluded_hash=own.content_hash))
        assert [(hit.record.product.id, hit.photo) for hit in result] == [
            (hit.record.product.id, hit.photo) for hit in expected
        ]
        assert own not in [hit.photo for hit in result]
        assert result[0].similarity < 0.999
    alone = entries[0]  # its only photo: the product itself is not there then
    ids = [
        hit.record.product.id
        for hit in index.nearest_products(
            alone.vectors[0], 300, PhotoConstraint(excluded_hash=alone.photos[0].content_hash)
        )
    ]
    assert len(ids) == 299 and alone.product.id not in ids


def test_the_pretrained_vector_alone_finds_photos(read_only: Filled) -> None:
    index, oracle, entries = read_only
    query = VectorQuery(pretrained=entries[4].vectors[0])
    found, expected = (one.nearest_photos(query, 6, PhotoConstraint()) for one in (index, oracle))
    ids = [item.product.id for item in entries]
    keys = {index.product_key(name): name for name in ids}
    assert [(keys[key.product], key.view) for key in found.keys] == [(key.product, key.view) for key in expected.keys]
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(index.photo_scores([query], found.keys)[0], found.scores, atol=1e-5)
    assert (keys[found.keys[0].product], round(float(found.scores[0]), 3)) == ("p4", 1.0)


def test_all_records_are_read(read_only: Filled) -> None:
    index, _, entries = read_only
    result = {record.product.id: record for record in index.all_records()}
    assert len(result) == len(list(index.all_records())) == len(entries)
    assert all(result[item.product.id].photos == item.photos for item in entries)


def test_records_come_back_whole_and_in_order(read_only: Filled) -> None:
    index, _, entries = read_only
    result = index.records(["p7", "nothing", "p3"])
    assert [(record.product, record.photos) for record in result] == [
        (entries[number].product, entries[number].photos) for number in (7, 3)
    ]
    assert sorted(index.ids()) == sorted(entry.product.id for entry in entries)


def test_empty_index(new_index: Callable[[], Index]) -> None:
    index = new_index()
    query = np.eye(DIMENSIONS, dtype=np.float32)[0]
    assert index.nearest_products(query, 5) == []
    assert (index.count(), list(index.ids()), index.records(["a"]), index.remove(["a"])) == (0, [], [], 0)
    assert index.facet("color") == []
    with pytest.raises(ConditionError, match="No product has a field 'color'") as caught:
        index.nearest_products(query, 5, PhotoConstraint(parse_condition("color = red")))
    assert caught.value.code == "unknown-field"


def test_equal_similarities_are_ordered_by_id(new_index: Callable[[], Index]) -> None:
    index, rng = new_index(), np.random.default_rng(0)
    same = entry(0, rng).vectors
    index.upsert([replace(entry(number * 3, rng), vectors=same) for number in (5, 1, 3)])
    assert [hit.record.product.id for hit in index.nearest_products(same[0], 3)] == ["p15", "p3", "p9"]


def test_a_photo_is_found_by_either_hash_in_every_product(filled: Filled) -> None:
    index, oracle, entries = filled
    shared = replace(entries[5], product=replace(entries[5].product, id="copy"))
    index.upsert([shared])
    oracle.upsert([shared])
    photo = entries[5].photos[1]
    for hash in (photo.content_hash, photo.pixel_hash):
        hits = index.products_with_photo(hash)
        assert [(hit.record.product.id, hit.photo, hit.similarity) for hit in hits] == [
            ("copy", photo, 1.0),
            ("p5", photo, 1.0),
        ]
    assert [
        hit.record.product.id
        for hit in index.products_with_photo(photo.content_hash, PhotoConstraint(parse_condition("id = p5")))
    ] == ["p5"]
    assert (
        index.products_with_photo("")
        == index.products_with_photo("0" * 32 + "1")
        == index.products_with_photo("e" * 32)
        == []
    )
    assert index.has_photo_size(101, 200)
    assert not index.has_photo_size(200, 101)


def test_vectors_of_known_photos(read_only: Filled) -> None:
    index, _, entries = read_only
    hashes = [entries[8].photos[2].content_hash, entries[9].photos[0].content_hash, "e" * 32]
    result = index.photo_vectors(hashes)
    assert set(result) == set(hashes[:2])
    photo, vector = result[hashes[0]]
    assert photo == entries[8].photos[2]
    np.testing.assert_array_equal(vector, entries[8].vectors[2])
    assert index.photo_vectors([]) == {}


def test_upsert_replaces_the_whole_product(filled: Filled) -> None:
    index, _, entries = filled
    old, new = entries[8], replace(entry(6, np.random.default_rng(1)), product=replace(entries[6].product, id="p8"))
    index.upsert([new])
    assert index.count() == 300
    (record,) = index.records(["p8"])
    assert (record.product, record.photos) == (new.product, new.photos)
    assert index.nearest_products(new.vectors[0], 1)[0].record.product.id == "p8"
    assert index.nearest_products(old.vectors[2], 1)[0].similarity < 0.999
    assert index.products_with_photo(old.photos[2].content_hash) == []


def test_a_change_of_the_record_leaves_vectors_alone(filled: Filled) -> None:
    index, _, entries = filled
    sale = replace(entries[8].product, price=1.25, attributes={"color": ("pink",), "brand new": ("yes",)})
    index.replace_products([sale])
    (record,) = index.records(["p8"])
    assert record.product == sale
    hit = index.nearest_products(
        entries[8].vectors[2], 1, PhotoConstraint(parse_condition('price < 1.5 and "brand new" = yes'))
    )[0]
    assert (hit.record.product.id, hit.photo) == ("p8", entries[8].photos[2])
    assert index.count(parse_condition("id = p8 and color = light blue")) == 0


def test_remove_is_idempotent(filled: Filled) -> None:
    index, _, entries = filled
    assert index.remove(["p8", "p8", "p9", "nothing"]) == 2
    assert index.remove(["p8"]) == 0
    assert index.count() == 298
    assert index.records(["p8"]) == []
    assert index.nearest_products(entries[8].vectors[0], 1)[0].record.product.id != "p8"


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    entries = [entry(number, rng) for number in range(50)]
    index = QdrantIndex(tmp_path / "shard", VectorSizes(DIMENSIONS))
    index.upsert(entries)
    index.remove(["p3"])
    kinds = index.field_kinds()
    index.flush()
    index.close()
    second = QdrantIndex(tmp_path / "shard", VectorSizes(DIMENSIONS))
    assert second.count() == 49
    assert second.field_kinds() == kinds
    assert second.records(["p7"])[0].product == entries[7].product
    second.close()


# What filters need
