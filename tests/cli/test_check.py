"""calibrate, check, and what search claims, on the command line, with a network of one layer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shoplens.images.corruptions.corruption import CORRUPTIONS
from shoplens.index.protocol import IndexedProduct
from shoplens.ranking.match_probability import FEATURES
from shoplens.store.files.atomic import copy_tree
from shoplens.store.store import Store
from tests.cli.command_line import Done
from tests.cli.command_line import shoplens as command
from tests.fakes import feed_of, row
from tests.images.made_photos import scene
from tests.training.shops import write_learnable_feed

PRODUCTS, SIDE = 26, 8
CALIBRATION = [
    *("format", "strategy", "model", "products", "queries", "clusters", "absent_share", "created"),
    *(
        "exact_thresholds",
        "absent_thresholds",
        "match",
        "absent",
        "measured",
        "queries_from",
        "reliability",
        "left_out",
    ),
]


def number_field(number: int, value: int) -> bytes:
    """A field of a protocol buffer that holds a number below 128."""
    return bytes([number << 3, value])


def bytes_field(number: int, *parts: bytes) -> bytes:
    """One that holds a text or a message of less than 16,384 bytes."""
    whole = b"".join(parts)
    return bytes([number << 3 | 2, len(whole) & 127 | 128, len(whole) >> 7]) + whole


def tensor_info(name: bytes, *shape: bytes) -> bytes:
    """Name and type of a float32 tensor; its first side is the number of photos."""
    sides = [bytes_field(1, bytes_field(2, b"photos")), *(bytes_field(1, side) for side in shape)]
    return bytes_field(1, name) + bytes_field(2, bytes_field(1, number_field(1, 1), bytes_field(2, *sides)))


def pixel_network() -> bytes:
    """An ONNX file that gives the pixels as they come: Flatten, (n, 3, 8, 8) -> (n, 192)."""
    node = bytes_field(1, b"pixels") + bytes_field(2, b"vector") + bytes_field(4, b"Flatten")
    square = tensor_info(b"pixels", number_field(1, 3), number_field(1, SIDE), number_field(1, SIDE))
    row = tensor_info(b"vector", bytes([1 << 3, 192 & 127 | 128, 1]))
    graph = bytes_field(1, node) + bytes_field(2, b"pixels") + bytes_field(11, square) + bytes_field(12, row)
    return number_field(1, 8) + bytes_field(7, graph) + bytes_field(8, number_field(2, 13))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, and a feed of products with a photo and four darker ones; and other photos of them."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "pixels.onnx").write_bytes(pixel_network())
    (folder / "pixels.json").write_text(json.dumps({"name": "pixels", "side": SIDE}))
    rows = []
    for number in range(PRODUCTS):
        image = scene(24, 16, seed=number)
        names = [f"p{number}-{light}.png" for light in (100, 92, 84, 76, 68)]
        for name, light in zip(names, (100, 92, 84, 76, 68), strict=True):
            image.point([value * light // 100 for value in range(256)] * 3).save(folder / name)
        image.point([value * 95 // 100 for value in range(256)] * 3).resize((27, 18)).save(
            folder / f"asked{number}.png"
        )
        rows.append(row(f"p{number}", *names))
    scene(27, 18, seed=999).save(folder / "stranger.png")
    feed_of(folder / "feed.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    """A store that was calibrated, and has a baseline of 26 photos."""
    words = ("--store", folder / "built", "--model", folder / "pixels.onnx")
    assert command("index", folder / "feed.jsonl", *words).code == 0
    copy_tree(folder / "built", folder / "plain")
    assert command("calibrate", *words).code == 0
    assert command("check", "make-baseline", *words).code == 0
    return folder / "built"


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Iterator[Path]:
    copy_tree(built, tmp_path / "store")
    yield tmp_path / "store"
    Store(tmp_path / "store", lock_wait=0.0).close()  # every command lets go of it


@pytest.fixture
def plain(built: Path, folder: Path, tmp_path: Path) -> Path:
    """The store without calibration and baseline."""
    copy_tree(folder / "plain", tmp_path / "plain")
    return tmp_path / "plain"


def shoplens(name: str, folder: Path, store: Path, *words: object) -> Done:
    return command(name, *words, "--store", store, "--model", folder / "pixels.onnx")


def faulty(store: Path) -> None:
    """Every product gets the vectors of the next one."""
    opened = Store(store)
    index = opened.live.index
    records = sorted(index.all_records(), key=lambda record: record.product.id)
    vectors = index.photo_vectors(photo.content_hash for record in records for photo in record.photos)
    for mine, theirs in zip(records, [*records[1:], records[0]], strict=True):
        stacked = np.stack([vectors[photo.content_hash][1] for photo in theirs.photos])
        index.upsert([IndexedProduct(mine.product, mine.photos, stacked)])
    opened.close()


# search


def test_an_uncalibrated_search_says_so_and_what_to_do(plain: Path, folder: Path) -> None:
    done = shoplens("search", folder, plain, folder / "asked3.png", "-k", 2)
    assert done.code == 0
    assert "uncalibrated: How certain this is has not been measured yet: run `shoplens calibrate`." in done.err
    assert done.out.splitlines()[1].split()[2] == "p3"
    assert "%" not in done.out
    told = shoplens("search", folder, plain, folder / "asked3.png", "-k", 2, "--json").told
    assert (told["verdict"], told["absent_probability"]) == ("uncalibrated", None)
    assert [one["match_probability"] for one in told["results"]] == [None, None]
    same = shoplens("search", folder, plain, folder / "p3-100.png", "-k", 2)
    assert "exact: The first result is the product in the photo." in same.err
    assert same.out.splitlines()[1].split()[-1] == "100%" and "%" not in same.out.splitlines()[2]


def test_a_calibrated_search_gives_probabilities(store: Path, folder: Path) -> None:
    done = shoplens("search", folder, store, folder / "asked3.png", "-k", 3, "--json", "--precision", 0.5)
    told = done.told
    assert list(told) == [
        *("query_id", "remembered", "query", "strategy", "weights", "importances", "verdict", "absent_probability"),
        *("results", "facets", "notes", "took_ms"),
    ]
    assert told["strategy"] == {"used": "filters-static"}
    first, *others = [one["match_probability"] for one in told["results"]]
    assert told["verdict"] == "exact" and told["results"][0]["product_id"] == "p3"
    assert 0.5 < first < 1 and all(0 <= one < first for one in others)
    assert 0 < told["absent_probability"] < 0.5 and first + told["absent_probability"] <= 1
    assert done.err == ""
    table = shoplens("search", folder, store, folder / "asked3.png", "-k", 3).out.splitlines()
    assert "match" in table[0].split() and f"{first:.0%}" in table[1].split()


def test_a_stranger_is_thought_absent_and_more_precision_claims_less(store: Path, folder: Path) -> None:
    told = shoplens("search", folder, store, folder / "stranger.png", "--json", "--precision", "0.5").told
    assert told["absent_probability"] > 0.5 > told["results"][0]["match_probability"]
    strict = shoplens("search", folder, store, folder / "stranger.png", "--precision", 0.99)
    assert "similar: These products are the most similar. Whether one of them" in strict.err
    assert "No verdict reaches a precision of 0.99" in strict.err


def test_the_environment_sets_the_precision(store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for precision, verdict in (("0.5", "exact"), ("0.99", "similar")):
        monkeypatch.setenv("SHOPLENS_PRECISION", precision)
        assert shoplens("search", folder, store, folder / "asked3.png", "--json").told["verdict"] == verdict
    monkeypatch.setenv("SHOPLENS_PRECISION", "95")
    done = shoplens("search", folder, store, folder / "asked3.png", "--json")
    assert (done.code, done.told["error"]["code"]) == (2, "bad-settings")


def test_building_anew_makes_it_uncalibrated(store: Path, folder: Path) -> None:
    assert shoplens("index", folder, store, folder / "feed.jsonl", "--replace").code == 0
    assert shoplens("search", folder, store, folder / "asked3.png", "--json").told["verdict"] == "uncalibrated"


# calibrate


def test_calibrate_tells_the_documented_object(plain: Path, folder: Path, tmp_path: Path) -> None:
    done = shoplens("calibrate", folder, plain, "--json", "--absent-share", 0.3, "--report", tmp_path / "c.html")
    told = done.told
    assert (done.code, list(told)) == (0, CALIBRATION)
    assert (told["strategy"], told["products"], told["queries"], told["clusters"]) == ("filters-static", 26, 104, 26)
    assert (told["absent_share"], told["queries_from"], told["left_out"]) == (0.3, "held-out photos", [])
    assert list(told["match"]) == list(told["absent"]) == list(FEATURES)
    assert [one["answers"] for one in told["reliability"]] == [208, 208]
    assert json.loads((tmp_path / "c.json").read_text()) == told
    assert (
        "The first result is the product in the photo: the probability differs from the true share by " in done.err
        and "208 answers" in done.err
    )
    assert f"The report has reliability diagrams: {tmp_path / 'c.html'}" in done.err
    assert shoplens("search", folder, plain, folder / "asked3.png", "--json").told["verdict"] != "uncalibrated"


def test_calibrate_with_a_file_shows_thresholds_and_what_was_left_out(plain: Path, folder: Path) -> None:
    rows = [(f"p{number}-{light}.png", f"p{number}") for number in range(PRODUCTS) for light in (92, 84, 76, 68)]
    lines = [f"asked{number}.png,p{number}" for number in range(PRODUCTS)] * 4
    (folder / "queries.csv").write_text("\n".join(["photo,product_id", *map(",".join, rows[:3]), *lines, "no.png,p1"]))
    done = shoplens("calibrate", folder, plain, "--queries", folder / "queries.csv")
    assert done.code == 0
    head, *claims = done.out.splitlines()
    assert head.split()[0] == "precision" and [line.split()[0] for line in claims] == ["80%", "90%", "95%", "99%"]
    left = {
        line.split()[0]: line.split()[1] for line in done.err.splitlines() if "query-is" in line or "photo-mis" in line
    }
    assert left == {"query-is-in-catalogue": "3", "photo-missing": "1"}
    assert list((plain / "reports").glob("*-calibrate.html")) and list((plain / "reports").glob("*-calibrate.json"))


# check


def test_check_without_a_baseline_says_how_to_make_one(plain: Path, folder: Path) -> None:
    done = shoplens("check", folder, plain, "--json")
    assert (done.code, done.told["error"]["code"]) == (3, "no-baseline")
    assert "shoplens check make-baseline" in done.err


def test_check_makes_a_baseline_and_passes(plain: Path, folder: Path) -> None:
    done = shoplens("check", folder, plain, "make-baseline", "--count", 14, "--json")
    assert (done.code, list(done.told)) == (0, ["baseline", "left_out", "rejected"])
    made = done.told["baseline"]
    assert (made["queries"], made["kinds"]) == (14, list(CORRUPTIONS))
    assert "The baseline was made of 14 photos in 10 versions each. If 5 % of the vectors were swapped" in done.err
    assert f"with a probability of {made['power']:.2f}." in done.err
    passed = shoplens("check", folder, plain, "--json")
    assert (passed.code, passed.told["passed"], passed.told["paired"]) == (0, True, True)
    assert all(cell["before"] == cell["now"] for cell in passed.told["cells"])
    people = shoplens("check", folder, plain)
    assert (people.code, people.out) == (0, "")
    assert (
        "passed  11 of 11 figures, on the same queries" in people.err
        and "The report compares the baseline with this run: " in people.err
    )


def test_a_failed_gate_prints_one_object_and_exits_with_1(store: Path, folder: Path, tmp_path: Path) -> None:
    faulty(store)
    done = shoplens("check", folder, store, "--json", "--report", tmp_path / "check.html")
    assert done.code == 1
    told = done.told
    assert len(done.out.splitlines()) == 1
    assert (told["passed"], "error" in told) == (False, False)
    fell = {cell["name"] for cell in told["cells"] if cell["fell"]}
    assert {"all", "clean", "sideways"} <= fell
    assert told == json.loads((tmp_path / "check.json").read_text())
    assert f"Error: {len(fell)} of {len(told['cells'])} figures fell." in done.err
    assert "To do: Find out what changed" in done.err and "shoplens check make-baseline" in done.err
    assert sum(line.startswith("FELL  ") for line in done.err.splitlines()) == len(fell)
    people = shoplens("check", folder, store)
    assert (people.code, people.out) == (1, "")
    assert "FELL  clean: 100.0 % -> 0.0 % (-100.0, interval " in people.err


def test_a_wanted_change_becomes_the_baseline(store: Path, folder: Path) -> None:
    faulty(store)
    assert shoplens("check", folder, store, "make-baseline").code == 0
    assert shoplens("check", folder, store).code == 0


def test_a_fresh_sample_and_another_baseline_file(store: Path, folder: Path, tmp_path: Path) -> None:
    fresh = shoplens("check", folder, store, "--fresh", 3, "--count", 20, "--json").told
    assert (fresh["passed"], fresh["paired"], fresh["cells"][0]["queries"]) == (True, False, 20)
    copy = tmp_path / "baseline.json"
    copy.write_bytes((store / "evaluation/baseline.json").read_bytes())
    assert shoplens("check", folder, store, "--baseline", copy, "--json").told["passed"] is True
    copy.write_text("{")
    done = shoplens("check", folder, store, "--baseline", copy, "--json")
    assert (done.code, done.told["error"]["code"]) == (3, "invalid-value")
    assert str(copy) in done.told["error"]["problem"]


def test_what_was_left_out_is_told(store: Path, folder: Path) -> None:
    assert command("remove", "p3", "--store", store).code == 0
    done = shoplens("check", folder, store, "--json")
    (left_out,) = done.told["left_out"]
    assert (done.code, left_out["kind"], left_out["times"], left_out["example"]) == (0, "product-gone", 1, "p3")
    assert "left out  1 x product-gone: p3." in done.err
    (folder / "own.csv").write_text("photo,product_id\nasked1.png,p1\ngone.png,p2\nasked2.png,p3\n")
    made = shoplens("check", folder, store, "make-baseline", "--queries", folder / "own.csv", "--json")
    assert (made.code, made.told["baseline"]["queries"], made.told["left_out"]) == (0, 1, {})
    assert {one["kind"] for one in made.told["rejected"]} == {"photo-missing", "product-not-in-store"}
    assert "photo-missing" in made.err


@pytest.mark.parametrize(
    ("name", "words", "exit_code", "code"),
    [
        ("search", ("asked3.png", "--precision", "2"), 3, "invalid-value"),
        ("search", ("asked3.png", "--strategy", "guess"), 3, "unknown-strategy"),
        ("calibrate", ("--strategy", "guess"), 3, "unknown-strategy"),
        ("calibrate", ("--absent-share", "1"), 3, "invalid-value"),
        ("calibrate", ("--queries", "few.csv"), 3, "too-few-queries"),
        ("calibrate", ("--queries", "none.csv"), 3, "no-queries"),
        ("check", ("--count", "5"), 3, "invalid-value"),
        ("check", ("make-baseline", "--queries", "none.csv"), 3, "no-queries"),
        ("check", ("--strategy", "guess"), 3, "unknown-strategy"),
    ],
)
def test_bad_input_is_an_error_with_a_code(
    store: Path, folder: Path, name: str, words: tuple[str, ...], exit_code: int, code: str
) -> None:
    (folder / "few.csv").write_text("photo,product_id\nasked1.png,p1\n")
    placed = [folder / word if word.endswith((".png", ".csv")) else word for word in words]
    done = shoplens(name, folder, store, *placed, "--json")
    assert (done.code, done.told["error"]["code"]) == (exit_code, code)
    assert done.told["error"]["fix"] and "To do:" in done.err and "Traceback" not in done.err


def test_a_damaged_calibration_is_trouble_with_the_store(store: Path, folder: Path) -> None:
    (path,) = store.glob("generations/*/calibration-filters-static.json")
    path.write_text("{")
    done = shoplens("search", folder, store, folder / "asked3.png", "--json")
    assert (done.code, done.told["error"]["code"]) == (4, "bad-calibration")
    assert "Run `shoplens calibrate` again." in done.err


def pixel_shop(folder: Path, products: int, photos: int) -> Path:
    """The folder, with ``store``, photos and ``model.onnx``, a network of one layer."""
    (folder / "model.onnx").write_bytes(pixel_network())
    (folder / "model.json").write_text(json.dumps({"name": "pixels", "side": 8, "dimensions": 192}))
    feed = write_learnable_feed(folder, products, photos)
    assert command("index", feed, "--model", folder / "model.onnx", "--store", folder / "store").code == 0
    return folder
