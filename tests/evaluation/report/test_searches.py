from pathlib import Path

import numpy as np

from shoplens.evaluation.report.searches import ShownSearch, write_search_report
from shoplens.types import Answer, Pixels, Product, Result

HOODIE = Product("h1", "Green <b>hoodie</b>", ("/h1.jpg",), price=52.0, currency="EUR", group_id="h")
OTHER = Product("h2", "Red hoodie", ("/h2.jpg",), group_id="h", attributes={"color": ("red",), "size": ("S", "M")})
SHIRT = Product("s1", "Shirt", ("/s1.jpg",), attributes={"note": ("x" * 100,)})


def answer(*products: Product) -> Answer:
    results = [
        Result(rank, product, 0.9 - rank / 10, product.photos[0], {"look": 0.9 - rank / 10})
        for rank, product in enumerate(products, 1)
    ]
    return Answer("q", "/query.jpg", None, "m", "pretrained", results, {"total": 12.3})


def page(tmp_path: Path, *searches: ShownSearch) -> tuple[str, list[str]]:
    asked: list[str] = []

    def picture(source: str) -> Pixels:
        asked.append(source)
        return np.full((30, 20, 3), 128, np.uint8)

    write_search_report(tmp_path / "report.html", "A & B", ["417 products."], searches, picture)
    return (tmp_path / "report.html").read_text("utf-8"), asked


def test_the_page_names_everything_and_loads_nothing(tmp_path: Path) -> None:
    text, asked = page(tmp_path, ShownSearch(answer(OTHER, HOODIE, SHIRT), "phone photo", HOODIE, 2))
    assert sorted(asked) == ["/h1.jpg", "/h2.jpg", "/query.jpg", "/s1.jpg"]
    assert "A &amp; B" in text
    assert "found at rank 2" in text
    assert text.count("this is it") == text.count("same design, other variant") == 1
    assert "52.00 EUR" in text
    assert "http" not in text
    assert "<script" not in text


def test_text_from_a_feed_is_text(tmp_path: Path) -> None:
    text, _ = page(tmp_path, ShownSearch(answer(HOODIE), "x"))
    assert "<b>hoodie" not in text
    assert "&lt;b&gt;hoodie" in text
    assert "x" * 100 not in text


def test_a_miss_shows_what_was_looked_for(tmp_path: Path) -> None:
    text, asked = page(tmp_path, ShownSearch(answer(SHIRT), "x", HOODIE, None))
    assert "not among these" in text
    assert "/h1.jpg" in asked


def test_no_results_and_no_searches(tmp_path: Path) -> None:
    assert "<section>" in page(tmp_path, ShownSearch(answer(), "x"))[0]
    assert "<section>" not in page(tmp_path)[0]
