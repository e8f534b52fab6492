"""Parsing of availability."""

from __future__ import annotations

import doctest
from unicodedata import normalize

import pytest

from shoplens.feeds.text import availability
from shoplens.feeds.text.availability import parse_availability


@pytest.mark.parametrize(
    "text",
    ["in stock", "In_Stock", "IN-STOCK", "https://schema.org/InStock", "http://schema.org/LimitedAvailability",
     "schema:InStock", "https://schema.org/OnlineOnly", "available for order", "instock", "yes", "true", "Auf Lager",
     "en stock", "disponibile", "в наличии", "På lager", "在庫あり", "1", "12.0", "12,5", "1,000", "10+", "> 10",
     "In stock (5)", "5 in stock"],
)  # fmt: skip
def test_in_stock(text: str) -> None:
    assert parse_availability(text) is True


@pytest.mark.parametrize(
    "text",
    ["out of stock", "OutOfStock", "https://schema.org/SoldOut", "http://schema.org/Discontinued",
     "schema.org/BackOrder", "PreOrder", "https://schema.org/PreSale", "onbackorder", "MadeToOrder", "no", "false",
     "nicht auf Lager",
     "Rupture de stock", "épuisé", "epuise", "agotado", "нет в наличии", "0", "0.0", "0,00", "-3", "0 in stock"],
)  # fmt: skip
def test_out_of_stock(text: str) -> None:
    assert parse_availability(text) is False


@pytest.mark.parametrize("text", ["maybe", "?", "", "nan", "inf", "only sometimes", "x" * 9_000, "9" * 9_000 + "x"])
def test_anything_else_is_left_open(text: str) -> None:
    assert parse_availability(text) is None


@pytest.mark.parametrize("text", ["épuisé", "verfügbar", "в наявності", "在庫あり"])
def test_accents_may_be_written_in_either_form(text: str) -> None:
    assert parse_availability(normalize("NFD", text)) is parse_availability(normalize("NFC", text)) is not None


def test_no_word_means_both_in_stock_and_out_of_stock() -> None:
    words = [
        {availability._key(word) for word in spellings.replace("\n", " ").split("|")}
        for spellings in (availability.IN_STOCK, availability.OUT_OF_STOCK)
    ]
    assert not words[0] & words[1] and "" not in words[0] | words[1]


def test_examples_in_the_code_hold() -> None:
    results = doctest.testmod(availability)
    assert results.attempted and not results.failed
