"""Words on the command line: what they find, and the line that says how they were read."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.cli.searching.answer import describe_words
from shoplens.types import WordMeaning
from tests.cli.searching.squares import product_ids, run_invalid_command, run_search


def test_words_alone_and_with_a_photo_find_what_they_say(store: Path, folder: Path) -> None:
    answer = run_search(folder, "--text", "rot und gestreift, kein flurbel", "-k", 3)
    assert {tuple(name.split("-")[:2]) for name in product_ids(answer)} == {("red", "striped")}
    assert [(one["words"], one["kind"]) for one in answer["words"]] == [
        ("rot", "wanted"),
        ("gestreift", "wanted"),
        ("kein flurbel", "unknown"),
    ]
    assert answer["words"][0]["classes"]["color"] and (answer["words"][0]["start"], answer["words"][0]["end"]) == (0, 3)
    with_photo = run_search(folder, folder / "query.png", "--text", "red", "-k", 3)
    assert {name.split("-")[0] for name in product_ids(with_photo)} == {"red"}
    assert run_search(folder, folder / "query.png", "-k", 3)["words"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--text", "flurbel"), "not-understood"),
        (("--text", " "), "invalid-value"),
        (("--text", "red", "--strategy", "pretrained"), "needs-filters"),
        (("--text", "red", "--color", "blue"), "conflicting-query"),
        (("--text", "red " * 200), "invalid-value"),
    ],
)
def test_words_that_cannot_be_used_are_errors(store: Path, folder: Path, words: tuple[str, ...], code: str) -> None:
    assert run_invalid_command(folder, *words)["code"] == code


def test_a_line_says_how_each_word_was_read() -> None:
    meanings = [
        WordMeaning("nicht rto", 0, 9, "unwanted", {"color": {"Red": 0.7, "Dark Red": 0.3}}, "", "red", "rot"),
        WordMeaning("unter 40", 10, 18, "condition", condition="price < 40"),
        WordMeaning("teal", 19, 23, "wanted", color="turquoise"),
        WordMeaning("boho", 24, 28, "caption"),
        WordMeaning("x", 29, 30, "unknown"),
    ]
    assert describe_words(meanings) == (
        'Words: "nicht rto": not color Red or Dark Red (read as "rot"); "unter 40": price < 40; '
        '"teal": colour turquoise; "boho": what photos show. Not understood: "x".'
    )
    assert describe_words(meanings[4:]) == 'Not understood: "x".'
