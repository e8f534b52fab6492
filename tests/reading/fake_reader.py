"""A reader whose words can be computed in the head."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from shoplens.reading.text_reader import ReadingEffort
from shoplens.types import Pixels
from tests.fakes import Color


class ColourReader:
    """A reader: the words of a photo are those of the colour of its upper left pixel; none for other colours.

    Args:
        words: of each colour.
        seconds: that a photo takes.
        error: raised for every photo.
    """

    def __init__(
        self,
        words: Mapping[Color, str],
        *,
        model: str = "colour-reader@1",
        seconds: float = 0.0,
        error: Exception | None = None,
    ) -> None:
        self.words, self.model, self.seconds, self.error = words, model, seconds, error
        self.photos: list[ReadingEffort] = []
        self._counting = threading.Lock()

    def read(
        self,
        photo: Pixels,
        effort: ReadingEffort,
        sharpen: Callable[[], Pixels] | None = None,
        deadline: float = float("inf"),
    ) -> str:
        with self._counting:
            self.photos.append(effort)
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        pixels = photo if sharpen is None else sharpen()
        return self.words.get(tuple(int(value) for value in pixels[0, 0]), "")
