"""Reading of trade numbers from pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from shoplens.reading import barcodes
from shoplens.reading.barcodes import Barcode, read_barcodes
from shoplens.types import Pixels
from tests.code_photos import EAN, draw_code, draw_wrong_ean_8

GREY = (128, 128, 128)
Enlarge = Callable[[], npt.NDArray[np.uint8]]


def pixels_of(*codes: Image.Image, ground: tuple[int, int, int] = GREY) -> Pixels:
    picture, top = Image.new("RGB", (700, 700), ground), 20
    for code in codes:
        picture.paste(code, (20, top))
        top += code.height + 20
    return np.asarray(picture)


def never() -> npt.NDArray[np.uint8]:
    raise AssertionError("the photo was read at full resolution")


@pytest.mark.parametrize(
    ("content", "kind", "text", "gtin"),
    [
        (EAN, "EAN13", EAN, f"0{EAN}"),
        ("96385074", "EAN8", "96385074", "00000096385074"),
        ("042100005264", "UPCA", "042100005264", "00042100005264"),
        ("04252614", "UPCE", "042100005264", "00042100005264"),
        (f"https://id.example.com/01/0{EAN}", "QRCode", EAN, f"0{EAN}"),
        (f"https://example.com/shop/01/{EAN}/10/LOT1?17=271231", "QRCode", EAN, f"0{EAN}"),
        (f"HTTPS://ID.EXAMPLE.COM/gtin/{EAN}#top", "QRCode", EAN, f"0{EAN}"),
        (f"(01)0{EAN}(10)LOT1", "QRCode", EAN, f"0{EAN}"),
        (EAN, "QRCode", EAN, f"0{EAN}"),
        ("https://id.example.com/01/09521234567898", "QRCode", "09521234567898", ""),
    ],
)
def test_reads_one_form_of_every_code(content: str, kind: str, text: str, gtin: str) -> None:
    assert read_barcodes(pixels_of(draw_code(content, kind)), never) == (Barcode(text, gtin),)


@pytest.mark.parametrize(
    "content", ["https://example.com/", f"https://example.com/?next=/01/0{EAN}", f"ftp://a.b/01/0{EAN}", "hello", "123"]
)
def test_another_qr_code_is_no_trade_number(content: str) -> None:
    assert read_barcodes(pixels_of(draw_code(content, "QRCode"))) == ()


def test_a_wrong_check_digit_is_told() -> None:
    assert read_barcodes(pixels_of(draw_wrong_ean_8("96385075"))) == (Barcode("96385075", ""),)
    assert read_barcodes(pixels_of(draw_wrong_ean_8("96385074"))) == (Barcode("96385074", "00000096385074"),)


def test_two_codes_are_read_and_one_code_twice_is_one() -> None:
    codes = read_barcodes(pixels_of(draw_code(EAN), draw_code("96385074", "EAN8"), draw_code(EAN)))
    assert {code.text for code in codes} == {EAN, "96385074"} and len(codes) == 2


def test_a_small_code_is_read_at_full_resolution_however_it_is_turned() -> None:
    for angle in (0, 20, 45, 70, 90, 135, 200):
        label = draw_code(EAN, scale=4).convert("RGBA").rotate(angle, Image.Resampling.BICUBIC, expand=True)
        photo = Image.new("RGB", (1800, 2400), GREY)
        photo.paste(label, (600, 900), label)
        reduced = np.asarray(photo.reduce(6))
        assert read_barcodes(reduced) == ()
        assert read_barcodes(reduced, lambda photo=photo: np.asarray(photo.convert("L"))) == (Barcode(EAN, f"0{EAN}"),)


def test_a_picture_without_the_sign_of_a_code_is_not_read_at_full_resolution() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    blurred = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)))
    edge = np.where(np.arange(400)[None, :, None] < 200, np.uint8(20), np.uint8(230)) * np.ones((300, 1, 3), np.uint8)
    for pixels in (np.full((300, 400, 3), 128, np.uint8), blurred, edge, noise[:20, :20]):
        assert read_barcodes(np.ascontiguousarray(pixels), never) == ()


def test_bars_may_have_any_colour_that_is_dark_in_red_light() -> None:
    drawn = np.asarray(draw_code(EAN))
    green_on_red = np.where(drawn > 128, np.array([220, 30, 30], np.uint8), np.array([0, 90, 40], np.uint8))
    assert read_barcodes(green_on_red) == (Barcode(EAN, f"0{EAN}"),)


def test_a_large_picture_is_read_at_a_part_of_its_resolution_first() -> None:
    photo = Image.new("RGB", (2600, 2600), GREY)
    photo.paste(draw_code(EAN, scale=2), (900, 1100))
    assert read_barcodes(np.asarray(photo)) == (Barcode(EAN, f"0{EAN}"),)


def test_nothing_of_the_library_outlives_a_reading() -> None:
    """The library prints complaints at the end of the process about what is still held then."""
    assert not [name for name, value in vars(barcodes).items() if type(value).__module__.startswith("zxingcpp")]
