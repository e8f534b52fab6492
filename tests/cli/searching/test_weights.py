"""Test weights from the command line and from ``shoplens.toml``, and invalid options of a search."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.cli.searching.steering import parse_weights
from shoplens.errors import InvalidValue
from tests.cli.searching.squares import product_ids, run_invalid_command, run_search


def test_weights_change_the_order_without_training(store: Path, folder: Path) -> None:
    def first_colors_and_patterns(*words: str) -> set[tuple[str, ...]]:
        answer = run_search(folder, folder / "query.png", "-k", 12, *words)
        return {tuple(product_id.split("-")[:2]) for product_id in product_ids(answer)}

    color = ("--weight", "color=1", "--weight", "look=0", "--weight", "pattern=0", "--weight", "category=0")
    assert {name for name, *_ in first_colors_and_patterns(*color)} <= {"green", "unlabeled"}
    pattern = ("--weight", "color=0", "--weight", "look=0", "--weight", "pattern=1", "--weight", "category=0")
    assert {name for _, name in first_colors_and_patterns(*pattern)} == {"striped"}


def test_weights_of_a_profile_and_a_weight_that_overrides_it(store: Path, folder: Path) -> None:
    profile = run_search(folder, folder / "query.png", "--profile", "same-colour")["weights"]
    assert (profile["pattern"], profile["shape"]) == (0, 0)
    assert profile["color"] > run_search(folder, folder / "query.png")["weights"]["color"]
    overridden = run_search(folder, folder / "query.png", "--profile", "same-colour", "--weight", "color=0")["weights"]
    assert (overridden["color"], overridden["pattern"]) == (0, 0)
    assert run_invalid_command(folder, folder / "query.png", "--profile", "gone")["code"] == "unknown-profile"
    assert run_search(folder, folder / "query.png", "--profile", "nothing")["weights"]["look"] == 0


def test_weights_are_parsed_from_texts() -> None:
    assert parse_weights(None) == parse_weights([]) == {}
    assert parse_weights(["color=3", " a=b = 0 ", "x=1e6"]) == {"color": 3, "a=b": 0, "x": 1e6}
    with pytest.raises(
        InvalidValue,
        match=r"gives 'x' the weight '1000001'\. Give a number from 0 to 1,000,000, such as x=3; 0 ignores",
    ):
        parse_weights(["x=1000001"])


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("--weight", "color"), "bad-weight", "--weight is 'color'."),
        (("--weight", "=3"), "bad-weight", "--weight is '=3'."),
        (("--weight", "color="), "bad-weight", "--weight gives 'color' the weight ''."),
        (("--weight", "color=much"), "bad-weight", "--weight gives 'color' the weight 'much'."),
        (("--weight", "color=nan"), "bad-weight", "--weight gives 'color' the weight 'nan'."),
        (("--weight", "color=-1"), "bad-weight", "--weight gives 'color' the weight '-1'."),
        (("--weight", "color=inf"), "bad-weight", "--weight gives 'color' the weight 'inf'."),
        (("--weight", "color=1", "--weight", "Color=2"), "bad-weight", "--weight names 'Color' twice."),
        (
            ("--weight", "colour=1"),
            "unknown-dimension",
            "--weight gives a weight to 'colour', and there is no such dimension.",
        ),
        (
            tuple(
                word
                for name in ("look", "object", "color", "pattern", "category", "text")
                for word in ("--weight", f"{name}=0")
            ),
            "no-weight",
            "All",
        ),
        (("--min-probability", 0.3, "--where", "color = red"), "invalid-value", "The probability is 0.3."),
        (("--min-probability", "nan", "--where", "color = red"), "invalid-value", "The probability is nan."),
        (("--min-probability", 0.8), "no-condition", "--min-probability is given without --where"),
        (("--like", "red-plain-0"), "conflicting-query", "Both the photo"),
        (("--color", ""), "invalid-value", "--color is empty."),
        (("--profile", " "), "invalid-value", "--profile is empty."),
        (
            ("--weight", "color=2", "--strategy", "pretrained"),
            "needs-filters",
            "The strategy pretrained has one dimension",
        ),
    ],
)
def test_invalid_options_are_errors_with_a_code(
    store: Path, folder: Path, words: tuple[object, ...], code: str, problem: str
) -> None:
    error = run_invalid_command(folder, folder / "query.png", *words)
    assert error["code"] == code
    assert error["problem"].startswith(problem)
