"""The cache of product photos in the sizes of a page; always encoded anew, so that no metadata is sent."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.shop import Shop
from shoplens.types import Pixels

WIDTHS = (96, 192, 384, 768, 1536)
MAX_BYTES = 64_000_000
QUALITY = 85


class ThumbnailCache:
    """Product photos by content and width, as JPEG; thread-safe.

    Args:
        shop: whose photos they are.
        max_bytes: size of the cache; the photo that was not used for longest is dropped.
    """

    def __init__(self, shop: Shop, max_bytes: int = MAX_BYTES) -> None:
        self._shop, self._most = shop, max_bytes
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0

    def get_cached(self, content_hash: str, width: int) -> bytes | None:
        """Return a photo that is in the cache; None where it is not."""
        with self._lock:
            content = self._files.get((content_hash, width))
            if content is not None:
                self._files.move_to_end((content_hash, width))
            return content

    def get(self, content_hash: str, width: int) -> bytes:
        """Return a photo of a product, at most ``width`` pixels wide and high.

        Raises:
            InvalidValue: ``unknown-photo``, ``bad-width``.
            PhotoError: it cannot be read any more.
        """
        if width not in WIDTHS:
            raise InvalidValue(f"width is {width}.", f"Choose one of: {', '.join(map(str, WIDTHS))}.", code="bad-width")
        pixels = self._shop.products.photo(content_hash, width)
        content = _encode_thumbnail(pixels, width)
        with self._lock:
            self._bytes += len(content) - len(self._files.pop((content_hash, width), b""))  # another thread's
            self._files[content_hash, width] = content
            while self._bytes > self._most and len(self._files) > 1:
                _, dropped = self._files.popitem(last=False)
                self._bytes -= len(dropped)
        return content


def _encode_thumbnail(pixels: Pixels, width: int) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((width, width), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
