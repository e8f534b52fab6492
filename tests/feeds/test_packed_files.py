"""Packed feeds."""

from __future__ import annotations

import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest

from shoplens.errors import FeedError
from shoplens.feeds import read_feed
from tests.feeds.feeds import read_checked, write_file

TABLE = "id,title,image_link\nA,Mug,a.jpg\n"


def write_zip(folder: Path, files: dict[str, str | bytes]) -> Path:
    path = folder / "feed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def error_code(path: Path, **options: int) -> str:
    with pytest.raises(FeedError) as caught:
        read_feed(path, **options)  # type: ignore[arg-type]
    assert caught.value.fix and path.name in caught.value.problem
    return caught.value.code


@pytest.mark.parametrize("name", ["feed.csv.gz", "feed.gz", "feed.csv", "feed"])
def test_a_gzip_file_is_recognised_by_its_bytes_and_photos_are_in_its_folder(tmp_path: Path, name: str) -> None:
    path = write_file(tmp_path / name, gzip.compress(TABLE.encode()))
    with read_feed(path) as feed:
        (product,) = feed
        assert feed.name == str(path) and feed.media == tmp_path
        assert product.photos == (str(tmp_path / "a.jpg"),)  # type: ignore[union-attr]


def test_gzip_in_parts_is_read_whole(tmp_path: Path) -> None:
    path = write_file(tmp_path / "f.gz", gzip.compress(TABLE.encode()) + gzip.compress(b"B,Cup,b.jpg\n"))
    assert [product.id for product in read_checked(path).products] == ["A", "B"]


@pytest.mark.parametrize("name", ["products.csv", "export/products.TXT", "a b/ü.csv"])
def test_a_zip_file_has_one_feed_and_other_files_are_ignored(tmp_path: Path, name: str) -> None:
    clutter = {"__MACOSX/._products.csv": b"\0", "README.md": "hello", "photos/a.jpg": b"x", ".hidden.csv": "x"}
    result = read_checked(write_zip(tmp_path, {**clutter, name: TABLE}))
    assert (result.format, [product.id for product in result.products]) == ("merchant", ["A"])
    assert result.products[0].photos == (str(tmp_path / "a.jpg"),)


def test_a_member_cannot_leave_the_folder_of_copies(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    assert read_checked(write_zip(inside, {str(tmp_path / "evil.csv"): TABLE})).counts.products == 1
    assert error_code(write_zip(inside, {"../evil.csv": TABLE})) == "bad-archive"
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "feed.zip"]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.jpg": b"x"},
        {"a.csv": TABLE, "b.csv": TABLE},
        {"[Content_Types].xml": "<Types/>", "xl/sheet1.xml": "<sheet/>"},
    ],
)
def test_a_zip_file_with_no_feed_several_or_a_workbook(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    path = write_zip(tmp_path, {"x.txt.bin": b"x", **files})
    assert error_code(path) == "bad-archive"


def test_a_password_is_an_error(tmp_path: Path) -> None:
    content = bytearray(write_zip(tmp_path, {"a.csv": TABLE}).read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    with pytest.raises(FeedError, match="password") as caught:
        read_feed(write_file(tmp_path / "feed.zip", bytes(content)))
    assert caught.value.code == "bad-archive"


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_what_is_too_large_unpacked_is_refused_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    text = TABLE + " " * 100_000
    if kind == "zip":
        path = write_zip(tmp_path, {"a.csv": text})
    else:
        path = write_file(tmp_path / "a.csv.gz", gzip.compress(text.encode()))
    assert path.stat().st_size < 1_000
    assert error_code(path, limit=len(text) - 1) == "feed-too-large"
    with read_feed(path, limit=len(text)) as feed:
        assert feed.count == 1


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_containers_that_are_cut_or_changed_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    whole = gzip.compress(TABLE.encode(), mtime=0)
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("a.csv"), TABLE)
        whole = buffer.getvalue()
    generator = random.Random(18)
    refused = 0
    for number in range(400):
        content = bytearray(whole)
        if number < len(whole):
            del content[number:]
        else:
            for _ in range(generator.randrange(1, 4)):
                content[generator.randrange(len(content))] = generator.randrange(256)
        path = write_file(tmp_path / "f", bytes(content))
        try:
            with read_feed(path) as feed:
                counts = feed.counts
                assert counts.rows == counts.used + counts.skipped + counts.rejected
        except FeedError as problem:
            refused += 1
            assert problem.code in ("bad-archive", "unknown-header", "empty-feed", "feed-too-large", "no-space")
    assert refused > len(whole) - 5


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_damaged_zip_file_of_any_kind_says_so(tmp_path: Path, method: int) -> None:
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("feed.csv", TABLE * 999)
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)
    assert error_code(path) == "bad-archive"
