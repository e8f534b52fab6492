"""A photo is known by its bytes, whatever the server says of them, and unpacked within the limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from shoplens.errors import PhotoError
from shoplens.images.bodies import read_photo
from shoplens.images.photo_fetcher import PhotoFetcher
from tests.fetching.fetchers import fetch_error
from tests.fetching.local_server import Server, answer
from tests.images.made_photos import encoded, scene

URL = "https://shop.example/a.jpg"
PHOTO = encoded(scene(), "JPEG")
PAGE = b"<!doctype html><html><body>Not here</body></html>"
LIMIT = 100_000
DEFLATE = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": gzip.compress(PHOTO, mtime=0),
    "x-gzip": gzip.compress(PHOTO, mtime=0),
    " GZIP ": gzip.compress(PHOTO, mtime=0),
    "deflate": zlib.compress(PHOTO),
    "Deflate": DEFLATE.compress(PHOTO) + DEFLATE.flush(),
    "": gzip.compress(PHOTO, mtime=0),
    "identity": gzip.compress(PHOTO, mtime=0),
}


def read(chunks: Iterable[bytes], **headers: str) -> bytes:
    given = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
    return read_photo(URL, given, chunks, LIMIT)


def refused(chunks: Iterable[bytes], **headers: str) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        read(chunks, **headers)
    assert URL in caught.value.problem and caught.value.fix
    return caught.value


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


class Endless:
    """A body that never ends: its beginning, then the same piece for ever; ``taken`` counts the bytes."""

    def __init__(self, beginning: bytes, piece: bytes) -> None:
        self._beginning, self._piece = beginning, piece
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        piece = self._beginning
        while True:
            self.taken += len(piece)
            yield piece
            piece = self._piece


# What the server says of it


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "image/png",
        "application/octet-stream",
        "binary/octet-stream",
        "text/plain",
        "text/html; charset=utf-8",
        "TEXT/HTML",
        "application/json",
        "application/pdf",
        "video/mp4",
        "image/svg+xml",
        "nonsense",
    ],
)
@pytest.mark.parametrize("photo", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_photo_bytes_are_accepted_with_any_content_type(kind: str | None, photo: str) -> None:
    data = encoded(scene(), photo)
    headers = {} if kind is None else {"content_type": kind}
    assert read(in_pieces(data, 7), **headers) == data


@pytest.mark.parametrize(
    ("kind", "body", "told"),
    [
        ("text/html; charset=utf-8", PAGE, "text/html"),
        ("TEXT/HTML", b"", "text/html"),
        ("text/plain", b"not here", "text/plain"),
        ("application/json", b'{"error": 404}', "application/json"),
        ("application/pdf", b"%PDF-1.7", "application/pdf"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        ("text/" + "x" * 5000, PAGE, "text/" + "x" * 75),
    ],
)
def test_a_body_with_the_type_and_bytes_of_no_photo_is_an_error(kind: str, body: bytes, told: str) -> None:
    error = refused([body], content_type=kind)
    assert (error.code, error.problem) == ("fetch-type", f"{URL} is {told}, not a photo.")
    assert "the URL of the photo itself" in error.fix


def test_a_body_with_an_image_type_or_none_is_left_to_the_decoder() -> None:
    assert read([PAGE], content_type="image/jpeg") == PAGE
    assert read([PAGE]) == PAGE
    assert read([]) == b""


def test_a_page_or_a_video_is_not_read_completely() -> None:
    page = Endless(PAGE, b" " * 100)
    assert refused(page, content_type="text/html").code == "fetch-type"
    assert page.taken < 1000
    film = refused(Endless(b"", b""), content_type="video/mp4", content_length="9000000000")
    assert film.code == "fetch-type"
    packed = Endless(gzip.compress(PAGE * 2000), b"")
    assert refused(packed, content_type="text/html", content_encoding="gzip").code == "fetch-type"


def test_a_page_instead_of_a_photo_is_an_error_without_another_attempt(
    make_fetcher: Callable[..., PhotoFetcher], server: Server, pauses: list[float]
) -> None:
    server.pages["/page"] = answer(body=PAGE, content_type="text/html")
    server.pages["/photo.php"] = answer(body=PHOTO, content_type="text/html")
    server.pages["/packed"] = answer(body=PACKED["gzip"], content_encoding="gzip", content_type="image/jpeg")
    fetcher = make_fetcher()
    assert fetch_error(fetcher, server.url("/page")).code == "fetch-type"
    assert [fetcher.fetch(server.url(path)) for path in ("/photo.php", "/packed")] == [PHOTO, PHOTO]
    assert pauses == []


# Packed bodies


@pytest.mark.parametrize("size", [1, 1000, LIMIT])
@pytest.mark.parametrize("packing", PACKED)
def test_a_compressed_photo_is_decompressed(packing: str, size: int) -> None:
    body = PACKED[packing]
    assert read(in_pieces(body, size), content_encoding=packing, content_length=str(len(body))) == PHOTO


@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "utf-8", "none", "gzip, br"])
def test_an_uncompressed_photo_is_accepted_with_any_content_encoding(packing: str) -> None:
    assert read(in_pieces(PHOTO, 100), content_encoding=packing) == PHOTO


@pytest.mark.parametrize(
    ("packing", "body", "problem"),
    [
        ("br", b"\x8b\x03\x80 brotli", "is sent packed as br, though that was not asked for"),
        ("zstd", b"\x28\xb5\x2f\xfd", "is sent packed as zstd"),
        ("deflate", b"neither one nor the other", "is sent packed, but cannot be unpacked"),
        ("gzip", PACKED["gzip"][:-8] + b"\xff" * 8, "is sent packed, but cannot be unpacked"),
        ("", b"\x1f\x8b nothing of the kind", "is sent packed, but cannot be unpacked"),
    ],
    ids=["br", "zstd", "deflate", "gzip", "by its bytes"],
)
def test_a_body_that_cannot_be_decompressed_is_an_error(packing: str, body: bytes, problem: str) -> None:
    error = refused([body], content_encoding=packing)
    assert error.code == "fetch-type" and problem in error.problem


def test_a_truncated_compressed_body_gives_its_beginning() -> None:
    part = read([PACKED["gzip"][:-200]], content_encoding="gzip")
    assert part and PHOTO.startswith(part)


@pytest.mark.parametrize("packing", ["gzip", "deflate", ""])
def test_a_decompression_bomb_is_refused_while_it_is_decompressed(packing: str) -> None:
    bomb = (zlib.compress if packing == "deflate" else gzip.compress)(bytes(50_000_000))
    assert len(bomb) < LIMIT
    tracemalloc.start()
    try:
        assert refused([bomb], content_encoding=packing).code == "fetch-too-large"
        assert tracemalloc.get_traced_memory()[1] < 10 * LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [
        (PHOTO, bytes(1000)),
        (b"\x1f\x8b\x08\x08" + bytes(6), b"endless name"),
        (PACKED["gzip"], b"endless tail"),
    ],
    ids=["photo", "name in gzip", "tail of gzip"],
)
def test_no_more_than_the_limit_is_taken(beginning: bytes, piece: bytes) -> None:
    body = Endless(beginning, piece)
    assert refused(body).code == "fetch-too-large"
    assert body.taken < LIMIT + 10_000


def test_the_limit_counts_unpacked_bytes() -> None:
    packed = gzip.compress(PHOTO, mtime=0)
    assert read_photo(URL, {}, [packed], len(PHOTO)) == PHOTO
    with pytest.raises(PhotoError) as caught:
        read_photo(URL, {}, [packed], len(PHOTO) - 1)
    assert caught.value.code == "fetch-too-large"


def test_a_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    body = Endless(PHOTO, PHOTO)
    headers: dict[str, Any] = {"content_length": str(LIMIT + 1)}
    assert refused(body, **headers).code == "fetch-too-large"
    assert body.taken == 0
