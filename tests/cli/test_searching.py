"""Steering from the command line, on a shop of plain and striped squares, with the shipped model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from shoplens.cli.searching.answer import draw_bars, format_short
from shoplens.cli.searching.steering import parse_weights
from shoplens.errors import InvalidValue
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from tests.cli.test_commands import Done, shoplens
from tests.fakes import Color, feed_of, row

SHADES: dict[str, Color] = {"Red": (200, 30, 30), "Green": (30, 140, 50), "Blue": (40, 60, 190)}
PATTERNS = ("Plain", "Striped")
TOML = """
[weights]
shape = 0
[profiles.same-colour]
color = 9
pattern = 0
[profiles.nothing]
look = 0
"""


def square(path: Path, color: Color, pattern: str, place: int) -> Path:
    """A square on white, its stripes white and at ``place``."""
    photo = Image.new("RGB", (96, 96), "white")
    draw = ImageDraw.Draw(photo)
    draw.rectangle((16, 14, 80, 82), fill=color)
    for top in range(18 + place % 4, 80, 12) if pattern == "Striped" else ():
        draw.rectangle((16, top, 80, top + 5), fill="white")
    shade = tuple(min(255, channel + 2 * place) for channel in color)
    draw.rectangle((16, 14, 80, 17), fill=shade)  # no two photos are the same
    photo.save(path)
    return path


def product(name: str, color: str, pattern: str, told: bool = True) -> dict[str, Any]:
    said = {"pattern": pattern} | ({"color": color} if told else {})
    return row(name, price=10.0, attributes=said, category=["Squares", pattern])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six squares of each colour and pattern; of one green and one red square the feed does not tell the colour."""
    folder = tmp_path_factory.mktemp("squares")
    rows = []
    for color, shade in SHADES.items():
        for pattern in PATTERNS:
            for number in range(6):
                name = f"{color}-{pattern}-{number}".lower()
                square(folder / f"{name}.png", shade, pattern, number)
                rows.append(product(name, color, pattern))
    for color in ("Green", "Red"):
        square(folder / f"untold-{color.lower()}.png", SHADES[color], "Plain", 7)
        rows.append(product(f"untold-{color.lower()}", color, "Plain", told=False))
    rows.append(product("pinkish", "Pink", "Plain"))
    square(folder / "pinkish.png", (250, 150, 170), "Plain", 3)
    feed_of(folder / "feed.jsonl", rows)
    square(folder / "asked.png", SHADES["Green"], "Striped", 9)
    square(folder / "red.png", SHADES["Red"], "Striped", 9)
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> Path:
    done = shoplens("index", folder / "feed.jsonl", "--store", folder / "store", "--json")
    assert (done.code, done.told["products"]) == (0, 39)
    assert done.told["dimensions"] == 5
    assert "5 dimensions were fitted" in done.err
    return folder / "store"


