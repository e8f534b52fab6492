"""The report of rejected rows."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from shoplens.feeds import Report, SummaryRow
from shoplens.types import Rejection


def make_rejection(number: int, kind: str = "bad-price", level: str = "note") -> Rejection:
    return Rejection(kind, "why", "what to do", level=level, row=number, field="price", value=f"v{number} é\ud800")  # type: ignore[arg-type]


def test_each_rejection_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "run.jsonl"
    with Report(path) as report:
        assert not path.exists()
        for number in (1, 2):
            report.add(Rejection("a", "b", "c", row=number, value="é"))
            lines = path.read_text("utf-8").splitlines()
            assert [json.loads(line)["row"] for line in lines] == list(range(1, number + 1))
    assert json.loads(lines[0]) == asdict(Rejection("a", "b", "c", row=1, value="é"))


def test_a_later_run_adds_to_the_file_and_odd_characters_do_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for number in (1, 2):
        with Report(path) as report:
            report.add(make_rejection(number))
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_the_summary_counts_by_level_and_kind_and_keeps_few_examples() -> None:
    report = Report()
    for number in range(1, 501):
        report.add(make_rejection(number))
    report.add(make_rejection(7, "missing-id", "rejected"))
    assert report.summary() == [
        SummaryRow("rejected", "missing-id", 1, "row 7, price: v7 é\ud800", "what to do"),
        SummaryRow("note", "bad-price", 500, "row 1, price: v1 é\ud800", "what to do"),
    ]
    assert (report.rejected, report.notes) == (1, 500)
    assert [example.row for example in report.examples("bad-price")] == [1, 2, 3]
