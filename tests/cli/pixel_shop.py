"""A small shop whose network returns the pixels of a photo as its vector."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command_line import run_command
from tests.training.shops import write_learnable_feed

SIDE = 8


def number_field(number: int, value: int) -> bytes:
    """Encode a protocol buffer field that holds a number below 128."""
    return bytes([number << 3, value])


def bytes_field(number: int, *parts: bytes) -> bytes:
    """Encode a protocol buffer field that holds a text or a message of less than 16,384 bytes."""
    content = b"".join(parts)
    return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content


def tensor_info(name: bytes, *shape: bytes) -> bytes:
    """Encode the name and type of a float32 tensor whose first axis is the number of photos."""
    axes = [bytes_field(1, bytes_field(2, b"photos")), *(bytes_field(1, axis) for axis in shape)]
    return bytes_field(1, name) + bytes_field(2, bytes_field(1, number_field(1, 1), bytes_field(2, *axes)))


def pixel_network() -> bytes:
    """Return an ONNX file with one Flatten layer, (n, 3, 8, 8) -> (n, 192), which leaves the pixels unchanged."""
    node = bytes_field(1, b"pixels") + bytes_field(2, b"vector") + bytes_field(4, b"Flatten")
    pixels = tensor_info(b"pixels", number_field(1, 3), number_field(1, SIDE), number_field(1, SIDE))
    vector = tensor_info(b"vector", bytes([1 << 3, 192 & 127 | 128, 1]))
    graph = bytes_field(1, node) + bytes_field(2, b"pixels") + bytes_field(11, pixels) + bytes_field(12, vector)
    return number_field(1, 8) + bytes_field(7, graph) + bytes_field(8, number_field(2, 13))


def index_pixel_shop(folder: Path, products: int, photos: int) -> Path:
    """Write a feed with its photos and ``model.onnx`` into the folder, index them into ``store``, return the folder."""
    (folder / "model.onnx").write_bytes(pixel_network())
    (folder / "model.json").write_text(json.dumps({"name": "pixels", "side": SIDE, "dimensions": 192}))
    feed = write_learnable_feed(folder, products, photos)
    assert run_command("index", feed, "--model", folder / "model.onnx", "--store", folder / "store").code == 0
    return folder
