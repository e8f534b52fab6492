"""Filters: a tree of categories, swatches, prices; chips; and what is shown where nothing is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.web.pages import CARDS, SearchPage


def last_conditions(page: SearchPage) -> Any:
    return json.loads(page.searches[-1])["where"]


def test_levels_of_a_category_narrow_and_siblings_widen(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    total = len(page.ids())
    page.tick("Accessories")
    narrowed = len(page.ids())
    assert 0 < narrowed < total and last_conditions(page) == ['(category = "Accessories")']
    children = page.find('[data-key=category] li[data-key^="Accessories > "]')
    names = [str(one.get_attribute("data-key")) for one in children.all()]
    assert len(names) > 1
    page.find(f'li[data-key="{names[0]}"] input').click()
    page.settle()
    assert last_conditions(page) == [f'(category = "Accessories" and category = "{names[0].split(" > ")[1]}")']
    first = len(page.ids())
    page.find(f'li[data-key="{names[1]}"] input').click()
    page.settle()
    assert first < len(page.ids()) <= narrowed and " or " in last_conditions(page)[0]
    assert page.chips() == [name.split(" > ")[-1] for name in names[:2]]
    page.button("Clear all").click()
    page.settle()
    assert len(page.ids()) == total and page.chips() == []


def test_colours_are_swatches_with_counts(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    group = page.find("details[data-key=color]")
    ticks = group.locator("label.tick")
    assert ticks.first.locator(".swatch").count() == 1 and int(ticks.first.locator(".count").inner_text()) > 0
    few = ticks.count()
    group.get_by_role("button", name="Show all").click()
    assert ticks.count() > few


def test_a_price_range_filters_and_its_bars_show_it(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    bars = page.find(".bars i")
    assert bars.count() == 16 and page.find(".bars i.in").count() == 16
    page.find(".range input").first.fill("20")
    page.find(".range input").first.press("Tab")
    page.settle()
    page.find(".range input").nth(1).fill("60")
    page.find(".range input").nth(1).press("Enter")
    page.settle()
    assert last_conditions(page) == ["price >= 20", "price <= 60"] and page.chips() == ["€20 to €60"]
    assert 0 < page.find(".bars i.in").count() < 16
    prices = [float(text.lstrip("€")) for text in page.find(f"{CARDS} .price").all_inner_texts()]
    assert prices and all(20 <= price <= 60 for price in prices)


def test_what_is_typed_and_dragged_goes_on_while_answers_arrive(page: SearchPage, drawn_shop: Path) -> None:
    """A field that is left asks for an answer; where the shopper goes on, nothing is replaced."""
    page.upload(drawn_shop / "query.jpg")
    lowest, highest = page.find(".range input").first, page.find(".range input").nth(1)
    lowest.fill("20")
    highest.click()
    page.page.keyboard.type("60", delay=150)
    page.settle()
    assert highest.evaluate("one => one === one.getRootNode().activeElement") and highest.input_value() == "60"
    lowest.fill("30")
    page.find("label.tick input").nth(1).click()
    page.settle()
    assert page.find("label.tick input").nth(1).is_checked(), "the click that leaves the field counts"
    assert page.chips()[1:] == ["€30 to €60"]
    page.find("summary").filter(has_text="Advanced").click()
    slider = page.find("input[type=range]").first
    slider.wait_for()
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.page.mouse.down()
    for part in range(3, 11):
        page.page.mouse.move(box["x"] + box["width"] * part / 11, box["y"] + box["height"] / 2)
        page.page.wait_for_timeout(200)
    page.page.mouse.up()
    page.settle()
    assert float(slider.input_value()) > 3.2, "the drag went on after the first answers"
    condition = page.find("details form input.field").last
    condition.fill("price < 50")
    condition.press("Enter")
    page.settle()
    assert condition.evaluate("one => one === one.getRootNode().activeElement")


def test_where_nothing_is_left_ticks_stay_and_each_can_be_taken_back(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.tick("Home")
    page.find(".range input").nth(1).fill("1")
    page.find(".range input").nth(1).press("Enter")
    page.settle()
    assert page.find(".empty h2").inner_text() == "Nothing fits all of this"
    assert page.find('[data-key=category] li[data-key="Home"] input').is_checked()
    assert page.chips() == ["Home", "under €1"]
    page.picture("nothing")
    page.button("Nothing “under €1”: remove this filter").click()
    page.settle()
    assert page.ids() and page.chips() == ["Home"]


def test_words_that_are_not_understood_are_not_offered_as_what_leaves_nothing(
    page: SearchPage, drawn_shop: Path
) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.say("zzqqq under 1")
    assert page.chips() == ["zzqqq (not understood)", "under 1"]
    assert page.find(".empty button").all_inner_texts() == ["Nothing “under 1”: remove this filter"]


def test_a_new_photo_begins_without_conditions(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.tick("Home")
    assert page.chips() == ["Home"]
    page.upload(drawn_shop / "query.jpg")
    page.find(".chip").wait_for(state="detached")
    assert not page.find('[data-key=category] li[data-key="Home"] input').is_checked()


def test_on_a_phone_filters_are_a_sheet_that_closes_by_escape(phone: SearchPage, drawn_shop: Path) -> None:
    phone.upload(drawn_shop / "query.jpg")
    assert phone.find(".filters").is_hidden()
    phone.open_filters()
    phone.find(".sheet").evaluate("one => Promise.all(one.getAnimations().map((rise) => rise.finished))")
    phone.picture("sheet")
    box = phone.find(".sheet").bounding_box()
    assert box["x"] == 0 and box["width"] == 390 and box["y"] + box["height"] == 844
    phone.tick("Home")
    assert phone.find(".sheet").is_visible()
    phone.page.keyboard.press("Escape")
    phone.find(".sheet").wait_for(state="hidden")
    assert phone.chips() == ["Home"] and phone.find(".badge").inner_text() == "1"
