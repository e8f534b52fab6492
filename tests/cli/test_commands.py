"""Test the command line on a small catalogue with the shipped model: stdout, stderr and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shoplens import __version__
from shoplens.cli import GROUPS
from shoplens.store.files.atomic import copy_tree, size_on_disk
from shoplens.store.store import Store
from tests.cli.command_line import run_command
from tests.fakes import feed_of, row
from tests.images.made_photos import scene

COLORS = ("red", "green", "blue")


def feed_rows(numbers: range, **changes: Any) -> list[dict[str, Any]]:
    """Return the rows of the products with these numbers; ``changes`` replaces fields in all of them."""
    return [
        row(f"p{number}", price=float(number), attributes={"color": COLORS[number % 3]}, group_id=f"g{number // 4}")
        | changes
        for number in numbers
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write twelve photos and a feed of ten products, and return their folder."""
    folder = tmp_path_factory.mktemp("shop")
    for number in range(12):
        scene(96, 64, seed=number).save(folder / f"p{number}.png")
    feed_of(folder / "feed.jsonl", feed_rows(range(10)))
    return folder


@pytest.fixture(scope="module")
def indexed_store(folder: Path) -> Path:
    """Index the feed once, and return the folder of the store, which no test changes."""
    result = run_command("index", folder / "feed.jsonl", "--store", folder / "indexed", "--json")
    assert (result.code, result.json["products"]) == (0, 10)
    return folder / "indexed"


@pytest.fixture
def store(indexed_store: Path, tmp_path: Path) -> Iterator[Path]:
    """Copy the store of p0 to p9 for one test, and check at its end that no command still holds the lock."""
    copy_tree(indexed_store, tmp_path / "store")
    yield tmp_path / "store"
    Store(tmp_path / "store", lock_wait=0.0).close()


def test_index_reports_counts_and_problems(folder: Path, tmp_path: Path) -> None:
    feed = feed_of(
        folder / "mixed.jsonl", [*feed_rows(range(3)), row("bad", "gone.png"), row("half", "p3.png", "gone.png")]
    )
    result = run_command("index", feed, "--store", tmp_path / "store", "--json")
    assert result.code == 0
    output = result.json
    numbers = {name: output[name] for name in ("rows", "products", "photos", "added", "photos_embedded", "rejected")}
    assert numbers == {"rows": 5, "products": 4, "photos": 4, "added": 4, "photos_embedded": 4, "rejected": 3}
    assert {problem["kind"]: problem["times"] for problem in output["problems"]} == {
        "photo-missing": 2,
        "product-without-usable-photo": 1,
    }
    assert Path(output["report"]).is_file()
    assert "5 rows were read: 4 products with 4 photos" in result.err
    assert "photo-missing" in result.err
    assert "Correct the path in the feed" in result.err


def test_without_json_only_answers_go_to_stdout(store: Path, folder: Path) -> None:
    assert run_command("add", folder / "feed.jsonl", "--store", store).out == ""
    table = run_command("search", folder / "p3.png", "--store", store, "-k", 2).out
    assert table.splitlines()[1].split()[:3] == ["1", "1.000", "p3"]
    assert len(table.splitlines()) == 3


def test_index_refuses_an_existing_store_and_names_the_alternatives(store: Path, folder: Path) -> None:
    result = run_command("index", folder / "feed.jsonl", "--store", store, "--json")
    assert result.code == 6
    error = result.json["error"]
    assert error["code"] == "store-exists"
    assert "already holds 10 products" in error["problem"]
    assert "--replace" in error["fix"]
    assert "shoplens sync" in error["fix"]
    assert "already holds 10 products" in result.err


def test_index_replace_reuses_vectors(store: Path, folder: Path) -> None:
    output = run_command("index", folder / "feed.jsonl", "--store", store, "--replace", "--json").json
    assert (output["products"], output["photos_known"], output["photos_embedded"]) == (10, 10, 0)


def test_search_prints_one_json_object_with_the_documented_keys(store: Path, folder: Path) -> None:
    result = run_command("search", folder / "p3.png", "--store", store, "-k", 4, "--json")
    assert (result.code, result.err) == (0, "")
    output = result.json
    assert list(output) == [
        *("query_id", "remembered", "query", "strategy", "words", "weights", "importances", "verdict"),
        *("absent_probability", "results", "object_answers", "facets", "notes", "took_ms"),
    ]
    assert output["query"]["source"] == str(folder / "p3.png")
    assert output["query"]["region"] is None
    assert output["query"]["model"].startswith("efficientnet-lite2-256-int8@")
    assert output["strategy"] == {"used": "filters-static"}
    assert list(output["took_ms"]) == [
        "decode",
        "scan",
        "embed",
        "filter",
        "retrieve",
        "rank",
        "judge",
        "facets",
        "other",
        "total",
    ]
    assert [product["rank"] for product in output["results"]] == [1, 2, 3, 4]
    first = output["results"][0]
    assert (first["product_id"], first["title"], first["same_photo"]) == ("p3", "The p3", True)
    assert first["score"] == pytest.approx(1.0, abs=1e-12)  # a sum, which machines round differently
    assert (first["photo"], first["price"]) == (str(folder / "p3.png"), 3.0)
    assert first["parts"] == pytest.approx(output["weights"])
    assert (first["attributes"], first["group_id"]) == ({"color": ["red"]}, "g0")


