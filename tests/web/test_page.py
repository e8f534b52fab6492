"""The page in a real browser with the real service: the actions of shoppers, and errors."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shoplens.rendered import ProductSpec
from shoplens.rendered.scene_photo import scene_photo

SCREENSHOTS = Path(os.environ["SHOPLENS_SHOTS"]) if "SHOPLENS_SHOTS" in os.environ else None
"""Folder for screenshots of the page, which docs/ shows; no screenshots are taken without it."""


def take_screenshot(page: Any, name: str) -> None:
    if SCREENSHOTS is not None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=SCREENSHOTS / f"{name}.png")


def upload(page: Any, photo: Path) -> None:
    page.set_input_files("#choose", photo)
    wait_for_answer(page)


def wait_for_answer(page: Any) -> None:
    """Wait until the page shows an answer."""
    page.locator("body:not(.busy) .verdict").wait_for()


def product_ids(page: Any) -> list[str]:
    return [card.get_attribute("data-product") for card in page.locator(".card").all()]


def test_a_photo_finds_products_and_says_why(page: Any, drawn_shop: Path) -> None:
    upload(page, drawn_shop / "query.jpg")
    assert len(product_ids(page)) == 24
    page.locator("#more").click()
    page.locator(".card").nth(29).wait_for()
    assert len(set(product_ids(page))) == 30 and page.locator("#more").is_hidden()
    first = page.locator(".card").first
    first.locator(".why summary").click()
    figures = [float(text) for text in first.locator(".why td:nth-child(2)").all_inner_texts()]
    assert sum(figures[:-1]) == pytest.approx(figures[-1], abs=0.01)
    assert first.locator("img").evaluate("picture => picture.naturalWidth") > 0
    take_screenshot(page, "page")


def test_a_slider_ranks_anew_without_another_upload(page: Any, drawn_shop: Path) -> None:
    sent: list[str] = []
    searches = "/v1/search"
    page.on("request", lambda call: sent.append(call.headers["content-type"]) if searches in call.url else None)
    upload(page, drawn_shop / "query.jpg")
    before, share = product_ids(page), page.locator(".slider output").nth(1).inner_text()
    slider = page.locator(".slider input").nth(1)
    with page.expect_response("**/v1/search"):
        slider.fill("4")
    wait_for_answer(page)
    assert page.locator(".slider output").nth(1).inner_text() != share and product_ids(page) != before
    with page.expect_response("**/v1/search"):
        slider.fill("0")
    wait_for_answer(page)
    assert page.locator(".slider output").nth(1).inner_text() == "0 %"
    with page.expect_response("**/v1/search"):
        page.locator("#reset-weights").click()
    wait_for_answer(page)
    assert product_ids(page) == before
    assert sent[0].startswith("multipart/") and set(sent[1:]) == {"application/json"}


def test_facets_and_conditions_filter_and_a_link_restores_them(page: Any, drawn_shop: Path) -> None:
    upload(page, drawn_shop / "query.jpg")
    tick = page.locator(".tick").first
    total = int(tick.locator(".count").inner_text().split(" of ")[1])
    with page.expect_response("**/v1/search"):
        tick.locator("input").check()
    wait_for_answer(page)
    assert len(product_ids(page)) == min(24, total)
    page.fill("#condition", "price < 0")
    with page.expect_response("**/v1/search"):
        page.locator("#where button").click()
    wait_for_answer(page)
    assert "Nothing was found" in page.locator("#status").inner_text() and product_ids(page) == []
    page.fill("#condition", "price >")
    page.locator("#where button").click()
    page.locator(".problem").wait_for()
    page.fill("#condition", "")
    with page.expect_response("**/v1/search"):
        page.locator("#where button").click()
    wait_for_answer(page)
    results = product_ids(page)
    page.locator("#link").click()
    page.get_by_text("The link was copied").wait_for()
    restored = page.context.new_page()
    restored.goto(page.evaluate("navigator.clipboard.readText()"))
    wait_for_answer(restored)
    assert product_ids(restored) == results and restored.locator(".tick input").first.is_checked()


def test_more_like_this_searches_by_a_product_and_back_returns(page: Any, drawn_shop: Path) -> None:
    upload(page, drawn_shop / "query.jpg")
    before = product_ids(page)
    with page.expect_response("**/v1/search"):
        page.locator(".card .row button").nth(2).click()
    wait_for_answer(page)
    assert before[2] not in product_ids(page) and "Similar to " in page.locator("#like").inner_text()
    with page.expect_response("**/v1/search"):
        page.get_by_role("button", name="Back to your photo").click()
    wait_for_answer(page)
    assert product_ids(page) == before


def test_the_box_is_moved_by_mouse_and_keyboard(page: Any, drawn_shop: Path) -> None:
    upload(page, drawn_shop / "query.jpg")
    box = page.locator(".box").bounding_box()
    with page.expect_response("**/v1/search") as answered:
        page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] - 8)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
    assert answered.value.json()["query"]["region"][:2] == [0, 0]
    wait_for_answer(page)
    smaller = page.locator(".box").bounding_box()
    assert smaller["width"] == pytest.approx(box["width"] / 2, rel=0.1)
    with page.expect_response("**/v1/search"):
        page.locator(".box").press("ArrowRight")
    wait_for_answer(page)
    assert page.locator(".box").bounding_box()["x"] > smaller["x"]
    with page.expect_response("**/v1/search"):
        page.locator("#whole").click()
    wait_for_answer(page)


def test_the_spot_on_the_thing_searches_for_it_alone(page: Any, drawn_shop: Path) -> None:
    upload(page, drawn_shop / "query.jpg")
    page.locator("#crop .object").wait_for()
    with page.expect_response("**/v1/search") as response:
        page.get_by_role("button", name="Search for this thing only").click()
    wait_for_answer(page)
    region, whole = response.value.json()["query"]["region"], page.locator("#crop").bounding_box()
    box = page.locator("#crop .box").bounding_box()
    assert region is not None and region[2] > 10 and region[3] > 10
    assert box["width"] < 0.99 * whole["width"] or box["height"] < 0.99 * whole["height"]


def test_each_thing_in_a_photo_has_a_spot_that_stays(page: Any, tmp_path: Path) -> None:
    things = [
        ProductSpec("beanie", "red", "solid", "knit", "white", "cuffed"),
        ProductSpec("backpack", "green", "solid", "canvas", "brown", "classic"),
    ]
    scene = scene_photo(things, seed=4)
    scene.picture.save(tmp_path / "two.png")
    upload(page, tmp_path / "two.png")
    page.locator("#crop .object").nth(1).wait_for()
    for place in (1, 2):
        with page.expect_response("**/v1/search") as response:
            page.get_by_role("button", name=f"Search for thing {place} of 2 only").click()
        wait_for_answer(page)
        x, _, width, _ = response.value.json()["query"]["region"]
        assert min(abs(x - box.x) + abs(width - box.width) for box in scene.boxes) < 60
        assert page.locator("#crop .spot").count() == 2


def test_a_card_shows_where_its_photo_matches(page: Any, drawn_shop: Path) -> None:
    upload(page, drawn_shop / "query.jpg")
    first = page.locator(".card").first
    first.locator(".why summary").click()
    with page.expect_response("**/v1/regions") as response:
        first.get_by_role("button", name="Show where your photo matches").click()
    first.locator(".regions figure").nth(1).wait_for()
    dots = [figure.locator(".dot").count() for figure in first.locator(".regions figure").all()]
    assert dots[0] == dots[1] == min(8, len(response.value.json()["points"])) > 2
    for picture in first.locator(".regions img").all():
        assert picture.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 0
    assert page.locator("#crop .shade").count() == 1


def test_a_black_photo_is_answered_by_a_sentence(page: Any, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "black.png")
    upload(page, tmp_path / "black.png")
    assert page.locator(".verdict").inner_text().startswith("We see no product in this photo.")
    assert product_ids(page) == [] and page.locator("#crop .spot").count() == 0


def test_a_photo_can_be_pasted_dropped_and_taken(page: Any, drawn_shop: Path) -> None:
    data = base64.b64encode((drawn_shop / "query.jpg").read_bytes()).decode()
    send_photo = """([kind, data]) => {
      const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "p.jpg", { type: "image/jpeg" }));
      const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
        : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    for kind in ("paste", "drop"):
        with page.expect_response("**/v1/search"):
            page.evaluate(send_photo, [kind, data])
        wait_for_answer(page)
        assert product_ids(page)
    page.locator("#another").click()
    page.locator("#camera").click()
    page.locator("#video").evaluate(
        "video => new Promise((ready) => { if (video.videoWidth) ready(); else video.onplaying = ready; })"
    )
    with page.expect_response("**/v1/search"):
        page.locator("#shoot").click()
    wait_for_answer(page)
    assert product_ids(page) and page.locator("#live").is_hidden()


