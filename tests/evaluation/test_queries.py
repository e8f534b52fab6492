"""Files of queries, column by column and mistake by mistake; and the further photos of a store's own products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.evaluation.queries import COLUMNS, JudgedQuery, holdout_queries, read_queries
from shoplens.index.exact import ExactIndex
from shoplens.index.protocol import IndexedProduct
from shoplens.types import Photo, Region, Rejection
from tests.fakes import product


def read(folder: Path, text: str, encoding: str = "utf-8") -> list[JudgedQuery | Rejection]:
    (folder / "queries.csv").write_bytes(text.encode(encoding))
    return list(read_queries(folder / "queries.csv"))


def only(folder: Path, text: str) -> JudgedQuery:
    (query,) = read(folder, text)
    assert isinstance(query, JudgedQuery)
    return query


def rejection(folder: Path, text: str) -> Rejection:
    (result,) = read(folder, text)
    assert isinstance(result, Rejection)
    return result


def test_two_columns_are_enough(tmp_path: Path) -> None:
    first, second = read(tmp_path, "photo,product_id\na.jpg,red\n\n b/c.jpg , green \n")
    assert first == JudgedQuery(str(tmp_path / "a.jpg"), {"red": 1.0}, None, frozenset(), 1)
    assert second == JudgedQuery(str(tmp_path / "b/c.jpg"), {"green": 1.0}, None, frozenset(), 3)


def test_every_column_is_read(tmp_path: Path) -> None:
    header = ",".join(COLUMNS)
    query = only(tmp_path, f'{header}\na.jpg,red|blue|green,"4, 5,60,70",x|y| x ,2|0.5|3\n')
    assert query.region == Region(4, 5, 60, 70)
    assert query.excluded == {"x", "y"}
    assert list(query.grades.items()) == [("green", 3.0), ("red", 2.0), ("blue", 0.5)]  # the most wanted first


def test_equal_grades_keep_the_order_of_the_file(tmp_path: Path) -> None:
    assert list(only(tmp_path, "photo,product_id\na.jpg,c|a|b\n").grades) == ["c", "a", "b"]
    assert list(only(tmp_path, "photo,product_id,grade\na.jpg,c|a|b,1|2|2\n").grades) == ["a", "b", "c"]


def test_an_id_that_comes_twice_is_one(tmp_path: Path) -> None:
    assert only(tmp_path, "photo,product_id\na.jpg,| red| red|\n").grades == {"red": 1.0}


@pytest.mark.parametrize("source", ["http://shop.example/a.jpg", "https://shop.example/a.jpg", "/elsewhere/a.jpg"])
def test_addresses_and_absolute_paths_stay_as_they_are(tmp_path: Path, source: str) -> None:
    assert only(tmp_path, f"photo,product_id\n{source},red\n").photo == source


def test_paths_are_relative_to_the_file_wherever_it_is_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(tmp_path, "photo,product_id\na.jpg,red\n")
    monkeypatch.chdir(tmp_path)
    (query,) = read_queries(Path("queries.csv"))
    assert isinstance(query, JudgedQuery) and query.photo == str(tmp_path / "a.jpg")


def test_marks_encodings_delimiters_and_other_columns_do_not_matter(tmp_path: Path) -> None:
    for text, encoding in (
        ("Product_ID;Note;PHOTO;region\r\nrød;x,y;a.jpg;1,2,3,4\r\n", "utf-8-sig"),
        ("Product_ID;Note;PHOTO;region\r\nrød;x,y;a.jpg;1,2,3,4\r\n", "utf-16"),
        ('photo\tproduct_id\tregion\na.jpg\t"rød"\t1,2,3,4', "utf-8"),
        ('"photo","product id","region"\n"a.jpg","rød","1,2,3,4"\n', "utf-8"),
    ):
        (query,) = read(tmp_path, text, encoding)
        assert query == JudgedQuery(str(tmp_path / "a.jpg"), {"rød": 1.0}, Region(1, 2, 3, 4), frozenset(), 1)


@pytest.mark.parametrize(
    ("row", "kind", "field", "value"),
    [
        (",red,,,", "query-incomplete", "photo", ""),
        ("a.jpg,,,,", "query-incomplete", "product_id", ""),
        ("a.jpg, | ,,,", "query-grades", "grade", ""),
        ("a.jpg,red|blue,,,1", "query-grades", "grade", "1"),
        ("a.jpg,red|blue,,,1|2|3", "query-grades", "grade", "1|2|3"),
        ("a.jpg,red|blue,,,1|", "query-grades", "grade", "1|"),
        ("a.jpg,red,,,0", "query-grades", "grade", "0"),
        ("a.jpg,red,,,-1", "query-grades", "grade", "-1"),
        ("a.jpg,red,,,nan", "query-grades", "grade", "nan"),
        ("a.jpg,red,,,inf", "query-grades", "grade", "inf"),
        ("a.jpg,red,,,good", "query-grades", "grade", "good"),
        ('a.jpg,red,"1,2,3",,', "query-region", "region", "1,2,3"),
        ('a.jpg,red,"1,2,0,4",,', "query-region", "region", "1,2,0,4"),
        ('a.jpg,red,"-1,2,3,4",,', "query-region", "region", "-1,2,3,4"),
        ('a.jpg,red,"1,2,3,4.5",,', "query-region", "region", "1,2,3,4.5"),
        ("a.jpg,red,1,2,3,4,,", "too-many-columns", "", "4"),
        ("a.jpg", "query-incomplete", "product_id", ""),
    ],
)
def test_an_invalid_row_is_a_rejection(tmp_path: Path, row: str, kind: str, field: str, value: str) -> None:
    result = rejection(tmp_path, f"photo,product_id,region,exclude,grade\n{row}\n")
    assert (result.kind, result.row, result.field, result.value, result.level) == (kind, 1, field, value, "rejected")
    assert result.reason and result.fix


def test_rows_around_an_invalid_row_are_read(tmp_path: Path) -> None:
    result = read(tmp_path, "photo,product_id\na.jpg,red\n,red\nb.jpg,blue\n")
    assert [item.row for item in result] == [1, 2, 3]
    assert [isinstance(item, JudgedQuery) for item in result] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("\ufeff", "is empty"),
        ("photo,product_id", "has no rows below its header"),
        ("photo,product_id\n,\n\n", "has no rows below its header"),
    ],
)
def test_a_file_without_queries_is_an_error(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=rf"queries\.csv {problem}\. Give a CSV file") as error:
        read(tmp_path, text)
    assert error.value.code == "no-queries"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(InvalidValue, match="cannot be read") as error:
            list(read_queries(path))
        assert error.value.code == "no-queries"


@pytest.mark.parametrize(
    ("header", "missing"), [("photo,id", "product_id"), ("image;product_id", "photo"), ("a.jpg,red", "photo")]
)
def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path, header: str, missing: str) -> None:
    with pytest.raises(InvalidValue) as error:
        read(tmp_path, f"{header}\n1,2\n")
    assert error.value.code == "queries-without-column"
    assert f"no column '{missing}'; its first line has {', '.join(header.replace(';', ',').split(','))}." in str(
        error.value
    )
    assert COLUMNS[missing] in error.value.fix


def test_held_out_are_all_photos_but_the_first_ones() -> None:
    index = ExactIndex(1)
    for name, count in (("one", 1), ("three", 3)):
        sources = tuple(f"/{name}-{number}.png" for number in range(count))
        photos = tuple(Photo(source, f"{number:032x}", "", 8, 8) for number, source in enumerate(sources))
        index.upsert([IndexedProduct(product(name, *sources), photos, np.ones((count, 1), np.float32))])
    assert list(holdout_queries(index)) == [
        JudgedQuery("/three-1.png", {"three": 1.0}),
        JudgedQuery("/three-2.png", {"three": 1.0}),
    ]
    assert list(holdout_queries(ExactIndex(1))) == []
