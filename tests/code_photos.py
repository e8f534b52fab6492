"""Photos with a barcode on them, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zxingcpp
from PIL import Image

from tests.fakes import Color

EAN, OTHER_EAN = "9521234567899", "9520000000004"
"""Of the prefix 952, which GS1 keeps for examples."""


def draw_code(content: str, kind: str = "EAN13", scale: int = 3) -> Image.Image:
    """Draw a code, black on white, with the margin that it needs."""
    code = zxingcpp.create_barcode(content, zxingcpp.barcode_format_from_str(kind))
    drawn = zxingcpp.write_barcode_to_image(code, scale=scale, add_quiet_zones=True)
    return Image.fromarray(np.array(drawn)).convert("RGB")


def draw_wrong_ean_8(digits: str) -> Image.Image:
    """Draw eight digits as an EAN-8, whose check digit may be wrong; the library refuses to."""
    left = [
        "0001101",
        "0011001",
        "0010011",
        "0111101",
        "0100011",
        "0110001",
        "0101111",
        "0111011",
        "0110111",
        "0001011",
    ]
    right = [one.translate(str.maketrans("01", "10")) for one in left]
    halves = ["".join(code[int(digit)] for digit in part) for code, part in ((left, digits[:4]), (right, digits[4:]))]
    bars = f"{'0' * 10}101{halves[0]}01010{halves[1]}101{'0' * 10}"
    row = np.array([255 * (bar == "0") for bar in bars], np.uint8)
    return Image.fromarray(np.kron(row[None], np.ones((120, 3), np.uint8))).convert("RGB")


def photo_with_code(path: Path, ground: Color, *codes: Image.Image, size: tuple[int, int] = (1000, 800)) -> Path:
    """Write a photo of one colour with codes one below the other in its right half."""
    picture, top = Image.new("RGB", size, ground), 20
    for code in codes:
        picture.paste(code, (size[0] // 2 + 20, top))
        top += code.height + 20
    path.parent.mkdir(exist_ok=True)
    picture.save(path)
    return path
