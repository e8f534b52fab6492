"""What shoppers see when something fails: limits, restarts, no connection, slow lines, and missing keys."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from shoplens.service.keys import Keys
from tests.service.service_process import run_service
from tests.web.pages import CARDS, DESK, SearchPage, open_page


def refuse(page: SearchPage, times: int, **response: Any) -> list[int]:
    """Let the next searches fail, and return how many did."""
    failed: list[int] = []

    def answer(route: Any) -> None:
        if len(failed) < times:
            failed.append(1)
            route.fulfill(**response)
        else:
            route.continue_()

    page.page.route("**/v1/search", answer)
    return failed


def error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "problem": "Wait for the seconds of Retry-After.", "fix": "Do."}}


@pytest.mark.parametrize(("status", "code"), [(429, "too-many-requests"), (503, "busy")])
def test_a_limit_is_waited_out_in_words_for_shoppers(
    page: SearchPage, drawn_shop: Path, status: int, code: str
) -> None:
    failed = refuse(page, 1, status=status, headers={"Retry-After": "1"}, json=error(code))
    page.find("input[type=file]").set_input_files(drawn_shop / "query.jpg")
    page.find(".said").filter(has_text="Many people are searching right now. We try again in 1 s.").wait_for()
    page.find(CARDS).first.wait_for()
    assert failed == [1] and "Retry" not in page.said()


def test_a_photo_that_a_busy_service_refuses_is_loaded_again(page: SearchPage, drawn_shop: Path) -> None:
    refused: list[str] = []

    def answer(route: Any) -> None:
        if "width=384" in route.request.url and len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503, json=error("busy"))
        else:
            route.continue_()

    page.page.route("**/v1/photos/**", answer)
    page.upload(drawn_shop / "query.jpg")
    is_shown = "images => images.slice(0, 4).every((one) => one.naturalWidth && one.style.visibility === '')"
    for _ in range(50):
        page.page.wait_for_timeout(100)
        if page.find(f"{CARDS} img").evaluate_all(is_shown):
            break
    assert page.find(f"{CARDS} img").evaluate_all(is_shown) and len(refused) == 2


def test_an_unknown_error_is_a_sentence_and_can_be_tried_again(page: SearchPage, drawn_shop: Path) -> None:
    refuse(page, 1, status=500, json=error("unforeseen"))
    page.upload(drawn_shop / "query.jpg")
    assert page.said() == "Something went wrong on our side. Please try again."
    page.button("Try again").click()
    page.find(CARDS).first.wait_for()


def test_an_offline_phone_searches_as_soon_as_it_is_back(phone: SearchPage, drawn_shop: Path) -> None:
    phone.upload(drawn_shop / "query.jpg")
    phone.page.context.set_offline(True)
    phone.open_filters()
    phone.find("label.tick input").first.click()
    phone.find(".said").filter(has_text="You are offline. We search as soon as you are back.").wait_for()
    phone.page.context.set_offline(False)
    phone.find(".app[aria-busy=false]").wait_for()
    assert phone.ids() and len(phone.chips()) == 1


@pytest.mark.thorough
def test_a_restarted_service_gets_the_photo_again(browser: Any, drawn_shop: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn_shop / "store", tmp_path / "store")
    with run_service(tmp_path / "store", "--rate-limit", "0") as service:
        port = str(service.port)
        context = browser.new_context(**DESK)
        page = SearchPage(context.new_page())
        page.page.goto(service.address)
        page.upload(drawn_shop / "query.jpg")
        before = page.ids()
    page.find("label.tick input").first.click()
    page.find(".said").filter(has_text="The shop does not answer. We keep trying.").wait_for()
    with run_service(tmp_path / "store", "--rate-limit", "0", "--port", port):
        page.find(".app[aria-busy=false]").wait_for(timeout=20_000)
        assert page.ids() and set(page.ids()) <= {*before, *page.ids()} and len(page.chips()) == 1
        assert page.searches[-1] == "", "the photo was sent again"
    context.close()


@pytest.mark.thorough
def test_on_a_line_of_50_kb_a_second_the_photo_stands_at_once_and_results_come(
    browser: Any, address: str, drawn_shop: Path
) -> None:
    with open_page(browser, address) as page:
        session = page.page.context.new_cdp_session(page.page)
        line = {"offline": False, "latency": 100, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", line)
        page.find("input[type=file]").set_input_files(drawn_shop / "query.jpg")
        page.find(".strip img").wait_for(timeout=3_000)
        assert page.find(".skeleton").count() > 0 and page.find(".sweep").count() == 1
        page.find(CARDS).first.wait_for(timeout=30_000)


def test_a_folder_that_is_dropped_is_no_photo_rather_than_no_connection(page: SearchPage, drawn_shop: Path) -> None:
    page.page.evaluate("Blob.prototype.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('a folder')) })")
    page.find("input[type=file]").set_input_files({"name": "folder", "mimeType": "", "buffer": b"nothing"})
    page.find(".start [role=alert]").filter(has_text="photo").wait_for()
    assert page.searches == []


def test_where_a_key_is_needed_the_page_takes_one_by_address_by_hand_or_by_setting(
    browser: Any, drawn_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn_shop / "store", tmp_path / "store")
    key, _ = Keys(tmp_path / "store").create("page", "search")
    monkeypatch.setenv("SHOPLENS_OPEN_SEARCH", "false")
    with run_service(tmp_path / "store", "--rate-limit", "0") as service:
        with open_page(browser, f"{service.address}/?key={key}") as page:
            assert "key" not in page.page.url
            page.upload(drawn_shop / "query.jpg")
            assert page.ids()
            page.page.reload()
            page.find(CARDS).first.wait_for()
        context = browser.new_context(**DESK)
        page = SearchPage(context.new_page())
        page.page.goto(service.address)
        page.page.get_by_label("Key", exact=True).fill("sl_wrong")
        page.page.get_by_label("Key", exact=True).press("Enter")
        page.page.get_by_text("There is no such key.").wait_for()
        page.page.get_by_label("Key", exact=True).fill(key)
        page.page.get_by_label("Key", exact=True).press("Enter")
        page.find(".samples button").first.wait_for()
        context.close()
    monkeypatch.setenv("SHOPLENS_PAGE_KEY", key)
    monkeypatch.setenv("SHOPLENS_SHOP_NAME", "Kleine & Große Dinge")
    monkeypatch.setenv("SHOPLENS_SHOP_ACCENT", "#b3261e")
    with (
        run_service(tmp_path / "store", "--rate-limit", "0") as service,
        open_page(browser, service.address) as page,
    ):
        assert page.page.title() == "Kleine & Große Dinge" == page.find("#brand").inner_text()
        color = page.find(".start .primary").evaluate("element => getComputedStyle(element).backgroundColor")
        assert color == "rgb(179, 38, 30)"
