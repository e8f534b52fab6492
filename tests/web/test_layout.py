"""The page fits every screen, in both schemes and all languages, loads little, and does not shift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.web.pages import CARDS, PHONE, SearchPage, open_page

SHIFTS = """window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
MOST_BYTES, MOST_REQUESTS, MOST_SHIFT = 80_000, 20, 0.02


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    ("width", "height", "columns"), [(390, 844, 2), (768, 1024, 4), (1280, 800, 4), (1920, 1080, 6)]
)
def test_the_first_screen_shows_whole_cards(
    browser: Any, address: str, drawn_shop: Path, width: int, height: int, columns: int, scheme: str
) -> None:
    options = {**(PHONE if width < 500 else {}), "viewport": {"width": width, "height": height}, "color_scheme": scheme}
    with open_page(browser, address, **options) as page:
        page.picture(f"cold-{width}-{scheme}")
        page.upload(drawn_shop / "query.jpg")
        page.page.wait_for_load_state("networkidle")
        page.picture(f"results-{width}-{scheme}")
        boxes = [card.bounding_box() for card in page.find(CARDS).all()]
        row = [box for box in boxes if box["y"] == boxes[0]["y"]]
        assert len(row) == columns and max(box["y"] + box["height"] for box in row) <= height
        assert page.page.evaluate("document.documentElement.scrollWidth") <= width
        small = page.find("button:visible").evaluate_all(
            "all => all.filter((one) => one.className !== 'because')"
            ".map((one) => one.getBoundingClientRect().height).filter((height) => height > 2 && height < 40).length"
        )
        assert small == 0 or page.find("button.open").count() == small, "fingers are large"


def test_a_page_and_its_first_search_are_small_and_nothing_shifts(browser: Any, address: str, drawn_shop: Path) -> None:
    context = browser.new_context(**PHONE)
    page = SearchPage(context.new_page())
    page.page.add_init_script(SHIFTS)
    sizes: dict[str, int] = {}
    session = context.new_cdp_session(page.page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda one: sizes.update({one["requestId"]: one["encodedDataLength"]}))
    page.page.goto(address)
    page.find(".samples img").first.wait_for()
    page.page.wait_for_load_state("networkidle")
    assert sum(sizes.values()) <= MOST_BYTES and len(sizes) <= MOST_REQUESTS
    page.upload(drawn_shop / "query.jpg")
    page.page.wait_for_load_state("networkidle")
    page.page.wait_for_timeout(300)
    assert page.page.evaluate("window.shifts") <= MOST_SHIFT
    context.close()


@pytest.mark.parametrize(("lang", "title"), [
    ("de", "Mit einem Foto finden"), pytest.param("fr", "Trouvez-le avec une photo", marks=pytest.mark.thorough),
    pytest.param("es", "Encuéntralo con una foto", marks=pytest.mark.thorough),
])  # fmt: skip
def test_every_language_has_all_texts_and_its_own_numbers(
    browser: Any, address: str, drawn_shop: Path, lang: str, title: str
) -> None:
    with open_page(browser, f"{address}/?lang={lang}", **PHONE) as page:
        assert page.find(".start h2").inner_text() == title
        page.upload(drawn_shop / "query.jpg")
        assert page.find(f"{CARDS} .price").first.inner_text().endswith("€")
        assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
        page.picture(f"results-{lang}")
        missing = page.page.evaluate(
            """async (lang) => {
              const load = (name) => import(`/web/search/texts/${name}.js`);
              const [en, own] = [await load("en"), await load(lang)];
              const isGroup = (value) => typeof value === "object" && !("other" in value);
              const keys = (table) => Object.entries(table).flatMap(([key, value]) =>
                isGroup(value) ? Object.keys(value).map((one) => `${key}.${one}`) : key);
              return [keys(en.texts).filter((key) => !keys(own.texts).includes(key)),
                keys(own.texts).filter((key) => !keys(en.texts).includes(key))];
            }""",
            lang,
        )
        assert missing == [[], []]


@pytest.mark.parametrize(
    ("languages", "lang", "title"),
    [
        (["ar-EG"], "en", "Find it with a photo"),
        (["nl-NL", "de-AT", "en"], "de-AT", "Mit einem Foto finden"),
    ],
)
def test_the_first_language_of_the_browser_that_has_texts_is_used(
    browser: Any, address: str, languages: list[str], lang: str, title: str
) -> None:
    """English in the order of Arabic cannot be read, and a screen reader would read it in the wrong voice."""
    with open_page(browser, address) as page:
        page.page.add_init_script(f"Object.defineProperty(navigator, 'languages', {{ value: {languages} }})")
        page.page.reload()
        page.page.get_by_role("heading", name=title).wait_for()
        assert page.page.evaluate("[document.documentElement.lang, document.documentElement.dir]") == [lang, "ltr"]
