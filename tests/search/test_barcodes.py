"""A barcode in the query photo: its product comes first, and no other product is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.ranking.verdict import Judgement
from shoplens.reading.barcodes import Barcode
from shoplens.search.barcode_answers import BarcodeMatches, judge_barcodes
from shoplens.settings import Settings
from shoplens.store.store import Store
from shoplens.types import Answer, Product, Query, Region, Result, Verdict
from tests.code_photos import EAN, OTHER_EAN, draw_code, draw_wrong_ean_8, photo_with_code
from tests.fakes import BLUE, GREEN, RED, WHITE, ColourEmbedder, feed_of, photo, row

SETTINGS = Settings(threads=1)
SHARED, BOOK, SHORT, UNKNOWN = "9520000000011", "9783161484100", "042100005264", "9529999999993"
GROUNDS = {"red": RED, "green": GREEN, "blue": BLUE, "white": WHITE, "shared-1": (90, 0, 0), "shared-2": (0, 90, 0)}
IDENTIFIERS: dict[str, list[Any]] = {
    "red": [EAN, "MPN-1"],
    "green": [OTHER_EAN],
    "blue": ["978-3-16-148410-0"],
    "white": ["04252614"],
    "shared-1": [SHARED],
    "shared-2": [f"0{SHARED}"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write and index six products; each is told by its colour and its barcode, and two share a barcode."""
    folder = tmp_path_factory.mktemp("coded")
    for number, (name, color) in enumerate(GROUNDS.items()):
        photo(folder / f"{name}.png", color, (12 + number, 8))
    rows = [
        row(name, identifiers=codes, price=10.0 + number, in_stock=name != "red")
        for number, (name, codes) in enumerate(IDENTIFIERS.items())
    ]
    feed = feed_of(folder / "feed.jsonl", rows)
    shop, summary = Shop.index(feed, folder / "store", embedder=ColourEmbedder(), settings=SETTINGS)
    assert (summary.products, summary.rejected) == (6, 0)
    shop.close()
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    with Shop(folder / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        yield shop


def first(answer: Answer) -> tuple[str, str, str]:
    """Return the first result's id and barcode, and the verdict."""
    return answer.results[0].product.id, answer.results[0].barcode, answer.verdict


@pytest.mark.parametrize("strategy", ["pretrained", "filters-static"])
def test_the_product_with_the_barcode_comes_first_however_it_looks(shop: Shop, tmp_path: Path, strategy: str) -> None:
    query = photo_with_code(tmp_path / "q.png", GREEN, draw_code(EAN))
    answer = shop.search(query, strategy=strategy)
    assert first(answer) == ("red", EAN, "exact")
    assert answer.results[0].match_probability == 1.0
    assert answer.barcodes == (EAN,) and answer.notes == ()
    assert answer.results[1].product.id == "green" and answer.results[1].barcode == ""
    assert "scan" in answer.took_ms


@pytest.mark.parametrize(
    ("content", "kind", "product", "text"),
    [
        (BOOK, "EAN13", "blue", BOOK),
        (SHORT, "UPCA", "white", SHORT),
        ("04252614", "UPCE", "white", SHORT),
        (f"https://id.example.com/01/0{EAN}/21/7", "QRCode", "red", EAN),
    ],
)
def test_codes_and_feeds_may_write_a_number_differently(
    shop: Shop, tmp_path: Path, content: str, kind: str, product: str, text: str
) -> None:
    answer = shop.search(photo_with_code(tmp_path / "q.png", GREEN, draw_code(content, kind)))
    assert first(answer) == (product, text, "exact")


def test_an_unknown_barcode_is_told_and_the_look_decides(shop: Shop, tmp_path: Path) -> None:
    answer = shop.search(photo_with_code(tmp_path / "q.png", GREEN, draw_code(UNKNOWN)))
    assert first(answer) == ("green", "", "uncalibrated")
    assert answer.notes == (f"No product has the barcode {UNKNOWN} that is in the photo.",)


def test_a_wrong_check_digit_is_told_and_the_look_decides(shop: Shop, tmp_path: Path) -> None:
    answer = shop.search(photo_with_code(tmp_path / "q.png", GREEN, draw_wrong_ean_8("96385075")))
    assert first(answer) == ("green", "", "uncalibrated")
    assert "96385075" in answer.notes[0] and "check digit is wrong" in answer.notes[0]


def test_a_barcode_of_two_products_proves_neither(shop: Shop, tmp_path: Path) -> None:
    answer = shop.search(photo_with_code(tmp_path / "q.png", GREEN, draw_code(SHARED)))
    assert [one.product.id for one in answer.results[:2]] == ["shared-2", "shared-1"]
    assert {one.barcode for one in answer.results[:2]} == {SHARED} and answer.verdict == "uncalibrated"
    assert answer.notes == (f"2 products have the barcode {SHARED} that is in the photo: shared-1, shared-2.",)
    narrowed = shop.search(tmp_path / "q.png", where="id = shared-1")
    assert first(narrowed) == ("shared-1", SHARED, "uncalibrated")  # the other one was left out by choice


def test_two_barcodes_prove_none_to_be_what_was_meant(shop: Shop, tmp_path: Path) -> None:
    answer = shop.search(photo_with_code(tmp_path / "q.png", BLUE, draw_code(EAN), draw_code(OTHER_EAN)))
    assert {one.product.id for one in answer.results[:2]} == {"red", "green"}
    assert answer.verdict == "uncalibrated" and len(answer.notes) == 2


def test_conditions_are_obeyed(shop: Shop, tmp_path: Path) -> None:
    query = photo_with_code(tmp_path / "q.png", GREEN, draw_code(EAN))
    for answer in (shop.search(query, where="price > 10"), shop.search(query, sold_out="hide")):
        assert first(answer) == ("green", "", "uncalibrated")
        assert "red" not in {one.product.id for one in answer.results} and EAN in answer.notes[0]
    assert "does not meet the condition" in shop.search(query, where="price > 10").notes[0]
    last = shop.search(query, sold_out="last")
    assert (last.results[-1].product.id, last.results[-1].barcode, last.verdict) == ("red", EAN, "uncalibrated")


def test_a_region_is_read_alone(shop: Shop, tmp_path: Path) -> None:
    query = photo_with_code(tmp_path / "q.png", GREEN, draw_code(EAN))
    assert first(shop.search(query, region=Region(0, 0, 480, 800))) == ("green", "", "uncalibrated")
    assert first(shop.search(query, region=Region(500, 0, 500, 400))) == ("red", EAN, "exact")


def test_an_equal_photo_comes_after_the_barcode(shop: Shop, folder: Path, tmp_path: Path) -> None:
    query = photo_with_code(tmp_path / "q.png", WHITE, draw_code(EAN))
    answer = shop.search([query, folder / "green.png"])
    assert [(one.product.id, one.same_photo) for one in answer.results[:2]] == [("red", False), ("green", True)]


def test_an_encoded_photo_keeps_its_barcode(shop: Shop, tmp_path: Path) -> None:
    query = Query(str(photo_with_code(tmp_path / "q.png", GREEN, draw_code(EAN))))
    encoded = shop.search_encoded(query)[1]
    assert encoded is not None and [code.text for code in encoded.barcodes] == [EAN]
    assert first(shop.search_encoded(query, encoded)[0]) == ("red", EAN, "exact")


def test_what_was_read_is_not_on_disk(shop: Shop, folder: Path, tmp_path: Path) -> None:
    shop.search(photo_with_code(tmp_path / "q.png", GREEN, draw_code(UNKNOWN)))
    written = [path for path in (folder / "store").rglob("*") if path.is_file()]
    assert written and not [path for path in written if UNKNOWN.encode() in path.read_bytes()]


def test_a_product_without_the_identifiers_of_newer_stores_is_found_by_its_id(tmp_path: Path) -> None:
    photo(tmp_path / "a.png", RED, (12, 8))
    feed = feed_of(tmp_path / "feed.jsonl", [row(EAN, "a.png")])
    with Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0] as shop:
        assert first(shop.search(photo_with_code(tmp_path / "q.png", GREEN, draw_code(EAN)))) == (EAN, EAN, "exact")
    Store(tmp_path / "store", lock_wait=0.0).close()


