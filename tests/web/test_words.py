"""The field for words on the page: chips say what was understood, and can be taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.web.test_page import product_ids, take_screenshot, upload, wait_for_answer


def say(page: Any, text: str) -> None:
    """Write into the field for words, send it, and wait for the answer."""
    page.fill("#wish", text)
    with page.expect_response("**/v1/search"):
        page.locator("#words button[type=submit]").click()
    wait_for_answer(page)


def chips(page: Any) -> list[str]:
    return [chip.inner_text().replace("\n", " ") for chip in page.locator(".chip").all()]


def prices(page: Any) -> list[float]:
    texts = page.locator(".card .price").all_inner_texts()
    return [float("".join(letter for letter in text if letter.isdigit() or letter == ".")) for text in texts]


def test_words_alone_search_and_each_can_be_taken_back(page: Any) -> None:
    say(page, "red, under 40, flurbel")
    assert len(product_ids(page)) > 0 and max(prices(page)) < 40
    kinds = [chip.get_attribute("class") for chip in page.locator(".chip").all()]
    assert kinds == ["chip wanted", "chip condition", "chip unknown"]
    assert "price < 40" in chips(page)[1] and "not understood" in chips(page)[2]
    with page.expect_response("**/v1/search"):
        page.get_by_label("Take back “under 40”").click()
    wait_for_answer(page)
    assert page.input_value("#wish") == "red, flurbel" and len(chips(page)) == 2
    with page.expect_response("**/v1/search"):
        page.get_by_label("Take back “flurbel”").click()
    wait_for_answer(page)
    page.get_by_label("Take back “red”").click()
    page.locator(".card").first.wait_for(state="detached")
    assert page.input_value("#wish") == "" and chips(page) == []


def test_words_steer_a_photo_without_another_upload_and_a_link_keeps_them(page: Any, drawn_shop: Path) -> None:
    sent: list[str] = []
    page.on("request", lambda call: sent.append(call.headers["content-type"]) if "/v1/search" in call.url else None)
    upload(page, drawn_shop / "query.jpg")
    before = product_ids(page)
    say(page, "in blue")
    assert product_ids(page) != before and chips(page)[0].startswith("blue")
    assert sent[0].startswith("multipart/") and sent[1:] == ["application/json"]
    results = product_ids(page)
    restored = page.context.new_page()
    restored.goto(page.url)
    wait_for_answer(restored)
    assert product_ids(restored) == results and restored.input_value("#wish") == "in blue"
    with page.expect_response("**/v1/search"):
        page.get_by_label("Take back “blue”").click()
    wait_for_answer(page)
    assert product_ids(page) == before and chips(page) == []


def test_a_link_of_words_alone_searches_again_and_unknown_words_are_reported(page: Any) -> None:
    say(page, "blue")
    restored = page.context.new_page()
    restored.goto(page.url)
    wait_for_answer(restored)
    assert product_ids(restored) == product_ids(page)
    page.fill("#wish", "flurbel")
    page.locator("#words button[type=submit]").click()
    page.locator(".problem").wait_for()
    assert "known in this shop" in page.locator("#status").inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_chips_fit_the_screen(browser: Any, address: str, drawn_shop: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(address)
    page.locator(".slider").first.wait_for(state="attached")
    upload(page, drawn_shop / "query.jpg")
    say(page, "in blue, not striped, under 80, with flurbelwurbelgurbelnurbelhurbel")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.locator("button:visible, .button:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height).filter((height) => height < 40).length"
    )
    assert small == 0 and len(chips(page)) >= 3
    take_screenshot(page, f"words-{width}")
    context.close()
