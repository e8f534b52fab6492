"""Products that earlier versions wrote, beside new ones: conditions, counts and names mean the same for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as engine

from shoplens.index.condition_parser import parse_condition
from shoplens.index.conditions import IsProduct, Not
from shoplens.index.exact import ExactIndex
from shoplens.index.identifiers import ProductMatch, find_products
from shoplens.index.protocol import IndexedProduct, PhotoConstraint, VectorQuery, VectorSizes
from shoplens.index.qdrant.config import COMBINED, engine_config, find_halved_vectors
from shoplens.index.qdrant.optimize import optimize
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import FilterScores, Photo, Product, SparseVector
from tests.older_points import as_of_format_4, rewrite

SIZES = VectorSizes(2)
EMPTY = SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32))
OLD = [
    Product("007", "t", ("/0.jpg", "/0b.jpg"), group_id="G", attributes={"farbe": ("gru\u0308n",)}),
    Product("7", "t", ("/1.jpg",), group_id="g", attributes={"farbe": ("GR\u00dcN",)}),
    Product("abc", "t", ("/2.jpg",), group_id="G", price=3.0),
    Product("ABC", "t", ("/3.jpg",), attributes={"gro\u0308\u00dfe": ("M",)}),
    Product("e\u0301", "t", ("/4.jpg",), attributes={"farbe": ("rot", "gru\u0308n")}),
]
NEW = [
    Product("new", "t", ("/5.jpg",), group_id="G", identifiers=("7", "abc-1"), attributes={"farbe": ("gru\u0308n",)}),
    Product("Abc", "t", ("/6.jpg",), group_id="g", attributes={"gr\u00f6\u00dfe": ("M",)}),
]


def entry(product: Product) -> IndexedProduct:
    photos = tuple(Photo(source, f"{n:032x}", "", 8, 8) for n, source in enumerate(product.photos))
    return IndexedProduct(product, photos, np.tile(np.array([[1.0, 0.0]], np.float32), (len(photos), 1)))


@pytest.fixture(params=["old", "mixed"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[QdrantIndex, ExactIndex]]:
    """An index of before, without and with new products, and the definition of what it answers."""
    index, oracle = QdrantIndex(tmp_path / "shard", SIZES), ExactIndex(2)
    index.upsert([entry(item) for item in OLD])
    oracle.upsert([entry(item) for item in OLD])
    index.flush()
    index.close()
    rewrite(tmp_path / "shard", as_of_format_4)
    index = QdrantIndex(tmp_path / "shard", SIZES)
    if request.param == "mixed":
        index.upsert([entry(item) for item in NEW])
        oracle.upsert([entry(item) for item in NEW])
    yield index, oracle
    index.close()


@pytest.mark.parametrize(
    "text",
    [
        "id = 007",
        "id = 7",
        "id in (abc, Abc)",
        "id = ABC",
        "id = \u00e9",
        "not id = 7",
        "id = nothing",
        "group_id = G",
        "group_id = g",
        "not group_id = G and not id = abc",
        "farbe = gr\u00fcn",
        "farbe = 'GRU\u0308N'",
        "farbe != gr\u00fcn",
        "gr\u00f6\u00dfe = m",
        "gro\u0308\u00dfe = 'M' or price < 4",
    ],
)
def test_conditions_mean_the_same(both: tuple[QdrantIndex, ExactIndex], text: str) -> None:
    index, oracle = both
    condition = parse_condition(text)
    met = sorted(record.product.id for record in oracle.all_records(condition))
    assert sorted(record.product.id for record in index.all_records(condition)) == met
    assert index.count(condition) == len(met)
    result = index.nearest_products(np.array([1.0, 0.0], np.float32), 9, PhotoConstraint(condition))
    assert sorted(hit.record.product.id for hit in result) == met


def test_a_product_itself_can_be_left_out(both: tuple[QdrantIndex, ExactIndex]) -> None:
    index, oracle = both
    assert sorted(item.product.id for item in index.all_records(Not(IsProduct(("7", "007"))))) == sorted(
        item.product.id for item in oracle.all_records(Not(IsProduct(("7", "007"))))
    )


def test_values_are_counted_once_in_whatever_letters(both: tuple[QdrantIndex, ExactIndex]) -> None:
    index, oracle = both
    for field in ("farbe", "gr\u00f6\u00dfe"):
        assert index.facet(field) == oracle.facet(field)
    assert dict(index.facet("farbe"))["gr\u00fcn"] in (3, 4)
    assert set(index.field_kinds()) == set(oracle.field_kinds())
    assert index.field_kinds()["id"] == {"text"}


def test_names_find_old_and_new_products(both: tuple[QdrantIndex, ExactIndex]) -> None:
    index, oracle = both
    names = ["007", "7", "ABC", "Abc", "\u00e9", "abc-1", "nothing"]
    assert find_products(index, names) == find_products(oracle, names)
    assert find_products(index, ["7", "\u00e9"]) == {
        "7": ProductMatch(("7",), "id"),
        "\u00e9": ProductMatch(("e\u0301",), "identifier"),
    }


def test_points_that_are_written_again_have_the_new_form(both: tuple[QdrantIndex, ExactIndex]) -> None:
    index, oracle = both
    index.replace_products(OLD)
    for text in ("group_id = G", "id = 7", "farbe = gr\u00fcn"):
        assert index.count(parse_condition(text)) == oracle.count(parse_condition(text))
    assert index.facet("group_id") == oracle.facet("group_id")


def test_a_shard_of_32_bits_keeps_them_when_graphs_are_built(tmp_path: Path) -> None:
    """Shards of earlier versions hold all vectors in 32 bits, and take new products and graphs as they are."""
    sizes, folder, rng = VectorSizes(2, 4), tmp_path / "shard", np.random.default_rng(0)
    engine.EdgeShard.create(_made(folder), engine_config(sizes, halved=())).close()
    index = QdrantIndex(folder, sizes)
    scores = FilterScores(rng.normal(size=(1, 4)).astype(np.float32), (EMPTY,), {})
    item = replace(entry(NEW[1]), scores=scores)
    index.upsert([item])
    index.flush()
    index.close()
    optimize(folder, sizes)
    index = QdrantIndex(folder, sizes)
    (found,) = index.nearest_photos(VectorQuery(look=item.vectors[0]), 1, PhotoConstraint()).scores
    index.close()
    assert found == pytest.approx(1.0, abs=1e-6)
    assert find_halved_vectors(folder) == frozenset()


def test_a_new_shard_has_16_bits_for_the_combined_vectors(tmp_path: Path) -> None:
    QdrantIndex(tmp_path / "shard", VectorSizes(2, 4)).close()
    assert find_halved_vectors(tmp_path / "shard") == {COMBINED}


def _made(folder: Path) -> str:
    folder.mkdir()
    return str(folder)
