"""Test searches from the command line: queries, conditions on products, and facet counts."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from shoplens.cli.searching.answer import format_short
from tests.cli.command_line import run_command
from tests.cli.searching.squares import product_ids, run_invalid_command, run_search


def test_search_uses_the_filters_unless_another_strategy_is_named(store: Path, folder: Path) -> None:
    answer = run_search(folder, folder / "query.png", "-k", 6)
    assert answer["strategy"]["used"] == "filters-static"
    assert set(answer["weights"]) == {"look", "object", "shape", "color", "pattern", "category"}
    assert sum(answer["weights"].values()) == pytest.approx(1)
    assert answer["weights"]["shape"] == 0  # shoplens.toml says so
    assert set(product_ids(answer)) == {f"green-striped-{number}" for number in range(6)}
    assert answer["results"][0]["reasons"] is None
    assert answer["facets"] == []
    pretrained = run_search(folder, folder / "query.png", "--strategy", "pretrained")
    assert (pretrained["strategy"]["used"], pretrained["weights"]) == ("pretrained", {"look": 1.0})


def test_a_color_is_a_query_alone_and_replaces_the_color_of_the_photo(store: Path, folder: Path) -> None:
    for color in ("#283cbe", "blue"):
        answer = run_search(folder, "--color", color, "-k", 12)
        assert {product_id.split("-")[0] for product_id in product_ids(answer)} == {"blue"}
        assert answer["weights"]["color"] == 1
    both = run_search(folder, folder / "query.png", "--color", "blue", "--weight", "color=5", "-k", 6)
    assert {product_id.split("-")[0] for product_id in product_ids(both)} == {"blue"}
    assert run_invalid_command(folder, "--color", "bleu-ish")["code"] == "unknown-color"


def test_similar_and_like_search_by_a_product_of_the_store(store: Path, folder: Path) -> None:
    words = ("red-striped-2", "-k", 5)
    similar = run_search(folder, *words, command="similar")
    assert set(product_ids(similar)) == {f"red-striped-{number}" for number in range(6) if number != 2}
    assert product_ids(run_search(folder, "--like", *words)) == product_ids(similar)
    options = ("--weight", "color=0", "--weight", "look=0", "--where", "not color = red", "--explain")
    filtered = run_search(folder, *words, *options, command="similar")
    assert all(product["category"] == ["Squares", "Striped"] for product in filtered["results"])
    assert all(product["reasons"] for product in filtered["results"])
    assert run_invalid_command(folder, "gone", command="similar")["code"] == "unknown-product"
    assert run_invalid_command(folder, "--like", "gone")["code"] == "unknown-product"


def test_a_negative_photo_lowers_the_products_that_resemble_it(store: Path, folder: Path) -> None:
    answer = run_search(folder, folder / "query.png", "--negative", folder / "red.png", "-k", 39)
    for product in answer["results"]:
        assert product["parts"]["not"] <= 0
        assert sum(product["parts"].values()) == pytest.approx(product["score"], abs=1e-6)
    without_negative = product_ids(run_search(folder, folder / "query.png", "-k", 39))
    assert product_ids(answer).index("red-striped-0") > without_negative.index("red-striped-0")
    assert run_invalid_command(folder, folder / "query.png", "--negative", "gone.png")["code"] == "photo-missing"


def test_predicted_values_meet_conditions_and_are_marked_as_predicted(store: Path, folder: Path) -> None:
    words = (folder / "query.png", "-k", 39, "--where", "color = green")
    answer = run_search(folder, *words)
    assert "unlabeled-green" not in product_ids(answer)
    assert all(product["predicted"] == {} for product in answer["results"])
    wider = run_search(folder, *words, "--min-probability", 0.6)
    assert set(product_ids(wider)) - set(product_ids(answer)) == {"unlabeled-green"}
    unlabeled = next(product for product in wider["results"] if product["product_id"] == "unlabeled-green")
    assert list(unlabeled["predicted"]) == ["color"]
    probability = unlabeled["predicted"]["color"]["Green"]
    assert probability >= 0.6
    out = run_command("search", *words, "--min-probability", 0.6, "--store", store).out
    assert f"(color: Green, predicted {format_short(probability)})" in out
    assert out.count("predicted") == 1


def test_facets_count_the_relevant_and_all_products_of_each_value(store: Path, folder: Path) -> None:
    words = (folder / "query.png", "--facet", "color", "--facet", "pattern", "--facet", "color")
    color, pattern = run_search(folder, *words)["facets"]
    counts = {value["value"]: value["all"] for value in color["values"]}
    assert {name.casefold(): count for name, count in counts.items()} == {
        "red": 12,
        "green": 12,
        "blue": 12,
        "pink": 1,
    }
    assert sum(value["relevant"] for value in pattern["values"]) == pattern["relevant"] > 0
    assert (color["field"], color["complete"]) == ("color", True)
    filtered = run_search(folder, *words, "--where", "color = green")["facets"]
    assert {value["value"].casefold(): value["all"] for value in filtered[0]["values"]} == {
        name.casefold(): count for name, count in counts.items()
    }
    assert {value["value"].casefold(): value["all"] for value in filtered[1]["values"]} == {"plain": 6, "striped": 6}
    lines = run_command("search", folder / "query.png", "--store", store, "--facet", "pattern").out.splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith("pattern"))
    assert f"relevant ({pattern['relevant']})" in lines[header]
    assert lines[header + 1].split()[0] == pattern["values"][0]["value"]
    assert run_invalid_command(folder, folder / "query.png", "--facet", "colour")["code"] == "unknown-field"


def test_info_lists_merchandising_entries_that_match_no_product(store: Path, preferences: Path) -> None:
    (preferences / "shoplens.toml").write_text('[merchandising]\npins = ["blue-plain-0", "gone"]\n')
    result = run_command("info", "--store", store)
    assert "The merchandising names 'gone', which stands for no product: correct the entry" in result.out + result.err
    assert "blue-plain-0" not in result.out + result.err
    entries = run_command("info", "--store", store, "--json").json["merchandising"]
    assert [(entry["entry"], entry["by"], entry["products"]) for entry in entries] == [("gone", "nothing", [])]


def test_a_search_with_weights_has_no_verdict(store: Path, folder: Path) -> None:
    words = ("search", folder / "query.png", "--store", store)
    assert "run `shoplens calibrate`" in run_command(*words).err
    assert (
        "How certain the answer is cannot be said for a search with weights"
        in run_command(*words, "--weight", "color=2").err
    )


def test_a_photo_that_shows_nothing_is_answered_so(store: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48)).save(tmp_path / "black.png")
    result = run_command("search", tmp_path / "black.png", "--store", store)
    assert result.code == 0 and "No product can be seen in this photo" in result.err


def test_a_search_without_a_query_is_an_error(store: Path, folder: Path) -> None:
    assert run_invalid_command(folder)["problem"] == "There is nothing to search by."
    assert "--like" in run_invalid_command(folder)["fix"]
    assert run_invalid_command(folder, "--region", "0,0,9,9", "--color", "red")["code"] == "region-of-nothing"


def test_several_photos_of_one_thing_are_one_query(store: Path, folder: Path) -> None:
    photos = [folder / "query.png", next(folder.glob("blue*.png"))]
    answer = run_command("search", *photos, "--store", store, "--json").json
    assert answer["query"]["source"] == " ".join(map(str, photos))
    refused = run_command("search", *photos, "--store", store, "--region", "0,0,9,9")
    assert refused.code == 3 and "several were given" in refused.err
