"""Test ``--explain``: the parts of a score as numbers and as bars, and the rank without each dimension."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from shoplens.cli.searching.answer import draw_bars, format_short
from tests.cli.command_line import CommandResult, run_command
from tests.cli.searching.squares import product_ids, run_search


def test_parts_sum_to_the_score_and_ranks_without_a_dimension_are_those_of_weight_zero(
    store: Path, folder: Path
) -> None:
    answer = run_search(folder, folder / "query.png", "--explain", "-k", 39)
    for product in answer["results"]:
        reasons = product["reasons"]
        assert sum(product["parts"].values()) == pytest.approx(product["score"], abs=1e-6)
        for name, weight in reasons["weights"].items():
            assert product["parts"][name] == pytest.approx(weight * reasons["similarities"][name], abs=1e-6)
    best = answer["results"][0]["reasons"]
    assert best["matches"]["pattern"]["class"] == "Striped"
    assert best["matches"]["pattern"]["product"] == pytest.approx(1, abs=1e-3)
    assert 0.5 < best["matches"]["pattern"]["query"] <= 1
    assert set(best["matches"]["color"]) == {"class", "product", "query"}
    uncolored = run_search(folder, folder / "query.png", "-k", 39, "--weight", "color=0")["results"]
    scores = {product["product_id"]: product["score"] for product in uncolored}
    for product in answer["results"]:
        ranked = uncolored[product["reasons"]["ranks_without"]["color"] - 1]  # the product or one of equal score
        assert ranked["score"] == pytest.approx(scores[product["product_id"]], abs=1e-6)


def test_the_table_of_an_explanation_agrees_with_the_json(store: Path, folder: Path) -> None:
    result = run_command("search", folder / "query.png", "--store", store, "--explain", "-k", 39)
    products = run_search(folder, folder / "query.png", "--explain", "-k", 39)["results"]
    for product in products:
        block = explanation_lines(result, product)
        assert product["photo"] in block[0]
        assert {line.split()[0] for line in block[2:-1]} == {"look", "object", "color", "pattern", "category"}
        color = next(line for line in block if line.startswith("color"))
        match, ranks = product["reasons"]["matches"]["color"], product["reasons"]["ranks_without"]
        assert f"{format_short(product['reasons']['weights']['color'])} " in color
        assert f"{match['class']}: product {format_short(match['product'])}, query " in color
        assert (color.split()[-1] == str(ranks["color"])) == (ranks["color"] != product["rank"])
        assert block[-1].split() == ["score", format_short(product["score"], 3)]
        assert abs("".join(block).count("█") - 40 * product["score"]) <= 1
    assert any(product["reasons"]["ranks_without"]["color"] != product["rank"] for product in products)


def test_merchandising_is_a_part_of_the_score(store: Path, folder: Path, preferences: Path) -> None:
    table = '[merchandising]\npins = ["blue-plain-0"]\nburies = { "green-striped-0" = 0.5 }\n'
    (preferences / "shoplens.toml").write_text(table)
    answer = run_search(folder, folder / "query.png", "--explain", "-k", 39)
    assert product_ids(answer)[0] == "blue-plain-0"
    assert answer["results"][0]["parts"]["pin"] == 2
    buried = next(product for product in answer["results"] if product["product_id"] == "green-striped-0")
    assert buried["parts"]["bury"] == -0.5
    result = run_command("search", folder / "query.png", "--store", store, "--explain", "-k", 39)
    assert "░" in "".join(explanation_lines(result, buried))
    assert next(line for line in explanation_lines(result, buried) if line.startswith("bury")).split()[1] == "-.500"


def explanation_lines(result: CommandResult, product: dict[str, Any]) -> list[str]:
    """Return the printed lines that explain a product, from its heading to its score."""
    lines = [line.rstrip() for line in result.out.splitlines()]
    start = next(
        number for number, line in enumerate(lines) if line.startswith(f"{product['rank']}. {product['product_id']} ")
    )
    end = next(number for number in range(start, len(lines)) if lines[number].startswith("score"))
    return lines[start : end + 1]


@pytest.mark.parametrize(
    "parts", [{}, {"a": 0.0}, {"a": 0.31, "b": 0.27, "c": 0.019, "d": -0.2}, {"a": 0.4, "pin": 2.0}]
)
def test_each_bar_starts_where_the_previous_bar_ends(parts: dict[str, float]) -> None:
    scale = 40 / max(1.0, sum(parts.values()))
    end = 0
    for name, bar in draw_bars(parts).items():
        start, length = len(bar) - len(bar.lstrip()), len(bar.strip())
        is_negative = parts[name] < 0
        assert (start + length if is_negative else start) == end or not length
        end += -length if is_negative else length
    assert end == math.floor(sum(parts.values()) * scale + 0.5)
