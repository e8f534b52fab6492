"""Reading a photo beside other work, for a limited time."""

from __future__ import annotations

import time

import numpy as np
import pytest

from shoplens.errors import InvalidValue
from shoplens.reading.photo_reading import PhotoReading
from shoplens.reading.text_reader import QUERY
from tests.fakes import RED
from tests.reading.fake_reader import ColourReader

PHOTO = np.full((4, 4, 3), RED, np.uint8)


def test_the_words_are_those_of_the_reader() -> None:
    reader = ColourReader({RED: "milk"})
    assert PhotoReading(reader, PHOTO, None, 10).result() == "milk"
    assert PhotoReading(reader, PHOTO * 0, lambda: PHOTO, 10).result() == "milk"
    assert reader.photos == [QUERY, QUERY]


def test_a_slow_reader_makes_nobody_wait_longer_than_the_limit() -> None:
    started = time.monotonic()
    reading = PhotoReading(ColourReader({RED: "milk"}, seconds=3.0), PHOTO, None, 0.05)
    assert reading.result() == ""
    assert time.monotonic() - started < 1.5


def test_an_error_of_the_reader_is_that_of_the_search() -> None:
    problem = InvalidValue("No networks.", "Install them.", code="no-text-reader")
    reading = PhotoReading(ColourReader({}, error=problem), PHOTO, None, 10)
    with pytest.raises(InvalidValue) as error:
        reading.result()
    assert error.value is problem
