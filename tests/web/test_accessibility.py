"""The page is usable by keyboard and screen reader, in every scheme and state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.web.pages import CARDS, PHONE, SearchPage, open_page

USUAL = [("light", 390), ("dark", 1280)]
MORE = [(scheme, width) for scheme in ("light", "dark") for width in (390, 768, 1280, 1920)]
FOCUSED = """() => {
  let one = document.activeElement;
  while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  return one.className || one.id;
}"""


def serious_problems(page: Any) -> list[Any]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
    return [
        (violation["id"], [(node["html"][:90], node["any"][:1]) for node in violation["nodes"]][:2])
        for violation in axe.run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(
    ("scheme", "width"),
    [*USUAL, *(pytest.param(*one, marks=pytest.mark.thorough) for one in MORE if one not in USUAL)],
)
def test_axe_finds_nothing_serious(browser: Any, address: str, drawn_shop: Path, scheme: str, width: int) -> None:
    options = PHONE if width == 390 else {"viewport": {"width": width, "height": 1000}}
    options = {**options, "bypass_csp": True, "color_scheme": scheme, "reduced_motion": "reduce"}
    with open_page(browser, address, **options) as page:
        assert serious_problems(page.page) == []
        page.upload(drawn_shop / "query.jpg")
        page.find("summary").filter(has_text="Advanced").evaluate("one => one.parentElement.open = true")
        page.page.wait_for_load_state("networkidle")
        assert serious_problems(page.page) == []
        page.find(".because").first.click()
        page.find(".why").wait_for()
        assert serious_problems(page.page) == []
        page.page.keyboard.press("Escape")
        page.open_filters()
        if page.find(".sheet[open]").count():
            hide_what_is_behind(page)
        assert serious_problems(page.page) == []
        show_again(page)
        page.button("Choose a part of the photo").click()
        page.find(".modal").wait_for()
        hide_what_is_behind(page)
        assert serious_problems(page.page) == []
        show_again(page)
        page.say("red under 0.01")
        assert serious_problems(page.page) == [], "nothing fits"
        page.upload(black_photo(drawn_shop))
        page.find(".empty").wait_for()
        assert serious_problems(page.page) == [], "no product in the photo"


def hide_what_is_behind(page: SearchPage) -> None:
    """Hide what a modal dialog covers, which axe compares with the dialog's colours."""
    page.find(".session").evaluate("one => (one.style.visibility = 'hidden')")


def show_again(page: SearchPage) -> None:
    """Close the dialog."""
    page.page.keyboard.press("Escape")
    page.find(".session").evaluate("one => (one.style.visibility = '')")


def black_photo(folder: Path) -> Path:
    path = folder / "black.jpg"
    Image.new("RGB", (400, 300)).save(path)
    return path


@pytest.mark.parametrize("path", ["/docs", "/desk", "/web/storefront.html"])
def test_axe_finds_nothing_serious_on_the_other_pages(browser: Any, address: str, path: str) -> None:
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    assert serious_problems(page) == []
    context.close()


def test_the_keyboard_alone_leads_from_the_start_to_a_product(page: SearchPage) -> None:
    keyboard = page.page.keyboard
    for _ in range(12):
        keyboard.press("Tab")
        if "Search with the photo of" in str(
            page.page.evaluate("document.activeElement.shadowRoot?.activeElement?.ariaLabel")
        ):
            break
    keyboard.press("Enter")
    page.find(CARDS).first.wait_for()
    assert page.page.evaluate(FOCUSED) == "results", "the focus moves to the results"
    keyboard.press("Tab")
    assert page.page.evaluate(FOCUSED) in ("open", "act similar"), "the first result is one step away"
    page.page.keyboard.press("Shift+Tab")
    page.page.evaluate("document.getElementById('skip').focus()")
    keyboard.press("Enter")
    assert page.page.evaluate(FOCUSED) == "results", "and three steps from the top of the page"


def test_sliders_have_names_and_values_and_only_the_sentence_is_live(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.find("summary").filter(has_text="Advanced").click()
    slider = page.page.get_by_role("slider", name="Colour")
    assert slider.first.get_attribute("aria-valuetext").startswith("Colour: 1 times the usual weight, ")
    assert page.page.get_by_role("radiogroup", name="Colour matters").count() == 1
    live = page.find("[aria-live], [role=status], [role=alert], output").evaluate_all(
        "all => all.map((one) => one.className)"
    )
    assert [name for name in live if name not in ("small",)] == ["said"]
    assert page.find("fieldset legend").all_inner_texts()[0] == "Category"


def test_reduced_motion_moves_nothing(browser: Any, address: str, drawn_shop: Path) -> None:
    with open_page(browser, address, reduced_motion="reduce") as page:
        page.upload(drawn_shop / "query.jpg")
        page.find(".choice label").filter(has_text="more").click()
        page.settle()
        running = "document.querySelector('main').shadowRoot.getAnimations().length"
        assert page.page.evaluate(running) == 0