@pytest.fixture(autouse=True)
def preferences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where shoplens.toml lies."""
    (tmp_path / "shoplens.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(folder: Path, *words: object, command: str = "search") -> dict[str, Any]:
    """The answer to a search, as JSON."""
    done = shoplens(command, *words, "--store", folder / "store", "--json")
    assert done.code == 0, done.err
    return done.told


def ids(told: dict[str, Any]) -> list[str]:
    return [one["product_id"] for one in told["results"]]


def refused(folder: Path, *words: object, command: str = "search") -> dict[str, str]:
    done = shoplens(command, *words, "--store", folder / "store", "--json")
    assert (done.code, "Traceback" in done.err) == (3, False)
    error = done.told["error"]
    assert error["fix"]
    assert isinstance(error, dict)
    return error


def test_search_answers_with_the_best_that_the_store_is_ready_for(store: Path, folder: Path) -> None:
    told = asked(folder, folder / "asked.png", "-k", 6)
    assert told["strategy"]["used"] == "filters-static"
    assert set(told["weights"]) == {"look", "shape", "color", "pattern", "category"}
    assert sum(told["weights"].values()) == pytest.approx(1)
    assert told["weights"]["shape"] == 0  # shoplens.toml says so
    assert set(ids(told)) == {f"green-striped-{n}" for n in range(6)}
    assert told["results"][0]["reasons"] is None
    assert told["facets"] == []
    plain = asked(folder, folder / "asked.png", "--strategy", "pretrained")
    assert (plain["strategy"]["used"], plain["weights"]) == ("pretrained", {"look": 1.0})


def test_weights_change_the_order_at_once(store: Path, folder: Path) -> None:
    def first(*words: str) -> set[tuple[str, ...]]:
        told = asked(folder, folder / "asked.png", "-k", 12, *words)
        return {tuple(one.split("-")[:2]) for one in ids(told)}

    color = ("--weight", "color=1", "--weight", "look=0", "--weight", "pattern=0", "--weight", "category=0")
    assert {one for one, *_ in first(*color)} <= {"green", "untold"}
    pattern = ("--weight", "color=0", "--weight", "look=0", "--weight", "pattern=1", "--weight", "category=0")
    assert {other for _, other in first(*pattern)} == {"striped"}


def test_a_profile_and_a_weight_over_it(store: Path, folder: Path) -> None:
    profile = asked(folder, folder / "asked.png", "--profile", "same-colour")["weights"]
    assert (profile["pattern"], profile["shape"]) == (0, 0)
    assert profile["color"] > asked(folder, folder / "asked.png")["weights"]["color"]
    over = asked(folder, folder / "asked.png", "--profile", "same-colour", "--weight", "color=0")["weights"]
    assert (over["color"], over["pattern"]) == (0, 0)
    assert refused(folder, folder / "asked.png", "--profile", "gone")["code"] == "unknown-profile"
    assert asked(folder, folder / "asked.png", "--profile", "nothing")["weights"]["look"] == 0


def test_reasons_add_up_and_say_what_would_move_a_product(store: Path, folder: Path) -> None:
    told = asked(folder, folder / "asked.png", "--explain", "-k", 39)
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
    without = asked(folder, folder / "asked.png", "-k", 39, "--weight", "color=0")["results"]
    scores = {one["product_id"]: one["score"] for one in without}
    for one in told["results"]:
        there = without[one["reasons"]["ranks_without"]["color"] - 1]  # it, or one of the same score
        assert there["score"] == pytest.approx(scores[one["product_id"]], abs=1e-6)


def test_explained_for_people(store: Path, folder: Path) -> None:
    done = shoplens("search", folder / "asked.png", "--store", store, "--explain", "-k", 39)
    told = asked(folder, folder / "asked.png", "--explain", "-k", 39)["results"]
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


def block_of(done: Done, one: dict[str, Any]) -> list[str]:
    """The lines that explain a product."""
    lines = [line.rstrip() for line in done.out.splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{one['rank']}. {one['product_id']} "))
    end = next(n for n in range(start, len(lines)) if lines[n].startswith("score"))
    return lines[start : end + 1]


def test_a_merchandisers_say_is_a_part_of_the_score(store: Path, folder: Path, preferences: Path) -> None:
    say = '[merchandising]\npins = ["blue-plain-0"]\nburies = { "green-striped-0" = 0.5 }\n'
    (preferences / "shoplens.toml").write_text(say)
    told = asked(folder, folder / "asked.png", "--explain", "-k", 39)
    assert ids(told)[0] == "blue-plain-0"
    assert told["results"][0]["parts"]["pin"] == 2
    buried = next(one for one in told["results"] if one["product_id"] == "green-striped-0")
    assert buried["parts"]["bury"] == -0.5
    done = shoplens("search", folder / "asked.png", "--store", store, "--explain", "-k", 39)
    assert "░" in "".join(block_of(done, buried))
    assert next(line for line in block_of(done, buried) if line.startswith("bury")).split()[1] == "-.500"


def test_info_tells_what_a_merchandiser_calls_otherwise(store: Path, preferences: Path) -> None:
    (preferences / "shoplens.toml").write_text('[merchandising]\npins = ["blue-plain-0", "gone"]\n')
    done = shoplens("info", "--store", store)
    assert "[merchandising] of shoplens.toml names 'gone', which stands for no product." in done.out + done.err
    assert "blue-plain-0" not in done.out + done.err
    told = shoplens("info", "--store", store, "--json").told["merchandising"]
    assert [(one["entry"], one["by"], one["products"]) for one in told] == [("gone", "nothing", [])]


def test_facets_count_relevant_products_and_all(store: Path, folder: Path) -> None:
    words = (folder / "asked.png", "--facet", "color", "--facet", "pattern", "--facet", "color")
    color, pattern = asked(folder, *words)["facets"]
    counts = {one["value"]: one["all"] for one in color["values"]}
    assert {value.casefold(): count for value, count in counts.items()} == {
        "red": 12,
        "green": 12,
        "blue": 12,
        "pink": 1,
    }
    assert sum(one["relevant"] for one in pattern["values"]) == pattern["relevant"] > 0
    assert (color["field"], color["complete"]) == ("color", True)
    ticked = asked(folder, *words, "--where", "color = green")["facets"]
    assert {one["value"].casefold(): one["all"] for one in ticked[0]["values"]} == {
        value.casefold(): count for value, count in counts.items()
    }
    assert {one["value"].casefold(): one["all"] for one in ticked[1]["values"]} == {"plain": 6, "striped": 6}
    out = shoplens("search", folder / "asked.png", "--store", store, "--facet", "pattern").out
    header = next(n for n, line in enumerate(out.splitlines()) if line.startswith("pattern"))
    assert f"relevant ({pattern['relevant']})" in out.splitlines()[header]
    assert out.splitlines()[header + 1].split()[0] == pattern["values"][0]["value"]
    assert refused(folder, folder / "asked.png", "--facet", "colour")["code"] == "unknown-field"


def test_predicted_values_meet_conditions_and_say_so(store: Path, folder: Path) -> None:
    words = (folder / "asked.png", "-k", 39, "--where", "color = green")
    told = asked(folder, *words)
    assert "untold-green" not in ids(told)
    assert all(one["predicted"] == {} for one in told["results"])
    wider = asked(folder, *words, "--min-probability", 0.6)
    assert set(ids(wider)) - set(ids(told)) == {"untold-green"}
    found = next(one for one in wider["results"] if one["product_id"] == "untold-green")
    assert list(found["predicted"]) == ["color"]
    probability = found["predicted"]["color"]["Green"]
    assert probability >= 0.6
    out = shoplens("search", *words, "--min-probability", 0.6, "--store", store).out
    assert f"(color: Green, predicted {format_short(probability)})" in out
    assert out.count("predicted") == 1


def test_by_colour_alone_and_by_a_colour_in_place_of_the_photos(store: Path, folder: Path) -> None:
    for color in ("#283cbe", "blue"):
        told = asked(folder, "--color", color, "-k", 12)
        assert {one.split("-")[0] for one in ids(told)} == {"blue"}
        assert told["weights"]["color"] == 1
    both = asked(folder, folder / "asked.png", "--color", "blue", "--weight", "color=5", "-k", 6)
    assert {one.split("-")[0] for one in ids(both)} == {"blue"}
    assert refused(folder, "--color", "bleu-ish")["code"] == "unknown-color"


def test_like_a_product(store: Path, folder: Path) -> None:
    words = ("red-striped-2", "-k", 5)
    similar = asked(folder, *words, command="similar")
    assert set(ids(similar)) == {f"red-striped-{n}" for n in range(6) if n != 2}
    assert ids(asked(folder, "--like", *words)) == ids(similar)
    other = ("--weight", "color=0", "--weight", "look=0", "--where", "not color = red", "--explain")
    steered = asked(folder, *words, *other, command="similar")
    assert all(one["category"] == ["Squares", "Striped"] for one in steered["results"])
    assert all(one["reasons"] for one in steered["results"])
    assert refused(folder, "gone", command="similar")["code"] == "unknown-product"
    assert refused(folder, "--like", "gone")["code"] == "unknown-product"


def test_not_like_a_photo(store: Path, folder: Path) -> None:
    told = asked(folder, folder / "asked.png", "--negative", folder / "red.png", "-k", 39)
    for one in told["results"]:
        assert one["parts"]["not"] <= 0
        assert sum(one["parts"].values()) == pytest.approx(one["score"], abs=1e-6)
    before = ids(asked(folder, folder / "asked.png", "-k", 39))
    assert ids(told).index("red-striped-0") > before.index("red-striped-0")
    assert refused(folder, folder / "asked.png", "--negative", "gone.png")["code"] == "photo-missing"


def test_of_a_steered_search_nothing_is_claimed(store: Path, folder: Path) -> None:
    words = ("search", folder / "asked.png", "--store", store)
    assert "run `shoplens calibrate`" in shoplens(*words).err
    assert (
        "How certain the answer is cannot be said for a search with weights"
        in shoplens(*words, "--weight", "color=2").err
    )


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("--weight", "color"), "bad-weight", "--weight is 'color'."),
        (("--weight", "=3"), "bad-weight", "--weight is '=3'."),
        (("--weight", "color="), "bad-weight", "--weight gives 'color' the weight ''."),
        (("--weight", "color=much"), "bad-weight", "--weight gives 'color' the weight 'much'."),
        (("--weight", "color=nan"), "bad-weight", "--weight gives 'color' the weight 'nan'."),
        (("--weight", "color=-1"), "bad-weight", "--weight gives 'color' the weight '-1'."),
        (("--weight", "color=inf"), "bad-weight", "--weight gives 'color' the weight 'inf'."),
        (("--weight", "color=1", "--weight", "Color=2"), "bad-weight", "--weight names 'Color' twice."),
        (
            ("--weight", "colour=1"),
            "unknown-dimension",
            "--weight gives a weight to 'colour', and there is no such dimension.",
        ),
        (
            tuple(f for n in ("look", "color", "pattern", "category") for f in ("--weight", f"{n}=0")),
            "no-weight",
            "All",
        ),
        (("--min-probability", 0.3, "--where", "color = red"), "invalid-value", "The probability is 0.3."),
        (("--min-probability", "nan", "--where", "color = red"), "invalid-value", "The probability is nan."),
        (("--min-probability", 0.8), "no-condition", "--min-probability is given without --where"),
        (("--like", "red-plain-0"), "conflicting-query", "Both the photo"),
        (("--color", ""), "invalid-value", "--color is empty."),
        (("--profile", " "), "invalid-value", "--profile is empty."),
        (
            ("--weight", "color=2", "--strategy", "pretrained"),
            "needs-filters",
            "The strategy pretrained has one dimension",
        ),
    ],
)
def test_what_makes_no_sense(store: Path, folder: Path, words: tuple[object, ...], code: str, problem: str) -> None:
    error = refused(folder, folder / "asked.png", *words)
    assert error["code"] == code
    assert error["problem"].startswith(problem)


def test_nothing_to_search_by(store: Path, folder: Path) -> None:
    assert refused(folder)["problem"] == "There is nothing to search by."
    assert "--like" in refused(folder)["fix"]
    assert refused(folder, "--region", "0,0,9,9", "--color", "red")["code"] == "region-of-nothing"


def test_weights_from_texts() -> None:
    assert parse_weights(None) == parse_weights([]) == {}
    assert parse_weights(["color=3", " a=b = 0 ", "x=1e6"]) == {"color": 3, "a=b": 0, "x": 1e6}
    with pytest.raises(
        InvalidValue,
        match=r"gives 'x' the weight '1000001'\. Give a number from 0 to 1,000,000, such as x=3; 0 ignores",
    ):
        parse_weights(["x=1000001"])


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


def test_dimensions(store: Path, folder: Path) -> None:
    done = shoplens("dimensions", "--store", store, "--json")
    rows = {one["name"]: one for one in done.told["dimensions"]}
    assert list(rows)[:3] == ["look", "shape", "color"]
    color = rows["color"]
    assert (color["kind"], color["classes"]) == ("single", {"Blue": 12, "Green": 12, "Red": 12})
    assert color["untrained"] == {"Pink": 1}
    assert color["quality"]["accuracy"] > 0.9
    assert rows["look"]["quality"] is None
    assert (rows["shape"]["own_weight"], rows["look"]["own_weight"]) == (0, None)
    assert rows["design"]["kind"] == "none"
    assert "20 are needed" in rows["design"]["note"]
    assert rows["category"]["classes"] == {"Squares": 39, "Squares > Plain": 21, "Squares > Striped": 18}


def test_dimensions_for_people(store: Path, folder: Path) -> None:
    out = shoplens("dimensions", "--store", store).out
    lines = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert "3: Blue 12, Green 12, Red 12" in out
    assert "(shoplens.toml)" in lines["shape"]
    assert "classes are untrained" in out
    assert "Squares > Plain" not in out.split("note")[0]
    every = shoplens("dimensions", "--classes", "--store", store).out
    assert "Squares > Striped  18" in every
    assert "Pink" in every
    one = shoplens("dimensions", "COLOR", "--store", store).out
    assert "untrained: it has too few products to learn from" in one
    assert "Squares" not in one
    assert refused(folder, "colour", command="dimensions")["code"] == "unknown-dimension"


def test_filters_are_trained_anew(store: Path, folder: Path, tmp_path: Path, preferences: Path) -> None:
    copy_tree(store, tmp_path / "own")
    (preferences / "shoplens.toml").write_text("[dimensions.pattern]\nuse = false\n")
    done = shoplens("train", "filters", "--store", tmp_path / "own", "--json")
    assert (done.code, done.told["products"], done.told["dimensions"]) == (0, 39, 4)
    assert (done.told["photos_embedded"], done.told["photos_known"]) == (0, 39)
    assert "4 dimensions were fitted" in done.err
    told = json.loads(shoplens("dimensions", "pattern", "--store", tmp_path / "own", "--json").out)
    assert [(one["kind"], one["note"]) for one in told["dimensions"]] == [("none", "shoplens.toml drops it.")]
    Store(tmp_path / "own", lock_wait=0.0).close()


@pytest.mark.parametrize("words", [("similar",), ("dimensions",), ("train",), ("train", "filters")])
def test_every_new_command_has_help(words: tuple[str, ...]) -> None:
    done = shoplens(*words, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"shoplens {' '.join(words)}" in done.out
    assert words[0] in shoplens("--help").out


@pytest.fixture(autouse=True, scope="module")
def closed(folder: Path) -> Iterator[None]:
    """Every command lets go of the store."""
    yield
    Store(folder / "store", lock_wait=0.0).close()
