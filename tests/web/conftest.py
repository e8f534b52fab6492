"""A drawn shop that is served, and a browser that looks at it. Without a browser these tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.rendered import render_catalogue
from tests.cli.test_check import pixel_shop
from tests.service.serving import serving

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        pytest.skip("no chromium: install it, or name it in CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as made:
        browser = made.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ``store`` of 30 drawn products, and ``asked.jpg``, a phone photo of one of them."""
    folder = tmp_path_factory.mktemp("drawn")
    made = render_catalogue(folder, 30, queries=1)
    assert made.queries_file is not None
    shutil.copy(next((made.queries_file.parent / "queries").glob("*.jpg")), folder / "asked.jpg")
    Shop.index(folder / "catalogue.jsonl", folder / "store")[0].close()
    return folder


@pytest.fixture
def few(tmp_path: Path) -> Iterator[str]:
    """Address of a shop of so few products that its map takes no time."""
    pixel_shop(tmp_path, 14, 1)
    with serving(tmp_path / "store", "--model", str(tmp_path / "model.onnx")) as served:
        yield served.address


@pytest.fixture(scope="session")
def address(drawn: Path) -> Iterator[str]:
    with serving(drawn / "store", "--rate-limit", "0", "--remember") as served:
        yield served.address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page, open; anything that it complains of fails the test, but for answers that say no."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    problems: list[str] = []

    def complained(told: Any) -> None:
        if told.type == "error" and not told.text.startswith("Failed to load resource"):
            problems.append(told.text)

    page.on("console", complained)
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.goto(address)
    page.locator(".slider").first.wait_for(state="attached")
    yield page
    context.close()
    assert problems == []
