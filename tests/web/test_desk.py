"""The desk of merchandisers: the map of the catalogue, and what shoppers sought and did not find."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens.service.keys import Keys
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.service_process import run_service
from tests.web.pages import CARDS, DESK, SearchPage
from tests.web.test_accessibility import serious_problems

TEXTS = Path(__file__).parents[2] / "src/shoplens/web/desk/texts"


@pytest.fixture(scope="module")
def desk_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield the address of a small shop, whose map is drawn at once, and a merchandiser's key."""
    folder = tmp_path_factory.mktemp("desk")
    index_pixel_shop(folder, 14, 1)
    key, _ = Keys(folder / "store").create("desk", "desk")
    with run_service(
        folder / "store", "--model", str(folder / "model.onnx"), "--rate-limit", "0", "--remember"
    ) as service:
        yield service.address, key


def add_colours(route: Any) -> None:
    """Answer with the map of the small shop, whose products get a dimension."""
    response = route.fetch()
    document = response.json()
    for number, product in enumerate(document["products"]):
        product["dimensions"] = {"color": "red" if number % 3 else "blue"}
    route.fulfill(response=response, json=document)


def test_the_map_has_a_legend_tips_and_leads_to_searches(browser: Any, desk_shop: tuple[str, str]) -> None:
    context = browser.new_context(**DESK)
    page = SearchPage(context.new_page())
    page.page.route("**/v1/map", add_colours)
    page.page.goto(f"{desk_shop[0]}/desk#map")
    page.find("#status").filter(has_text="Similar products lie together.").wait_for()
    canvas = page.find("#map-canvas")
    entry = page.find("#map-legend button").first
    entry.click()
    assert entry.get_attribute("aria-pressed") == "true"
    canvas.press("+")
    box = canvas.bounding_box()
    seen = set[bool]()
    for across in range(5, 96, 3):
        for down in (20, 35, 50, 65, 80):
            page.page.mouse.move(box["x"] + box["width"] * across / 100, box["y"] + box["height"] * down / 100)
            seen.add(page.find("#map-tip").is_visible())
    assert seen == {True, False}, "a tip beside products, and none between them"
    canvas.press("ArrowLeft")
    page.picture("map")
    canvas.press("Enter")
    page.page.wait_for_url("**/#like=*")
    page.find(".card:not(.skeleton)").first.wait_for()
    page.page.go_back()
    page.find("#map-canvas").wait_for()
    assert page.problems == []
    page.page.unroute_all(behavior="ignoreErrors")
    context.close()


def test_rules_are_previewed_set_live_and_undone(browser: Any, desk_shop: tuple[str, str]) -> None:
    context = browser.new_context(**DESK)
    page = SearchPage(context.new_page())
    page.page.goto(f"{desk_shop[0]}/desk#rules")
    page.find("#key").fill(desk_shop[1])
    page.find("#key").press("Enter")
    page.button("Add a rule").click()
    page.find(".rules select").select_option("pin")
    found = context.request.post(f"{desk_shop[0]}/v1/search", data={"text": "product", "k": 1}).json()
    pinned = found["results"][0]["product_id"] if found.get("results") else "p0"
    page.find(".rules input").first.fill(pinned)
    page.find(".rules input").first.press("Tab")
    page.button("Preview").click()
    page.find(".preview h2, #status:not(:empty)").first.wait_for()
    page.button("Set live").click()
    page.find("#status").filter(has_text="The rules are live.").wait_for()
    assert page.find(".rules li").count() == 1
    assert "false" not in page.find("#rules").inner_text()
    page.picture("rules")
    shopper = SearchPage(context.new_page())
    shopper.page.goto(desk_shop[0])
    shopper.find(".samples button").last.click()
    shopper.find(CARDS).first.wait_for()
    assert pinned in shopper.ids()[:2], "behind the very photo at most"
    assert shopper.find(f'[data-product="{pinned}"] .flag.exact').count() == 0, "a pin claims no match"
    page.button("Undo the last change").click()
    page.find("#status").filter(has_text="The rules before are live again.").wait_for()
    assert page.find(".rules li").count() == 0 and page.problems == []
    context.close()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_axe_finds_nothing_serious_at_the_desk(browser: Any, desk_shop: tuple[str, str], scheme: str) -> None:
    context = browser.new_context(**DESK, bypass_csp=True, color_scheme=scheme)
    page = SearchPage(context.new_page())
    page.page.route("**/v1/map", add_colours)
    page.page.goto(f"{desk_shop[0]}/desk#rules")
    page.find("#key").fill(desk_shop[1])
    page.button("Continue").click()
    page.button("Add a rule").click()
    for view, shown in (
        ("rules", ".rules li"),
        ("sought", "#sought h2"),
        ("map", "#map-legend button"),
        ("reports", "#reports h2"),
    ):
        page.find(f"#to-{view}").click()
        if view != "rules":
            page.find(shown).first.wait_for()
        assert serious_problems(page.page) == [], view
    page.page.unroute_all(behavior="ignoreErrors")
    context.close()


