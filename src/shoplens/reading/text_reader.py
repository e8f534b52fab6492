"""Reads the words in a photo: PP-OCRv6, small, by the extra ``text``.

A first look at few pixels tells whether there are words at all, so that a photo without any costs little, unless the
network's features tell it for nothing (:mod:`.word_head`). The lines are then found at more pixels, cut out of the
photo at full sharpness, turned upright, and read one after the other, the largest first, until the time is up. Sloping
lines are cut out along their slope; a line that cannot be read is tried upside down, too. Curved lines are read as far
as the network goes.

Source: PaddleOCR 3.0 Technical Report (2025), arXiv:2507.05595; Liao et al. 2020, "Real-time Scene Text Detection with
Differentiable Binarization", AAAI.
"""

from __future__ import annotations

import functools
import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from shoplens.errors import InvalidValue
from shoplens.settings import Settings
from shoplens.types import Pixels

INSTALL_COMMAND = "pip install 'shoplens[text]'"
MODEL = "pp-ocrv6-small"
"""Id of the networks and of how they are used; what was read under another id is read again."""
MIN_CONFIDENCE = 0.5
"""Lines that are read with less confidence are left out."""
MIN_AREA = 24.0
"""Least area of a line where lines are sought, in pixels."""
MAX_SHARE = 0.4
"""Largest share of the photo that a line covers."""
MIN_LETTERS = 4
"""A photo with fewer letters shows no words."""


@dataclass(frozen=True, slots=True)
class ReadingEffort:
    """How thoroughly a photo is read.

    Attributes:
        side: root of the number of pixels at which lines are sought.
        lines: most lines that are read, the largest first.
        first_look: the same root for the first look; 0 for none.
        threshold: least confidence of the best line of the first look for a second one.
        sure: confidence from which on a line is not tried upside down.
    """

    side: int
    lines: int
    sure: float
    first_look: int = 0
    threshold: float = 0.0


QUERY = ReadingEffort(480, 8, 0.6, first_look=256, threshold=0.2)
"""A shopper's photo; chosen on shop photos of Grocery's ``train.csv``, for at most 150 ms of a core where there are
words. The first look is for networks that do not tell by themselves whether there are any, and for doubtful photos."""
SEEN = replace(QUERY, first_look=0)
"""A shopper's photo of which the network's features tell surely that it shows words (:mod:`.word_head`)."""
PRODUCT = ReadingEffort(736, 40, 0.95, first_look=320, threshold=0.2)
"""A photo of the catalogue, which is read once."""
SHARP_SIDE = 640
"""Pixels of the shorter side with which a photo is decoded to be read, if it has so many."""


class TextReader(Protocol):
    """What reads photos. A plug-in implements these two."""

    model: str
    """Id of the reader; what another one has read is not used."""

    def read(
        self,
        photo: Pixels,
        effort: ReadingEffort,
        sharpen: Callable[[], Pixels] | None = None,
        deadline: float = float("inf"),
    ) -> str:
        """Return the lines that a photo shows, joined by line breaks; empty where it shows no words.

        Args:
            photo: uint8 (h, w, 3).
            sharpen: decodes the same photo at more pixels, which is worth it only where there are words; None where
                there are no more.
            deadline: time of :func:`time.monotonic` from which on no further line is read.
        """


