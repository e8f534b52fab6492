"""A service with a drawn shop, and a browser that opens its page. Without a browser these tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens import Shop
from shoplens.rendered import render_catalogue
from tests.cli.pixel_shop import index_pixel_shop
from tests.service.service_process import run_service

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
        pytest.skip("There is no Chromium. Install it, or set CHROMIUM to its path.")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engines:
        browser = engines.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def drawn_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the ``store`` of 30 drawn products, and ``query.jpg``, a phone photo of one of them."""
    folder = tmp_path_factory.mktemp("drawn")
    catalogue = render_catalogue(folder, 30, queries=1)
    assert catalogue.queries_file is not None
    shutil.copy(next((catalogue.queries_file.parent / "queries").glob("*.jpg")), folder / "query.jpg")
    Shop.index(folder / "catalogue.jsonl", folder / "store")[0].close()
    return folder


@pytest.fixture
def small_shop_address(tmp_path: Path) -> Iterator[str]:
    """Yield the address of a shop with so few products that its map is drawn at once."""
    index_pixel_shop(tmp_path, 14, 1)
    with run_service(tmp_path / "store", "--model", str(tmp_path / "model.onnx")) as service:
        yield service.address


@pytest.fixture(scope="session")
def address(drawn_shop: Path) -> Iterator[str]:
    with run_service(drawn_shop / "store", "--rate-limit", "0", "--remember") as service:
        yield service.address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Open the page; its console errors and exceptions fail the test, except for error responses of the service."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    problems: list[str] = []

    def collect(message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            problems.append(message.text)

    page.on("console", collect)
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.goto(address)
    page.locator(".slider").first.wait_for(state="attached")
    yield page
    context.close()
    assert problems == []
