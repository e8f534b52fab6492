"""Barcodes in photos on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command_line import run_command
from tests.code_photos import EAN, OTHER_EAN, draw_code, photo_with_code
from tests.fakes import BLUE, GREEN, RED, feed_of, photo, row


def test_a_line_says_which_barcode_it_is(tmp_path: Path) -> None:
    for name, color in {"red": RED, "green": GREEN, "blue": BLUE}.items():
        photo(tmp_path / f"{name}.png", color, (64, 64))
    rows = [row("red", identifiers=[EAN]), row("green"), row("blue")]
    store = tmp_path / "store"
    assert run_command("index", feed_of(tmp_path / "feed.jsonl", rows), "--store", store).code == 0
    query = photo_with_code(tmp_path / "query.png", GREEN, draw_code(EAN))
    answer = run_command("search", query, "--store", store)
    assert answer.code == 0 and f"barcode {EAN}" in answer.out
    assert f"exact: The first result has the barcode {EAN} that is in the photo." in " ".join(answer.err.split())
    result = run_command("search", query, "--store", store, "--json")
    assert (result.json["results"][0]["product_id"], result.json["results"][0]["barcode"]) == ("red", EAN)
    unknown = photo_with_code(tmp_path / "unknown.png", GREEN, draw_code(OTHER_EAN))
    answer = run_command("search", unknown, "--store", store)
    assert f"No product has the barcode {OTHER_EAN}" in answer.err and "barcode" not in answer.out
