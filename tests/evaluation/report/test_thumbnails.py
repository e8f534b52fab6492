from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from shoplens.errors import PhotoError
from shoplens.evaluation.report.thumbnails import encode_thumbnail
from shoplens.types import Pixels, Region


def decode(data: str | None) -> Image.Image:
    assert data is not None
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_thumbnail_has_twice_as_many_pixels_as_it_is_shown_with() -> None:
    def wide(source: str) -> Pixels:
        return np.full((500, 1000, 3), (200, 10, 10), np.uint8)

    assert decode(encode_thumbnail("p", wide, 100)).size == (200, 100)


def test_a_region_is_marked_and_the_rest_is_darker() -> None:
    def white(source: str) -> Pixels:
        return np.full((200, 200, 3), 255, np.uint8)

    photo = np.asarray(decode(encode_thumbnail("p", white, 220, Region(100, 100, 80, 80)))).astype(int)
    assert abs(photo[140, 140] - 255).max() < 12
    assert abs(photo[30, 30] - 127).max() < 12
    assert photo[140, 101, 2] < 120  # the edge is not white


@pytest.mark.parametrize(
    "error",
    [OSError("gone"), ValueError("odd"), PhotoError("Damaged.", "Send it again."), UnidentifiedImageError("?")],
    ids=lambda error: type(error).__name__,
)
def test_an_unreadable_photo_has_no_thumbnail(error: Exception) -> None:
    def broken(source: str) -> Pixels:
        raise error

    assert encode_thumbnail("p", broken, 220) is None


@pytest.mark.parametrize("shape", [(3, 3, 7), (0, 0, 3)])
def test_pixels_that_are_no_photo_have_no_thumbnail(shape: tuple[int, ...]) -> None:
    assert encode_thumbnail("p", lambda source: np.zeros(shape, np.uint8), 220) is None


def test_an_error_in_the_program_is_not_hidden() -> None:
    def wrong(source: str) -> Pixels:
        raise AttributeError(source)

    with pytest.raises(AttributeError, match=r"^p$"):
        encode_thumbnail("p", wrong, 220)
