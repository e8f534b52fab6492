"""Shoppers search on the page: the cold start, the results, a card, and why a product is there."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.web.pages import CARDS, SearchPage


def test_the_cold_start_has_the_ways_to_give_a_photo_and_samples_and_nothing_else(page: SearchPage) -> None:
    assert page.find("h2:visible").all_inner_texts() == ["Find it with a photo"]
    assert [one.inner_text() for one in page.find(".start .actions button").all()] == ["Choose a photo", "Take a photo"]
    assert 4 <= page.find(".start .samples button").count() <= 6
    assert page.find(".session").is_hidden()


def test_on_phones_the_camera_comes_first(phone: SearchPage) -> None:
    assert phone.find(".start .actions button").first.inner_text() == "Take a photo"


def test_a_sample_searches_as_if_a_shopper_had_sent_it_and_is_recognised(page: SearchPage) -> None:
    sample = page.find(".start .samples button").first
    title = str(sample.get_attribute("title"))
    sample.click()
    page.find(CARDS).first.wait_for()
    assert page.find(".strip img").count() == 1 and title in page.find(f"{CARDS} h3").all_inner_texts()


def test_a_photo_finds_products_of_different_designs_sold_out_ones_last(page: SearchPage, drawn_shop: Path) -> None:
    with page.page.expect_response("**/v1/search") as response:
        page.upload(drawn_shop / "query.jpg")
    results = response.value.json()["results"]
    assert page.ids() == [result["product_id"] for result in results] and len(results) > 5
    groups = [result["group_id"] for result in results]
    assert len(set(groups)) == len(groups)
    stock = [result["in_stock"] for result in results]
    assert stock[-1] is False and stock.count(False) == 1
    assert page.find(f"{CARDS}.out .flag").all_inner_texts() == ["Sold out"]
    page.picture("results")


def test_a_card_shows_price_with_currency_and_the_colours_of_its_design(page: SearchPage, drawn_shop: Path) -> None:
    with page.page.expect_response("**/v1/search") as response:
        page.upload(drawn_shop / "query.jpg")
    results = response.value.json()["results"]
    place = next(number for number, one in enumerate(results) if len(one["variants"]) > 1)
    card = page.find(CARDS).nth(place)
    assert card.locator(".price").inner_text().startswith("€")
    colours = [variant["color"] for variant in results[place]["variants"]]
    assert card.locator(".dots").get_attribute("aria-label") == f"{len(colours)} colours: {', '.join(colours)}"
    known = [variant for variant in results[place]["variants"] if variant["swatch"]]
    assert card.locator(".dots i").count() == min(5, len(known)) > 0


def test_a_whole_card_is_a_link_and_one_without_an_address_searches_for_more_like_it(
    page: SearchPage, drawn_shop: Path
) -> None:
    page.upload(drawn_shop / "query.jpg")
    clicked: list[str] = []
    page.page.on("request", lambda sent: clicked.append(sent.url) if "/v1/feedback" in sent.url else None)
    card = page.find(f"{CARDS}:has(a.open)").first
    address = str(card.locator("a.open").get_attribute("href"))
    page.page.route("https://shop.example/**", lambda route: route.fulfill(body="the product"))
    card.click(position={"x": 20, "y": 20})
    page.page.wait_for_url(address)
    assert len(clicked) == 1
    page.page.go_back()
    page.find(CARDS).first.wait_for()
    without = page.find(f"{CARDS}:has(button.open)")
    assert without.count() == 1
    title = without.first.locator("h3").inner_text()
    with page.page.expect_response("**/v1/search"):
        without.first.click(position={"x": 20, "y": 20})
    page.settle()
    assert title in page.find(".strip").inner_text()


def test_why_is_a_sentence_with_the_parts_of_the_score_and_the_matching_places(
    page: SearchPage, drawn_shop: Path
) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.find(".because").first.click()
    why = page.find(".why")
    sentence = why.locator(".sentence").inner_text()
    assert ("the same" in sentence.lower() or "a similar" in sentence.lower()) and sentence.endswith(".")
    parts = [float(str(one.get_attribute("data-part"))) for one in why.locator(".amount").all()]
    score = float(why.locator("p.small").inner_text().split()[4])
    assert sum(parts) == pytest.approx(score, abs=0.01)
    with page.page.expect_response("**/v1/regions") as response:
        why.get_by_role("button", name="Show where they match").click()
    why.locator("figure").nth(1).wait_for()
    dots = [figure.locator(".dot").count() for figure in why.locator("figure").all()]
    assert dots[0] == dots[1] == min(8, len(response.value.json()["points"])) > 2
    page.picture("why")
    page.page.keyboard.press("Escape")
    why.wait_for(state="detached")
    assert page.page.evaluate("document.activeElement.shadowRoot.activeElement.className") == "because"


def test_more_like_this_keeps_the_filters_in_sight(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.find(".range input").nth(1).fill("60")
    with page.page.expect_response("**/v1/search"):
        page.find(".range input").nth(1).press("Enter")
    page.settle()
    third = page.ids()[2]
    with page.page.expect_response("**/v1/search"):
        page.find(CARDS).nth(2).locator(".similar").click()
    page.settle()
    assert third not in page.ids() and page.chips() == ["under €60"]
    assert page.find(".strip p").inner_text().startswith("Like “")


def test_colour_matters_more_ranks_anew_without_another_upload(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    before = page.ids()
    with page.page.expect_response("**/v1/search") as response:
        page.find(".choice label").filter(has_text="more").click()
    page.settle()
    assert response.value.json()["importances"]["color"] > 0.3
    assert page.ids() != before and page.searches[0] == "" and page.searches[1] != ""


def test_the_numbers_are_behind_advanced(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    assert page.find(".slider:visible").count() == 0
    page.find("summary").filter(has_text="Advanced").click()
    slider = page.find(".slider input").first
    with page.page.expect_response("**/v1/search") as response:
        slider.fill("4")
    page.settle()
    assert response.value.json()["importances"]["look"] > 0.4
    page.find("form .words input").nth(-1).fill("price > 50")
    with page.page.expect_response("**/v1/search"):
        page.find("form .words input").nth(-1).press("Enter")
    page.settle()
    assert page.chips() == ["price > 50"]


def test_words_steer_a_photo_and_each_can_be_taken_back(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    before = page.ids()
    page.say("in blue, under 80, flurbel")
    assert page.ids() != before and len(page.chips()) == 3 and "not understood" in page.chips()[2]
    for left in (2, 1, 0):
        page.find(".chip button").first.click()
        page.settle()
        assert len(page.chips()) == left
    assert page.chips() == [] and page.ids() == before
    assert page.searches[0] == "" and "" not in page.searches[1:]


def test_words_alone_search(page: SearchPage) -> None:
    page.find(".start .words input").fill("red, under 40")
    page.find(".start .words input").press("Enter")
    page.find(CARDS).first.wait_for()
    assert page.said() == "Closest to your words" and page.find(".strip").is_hidden()


def test_a_photo_can_be_pasted_dropped_and_taken(page: SearchPage, drawn_shop: Path) -> None:
    data = base64.b64encode((drawn_shop / "query.jpg").read_bytes()).decode()
    send_photo = """([kind, data]) => {
      const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "p.jpg", { type: "image/jpeg" }));
      const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
        : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.body.dispatchEvent(event);
    }"""
    for kind in ("paste", "drop"):
        with page.page.expect_response("**/v1/search"):
            page.page.evaluate(send_photo, [kind, data])
        page.settle()
        assert page.ids()
        page.button("New photo").click()
    page.button("Take a photo").click()
    page.find(".camera video").evaluate(
        "video => new Promise((ready) => { if (video.videoWidth) ready(); else video.onplaying = ready; })"
    )
    page.picture("camera")
    with page.page.expect_response("**/v1/search"):
        page.button("Take the photo").click()
    page.settle()
    assert page.find(".strip img").count() == 1 and page.find(".camera").count() == 0


def test_an_address_is_fetched_by_the_service(page: SearchPage) -> None:
    sent: list[Any] = []

    def answer(route: Any) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(status=422, json={"error": {"code": "fetch-failed", "problem": "x", "fix": "y"}})

    page.page.route("**/v1/search", answer)
    page.find(".start .words input").fill("https://pictures.example/dress.jpg")
    page.find(".start .words input").press("Enter")
    page.find(".said").filter(has_text="cannot load a photo from this address").wait_for()
    assert sent[0]["url"] == "https://pictures.example/dress.jpg" and "text" not in sent[0]


def test_a_photo_without_a_product_has_a_friendly_screen(page: SearchPage, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200)).save(tmp_path / "black.png")
    page.upload(tmp_path / "black.png")
    assert page.find(".empty h2").inner_text() == "We see no product in this photo"
    assert page.ids() == [] and page.find(".spot").count() == 0
    assert page.find(".empty .samples button").count() >= 4 and page.button("Take a photo").is_visible()
    page.picture("no-product")


def test_further_results_follow_and_none_is_shown_twice(page: SearchPage) -> None:
    page.find(".start .words input").fill("red or blue or green")
    page.find(".start .words input").press("Enter")
    page.find(CARDS).first.wait_for()
    first = page.ids()
    if page.button("Show more").is_visible():
        page.button("Show more").click()
        page.settle()
    assert page.ids()[: len(first)] == first and len(set(page.ids())) == len(page.ids())


def test_pages_end_at_500_with_a_sentence(page: SearchPage, drawn_shop: Path) -> None:
    """The shop is small, so its answer is repeated under other ids until it is as long as the last page may be."""

    def answer(route: Any) -> None:
        response = route.fetch()
        document = response.json()
        one = document["results"][0]
        document["results"] = [{**one, "product_id": f"p{number}"} for number in range(500)]
        route.fulfill(response=response, json={**document, "next_offset": None})

    page.page.route("**/v1/search", answer)
    page.upload(drawn_shop / "query.jpg")
    assert page.find("text=These are the 500 most similar products.").count() == 1
    assert page.button("Show more").count() == 0


def test_results_are_sorted_by_price(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    with page.page.expect_response("**/v1/search") as response:
        page.find(".tools select").select_option("price")
    page.settle()
    price = {one["product_id"]: (not one["in_stock"], one["price"]) for one in response.value.json()["results"]}
    assert page.ids() == sorted(page.ids(), key=price.__getitem__)


def test_texts_of_products_are_not_markup(page: SearchPage) -> None:
    """A title with markup is shown as text, and an address that is a script becomes no link."""
    result = page.page.evaluate(
        """async () => {
          const { createCard } = await import("/web/search/session.js");
          const { Texts } = await import("/web/search/mount.js");
          const app = { texts: await Texts.load("en"), service: { photoAddress: () => "" }, query: {}, shop: {} };
          const title = "<img src=x onerror=alert(1)>", url = "javascript:alert(1)";
          const rest = { product_id: "x", price: 1, currency: "NOPE!", photo: "", category: [], brand: "<b>" };
          const product = { title, url, ...rest };
          const { element } = createCard(app, product, {}, 9);
          return [element.querySelectorAll("h3 img, a, b").length, element.querySelector("h3").textContent];
        }"""
    )
    assert result == [0, "<img src=x onerror=alert(1)>"]


def test_all_requests_go_to_the_service(page: SearchPage, address: str, drawn_shop: Path) -> None:
    urls: list[str] = []
    page.page.on("request", lambda request: urls.append(request.url))
    page.page.reload()
    page.upload(drawn_shop / "query.jpg")
    page.page.wait_for_load_state("networkidle")
    assert urls and all(url.startswith((address, "blob:", "data:")) for url in urls)
