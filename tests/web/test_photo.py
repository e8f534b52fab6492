"""The shopper's photo: what is sent of it, the things in it, and the part that is searched for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from shoplens.rendered import ProductSpec
from shoplens.rendered.scene_photo import scene_photo
from tests.web.pages import CARDS, SearchPage

CLEAN = """async (data) => {
  const { removeMetadata } = await import("/web/search/session.js");
  const clean = removeMetadata(Uint8Array.from(data));
  return clean && [...clean];
}"""


def photo_with_metadata(kind: str) -> bytes:
    picture = Image.effect_noise((64, 48), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x010E], exif[0x0132] = "SECRET PLACE", "2026:01:01 00:00:00"
    if kind == "JPEG":
        exif[0x0112] = 6
    stream = io.BytesIO()
    picture.save(stream, kind, exif=exif, **({"comment": b"SECRET NOTE"} if kind == "JPEG" else {}))
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_metadata_is_removed_and_pixels_and_orientation_stay(page: SearchPage, kind: str) -> None:
    before = photo_with_metadata(kind)
    clean = bytes(page.page.evaluate(CLEAN, list(before)))
    assert b"SECRET" in before and b"SECRET" not in clean and len(clean) < len(before)
    pictures = [Image.open(io.BytesIO(data)) for data in (before, clean)]
    assert pictures[0].tobytes() == pictures[1].tobytes()
    assert pictures[1].getexif().get(0x0112) == (6 if kind == "JPEG" else None)


def test_a_video_behind_a_photo_is_not_sent(page: SearchPage, drawn_shop: Path) -> None:
    photo = (drawn_shop / "query.jpg").read_bytes()
    clean = bytes(page.page.evaluate(CLEAN, list(photo + b"\0\0\0\x18ftypmp42" * 9)))
    assert clean.endswith(b"\xff\xd9") and len(clean) <= len(photo)
    assert page.page.evaluate(CLEAN, [1, 2, 3]) is None


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_photo_of_the_catalogue_is_recognised(page: SearchPage, drawn_shop: Path, suffix: str) -> None:
    with page.page.expect_response("**/v1/search") as response:
        page.upload(next((drawn_shop / "photos").glob(f"*{suffix}")))
    assert response.value.json()["results"][0]["same_photo"] is True
    assert page.find(f"{CARDS} .flag.exact").first.inner_text() == "This is it"
    page.find(".because").first.click()
    assert page.find(".why .sentence").inner_text() == "This very photo is in the shop."


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return a photo of two things, and where they are."""
    things = [
        ProductSpec("beanie", "red", "solid", "knit", "white", "cuffed"),
        ProductSpec("backpack", "green", "solid", "canvas", "brown", "classic"),
    ]
    drawn = scene_photo(things, seed=4)
    path = tmp_path_factory.mktemp("scene") / "two.png"
    drawn.picture.save(path)
    return path, drawn


def test_each_thing_has_a_spot_that_searches_for_it_alone_and_is_sent_once(
    phone: SearchPage, scene: tuple[Path, Any]
) -> None:
    phone.upload(scene[0])
    phone.find(".spot").nth(1).wait_for()
    for place in (1, 2):
        with phone.page.expect_response("**/v1/search") as response:
            phone.button(f"Search for thing {place} of 2 only").tap()
        phone.settle()
        x, _, width, _ = response.value.json()["query"]["region"]
        assert min(abs(x - box.x) + abs(width - box.width) for box in scene[1].boxes) < 60
        assert phone.find(".spot").count() == 2 and phone.find(".frame").count() == 1
    phone.picture("things")
    sent = len(phone.searches)
    phone.button("Search for thing 1 of 2 only").tap()
    phone.settle()
    phone.button("Search for thing 1 of 2 only").tap()  # once more: the whole photo
    phone.settle()
    assert phone.find(".frame").count() == 0 and len(phone.searches) == sent


def test_a_part_is_drawn_moved_by_keys_and_kept_after_more_like_this(page: SearchPage, drawn_shop: Path) -> None:
    page.upload(drawn_shop / "query.jpg")
    page.button("Choose a part of the photo").click()
    area = page.find(".stage .crop").bounding_box()
    page.page.mouse.move(area["x"] + 0.2 * area["width"], area["y"] + 0.3 * area["height"])
    page.page.mouse.down()
    page.page.mouse.move(area["x"] + 0.7 * area["width"], area["y"] + 0.8 * area["height"], steps=3)
    page.page.mouse.up()
    page.picture("crop")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Shift+ArrowDown")
    with page.page.expect_response("**/v1/search") as response:
        page.button("Done").click()
    page.settle()
    region = response.value.json()["query"]["region"]
    with Image.open(drawn_shop / "query.jpg") as photo:
        width, height = photo.size
    assert region[0] == pytest.approx(0.22 * width, abs=0.02 * width)
    assert region[3] == pytest.approx(0.52 * height, abs=0.02 * height)
    frame = page.find(".frame").get_attribute("style")
    page.find(CARDS).first.locator(".similar").click()
    page.settle()
    page.page.go_back()
    page.find(".frame").wait_for()
    assert page.find(".frame").get_attribute("style") == frame


def test_the_photo_lets_a_swipe_scroll_the_page(phone: SearchPage, drawn_shop: Path) -> None:
    phone.upload(drawn_shop / "query.jpg")
    touched = ".strip, .strip .photo, .strip .shown, .strip img, .spot"
    assert phone.find(touched).evaluate_all("all => all.every((one) => getComputedStyle(one).touchAction === 'auto')")
    sent = len(phone.searches)
    phone.find(".strip .photo").tap(position={"x": 4, "y": 4})
    phone.find(".modal").wait_for()
    phone.button("Done").tap()
    phone.find(".modal").wait_for(state="detached")
    assert len(phone.searches) == sent, "a tap alone does not search"


def test_a_file_that_is_no_photo_does_not_keep_the_wrong_photo_over_the_results(
    page: SearchPage, drawn_shop: Path, tmp_path: Path
) -> None:
    page.upload(drawn_shop / "query.jpg")
    (tmp_path / "notes.jpg").write_text("no photo at all")
    page.upload(tmp_path / "notes.jpg")
    page.find(".said").filter(has_text="We cannot read this photo.").wait_for()
    assert page.find(".strip img").count() == 0 and page.ids() == []
    page.page.go_back()
    page.find(CARDS).first.wait_for()
    assert page.find(".strip img").count() == 1


def test_a_heic_photo_is_searched_and_shown_without_another_one(
    page: SearchPage, drawn_shop: Path, tmp_path: Path
) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    page.upload(drawn_shop / "query.jpg")
    with Image.open(drawn_shop / "query.jpg") as photo:
        pillow_heif.from_pillow(photo.convert("RGB")).save(tmp_path / "photo.heic")
    page.upload(tmp_path / "photo.heic")
    page.find(CARDS).first.wait_for()
    assert page.find(".strip img").count() == 0 and "Your photo" in page.find(".strip").inner_text()