def test_a_photo_of_the_catalogue_finds_its_product_first(store: Path, folder: Path) -> None:
    for number in (0, 7, 9):
        output = run_command("search", folder / f"p{number}.png", "--store", store, "-k", 1, "--json").json
        assert output["results"][0]["product_id"] == f"p{number}"


def test_search_applies_conditions_groups_and_regions(store: Path, folder: Path) -> None:
    words = ("search", folder / "p3.png", "--store", store, "--json")

    def product_ids(*options: object) -> list[str]:
        return [product["product_id"] for product in run_command(*words, *options).json["results"]]

    assert set(product_ids("--where", "color = red")) == {"p0", "p3", "p6", "p9"}
    assert set(product_ids("--where", "color = red", "--where", "price > 3")) == {"p6", "p9"}
    assert len(product_ids("--per-group", 1)) == 3
    region = run_command(*words, "-k", 1, "--region", "4,4,80,56").json
    assert region["query"]["region"] == [4, 4, 80, 56]
    assert region["results"][0]["product_id"] == "p3"


def test_a_note_explains_an_answer_without_results(store: Path, folder: Path) -> None:
    result = run_command("search", folder / "p3.png", "--store", store, "--where", "color = mauve", "--json")
    assert (result.code, result.json["results"]) == (0, [])
    assert result.json["notes"] == ["No product meets the condition.", "color has: red (4), blue (3), green (3)."]
    assert "color has: red (4)" in result.err


def test_add_sync_and_remove(store: Path, folder: Path) -> None:
    added = run_command("add", feed_of(folder / "more.jsonl", feed_rows(range(9, 12))), "--store", store, "--json").json
    assert (added["added"], added["unchanged"], added["photos_embedded"]) == (2, 1, 2)
    full = feed_of(folder / "full.jsonl", [*feed_rows(range(2, 11)), *feed_rows(range(11, 12), price=99.0)])
    refused = run_command("sync", full, "--store", store, "--json")
    assert (refused.code, refused.json["error"]["code"]) == (6, "refused")
    assert "p0, p1" in refused.json["error"]["problem"]
    synced = run_command("sync", full, "--store", store, "--max-removals", "20%", "--json").json
    assert (synced["changed"], synced["unchanged"], synced["removed"], synced["photos_embedded"]) == (1, 9, 2, 0)
    removed = run_command("remove", "p5", "[/odd]", "p6", "--store", store, "--json")
    assert removed.json == {"removed": 2, "unknown": ["[/odd]"]}
    assert "2 products were removed. These ids are not in the store: [/odd]." in removed.err
    assert run_command("info", "--store", store, "--json").json["products"] == 8
    identified = feed_of(folder / "identified.jsonl", feed_rows(range(7, 8), identifiers=["SKU-7"]))
    assert run_command("add", identified, "--store", store).code == 0
    assert run_command("similar", "SKU-7", "-k", 1, "--store", store, "--json").json["query"]["source"] == "p7"
    by_identifier = run_command("remove", "SKU-7", "--store", store, "--json")
    assert by_identifier.json == {"removed": 0, "unknown": ["SKU-7"]}, (
        "a further identifier names a row, not the whole product"
    )


def test_info_describes_the_store_its_fields_and_settings(store: Path, folder: Path) -> None:
    output = run_command("info", "--store", store, "--json").json
    assert (output["store"], output["products"], output["dimensions"]) == (str(store), 10, 256)
    assert (output["feed"], output["feed_format"], output["generation"]) == (
        str(folder / "feed.jsonl"),
        "jsonl",
        "000001",
    )
    assert output["fields"]["color"] == {"holds": ["text"], "values": {"red": 4, "blue": 3, "green": 3}}
    assert output["settings"]["store"] == str(store)
    table = run_command("info", "--store", store)
    assert table.code == 0
    assert "red (4), blue (3), green (3)" in table.out + table.err


def test_info_counts_the_bytes_of_the_store_on_disk(indexed_store: Path, folder_on_disk: Path) -> None:
    copy_tree(indexed_store, folder_on_disk / "store")
    size = size_on_disk(folder_on_disk / "store")
    output = run_command("info", "--store", folder_on_disk / "store", "--json").json
    assert 0.5 * size < output["bytes"] < 2 * size < 1e7


