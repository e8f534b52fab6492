"""Delimited text, read as Merchant feeds: encodings, line ends, quotes, delimiters, and rows that do not fit."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shoplens.errors import FeedError
from shoplens.feeds.text.delimited import TableRow, read_table
from tests.feeds.feeds import read_checked, write_file

HEAD = "id,title,image_link\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_shows_known_columns(tmp_path: Path, delimiter: str) -> None:
    header = delimiter.join(["id", "title", "a,b" if delimiter != "," else "a;b|c", "image link"])
    result = read_checked(write_file(tmp_path / "f", f"{header}\n{delimiter.join(['A', 'T', 'x', 'a.jpg'])}\n"))
    assert [product.id for product in result.products] == ["A"] and result.rejections == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"], ids=lambda name: str(name)
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    text = ends.join(["id,title,image_link", "A,Größe €,ä.jpg", "B,two,b.jpg", ""])
    result = read_checked(write_file(tmp_path / "f", text.encode(encoding)))
    assert [(product.id, product.title) for product in result.products] == [("A", "Größe €"), ("B", "two")]
    assert result.products[0].photos == (str(tmp_path / "ä.jpg"),)
    assert result.rejections == []


def test_what_is_not_utf8_is_windows_1252_line_by_line_with_one_note(tmp_path: Path) -> None:
    rows = [b"A,\xc3\xa4,a.jpg", b"B,\xe4\x80,b.jpg", b"C,\xe4,c.jpg", b"D,\xc3\xa4,d.jpg"]
    result = read_checked(write_file(tmp_path / "f", HEAD.encode() + b"\n".join(rows)))
    assert [product.title for product in result.products] == ["ä", "ä€", "ä", "ä"]
    note = result.only("not-utf-8")
    assert (note.level, note.row, note.value) == ("note", 2, "B,ä€,b.jpg")


def test_half_a_character_of_utf16_is_replaced_and_noted(tmp_path: Path) -> None:
    text = (HEAD + "A,one,a.jpg\n").encode("utf-16") + b"B\x00,\x00\x00\xdc,\x00b\x00\n\x00"
    result = read_checked(write_file(tmp_path / "f", text))
    assert (result.only("bad-characters").row, result.only("bad-characters").level) == (2, "note")
    assert result.products[1].title == "\ufffd"


def test_nul_bytes_are_removed_with_one_note(tmp_path: Path) -> None:
    result = read_checked(write_file(tmp_path / "f", HEAD + "A,one,a.jpg\nB\0,t\0wo,b.jpg\nC,th\0ree,c.jpg\n"))
    assert [(product.id, product.title) for product in result.products] == [("A", "one"), ("B", "two"), ("C", "three")]
    assert (result.only("nul-bytes").row, result.only("nul-bytes").level) == (2, "note")


def test_line_breaks_and_delimiters_inside_quotes(tmp_path: Path) -> None:
    result = read_checked(
        write_file(tmp_path / "f", 'id,title,image_link\nA,"one,\n""two""\r\nthree",a.jpg\nB,t,b.jpg\n')
    )
    assert [product.title for product in result.products] == ['one, "two" three', "t"]
    assert result.rejections == []


@pytest.mark.parametrize(
    ("row", "kind", "field", "value"),
    [
        ("B,two,b.jpg,more", "too-many-columns", "", "more"),
        ('B,"two,b.jpg', "malformed-row", "", 'B,"two,b.jpg'),
    ],
)
def test_a_row_that_does_not_fit_is_rejected_alone(tmp_path: Path, row: str, kind: str, field: str, value: str) -> None:
    result = read_checked(write_file(tmp_path / "f", f"{HEAD}A,one,a.jpg\n{row}\nC,three,c.jpg\nD,four,d.jpg\n"))
    rejection = result.only(kind)
    assert (rejection.level, rejection.row, rejection.field, rejection.value) == ("rejected", 2, field, value)
    assert [product.id for product in result.products] == ["A", "C", "D"] and len(result.rejections) == 1


def test_a_quote_that_is_never_closed_costs_one_row_even_far_from_the_end(tmp_path: Path) -> None:
    rows = [f"{number},t,{number}.jpg" for number in range(2_000)]
    rows[700] = '700,"t,700.jpg'
    result = read_checked(write_file(tmp_path / "f", HEAD + "\n".join(rows)))
    assert (result.only("malformed-row").row, len(result.products)) == (701, 1_999)


def test_two_stray_quotes_cost_their_rows_only(tmp_path: Path) -> None:
    rows = ["A,t,a.jpg", 'B,"t,b.jpg', "C,t,c.jpg", 'D,"t,d.jpg', "E,t,e.jpg"]
    result = read_checked(write_file(tmp_path / "f", HEAD + "\n".join(rows)))
    assert [product.id for product in result.products] == ["A", "C", "E"]
    assert [(rejection.kind, rejection.row) for rejection in result.rejections] == [
        ("malformed-row", 2),
        ("malformed-row", 4),
    ]


def test_a_row_over_several_lines_with_too_many_columns_is_one_rejection(tmp_path: Path) -> None:
    result = read_checked(write_file(tmp_path / "f", HEAD + 'A,"warm\nand\ndry",a.jpg,12,99\nB,t,b.jpg\n'))
    assert (result.kinds, [product.id for product in result.products]) == (["too-many-columns"], ["B"])


def test_a_field_above_the_csv_modules_limit(tmp_path: Path) -> None:
    header = "id,title,image_link,description\n"
    result = read_checked(write_file(tmp_path / "f", f"{header}A,t,a.jpg,{'x' * 200_000}\nB,t,b.jpg,\n"))
    assert [len(product.description) for product in result.products] == [100_000, 0] and result.rejections == []


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r"], ids=["lf", "cr"])
def test_a_line_above_every_limit_costs_its_row(tmp_path: Path, encoding: str, end: str) -> None:
    text = f"{HEAD}0,t,0.jpg\nA,{'é' * (17 * 2**20)},a.jpg\nB,t,b.jpg\n".replace("\n", end)
    result = read_checked(write_file(tmp_path / "f", text.encode(encoding)))
    assert result.kinds == ["line-too-long"] and [product.id for product in result.products] == ["0", "B"]
    rejection = result.only("line-too-long")
    assert (rejection.row, rejection.level, rejection.value[:5]) == (2, "rejected", "A,ééé")
    assert (result.counts.rows, result.counts.rejected) == (3, 1)


def test_a_row_of_many_lines_has_a_limit_too(tmp_path: Path) -> None:
    half = "x\n" + f"{'x' * 2**20}\n" * 9
    result = read_checked(write_file(tmp_path / "f", f'{HEAD}A,"{half}","{half}"\nB,t,b.jpg\n'))
    assert (result.rejections[0].kind, result.rejections[0].row, result.rejections[0].value) == (
        "malformed-row",
        1,
        'A,"x',
    )
    assert [product.id for product in result.products] == ["B"]


def test_a_header_above_every_limit_is_an_error(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f", HEAD.strip() + "," + "x" * (17 * 2**20) + "\nA,t,a.jpg\n")
    with pytest.raises(FeedError, match="longer than 16 MB") as caught:
        read_checked(path)
    assert caught.value.code == "unknown-header"


def test_empty_rows_are_numbered_and_not_counted(tmp_path: Path) -> None:
    result = read_checked(write_file(tmp_path / "f", f"\n\n{HEAD}A,t,a.jpg\n\n,,\n,t,b.jpg\n"))
    assert (result.only("missing-id").row, result.counts.rows) == (4, 2)


def test_empty_columns_after_the_last_are_forgiven(tmp_path: Path) -> None:
    result = read_checked(write_file(tmp_path / "f", HEAD + "A,t,a.jpg,,\n"))
    assert len(result.products) == 1 and result.rejections == []


CELL = st.text(st.sampled_from(list('ab ,;"\n\t|é')), max_size=6)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), st.sampled_from(",;\t|"))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_csv_writer_writes_is_read(tmp_path: Path, rows: list[tuple[str, str, str]], delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("x", "y", "z"), *rows])
    path = write_file(tmp_path / "f", text.getvalue())
    expected = [
        TableRow(number, {name: cell.strip() for name, cell in zip("xyz", row, strict=True) if cell.strip()})
        for number, row in enumerate(rows, 1)
        if "".join(row).strip()
    ]
    assert list(read_table(path, ["x", "y", "z"])) == expected
