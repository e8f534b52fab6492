"""The doctor finds the planted faults of small shops, and nothing in shops without faults."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.evaluation.doctor.category_coverage import CategoryCoverage
from shoplens.evaluation.doctor.contradictions import Contradiction, find_additions, find_contradiction
from shoplens.evaluation.doctor.diagnose import diagnose
from shoplens.evaluation.doctor.findings import KINDS, Diagnosis, Finding, select_kinds
from shoplens.evaluation.doctor.predictions import ProductPrediction
from shoplens.evaluation.doctor.unusable_photos import find_products_without_photo
from shoplens.evaluation.doctor.values import ValueFindings, find_value_errors
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.images import PhotoSource
from shoplens.settings import Settings
from shoplens.store.store import Store
from tests.cli.command_line import run_command
from tests.evaluation.placed_products import entry, index_of, turned
from tests.fakes import Color, ColourEmbedder, feed_of, photo, product, row
from tests.images.made_photos import scene
from tests.store.conftest import fill_store

SETTINGS = Settings(threads=2)
COLOR = Dimension("color", "single", "color", ("red", "blue"), (9, 9))
FABRIC = Dimension("fabric", "multi", "fabric", ("wool", "silk"), (9, 9))
TREE = Dimension(
    "category", "tree", "category", ("Men", "Women", "Men > Hats", "Men > Tops", "Women > Tops"), (9, 9, 9, 9, 9)
)


# comparing the feed with the photos


@pytest.mark.parametrize(
    ("feed_classes", "probabilities", "expected"),
    [
        (["red"], {"blue": 0.9, "red": 0.05}, Contradiction("red", "blue", 0.05, 0.9, 0.81)),
        (["red"], {"blue": 0.899, "red": 0.0}, None),
        (["red"], {"blue": 0.93, "red": 0.051}, None),
        (["red", "blue"], {"blue": 0.97, "red": 0.03}, None),
        ([], {"blue": 0.97, "red": 0.03}, None),
    ],
)
def test_photos_contradict_where_another_class_is_probable_and_the_feeds_is_not(
    feed_classes: Sequence[str], probabilities: Mapping[str, float], expected: Contradiction | None
) -> None:
    assert find_contradiction(COLOR, feed_classes, probabilities) == expected


def test_a_tree_is_contradicted_at_its_first_wrong_level_and_the_photos_give_the_deepest_probable_class() -> None:
    sure = {"Men": 0.02, "Women": 0.98, "Men > Hats": 0.01, "Men > Tops": 0.01, "Women > Tops": 0.97}
    contradiction = find_contradiction(TREE, ["Men", "Men > Hats"], sure)
    assert contradiction == Contradiction("Men > Hats", "Women > Tops", 0.02, 0.97, 0.9408)
    unsure = {**sure, "Women > Tops": 0.6}
    assert find_contradiction(TREE, ["Men", "Men > Hats"], unsure) == Contradiction(
        "Men > Hats", "Women", 0.02, 0.98, 0.9408
    )
    below = {"Men": 0.99, "Women": 0.01, "Men > Hats": 0.02, "Men > Tops": 0.96, "Women > Tops": 0.01}
    assert find_contradiction(TREE, ["Men > Hats", "Men"], below) == Contradiction(
        "Men > Hats", "Men > Tops", 0.02, 0.96, 0.9024
    )
    assert find_contradiction(TREE, ["Men"], below) is None


def test_a_rare_class_is_ruled_out_only_where_the_photos_speak_against_it() -> None:
    rare = Dimension("color", "single", "color", ("red", "blue"), (6, 54))  # a tenth is red
    assert find_contradiction(rare, ["red"], {"blue": 0.974, "red": 0.026}) is None
    contradiction = find_contradiction(rare, ["red"], {"blue": 0.975, "red": 0.025})
    assert contradiction == Contradiction("red", "blue", 0.025, 0.975, 0.7312)


def test_probable_classes_that_the_feed_lacks_are_added() -> None:
    probabilities = {"wool": 0.96, "silk": 0.94}
    assert find_contradiction(FABRIC, ["silk"], {"wool": 0.99, "silk": 0.01}) is None
    assert find_additions(FABRIC, ["silk"], False, probabilities) == {"wool": 0.96}
    assert find_additions(FABRIC, ["wool"], False, probabilities) == {}
    assert find_additions(FABRIC, [], True, probabilities) == probabilities
    assert find_additions(FABRIC, [], False, probabilities) == {}, "the feed gives only untrained classes"
    assert find_additions(COLOR, ["red"], False, {"blue": 0.99}) == {}
    assert find_additions(TREE, [], True, {"Men": 0.97, "Men > Hats": 0.95, "Women": 0.03}) == {"Men > Hats": 0.95}


def predict(
    name: str,
    probabilities: Mapping[str, float] | None,
    *colors: str,
    category: Sequence[str] = (),
    is_empty: bool | None = None,
) -> ProductPrediction:
    has_no_value = not colors if is_empty is None else is_empty
    return ProductPrediction(
        product(name, f"/{name}.png", category=tuple(category)),
        {"color": colors} if colors else {},
        ("color",) if has_no_value else (),
        None if probabilities is None else {"color": probabilities},
    )


def find_in_color(predictions: Iterable[ProductPrediction]) -> ValueFindings:
    return find_value_errors(predictions, [COLOR], ("wrong-value", "missing-value"))


def test_a_wrong_value_is_shown_beside_typical_products_of_both_classes() -> None:
    red, blue = {"red": 0.98, "blue": 0.02}, {"red": 0.03, "blue": 0.97}
    result = find_in_color(
        [
            predict("wrong", blue, "red"),
            predict("red", {"red": 0.8, "blue": 0.2}, "red"),
            predict("reddest", red, "red"),
            predict("blue", blue, "blue"),
            predict("unread", None, "blue"),
        ]
    )
    (finding,) = result.findings
    assert result.products_without_features == 1
    assert (finding.kind, finding.product_ids, finding.dimension) == ("wrong-value", ("wrong",), "color")
    assert (finding.feed_value, finding.photo_value, finding.probability) == ("red", "blue", 0.97)
    assert finding.strength == pytest.approx(0.97 * (1 - 0.03 / 0.5))
    assert finding.sentence == "color: the feed says red (p .03), the photo says blue (p .97)."
    assert [(shown.product_id, shown.role) for shown in finding.photos] == [
        ("wrong", "this product"),
        ("reddest", "called red"),
        ("blue", "called blue"),
    ]


def test_one_of_several_values_is_shown_for_comparison() -> None:
    green = Dimension("color", "single", "color", ("red", "blue", "green"), (9, 9, 9))
    green_photos = {"red": 0.01, "blue": 0.01, "green": 0.98}
    (finding,) = find_value_errors(
        [
            predict("wrong", green_photos, "red", "blue"),
            predict("red", {"red": 1.0}, "red"),
            predict("green", green_photos, "green"),
        ],
        [green],
        ("wrong-value",),
    ).findings
    assert finding.feed_value == "red and blue"
    assert [shown.product_id for shown in finding.photos] == ["wrong", "red", "green"]


def test_sizes_are_not_read_out_of_photos() -> None:
    """They go with what photos show, so that a head may predict them, but no photo shows which are in stock."""
    size = Dimension("size", "multi", "size", ("S", "XL"), (9, 9))
    seen = ProductPrediction(product("p", "/p.png"), {"size": ("S",)}, (), {"size": {"S": 0.99, "XL": 0.99}})
    assert find_value_errors([seen], [size], ("missing-value",)).findings == []
    fabric = replace(seen, feed_classes={"fabric": ("S",)}, probabilities={"fabric": {"S": 0.99, "XL": 0.99}})
    other = replace(size, name="fabric", field="fabric")
    assert len(find_value_errors([fabric], [other], ("missing-value",)).findings) == 1


def test_a_value_is_missing_only_where_products_like_it_have_one() -> None:
    sure, tops, hats = {"red": 0.95, "blue": 0.05}, ("Tops",), ("Hats",)
    result = find_in_color(
        [
            predict("top", sure, "red", category=tops),
            predict("silent-top", sure, category=tops),
            predict("hat", sure, "red", category=hats),
            *(predict(f"silent-hat-{number}", sure, category=hats) for number in range(2)),
            predict("odd-hat", sure, category=hats, is_empty=False),
        ]
    )
    assert [(item.kind, item.product_ids, item.photo_value, item.feed_value) for item in result.findings] == [
        ("missing-value", ("silent-top",), "red", ""),
        ("missing-value", ("silent-hat-0",), "red", ""),
        ("missing-value", ("silent-hat-1",), "red", ""),
    ]
    fewer = find_in_color([predict("hat", sure, "red"), *(predict(f"silent-{number}", sure) for number in range(2))])
    assert fewer.findings == []


def test_without_a_category_the_coverage_of_all_products_decides() -> None:
    coverage = CategoryCoverage()
    coverage.add(product("a", "/a.png", category=("Tops",)), ())
    coverage.add(product("b", "/b.png"), ("color",))
    assert coverage.is_expected(product("c", "/c.png"), "color")
    coverage.add(product("d", "/d.png"), ("color",))
    assert not coverage.is_expected(product("c", "/c.png"), "color")


# products without a usable photo


def write_report(folder: Path, name: str, *ids: str, kind: str = "product-without-usable-photo") -> None:
    folder.mkdir(exist_ok=True)
    rows = [json.dumps({"kind": kind, "product_id": product_id, "value": f"/{product_id}.png"}) for product_id in ids]
    (folder / name).write_text("\n".join([*rows, "[1]", '{"cut o']), "utf-8")


def test_unusable_photos_are_read_from_the_last_whole_feed_on(tmp_path: Path) -> None:
    index = index_of([entry("repaired", turned(0))], 2)
    reports = tmp_path / "reports"
    assert list(find_products_without_photo(reports, index)) == []
    write_report(reports, "20260101T000000000000Z-index.jsonl", "long-ago")
    write_report(reports, "20260102T000000000000Z-sync.jsonl", "a", "repaired")
    write_report(reports, "20260102T000000000001Z-sync.jsonl.bak", "copy")
    write_report(reports, "20260103T000000000000Z-add.jsonl", "b")
    write_report(reports, "20260103T000000000000Z-add.jsonl".replace("03T", "04T"), "c", kind="photo-missing")
    write_report(reports, "20260105T000000000000Z-queries.jsonl", "query")
    findings = list(find_products_without_photo(reports, index))
    assert [(item.kind, item.product_ids, item.feed_value) for item in findings] == [
        ("no-usable-photo", ("a",), "/a.png"),
        ("no-usable-photo", ("b",), "/b.png"),
    ]
    assert "20260103T000000000000Z-add.jsonl" in findings[1].fix


# whole shops


SHADES: list[tuple[str, Color]] = [
    *(("red", (250 - 2 * n, 3 * (n % 4), n)) for n in range(24)),
    *(("blue", (n, 3 * (n % 4), 250 - 2 * n)) for n in range(24)),
]


def build_rows(folder: Path) -> list[dict[str, object]]:
    """Write a photo of its own shade for every red and blue product, and return the rows of the feed."""
    for number, (_, color) in enumerate(SHADES):
        photo(folder / f"p{number}.png", color, (24, 16))
    return [row(f"p{number}", attributes={"color": [name]}) for number, (name, _) in enumerate(SHADES)]


def open_shop(folder: Path, rows: Iterable[Mapping[str, object]]) -> Shop:
    shop, _ = Shop.index(
        feed_of(folder / "feed.jsonl", rows), folder / "store", embedder=ColourEmbedder(), settings=SETTINGS
    )
    return shop


VALUES = ("wrong-value", "missing-value", "shared-photo", "no-usable-photo")
"""The kinds that can be tested with photos of one colour, which all look nearly the same."""


def test_a_clean_shop_has_no_findings(tmp_path: Path) -> None:
    with open_shop(tmp_path, build_rows(tmp_path)) as shop:
        diagnosis = shop.quality.diagnose(VALUES)
    assert diagnosis == Diagnosis((), VALUES, 48, "colour@1", ("Values were compared in color.",))


def test_every_planted_fault_is_found_and_nothing_else(tmp_path: Path) -> None:
    rows = build_rows(tmp_path)
    rows[3]["attributes"] = {"color": ["blue"]}
    rows[30].pop("attributes")
    photo(tmp_path / "coming-soon.png", (120, 120, 120), (24, 16))
    rows += [row(f"soon{number}", "coming-soon.png", attributes={"color": ["gray"]}) for number in range(3)]
    rows += [row("blind", "nowhere.png")]
    steps: list[str] = []
    with open_shop(tmp_path, rows) as shop:
        page = tmp_path / "doctor.html"
        diagnosis = shop.quality.diagnose(VALUES, report=page, progress=lambda what, done, total: steps.append(what))
        again = shop.quality.diagnose("shared-photo")
    assert [
        (finding.kind, finding.product_ids, finding.feed_value, finding.photo_value)
        for finding in diagnosis.findings
        if finding.probability
    ] == [
        ("wrong-value", ("p3",), "blue", "red"),
        ("missing-value", ("p30",), "", "blue"),
    ]
    assert [(finding.kind, finding.product_ids) for finding in diagnosis.findings if finding.probability is None] == [
        ("shared-photo", ("soon0", "soon1", "soon2")),
        ("no-usable-photo", ("blind",)),
    ]
    assert again.findings == diagnosis.findings_of("shared-photo")
    assert again.counts == {"shared-photo": 1}
    lines = [json.loads(line) for line in page.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    assert lines == json.loads(json.dumps([finding.as_json() for finding in diagnosis.findings]))
    assert "feed says blue" in page.read_text("utf-8")
    assert {"Comparing feed and photos", "Looking for shared photos"} <= set(steps)


def test_products_without_features_are_counted(tmp_path: Path) -> None:
    rows = build_rows(tmp_path)
    rows[3]["attributes"] = {"color": ["blue"]}
    open_shop(tmp_path, rows).close()
    (tmp_path / "store" / "features.sqlite").unlink()
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        diagnosis = shop.quality.diagnose(["wrong-value"])
    assert diagnosis.findings == ()
    assert diagnosis.notes[1].startswith("The values of 48 products were not compared, because the features")


def test_a_store_without_filters_gets_the_findings_that_need_none(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store", create=True)) as store:
        fill_store(store)  # ten products whose photos differ, but have one vector
        diagnosis = diagnose(EvaluationContext(store, ColourEmbedder(), PhotoSource(SETTINGS), SETTINGS))
    assert diagnosis.notes[0].startswith("This store has no filters")
    assert [(finding.kind, len(finding.product_ids)) for finding in diagnosis.findings] == [("near-duplicates", 10)]
    assert diagnosis.kinds == tuple(KINDS)


def test_kinds_are_selected_by_name() -> None:
    assert select_kinds(["shared-photo", "wrong-value"]) == ("wrong-value", "shared-photo")
    assert select_kinds("shared-photo") == ("shared-photo",)
    with pytest.raises(InvalidValue) as error:
        select_kinds(["shared-photos"])
    assert error.value.code == "unknown-kind"
    assert "near-duplicates" in error.value.fix


def test_a_finding_needs_products_and_a_probability_in_range() -> None:
    with pytest.raises(InvalidValue, match="0 products"):
        Finding("wrong-value", (), "", "")
    with pytest.raises(InvalidValue, match="'wrong-values'"):
        Finding("wrong-values", ("a",), "", "")  # type: ignore[arg-type]
    for probability in (-0.01, 1.01, float("nan")):
        with pytest.raises(InvalidValue, match=f"{probability}"):
            Finding("wrong-value", ("a",), "", "", probability=probability)
    for probability in (None, 0.0, 1.0):
        assert Finding("wrong-value", ("a",), "", "", probability=probability).probability == probability


def test_the_command_prints_a_table_and_writes_both_files(tmp_path: Path) -> None:
    for number in range(3):
        scene(seed=number).save(tmp_path / f"p{number}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "p0.png").read_bytes())
    feed = feed_of(tmp_path / "feed.jsonl", [*(row(f"p{number}") for number in range(3)), row("copy")])
    store = tmp_path / "store"
    assert run_command("index", feed, "--store", store).code == 0
    result = run_command("doctor", "--store", store, "--report", tmp_path / "found.jsonl")
    assert result.code == 0
    assert [line.split()[:2] for line in result.out.splitlines() if line.startswith("shared")] == [
        ["shared-photo", "1"]
    ]
    assert "copy: 2 products have this photo." in result.out
    (line,) = (tmp_path / "found.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["product_ids"] == ["copy", "p0"]
    assert (tmp_path / "found.html").exists()
    printed = run_command("doctor", "--store", store, "--kind", "shared-photo", "--json").json
    assert (printed["counts"], printed["products"]) == ({"shared-photo": 1}, 4)
    assert len(list((store / "reports").glob("*-doctor.jsonl"))) == 1
    assert run_command("doctor", "--store", store, "--kind", "odd").code == 3
