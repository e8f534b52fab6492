"""What explains an answer: the mask, the view that decided, the places that match, and their pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shoplens import Region, Shop, Steering
from shoplens.errors import InvalidValue
from shoplens.search.answer_json import as_json
from shoplens.search.objects.match_regions import match_regions
from shoplens.search.objects.views import deciding_view
from shoplens.types import Product, Result
from tests.cli.command_line import run_command
from tests.fakes import ColourEmbedder, feed_of, photo, row
from tests.search.objects.conftest import SETTINGS, Scenes, overlap

EXPLAIN = Steering(explain=True)


def result(rank: int, look: float, thing: float, *, same_photo: bool = False) -> Result:
    product = Product(id=f"p{rank}", title="P", photos=("p.png",))
    parts = {"look": look, "object": thing}
    return Result(rank, product, look + thing, "p.png", parts, same_photo=same_photo)


def test_the_view_that_decides_is_the_one_by_which_the_first_result_leads() -> None:
    assert deciding_view([result(1, 0.5, 0.3), result(2, 0.5, 0.1)]) == "object"
    assert deciding_view([result(1, 0.5, 0.1), result(2, 0.2, 0.3)]) == "whole"
    assert deciding_view([result(1, 0.5, 0.1)]) == "whole"
    assert deciding_view([result(1, 0.5, 0.1), result(2, 0.5, 0.1)]) is None
    assert deciding_view([result(1, 0.5, 0.1, same_photo=True)]) is None
    assert deciding_view([]) is None


def test_the_mask_and_the_share_are_in_the_answer_when_reasons_are_asked_for(scenes: Scenes, shop: Shop) -> None:
    plain = as_json(shop.search(scenes.folder / "two.png"))["query"]
    assert (plain["mask"], plain["object_share"], plain["view"]) == (None, None, None)
    answer = shop.search(scenes.folder / "two.png", steering=EXPLAIN)
    explained = as_json(answer)["query"]
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(explained["mask"]))).getchannel("A"))
    assert mask.shape == (65, 65) and answer.view in ("whole", "object", None)
    assert explained["object_share"] == pytest.approx((mask > 127).mean())
    covered = sum(box.width * box.height for box in scenes.boxes) / (640 * 480)
    assert 0.4 * covered < explained["object_share"] < 1.1 * covered
    for box in scenes.boxes:
        middle = mask[round((box.y + box.height / 2) / 480 * 65), round((box.x + box.width / 2) / 640 * 65)]
        assert middle > 127


def test_a_match_names_the_right_thing_and_places_in_both_photos(scenes: Scenes, shop: Shop) -> None:
    for product, box in zip(("beanie", "backpack"), scenes.boxes, strict=True):
        matched = shop.explanations.match_regions(scenes.folder / "two.png", product)
        assert matched is not None and overlap(matched.query, box) > 0.6
        assert 4 <= len(matched.points) <= 12
        near = 0
        for point in matched.points:
            assert point.similarity >= 0.4
            shares = [
                np.array([(x - part.x) / part.width, (y - part.y) / part.height])
                for (x, y), part in ((point.query, matched.query), (point.product, matched.product))
            ]
            near += bool(np.hypot(*(shares[0] - shares[1])) < 0.25)
        assert near >= 0.6 * len(matched.points)


def test_a_match_of_a_region_is_in_pixels_of_the_whole_photo(scenes: Scenes, shop: Shop) -> None:
    right = Region(330, 0, 310, 480)
    matched = shop.explanations.match_regions(scenes.folder / "two.png", "backpack", region=right)
    assert matched is not None and overlap(matched.query, scenes.boxes[1]) > 0.6
    assert all(point.query[0] >= 330 for point in matched.points)


def test_a_photo_of_nothing_matches_nowhere(scenes: Scenes, shop: Shop) -> None:
    assert shop.explanations.match_regions(scenes.folder / "none.png", "beanie") is None


def test_what_cannot_be_explained_is_an_error(scenes: Scenes, shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue) as unknown:
        shop.explanations.match_regions(scenes.folder / "two.png", "beanie", product_photo="gone.png")
    assert unknown.value.code == "unknown-photo"
    feed = feed_of(tmp_path / "feed.jsonl", [row("red", photo(tmp_path / "red.png", (200, 0, 0)).name)])
    with Shop.index(feed, tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS)[0] as other:
        with pytest.raises(InvalidValue) as no_maps:
            other.explanations.match_regions(tmp_path / "red.png", "red")
        with pytest.raises(InvalidValue) as no_objects:
            other.explanations.draw_objects(tmp_path / "red.png")
    assert (no_maps.value.code, no_objects.value.code) == ("no-maps", "no-objects")


def test_pictures_fade_what_is_no_object_and_stand_side_by_side(scenes: Scenes, shop: Shop) -> None:
    original = np.asarray(Image.open(scenes.folder / "two.png"), int)
    drawn = np.asarray(shop.explanations.draw_objects(scenes.folder / "two.png"), int)
    assert drawn.shape == original.shape
    box = scenes.boxes[0]
    y, x = box.y + box.height // 2, box.x + box.width // 2
    assert np.abs(drawn[y, x] - original[y, x]).max() < 40 and drawn[5, 5].min() > original[5, 5].min() + 30
    picture = shop.explanations.draw_match(scenes.folder / "two.png", "beanie")
    assert picture.height == 600 and picture.width > 800
    blank = shop.explanations.draw_objects(scenes.folder / "none.png")
    assert blank.getextrema() == ((0, 0), (0, 0), (0, 0))


def test_the_command_line_explains_and_writes_pictures(scenes: Scenes, tmp_path: Path) -> None:
    store = tmp_path / "store"
    Shop.index(scenes.folder / "feed.jsonl", store, settings=SETTINGS)[0].close()
    options = ("search", scenes.folder / "two.png", "--store", store, "-k", 2)
    run = run_command(*options, "--explain", "--mask", tmp_path / "mask.png", "--regions", tmp_path / "regions.jpg")
    assert run.code == 0 and "The thing in the photo covers" in run.err
    with Image.open(tmp_path / "mask.png") as mask, Image.open(tmp_path / "regions.jpg") as regions:
        assert mask.size == (640, 480) and regions.height == 600
    refused = run_command(*options, "--mask", tmp_path / "mask.unknown", "--json")
    assert refused.json["error"]["code"] == "invalid-value"
    told = run_command(*options, "--mask", tmp_path / "mask.unknown")
    assert told.code == refused.code and "backpack" in told.out, "the answer is not lost with the picture"
    nothing = run_command("search", "--like", "tee", "--store", store, "--mask", tmp_path / "no.png", "--json")
    assert nothing.json["error"]["code"] == "invalid-value"


def test_matches_are_computed_by_whatever_gives_the_maps() -> None:
    """Two photos with the same four marks; the maps are the photos themselves."""
    from shoplens.embedders.graph.map_network import PhotoMaps

    def compute(pixels: np.ndarray) -> PhotoMaps:
        small = np.asarray(Image.fromarray(pixels).resize((8, 8), Image.Resampling.BOX), np.float32)
        mask = np.zeros((8, 8), np.float32)
        mask[small.max(axis=2) > 30] = 1.0
        return PhotoMaps((small.transpose(2, 0, 1),), mask)

    marks = np.zeros((80, 80, 3), np.uint8)
    for number, colour in enumerate(((250, 40, 40), (40, 250, 40), (40, 40, 250), (250, 250, 40))):
        row_, column = divmod(number, 2)
        marks[20 + 20 * row_ : 40 + 20 * row_, 20 + 20 * column : 40 + 20 * column] = colour
    mirrored = np.ascontiguousarray(marks[:, ::-1])
    matched = match_regions(marks, mirrored, compute)
    assert matched is not None and matched.query == Region(20, 20, 40, 40)
    assert len(matched.points) >= 4
    colours = [
        (tuple(marks[point.query[1], point.query[0]]), tuple(mirrored[point.product[1], point.product[0]]))
        for point in matched.points
    ]
    assert len({one for one, _ in colours} - {(0, 0, 0)}) == 4
    assert sum(one == two for one, two in colours) >= 0.75 * len(colours)


def test_a_report_shows_the_thing_in_the_query_photo(scenes: Scenes, tmp_path: Path) -> None:
    queries = tmp_path / "queries.csv"
    queries.write_text(f"photo,product_id\n{scenes.folder / 'one.png'},tee\n{scenes.folder / 'none.png'},tee\n")
    store = tmp_path / "store"
    shop = Shop.index(scenes.folder / "feed.jsonl", store, settings=SETTINGS)[0]
    with shop:
        shop.quality.evaluate(queries, report=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.count("the thing that was found in the query photo") == 1
