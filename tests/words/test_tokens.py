"""Words are compared without letter case, accents, endings and usual mistakes."""

from __future__ import annotations

import pytest

from shoplens.words.tokens import nearest_word, stem, tokenize, typing_distance, word_keys


def test_a_token_knows_its_place_in_the_text() -> None:
    text = "Größe 38,5: l'été < 1 299 €"
    assert [(token.key, text[token.start : token.end]) for token in tokenize(text)] == [
        ("grosse", "Größe"),
        ("38,5", "38,5"),
        ("l", "l"),
        ("ete", "été"),
        ("<", "<"),
        ("1 299", "1 299"),
        ("€", "€"),
    ]
    assert tokenize("") == [] and word_keys("&") == ("&",)


@pytest.mark.parametrize(
    "forms",
    [
        ("hose", "hosen"),
        ("dress", "dresses"),
        ("rot", "rote", "rotes", "roten", "roter", "rotem"),
        ("noir", "noire", "noirs", "noires"),
        ("skirt", "skirts"),
        ("bluse", "blusen"),
    ],
)
def test_forms_of_a_word_have_one_stem(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize(
    ("left", "right", "distance"), [("a", "a", 0), ("ab", "ba", 1), ("ab", "", 2), ("abc", "axyc", 2)]
)
def test_the_distance_counts_single_mistakes(left: str, right: str, distance: int) -> None:
    assert typing_distance(left, right, 5) == typing_distance(right, left, 5) == distance
    assert typing_distance(left, right, 0) == (0 if distance == 0 else 1)


def test_a_misspelled_word_is_read_only_where_one_known_word_is_near() -> None:
    known = ["skirt", "shirt", "trousers", "trouser", "cushion", "black", "blau"]
    assert nearest_word("cushoin", known) == "cushion"
    assert nearest_word("truosres", known) == "trousers"
    assert nearest_word("blak", known) == "black"
    assert nearest_word("skrit", known) == "skirt"
    assert nearest_word("sirt", known) == "", "too short"
    assert nearest_word("sxirt", known) == "", "a wrong letter of five"
    assert nearest_word("shirt", ["shirts", "skirts", "skirt"]) == "shirts"
    assert nearest_word("cushizn", ["cushion", "cushian"]) == "", "two words are near"
    assert nearest_word("wool", known) == ""