def result_of(identifiers: tuple[str, ...], barcode: str = "", same_photo: bool = False) -> Result:
    product = Product("p", "P", ("/p.png",), identifiers=identifiers)
    return Result(1, product, 0.9, "/p.png", {"look": 0.9}, same_photo, 0.97, barcode=barcode)


def test_the_look_is_not_believed_against_the_barcode() -> None:
    unknown, known = Barcode(UNKNOWN, f"0{UNKNOWN}"), Barcode(EAN, f"0{EAN}")

    def verdict(result: Result, code: Barcode, products: dict[str, tuple[str, ...]], said: Verdict = "exact") -> str:
        return judge_barcodes(Judgement([result], said, 0.1), BarcodeMatches((code,), products)).verdict

    assert verdict(result_of((OTHER_EAN,)), unknown, {}) == "similar"  # its feed says another number
    assert verdict(result_of(("SKU-1",)), unknown, {}) == "exact"  # its feed says none
    assert verdict(result_of((OTHER_EAN,), same_photo=True), unknown, {}) == "exact"  # it is this photo
    assert verdict(result_of((OTHER_EAN,)), known, {known.gtin: ("other",)}) == "similar"  # the other one is left out
    assert verdict(result_of((EAN,), EAN), known, {known.gtin: ("p",)}, "not-in-catalogue") == "exact"
    assert verdict(result_of((EAN,), EAN), known, {known.gtin: ("other", "p")}, "not-in-catalogue") == "similar"
    absent = judge_barcodes(
        Judgement([result_of((EAN,), EAN)], "similar", 0.4), BarcodeMatches((known,), {"0": ("p",)})
    )
    assert absent.absent_probability == 0.0 and absent.results[0].match_probability == 1.0
    nothing = Judgement([], "similar", None)
    assert judge_barcodes(nothing, BarcodeMatches((known,), {})) is nothing
