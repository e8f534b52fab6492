from __future__ import annotations

from dataclasses import replace

from shoplens.evaluation.report.comparison import comparison_page, summary
from shoplens.evaluation.results import Comparison, Estimate, OmissionCount, PairedDifference, StrategyRow

OLD = StrategyRow(
    "pretrained",
    "Never saw this shop.",
    {"recall@1": Estimate(0.263, 0.211, 0.315), "mrr": Estimate(0.4, 0.3, 0.5)},
    {},
    {"median": 8.1, "p95": 14.6},
    5400,
    {"median": 31.0, "p95": 52.0},
    "decode, embed, write",
)
NEW = StrategyRow(
    "classifier",
    "One output per <product>.",
    {"recall@1": Estimate(0.631, 0.57, 0.688)},
    {"recall@1": PairedDifference(Estimate(0.368, 0.301, 0.435), 0.0002)},
    {"median": 7.9},
    88,
    {"median": 540_000.0},
    "retrain everything",
)
COMPARISON = Comparison(
    "store", "phone photos", 417, 251, (OmissionCount("absent", 2, "a.jpg", "Add it."),), "pretrained", (OLD, NEW), 7
)


def test_the_summary_states_the_main_figure() -> None:
    assert summary(COMPARISON).replace("\u00a0", " ") == (
        "classifier finds the product first most often: in 63.1 % (57.0–68.8) of 251 photos, "
        "+36.8 points against pretrained (p < 0.001)."
    )
    assert "against" not in summary(replace(COMPARISON, rows=(OLD,)))
    assert summary(replace(COMPARISON, rows=())).startswith("There is nothing to compare")


def test_every_row_is_shown_with_its_difference_and_its_costs() -> None:
    text = comparison_page(COMPARISON).replace("\u00a0", " ")
    for shown in ("pretrained", "compared with", "26.3 %", "21.1–31.5", "mrr", "Never saw this shop."):
        assert shown in text
    for shown in ("+36.8 (+30.1 to +43.5)", "p &lt; 0.001", "5.4 kB", "88 B", "p95 14.6 ms", "9.0 min", "retrain"):
        assert shown in text
    assert "One output per &lt;product&gt;." in text
    assert text.count("<figure") == 2
    assert "a.jpg" in text
    assert "http" not in text


def test_a_comparison_of_one_strategy_or_none_has_a_page() -> None:
    assert comparison_page(replace(COMPARISON, rows=(OLD,))).count("<figure") == 1
    assert "<figure" not in comparison_page(replace(COMPARISON, rows=(), left_out=()))
