"""Every kind of photo that shops export decodes to the same upright pixels, and every bad one has its code."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
import zlib
from hashlib import blake2b
from io import BytesIO
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shoplens.errors import PhotoError
from shoplens.images.decode import decode_photo, photo_size
from shoplens.settings import Settings
from tests.images.made_photos import encoded, scene

LOSSLESS = ("PNG", "BMP", "TIFF")
LOSSY = ("JPEG", "WEBP", "AVIF", "HEIF")


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    if kind != "HEIF":
        return encoded(image, kind, **options)
    buffer = BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90)
    return buffer.getvalue()


def code_of(data: bytes, settings: Settings) -> str:
    with pytest.raises(PhotoError) as caught:
        decode_photo(data, settings)
    assert caught.value.problem and caught.value.fix
    return caught.value.code


def png(width: int, height: int, depth: int, kind: int, rows: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# What comes out


@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_lossless_file_gives_its_pixels_and_one_pixel_hash(kind: str, settings: Settings) -> None:
    image = scene()
    data = save(image, kind)
    picture = decode_photo(data, settings)
    assert np.array_equal(picture.pixels, np.asarray(image))
    assert picture.pixels.dtype == np.uint8 and picture.pixels.flags.c_contiguous
    assert (picture.width, picture.height) == (96, 64) == photo_size(data, settings)
    assert picture.content_hash == blake2b(data, digest_size=16).hexdigest()
    assert picture.pixel_hash == decode_photo(save(image, "PNG"), settings).pixel_hash != ""


@pytest.mark.parametrize("kind", LOSSY)
def test_a_lossy_file_is_close(kind: str, settings: Settings) -> None:
    data = save(scene(), kind, quality=90)
    assert np.abs(decode_photo(data, settings).pixels.astype(int) - np.asarray(scene())).mean() < 6
    assert photo_size(data, settings) == (96, 64)


def test_pixel_hash_sees_shape_and_pixels(settings: Settings) -> None:
    white = [
        decode_photo(save(Image.new("RGB", size, "white"), "PNG"), settings).pixel_hash for size in ((4, 6), (6, 4))
    ]
    other = scene()
    other.putpixel((3, 3), (0, 1, 2))
    assert white[0] != white[1]
    assert (
        decode_photo(save(other, "PNG"), settings).pixel_hash != decode_photo(save(scene(), "PNG"), settings).pixel_hash
    )


TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_all_eight_orientations_give_identical_pixels(kind: str, orientation: int, settings: Settings) -> None:
    turn = TURNED[orientation]
    stored = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    data = save(stored, kind, exif=exif, **options)
    picture = decode_photo(data, settings)
    assert np.array_equal(picture.pixels, np.asarray(scene()))
    assert picture.pixel_hash == decode_photo(save(scene(), "PNG"), settings).pixel_hash
    assert photo_size(data, settings) == (picture.width, picture.height) == (96, 64)


@pytest.mark.parametrize("orientation", TURNED)
def test_all_eight_orientations_of_a_jpeg(orientation: int, settings: Settings) -> None:
    # Turning commutes with JPEG's blocks when both sides are multiples of 16, up to rounding in the transform.
    turn = TURNED[orientation]
    stored = scene() if turn is None else scene().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = save(stored, "JPEG", quality=95, subsampling=0, exif=exif)
    upright = decode_photo(save(scene(), "JPEG", quality=95, subsampling=0), settings).pixels
    assert np.abs(decode_photo(data, settings).pixels.astype(int) - upright).max() <= 8
    assert photo_size(data, settings) == (96, 64)
    reduced = decode_photo(data, settings, shortest=16)
    assert (reduced.width, reduced.height) == (96, 64)
    assert reduced.pixels.shape == (16, 24, 3)


def test_unreadable_orientation_counts_as_none(settings: Settings) -> None:
    data = save(scene(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    assert decode_photo(data, settings).pixels.shape == (64, 96, 3)
    exif = Image.Exif()
    exif[0x0112] = 99
    assert decode_photo(save(scene(), "JPEG", exif=exif), settings).pixels.shape == (64, 96, 3)


@pytest.mark.parametrize("shortest", [1, 20, 40, 75, 76, 100, 150, 299, 300, 301, 5000])
def test_a_reduced_jpeg_is_never_below_shortest(shortest: int, settings: Settings) -> None:
    data = save(scene(400, 300), "JPEG")
    picture = decode_photo(data, settings, shortest=shortest)
    assert min(picture.pixels.shape[:2]) >= min(shortest, 300)
    assert (picture.width, picture.height) == (400, 300)
    reduced = picture.pixels.shape[:2] != (300, 400)
    assert (picture.pixel_hash != decode_photo(data, settings).pixel_hash) is reduced
    assert reduced is (shortest <= 150)


def test_other_formats_are_not_reduced(settings: Settings) -> None:
    data = save(scene(), "PNG")
    assert decode_photo(data, settings, shortest=8).pixel_hash == decode_photo(data, settings).pixel_hash


def test_a_thumbnail_inside_a_heic_is_not_taken_for_the_photo(settings: Settings) -> None:
    buffer = BytesIO()
    photo = pillow_heif.from_pillow(scene(256, 192))
    sizes: Any = [64]
    photo[0].info["thumbnails"] = sizes
    photo.save(buffer)
    assert pillow_heif.open_heif(buffer).info["thumbnails"] == [64]
    assert decode_photo(buffer.getvalue(), settings, shortest=32).pixels.shape == (192, 256, 3)


def test_the_size_of_a_png_is_read_without_its_pixels(settings: Settings) -> None:
    data = png(30, 20, 8, 2, b"not rows")
    assert photo_size(data, settings) == (30, 20)
    assert code_of(data, settings) in ("photo-damaged", "photo-truncated")


# Modes


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_cmyk_photo_is_converted_to_rgb(kind: str, settings: Settings) -> None:
    inks = scene().convert("CMYK")
    picture = decode_photo(save(inks, kind), settings)
    assert np.abs(picture.pixels.astype(int) - np.asarray(inks.convert("RGB"))).mean() < 4


def test_a_ycck_jpeg_is_converted_to_rgb(settings: Settings) -> None:
    inks = scene().convert("CMYK")
    data = save(inks, "JPEG", quality=95)
    adobe = data.index(b"Adobe")
    assert data[adobe + 11] in (0, 2)  # the colour transform
    ycck = data[: adobe + 11] + b"\x02" + data[adobe + 12 :]
    assert decode_photo(ycck, settings).pixels.shape == (64, 96, 3)


def test_transparency_lies_on_white(settings: Settings) -> None:
    image = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 128))
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.putpixel((0, 0), 0)
    files = {
        "RGBA": save(image, "PNG"),
        "palette": save(palette, "PNG", transparency=0),
        "palette, alphas": save(palette, "PNG", transparency=bytes([0, 255])),
        "GIF": save(palette, "GIF", transparency=0),
        "RGB with a transparent colour": save(image.convert("RGB"), "PNG", transparency=(0, 0, 0)),
    }
    for name, data in files.items():
        pixels = decode_photo(data, settings).pixels
        assert tuple(pixels[0, 0]) == (255, 255, 255), name
        assert tuple(pixels[5, 5]) == (255, 0, 0), name
    assert abs(int(decode_photo(files["RGBA"], settings).pixels[0, 1, 0]) - 127) <= 1
    grey = decode_photo(save(Image.new("LA", (8, 8), (0, 64)), "PNG"), settings).pixels
    assert np.all(np.abs(grey.astype(int) - 191) <= 1)


def test_one_bit_and_grey(settings: Settings) -> None:
    bits = Image.new("1", (8, 8), 1)
    bits.putpixel((0, 0), 0)
    pixels = decode_photo(save(bits, "PNG"), settings).pixels
    assert tuple(pixels[0, 0]) == (0, 0, 0) and tuple(pixels[1, 1]) == (255, 255, 255)
    assert tuple(decode_photo(save(Image.new("L", (8, 8), 77), "PNG"), settings).pixels[0, 0]) == (77, 77, 77)


WIDE = [0, 257, 32768, 65535]
NARROW = [0, 1, 128, 255]


@pytest.mark.parametrize(("kind", "repeat"), [(0, 1), (2, 3)], ids=["grey", "rgb"])
def test_sixteen_bits_are_scaled_not_clipped(kind: int, repeat: int, settings: Settings) -> None:
    row = b"\0" + b"".join(struct.pack(">H", value) * repeat for value in WIDE)
    pixels = decode_photo(png(4, 4, 16, kind, row * 4), settings).pixels
    assert pixels[0, :, 0].tolist() == NARROW
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_sixteen_and_thirty_two_bit_tiff(settings: Settings) -> None:
    samples = np.array([WIDE] * 4, dtype=np.uint16)
    floats = (samples / 65535).astype(np.float32)
    for image in (Image.fromarray(samples), Image.fromarray(samples.astype(np.int32)), Image.fromarray(floats)):
        assert decode_photo(save(image, "TIFF"), settings).pixels[0, :, 0].tolist() == NARROW


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_shows_its_first_frame(kind: str, settings: Settings) -> None:
    red, blue = (Image.new("RGB", (16, 12), colour) for colour in ("red", "blue"))
    data = save(red, kind, save_all=True, append_images=[blue], duration=50)
    assert np.abs(decode_photo(data, settings).pixels.astype(int) - [255, 0, 0]).max() <= 2


# Colour profiles


def swapped_profile(settings: Settings) -> bytes:
    """An sRGB profile whose red and green columns changed places: anything it describes has them swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_foreign_profile_is_taken_to_srgb(kind: str, settings: Settings) -> None:
    image = Image.new("RGB", (16, 16), (250, 5, 5))
    pixels = decode_photo(save(image, kind, icc_profile=swapped_profile(settings)), settings).pixels
    assert np.abs(pixels.astype(int) - [5, 250, 5]).max() <= 4


