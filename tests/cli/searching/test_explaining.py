"""What ``--explain`` shows: the parts of a score, as numbers and as bars, and what would move a product."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from shoplens.cli.searching.answer import draw_bars, format_short
from tests.cli.command_line import Done, shoplens
from tests.cli.searching.squares import answer_to, product_ids


def test_reasons_add_up_and_say_what_would_move_a_product(store: Path, folder: Path) -> None:
    told = answer_to(folder, folder / "asked.png", "--explain", "-k", 39)
    for one in told["results"]:
        reasons = one["reasons"]
        assert sum(one["parts"].values()) == pytest.approx(one["score"], abs=1e-6)
        for name, weight in reasons["weights"].items():
            assert one["parts"][name] == pytest.approx(weight * reasons["similarities"][name], abs=1e-6)
    best = told["results"][0]["reasons"]
    assert best["matches"]["pattern"]["class"] == "Striped"
    assert best["matches"]["pattern"]["product"] == pytest.approx(1, abs=1e-3)
    assert 0.5 < best["matches"]["pattern"]["query"] <= 1
    assert set(best["matches"]["color"]) == {"class", "product", "query"}
    without = answer_to(folder, folder / "asked.png", "-k", 39, "--weight", "color=0")["results"]
    scores = {one["product_id"]: one["score"] for one in without}
    for one in told["results"]:
        there = without[one["reasons"]["ranks_without"]["color"] - 1]  # it, or one of the same score
        assert there["score"] == pytest.approx(scores[one["product_id"]], abs=1e-6)


def test_explained_for_people(store: Path, folder: Path) -> None:
    done = shoplens("search", folder / "asked.png", "--store", store, "--explain", "-k", 39)
    told = answer_to(folder, folder / "asked.png", "--explain", "-k", 39)["results"]
    for one in told:
        block = block_of(done, one)
        assert one["photo"] in block[0]
        assert {line.split()[0] for line in block[2:-1]} == {"look", "color", "pattern", "category"}
        color = next(line for line in block if line.startswith("color"))
        match, ranks = one["reasons"]["matches"]["color"], one["reasons"]["ranks_without"]
        assert f"{format_short(one['reasons']['weights']['color'])} " in color
        assert f"{match['class']}: product {format_short(match['product'])}, query " in color
        assert (color.split()[-1] == str(ranks["color"])) == (ranks["color"] != one["rank"])
        assert block[-1].split() == ["score", format_short(one["score"], 3)]
        assert abs(sum("".join(block).count(mark) for mark in "█") - 40 * one["score"]) <= 1
    assert any(one["reasons"]["ranks_without"]["color"] != one["rank"] for one in told)


def test_a_merchandisers_say_is_a_part_of_the_score(store: Path, folder: Path, preferences: Path) -> None:
    say = '[merchandising]\npins = ["blue-plain-0"]\nburies = { "green-striped-0" = 0.5 }\n'
    (preferences / "shoplens.toml").write_text(say)
    told = answer_to(folder, folder / "asked.png", "--explain", "-k", 39)
    assert product_ids(told)[0] == "blue-plain-0"
    assert told["results"][0]["parts"]["pin"] == 2
    buried = next(one for one in told["results"] if one["product_id"] == "green-striped-0")
    assert buried["parts"]["bury"] == -0.5
    done = shoplens("search", folder / "asked.png", "--store", store, "--explain", "-k", 39)
    assert "░" in "".join(block_of(done, buried))
    assert next(line for line in block_of(done, buried) if line.startswith("bury")).split()[1] == "-.500"


def block_of(done: Done, one: dict[str, Any]) -> list[str]:
    """The lines that explain a product."""
    lines = [line.rstrip() for line in done.out.splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{one['rank']}. {one['product_id']} "))
    end = next(n for n in range(start, len(lines)) if lines[n].startswith("score"))
    return lines[start : end + 1]


@pytest.mark.parametrize(
    "parts", [{}, {"a": 0.0}, {"a": 0.31, "b": 0.27, "c": 0.019, "d": -0.2}, {"a": 0.4, "pin": 2.0}]
)
def test_bars_follow_one_another(parts: dict[str, float]) -> None:
    scale = 40 / max(1.0, sum(parts.values()))
    end = 0
    for name, bar in draw_bars(parts).items():
        start, length = len(bar) - len(bar.lstrip()), len(bar.strip())
        back = parts[name] < 0
        assert (start + length if back else start) == end or not length
        end += -length if back else length
    assert end == math.floor(sum(parts.values()) * scale + 0.5)
