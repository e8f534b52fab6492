from __future__ import annotations

import pytest

from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.report.formatting import (
    byte_size,
    duration,
    metric_meaning,
    metric_name,
    number,
    percent,
    percent_interval,
    points,
    points_interval,
    probability,
    quantity,
    x_position,
    y_position,
)
from shoplens.evaluation.results import Estimate
from shoplens.evaluation.statistics.metrics import METRICS


def test_shares_and_differences() -> None:
    assert percent(0.263) == "26.3\u00a0%"
    assert percent(0.577, 0) == "58\u00a0%"
    assert percent(float("nan")) == "–"
    assert percent_interval(Estimate(0.263, 0.211, 0.315)) == "21.1–31.5"
    assert percent_interval(Estimate(0.5, float("nan"), 1.0)) == "–"
    assert [points(x) for x in (0.0321, -0.0321, 0.0, -0.0001)] == ["+3.2", "−3.2", "±0.0", "±0.0"]
    assert points(float("nan")) == "–"
    assert points_interval(Estimate(0.03, -0.004, 0.068)) == "−0.4 to +6.8"
    assert probability(0.034) == "p = 0.034"
    assert probability(0.0009) == "p < 0.001"


def test_counts_sizes_and_times() -> None:
    assert number(1417) == "1,417"
    assert [quantity(count, "photo") for count in (0, 1, 1417)] == ["0 photos", "1 photo", "1,417 photos"]
    assert [byte_size(count) for count in (88, 5400, 2.5e6, 3e9)] == ["88 B", "5.4 kB", "2.5 MB", "3.0 GB"]
    assert [duration(ms) for ms in (4.24, 250.4, 5400, 240_000)] == ["4.2 ms", "250 ms", "5.4 s", "4.0 min"]


def test_positions_count_from_the_left_and_from_the_top() -> None:
    assert (x_position(0.25), y_position(0.25)) == ("25.00%", "75.00%")


@pytest.mark.parametrize("name", [*METRICS, CATEGORY_RECALL])
def test_every_metric_has_a_meaning(name: str) -> None:
    assert metric_name(name) and metric_meaning(name)
    assert (metric_name("unknown"), metric_meaning("unknown")) == ("unknown", "")
