"""Parsing of prices in the spellings of shops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoplens.feeds.text.prices import parse_price


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$12.99", (12.99, "")),
        ("US$12.99", (12.99, "USD")),
        ("US $12.99", (12.99, "USD")),
        ("MXN $1,200.00", (1200.0, "MXN")),
        ("CA$12.99", (12.99, "CAD")),
        ("£5", (5.0, "GBP")),
        ("€ 12,99", (12.99, "EUR")),
        ("12,99 Euro", (12.99, "EUR")),
        ("Fr. 12.50", (12.5, "CHF")),
        ("R$ 129,90", (129.9, "BRL")),
        ("₹1,49,999", (149999.0, "INR")),
        ("Rs. 1,299/-", (1299.0, "")),
        ("1 299,00 kr", (1299.0, "")),
        ("49,90 zł", (49.9, "PLN")),
        ("2 990 ₽", (2990.0, "RUB")),
        ("2990 руб.", (2990.0, "RUB")),
        ("12990,- Kč", (12990.0, "CZK")),
        ("₩12,000", (12000.0, "KRW")),
        ("￥1,200", (1200.0, "JPY")),
        ("1\u202f299,00\u00a0€", (1299.0, "EUR")),
        ("CHF 12’345.50", (12345.5, "CHF")),
        ("S/ 12.90", (12.9, "PEN")),
        ("$.99", (0.99, "")),
        ("12.9900", (12.99, "")),
    ],
)
def test_signs_and_codes(text: str, expected: tuple[float, str]) -> None:
    assert parse_price(text) == expected


@pytest.mark.parametrize("text", ["12.-", "12,-", "12.–", "12.--", "12:-", "12/-"])
def test_a_dash_in_a_price_means_no_cents(text: str) -> None:
    assert parse_price(text) == (12.0, "")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.299", 1.299),
        ("1.299 EUR", 1.299),
        ("1.299 €", 1299.0),
        ("1.299,- €", 1299.0),
        ("Rp 150.000", 150000.0),
        ("150.000 ₫", 150000.0),
        ("12.990 CLP", 12990.0),
        ("1,299", 1299.0),
        ("0,299", 0.299),
        ("1299,000", 1299.0),
        ("1.234.567,89 €", 1234567.89),
        ("1,234,567.89 $", 1234567.89),
        ("1'234'567", 1234567.0),
    ],
)
def test_three_digits_after_a_separator(text: str, amount: float) -> None:
    result = parse_price(text)
    assert result is not None and result[0] == amount


@pytest.mark.parametrize(
    "text",
    ["12 99", "1 2 3", "12,,5", "12..5", "1,299.5.0", "-5.00 EUR", "(12.99)", "12-15", "12 -", "EUR", "-", ".", "N/A",
     "12 USD EUR", "1e5", "12.99 incl. VAT", ""],
)  # fmt: skip
def test_texts_without_a_price_are_no_price(text: str) -> None:
    assert parse_price(text) is None


@pytest.mark.parametrize(
    ("text", "currency"), [("12 pcs", ""), ("12 usd", "USD"), ("KSh 12", "KES"), ("12 Lek", "ALL")]
)
def test_three_letters_are_a_currency_only_where_they_name_one(text: str, currency: str) -> None:
    assert parse_price(text) == (12.0, currency)


@given(st.integers(0, 10**9), st.sampled_from(["{:,.2f}", "{:.2f}"]), st.sampled_from(["", " EUR", " kr", "€"]))
def test_amounts_with_cents_are_read_whichever_mark_is_decimal(cents: int, form: str, sign: str) -> None:
    text = form.format(cents / 100)
    swapped = text.translate(str.maketrans(",.", ".,"))
    for price in (text, swapped, swapped.replace(".", " "), swapped.replace(".", "'")):
        result = parse_price(price + sign)
        assert result is not None and result[0] == pytest.approx(cents / 100)


@given(st.text(st.sampled_from("0123456789.,' -€$krEUR/"), max_size=12))
def test_any_text_is_an_amount_or_none(text: str) -> None:
    result = parse_price(text)
    assert result is None or result[0] >= 0
