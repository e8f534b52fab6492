"""What a product may be called: its id, then its identifiers, then what it was called before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.index.conditions import IsProduct
from shoplens.index.exact import ExactIndex
from shoplens.index.identifiers import ProductMatch, find_gtin, find_product, find_products
from shoplens.index.protocol import Index, IndexedProduct, VectorSizes
from shoplens.index.qdrant.qdrant_index import QdrantIndex
from shoplens.types import Photo, Product
from tests.fakes import product
from tests.index.server_indexes import SERVER_PARAMETERS

PRODUCTS = [
    product("shirt", "/0.jpg", identifiers=("shirt-S", "shirt-M", "4006381333931", "shared")),
    product("7", "/1.jpg", identifiers=("gr\u00f6\u00dfe-7", "shared")),
    product("hat", "/2.jpg", identifiers=("7", "shirt")),
]


def entry(product: Product) -> IndexedProduct:
    return IndexedProduct(product, (Photo(product.photos[0], "0" * 32, "", 8, 8),), np.array([[1.0, 0.0]], np.float32))


@pytest.fixture(params=["exact", "qdrant", *SERVER_PARAMETERS])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    if request.param == "exact":
        index: Index = ExactIndex(2)
    else:
        sizes = VectorSizes(2)
        index = QdrantIndex(tmp_path / "shard", sizes) if request.param == "qdrant" else request.param(sizes)
    yield index
    index.close()


@pytest.fixture
def index(empty: Index) -> Index:
    empty.upsert([entry(item) for item in PRODUCTS])
    return empty


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shirt", ProductMatch(("shirt",), "id")),
        ("shirt-M", ProductMatch(("shirt",), "identifier")),
        ("4006381333931", ProductMatch(("shirt",), "identifier")),
        ("7", ProductMatch(("7",), "id")),
        ("gro\u0308\u00dfe-7", ProductMatch(("7",), "identifier")),
        ("shared", ProductMatch(("7", "shirt"), "identifier")),
        ("SHIRT-M", None),
        ("4006381333931.0", None),
        ("nothing", None),
    ],
)
def test_a_name_stands_for_products(index: Index, name: str, expected: ProductMatch | None) -> None:
    assert find_products(index, [name]).get(name) == expected


def test_several_names_are_looked_up_together(index: Index) -> None:
    result = find_products(index, ["hat", "shirt-S", "shirt-M", "nothing", "hat"])
    assert {name: item.ids for name, item in result.items()} == {
        "hat": ("hat",),
        "shirt-S": ("shirt",),
        "shirt-M": ("shirt",),
    }
    assert find_products(index, []) == {}


def test_an_empty_index_knows_no_name(empty: Index) -> None:
    empty.renames = lambda: {"old": "new"}
    assert find_products(empty, ["a", "old"]) == {}


def test_an_old_id_counts_where_nothing_else_bears_it(index: Index) -> None:
    index.renames = lambda: {"cap": "hat", "shirt-S": "hat", "7": "shirt", "lost": "gone", "gr\u00fcn": "7"}
    assert find_products(index, ["cap", "shirt-S", "7", "lost", "gru\u0308n"]) == {
        "cap": ProductMatch(("hat",), "old-id"),
        "shirt-S": ProductMatch(("shirt",), "identifier"),
        "7": ProductMatch(("7",), "id"),
        "gru\u0308n": ProductMatch(("7",), "old-id"),
    }


def test_one_product_is_asked_for(index: Index) -> None:
    index.renames = lambda: {"cap": "hat"}
    assert [find_product(index, name).product.id for name in ("7", "shirt-S", "cap")] == ["7", "shirt", "hat"]
    with pytest.raises(InvalidValue, match=r"'shared' stands for 2 products: 7, shirt\. Give the id") as error:
        find_product(index, "shared")
    assert error.value.code == "ambiguous-product"
    with pytest.raises(InvalidValue, match=r"no product 'nothing'\. .*SKU or GTIN") as error:
        find_product(index, "nothing")
    assert error.value.code == "unknown-product"


def test_a_group_stands_for_its_first_product_in_stock(index: Index) -> None:
    """Pages of a shop know the product that comes in several colours, which are products of their own here."""
    colours = [("bag-Black", False), ("bag-Red", True), ("bag-White", None)]
    index.upsert([entry(product(name, f"/{name}.png", group_id="bag", in_stock=stock)) for name, stock in colours])
    assert find_product(index, "bag").product.id == "bag-Red"
    assert find_products(index, ["bag"]) == {}, "it is no name of a product"
    index.upsert([entry(product("bag", "/bag.png"))])
    assert find_product(index, "bag").product.id == "bag"


def test_of_many_products_with_one_name_only_some_are_listed(index: Index) -> None:
    index.upsert([entry(product(f"p{n}", f"/{n}.png", identifiers=("many",))) for n in range(9)])
    with pytest.raises(InvalidValue, match=r"stands for 9 products: p0, p1, p2, p3, p4, …\."):
        find_product(index, "many")


def test_identifiers_change_with_the_record(index: Index) -> None:
    index.replace_products([product("hat", "/2.jpg", identifiers=("cap-1",))])
    assert find_products(index, ["cap-1", "7"]) == {
        "cap-1": ProductMatch(("hat",), "identifier"),
        "7": ProductMatch(("7",), "id"),
    }
    index.remove(["hat"])
    assert find_products(index, ["cap-1"]) == {}


def test_a_trade_number_is_found_in_every_form_and_under_a_condition(empty: Index) -> None:
    assert find_gtin(empty, "04006381333931") == []
    forms = {"a": "4006381333931", "b": "04006381333931", "c": "042100005264", "d": "04252614", "e": "42100005264"}
    empty.upsert([entry(product(name, "/0.jpg", identifiers=(code,))) for name, code in forms.items()])
    empty.upsert([entry(product("96385074", "/0.jpg"))])

    def found(gtin: str) -> list[str]:
        return [record.product.id for record in find_gtin(empty, gtin)]

    assert found("04006381333931") == ["a", "b"]
    assert found("00042100005264") == ["c", "d", "e"]
    assert found("00000096385074") == ["96385074"]
    assert found("14006381333938") == []
    assert [one.product.id for one in find_gtin(empty, "04006381333931", IsProduct(("b",)))] == ["b"]
