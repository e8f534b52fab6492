"""Folders of photos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.feeds.feeds import read_checked, write_file


def create_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(folder / name, b"not looked at")


def test_a_sub_folder_is_a_product_and_a_lone_photo_is_one(tmp_path: Path) -> None:
    create_files(
        tmp_path, "red_tea-pot/2.jpg", "red_tea-pot/1.JPG", "red_tea-pot/10.png", "Cup.webp", ".hidden.jpg", "Thumbs.db"
    )
    result = read_checked(tmp_path)
    assert [(product.id, product.title) for product in result.products] == [
        ("Cup", "Cup"),
        ("red_tea-pot", "red tea pot"),
    ]
    assert result.products[1].photos == tuple(
        str(tmp_path / "red_tea-pot" / name) for name in ("1.JPG", "10.png", "2.jpg")
    )
    assert result.rejections == []


def test_a_relative_folder_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_files(tmp_path, "shop/a.jpg")
    monkeypatch.chdir(tmp_path)
    assert read_checked(Path("shop")).products[0].photos == (str(tmp_path / "shop" / "a.jpg"),)


def test_other_files_are_noted_and_folders_without_photos_are_rejected(tmp_path: Path) -> None:
    create_files(tmp_path, "a/1.jpg", "a/more/2.jpg", "a/readme.txt", "b/notes.txt", "list.csv")
    (tmp_path / "c").mkdir()
    result = read_checked(tmp_path)
    assert [product.id for product in result.products] == ["a"]
    assert [
        (rejection.kind, rejection.level, rejection.value, rejection.product_id) for rejection in result.rejections
    ] == [
        ("nested-folder", "note", "a/more", ""),
        ("not-a-photo-file", "note", "a/readme.txt", ""),
        ("not-a-photo-file", "note", "b/notes.txt", ""),
        ("product-without-photos", "rejected", "", "b"),
        ("product-without-photos", "rejected", "", "c"),
        ("not-a-photo-file", "note", "list.csv", ""),
    ]
    assert all(rejection.row is None for rejection in result.rejections)
    assert (result.counts.rows, result.counts.used, result.counts.skipped, result.counts.rejected) == (4, 1, 1, 2)


def test_two_photos_of_one_name_and_names_that_cannot_be_used(tmp_path: Path) -> None:
    create_files(tmp_path, "a.jpg", "a.png", "b\\c.jpg", "d\ne.jpg")
    (tmp_path / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")
    result = read_checked(tmp_path)
    assert [product.photos for product in result.products] == [(str(tmp_path / "a.jpg"),)]
    assert sorted(result.kinds) == ["bad-file-name", "bad-file-name", "bad-file-name", "duplicate-id"]
    assert result.only("duplicate-id").value == "a"
