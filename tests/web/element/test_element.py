"""The element on a shop's page of another origin: as a dialog, in the page, and on product pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.web.element.shop_site import ShopSite
from tests.web.pages import CARDS, DESK

WEB = Path(__file__).parents[3] / "src/shoplens/web"
MOST_COLD_BYTES, MOST_BYTES = 16_000, 30_000


@contextmanager
def shop_page(browser: Any, site: ShopSite, service: str, markup: str) -> Iterator[Any]:
    """Open a page of the shop with this markup and a strict content security policy, which must cause no error."""
    context = browser.new_context(**DESK)
    page = context.new_page()
    page.set_default_timeout(8_000)
    problems: list[str] = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    site.show(service, markup)
    try:
        page.goto(site.origin)
        yield page
        assert [problem for problem in problems if not problem.startswith("Failed to load resource")] == []
    finally:
        context.close()


def wait_until(page: Any, condition: str) -> None:
    """Wait for a condition in the page, whose security policy forbids Playwright's own way."""
    page.evaluate(f"async () => {{ while (!({condition})) await new Promise(requestAnimationFrame) }}")


def search_in_dialog(page: Any, drawn_shop: Path) -> None:
    """Open the dialog, search by a photo, and wait for the first result."""
    page.get_by_role("button", name="Search by photo").click()
    page.locator("input[type=file]").set_input_files(drawn_shop / "query.jpg")
    page.locator(CARDS).first.wait_for()