def test_srgb_and_broken_profiles_change_nothing(settings: Settings) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = decode_photo(save(scene(), "PNG"), settings)
    for profile in (srgb, b"no profile at all", swapped_profile(settings)[:200]):
        assert decode_photo(save(scene(), "PNG", icc_profile=profile), settings).pixel_hash == plain.pixel_hash
    grey = scene().convert("L")
    profiled = decode_photo(save(grey, "PNG", icc_profile=srgb), settings)
    assert np.array_equal(profiled.pixels[..., 1], np.asarray(grey))


# What goes wrong


def test_each_bad_file_has_its_code(settings: Settings) -> None:
    jpeg = save(scene(200, 150), "JPEG")
    webp = save(scene(), "WEBP")
    bad = (
        (b"", "photo-empty"),
        (b"hello", "photo-not-an-image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "photo-not-an-image"),
        (b"%PDF-1.7", "photo-not-an-image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "photo-not-an-image"),
        (b"BM is not always a bitmap", "photo-not-an-image"),
        (b"\0" * 4096, "photo-not-an-image"),
        (jpeg[: len(jpeg) // 2], "photo-truncated"),
        (jpeg[:30], "photo-truncated"),
        (jpeg[:-3], "photo-truncated"),
        (save(scene(), "PNG")[:700], "photo-truncated"),
        (webp[: len(webp) // 2], "photo-truncated"),
        (save(scene(), "GIF")[:900], "photo-truncated"),
        (save(scene(), "BMP")[:900], "photo-truncated"),
        (b"\xff\xd8\xff\xe0" + b"\x00\x10" + b"junk" * 50, "photo-damaged"),
        (png(4, 4, 8, 2, b"\x09" * 20), "photo-damaged"),
        (png(0, 4, 8, 2, b""), "photo-damaged"),
        (png(20_000, 20_000, 8, 2, b""), "photo-too-many-pixels"),
        (png(2_000_000_000, 2_000_000_000, 8, 2, b""), "photo-too-many-pixels"),
        (png(2100, 100, 8, 2, b""), "photo-absurd-aspect"),
        (png(1, 21, 8, 2, b""), "photo-absurd-aspect"),
        (save(Image.new("RGB", (1, 1)), "GIF"), "photo-too-small"),
        (save(scene(3, 3), "PNG"), "photo-too-small"),
        (save(scene(40, 3), "JPEG"), "photo-too-small"),
    )
    assert [code_of(data, settings) for data, _ in bad] == [code for _, code in bad]


def test_the_smallest_photo_is_accepted_and_a_tracking_pixel_is_an_error_with_its_size(settings: Settings) -> None:
    assert decode_photo(save(scene(4, 4), "PNG"), settings).pixels.shape == (4, 4, 3)
    with pytest.raises(PhotoError, match=r"^The photo is 1 x 1 pixels, .* 4 pixels or more on each side"):
        photo_size(save(Image.new("RGB", (1, 1)), "PNG"), settings)


def test_limits_come_from_the_settings(settings: Settings) -> None:
    data = save(scene(), "PNG")
    cases: tuple[tuple[str, Any, Any, str], ...] = (
        ("max_photo_bytes", len(data) - 1, len(data), "photo-too-many-bytes"),
        ("max_photo_pixels", 96 * 64 - 1, 96 * 64, "photo-too-many-pixels"),
        ("max_aspect", 1.49, 1.5, "photo-absurd-aspect"),
    )
    for name, limit, allowed, code in cases:
        decode_photo(data, dataclasses.replace(settings, **{name: allowed}))
        assert code_of(data, dataclasses.replace(settings, **{name: limit})) == code
        with pytest.raises(PhotoError) as caught:
            photo_size(data, dataclasses.replace(settings, **{name: limit}))
        assert caught.value.code == code


def test_a_raised_pixel_limit_is_above_pillows_own(settings: Settings) -> None:
    # Pillow warns at 89 and refuses at 179 million pixels; the setting alone decides here.
    data = save(Image.new("1", (16000, 12000)), "PNG")
    raised = dataclasses.replace(settings, max_photo_pixels=200_000_000)
    assert photo_size(data, raised) == (16000, 12000)


def test_a_decompression_bomb_is_refused_before_it_is_decoded(settings: Settings) -> None:
    # 400 million pixels would take 1.2 GB; the file has no pixel data that could be decoded at all.
    with pytest.raises(PhotoError, match="20000 x 20000"):
        decode_photo(png(20_000, 20_000, 8, 2, b"not rows"), settings)


def test_heic_without_its_library_names_the_command() -> None:
    program = """
import sys
sys.modules["pillow_heif"] = None
from shoplens.errors import PhotoError
from shoplens.images import decode_photo
from shoplens.settings import Settings
for brand in (b"heic", b"heix", b"mif1", b"msf1"):
    try:
        decode_photo(b"\\0\\0\\0\\x18ftyp" + brand + b"\\0\\0\\0\\0mif1heic" + bytes(100), Settings())
    except PhotoError as error:
        print(error.code, error.fix)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["photo-needs-heic Run: pip install pillow-heif"] * 4


def test_invalid_metadata_gives_no_warning(settings: Settings) -> None:
    data = bytearray(save(scene(), "TIFF"))
    ifd = struct.unpack_from("<I", data, 4)[0]
    data[ifd + 2 : ifd + 14] = struct.pack("<HHII", 700, 1, 10**6, 8)  # a tag larger than the file
    with pytest.raises(PhotoError) as caught:
        decode_photo(bytes(data), settings)
    assert caught.value.code == "photo-damaged"
    text = save(scene(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\0\0\xff\xff\0\0")
    assert decode_photo(text, settings).width == 96


FILES = [save(scene(32, 24), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")]


@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=12),
    st.floats(0.1, 1),
)
@hypothesis_settings(max_examples=150, deadline=None, derandomize=True)
def test_a_damaged_file_gives_a_picture_or_a_photo_error(
    file: bytes, changes: list[tuple[float, int]], part: float
) -> None:
    data = bytearray(file)
    for place, value in changes:
        data[int(place * len(data))] = value
    settings = Settings(max_photo_pixels=1_000_000)
    try:
        picture = decode_photo(bytes(data[: int(part * len(data))]), settings)
    except PhotoError as error:
        assert error.code.startswith("photo-")
    else:
        assert picture.pixels.shape[2] == 3 and picture.pixels.dtype == np.uint8
