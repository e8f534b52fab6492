"""One entry for paths and URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens.errors import PhotoError
from shoplens.images import PhotoCache, PhotoSource
from shoplens.settings import Settings
from tests.fetching.local_server import Server, answer
from tests.images.made_photos import encoded, scene

PHOTO = encoded(scene(), "PNG")
NEAR = Settings(allow_private=True, fetch_attempts=1)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[PhotoSource]:
    made = PhotoSource(NEAR, PhotoCache(tmp_path / "kept", 10**9))
    yield made
    made.close()


def code_of(source: PhotoSource, name: str) -> str:
    with pytest.raises(PhotoError) as caught:
        source.bytes_of(name)
    assert caught.value.fix
    return caught.value.code


def test_a_local_file(tmp_path: Path, source: PhotoSource) -> None:
    path = tmp_path / "a b ü.png"
    path.write_bytes(PHOTO)
    assert source.bytes_of(str(path)) == PHOTO


def test_local_files_that_cannot_be_read(tmp_path: Path, source: PhotoSource) -> None:
    (tmp_path / "file").write_bytes(PHOTO)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    bad = {
        "missing.jpg": "photo-missing",
        "file/inside.jpg": "photo-missing",
        "nul\0.jpg": "photo-missing",
        ".": "photo-not-a-file",
        "pipe": "photo-not-a-file",
        "loop": "photo-unreadable",
        "x" * 5000: "photo-unreadable",
    }
    assert {name: code_of(source, f"{tmp_path}/{name}") for name in bad} == bad


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path, source: PhotoSource) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PHOTO)
    path.chmod(0)
    assert code_of(source, str(path)) == "photo-unreadable"


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(10**12)  # sparse
    assert code_of(PhotoSource(Settings()), str(path)) == "photo-too-many-bytes"
    path.write_bytes(PHOTO)
    assert PhotoSource(replace(NEAR, max_photo_bytes=len(PHOTO))).bytes_of(str(path)) == PHOTO
    assert code_of(PhotoSource(replace(NEAR, max_photo_bytes=len(PHOTO) - 1)), str(path)) == "photo-too-many-bytes"


def test_a_url_is_fetched_once(source: PhotoSource, server: Server) -> None:
    server.pages["/a.png"] = answer(body=PHOTO)
    assert [source.bytes_of(server.url("/a.png")) for _ in range(3)] == [PHOTO] * 3
    assert server.paths == ["/a.png"]
    source.forget(server.url("/a.png"))
    source.forget("/no/url.png")
    assert source.bytes_of(server.url("/a.png")) == PHOTO
    assert server.paths == ["/a.png"] * 2


def test_spellings_of_a_url_share_one_fetched_photo(source: PhotoSource, server: Server) -> None:
    server.pages["/a%20b.png"] = answer(body=PHOTO)
    for path in ("/a b.png", "/a%20b.png", "/x/../a b.png#top"):
        assert source.bytes_of(server.url(path)) == PHOTO
    assert server.paths == ["/a%20b.png"]
    source.forget(server.url("/./a b.png"))
    assert source.bytes_of(server.url("/a b.png")) == PHOTO
    assert server.paths == ["/a%20b.png"] * 2


def test_an_address_without_a_scheme_is_a_path_and_told_how_to_write_it(source: PhotoSource) -> None:
    with pytest.raises(PhotoError, match=r"^There is no file //cdn\.example/a\.png\. .* https://cdn\.example/a\.png"):
        source.bytes_of("//cdn.example/a.png")


def test_a_body_that_is_no_photo_is_not_kept(source: PhotoSource, server: Server) -> None:
    for body, code in ((b"", "photo-empty"), (b"sorry", "photo-not-an-image")):
        server.pages["/a.png"] = answer(body=body)
        assert code_of(source, server.url("/a.png")) == code
    server.pages["/a.png"] = answer(body=PHOTO)
    assert source.bytes_of(server.url("/a.png")) == PHOTO


def test_without_a_folder_nothing_is_kept(server: Server) -> None:
    server.pages["/a.png"] = answer(body=PHOTO)
    source = PhotoSource(NEAR)
    assert [source.bytes_of(server.url("/a.png")) for _ in range(2)] == [PHOTO] * 2
    assert len(server.requests) == 2
    source.close()


def test_private_addresses_and_other_schemes_are_refused(server: Server, settings: Settings) -> None:
    source = PhotoSource(settings)
    assert code_of(source, server.url("/a.png")) == "fetch-address"
    assert code_of(source, "ftp://shop.example/a.png") == "fetch-scheme"
    assert server.requests == []
    source.close()