def test_backup_and_restore(store: Path, folder: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup [1]"
    result = run_command("backup", backup, "--store", store)
    assert (result.code, result.out) == (0, "")
    assert f"10 products were copied to {backup}" in result.err
    assert run_command("backup", backup, "--store", store).code == 6
    run_command("remove", "p3", "--store", store)
    assert run_command("restore", backup, "--store", store).code == 6
    result = run_command("restore", backup, "--store", store, "--replace")
    assert result.code == 0
    assert "10 products were restored to" in result.err
    assert run_command("restore", backup, "--store", tmp_path / "other").code == 0
    output = run_command("search", folder / "p3.png", "--store", tmp_path / "other", "-k", 1, "--json").json
    assert output["results"][0]["product_id"] == "p3"
    assert run_command("restore", folder, "--store", tmp_path / "another").code == 4


def test_the_environment_names_the_store(store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_STORE", str(store))
    assert run_command("info", "--json").json["store"] == str(store)
    assert run_command("info", "--store", store.parent / "elsewhere", "--json").code == 4


def test_strict_exits_with_5_after_a_run_with_rejections(store: Path, folder: Path) -> None:
    feed = feed_of(folder / "strict.jsonl", [*feed_rows(range(10, 12)), row("bad", "gone.png")])
    result = run_command("add", feed, "--store", store, "--strict", "--json")
    assert result.code == 5
    assert (result.json["added"], result.json["rejected"]) == (2, 2)
    assert "2 rows, products or photos were rejected" in result.err
    assert run_command("add", folder / "feed.jsonl", "--store", store, "--strict").code == 0


def test_a_table_with_an_unknown_header_is_an_error_that_lists_the_formats(folder: Path, tmp_path: Path) -> None:
    feed = folder / "unknown-header.csv"
    feed.write_text("artikel;preis\n1;2\n")
    result = run_command("index", feed, "--store", tmp_path / "store", "--json")
    assert result.code == 3
    error = result.json["error"]
    for name in ("magento", "merchant", "jsonl"):
        assert name in error["problem"] + error["fix"]
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("search", "gone.jpg"), "photo-missing"),
        (("search", "p3.png", "-k", 0), "invalid-value"),
        (("search", "p3.png", "--where", "colour = red"), "unknown-field"),
        (("search", "p3.png", "--where", "color = "), "bad-syntax"),
        (("search", "p3.png", "--region", "1,2,3"), "invalid-value"),
        (("search", "p3.png", "--region", "90,0,50,50"), "invalid-value"),
        (("search", "p3.png", "--sold-out", "perhaps"), "invalid-value"),
        (("search", "p3.png", "--model", "gone.onnx"), "no-model"),
        (("sync", "feed.jsonl", "--max-removals", "lots"), "invalid-value"),
        (("add", "removed.jsonl"), "no-feed"),
        (("add", "feed.jsonl", "--format", "nonsense"), "unknown-format"),
    ],
)
def test_invalid_input_is_an_error_with_a_code(store: Path, folder: Path, words: tuple[object, ...], code: str) -> None:
    command, name, *rest = words
    result = run_command(command, folder / str(name), *rest, "--store", store, "--json")
    assert (result.code, result.json["error"]["code"]) == (3, code)
    assert result.json["error"]["fix"]
    assert "Error:" in result.err
    assert "To do:" in result.err
    assert "Traceback" not in result.err


