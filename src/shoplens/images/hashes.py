"""Names for bytes and for pixels: equal names, equal photo."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from shoplens.types import Pixels

_DIGEST_BYTES = 16


def content_hash(data: bytes) -> str:
    """BLAKE2b-128 of a file's bytes, 32 hexadecimal digits."""
    return blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()


def pixel_hash(pixels: Pixels) -> str:
    """BLAKE2b-128 of height, width and RGB pixels, 32 hexadecimal digits.

    It is equal for a photo and its lossless copy in another format, and takes about a millisecond per megabyte.
    """
    digest = blake2b(f"{pixels.shape[0]}x{pixels.shape[1]}:".encode(), digest_size=_DIGEST_BYTES)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