def test_a_file_that_is_no_photo_and_an_unreachable_shop_are_reported(
    page: Any, drawn_shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.jpg").write_text("no photo at all")
    page.set_input_files("#choose", tmp_path / "notes.jpg")
    page.locator(".problem").wait_for()
    assert "no photo" in page.locator("#status").inner_text()
    page.context.set_offline(True)
    page.set_input_files("#choose", drawn_shop / "query.jpg")
    page.get_by_text("cannot be reached").wait_for()
    page.context.set_offline(False)
    upload(page, drawn_shop / "query.jpg")
    assert product_ids(page)


def test_the_map_shows_all_products_and_searches_by_them(page: Any, small_shop_address: str) -> None:
    page.goto(small_shop_address)
    page.locator("#show-map").click()
    page.locator("#map-status").filter(has_text="Positions by").wait_for()
    page.locator("#map-canvas").press("+")
    page.locator("#map-canvas").press("ArrowLeft")
    page.wait_for_timeout(300)
    take_screenshot(page, "map")
    with page.expect_response("**/v1/search"):
        page.locator("#map-canvas").press("Enter")
    wait_for_answer(page)
    assert len(product_ids(page)) == 13


@pytest.mark.parametrize(("width", "height", "scheme"), [(360, 740, "dark"), (3840, 2160, "light")])
def test_the_page_fits_every_screen(
    browser: Any, address: str, drawn_shop: Path, width: int, height: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=True)
    page = context.new_page()
    page.goto(address)
    page.locator(".slider").first.wait_for(state="attached")
    upload(page, drawn_shop / "query.jpg")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.locator("button:visible, .button:visible").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect().height).filter((height) => height < 40).length"
    )
    assert small == 0, "fingers are large"
    take_screenshot(page, f"page-{width}")
    context.close()


