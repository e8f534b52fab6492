"""The page in a real browser, against the real service: what a shopper does, and what can go wrong."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

SHOTS = Path(os.environ["SHOPLENS_SHOTS"]) if "SHOPLENS_SHOTS" in os.environ else None
"""Where pictures of the page go, for docs/ and for people who look at them."""


def shot(page: Any, name: str) -> None:
    if SHOTS is not None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=SHOTS / f"{name}.png")


def upload(page: Any, photo: Path) -> None:
    page.set_input_files("#choose", photo)
    settled(page)


def settled(page: Any) -> None:
    """The answer is there."""
    page.locator("body:not(.busy) .verdict").wait_for()


def products(page: Any) -> list[str]:
    return [one.get_attribute("data-product") for one in page.locator(".card").all()]


def test_a_photo_finds_products_and_says_why(page: Any, drawn: Path) -> None:
    upload(page, drawn / "asked.jpg")
    assert len(products(page)) == 24
    page.locator("#more").click()
    page.locator(".card").nth(29).wait_for()
    assert len(set(products(page))) == 30 and page.locator("#more").is_hidden()
    first = page.locator(".card").first
    first.locator(".why summary").click()
    figures = [float(text) for text in first.locator(".why td:nth-child(2)").all_inner_texts()]
    assert sum(figures[:-1]) == pytest.approx(figures[-1], abs=0.01)
    assert first.locator("img").evaluate("picture => picture.naturalWidth") > 0
    shot(page, "page")


def test_a_slider_ranks_anew_without_another_upload(page: Any, drawn: Path) -> None:
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.headers["content-type"]) if "/v1/search" in one.url else None)
    upload(page, drawn / "asked.jpg")
    before, share = products(page), page.locator(".slider output").nth(1).inner_text()
    slider = page.locator(".slider input").nth(1)
    with page.expect_response("**/v1/search"):
        slider.fill("4")
    settled(page)
    assert page.locator(".slider output").nth(1).inner_text() != share and products(page) != before
    with page.expect_response("**/v1/search"):
        slider.fill("0")
    settled(page)
    assert page.locator(".slider output").nth(1).inner_text() == "0 %"
    with page.expect_response("**/v1/search"):
        page.locator("#even").click()
    settled(page)
    assert products(page) == before
    assert sent[0].startswith("multipart/") and set(sent[1:]) == {"application/json"}


def test_ticks_and_conditions_narrow_and_a_link_restores(page: Any, drawn: Path) -> None:
    upload(page, drawn / "asked.jpg")
    tick = page.locator(".tick").first
    all_of_them = int(tick.locator(".count").inner_text().split(" of ")[1])
    with page.expect_response("**/v1/search"):
        tick.locator("input").check()
    settled(page)
    assert len(products(page)) == min(24, all_of_them)
    page.fill("#condition", "price < 0")
    with page.expect_response("**/v1/search"):
        page.locator("#where button").click()
    settled(page)
    assert "Nothing was found" in page.locator("#status").inner_text() and products(page) == []
    page.fill("#condition", "price >")
    page.locator("#where button").click()
    page.locator(".problem").wait_for()
    page.fill("#condition", "")
    with page.expect_response("**/v1/search"):
        page.locator("#where button").click()
    settled(page)
    found = products(page)
    page.locator("#link").click()
    page.get_by_text("The link is copied").wait_for()
    again = page.context.new_page()
    again.goto(page.evaluate("navigator.clipboard.readText()"))
    settled(again)
    assert products(again) == found and again.locator(".tick input").first.is_checked()


def test_more_like_this_leads_on_and_back(page: Any, drawn: Path) -> None:
    upload(page, drawn / "asked.jpg")
    before = products(page)
    with page.expect_response("**/v1/search"):
        page.locator(".card button").nth(2).click()
    settled(page)
    assert before[2] not in products(page) and "Like " in page.locator("#like").inner_text()
    with page.expect_response("**/v1/search"):
        page.get_by_role("button", name="Back to your photo").click()
    settled(page)
    assert products(page) == before


def test_the_box_is_moved_by_mouse_and_keyboard(page: Any, drawn: Path) -> None:
    upload(page, drawn / "asked.jpg")
    box = page.locator(".box").bounding_box()
    with page.expect_response("**/v1/search") as answered:
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] - 8)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
    assert answered.value.json()["query"]["region"][:2] == [0, 0]
    settled(page)
    smaller = page.locator(".box").bounding_box()
    assert smaller["width"] == pytest.approx(box["width"] / 2, rel=0.1)
    with page.expect_response("**/v1/search"):
        page.locator(".box").press("ArrowRight")
    settled(page)
    assert page.locator(".box").bounding_box()["x"] > smaller["x"]
    with page.expect_response("**/v1/search"):
        page.locator("#whole").click()
    settled(page)


def test_a_photo_can_be_pasted_dropped_and_taken(page: Any, drawn: Path) -> None:
    data = base64.b64encode((drawn / "asked.jpg").read_bytes()).decode()
    give = """([kind, data]) => {
      const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
      const held = new DataTransfer();
      held.items.add(new File([bytes], "p.jpg", { type: "image/jpeg" }));
      const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: held, bubbles: true })
        : new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    for kind in ("paste", "drop"):
        with page.expect_response("**/v1/search"):
            page.evaluate(give, [kind, data])
        settled(page)
        assert products(page)
    page.locator("#another").click()
    page.locator("#camera").click()
    page.locator("#video").evaluate(
        "video => new Promise((ready) => { if (video.videoWidth) ready(); else video.onplaying = ready; })"
    )
    with page.expect_response("**/v1/search"):
        page.locator("#shoot").click()
    settled(page)
    assert products(page) and page.locator("#live").is_hidden()


