"""Tests of the desk: rules that take effect at once and can be undone, previews, statistics, reports and findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shoplens import Shop
from shoplens.feeds import read_feed
from shoplens.service.desk.schemas import MerchandisingDocument, PreviewDocument, StatisticsDocument
from shoplens.types import Product
from tests.service.conftest import error_code, make_client, query_photo


def first_ids(client: TestClient, k: int = 3, **search: Any) -> list[str]:
    response = client.post("/v1/search", json={"product_id": "red-1", "k": k, **search})
    return [row["product_id"] for row in response.json()["results"]]


def set_rules(client: TestClient, *rules: dict[str, Any]) -> MerchandisingDocument:
    response = client.put("/v1/merchandising", json={"rules": rules})
    assert response.status_code == 200, response.text
    return MerchandisingDocument.model_validate(response.json())


def test_rules_take_effect_at_once_and_can_be_undone(shop: Shop) -> None:
    with make_client(shop, "desk") as client:
        plain = first_ids(client, 11)
        pin = {"action": "pin", "products": ["blue-2", "gold-0"]}
        set_rules(client, pin, {"action": "hide", "products": [plain[0]]})
        assert first_ids(client, 2) == ["blue-2", "gold-0"] and plain[0] not in first_ids(client, 11)
        state = set_rules(client, {"action": "boost", "where": "color = green", "amount": 1.0, "note": "spring"})
        assert {one.split("-")[0] for one in first_ids(client, 3)} == {"green"}
        assert (state.version, [len(one.rules) for one in state.before], state.by) == (2, [2, 0], "test")
        set_rules(client, {"action": "bury", "where": "color = red", "amount": 1.0})
        assert not {one for one in first_ids(client, 9) if one.startswith("red")}
        set_rules(client, {"action": "hide", "where": "color in (green, blue)"})
        found = client.post("/v1/search", json={"product_id": "red-1", "k": 11, "facets": ["color"]}).json()
        assert {row["product_id"].split("-")[0] for row in found["results"]} == {"red", "gold"}
        assert {one["value"] for one in found["facets"][0]["values"]} == {"red", "gold"}
        for _ in range(4):
            client.post("/v1/merchandising/undo").raise_for_status()
        assert first_ids(client, 11) == plain
        assert error_code(client.post("/v1/merchandising/undo")) == "nothing-to-undo"


def test_rules_survive_and_count_on_their_days_only(shop: Shop, folder: Path) -> None:
    with make_client(shop, "desk") as client:
        plain = first_ids(client)
        set_rules(
            client,
            {"action": "pin", "products": ["blue-2"], "end": "2020-01-01"},
            {"action": "pin", "products": ["gold-2"], "start": "2020-01-01"},
        )
        assert first_ids(client) == ["gold-2", *plain[:2]]
    with make_client(shop, "desk") as client:
        assert len(client.get("/v1/merchandising").json()["rules"]) == 2 and first_ids(client)[0] == "gold-2"


def test_a_product_by_itself_overrides_a_rule_with_a_condition(shop: Shop) -> None:
    with make_client(shop, "desk") as client:
        set_rules(
            client,
            {"action": "boost", "where": "color = green", "amount": 0.5},
            {"action": "bury", "products": ["green-0"], "amount": 1.0},
        )
        found = client.post("/v1/search", json={"product_id": "red-1", "k": 11}).json()["results"]
        parts = {row["product_id"]: row["parts"] for row in found}
        assert parts["green-1"]["boost"] == 0.5
        assert "boost" not in parts["green-0"] and parts["green-0"]["bury"] == -1.0


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"action": "pin", "where": "color = red"}, "bad-rule"),
        ({"action": "hide"}, "bad-rule"),
        ({"action": "boost", "products": ["a"]}, "bad-rule"),
        ({"action": "hide", "products": ["a"], "where": "color = red"}, "bad-rule"),
        ({"action": "hide", "products": ["a"], "start": "24.12.2026"}, "bad-rule"),
        ({"action": "hide", "products": ["a"], "start": "2026-12-24", "end": "2026-12-01"}, "bad-rule"),
        ({"action": "hide", "where": "taste = sweet"}, "unknown-field"),
        ({"action": "hide", "where": "color ="}, "bad-syntax"),
        ({"action": "praise", "products": ["a"]}, "bad-request"),
    ],
)
def test_rules_that_make_no_sense_are_refused_and_change_nothing(shop: Shop, rule: dict[str, Any], code: str) -> None:
    with make_client(shop, "desk") as client:
        set_rules(client, {"action": "pin", "products": ["blue-2"]})
        response = client.put("/v1/merchandising", json={"rules": [rule]})
        assert (response.status_code, error_code(response)) == (422, code)
        assert client.get("/v1/merchandising").json()["version"] == 1


def test_a_change_of_old_rules_is_refused_and_unknown_products_are_told(shop: Shop) -> None:
    with make_client(shop, "desk") as client:
        state = set_rules(client, {"action": "pin", "products": ["gone"]})
        assert "'gone', which stands for no product" in state.notes[0].sentence and state.notes[0].by == "nothing"
        response = client.put("/v1/merchandising", json={"rules": [], "version": 0})
        assert (response.status_code, error_code(response)) == (409, "changed-meanwhile")
        assert client.put("/v1/merchandising", json={"rules": [], "version": 1}).json()["rules"] == []


def test_a_preview_shows_what_changes_and_changes_nothing(shop: Shop, folder: Path) -> None:
    with make_client(shop, "desk") as client:
        answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data={"k": "3"}).json()
        rules = [{"action": "pin", "products": ["blue-2", "lost"]}]
        body = {"rules": rules, "k": 3}
        preview = PreviewDocument.model_validate(client.post("/v1/merchandising/preview", json=body).json())
        (row,) = preview.searches
        assert row.query_id == answer["query_id"] and row.added == ["blue-2"] and len(row.removed) == 1
        assert row.after[0].title and row.after[0].photo.startswith("/v1/photos/")
        assert preview.notes[0].name == "lost"
        body = {"rules": rules, "product_ids": ["gold-1"]}
        (row,) = client.post("/v1/merchandising/preview", json=body).json()["searches"]
        assert (row["product_id"], row["after"][0]["product_id"]) == ("gold-1", "blue-2")
        assert client.get("/v1/merchandising").json()["version"] == 0 and first_ids(client)[0] != "blue-2"


def test_statistics_tell_nothing_of_fewer_than_five_shoppers(shop: Shop, folder: Path) -> None:
    with make_client(shop, "desk") as client:
        for number in range(6):
            data = {"user": f"user {number}", "text": "Under  90", "k": "3"}
            answer = client.post("/v1/search", files={"image": ("p.png", query_photo(folder))}, data=data).json()
            known = StatisticsDocument.model_validate(client.get("/v1/desk/statistics").json())
            assert bool(known.words) == bool(known.most_shown) == (number >= 4)
            assert sum(day.searches for day in known.days) == number + 1
        client.post("/v1/search", json={"query_id": answer["query_id"], "k": 3}).raise_for_status()
        event = {"query_id": answer["query_id"], "product_id": answer["results"][0]["product_id"], "kind": "click"}
        client.post("/v1/feedback", json={"events": [event]}).raise_for_status()
        known = StatisticsDocument.model_validate(client.get("/v1/desk/statistics").json())
    (words,) = known.words
    assert (words.name, words.searches, words.shoppers) == ("under 90", 6, 6) and words.nearest[0].photo
    assert known.answers - known.without_click == 1 and known.days[0].clicked == 1
    assert [one.product_id for one in known.most_clicked] == [event["product_id"]] and known.most_clicked[0].title
    shop.feedback.forget(user="user 3")
    assert shop.feedback.statistics().words[0].shoppers == 5
    shop.feedback.forget(user="user 4")
    assert shop.feedback.statistics().words == ()


def test_nothing_is_logged_unless_answers_are_remembered(shop: Shop, folder: Path) -> None:
    with make_client(shop, "desk", remember=False) as client:
        for number in range(6):
            client.post("/v1/search", json={"color": "red", "user": f"{number}"}).raise_for_status()
        known = client.get("/v1/desk/statistics").json()
        assert known["days"] == [] and known["remember"] is False


def test_reports_are_listed_and_saved_and_no_other_file(shop: Shop) -> None:
    folder = shop.folder / "reports"
    folder.mkdir(exist_ok=True)
    (folder / "a.html").write_text("<script>alert(1)</script>")
    (folder / "link").symlink_to(shop.folder / "keys.json")
    with make_client(shop, "desk") as client:
        assert "a.html" in [one["name"] for one in client.get("/v1/desk/reports").json()["reports"]]
        response = client.get("/v1/desk/reports/a.html")
        assert response.text.startswith("<script>")
        assert response.headers["content-disposition"] == 'attachment; filename="a.html"'
        for name in ("link", "..%2fkeys.json", "keys.json"):
            assert client.get(f"/v1/desk/reports/{name}").status_code == 404


def test_findings_are_accepted_and_exported_as_a_feed(shop: Shop, tmp_path: Path) -> None:
    shop.products.update("red-1", attributes={"color": ("blue",), "size": ("S",)})
    with make_client(shop, "desk") as client:
        found = client.get("/v1/desk/findings", params={"kind": ["wrong-value"]}).json()
        assert found["products"] == 12 and set(found["counts"]) == {"wrong-value"}
        body = {"product_id": "red-1", "dimension": "color", "value": "red"}
        corrected = client.post("/v1/desk/findings/accept", json=body)
        assert corrected.status_code == 200, corrected.text
        assert corrected.json()["attributes"] == {"color": ["red"], "size": ["S"]}
        added = client.post(
            "/v1/desk/findings/accept", json={**body, "product_id": "red-2", "dimension": "size", "value": "L"}
        )
        assert added.json()["attributes"]["size"] == ["S", "M", "L"], "what products have several of is added"
        unknown = client.post("/v1/desk/findings/accept", json={**body, "dimension": "taste"})
        assert error_code(unknown) == "unknown-dimension"
        predicted = client.post("/v1/desk/findings/accept", json={**body, "dimension": "predicted.color"})
        assert error_code(predicted) == "unknown-dimension", "it is no field of the feed"
        feed = client.get("/v1/desk/corrected-feed")
    rows = [json.loads(line) for line in feed.text.splitlines()]
    assert len(rows) == 12 and {"color": ["red"], "size": ["S"]} in [row["attributes"] for row in rows]
    path = tmp_path / "corrected.jsonl"
    path.write_text(feed.text)
    with read_feed(path, media=Path("/")) as read:
        items = [*read]
        products = {one.id: one for one in items if isinstance(one, Product)}
    assert len(products) == 12, items[:2]
    assert products["red-1"].attributes["color"] == ("red",)


def test_the_desk_changes_no_products_and_others_do_not_merchandise(shop: Shop) -> None:
    with make_client(shop, "desk") as client:
        assert client.delete("/v1/products/red-1").status_code == 403
        assert client.delete("/v1/users/ann").status_code == 403
    with make_client(shop, "write") as client:
        assert client.get("/v1/merchandising").status_code == 403