class RapidTextReader:
    """A reader by the package ``rapidocr``, whose networks are loaded by the first photo; several threads may use it.

    Nothing is fetched: the networks are in the package.
    """

    model = MODEL

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._networks: tuple[Any, Any, Any] | None = None

    def read(
        self,
        photo: Pixels,
        effort: ReadingEffort,
        sharpen: Callable[[], Pixels] | None = None,
        deadline: float = float("inf"),
    ) -> str:
        """See :class:`TextReader`.

        Raises:
            InvalidValue: ``no-text-reader``, the extra ``text`` cannot be used.
        """
        detect, recognize, cut_out = self._load()
        if effort.first_look and not self._has_words(detect, photo, effort):
            return ""
        if sharpen is not None:
            photo = sharpen()
        bgr = np.ascontiguousarray(photo[:, :, ::-1])
        small = _resize(bgr, effort.side)
        boxes = _find_lines(detect, small, effort.threshold)
        scale = np.array([photo.shape[1] / small.shape[1], photo.shape[0] / small.shape[0]], np.float32)
        largest = sorted(range(len(boxes)), key=lambda n: -_area(boxes[n]))[: effort.lines]
        lines: dict[int, str] = {}
        for place in largest:
            if time.monotonic() >= deadline:
                break
            if text := _read_line(recognize, cut_out(bgr, boxes[place] * scale), effort.sure, deadline):
                lines[place] = text
        words = "\n".join(lines[place] for place in sorted(lines))
        return words if sum(map(str.isalnum, words)) >= MIN_LETTERS else ""

    def _has_words(self, detect: Any, photo: Pixels, effort: ReadingEffort) -> bool:
        small = _resize(np.ascontiguousarray(photo[:, :, ::-1]), effort.first_look)
        return bool(_find_lines(detect, small, effort.threshold))

    def _load(self) -> tuple[Any, Any, Any]:
        with self._lock:
            if self._networks is None:
                self._networks = _load_networks()
            return self._networks


@functools.lru_cache(maxsize=1)
def find_text_reader() -> TextReader | None:
    """Return the reader of the extra ``text``, one for the whole process; None where it is not installed."""
    return RapidTextReader() if importlib.util.find_spec("rapidocr") else None


def select_text_reader(settings: Settings) -> TextReader | None:
    """Return the reader of the extra ``text``; None where it is not installed, or ``read_text`` is false."""
    return find_text_reader() if settings.read_text else None


def _load_networks() -> tuple[Any, Any, Any]:
    """Return what finds lines, what reads one, and what cuts one out.

    Raises:
        InvalidValue: ``no-text-reader``.
    """
    try:
        from rapidocr import RapidOCR
        from rapidocr.utils.process_img import get_rotate_crop_image
    except ImportError as problem:
        raise InvalidValue(
            f"The words in photos cannot be read, because the extra text cannot be loaded: {problem}.",
            f"Install it ({INSTALL_COMMAND}) with the system's libraries that the message names, "
            "or set read_text = false.",
            code="no-text-reader",
        ) from problem
    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    plain = {"Global.log_level": "error", "Global.use_cls": False, "Global.text_score": 0.0, **threads}
    unscaled = {"Det.limit_side_len": 32, "Det.limit_type": "min"}
    narrow = {"Rec.rec_img_shape": [3, 48, 160]}  # a short word is not padded to twice its width
    detect = RapidOCR(params={**plain, **unscaled, "Global.use_rec": False})
    recognize = RapidOCR(params={**plain, **narrow, "Global.use_det": False})
    return detect, recognize, get_rotate_crop_image


def _find_lines(detect: Any, photo: Pixels, threshold: float) -> list[npt.NDArray[np.float32]]:
    """Return the corners of the lines in a photo, (4, 2) each; a thing on white as a whole is none."""
    found = detect(photo)
    if found.boxes is None:
        return []
    most = MAX_SHARE * photo.shape[0] * photo.shape[1]
    boxes = [
        np.asarray(box, np.float32) for box, score in zip(found.boxes, found.scores, strict=True) if score >= threshold
    ]
    return [box for box in boxes if MIN_AREA <= _area(box) <= most]


def _read_line(recognize: Any, line: Pixels, sure: float, deadline: float) -> str:
    """Return the text of one line, also tried upside down unless it is read with this confidence; empty where neither
    can be read."""
    best, most = "", MIN_CONFIDENCE
    for turned in _turns(line):
        found = recognize(np.ascontiguousarray(turned))
        if found.txts and found.scores[0] >= most:
            best, most = str(found.txts[0]).strip(), float(found.scores[0])
        if most >= sure or time.monotonic() >= deadline:
            break
    return best


def _turns(line: Pixels) -> Iterator[Pixels]:
    yield line
    yield line[::-1, ::-1]


def _resize(photo: Pixels, side: int) -> Pixels:
    """Scale a photo to about side x side pixels, with its proportions, smaller or larger."""
    height, width = photo.shape[:2]
    factor = side / (height * width) ** 0.5
    size = max(32, round(width * factor)), max(32, round(height * factor))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))


def _area(box: Any) -> float:
    """Return the area of a box of four corners, (4, 2)."""
    x, y = np.asarray(box, np.float64).T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
