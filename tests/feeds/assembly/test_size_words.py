"""Recognition of size attributes, and texts without sizes."""

from __future__ import annotations

import doctest

import pytest

from shoplens.feeds.assembly import size_words
from shoplens.feeds.assembly.size_words import is_size, remove_from_title, remove_values, size_values


@pytest.mark.parametrize(
    "name",
    ["size", "Size", "SIZES", "shoe_size", "Size:", "Größe", "GRÖSSE", "Konfektionsgröße", "taille", "Talla", "tamanho",
     "taglia", "maat", "storlek", "størrelse", "rozmiar", "velikost", "méret", "beden", "Размер",
     "サイズ", "尺码", "사이즈"],
)  # fmt: skip
def test_words_for_sizes_are_recognised(name: str) -> None:
    assert is_size(name)


@pytest.mark.parametrize("name", ["", "color", "size_type", "size_system", "sizeable", "capsize", "Farbe", "123", "_"])
def test_other_words_are_no_sizes(name: str) -> None:
    assert not is_size(name)


def test_the_sizes_among_attributes_are_text() -> None:
    assert size_values({"color": ["Red"], "size": ["M", 38], "Größe": ["L"]}) == ("M", "38", "L")


@pytest.mark.parametrize(
    ("title", "size", "expected"),
    [
        ("Hoodie Größe M", "M", "Hoodie"),
        ("M Hoodie", "M", "Hoodie"),
        ("Hoodie - M", "M", "Hoodie"),
        ("Hoodie (M)", "M", "Hoodie"),
        ("Hoodie, size: m", "M", "Hoodie"),
        ("Hoodie [Taglia M] schwarz", "M", "Hoodie schwarz"),
        ("Schuh 36,5 EU rot", "36,5 EU", "Schuh rot"),
        ("M&M Hoodie M", "M", "M&M Hoodie"),
        ("XL Hoodie", "L", "XL Hoodie"),
        ("M", "M", "M"),
        ("Hoodie", "M", "Hoodie"),
        ("Hoodie", "", "Hoodie"),
        ("Hoodie (M", "(M", "Hoodie"),
    ],
)
def test_a_title_without_its_size(title: str, size: str, expected: str) -> None:
    assert remove_from_title(title, [size] if size else []) == expected


def test_texts_of_two_sizes_agree_after_removing_the_size() -> None:
    for sizes_of_product in [("M", "L"), ("36", "37,5"), ("(S)", "(M)")]:
        for form in ("{} Hoodie", "Hoodie {}", "M&S Hoodie {}", "{} Hoodie by L", "Hoodie"):
            texts = [remove_values(form.format(size), [size]) for size in sizes_of_product]
            assert any(first == second for first, second in zip(*texts, strict=True)), (form, sizes_of_product)


def test_examples_in_the_code_hold() -> None:
    results = doctest.testmod(size_words)
    assert results.attempted and not results.failed
