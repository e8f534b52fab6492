"""Every photo, thing, filter and product is an entry of the history; links and reloads restore a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.web.pages import CARDS, SearchPage


def go_back(page: SearchPage, times: int = 1) -> None:
    for _ in range(times):
        page.page.go_back()
        page.page.wait_for_timeout(60)


def test_back_restores_each_step_with_its_place_and_without_another_search(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.find(".spot").first.click()
    page.settle()
    things = page.ids()
    page.find("label.tick").first.locator("input").click()
    page.settle()
    ticked = page.ids()
    page.page.evaluate("window.scrollTo(0, 300)")
    page.page.wait_for_timeout(250)
    place = page.page.evaluate("window.scrollY")
    page.find(CARDS).nth(1).locator(".similar").click()
    page.settle()
    liked, sent = page.ids(), len(page.searches)
    assert page.find(".strip p").inner_text().startswith("Like")
    go_back(page)
    page.find(".chip").wait_for()
    assert page.ids() == ticked != liked
    assert page.page.evaluate("window.scrollY") == place > 0
    go_back(page)
    page.find(".chip").wait_for(state="detached")
    assert page.ids() == things and page.find('.spot[aria-pressed="true"]').count() == 1
    go_back(page)
    page.find('.spot[aria-pressed="false"]').wait_for()
    assert page.find(".frame").count() == 0
    go_back(page)
    page.find(".start").wait_for()
    page.page.go_forward()
    page.find(CARDS).first.wait_for()
    assert len(page.searches) == sent, "no step was searched for again"


def test_a_reload_shows_the_photo_and_its_results(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.say("in blue")
    before = page.ids()
    page.page.reload()
    page.find(CARDS).first.wait_for()
    assert page.ids() == before and len(page.chips()) == 1
    assert page.find(".strip img").evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 100
    assert page.searches[-1] != "", "the photo was not sent again"


def test_a_link_works_for_others_without_the_photo(page: SearchPage, browser: Any, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    before = page.ids()
    page.button("Copy a link to this search").click()
    page.find(".foot-row [role=alert]").filter(has_text="does not contain your photo").wait_for()
    link = page.page.evaluate("navigator.clipboard.readText()")
    context = browser.new_context()
    other = SearchPage(context.new_page())
    other.page.goto(link)
    other.find(CARDS).first.wait_for()
    assert other.ids() == before and "somebody sent you" in other.find(".strip").inner_text()
    context.close()


def test_where_pages_may_not_copy_the_link_is_shown(page: SearchPage, drawn_shop: Path) -> None:
    page.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.upload(drawn_shop / "query.jpg")
    shown: list[str] = []
    page.page.on("dialog", lambda dialog: (shown.append(dialog.default_value), dialog.dismiss()))
    page.button("Copy a link to this search").click()
    page.button("Copy a link to this search").wait_for()
    assert len(shown) == 1 and "#" in shown[0] and "photo=" not in shown[0]


def test_a_link_to_a_product_works_in_a_loaded_tab(page: SearchPage) -> None:
    page.page.evaluate("location.hash = 'like=SL-00001'")
    page.find(CARDS).first.wait_for()
    page.find(".strip img").wait_for()
    first = page.ids()
    page.page.evaluate("location.hash = 'like=SL-00012'")
    page.page.wait_for_function("document.querySelector('main').shadowRoot.querySelector('.strip p')")
    page.find(f'{CARDS}:not([data-product="{first[0]}"])').first.wait_for()
    go_back(page)
    page.find(f'{CARDS}[data-product="{first[0]}"]').wait_for()
    assert page.ids() == first


def test_an_expired_link_says_so(page: SearchPage) -> None:
    page.page.evaluate("location.hash = 'query=0123456789abcdef0123456789abcdef'")
    page.find(".said").filter(has_text="This search has expired. Please choose the photo again.").wait_for()
    assert page.button("Choose a photo").is_visible()
