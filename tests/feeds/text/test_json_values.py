"""Reading of the objects of one JSON document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from shoplens.feeds.text.json_values import JsonDocument, is_by_line
from shoplens.feeds.text.text_lines import HEAD
from tests.feeds.feeds import product_json, read_checked, write_file

THREE = [product_json(name) for name in "ABC"]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize(
    "shape",
    [
        lambda rows: rows,
        lambda rows: {"products": rows},
        lambda rows: {"shop": {"name": "x", "tags": ["y"]}, "count": 3, "items": rows, "next": None},
        lambda rows: {"data": rows, "data2": [{"id": "no", "photos": ["no.jpg"]}]},
    ],
)
def test_arrays_and_envelopes(tmp_path: Path, shape: object, indent: int | None) -> None:
    text = json.dumps(shape(THREE), indent=indent)  # type: ignore[operator]
    result = read_checked(write_file(tmp_path / "f.json", text))
    assert (result.format, [product.id for product in result.products], result.rejections) == (
        "jsonl",
        ["A", "B", "C"],
        [],
    )
    assert result.counts.rows == 3


def test_objects_over_several_lines_one_after_the_other(tmp_path: Path) -> None:
    text = "\n".join(json.dumps(content, indent=2) for content in THREE)
    result = read_checked(write_file(tmp_path / "f", text))
    assert [product.id for product in result.products] == ["A", "B", "C"] and result.counts.rows == 3


def test_one_object_over_several_lines_is_one_product(tmp_path: Path) -> None:
    product = product_json("A", attributes={"items": ["x"], "data": [{"y": 1}]})
    (result,) = read_checked(write_file(tmp_path / "f", json.dumps(product_json("A"), indent=1))).products
    assert result.id == "A"
    assert [row.number for row in JsonDocument(write_file(tmp_path / "g", json.dumps(product, indent=1)))] == [1]


@pytest.mark.parametrize("bad", ['{"id": "X",, "photos": []}', '{"id": X}', '{"id": "X" "photos": "x.jpg"}'])
def test_one_bad_element_is_rejected_alone(tmp_path: Path, bad: str) -> None:
    good = [json.dumps(content, indent=1) for content in THREE]
    result = read_checked(write_file(tmp_path / "f", f"[\n{good[0]},\n{bad},\n{good[1]},\n{good[2]}\n]"))
    assert [product.id for product in result.products] == ["A", "B", "C"]
    assert [(rejection.kind, rejection.level, rejection.row) for rejection in result.rejections] == [
        ("malformed-json", "rejected", 2)
    ]
    assert (result.counts.rows, result.counts.rejected) == (4, 1)


def test_extra_commas_and_values_that_are_no_objects_are_skipped(tmp_path: Path) -> None:
    text = "[" + ",\n".join([*map(json.dumps, THREE), "null", "7", '"x"']) + ",]"
    assert [product.id for product in read_checked(write_file(tmp_path / "f", text)).products] == ["A", "B", "C"]


@pytest.mark.parametrize("title", ['}{][ "x" \\ ', "\\", '"', '\\\\"}', "ü€\u2028}", "\n{"])
def test_braces_quotes_and_escapes_in_texts(tmp_path: Path, title: str) -> None:
    rows = [product_json("A", title=title, description=title), product_json("B")]
    result = read_checked(write_file(tmp_path / "f", json.dumps(rows, indent=1, ensure_ascii=False)))
    assert [product.id for product in result.products] == ["A", "B"] and result.rejections == []


def test_a_document_cut_anywhere_is_refused_or_whole(tmp_path: Path) -> None:
    text = json.dumps([product_json("A", title='}"]\\'), product_json("B")], indent=1)
    for end in range(1, len(text)):
        path = write_file(tmp_path / "f", text[:end])
        with pytest.raises(FeedError) as caught, read_feed(path, format="jsonl") as feed:
            feed.prepare()
        assert caught.value.code in ("bad-json", "empty-feed")
        assert caught.value.code == "empty-feed" or "it breaks off at line" in caught.value.problem


def test_texts_may_be_split_between_blocks_at_every_place(tmp_path: Path) -> None:
    second = json.dumps(product_json("B", title='\\"}é{'), ensure_ascii=False)
    for back in range(len(second.encode()) + 1):
        first = json.dumps(product_json("A", description=""))
        filler = "x" * (HEAD - back - len(first) - 3)
        first = json.dumps(product_json("A", description=filler))
        text = f"[{first},\n{second},\n{json.dumps(product_json('C'))}]"
        assert [product.id for product in read_checked(write_file(tmp_path / "f", text)).products] == ["A", "B", "C"]


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    text = json.dumps([product_json("A", title="Grün"), product_json("B", title="Blau")], ensure_ascii=False)
    result = read_checked(write_file(tmp_path / "f", text.encode("cp1252")))
    assert [product.title for product in result.products] == ["Grün", "Blau"]
    assert [(rejection.kind, rejection.level, rejection.row) for rejection in result.rejections] == [
        ("not-utf-8", "note", 1)
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = json.dumps([product_json("A", title="Größe")], ensure_ascii=False, indent=1)
    assert read_checked(write_file(tmp_path / "f", text.encode(encoding))).products[0].title == "Größe"


@pytest.mark.parametrize(
    ("text", "by_line"),
    [
        ('{"id": 1}\n{"id": 2}\n', True),
        ('{"id": 1}', True),
        ('{"id": \n{"id": 2}\n', True),
        ('{\n"id": 1}', False),
        ('[{"id": 1}]', False),
        ('{"products": [{"id": 1}]}', False),
        ("", False),
    ],
)
def test_which_files_hold_an_object_per_line(tmp_path: Path, text: str, by_line: bool) -> None:
    assert is_by_line(write_file(tmp_path / "f", text)) is by_line
