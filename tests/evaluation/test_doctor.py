"""What the doctor finds in small shops with planted faults, and that it finds nothing in clean ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from shoplens import Shop
from shoplens.errors import InvalidValue
from shoplens.evaluation.doctor.contradictions import Contradiction, additions, contradiction
from shoplens.evaluation.doctor.customs import Customs
from shoplens.evaluation.doctor.diagnose import diagnose
from shoplens.evaluation.doctor.findings import KINDS, Diagnosis, Finding, kinds_named
from shoplens.evaluation.doctor.opinions import Opinion
from shoplens.evaluation.doctor.unusable import without_usable_photo
from shoplens.evaluation.doctor.values import Values, value_findings
from shoplens.evaluation.evaluate import EvaluationContext
from shoplens.filters.dimensions.dimension import Dimension
from shoplens.images import PhotoSource
from shoplens.settings import Settings
from shoplens.store.store import Store
from tests.cli.test_commands import shoplens
from tests.evaluation.placed_products import entry, index_of, turned
from tests.fakes import Color, ColourEmbedder, feed_of, photo, product, row
from tests.images.made_photos import scene
from tests.store.conftest import filled

SETTINGS = Settings(threads=2)
COLOR = Dimension("color", "single", "color", ("red", "blue"), (9, 9))
FABRIC = Dimension("fabric", "multi", "fabric", ("wool", "silk"), (9, 9))
TREE = Dimension(
    "category", "tree", "category", ("Men", "Women", "Men > Hats", "Men > Tops", "Women > Tops"), (9, 9, 9, 9, 9)
)


# the feed against the photos


@pytest.mark.parametrize(
    ("known", "read", "expected"),
    [
        (["red"], {"blue": 0.9, "red": 0.05}, Contradiction("red", "blue", 0.05, 0.9, 0.81)),
        (["red"], {"blue": 0.899, "red": 0.0}, None),
        (["red"], {"blue": 0.93, "red": 0.051}, None),
        (["red", "blue"], {"blue": 0.97, "red": 0.03}, None),
        ([], {"blue": 0.97, "red": 0.03}, None),
    ],
)
def test_photos_contradict_where_they_are_sure_and_rule_the_feed_out(
    known: Sequence[str], read: Mapping[str, float], expected: Contradiction | None
) -> None:
    assert contradiction(COLOR, known, read) == expected


def test_a_tree_is_contradicted_where_it_first_goes_wrong_and_read_as_deep_as_it_is_sure() -> None:
    sure = {"Men": 0.02, "Women": 0.98, "Men > Hats": 0.01, "Men > Tops": 0.01, "Women > Tops": 0.97}
    found = contradiction(TREE, ["Men", "Men > Hats"], sure)
    assert found == Contradiction("Men > Hats", "Women > Tops", 0.02, 0.97, 0.9408)
    unsure = {**sure, "Women > Tops": 0.6}
    assert contradiction(TREE, ["Men", "Men > Hats"], unsure) == Contradiction(
        "Men > Hats", "Women", 0.02, 0.98, 0.9408
    )
    below = {"Men": 0.99, "Women": 0.01, "Men > Hats": 0.02, "Men > Tops": 0.96, "Women > Tops": 0.01}
    assert contradiction(TREE, ["Men > Hats", "Men"], below) == Contradiction(
        "Men > Hats", "Men > Tops", 0.02, 0.96, 0.9024
    )
    assert contradiction(TREE, ["Men"], below) is None


def test_a_class_is_ruled_out_only_where_the_photos_speak_against_it() -> None:
    rare = Dimension("color", "single", "color", ("red", "blue"), (6, 54))  # a tenth is red
    assert contradiction(rare, ["red"], {"blue": 0.974, "red": 0.026}) is None
    found = contradiction(rare, ["red"], {"blue": 0.975, "red": 0.025})
    assert found == Contradiction("red", "blue", 0.025, 0.975, 0.7312)


def test_what_the_photos_add() -> None:
    read = {"wool": 0.96, "silk": 0.94}
    assert contradiction(FABRIC, ["silk"], {"wool": 0.99, "silk": 0.01}) is None
    assert additions(FABRIC, ["silk"], False, read) == {"wool": 0.96}
    assert additions(FABRIC, ["wool"], False, read) == {}
    assert additions(FABRIC, [], True, read) == read
    assert additions(FABRIC, [], False, read) == {}, "the feed names what no photo can tell"
    assert additions(COLOR, ["red"], False, {"blue": 0.99}) == {}
    assert additions(TREE, [], True, {"Men": 0.97, "Men > Hats": 0.95, "Women": 0.03}) == {"Men > Hats": 0.95}


def opinion(
    name: str, read: Mapping[str, float] | None, *colors: str, category: Sequence[str] = (), silent: bool | None = None
) -> Opinion:
    nothing_said = not colors if silent is None else silent
    return Opinion(
        product(name, f"/{name}.png", category=tuple(category)),
        {"color": colors} if colors else {},
        ("color",) if nothing_said else (),
        None if read is None else {"color": read},
    )


def values(opinions: Iterable[Opinion]) -> Values:
    return value_findings(opinions, [COLOR], ("wrong-value", "missing-value"))


def test_a_wrong_value_is_told_beside_what_both_look_like() -> None:
    red, blue = {"red": 0.98, "blue": 0.02}, {"red": 0.03, "blue": 0.97}
    found = values(
        [
            opinion("wrong", blue, "red"),
            opinion("red", {"red": 0.8, "blue": 0.2}, "red"),
            opinion("reddest", red, "red"),
            opinion("blue", blue, "blue"),
            opinion("unread", None, "blue"),
        ]
    )
    (one,), passed_over = found
    assert passed_over == 1
    assert (one.kind, one.product_ids, one.dimension) == ("wrong-value", ("wrong",), "color")
    assert (one.feed, one.seen, one.probability) == ("red", "blue", 0.97)
    assert one.strength == pytest.approx(0.97 * (1 - 0.03 / 0.5))
    assert one.sentence == "color: the feed says red (p .03), the photo says blue (p .97)."
    assert [(shown.product_id, shown.role) for shown in one.photos] == [
        ("wrong", "this product"),
        ("reddest", "called red"),
        ("blue", "called blue"),
    ]


def test_one_of_several_values_is_compared_with() -> None:
    green = Dimension("color", "single", "color", ("red", "blue", "green"), (9, 9, 9))
    read = {"red": 0.01, "blue": 0.01, "green": 0.98}
    (one,) = value_findings(
        [opinion("wrong", read, "red", "blue"), opinion("red", {"red": 1.0}, "red"), opinion("green", read, "green")],
        [green],
        ("wrong-value",),
    ).findings
    assert one.feed == "red and blue"
    assert [shown.product_id for shown in one.photos] == ["wrong", "red", "green"]


def test_a_value_is_missing_only_where_products_like_it_have_one() -> None:
    sure, tops, hats = {"red": 0.95, "blue": 0.05}, ("Tops",), ("Hats",)
    found = values(
        [
            opinion("top", sure, "red", category=tops),
            opinion("silent-top", sure, category=tops),
            opinion("hat", sure, "red", category=hats),
            *(opinion(f"silent-hat-{number}", sure, category=hats) for number in range(2)),
            opinion("odd-hat", sure, category=hats, silent=False),
        ]
    )
    assert [(one.kind, one.product_ids, one.seen, one.feed) for one in found.findings] == [
        ("missing-value", ("silent-top",), "red", ""),
        ("missing-value", ("silent-hat-0",), "red", ""),
        ("missing-value", ("silent-hat-1",), "red", ""),
    ]
    fewer = values([opinion("hat", sure, "red"), *(opinion(f"silent-{number}", sure) for number in range(2))])
    assert fewer.findings == []


def test_what_is_usual_without_categories() -> None:
    customs = Customs()
    customs.add(product("a", "/a.png", category=("Tops",)), ())
    customs.add(product("b", "/b.png"), ("color",))
    assert customs.expects(product("c", "/c.png"), "color")
    customs.add(product("d", "/d.png"), ("color",))
    assert not customs.expects(product("c", "/c.png"), "color")


# products without a usable photo


def reported(folder: Path, name: str, *ids: str, kind: str = "product-without-usable-photo") -> None:
    folder.mkdir(exist_ok=True)
    rows = [json.dumps({"kind": kind, "product_id": one, "value": f"/{one}.png"}) for one in ids]
    (folder / name).write_text("\n".join([*rows, "[1]", '{"cut o']), "utf-8")


def test_unusable_photos_are_read_from_the_last_whole_feed_on(tmp_path: Path) -> None:
    index = index_of([entry("mended", turned(0))], 2)
    reports = tmp_path / "reports"
    assert list(without_usable_photo(reports, index)) == []
    reported(reports, "20260101T000000000000Z-index.jsonl", "long-ago")
    reported(reports, "20260102T000000000000Z-sync.jsonl", "a", "mended")
    reported(reports, "20260102T000000000001Z-sync.jsonl.bak", "copy")
    reported(reports, "20260103T000000000000Z-add.jsonl", "b")
    reported(reports, "20260103T000000000000Z-add.jsonl".replace("03T", "04T"), "c", kind="photo-missing")
    reported(reports, "20260105T000000000000Z-queries.jsonl", "query")
    found = list(without_usable_photo(reports, index))
    assert [(one.kind, one.product_ids, one.feed) for one in found] == [
        ("no-usable-photo", ("a",), "/a.png"),
        ("no-usable-photo", ("b",), "/b.png"),
    ]
    assert "20260103T000000000000Z-add.jsonl" in found[1].fix


# whole shops


SHADES: list[tuple[str, Color]] = [
    *(("red", (250 - 2 * n, 3 * (n % 4), n)) for n in range(24)),
    *(("blue", (n, 3 * (n % 4), 250 - 2 * n)) for n in range(24)),
]


def rows_of(folder: Path) -> list[dict[str, object]]:
    """Red and blue products, each with a photo of a shade of its own."""
    for number, (_, color) in enumerate(SHADES):
        photo(folder / f"p{number}.png", color, (24, 16))
    return [row(f"p{number}", attributes={"color": [name]}) for number, (name, _) in enumerate(SHADES)]


def opened(folder: Path, rows: Iterable[Mapping[str, object]]) -> Shop:
    shop, _ = Shop.index(
        feed_of(folder / "feed.jsonl", rows), folder / "store", embedder=ColourEmbedder(), settings=SETTINGS
    )
    return shop


VALUES = ("wrong-value", "missing-value", "shared-photo", "no-usable-photo")
"""Kinds that photos of one colour are fit for: they all look nearly the same."""


def test_a_clean_shop_has_no_findings(tmp_path: Path) -> None:
    with opened(tmp_path, rows_of(tmp_path)) as shop:
        found = shop.quality.diagnose(VALUES)
    assert found == Diagnosis((), VALUES, 48, "colour@1", ("Values were compared in color.",))


def test_every_planted_fault_is_found_and_nothing_else(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    rows[3]["attributes"] = {"color": ["blue"]}
    rows[30].pop("attributes")
    photo(tmp_path / "coming-soon.png", (120, 120, 120), (24, 16))
    rows += [row(f"soon{number}", "coming-soon.png", attributes={"color": ["gray"]}) for number in range(3)]
    rows += [row("blind", "nowhere.png")]
    told: list[str] = []
    with opened(tmp_path, rows) as shop:
        page = tmp_path / "doctor.html"
        found = shop.quality.diagnose(VALUES, report=page, progress=lambda what, done, total: told.append(what))
        again = shop.quality.diagnose("shared-photo")
    assert [(one.kind, one.product_ids, one.feed, one.seen) for one in found.findings if one.probability] == [
        ("wrong-value", ("p3",), "blue", "red"),
        ("missing-value", ("p30",), "", "blue"),
    ]
    assert [(one.kind, one.product_ids) for one in found.findings if one.probability is None] == [
        ("shared-photo", ("soon0", "soon1", "soon2")),
        ("no-usable-photo", ("blind",)),
    ]
    assert again.findings == found.of("shared-photo")
    assert again.counts == {"shared-photo": 1}
    lines = [json.loads(line) for line in page.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    assert lines == json.loads(json.dumps([one.as_json() for one in found.findings]))
    assert "feed says blue" in page.read_text("utf-8")
    assert {"Comparing feed and photos", "Looking for shared photos"} <= set(told)


def test_a_product_without_features_is_passed_over_and_counted(tmp_path: Path) -> None:
    rows = rows_of(tmp_path)
    rows[3]["attributes"] = {"color": ["blue"]}
    opened(tmp_path, rows).close()
    (tmp_path / "store" / "features.sqlite").unlink()
    with Shop(tmp_path / "store", embedder=ColourEmbedder(), settings=SETTINGS) as shop:
        found = shop.quality.diagnose(["wrong-value"])
    assert found.findings == ()
    assert found.notes[1].startswith("48 products without features of photos passed over")


def test_a_store_without_filters_gets_the_findings_that_need_none(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store", create=True)) as store:
        filled(store)  # ten products whose photos differ, but have one vector
        found = diagnose(EvaluationContext(store, ColourEmbedder(), PhotoSource(SETTINGS), SETTINGS))
    assert found.notes[0].startswith("This store has no filters")
    assert [(one.kind, len(one.product_ids)) for one in found.findings] == [("near-duplicates", 10)]
    assert found.kinds == tuple(KINDS)


def test_kinds_are_named() -> None:
    assert kinds_named(["shared-photo", "wrong-value"]) == ("wrong-value", "shared-photo")
    assert kinds_named("shared-photo") == ("shared-photo",)
    with pytest.raises(InvalidValue) as told:
        kinds_named(["shared-photos"])
    assert told.value.code == "unknown-kind"
    assert "near-duplicates" in told.value.fix


def test_a_finding_is_checked_at_birth() -> None:
    with pytest.raises(InvalidValue):
        Finding("wrong-value", (), "", "")
    with pytest.raises(InvalidValue):
        Finding("wrong-value", ("a",), "", "", probability=1.01)


def test_the_command_prints_a_table_and_writes_both_files(tmp_path: Path) -> None:
    for number in range(3):
        scene(seed=number).save(tmp_path / f"p{number}.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "p0.png").read_bytes())
    feed = feed_of(tmp_path / "feed.jsonl", [*(row(f"p{number}") for number in range(3)), row("copy")])
    store = tmp_path / "store"
    assert shoplens("index", feed, "--store", store).code == 0
    done = shoplens("doctor", "--store", store, "--report", tmp_path / "found.jsonl")
    assert done.code == 0
    assert [line.split()[:2] for line in done.out.splitlines() if line.startswith("shared")] == [["shared-photo", "1"]]
    assert "copy: 2 products have this photo." in done.out
    (line,) = (tmp_path / "found.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["product_ids"] == ["copy", "p0"]
    assert (tmp_path / "found.html").exists()
    told = shoplens("doctor", "--store", store, "--kind", "shared-photo", "--json").told
    assert (told["counts"], told["products"]) == ({"shared-photo": 1}, 4)
    assert len(list((store / "reports").glob("*-doctor.jsonl"))) == 1
    assert shoplens("doctor", "--store", store, "--kind", "odd").code == 3
