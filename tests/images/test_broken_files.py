"""A picture that lacks only its end is taken; one that lacks pixels is not, and a wrong checksum is told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from PIL import Image

from shoplens.errors import PhotoError
from shoplens.images.decode import decode_photo, photo_size
from shoplens.settings import Settings
from shoplens.types import Pixels
from tests.images.made_photos import encoded, scene

SETTINGS = Settings()
END = b"\xff\xd9"


def outcome(data: bytes) -> Pixels | str:
    """The pixels, or the code of the error."""
    try:
        return decode_photo(data, SETTINGS).pixels
    except PhotoError as error:
        return error.code


def shortest_accepted(data: bytes) -> int:
    """How many of the last bytes a file can do without; it must then still give the very same pixels."""
    whole = outcome(data)
    assert not isinstance(whole, str)
    for cut in range(1, len(data) - 40):
        found = outcome(data[:-cut])
        if isinstance(found, str):
            assert found == "photo-truncated"
            return cut - 1
        assert np.array_equal(found, whole)
    raise AssertionError("nothing is needed of the file")


JPEGS = {
    "plain": encoded(scene(), "JPEG"),
    "grey": encoded(scene().convert("L"), "JPEG", optimize=True),
    "progressive": encoded(scene(), "JPEG", progressive=True),
    "progressive in full": encoded(scene(), "JPEG", progressive=True, quality=100, subsampling=0),
    "restarts in each row": encoded(scene(), "JPEG", restart_marker_rows=1),
    "restarts in each block": encoded(scene(), "JPEG", restart_marker_blocks=1),
    "progressive, restarts": encoded(scene(), "JPEG", progressive=True, restart_marker_rows=1),
    "four inks": encoded(scene().convert("CMYK"), "JPEG"),
}


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_may_lack_its_end_marker_but_no_pixels(name: str) -> None:
    data = JPEGS[name]
    whole = decode_photo(data, SETTINGS)
    assert data.endswith(END)
    for cut in (1, 2):
        picture = decode_photo(data[:-cut], SETTINGS)
        assert np.array_equal(picture.pixels, whole.pixels)
        assert picture.pixel_hash == whole.pixel_hash and picture.content_hash != whole.content_hash
        assert photo_size(data[:-cut], SETTINGS) == (96, 64)
        assert np.array_equal(
            decode_photo(data[:-cut], SETTINGS, shortest=16).pixels, decode_photo(data, SETTINGS, shortest=16).pixels
        )
    refused = {code for cut in range(3, 400, 3) if isinstance(code := outcome(data[:-cut]), str)}
    accepted = [cut for cut in range(3, 400, 3) if not isinstance(outcome(data[:-cut]), str)]
    assert (refused, accepted) == ({"photo-truncated"}, [])


@pytest.mark.parametrize(("interval", "kept"), list(product([1, 4], range(1, 24, 4))))
def test_a_jpeg_that_ends_where_a_restart_was_due_is_cut_off(interval: int, kept: int) -> None:
    data = encoded(scene(96, 64), "JPEG", restart_marker_blocks=interval)
    places = [at for at in range(data.rfind(b"\xff\xda"), len(data) - 1) if data[at : at + 1] == b"\xff"]
    restarts = [at for at in places if 0xD0 <= data[at + 1] <= 0xD7]
    at = restarts[min(kept, len(restarts) - 1)]
    assert outcome(data[:at]) == outcome(data[: at + 2]) == "photo-truncated"


def test_a_jpeg_without_its_last_scans_is_cut_off() -> None:
    data = JPEGS["progressive"]
    scans = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 3
    for at in scans:
        tables = data.rfind(b"\xff\xc4", 0, at)
        assert outcome(data[:at]) == outcome(data[:tables]) == "photo-truncated"


def test_bytes_after_the_end_of_a_jpeg_are_ignored() -> None:
    data = JPEGS["plain"]
    whole = decode_photo(data, SETTINGS).pixels
    for more in (b"\0\0", b"\n", b"film \xff\xda\0\x08\x01\x01\0\0\x3f\0 \xff\xc0\0\x0b\x08", JPEGS["grey"][:-2]):
        assert np.array_equal(decode_photo(data + more, SETTINGS).pixels, whole)


def test_a_jpeg_with_a_thumbnail_that_ends_is_not_taken_for_ended() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + encoded(scene(16, 16), "JPEG")
    data = encoded(scene(), "JPEG", exif=exif)
    assert np.array_equal(decode_photo(data[:-2], SETTINGS).pixels, decode_photo(data, SETTINGS).pixels)
    assert outcome(data[:-30]) == "photo-truncated"


@pytest.mark.parametrize("color", ["white", "black", "red"])
def test_a_plain_surface_is_cut_off_too_where_pixels_are_missing(color: str) -> None:
    data = encoded(Image.new("RGB", (96, 64), color), "JPEG")
    assert shortest_accepted(data) == 2


@pytest.mark.parametrize(
    ("save", "spare"),
    [
        (lambda image: encoded(image, "PNG"), 20),  # IEND, and the checksums of the last chunk and of all pixels
        (lambda image: encoded(image, "GIF"), 2),  # the trailer, and the end of the last block
    ],
    ids=["PNG", "GIF"],
)
def test_the_last_bytes_of_a_png_and_a_gif_may_be_missing(save: Callable[[Image.Image], bytes], spare: int) -> None:
    assert shortest_accepted(save(scene())) >= spare


def test_a_webp_may_lack_its_metadata_but_no_pixels() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description"
    with_metadata = encoded(scene(), "WEBP", lossless=True, exif=exif)
    pixels = with_metadata.index(b"VP8L")
    end = pixels + 8 + struct.unpack_from("<I", with_metadata, pixels + 4)[0]
    assert shortest_accepted(with_metadata) == len(with_metadata) - end > 20
    frames = encoded(scene(), "WEBP", save_all=True, append_images=[scene(seed=8)], lossless=True)
    second = frames.rindex(b"ANMF")
    for cut in (second, second + 6, second + 100, len(frames) - 1):
        assert np.array_equal(decode_photo(frames[:cut], SETTINGS).pixels, decode_photo(frames, SETTINGS).pixels)
        assert photo_size(frames[:cut], SETTINGS) == (96, 64)
    assert outcome(frames[: second - 3]) == "photo-truncated"


def test_a_wrong_checksum_is_reported_as_such() -> None:
    data = bytearray(encoded(scene(), "PNG"))
    at = data.rindex(b"IEND") - 12  # in the checksum of all pixels
    data[at] ^= 0xFF
    with pytest.raises(PhotoError, match=r"^The photo is damaged: the checksum of its IDAT chunk is wrong") as caught:
        decode_photo(bytes(data), SETTINGS)
    assert caught.value.code == "photo-damaged"


def test_other_damage_is_reported_with_the_message_of_the_reader() -> None:
    data = encoded(scene(), "GIF")
    middle = len(data) // 2
    with pytest.raises(PhotoError) as caught:
        decode_photo(data[:middle] + b"\0" + data[middle + 1 : middle + 30] + b"\0\0;", SETTINGS)
    assert caught.value.code in ("photo-damaged", "photo-truncated")
    assert "checksum" not in caught.value.problem
