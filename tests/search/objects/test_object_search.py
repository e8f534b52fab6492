"""Each thing in a photo by itself: its box, and the products for it; from the library, the command line and the
service."""

from __future__ import annotations

import base64
from dataclasses import astuple

import pytest
from fastapi.testclient import TestClient

from shoplens import Region, Shop
from shoplens.errors import InvalidValue
from shoplens.service.app import application
from shoplens.service.schemas import AnswerDocument, RegionsDocument
from tests.cli.command_line import run_command
from tests.search.objects.conftest import SETTINGS, Scenes, overlap


def test_a_plain_answer_names_the_boxes_of_all_things(scenes: Scenes, shop: Shop) -> None:
    answer = shop.search(scenes.folder / "two.png")
    assert len(answer.objects) == 2 and answer.object_answers == ()
    for box in scenes.boxes:
        assert max(overlap(box, one.region) for one in answer.objects) > 0.6
    assert all(0.2 < one.score <= 1 for one in answer.objects)


def test_each_thing_is_answered_by_itself_when_asked(scenes: Scenes, shop: Shop) -> None:
    answer = shop.search(scenes.folder / "two.png", k=2, objects=True)
    assert [one.region for one in answer.object_answers] == [one.region for one in answer.objects]
    names = {one.results[0].product.id for one in answer.object_answers}
    assert names == {"beanie", "backpack"}
    plain = shop.search(scenes.folder / "two.png", k=2)
    assert [one.product.id for one in answer.results] == [one.product.id for one in plain.results]
    by_hand = shop.search(scenes.folder / "two.png", k=2, region=answer.objects[0].region)
    assert [one.score for one in by_hand.results] == [one.score for one in answer.object_answers[0].results]


def test_one_thing_is_the_object_and_a_blank_photo_has_none(scenes: Scenes, shop: Shop) -> None:
    one = shop.search(scenes.folder / "one.png", k=1, objects=True)
    assert [box.region for box in one.objects] == [one.object]
    assert [answer.results[0].product.id for answer in one.object_answers] == ["beanie"]
    none = shop.search(scenes.folder / "none.png", objects=True)
    assert (none.verdict, none.objects, none.object_answers) == ("no-product", (), ())


def test_things_of_a_region_are_boxes_in_the_whole_photo(scenes: Scenes, shop: Shop) -> None:
    right = Region(330, 0, 310, 480)
    (box,) = shop.search(scenes.folder / "two.png", region=right).objects
    assert overlap(box.region, scenes.boxes[1]) > 0.6


def test_what_has_no_objects_is_refused(scenes: Scenes, shop: Shop) -> None:
    photo = scenes.folder / "two.png"
    for search, code in (
        (lambda: shop.search(photo, objects=True, strategy="pretrained"), "no-objects"),
        (lambda: shop.search([photo, scenes.folder / "one.png"], objects=True), "conflicting-query"),
    ):
        with pytest.raises(InvalidValue) as caught:
            search()
        assert caught.value.code == code


def test_the_command_line_shows_a_table_for_each_thing(scenes: Scenes) -> None:
    options = ("search", scenes.folder / "two.png", "--store", scenes.folder / "copy", "--objects", "-k", 2)
    Shop.index(scenes.folder / "feed.jsonl", scenes.folder / "copy", settings=SETTINGS)[0].close()
    printed = run_command(*options)
    assert printed.code == 0 and "Thing 1 of 2" in printed.out and "Thing 2 of 2" in printed.out
    answer = run_command(*options, "--json").json
    assert [one["query"]["region"] for one in answer["object_answers"]] == [
        one["box"] for one in answer["query"]["objects"]
    ]


def test_the_service_says_where_a_photo_matches_a_result(scenes: Scenes, shop: Shop) -> None:
    photo = (scenes.folder / "two.png").read_bytes()
    with TestClient(application(shop), raise_server_exceptions=False) as client:
        result = client.post("/v1/search", files={"image": ("p.png", photo)}, data={"k": "4"}).json()["results"][0]
        body = {
            "image": base64.b64encode(photo).decode(),
            "product_id": result["product_id"],
            "photo": result["photo"],
        }
        matched = RegionsDocument.model_validate(client.post("/v1/regions", json=body).json())
        expected = shop.explanations.match_regions(photo, result["product_id"])
        assert expected is not None and matched.query == list(astuple(expected.query))
        assert [point.query for point in matched.points] == [list(point.query) for point in expected.points]
        assert matched.product_size is not None and len(matched.product_size) == 2
        blank = {**body, "image": base64.b64encode((scenes.folder / "none.png").read_bytes()).decode()}
        nothing = RegionsDocument.model_validate(client.post("/v1/regions", json=blank).json())
        assert (nothing.query, nothing.product, nothing.points) == (None, None, [])
        gone = client.post("/v1/regions", json={**body, "product_id": "gone"})
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "unknown-product")


def test_the_service_answers_each_thing_and_searches_on_from_it(scenes: Scenes, shop: Shop) -> None:
    photo = (scenes.folder / "two.png").read_bytes()
    with TestClient(application(shop), raise_server_exceptions=False) as client:
        response = client.post("/v1/search", files={"image": ("p.png", photo)}, data={"objects": "true", "k": "1"})
        answer = AnswerDocument.model_validate(response.json())
        assert {one.results[0].product_id for one in answer.object_answers} == {"beanie", "backpack"}
        assert [one.next_offset for one in answer.object_answers] == [1, 1]
        first = answer.object_answers[0]
        further = client.post("/v1/search", json={"query_id": first.query_id, "offset": 1, "k": 3}).json()
        assert first.results[0].product_id not in [one["product_id"] for one in further["results"]]
        refused = client.post("/v1/search", json={"query_id": answer.query_id, "objects": True})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "conflicting-query")
        plain = client.post("/v1/search", files={"image": ("p.png", photo)}).json()
        assert plain["object_answers"] == [] and len(plain["query"]["objects"]) == 2
