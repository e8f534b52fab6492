"""The reader of the extra ``text``: drawn words, turned ones, photos without words, no network, and no extra."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from shoplens.reading.ngrams import split_words
from shoplens.reading.text_reader import (
    PRODUCT,
    QUERY,
    RapidTextReader,
    ReadingEffort,
    find_text_reader,
    select_text_reader,
)
from shoplens.settings import Settings
from shoplens.types import Pixels

needs_extra = pytest.mark.skipif(find_text_reader() is None, reason="needs the extra text")
WORDS = ("MELLANMJOLK", "HAVREDRYCK", "VANILJ")


def draw(*lines: str, turn: float = 0.0, size: tuple[int, int] = (420, 360), letter: int = 44) -> Pixels:
    """Draw a box on grey with lines in black on white."""
    image = Image.new("RGB", size, (120, 130, 125))
    box = Image.new("RGB", (size[0] - 60, 70 * len(lines) + 20), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(box).text((20, 10 + 70 * number), line, "black", ImageFont.load_default(letter))
    box = box.rotate(turn, expand=True, fillcolor=(120, 130, 125))
    image.paste(box, ((size[0] - box.width) // 2, (size[1] - box.height) // 2))
    return np.asarray(image)


@pytest.fixture(scope="module")
def reader() -> RapidTextReader:
    return RapidTextReader()


@needs_extra
@pytest.mark.extras
@pytest.mark.slow
@pytest.mark.parametrize("effort", [QUERY, PRODUCT])
def test_drawn_words_are_read_in_their_order(reader: RapidTextReader, effort: ReadingEffort) -> None:
    assert split_words(reader.read(draw(*WORDS), effort)) == [word.lower() for word in WORDS]


@needs_extra
@pytest.mark.extras
@pytest.mark.slow
@pytest.mark.parametrize("turn", [8.0, -12.0, 180.0, 90.0])
def test_turned_words_are_read(reader: RapidTextReader, turn: float) -> None:
    read = set(split_words(reader.read(draw(*WORDS[:2], turn=turn, size=(460, 460)), PRODUCT)))
    assert {word.lower() for word in WORDS[:2]} <= read


@needs_extra
@pytest.mark.extras
@pytest.mark.slow
def test_photos_without_words_are_empty(reader: RapidTextReader) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    for photo in (np.full((300, 300, 3), 255, np.uint8), np.zeros((40, 900, 3), np.uint8), noise, noise[:4, :4]):
        assert reader.read(photo, QUERY) == ""
    assert reader.read(draw("ab"), PRODUCT) == ""  # too few letters


@needs_extra
@pytest.mark.extras
@pytest.mark.slow
def test_the_sharp_photo_is_decoded_only_where_there_are_words(reader: RapidTextReader) -> None:
    decoded: list[int] = []

    def sharpen() -> Pixels:
        decoded.append(1)
        return draw(*WORDS)

    assert reader.read(np.full((300, 300, 3), 200, np.uint8), QUERY, sharpen) == "" and not decoded
    small = np.asarray(Image.fromarray(draw(*WORDS)).resize((210, 180)))
    assert split_words(reader.read(small, QUERY, sharpen)) == [word.lower() for word in WORDS] and decoded


@needs_extra
@pytest.mark.extras
@pytest.mark.slow
def test_no_line_is_begun_after_the_deadline(reader: RapidTextReader) -> None:
    assert reader.read(draw(*WORDS), QUERY, deadline=time.monotonic()) == ""


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, timeout=240
    )


@needs_extra
@pytest.mark.extras
@pytest.mark.slow
def test_nothing_is_fetched() -> None:
    done = run_python("""
        import sys

        def forbid(event, arguments):
            if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
                raise RuntimeError(f"the network was used: {event} {arguments}")

        sys.addaudithook(forbid)
        from shoplens.reading.text_reader import QUERY, RapidTextReader
        from tests.reading.test_text_reader import WORDS, draw

        print(RapidTextReader().read(draw(*WORDS), QUERY))
    """)
    assert done.returncode == 0, done.stderr
    assert "MELLANMJOLK" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["rapidocr", "cv2"])
def test_a_library_that_cannot_be_loaded_is_named_with_what_to_do(missing: str) -> None:
    done = run_python(f"""
        import sys

        sys.modules[{missing!r}] = None  # cannot be imported
        import numpy as np
        from shoplens.errors import InvalidValue
        from shoplens.reading.text_reader import QUERY, RapidTextReader

        try:
            RapidTextReader().read(np.zeros((9, 9, 3), np.uint8), QUERY)
        except InvalidValue as problem:
            print(problem.code, problem.problem, problem.fix)
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no-text-reader")
    assert "shoplens[text]" in done.stdout and "read_text = false" in done.stdout


def test_the_setting_turns_reading_off() -> None:
    assert select_text_reader(Settings(read_text=False)) is None
    assert select_text_reader(Settings()) is find_text_reader()
