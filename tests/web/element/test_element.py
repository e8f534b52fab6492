"""The element on a shop's page of another origin: as a dialog, in the page, and on product pages."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shoplens.service.routes.pages import shorten_script
from tests.web.element.shop_site import ShopSite
from tests.web.pages import CARDS, DESK

WEB = Path(__file__).parents[3] / "src/shoplens/web"
MOST_BYTES = 30_000


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


def test_the_dialog_searches_and_tells_what_happens(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    markup = f'<shoplens-search endpoint="{address}" results="5"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        page.get_by_role("button", name="Search by photo").click()
        page.locator("input[type=file]").set_input_files(drawn_shop / "query.jpg")
        page.locator(CARDS).first.wait_for()
        assert page.locator(CARDS).count() == 5
        assert page.locator(f"{CARDS} img").first.evaluate("picture => picture.decode().then(() => true)")
        page.evaluate("addEventListener('shoplens-select', (event) => event.preventDefault())")
        page.locator(f"{CARDS}:has(a.open)").first.click(position={"x": 9, "y": 9})
        page.keyboard.press("Escape")
        page.locator("dialog.overlay").wait_for(state="hidden")
        names = page.evaluate("events.map(([name]) => name)")
        assert names == ["open", "search", "results", "select", "close"] and page.url == f"{shop_site.origin}/"
        assert len(page.evaluate("events[2][1].answer.results")) == 5


def test_several_live_on_one_page_in_it_and_with_similar_products(
    browser: Any, shop_site: ShopSite, address: str, drawn_shop: Path
) -> None:
    markup = f"""<shoplens-search id="one" endpoint="{address}" mode="inline" lang="de"></shoplens-search>
      <shoplens-search id="two" endpoint="{address}" product-id="SL-00001"></shoplens-search>"""
    with shop_page(browser, shop_site, address, markup) as page:
        page.locator("#two .card:not(.skeleton)").first.wait_for()
        assert page.locator("#two .card").count() == 12 and page.locator("#two .strip").count() == 0
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


def test_errors_are_sentences_for_shoppers_and_codes_for_the_shop(
    browser: Any, shop_site: ShopSite, address: str
) -> None:
    markup = f'<shoplens-search endpoint="{address}" api-key="sl_wrong" mode="inline"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        page.get_by_text("Search by photo is not available right now.").wait_for()
        assert page.evaluate("events.find(([name]) => name === 'error')[1].code") == "unknown-key"


def test_an_element_is_at_most_30_kb_and_its_search_another_30(browser: Any, shop_site: ShopSite, address: str) -> None:
    """Compressed, in English: the button and the cold start; and what is added by the first search, or when idle."""
    cold, whole = imports_of(WEB / "element.js"), imports_of(WEB / "search/session.js")
    assert compressed(cold) <= MOST_BYTES and compressed(whole - cold) <= MOST_BYTES
    loaded: list[str] = []
    markup = f'<shoplens-search endpoint="{address}"></shoplens-search>'
    with shop_page(browser, shop_site, address, markup) as page:
        page.on("request", lambda request: loaded.append(request.url))
        page.reload()
        page.get_by_role("button", name="Search by photo").wait_for()
        page.wait_for_load_state("networkidle")
        assert page.locator(".start").count() == 0
    scripts = {WEB / url.partition("/web/")[2] for url in loaded if "/web/" in url}
    assert scripts <= cold and len(loaded) == len(scripts) + 1


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


def compressed(scripts: set[Path]) -> int:
    """Return what the service sends for scripts, compressed: without comments between lines and indentation."""
    return sum(len(gzip.compress(shorten_script(path.read_bytes()), 9)) for path in scripts)
