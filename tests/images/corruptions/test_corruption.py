"""Every corruption does what it says, and leaves the product in the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.images import decode_photo
from shoplens.images.corruptions.corruption import CORRUPTIONS, LONGEST, corrupt
from shoplens.settings import Settings
from shoplens.types import Pixels

SEEDS = range(6)


def product(width: int = 300, height: int = 400) -> Pixels:
    """A red and blue chequered thing with fine stripes and a green top, in the middle of a light background."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.full((height, width, 3), (236, 232, 226), np.uint8)
    inside = (abs(x / width - 0.5) < 0.3) & (abs(y / height - 0.5) < 0.35)
    chequered = (x * 6 // width + y * 8 // height) % 2 == 0
    pixels[inside & chequered] = (190, 30, 40)
    pixels[inside & ~chequered] = (40, 60, 170)
    pixels[inside & (x % 6 < 2)] //= 2
    pixels[inside & (y < height // 3)] = (20, 110, 60)
    return pixels


def seen(kind: str, seed: int = 0, pixels: Pixels | None = None) -> Pixels:
    """What a right decoder sees."""
    return decode_photo(corrupt(product() if pixels is None else pixels, kind, seed), Settings()).pixels


def brightness(pixels: Pixels) -> float:
    return float(pixels.mean())


def detail(pixels: Pixels) -> float:
    """Mean step from one pixel to the next."""
    grey = pixels.astype(np.float64).mean(axis=2)
    return float(abs(np.diff(grey, axis=1)).mean() + abs(np.diff(grey, axis=0)).mean())


def distance(one: Pixels, other: Pixels) -> float:
    return float(abs(one.astype(np.float64) - other).mean())


def small(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((24, 32), Image.Resampling.BOX))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_the_same_seed_gives_the_same_bytes_and_another_gives_others_except_clean(kind: str) -> None:
    assert corrupt(product(), kind, 3) == corrupt(product(), kind, 3)
    files = {corrupt(product(), kind, seed) for seed in SEEDS}
    assert (len(files) == 1) == (kind == "clean")


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("size", [(8, 8), (9, 400), (400, 9), (1200, 900), (64, 61)])
def test_any_size_and_aspect(kind: str, size: tuple[int, int]) -> None:
    file = corrupt(product(*size), kind, 1)
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= LONGEST
        image.load()


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_photo_of_one_colour_can_be_corrupted(kind: str) -> None:
    grey = np.full((50, 40, 3), 128, np.uint8)
    assert seen(kind, pixels=grey).shape != grey.shape


def test_clean_is_the_photo_but_not_its_pixels() -> None:
    assert seen("clean").shape == (376, 282, 3)
    assert distance(small(seen("clean")), small(product())) < 3
    assert seen("clean", pixels=product(900, 1200)).shape == (LONGEST, 600, 3)


def test_blur_takes_the_detail_and_keeps_the_colours() -> None:
    for seed in SEEDS:
        assert detail(seen("blur", seed)) < 0.5 * detail(seen("clean"))
        assert distance(small(seen("blur", seed)), small(seen("clean"))) < 14


def test_glare_overexposes_a_part_of_the_photo() -> None:
    burnt = [float((seen("glare", seed).min(axis=2) > 225).mean()) for seed in SEEDS]
    clean = float((seen("clean").min(axis=2) > 225).mean())
    for seed, share in zip(SEEDS, burnt, strict=True):
        product_left = 0.42 - (share - clean)
        assert share > clean + 0.01
        assert product_left > 0.2
        assert brightness(seen("glare", seed)) > brightness(seen("clean")) + 10


def test_dark_halves_the_light_and_adds_noise() -> None:
    grey = np.full((300, 300, 3), 200, np.uint8)
    for seed in SEEDS:
        assert 0.1 < brightness(seen("dark", seed)) / brightness(seen("clean")) < 0.45
        assert seen("dark", seed, grey).std() > 2 > seen("clean", seed, grey).std()


def test_rotation_turns_by_10_to_25_degrees_either_way_without_black_corners() -> None:
    found = []
    bar = np.full((300, 300, 3), 230, np.uint8)
    bar[140:160, 60:240] = 20
    for seed in range(24):
        tilted = seen("rotation", seed, bar)
        y, x = np.nonzero(tilted.mean(axis=2) < 90)
        found.append(float(np.degrees(np.arctan(np.polyfit(x, y, 1)[0]))))
        corners = tilted[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert corners.min() > 215
    assert all(9 < abs(angle) < 26 for angle in found)
    assert min(found) < 0 < max(found)
    assert max(map(abs, found)) - min(map(abs, found)) > 5


def test_rotation_fills_corners_with_the_colours_of_the_edges() -> None:
    halves = np.zeros((200, 200, 3), np.uint8)
    halves[:, :100], halves[:, 100:] = (200, 60, 60), (60, 60, 200)
    tilted = seen("rotation", 2, halves).astype(int)
    assert (tilted[[0, -1], 0, 0] > 150).all()
    assert (tilted[[0, -1], -1, 2] > 150).all()


def test_crop_keeps_the_middle_and_loses_every_edge() -> None:
    y, x = np.mgrid[0:400, 0:400]
    where = np.dstack([x * 255 // 399, y * 255 // 399, np.zeros_like(x)]).astype(np.uint8)
    for seed in SEEDS:
        kept = seen("crop", seed, where)
        height, width = kept.shape[:2]
        assert 0.55 < width / 376 < 0.73
        assert 0.55 < height / 376 < 0.73
        for axis in (0, 1):
            shown = kept[..., axis].astype(int)
            assert 15 < shown.min() < 115
            assert 140 < shown.max() < 240


def test_a_screenshot_holds_the_whole_photo_among_bars() -> None:
    for seed in SEEDS:
        screen = seen("screenshot", seed)
        assert screen.shape == (LONGEST, 384, 3)
        colored = np.ptp(screen.astype(int), axis=2) > 60
        body = colored[84:600]
        assert 0.05 < body.mean() < 0.6
        assert not colored[:70].any()
        assert detail(screen[:70]) > 1


def test_fingers_cover_a_part_and_come_from_an_edge() -> None:
    edges = set()
    for seed in range(12):
        covered = distance_map(seen("hand", seed), seen("clean")) > 40
        assert 0.03 < covered.mean() < 0.3
        rims = {"top": covered[0], "bottom": covered[-1], "left": covered[:, 0], "right": covered[:, -1]}
        edges |= {name for name, rim in rims.items() if rim.mean() > 0.1}
    assert edges == {"bottom", "left", "right"}


def distance_map(one: Pixels, other: Pixels) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return abs(one.astype(np.int64) - other).max(axis=2)


def test_jpeg_reduces_the_file_and_the_sides() -> None:
    for seed in (0, 1):
        file = corrupt(product(900, 1200), "jpeg", seed)
        assert len(file) < 0.15 * len(corrupt(product(900, 1200), "clean", seed))
        assert 280 <= max(decode_photo(file, Settings()).pixels.shape) <= 360
    assert distance(small(seen("jpeg")), small(seen("clean"))) < 8


def test_sideways_equals_clean_only_if_the_exif_orientation_is_read() -> None:
    orientations = set()
    for seed in range(12):
        file = corrupt(product(), "sideways", seed)
        with Image.open(io.BytesIO(file)) as stored:
            orientation = stored.getexif()[0x0112]
            unturned = np.asarray(stored.convert("RGB"))
        orientations.add(orientation)
        assert distance(decode_photo(file, Settings()).pixels, seen("clean")) < 2.5
        assert unturned.shape != seen("clean").shape or distance(unturned, seen("clean")) > 15
    assert orientations == {3, 6, 8}


def test_an_unknown_kind_is_an_error_that_lists_the_kinds() -> None:
    with pytest.raises(InvalidValue, match=r"'fog'.*Choose of clean, blur, .*sideways"):
        corrupt(product(), "fog", 0)


@pytest.mark.parametrize(
    ("pixels", "seed"),
    [
        (product(), -1),
        (np.zeros((7, 20, 3), np.uint8), 0),
        (np.zeros((20, 20), np.uint8), 0),
        (np.zeros((20, 20, 4), np.uint8), 0),
        (np.zeros((20, 20, 3), np.float32), 0),
    ],
)
def test_invalid_arguments_are_refused(pixels: Pixels, seed: int) -> None:
    with pytest.raises(InvalidValue, match=r"Choose 0 or more|Give uint8 of shape"):
        corrupt(pixels, "clean", seed)
