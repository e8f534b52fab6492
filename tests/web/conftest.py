"""A service with a drawn shop, and a browser that opens its page. Without a browser these tests are skipped."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shoplens import Shop
from shoplens.rendered import render_catalogue
from tests.service.service_process import run_service
from tests.web.element.shop_site import ShopSite
from tests.web.pages import PHONE, SearchPage, open_page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
PRODUCTS, SOLD_OUT, WITHOUT_ADDRESS = 30, 1, 2
"""Number of products; the second design is sold out, and the third has no address."""


OTHER_FORMATS = (".png", ".webp")
"""Formats of the first products' photos; all others are JPEG."""


def convert(folder: Path, name: str, suffix: str) -> str:
    """Save a photo in another format, with a date in its metadata, and return its new name."""
    exif = Image.Exif()
    exif[0x0132] = "2026:01:01 00:00:00"
    with Image.open(folder / name) as photo:
        photo.convert("RGB").save((folder / name).with_suffix(suffix), exif=exif)
    return str(Path(name).with_suffix(suffix))


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
    """Return a folder with the ``store`` of 30 drawn products, and
    ``query.jpg``, a phone photo of one of them."""
    folder = tmp_path_factory.mktemp("drawn")
    catalogue = render_catalogue(folder, PRODUCTS, queries=1)
    assert catalogue.queries_file is not None
    shutil.copy(next((catalogue.queries_file.parent / "queries").glob("*.jpg")), folder / "query.jpg")
    rows = [json.loads(line) for line in catalogue.feed.read_text("utf-8").splitlines()]
    designs = list(dict.fromkeys(row["group_id"] for row in rows))
    for row in rows:
        row["in_stock"] = row["group_id"] != designs[SOLD_OUT]
        if row["group_id"] != designs[WITHOUT_ADDRESS]:
            row["url"] = f"https://shop.example/{row['id']}"
    for row, suffix in zip(rows, OTHER_FORMATS, strict=False):
        row["photos"] = [convert(folder, row["photos"][0], suffix), *row["photos"][1:]]
    catalogue.feed.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    Shop.index(folder / "catalogue.jsonl", folder / "store")[0].close()
    return folder


@pytest.fixture(scope="session")
def shop_site() -> Iterator[ShopSite]:
    """Serve pages of the shop on an origin of their own, which may use the service."""
    with ShopSite() as site:
        yield site


@pytest.fixture(scope="session")
def address(drawn_shop: Path, shop_site: ShopSite) -> Iterator[str]:
    with run_service(drawn_shop / "store", "--rate-limit", "0", "--remember", "--cors", shop_site.origin) as service:
        yield service.address


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[SearchPage]:
    """Open the page at a desk; its console errors and exceptions fail the test, except for failed requests."""
    with open_page(browser, address, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


@pytest.fixture
def phone(browser: Any, address: str) -> Iterator[SearchPage]:
    """Open the page on a phone."""
    with open_page(browser, address, **PHONE) as page:
        yield page
