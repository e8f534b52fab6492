"""Trade numbers: check digits, one form for all ways of writing, and the ways in which feeds write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoplens.types.gtin import (
    check_digit,
    expand_upc_e,
    format_gtin,
    gtin_forms,
    normalize_gtin,
    strip_gtin_separators,
)

BODIES = st.integers(1, 10**13 - 1).map(lambda number: str(number).zfill(13))


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("4006381333931", "04006381333931"),
        (" 4 006381 333931 ", "04006381333931"),
        ("978-3-16-148410-0", "09783161484100"),
        ("042100005264", "00042100005264"),
        ("96385074", "00000096385074"),
        ("14006381333938", "14006381333938"),
        ("4006381333932", ""),
        ("400638133393", ""),
        ("0000000000000", ""),
        ("٤006381333931", ""),
        ("A006381333931", ""),
        ("", ""),
    ],
)
def test_a_number_has_one_form_or_is_none(text: str, gtin: str) -> None:
    assert normalize_gtin(text) == gtin


@given(BODIES)
def test_every_form_of_a_number_names_it(body: str) -> None:
    gtin = f"{body}{check_digit(body)}"
    assert normalize_gtin(gtin) == gtin
    forms = gtin_forms(gtin)
    assert forms[0] == gtin and format_gtin(gtin) in forms and len(set(forms)) == len(forms)
    for form in forms:
        if len(form) in (12, 13, 14):
            assert normalize_gtin(form) == gtin


@given(st.sampled_from("01"), st.integers(0, 999_999), st.integers(0, 9))
def test_a_short_upc_stands_for_the_long_one(system: str, middle: int, check: int) -> None:
    short = f"{system}{middle:06}{check}"
    long = expand_upc_e(short)
    assert (len(long), long[0], long[-1]) == (12, system, str(check))
    if system == "0" and normalize_gtin(long):
        short_forms = [form for form in gtin_forms(normalize_gtin(long)) if len(form) == 8 and form[0] == "0"]
        assert any(expand_upc_e(form) == long for form in short_forms)


def test_what_is_no_short_upc_stands_for_nothing() -> None:
    assert [expand_upc_e(text) for text in ("24252614", "0425261", "x4252614")] == ["", "", ""]


def test_a_book_is_found_by_its_isbn_of_ten_characters() -> None:
    assert "080442957X" in gtin_forms(normalize_gtin("9780804429573"))


def test_spaces_and_hyphens_go_from_numbers_alone() -> None:
    assert strip_gtin_separators("978-3-16-148410-0") == "9783161484100"
    assert strip_gtin_separators("AB-12 345") == ""
