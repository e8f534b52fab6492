"""Each effect alone, on pictures whose result can be computed in one's head."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shoplens.images.corruptions.backgrounds import plain_background, put_before_clutter
from shoplens.images.corruptions.blur import blur, blur_at_half_size
from shoplens.images.corruptions.compression import STORED_AS, compress, encode_jpeg, encode_turned_jpeg
from shoplens.images.corruptions.framing import crop_randomly, crop_too_close, mirror, resize_by, shrink_to, tilt
from shoplens.images.corruptions.hands import EDGES, Edge, HandPlacement, cover_with_hand, draw_hand, pick_hand
from shoplens.images.corruptions.light import Exposure, add_glare, expose, uneven_light, vary_light
from shoplens.images.corruptions.noise import add_noise, tile_noise
from shoplens.types import Pixels


def plain(color: tuple[int, int, int] = (120, 80, 40), size: tuple[int, int] = (60, 40)) -> Image.Image:
    return Image.new("RGB", size, color)


def values(image: Image.Image) -> Pixels:
    return np.asarray(image)


def halves() -> Image.Image:
    """Black on the left, white on the right."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 30:] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("soften", [blur, blur_at_half_size])
def test_blur_keeps_plain_colours_and_softens_edges(soften: object) -> None:
    assert np.array_equal(values(soften(plain(), 3.0)), values(plain()))  # type: ignore[operator]
    row = values(soften(halves(), 3.0))[20, :, 0].astype(int)  # type: ignore[operator]
    assert (np.diff(row) >= 0).all()
    assert 20 < row[27] < 120 < row[33] < 240


def test_a_shaken_photo_is_soft_along_one_side_only() -> None:
    assert np.array_equal(values(blur(halves(), (0.0, 4.0))), values(halves()))
    assert not np.array_equal(values(blur(halves(), (4.0, 0.0))), values(halves()))


def test_a_neutral_exposure_changes_nothing() -> None:
    assert np.array_equal(values(expose(halves(), Exposure(1.0, 1.0))), values(halves()))


def test_half_of_the_light_is_half_of_the_levels() -> None:
    assert values(expose(plain(), Exposure(0.5, 1.0)))[0, 0].tolist() == [60, 40, 20]


def test_without_saturation_the_picture_is_grey() -> None:
    assert np.ptp(values(expose(plain(), Exposure(1.0, 0.0)))[0, 0].astype(int)) == 0


def test_warm_light_is_redder_and_less_blue() -> None:
    red, green, blue = values(expose(plain((100, 100, 100)), Exposure(1.0, 1.0, warmth=0.4)))[0, 0]
    assert red > green == 100 > blue


def test_uneven_light_has_a_bright_and_a_dark_side() -> None:
    for seed in range(5):
        light = uneven_light((60, 40), (0.3, 0.4), np.random.default_rng(seed))
        assert light.shape == (40, 60) and light.dtype == np.float32
        assert 0.4 < light.min() < light.max() - 0.15 < 1.2


def test_varied_light_keeps_the_picture_and_a_strength_of_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    assert abs(values(vary_light(halves(), 0.0, rng)).astype(int) - values(halves())).max() <= 1
    lit = values(vary_light(halves(), 1.0, rng)).astype(int)
    assert lit[:, 30:].mean() > lit[:, :30].mean() + 100


def test_glare_only_makes_brighter() -> None:
    glaring = values(add_glare(plain(), np.random.default_rng(2))).astype(int)
    assert (glaring >= values(plain())).all()
    assert glaring.min(axis=2).max() > 200


def test_noise_is_added_and_clipped() -> None:
    levels = np.array([[[10.0, 250.0, 100.7]]])
    assert values(add_noise(levels, np.array([[[-20.0, 20.0, 0.0]]])))[0, 0].tolist() == [0, 255, 100]
    small = np.arange(12).reshape(2, 2, 3)
    tiled = tile_noise(small, 5, 3)
    assert tiled.shape == (5, 3, 3)
    assert all(np.array_equal(tiled[y, x], small[y % 2, x % 2]) for y in range(5) for x in range(3))


def test_lower_jpeg_quality_differs_more_from_the_picture() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    away = [abs(values(compress(noise, quality)).astype(int) - values(noise)).mean() for quality in (95, 60, 10)]
    assert away == sorted(away)
    assert np.array_equal(values(compress(noise, 60)), values(Image.open(io.BytesIO(encode_jpeg(noise, 60)))))


@pytest.mark.parametrize("orientation", STORED_AS)
def test_a_turned_file_has_the_orientation_that_undoes_the_turn(orientation: int) -> None:
    with Image.open(io.BytesIO(encode_turned_jpeg(halves(), 95, orientation))) as stored:
        assert stored.getexif()[0x0112] == orientation
        assert stored.size == ((60, 40) if orientation == 3 else (40, 60))


def test_sizes() -> None:
    assert resize_by(plain(), 0.5).size == (30, 20)
    assert resize_by(plain(), 0.001).size == (1, 1)
    assert shrink_to(plain(), 30).size == (30, 20)
    small = plain()
    assert shrink_to(small, 60) is small


def test_crops_lie_inside_and_keep_what_they_promise() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        close, part = crop_too_close(plain(), rng), crop_randomly(plain(), 0.4, rng)
        assert 0.5 * 60 < close.width < 0.75 * 60 and 0.5 * 40 < close.height < 0.75 * 40
        assert 0.35 * 2400 < part.width * part.height <= 2400


def test_mirror_reverses_columns_and_a_tilt_of_zero_changes_nothing() -> None:
    assert np.array_equal(values(mirror(halves())), values(halves())[:, ::-1])
    assert np.array_equal(values(tilt(plain(), 0.0)), values(plain()))


@pytest.mark.parametrize("edge", EDGES)
def test_a_hand_comes_from_its_edge(edge: Edge) -> None:
    picture, hand = plain((0, 0, 255), (200, 160)), pick_hand(np.random.default_rng(1), 60)
    cover_with_hand(picture, hand, HandPlacement(edge, 0.5, 0.0, 1.5, (1, 2)))
    covered = values(picture)[..., 0] > 60
    rims = {"bottom": covered[-1], "right": covered[:, -1], "left": covered[:, 0], "top": covered[0]}
    assert {name for name, rim in rims.items() if rim.any()} == {edge}
    assert 0.02 < covered.mean() < 60 * 60 / (200 * 160)


def test_a_drawn_hand_depends_on_the_seed_only() -> None:
    one, same, other = (draw_hand(np.random.default_rng(seed), 48) for seed in (3, 3, 4))
    assert one.mode == "RGBA" and one.size == (48, 48)
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_a_plain_background_is_found_and_replaced() -> None:
    pixels = np.full((80, 80, 3), 250, np.uint8)
    pixels[20:60, 20:60] = (200, 20, 20)
    background = plain_background(Image.fromarray(pixels))
    assert np.array_equal(background, pixels[..., 1] == 250)
    before = values(put_before_clutter(Image.fromarray(pixels), np.random.default_rng(0)))
    assert (before > 240).all(axis=2).mean() < 0.1
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert not plain_background(Image.fromarray(noise)).any()