@pytest.mark.parametrize("path", ["/", "/docs", "/web/storefront.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, address: str, drawn_shop: Path, path: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(address + path)
    if path == "/":
        upload(page, drawn_shop / "query.jpg")
        page.locator(".why summary").first.click()
    page.wait_for_load_state("networkidle")
    violations = axe.run(page).response["violations"]
    serious = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"]][:3])
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == []
    context.close()


def test_the_element_searches_and_dispatches_events(browser: Any, address: str, drawn_shop: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.goto(f"{address}/web/storefront.html")
    page.locator("shoplens-search input").set_input_files(drawn_shop / "query.jpg")
    page.locator("shoplens-search li img").first.wait_for()
    assert page.locator("shoplens-search li").count() == 8
    page.locator("shoplens-search li a").nth(1).click()
    page.locator("#log").filter(has_text="shoplens-click").wait_for()
    assert "8 results" in page.locator("#log").inner_text() and problems == []
    take_screenshot(page, "storefront")
    page.keyboard.press("Escape")
    assert page.locator("shoplens-search dialog").is_hidden()
    context.close()


def test_all_requests_go_to_the_service(page: Any, address: str, drawn_shop: Path) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.reload()
    upload(page, drawn_shop / "query.jpg")
    page.wait_for_load_state("networkidle")
    assert urls and all(url.startswith((address, "blob:", "data:")) for url in urls)


def test_texts_of_products_are_not_markup(browser: Any, address: str) -> None:
    """A title with markup is shown as text, and an address that is a script becomes no link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/docs")
    result = page.evaluate(
        """async () => {
          const { createCard } = await import("/web/results.js");
          const title = "<img src=x onerror=alert(1)>", url = "javascript:alert(1)", parts = { "<b>": 1 };
          const rest = { product_id: "x", price: 1, currency: "NOPE!", photo: "", match_probability: null };
          const product = { title, url, parts, score: 1, same_photo: false, ...rest };
          const card = createCard(product, { names: [], onSimilar: () => {} });
          const elements = card.querySelectorAll("h3 img, h3 a, td b").length;
          return [elements, card.querySelector("h3").textContent];
        }"""
    )
    assert result == [0, "<img src=x onerror=alert(1)>"]
    context.close()