def test_the_dialog_searches_and_tells_what_happens(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    markup = f'<shoplens-search endpoint="{address}" results="5"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        search_in_dialog(page, drawn_shop)
        assert page.locator(CARDS).count() == 5
        assert page.locator(f"{CARDS} img").first.evaluate("picture => picture.decode().then(() => true)")
        page.evaluate("addEventListener('shoplens-select', (event) => event.preventDefault())")
        page.locator(f"{CARDS}:has(a.open)").first.click(position={"x": 9, "y": 9})
        page.keyboard.press("Escape")
        page.locator("dialog.overlay").wait_for(state="hidden")
        # A browser tells this event after the dialog is hidden.
        is_told = "events.some(([name]) => name === 'close')"
        page.evaluate(f"async () => {{ while (!{is_told}) await new Promise(requestAnimationFrame) }}")
        names = page.evaluate("events.map(([name]) => name)")
        assert names == ["open", "search", "results", "select", "close"] and page.url == f"{shop_site.origin}/"
        assert len(page.evaluate("events[2][1].answer.results")) == 5


def test_the_dialog_finds_its_search_again_after_a_product_and_after_a_reload(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    """Back to a page that the browser did not keep alive; another visit of the page begins anew."""
    markup = f'<shoplens-search endpoint="{address}" results="24"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        search_in_dialog(page, drawn_shop)
        first, last = (page.locator(f"{CARDS} h3").nth(place).inner_text() for place in (0, 9))
        scroll = page.locator("dialog .scroll").evaluate("one => { one.scrollTop = 300; return one.scrollTop }")
        wait_until(page, "Object.keys(sessionStorage).some((name) => name.startsWith('shoplens-photo-'))")
        for show_again in (page.reload, page.go_back):
            if show_again == page.go_back:
                page.goto(f"{shop_site.origin}/product")
                page.get_by_role("button", name="Search by photo").wait_for()
                assert not page.locator("dialog.overlay").is_visible()
            show_again()
            page.locator(CARDS).nth(9).wait_for()
            assert [page.locator(f"{CARDS} h3").nth(place).inner_text() for place in (0, 9)] == [first, last]
            assert page.locator(".strip img").is_visible()
            place = "document.querySelector('shoplens-search').shadowRoot.querySelector('.scroll').scrollTop"
            wait_until(page, f"{place} === {scroll}")
        page.keyboard.press("Escape")
        wait_until(page, "events.some(([name]) => name === 'close')")
        page.reload()
        page.get_by_role("button", name="Search by photo").wait_for()
        assert not page.locator("dialog.overlay").is_visible()


def test_more_like_this_begins_at_the_top_and_leads_back_to_the_photo(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    """The browser's Back would leave the shop's page."""
    with shop_page(browser, shop_site, address, f'<shoplens-search endpoint="{address}"></shoplens-search>') as page:
        search_in_dialog(page, drawn_shop)
        first = page.locator(f"{CARDS} h3").first.inner_text()
        page.locator(f"{CARDS} .similar").last.click()
        page.locator(".likeness").wait_for()
        assert page.locator("dialog .scroll").evaluate("one => one.scrollTop") == 0
        page.get_by_role("button", name="Back", exact=True).click()
        page.locator(".strip img[alt='Your photo']").wait_for()
        assert page.locator(f"{CARDS} h3").first.inner_text() == first


@pytest.mark.parametrize(("scheme", "ground"), [("", "rgb(20, 20, 18)"), ("light", "rgb(251, 250, 248)")])
def test_the_whole_dialog_has_a_ground_which_may_be_light_for_all(
    browser: Any, shop_site: ShopSite, address: str, scheme: str, ground: str
) -> None:
    """In a browser that prefers dark pages; the start is shorter than the dialog."""
    markup = f'<shoplens-search endpoint="{address}" scheme="{scheme}"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        page.emulate_media(color_scheme="dark")
        page.get_by_role("button", name="Search by photo").click()
        page.get_by_text("Find it with a photo").wait_for()
        panel = page.locator("dialog.overlay")
        assert panel.evaluate("one => getComputedStyle(one).backgroundColor") == ground
        assert panel.locator(".scroll > .app").evaluate("one => getComputedStyle(one).backgroundColor") == ground
        assert panel.bounding_box()["height"] > 0.9 * page.viewport_size["height"]
        page.keyboard.press("Escape")
        panel.wait_for(state="hidden")


def test_several_live_on_one_page_in_it_and_with_similar_products(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    markup = f"""<shoplens-search id="one" endpoint="{address}" mode="inline" lang="de"></shoplens-search>
      <shoplens-search id="two" endpoint="{address}" product-id="SL-00001"></shoplens-search>"""
    with shop_page(browser, shop_site, address, markup) as page:
        page.locator("#two .card:not(.skeleton)").first.wait_for()
        assert page.locator("#two .card").count() == 12 and page.locator("#two .strip").count() == 0
        widths = page.locator("#two .card").evaluate_all("all => all.map((one) => Math.round(one.clientWidth))")
        assert len(set(widths)) == 1, "all cards of the line are alike"
        assert page.locator("#one .card").count() == 0
        page.locator("#one input[type=file]").set_input_files(drawn_shop / "query.jpg")
        page.locator("#one .card:not(.skeleton)").first.wait_for()
        assert page.locator("#one .said").inner_text() == "Am nächsten an Ihrem Foto"
        assert page.locator("#two .card").count() == 12
        page.locator("#two").evaluate("element => element.remove()")


def test_a_slot_a_template_parts_and_texts_make_it_the_shops_own(
    browser: Any, shop_site: ShopSite, address: str
) -> None:
    markup = f"""<style nonce="x">#two::part(price) {{ color: rgb(1, 2, 3); }}</style>
      <shoplens-search id="one" endpoint="{address}"><button slot="button">Own button</button></shoplens-search>
      <shoplens-search id="two" endpoint="{address}" product-id="SL-00001"></shoplens-search>
      <shoplens-search id="three" endpoint="{address}" product-id="SL-00001"><template slot="card">
        <a data-bind="link"><img data-bind="photo" alt=""><b data-bind="title"></b><i data-bind="price"></i></a>
      </template></shoplens-search>
      <script type="module" nonce="x">document.querySelector("#one").texts = {{ title: "Such mit Bild" }};</script>"""
    with shop_page(browser, shop_site, address, markup) as page:
        page.get_by_role("button", name="Own button").click()
        page.get_by_role("heading", name="Such mit Bild").wait_for()
        own = page.locator("#three li[part=card]").first
        own.wait_for()
        assert own.locator("b").inner_text() and own.locator("i").inner_text().startswith("€")
        assert own.locator("img").get_attribute("src").startswith(f"{address}/v1/photos/")


def test_texts_from_right_to_left_mirror_the_search_and_keep_the_texts_of_the_shop(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    markup = f"""<shoplens-search id="one" endpoint="{address}" mode="inline" lang="ar"></shoplens-search>
      <script type="module" nonce="x">document.querySelector("#one").texts = {{ title: "ابحث بصورة" }};</script>"""
    with shop_page(browser, shop_site, address, markup) as page:
        page.get_by_role("heading", name="ابحث بصورة").wait_for()
        page.locator("input[type=file]").set_input_files(drawn_shop / "query.jpg")
        page.locator(CARDS).first.wait_for()
        assert page.locator(".scroll, .app").first.get_attribute("dir") == "rtl"
        side, results = page.locator(".strip").bounding_box(), page.locator(".results").bounding_box()
        assert side["x"] > results["x"] + results["width"] - 1
        assert page.locator(f"{CARDS} h3").first.evaluate("one => getComputedStyle(one).direction") == "ltr"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_dialog_does_not_take_over_how_the_page_around_it_writes(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    """In a bar of links, which are often in capitals and in one line."""
    look = "white-space: nowrap; text-transform: uppercase; letter-spacing: .2em"
    markup = f"""<style nonce="x">nav {{ {look} }}</style>
      <nav><shoplens-search endpoint="{address}"></shoplens-search></nav>"""
    with shop_page(browser, shop_site, address, markup) as page:
        page.get_by_role("button", name="Search by photo").click()
        lead = page.locator(".lead")
        lead.wait_for()
        names = ["whiteSpace", "textTransform", "letterSpacing"]
        style = lead.evaluate("(one, names) => names.map((name) => getComputedStyle(one)[name])", names)
        assert style == ["normal", "none", "normal"]


def test_further_results_that_fail_leave_the_others(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    markup = f'<shoplens-search endpoint="{address}" mode="inline" results="5"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        page.locator("input[type=file]").set_input_files(drawn_shop / "query.jpg")
        page.locator(CARDS).first.wait_for()
        failure = {"error": {"code": "unforeseen", "problem": "x", "fix": "y"}}
        page.route("**/v1/search", lambda route: route.fulfill(status=500, json=failure))
        page.get_by_role("button", name="Show more").click()
        page.locator(".foot-row [role=alert]").wait_for()
        assert page.locator(CARDS).count() == 5
        assert page.evaluate("events.at(-1)")[0] == "error"
        page.unroute("**/v1/search")
        page.get_by_role("button", name="Show more").click()
        page.locator(CARDS).nth(9).wait_for()
        assert page.locator(".foot-row [role=alert]").count() == 0


def test_errors_are_sentences_for_shoppers_and_codes_for_the_shop(
    browser: Any, shop_site: ShopSite, address: str
) -> None:
    markup = f'<shoplens-search endpoint="{address}" api-key="sl_wrong" mode="inline"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        page.get_by_text("Search by photo is not available right now.").first.wait_for()
        assert page.evaluate("events.find(([name]) => name === 'error')[1].code") == "unknown-key"


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_whole_search_is_at_most_30_kb(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path, lang: str
) -> None:
    """Compressed scripts of opening the dialog, a photo, its results and a filter; French texts are the longest."""
    sizes: dict[str, int] = {}
    shop_site.show(address, f'<shoplens-search endpoint="{address}" lang="{lang}"></shoplens-search>')
    with closing(browser.new_context(**DESK)) as context:
        page = context.new_page()
        page.on("response", lambda one: sizes.update(size_of_script(one)))
        page.goto(shop_site.origin)
        page.locator(".trigger").wait_for()
        page.wait_for_load_state("networkidle")
        assert sum(sizes.values()) <= MOST_COLD_BYTES and len(sizes) == 3, "the element, what it opens, and its texts"
        page.locator(".trigger").click()
        page.locator("input[type=file]").set_input_files(drawn_shop / "query.jpg")
        page.locator(CARDS).first.wait_for()
        page.locator("label.tick input").first.click()
        page.locator(".chip").wait_for()
        page.wait_for_load_state("networkidle")
        assert 20_000 < sum(sizes.values()) <= MOST_BYTES and len(sizes) == 4


def size_of_script(response: Any) -> dict[str, int]:
    """Return the compressed size of a script of the element, by its path; nothing for other responses."""
    _, _, path = response.url.partition("/web/")
    return {path: int(response.headers["content-length"])} if path else {}


def imports_of(script: Path) -> set[Path]:
    """Return a script and all that it imports at once, directly or not."""
    seen, waiting = set[Path](), [script]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            names = re.findall(r'^(?:import|export) [^;]*?from "([^"]+)"', one.read_text("utf-8"), re.M)
            waiting += [(one.parent / name).resolve() for name in names]
    return seen