def test_a_missing_or_locked_store_exits_with_4(
    store: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = run_command("search", folder / "p3.png", "--store", tmp_path / "nowhere", "--json")
    assert (missing.code, missing.json["error"]["code"]) == (4, "no-store")
    monkeypatch.setenv("SHOPLENS_LOCK_WAIT", "0")
    owner = Store(store)
    busy = run_command("add", folder / "feed.jsonl", "--store", store, "--json")
    owner.close()
    assert (busy.code, busy.json["error"]["code"]) == (4, "store-in-use")


@pytest.mark.parametrize(
    ("words", "code", "choices"),
    [
        (("search", "p3.png", "--sold-out", "perhaps"), "invalid-value", "show, hide, last"),
        (("similar", "p3", "--strategy", "magic"), "unknown-strategy", "pretrained, filters-static"),
        (("add", "feed.jsonl", "--format", "nonsense"), "unknown-format", "magento, shopify"),
        (("doctor", "--kind", "never-found", "--kind", "odd"), "unknown-kind", "wrong-value, missing-value"),
        (("keys", "add", "storefront", "--role", "owner"), "bad-key", "search, desk, write, admin"),
        (("train", "look", "--positives", "shop"), "invalid-value", "product, group"),
        (("train", "classifier", "--depth", "deep"), "invalid-value", "head, full"),
        (("train", "look", "--loss", "hope"), "unknown-loss", "supcon, multi-similarity"),
        (("train", "ranker", "--kind", "best"), "invalid-value", "gate, listwise"),
    ],
)
def test_an_invalid_choice_is_an_error_that_lists_the_choices(
    tmp_path: Path, words: tuple[str, ...], code: str, choices: str
) -> None:
    result = run_command(*words, "--store", tmp_path / "nowhere", "--json")
    error = result.json["error"]
    assert (result.code, error["code"]) == (3, code)
    assert error["problem"] == f"{words[-2]} is {words[-1]!r}."
    assert error["fix"].startswith(f"Choose one of: {choices}")
    assert f"Choices: {choices.split(', ')[0]}" in " ".join(
        print_help(*words[: 2 if words[0] in GROUPS else 1]).split()
    )


def test_without_json_an_invalid_choice_is_printed_as_an_error(tmp_path: Path) -> None:
    result = run_command("serve", "--logs", "xml", "--store", tmp_path / "nowhere")
    assert (result.code, result.out) == (3, "")
    assert "Error: --logs is 'xml'.\nTo do: Choose one of: text, json." in result.err


def print_help(*words: str) -> str:
    """Return the help of a command at 200 columns, without its frames."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        return run_command(*words, "--help").out.replace("│", "")


@pytest.mark.parametrize(("group", "default"), [("generations", "list"), ("check", "run")])
def test_a_group_runs_its_default_command(store: Path, group: str, default: str) -> None:
    short, full = (run_command(*words, "--store", store, "--json") for words in ((group,), (group, default)))
    assert (short.code, short.json) == (full.code, full.json)
    assert {"generations": 0, "check": 3}[group] == short.code
    assert f"shoplens {group} [OPTIONS] [COMMAND]" in print_help(group)
    assert f"shoplens {group} {default} [OPTIONS]" in print_help(group, "--store", str(store))


def test_options_before_the_command_of_a_group_are_a_usage_error(store: Path) -> None:
    result = run_command("generations", "--store", store, "roll-back")
    assert (result.code, result.out) == (2, "")
    assert "roll-back" in result.err


@pytest.mark.parametrize(
    "words",
    [
        *[("serch",), ("similar",), ("search", "p3.png", "-k", "many"), ("index", "--nothing")],
        *[("check", "--update"), ("check", "make-baseline", "--fresh", "3"), ("generations", "--back")],
        ("train", "ranker", "--undo"),
    ],
)
def test_usage_errors_exit_with_2(words: tuple[str, ...]) -> None:
    result = run_command(*words)
    assert (result.code, result.out) == (2, "")
    assert "Usage" in result.err


def test_an_invalid_setting_exits_with_2(store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPLENS_THREADS", "several")
    result = run_command("info", "--store", store, "--json")
    assert (result.code, result.json["error"]["code"]) == (2, "bad-settings")


def test_markup_and_control_characters_of_a_feed_are_printed_without_effect(folder: Path, tmp_path: Path) -> None:
    rows = feed_rows(range(3), title="[red]:smile:[/nothing]", currency="[/b]", price=3.0)
    feed = feed_of(folder / "markup.jsonl", [*rows, row("half", "p3.png", "\x1b[31mgone[/x].png")])
    result = run_command("index", feed, "--store", tmp_path / "store")
    assert result.code == 0 and "\x1b" not in result.err and "\ufffd[31mgone[/x].png" in result.err
    answer = run_command("search", folder / "p0.png", "--store", tmp_path / "store")
    assert answer.code == 0 and "[red]:smile:[/nothing]" in answer.out and "3.00 [/b]" in answer.out


@pytest.mark.parametrize("command", ["index", "search", "add", "remove", "sync", "info", "backup", "restore", "demo"])
def test_every_command_has_help(command: str) -> None:
    result = run_command(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"shoplens {command}" in result.out
    assert command in run_command("--help").out


def test_the_installed_command_prints_version_answers_and_errors(store: Path, folder: Path) -> None:
    script = Path(sys.executable).with_name("shoplens")
    version = subprocess.run([script, "--version"], capture_output=True, text=True, check=False)
    assert (version.returncode, version.stdout) == (0, f"shoplens {__version__}\n")
    searched = subprocess.run(
        [script, "search", folder / "p3.png", "--store", store, "-k", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (searched.returncode, searched.stderr) == (0, "")
    assert json.loads(searched.stdout)["results"][0]["product_id"] == "p3"
    failed = subprocess.run([script, "info", "--store", folder], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (4, "")
    assert "There is no store at" in failed.stderr
