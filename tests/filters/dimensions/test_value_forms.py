"""Links, codes and article numbers, and how many values that name a class look a little like them."""

from __future__ import annotations

import pytest

from shoplens.filters.dimensions.value_forms import Form, recognize_form

LINKS = (
    *("https://shop.example/a?b=c", "HTTP://x", "//cdn.example/a", "www.shop.example", "gid://shop/Product/1"),
    *("media/m/h/mh01.jpg", "/a b/size chart.PDF", "x.webp?v=3", "C:\\photos\\a.png", "data:image/png;base64,AAAA"),
)
CODES = (
    *("40063813", "012345678905", "4006381333931", "14006381333938", "0-306-40615-2", "0 8044 2957 X"),
    *("978-3-16-148410-0", "123e4567-e89b-12d3-a456-426614174000", "d41d8cd98f00b204e9800998ecf8427e"),
)
ARTICLE_NUMBERS = ("ES009453/19", "SKU-12345", "24-WG085", "B07XJ8C8F5", "RAL9010", "CR2032", "AW2024")
CLASSES = (
    *("XL", "3XL", "501", "A4", "iPhone 12", "1/2 inch", "100% cotton", "EU 42", "v2", "E27", "GU10", "M8x40", "IP67"),
    *("USB-C 3.1", "36 2/3", "W32/L34", "1920x1080", "230V/50Hz", "120x200cm", "10-15mm", "2024/2025", "1.000.000"),
    *("Booking.com", "Node.js", "ASP.NET", ".pdf", "MP3", "St. Moritz", "a.b", "grün", "😀", "", "Wool. Silk", "5W-30"),
    *("2024-01-31", "1234567", "1-2-3-4", "deadbeefdeadbeef", "light / dark", "Marke: 3M"),
)


@pytest.mark.parametrize(
    ("form", "texts"),
    [("link", LINKS), ("code", CODES), ("article-number", ARTICLE_NUMBERS), ("other", CLASSES)],
    ids=["links", "codes", "article numbers", "classes"],
)
def test_values_are_classified_by_their_form(form: Form, texts: tuple[str, ...]) -> None:
    assert {text: recognize_form(text) for text in texts} == dict.fromkeys(texts, form)


@pytest.mark.parametrize(
    ("text", "form"), [("x1 " * 100_000, "other"), ("https://x/" + "a" * 100_000, "link"), ("1-" * 100_000, "other")]
)
def test_a_value_may_be_of_any_length(text: str, form: Form) -> None:
    assert recognize_form(text) == form
