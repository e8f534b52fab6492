"""Plug-ins whose answers can be computed in the head, and small shops of coloured photos."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shoplens.build.builder import Builder
from shoplens.errors import PhotoError
from shoplens.images import PhotoSource
from shoplens.index.protocol import Index, StoredProduct
from shoplens.settings import Settings
from shoplens.store.store import Store
from shoplens.types import Pixels, Product, Progress, Vectors

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
Color = tuple[int, int, int]


class Stopped(Exception):
    """The power went off."""


class ColourEmbedder:
    """An embedder: mean red, green and blue of the photo's upper left quarter, from 0 to 1, and 1.

    Args:
        stop_after: raise :class:`Stopped` instead of embedding more photos than this.
        seconds: that a photo takes.
    """

    dimensions = 4
    features = extra_features = 0
    min_side = 8

    def __init__(self, model: str = "colour@1", stop_after: int | None = None, seconds: float = 0.0) -> None:
        self.model, self.stop_after, self.seconds = model, stop_after, seconds
        self.photos = 0
        self._counting = threading.Lock()

    def embed(self, photos: Sequence[Pixels]) -> Vectors:
        with self._counting:
            if self.stop_after is not None and self.photos + len(photos) > self.stop_after:
                raise Stopped
            self.photos += len(photos)
        time.sleep(self.seconds)
        corners = (photo[: (len(photo) + 1) // 2, : (photo.shape[1] + 1) // 2] for photo in photos)
        return np.array([[*(corner.mean(axis=(0, 1)) / 255), 1.0] for corner in corners], np.float32)


def colour_vector(color: Color) -> Vectors:
    """What a plain photo of this colour is embedded as."""
    vector = np.array([*(np.array(color) / 255), 1.0])
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class FakePhotos(PhotoSource):
    """A source of photos: URLs answer from a table, with bytes or with an error; paths are read as always."""

    def __init__(self, answers: Mapping[str, bytes | PhotoError], settings: Settings | None = None) -> None:
        super().__init__(settings or Settings())
        self.answers = answers
        self.forgotten: list[str] = []

    def bytes_of(self, source: str) -> bytes:
        if source not in self.answers:
            return super().bytes_of(source)
        answer = self.answers[source]
        if isinstance(answer, PhotoError):
            raise answer
        return answer

    def forget(self, source: str) -> None:
        self.forgotten.append(source)


def photo(path: Path, color: Color, size: tuple[int, int] = (12, 8), **options: Any) -> Path:
    """The path of a new photo of one colour, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **options)
    return path


def numbered_color(number: int) -> Color:
    """A different colour for every number below 16,777,216; neighbours differ clearly."""
    number = number * 4_099 % 2**24
    return number % 256, number // 256 % 256, number // 65_536


def feed_of(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """The path of a new JSON Lines feed."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def row(name: str, *photos: str, **fields: Any) -> dict[str, Any]:
    """A row of such a feed; its photo is ``<name>.png`` when none is given."""
    return {"id": name, "title": f"The {name}", "photos": list(photos) or [f"{name}.png"], **fields}


def colored_rows(folder: Path, numbers: Iterable[int], **fields: Any) -> list[dict[str, Any]]:
    """Rows ``p0``, ``p1``, … with a photo each, of the colour of their number; photos that exist are left alone."""
    rows = []
    for number in numbers:
        if not (folder / f"p{number}.png").exists():
            photo(folder / f"p{number}.png", numbered_color(number))
        rows.append(row(f"p{number}", price=float(number), **fields))
    return rows


def product(name: str, *photos: str, **fields: Any) -> Product:
    """A product with these photos."""
    return Product(id=name, title=f"The {name}", photos=photos, **fields)


def builder(store: Store, embedder: ColourEmbedder | None = None, progress: Progress | None = None) -> Builder:
    """A builder on two threads."""
    settings = Settings(threads=2)
    return Builder(store, embedder or ColourEmbedder(), PhotoSource(settings), settings, progress)


def contents(index: Index) -> dict[str, tuple[StoredProduct, list[bytes]]]:
    """Everything an index holds, comparable bit for bit: id -> record, and a vector per photo."""
    records = index.records(list(index.ids()))
    vectors = index.photo_vectors({photo.content_hash for record in records for photo in record.photos})
    return {
        record.product.id: (record, [vectors[photo.content_hash][1].tobytes() for photo in record.photos])
        for record in records
    }
