"""Photos that are made to take time or memory: they are refused, or decoded within a budget."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from shoplens.errors import PhotoError
from shoplens.images.decode import decode_photo, photo_size
from shoplens.images.decoding.budget import DecodingBudget, count_scans
from shoplens.images.decoding.memory import FORMATS, bytes_per_pixel
from shoplens.settings import Settings

SETTINGS = Settings()
pillow_heif.register_heif_opener()


def progressive(side: int, more_scans: int = 0) -> bytes:
    """Return a progressive JPEG of one colour, whose last scan is repeated."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (200, 10, 10)).save(file, "JPEG", progressive=True, quality=10)
    data = file.getvalue()
    begin, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:end] + data[begin:end] * more_scans + data[end:]


def code_of(data: bytes, settings: Settings = SETTINGS) -> str:
    with pytest.raises(PhotoError) as error:
        decode_photo(data, settings, shortest=260)
    return error.value.code


def test_scans_are_counted_before_any_is_decoded() -> None:
    assert count_scans(progressive(64)) == count_scans(progressive(64, 3)) - 3
    started = time.monotonic()
    assert code_of(progressive(64, 10_000)) == "photo-too-many-scans"
    assert code_of(progressive(4_000, 150)) == "photo-too-many-scans"
    assert time.monotonic() - started < 2


def test_a_marker_that_is_part_of_metadata_is_no_scan() -> None:
    plain = progressive(64)
    comment = b"\xff\xda" * 1_000
    data = plain[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + plain[2:]
    assert count_scans(data) == count_scans(plain)
    assert count_scans(plain + b"\xff\xda\0\x02" * 1_000) == count_scans(plain), (
        "what follows the photo is no part of it"
    )
    assert decode_photo(data, SETTINGS).pixels.shape == (64, 64, 3)


def test_usual_progressive_photos_are_decoded() -> None:
    picture = decode_photo(progressive(3_000), SETTINGS, shortest=260)
    assert (picture.width, picture.height) == (3_000, 3_000)


def test_a_few_bytes_that_say_they_are_a_huge_photo_are_refused_for_queries() -> None:
    file = io.BytesIO()
    Image.new("RGB", (7_400, 7_400)).save(file, "WEBP", lossless=True)
    assert len(file.getvalue()) < 10_000
    assert photo_size(file.getvalue(), SETTINGS) == (7_400, 7_400)
    assert code_of(file.getvalue(), SETTINGS.for_queries) == "photo-too-many-pixels"


def test_large_photos_are_reduced_before_they_are_converted() -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((4_000, 6_000, 4), (10, 200, 30, 255), np.uint8)).save(file, "PNG", compress_level=1)
    picture = decode_photo(file.getvalue(), SETTINGS, shortest=260)
    assert picture.pixels.shape == (500, 750, 3)
    assert (picture.width, picture.height) == (6_000, 4_000)
    assert (picture.pixels == (10, 200, 30)).all()
    assert decode_photo(file.getvalue(), SETTINGS).pixels.shape == (4_000, 6_000, 3)


def test_large_photos_wait_for_each_other_and_small_ones_for_none() -> None:
    budget, most, now = DecodingBudget(1_000_000_000), [0], [0]
    lock = threading.Lock()

    def decode() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1

    threads = [threading.Thread(target=budget.run, args=(decode, 40_000_000, 400_000_000)) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert budget.run(lambda: "small", 1_000_000, 17_000_000) == "small"
    for thread in threads:
        thread.join()
    assert most == [2]


def test_a_decoder_that_does_not_return_is_given_up_and_keeps_its_share() -> None:
    budget, returns = DecodingBudget(1_000_000_000, seconds=0.05), threading.Event()
    for _ in range(2):
        with pytest.raises(PhotoError) as error:
            budget.run(returns.wait, 90_000_000, 900_000_000)
        assert error.value.code == "photo-too-slow"
    returns.set()
    time.sleep(0.05)
    assert budget.run(lambda: "decoded", 90_000_000, 900_000_000) == "decoded"
    with pytest.raises(KeyError):
        budget.run(lambda: {}["missing"], 90_000_000, 900_000_000)


def test_a_photo_that_would_take_more_memory_than_all_may_take_is_refused() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8_800, 8_900)).save(file, "WEBP", lossless=True)
    started = time.monotonic()
    assert code_of(file.getvalue()) == "photo-too-many-pixels"
    assert time.monotonic() - started < 1, "it was not decoded"


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*FORMATS])
def test_a_pixel_takes_no_more_than_is_said(name: str, tmp_path: Path) -> None:
    """Decode a photo of one colour in a process of its own, and compare how far its memory grows."""
    side = 4_000
    for mode in ("RGB", "RGBA", "L") if name not in ("JPEG", "GIF") else ("RGB", "L"):
        path = tmp_path / f"{mode}.{name}"
        Image.new(mode, (side, side)).save(path, name)
        for shortest in (None, 260):
            code = f"from tests.attacks.test_bombs import print_growth; print_growth({str(path)!r}, {shortest})"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            share = bytes_per_pixel(name, mode, is_reduced=False) if shortest is None else FORMATS[name].reduced
            assert int(done.stdout) <= 1.05 * share * side * side + 10_000_000, (mode, shortest)


def print_growth(path: str, shortest: int | None) -> None:
    """Print by how many bytes the process grows while it decodes a photo."""
    small, data = io.BytesIO(), Path(path).read_bytes()
    Image.new("RGB", (600, 600)).save(small, "JPEG")
    decode_photo(small.getvalue(), SETTINGS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    decode_photo(data, replace(SETTINGS, max_photo_bytes=10**9), shortest=shortest)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
