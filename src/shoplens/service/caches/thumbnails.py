"""Product photos as a page shows them: always encoded anew, so that nothing that hides in a file gets out."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict

from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.shop import Shop
from shoplens.types import Pixels

WIDTHS = (96, 192, 384, 768, 1536)
MOST_BYTES = 64_000_000
QUALITY = 85


class Pictures:
    """Product photos by content and width, as JPEG. Thread-safe.

    Args:
        shop: whose photos.
        most_bytes: that are held in memory; what was not asked for longest goes.
    """

    def __init__(self, shop: Shop, most_bytes: int = MOST_BYTES) -> None:
        self._shop, self._most = shop, most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0

    def held(self, content_hash: str, width: int) -> bytes | None:
        """One that is at hand."""
        with self._lock:
            found = self._held.get((content_hash, width))
            if found is not None:
                self._held.move_to_end((content_hash, width))
            return found

    def of(self, content_hash: str, width: int) -> bytes:
        """A photo of a product, at most so wide and as high.

        Raises:
            InvalidValue: ``unknown-photo``, ``bad-width``.
            PhotoError: it cannot be had any more.
        """
        if width not in WIDTHS:
            raise InvalidValue(f"width is {width}.", f"Choose one of: {', '.join(map(str, WIDTHS))}.", code="bad-width")
        pixels = self._shop.products.photo(content_hash, width)
        made = _encode_thumbnail(pixels, width)
        with self._lock:
            self._held[content_hash, width] = made
            self._bytes += len(made)
            while self._bytes > self._most and len(self._held) > 1:
                _, gone = self._held.popitem(last=False)
                self._bytes -= len(gone)
        return made


def _encode_thumbnail(pixels: Pixels, width: int) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((width, width), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
