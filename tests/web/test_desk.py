"""The desk of merchandisers: the map of the catalogue, and what shoppers sought and did not find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shoplens.service.keys import Keys
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.service_process import run_service
from tests.web.pages import DESK, SearchPage


@pytest.fixture(scope="module")
def desk_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield the address of a small shop, whose map is drawn at once, and an admin's key."""
    folder = tmp_path_factory.mktemp("desk")
    index_pixel_shop(folder, 14, 1)
    key, _ = Keys(folder / "store").create("desk", "admin")
    (folder / "store" / "not-found.json").write_text(
        json.dumps({"2026-11-28": {"A > B": 3}, "2026-11-29": {"A > B": 1, "C": 2}})
    )
    with run_service(folder / "store", "--model", str(folder / "model.onnx"), "--rate-limit", "0") as service:
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
    page.find("#status").filter(has_text="Positions by").wait_for()
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
    context.close()


def test_what_was_not_found_needs_an_admins_key_and_is_counted(browser: Any, desk_shop: tuple[str, str]) -> None:
    context = browser.new_context(**DESK)
    page = SearchPage(context.new_page())
    page.page.goto(f"{desk_shop[0]}/desk#missing")
    page.find("#key").fill(desk_shop[1])
    page.find("#key").press("Enter")
    page.find("#missing li").first.wait_for()
    assert page.find("#missing li").evaluate_all(
        "all => all.map((one) => one.innerText.replace(/\\s+/g, ' ').trim())"
    ) == ["A > B 4", "C 2"]
    assert page.find(".days i").count() == 2
    page.find("#to-map").click()
    page.find("#map").wait_for()
    page.page.go_back()
    page.find("#missing").wait_for()
    assert page.problems == []
    context.close()