def test_the_desk_speaks_the_language_of_the_browser(browser: Any, desk_shop: tuple[str, str]) -> None:
    context = browser.new_context(**DESK, locale="de-DE")
    page = SearchPage(context.new_page())
    page.page.goto(f"{desk_shop[0]}/desk#rules")
    page.find("#key").fill(desk_shop[1])
    page.button("Weiter").click()
    page.button("Regel hinzufügen").click()
    page.find(".rules input").first.fill("nichts-dergleichen")
    page.find(".rules input").first.press("Tab")
    page.find(".rules select").select_option("pin")
    page.button("Vorschau").click()
    page.find(".preview").get_by_text("nichts-dergleichen steht für kein Produkt.").wait_for()
    page.picture("desk-de")
    page.find("#to-sought").click()
    page.find("#sought h2").first.wait_for()
    assert page.find("#sought h1").inner_text() == "Was gesucht wurde"
    assert page.page.evaluate("document.documentElement.lang") == "de-DE" and page.problems == []
    context.close()


@pytest.mark.parametrize("lang", ["de", "fr", "es"])
def test_every_language_of_the_desk_has_all_texts(lang: str) -> None:
    english, own = (TEXTS / "en.js", TEXTS / f"{lang}.js")
    keys = [re.findall(r'^ +"?([\w -]+?)"?: ', one.read_text("utf-8"), re.M) for one in (english, own)]
    assert keys[0] == keys[1] and len(keys[0]) > 60


def test_every_view_of_the_desk_is_an_entry_that_back_restores(browser: Any, desk_shop: tuple[str, str]) -> None:
    context = browser.new_context(**DESK)
    page = SearchPage(context.new_page())
    page.page.goto(f"{desk_shop[0]}/desk")
    page.find("#key").fill(desk_shop[1])
    page.find("#key").press("Enter")
    page.find("#sought h2").first.wait_for()
    assert "What fewer than 5 shoppers did is not told." in page.find("#sought p").first.inner_text()
    page.find("#to-reports").click()
    page.find("#reports h2").wait_for()
    page.page.go_back()
    page.find("#sought").wait_for()
    assert page.find("#reports").is_hidden() and page.problems == []
    context.close()


def test_findings_name_their_products_and_are_accepted_one_by_one(browser: Any, desk_shop: tuple[str, str]) -> None:
    finding = {
        "kind": "wrong-value",
        "product_ids": ["p1"],
        "sentence": "color: the feed says Blue, the photo says Black.",
        "fix": "Correct color in the feed, or the photo.",
        "photos": [{"product_id": "p1", "title": "Tight", "photo": "/web/icon.svg", "role": "this product"}],
        "dimension": "color",
        "feed_value": "Blue",
        "photo_value": "Black",
    }
    context = browser.new_context(**DESK)
    page = SearchPage(context.new_page())
    document = {"products": 1, "counts": {"wrong-value": 1}, "notes": [], "findings": [finding]}
    page.page.route("**/v1/desk/findings", lambda route: route.fulfill(json=document))
    sent: list[Any] = []

    def accept(route: Any) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(json={})

    page.page.route("**/v1/desk/findings/accept", accept)
    page.page.goto(f"{desk_shop[0]}/desk#findings")
    page.find("#findings li").wait_for()
    assert page.find("#findings strong").inner_text().startswith("Tight (p1): Colour: the feed says Blue")
    page.button("Accept Black").click()
    page.find("#findings").get_by_text("Accepted").wait_for()
    assert sent == [{"product_id": "p1", "dimension": "color", "value": "Black"}] and page.problems == []
    context.close()
