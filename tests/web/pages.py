"""The search page as shoppers use it: what a test does with it, and what it sees."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
CARDS = ".card:not(.skeleton)"
SCREENSHOTS = Path(os.environ["SHOPLENS_SHOTS"]) if "SHOPLENS_SHOTS" in os.environ else None
"""Folder for pictures of the page, to be looked at; none are taken without it."""


class SearchPage:
    """A page with a search on it.

    Attributes:
        page: of Playwright; its selectors look into the search's shadow root.
        problems: console errors and exceptions so far.
        searches: bodies of the searches sent so far, as text; an upload's is empty.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.problems: list[str] = []
        self.searches: list[str] = []
        page.set_default_timeout(8_000)
        page.on("console", self._collect)
        page.on("pageerror", lambda problem: self.problems.append(str(problem)))
        page.on("request", self._note)

    def _collect(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(message.text)

    def _note(self, request: Any) -> None:
        if request.url.endswith("/v1/search"):
            is_json = request.headers["content-type"] == "application/json"
            self.searches.append(request.post_data if is_json else "")

    def find(self, selector: str) -> Any:
        return self.page.locator(selector)

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def upload(self, photo: Path) -> None:
        self.find("input[type=file]").set_input_files(photo)
        self.settle()

    def say(self, words: str) -> None:
        """Write words into the field beside the results, and send them."""
        self.find(".session form[role=search] input").fill(words)
        self.find(".session form[role=search] input").press("Enter")
        self.settle()

    def settle(self) -> None:
        """Wait until the page shows an answer, or why there is none."""
        self.find(".app[aria-busy=false] .session:not([hidden])").wait_for()

    def ids(self) -> list[str]:
        return [str(one.get_attribute("data-product")) for one in self.find(CARDS).all()]

    def said(self) -> str:
        return str(self.find(".said").inner_text())

    def chips(self) -> list[str]:
        return [str(chip.inner_text()).strip() for chip in self.find(".chip").all()]

    def open_filters(self) -> None:
        """Show the filters, which lie in a sheet on a phone."""
        if not self.find(".filters").is_visible():
            self.find(".tools .button").first.click()

    def tick(self, name: str) -> None:
        self.find("label.tick").filter(has_text=name).first.locator("input").click()
        self.settle()

    def picture(self, name: str) -> None:
        if SCREENSHOTS is not None:
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(400)
            self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


@contextmanager
def open_page(browser: Any, url: str, **options: Any) -> Iterator[SearchPage]:
    """Open a page, at a desk where the options do not say otherwise, and check that nothing failed in it."""
    context = browser.new_context(**{**DESK, **options})
    page = SearchPage(context.new_page())
    try:
        page.page.goto(url)
        page.find(".samples button").first.wait_for(state="attached")
        yield page
        assert page.problems == []
    finally:
        context.close()
