"""Labels files: which photo a row means, and which rows cannot be used."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from shoplens.errors import InvalidValue
from shoplens.filters.dimensions.labels import MAX_REJECTIONS, Labels, load_labels, read_labels
from shoplens.settings import DimensionRule, DimensionRules


def write_labels(folder: Path, *rows: str, header: str = "photo,dimension,value", name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]), "utf-8")
    return path


def test_a_photo_is_named_by_relative_path_absolute_path_url_or_file_name(tmp_path: Path) -> None:
    photos = [
        f"{tmp_path}/a.jpg",
        f"{tmp_path}/sub/b.jpg",
        "/else/c.jpg",
        "https://s.example/x/d%20e.jpg?v=1",
        "/f/g.jpg",
    ]
    path = write_labels(
        tmp_path,
        "a.jpg,season,Winter",
        "./sub/../sub/b.jpg,season,Spring",
        "/else/c.jpg,season,Summer",
        "https://s.example/x/d%20e.jpg?v=1,season,Autumn",
        "d e.jpg,mood,calm",
        "g.jpg,season,Winter",
        r"sub\b.jpg,mood,wild",
    )
    labels = read_labels(path, photos)
    assert labels.rejections == ()
    assert labels.dimensions == {"season": 5, "mood": 2}
    assert [dict(labels.values_of([photo])) for photo in photos] == [
        {"season": ("Winter",)},
        {"season": ("Spring",), "mood": ("wild",)},
        {"season": ("Summer",)},
        {"season": ("Autumn",), "mood": ("calm",)},
        {"season": ("Winter",)},
    ]


def test_a_file_name_that_several_photos_have_means_none_unless_one_lies_beside_the_file(tmp_path: Path) -> None:
    path = write_labels(tmp_path, "a.jpg,season,Winter", "b.jpg,season,Winter")
    labels = read_labels(path, ["/1/a.jpg", "/2/a.jpg", "/3/a.jpg", "/2/a.jpg", "/1/b.jpg", f"{tmp_path}/b.jpg"])
    assert labels.by_photo == {f"{tmp_path}/b.jpg": {"season": ("Winter",)}}
    (rejection,) = labels.rejections
    assert (rejection.kind, rejection.row, rejection.value) == ("labels-ambiguous-photo", 1, "a.jpg")
    assert "/1/a.jpg and /2/a.jpg" in rejection.reason


def test_one_photo_of_two_products_is_one_photo(tmp_path: Path) -> None:
    labels = read_labels(write_labels(tmp_path, "a.jpg,season,Winter"), ["/1/a.jpg", "/1/a.jpg"])
    assert labels.values_of(("/1/a.jpg",)) == {"season": ("Winter",)}


def test_a_path_with_a_folder_means_that_folder_only(tmp_path: Path) -> None:
    labels = read_labels(write_labels(tmp_path, "x/a.jpg,season,Winter"), ["/y/a.jpg"])
    assert [rejection.kind for rejection in labels.rejections] == ["labels-unknown-photo"]


def test_labels_of_a_products_photos_are_joined_without_regard_to_case(tmp_path: Path) -> None:
    path = write_labels(
        tmp_path, "a.jpg,Season,Winter", "a.jpg,season,WINTER", "b.jpg,SEASON,Spring", "b.jpg,season,Winter"
    )
    labels = read_labels(path, ["/1/a.jpg", "/1/b.jpg"])
    assert labels.values_of(("/1/b.jpg", "/1/a.jpg")) == {"Season": ("Spring", "Winter")}
    assert labels.dimensions == {"Season": 3}
    assert labels.values_of(()) == labels.values_of(("/2/a.jpg",)) == {}


def test_invalid_rows_are_rejected_with_their_number(tmp_path: Path) -> None:
    path = write_labels(
        tmp_path,
        ",season,Winter",
        "a.jpg,,Winter",
        "a.jpg,season",
        "",
        " , , ",
        "a.jpg,Look,Winter",
        "a.jpg,season,two\x07bells",
        f"a.jpg,{'x' * 129},y",
        "gone.jpg,season,Winter",
        "a.jpg,season,Winter",
    )
    labels = read_labels(path, ["/1/a.jpg"])
    assert [(rejection.kind, rejection.row, rejection.field) for rejection in labels.rejections] == [
        ("labels-incomplete", 1, "photo"),
        ("labels-incomplete", 2, "dimension"),
        ("labels-incomplete", 3, "value"),
        ("labels-reserved", 6, "dimension"),
        ("labels-odd-text", 7, "value"),
        ("labels-odd-text", 8, "dimension"),
        ("labels-unknown-photo", 9, "photo"),
    ]
    assert labels.values_of(["/1/a.jpg"]) == {"season": ("Winter",)}


def test_of_many_bad_rows_the_first_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    labels = read_labels(write_labels(tmp_path, *(f"{n}.jpg,season,Winter" for n in range(MAX_REJECTIONS + 5))), [])
    assert (len(labels.rejections), labels.rejection_count) == (MAX_REJECTIONS, MAX_REJECTIONS + 5)


def test_a_byte_order_mark_other_columns_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes('\ufeffvalue, Photo ,by,dimension\r\n"cold, wet",a.jpg,me,season\r\n'.encode())
    assert read_labels(path, ["/1/a.jpg"]).values_of(["/1/a.jpg"]) == {"season": ("cold, wet",)}


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "labels-empty", "is empty"),
        (b"photo,dimension,value\n", "labels-empty", "has no rows below its header"),
        (b"photo,dimension,value\n,,\n", "labels-empty", "has no rows below its header"),
        (
            b"photo,dimension\na.jpg,season\n",
            "labels-without-column",
            "has no column 'value'; its first line has photo",
        ),
        (b"photo,dimension,value\na.jpg,season,\xfc\n", "labels-unreadable", "is not UTF-8"),
        (b"photo,dimension,value\na.jpg,season," + b"x" * 140_000, "labels-unreadable", "line 2: field larger"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes, code: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    limit = csv.field_size_limit(131_072)  # Python's own; readers of feeds raise it for the whole process
    try:
        with pytest.raises(InvalidValue, match=message) as error:
            read_labels(path, ["/1/a.jpg"])
    finally:
        csv.field_size_limit(limit)
    assert error.value.code == code
    assert str(path) in error.value.problem


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="cannot be read: No such file") as error:
        read_labels(tmp_path / "gone.csv", [])
    assert error.value.code == "labels-unreadable"


def test_all_files_of_the_rules_are_one(tmp_path: Path) -> None:
    item = write_labels(tmp_path, "a.jpg,season,Winter")
    other = write_labels(tmp_path, "a.jpg,mood,calm", name="mood.csv")
    gone = tmp_path / "gone.csv"
    rules = {
        "season": DimensionRule(labels=item),
        "Season 2": DimensionRule(labels=item),
        "mood": DimensionRule(labels=other),
        "dropped": DimensionRule(labels=gone, use=False),
    }
    labels = load_labels(DimensionRules(rules=rules), iter(["/1/a.jpg"]))
    assert labels == Labels({"/1/a.jpg": {"season": ("Winter",), "mood": ("calm",)}}, {"season": 1, "mood": 1})
    assert load_labels(DimensionRules(), []) is None
