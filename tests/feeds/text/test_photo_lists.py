"""Splitting of a cell that names several photos."""

from __future__ import annotations

import doctest
import json

import pytest

from shoplens.feeds.text import photo_lists
from shoplens.feeds.text.photo_lists import split_photos

A, B = "https://h.example/a.jpg", "http://h.example/b.jpg?v=1"


@pytest.mark.parametrize("between", [",", ", ", " , ", ";", "; ", "|", " | ", " ", "\n", ",\r\n", ",,"])
def test_addresses_apart(between: str) -> None:
    assert split_photos(f"{A}{between}{B}{between}") == [A, B]


@pytest.mark.parametrize("between", [",", ";", "|", ", ", "\n"])
def test_paths_apart(between: str) -> None:
    assert split_photos(f"/x/a.jpg{between}b c.PNG") == ["/x/a.jpg", "b c.PNG"]


@pytest.mark.parametrize(
    "photo",
    ["https://h.example/w_300,h_300/a.jpg", "https://h.example/a;size=1|2.jpg", "https://h.example/a b, c.jpg",
     "https://h.example/fetch/https://other.example/a.jpg", "a,b.jpg", "photo (1).jpg", "[a].jpg", "{a}.jpg",
     "//cdn.example/a.jpg", "folder; name/a.jpg"],
)  # fmt: skip
def test_a_separator_inside_one_reference_does_not_split_it(photo: str) -> None:
    assert split_photos(photo) == [photo]


@pytest.mark.parametrize(
    "text",
    [json.dumps([A, B]), json.dumps([{"url": A}, {"src": B, "tag": ["x"]}]), json.dumps([[A], None, 3, A, B]),
     f"['{A}', '{B}']", f'"{A}","{B}"', json.dumps([A, B]).replace("/", "\\/")],
)  # fmt: skip
def test_lists_as_json(text: str) -> None:
    assert split_photos(text) == [A, B]


def test_an_object_names_one_photo_and_nothing_names_none() -> None:
    assert split_photos(json.dumps({"tag": ["x"], "url": A})) == [A]
    assert [split_photos(text) for text in ("", "  ", ",;|", "[]", "{}", "[null]", '["", " "]')] == [[]] * 7
    assert split_photos("[" * 100_000) == ["[" * 100_000]


def test_entities_are_decoded_once_and_repeats_are_left_out() -> None:
    assert split_photos("https://h.example/a?x=1&amp;y=2&copy=3") == ["https://h.example/a?x=1&y=2&copy=3"]
    assert split_photos(f"{A},{B},{A}") == [A, B]


def test_examples_in_the_code_hold() -> None:
    results = doctest.testmod(photo_lists)
    assert results.attempted and not results.failed
