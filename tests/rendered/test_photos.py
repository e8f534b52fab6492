"""What is in the pictures is what the spec says, and what is hidden is hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.images.drawing.drawing import Pose
from shoplens.rendered import KINDS, PATTERNS, SHAPES, ProductSpec, phone_photo, product_photo, spec_of
from shoplens.rendered.cutouts import draw_cutout

MUG = ProductSpec("mug", "red", "stripes", "ceramic", "white", "straight", "small", "vertical", number=7, group=3)
CUSHION = ProductSpec("cushion", "yellow", "dots", "cotton", "navy", "square", "small", number=8, group=4)


def pixels(image: Image.Image) -> npt.NDArray[np.float64]:
    return np.asarray(image, dtype=np.float64)


def lab_chroma(image: Image.Image) -> npt.NDArray[np.float64]:
    linear = np.where((c := pixels(image) / 255) > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    chroma: npt.NDArray[np.float64] = np.hypot(500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2]))
    return chroma


def middle(image: Image.Image, share: float = 0.2) -> npt.NDArray[np.float64]:
    """The innermost part of the picture, ``share`` of each side."""
    height, width = image.height, image.width
    top, left = int(height * (1 - share) / 2), int(width * (1 - share) / 2)
    return pixels(image)[top : height - top, left : width - left]


def test_the_same_photo_twice_and_other_photos_otherwise() -> None:
    assert product_photo(MUG, 1).tobytes() == product_photo(MUG, 1).tobytes()
    assert phone_photo(MUG, 5, "dark").tobytes() == phone_photo(MUG, 5, "dark").tobytes()
    assert len({product_photo(MUG, view).tobytes() for view in range(6)}) == 6
    assert phone_photo(MUG, 5).tobytes() != phone_photo(MUG, 6).tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_every_cut_fills_a_good_part_of_the_picture_and_is_not_cut_off(shape: str) -> None:
    for cut in SHAPES[shape].cuts:
        spec = ProductSpec(shape, "blue", "solid", SHAPES[shape].materials[0], "orange", cut)
        alpha = draw_cutout(spec, Pose(), 96).alpha
        assert 0.03 < alpha.mean() < 0.75
        assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) < 0.05


def test_the_colors_of_the_product_are_in_the_photo() -> None:
    plain = replace(CUSHION, pattern="solid", scale="")
    red, green, blue = middle(product_photo(plain)).mean(axis=(0, 1))
    assert red > 150 and green > 120 and blue < 120
    red, green, blue = middle(product_photo(replace(plain, color="blue", accent="white"))).mean(axis=(0, 1))
    assert blue > red + 40


@pytest.mark.parametrize("pattern", [name for name in PATTERNS if name != "solid"])
def test_every_pattern_shows_the_second_color(pattern: str) -> None:
    direction = "vertical" if PATTERNS[pattern].directions else ""
    spec = replace(CUSHION, pattern=pattern, scale="medium", direction=direction, material="linen")
    plain = replace(CUSHION, pattern="solid", scale="", material="linen")
    light, plain_light = (middle(product_photo(s, 0, 160), 0.5).mean(axis=2) for s in (spec, plain))
    assert 0.05 < (light < plain_light - 35).mean() < 0.75


def test_the_ground_of_a_catalogue_photo_is_pale() -> None:
    for number in (1, 40, 80):
        corners = pixels(product_photo(spec_of(number)))[[0, 0, -1], [0, -1, -1]]
        assert corners.min() > 200


@pytest.mark.parametrize("kind", KINDS)
def test_phone_photos_come_in_phone_sizes(kind: str) -> None:
    photo = phone_photo(MUG, 1, kind)
    assert photo.mode == "RGB"
    assert min(photo.size) == 480


def test_grey_light_hides_the_color() -> None:
    for seed in range(3):
        chroma = lab_chroma(phone_photo(replace(MUG, material="enamel"), seed, "grey-light"))
        assert np.percentile(chroma, 99) < 16
    assert np.percentile(lab_chroma(phone_photo(MUG, 0, "plain")), 95) > 30


def test_grey_light_keeps_the_pattern() -> None:
    assert middle(phone_photo(MUG, 1, "grey-light")).mean(axis=2).std() > 15


def test_blur_hides_the_pattern_and_keeps_the_color() -> None:
    sharp, soft = (middle(phone_photo(CUSHION, 2, kind)) for kind in ("plain", "blur"))
    sharp_steps, soft_steps = (np.abs(area[:, 12:] - area[:, :-12]).mean() for area in (sharp, soft))
    assert soft_steps < 0.25 * sharp_steps
    red, _, blue = soft.mean(axis=(0, 1))
    assert red > blue + 25


def test_dark_photos_are_darker_than_plain_ones() -> None:
    dark, plain = (pixels(phone_photo(CUSHION, 3, kind)).mean() for kind in ("dark", "plain"))
    assert dark < 0.65 * plain


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (lambda: product_photo(MUG, -1), "View -1"),
        (lambda: product_photo(MUG, 0, 8), "in 8 pixels"),
        (lambda: phone_photo(MUG, 0, "x-ray"), "Kind of phone photo is 'x-ray'. Choose of plain, "),
        (lambda: phone_photo(MUG, -1), "The seed is -1"),
    ],
)
def test_photos_that_cannot_be_taken_are_refused(photo: object, message: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        photo()  # type: ignore[operator]
    assert message in str(refusal.value)
