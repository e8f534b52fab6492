"""Searches from the command line: what they start from, which products they keep, and what they count."""

from __future__ import annotations

from pathlib import Path

import pytest

from shoplens.cli.searching.answer import format_short
from tests.cli.command_line import shoplens
from tests.cli.searching.squares import answer_to, error_of, product_ids


def test_search_answers_with_the_best_that_the_store_is_ready_for(store: Path, folder: Path) -> None:
    told = answer_to(folder, folder / "asked.png", "-k", 6)
    assert told["strategy"]["used"] == "filters-static"
    assert set(told["weights"]) == {"look", "shape", "color", "pattern", "category"}
    assert sum(told["weights"].values()) == pytest.approx(1)
    assert told["weights"]["shape"] == 0  # shoplens.toml says so
    assert set(product_ids(told)) == {f"green-striped-{n}" for n in range(6)}
    assert told["results"][0]["reasons"] is None
    assert told["facets"] == []
    plain = answer_to(folder, folder / "asked.png", "--strategy", "pretrained")
    assert (plain["strategy"]["used"], plain["weights"]) == ("pretrained", {"look": 1.0})


def test_by_colour_alone_and_by_a_colour_in_place_of_the_photos(store: Path, folder: Path) -> None:
    for color in ("#283cbe", "blue"):
        told = answer_to(folder, "--color", color, "-k", 12)
        assert {one.split("-")[0] for one in product_ids(told)} == {"blue"}
        assert told["weights"]["color"] == 1
    both = answer_to(folder, folder / "asked.png", "--color", "blue", "--weight", "color=5", "-k", 6)
    assert {one.split("-")[0] for one in product_ids(both)} == {"blue"}
    assert error_of(folder, "--color", "bleu-ish")["code"] == "unknown-color"


def test_like_a_product(store: Path, folder: Path) -> None:
    words = ("red-striped-2", "-k", 5)
    similar = answer_to(folder, *words, command="similar")
    assert set(product_ids(similar)) == {f"red-striped-{n}" for n in range(6) if n != 2}
    assert product_ids(answer_to(folder, "--like", *words)) == product_ids(similar)
    other = ("--weight", "color=0", "--weight", "look=0", "--where", "not color = red", "--explain")
    steered = answer_to(folder, *words, *other, command="similar")
    assert all(one["category"] == ["Squares", "Striped"] for one in steered["results"])
    assert all(one["reasons"] for one in steered["results"])
    assert error_of(folder, "gone", command="similar")["code"] == "unknown-product"
    assert error_of(folder, "--like", "gone")["code"] == "unknown-product"


def test_not_like_a_photo(store: Path, folder: Path) -> None:
    told = answer_to(folder, folder / "asked.png", "--negative", folder / "red.png", "-k", 39)
    for one in told["results"]:
        assert one["parts"]["not"] <= 0
        assert sum(one["parts"].values()) == pytest.approx(one["score"], abs=1e-6)
    before = product_ids(answer_to(folder, folder / "asked.png", "-k", 39))
    assert product_ids(told).index("red-striped-0") > before.index("red-striped-0")
    assert error_of(folder, folder / "asked.png", "--negative", "gone.png")["code"] == "photo-missing"


def test_predicted_values_meet_conditions_and_say_so(store: Path, folder: Path) -> None:
    words = (folder / "asked.png", "-k", 39, "--where", "color = green")
    told = answer_to(folder, *words)
    assert "untold-green" not in product_ids(told)
    assert all(one["predicted"] == {} for one in told["results"])
    wider = answer_to(folder, *words, "--min-probability", 0.6)
    assert set(product_ids(wider)) - set(product_ids(told)) == {"untold-green"}
    found = next(one for one in wider["results"] if one["product_id"] == "untold-green")
    assert list(found["predicted"]) == ["color"]
    probability = found["predicted"]["color"]["Green"]
    assert probability >= 0.6
    out = shoplens("search", *words, "--min-probability", 0.6, "--store", store).out
    assert f"(color: Green, predicted {format_short(probability)})" in out
    assert out.count("predicted") == 1


def test_facets_count_relevant_products_and_all(store: Path, folder: Path) -> None:
    words = (folder / "asked.png", "--facet", "color", "--facet", "pattern", "--facet", "color")
    color, pattern = answer_to(folder, *words)["facets"]
    counts = {one["value"]: one["all"] for one in color["values"]}
    assert {value.casefold(): count for value, count in counts.items()} == {
        "red": 12,
        "green": 12,
        "blue": 12,
        "pink": 1,
    }
    assert sum(one["relevant"] for one in pattern["values"]) == pattern["relevant"] > 0
    assert (color["field"], color["complete"]) == ("color", True)
    ticked = answer_to(folder, *words, "--where", "color = green")["facets"]
    assert {one["value"].casefold(): one["all"] for one in ticked[0]["values"]} == {
        value.casefold(): count for value, count in counts.items()
    }
    assert {one["value"].casefold(): one["all"] for one in ticked[1]["values"]} == {"plain": 6, "striped": 6}
    out = shoplens("search", folder / "asked.png", "--store", store, "--facet", "pattern").out
    header = next(n for n, line in enumerate(out.splitlines()) if line.startswith("pattern"))
    assert f"relevant ({pattern['relevant']})" in out.splitlines()[header]
    assert out.splitlines()[header + 1].split()[0] == pattern["values"][0]["value"]
    assert error_of(folder, folder / "asked.png", "--facet", "colour")["code"] == "unknown-field"


def test_info_tells_what_a_merchandiser_calls_otherwise(store: Path, preferences: Path) -> None:
    (preferences / "shoplens.toml").write_text('[merchandising]\npins = ["blue-plain-0", "gone"]\n')
    done = shoplens("info", "--store", store)
    assert "[merchandising] of shoplens.toml names 'gone', which stands for no product." in done.out + done.err
    assert "blue-plain-0" not in done.out + done.err
    told = shoplens("info", "--store", store, "--json").told["merchandising"]
    assert [(one["entry"], one["by"], one["products"]) for one in told] == [("gone", "nothing", [])]


def test_of_a_steered_search_nothing_is_claimed(store: Path, folder: Path) -> None:
    words = ("search", folder / "asked.png", "--store", store)
    assert "run `shoplens calibrate`" in shoplens(*words).err
    assert (
        "How certain the answer is cannot be said for a search with weights"
        in shoplens(*words, "--weight", "color=2").err
    )


def test_nothing_to_search_by(store: Path, folder: Path) -> None:
    assert error_of(folder)["problem"] == "There is nothing to search by."
    assert "--like" in error_of(folder)["fix"]
    assert error_of(folder, "--region", "0,0,9,9", "--color", "red")["code"] == "region-of-nothing"