def test_what_is_no_photo_is_told_and_so_is_a_shop_out_of_reach(page: Any, drawn: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no photo at all")
    page.set_input_files("#choose", tmp_path / "notes.jpg")
    page.locator(".problem").wait_for()
    assert "no photo" in page.locator("#status").inner_text()
    page.context.set_offline(True)
    page.set_input_files("#choose", drawn / "asked.jpg")
    page.get_by_text("cannot be reached").wait_for()
    page.context.set_offline(False)
    upload(page, drawn / "asked.jpg")
    assert products(page)


def test_the_map_shows_all_and_leads_to_products(page: Any, few: str) -> None:
    page.goto(few)
    page.locator("#show-map").click()
    page.locator("#map-told").filter(has_text="Positions by").wait_for()
    page.locator("#map-canvas").press("+")
    page.locator("#map-canvas").press("ArrowLeft")
    page.wait_for_timeout(300)
    shot(page, "map")
    with page.expect_response("**/v1/search"):
        page.locator("#map-canvas").press("Enter")
    settled(page)
    assert len(products(page)) == 13


@pytest.mark.parametrize(("width", "height", "scheme"), [(360, 740, "dark"), (3840, 2160, "light")])
def test_it_fits_every_screen(browser: Any, address: str, drawn: Path, width: int, height: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    page.goto(address)
    page.locator(".slider").first.wait_for(state="attached")
    upload(page, drawn / "asked.jpg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.locator("button:visible, .button:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height).filter((height) => height < 40).length"
    )
    assert small == 0, "fingers are large"
    shot(page, f"page-{width}")
    context.close()


@pytest.mark.parametrize("path", ["/", "/docs", "/web/storefront.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, address: str, drawn: Path, path: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(address + path)
    if path == "/":
        upload(page, drawn / "asked.jpg")
        page.locator(".why summary").first.click()
    page.wait_for_load_state("networkidle")
    found = axe.run(page).response["violations"]
    serious = [
        (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    context.close()


def test_the_element_searches_and_tells_of_it(browser: Any, address: str, drawn: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.goto(f"{address}/web/storefront.html")
    page.locator("shoplens-search input").set_input_files(drawn / "asked.jpg")
    page.locator("shoplens-search li img").first.wait_for()
    assert page.locator("shoplens-search li").count() == 8
    page.locator("shoplens-search li a").nth(1).click()
    page.locator("#log").filter(has_text="shoplens-click").wait_for()
    assert "8 results" in page.locator("#log").inner_text() and problems == []
    shot(page, "storefront")
    page.keyboard.press("Escape")
    assert page.locator("shoplens-search dialog").is_hidden()
    context.close()


def test_nothing_comes_from_elsewhere(page: Any, address: str, drawn: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    page.reload()
    upload(page, drawn / "asked.jpg")
    page.wait_for_load_state("networkidle")
    assert asked and all(url.startswith((address, "blob:", "data:")) for url in asked)


def test_what_products_say_is_text(browser: Any, address: str) -> None:
    """A title that is markup, and an address that would run, stay what they are: letters."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/docs")
    told = page.evaluate(
        """async () => {
          const { card } = await import("/web/results.js");
          const title = "<img src=x onerror=alert(1)>", url = "javascript:alert(1)", parts = { "<b>": 1 };
          const rest = { product_id: "x", price: 1, currency: "NOPE!", photo: "", match_probability: null };
          const product = { title, url, parts, score: 1, same_photo: false, ...rest };
          const made = card(product, { names: [], more: () => {} });
          const there = made.querySelectorAll("h3 img, h3 a, td b").length;
          return [there, made.querySelector("h3").textContent];
        }"""
    )
    assert told == [0, "<img src=x onerror=alert(1)>"]
    context.close()
