"""Numbers, times, metrics and positions as pages and the command line write them."""

from __future__ import annotations

import math

from shoplens.evaluation.query_runs import CATEGORY_RECALL
from shoplens.evaluation.results import Estimate
from shoplens.evaluation.statistics.metrics import METRICS

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_BYTE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def number(value: int) -> str:
    """``1417`` as "1,417"."""
    return f"{value:,}"


def quantity(count: int, noun: str) -> str:
    """``1, "photo"`` as "1 photo", ``1417, "photo"`` as "1,417 photos"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float, digits: int = 1) -> str:
    """``0.263`` as "26.3 %", with a space that does not break; a dash for what is not known."""
    return f"{100 * share:.{digits}f}{_NO_BREAK_SPACE}%" if math.isfinite(share) else "–"


def percent_interval(estimate: Estimate) -> str:
    """The interval of a share: "21.1–31.5"; a dash where it is not known."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "–"
    return f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, always with its sign: "+3.2"; a dash for what is not known."""
    if not math.isfinite(difference):
        return "–"
    rounded = f"{abs(100 * difference):.1f}"
    sign = "±" if rounded == "0.0" else "+" if difference > 0 else "−"
    return sign + rounded


def points_interval(difference: Estimate) -> str:
    """The interval of a difference: "−0.4 to +6.8"."""
    return f"{points(difference.low)} to {points(difference.high)}"


def probability(p: float) -> str:
    """A p value: "p = 0.034", or "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def duration(milliseconds: float) -> str:
    """``4.2`` as "4.2 ms", ``5400`` as "5.4 s", ``240000`` as "4.0 min", ``36000000`` as "10.0 h"."""
    if milliseconds < 1000:
        return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"
    if milliseconds < 120_000:
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds / 60_000:.1f} min" if milliseconds < 7_200_000 else f"{milliseconds / 3_600_000:.1f} h"


def byte_size(count: float) -> str:
    """``5400`` as "5.4 kB"."""
    return next((f"{count / size:.1f} {unit}" for unit, size in _BYTE_UNITS if count >= size), f"{count:.0f} B")


def metric_name(name: str) -> str:
    """The name of a metric for people: "recall@1 in category" for ``recall@1/category``, others as they are."""
    return "recall@1 in category" if name == CATEGORY_RECALL else name


def metric_meaning(name: str) -> str:
    """What a metric says, in words; empty for a metric that is not known."""
    if name == CATEGORY_RECALL:
        return "a right product comes first among the products of its own category"
    return METRICS[name].about if name in METRICS else ""


def x_position(share: float) -> str:
    """A position from the left of a plot: ``0.25`` as "25.00%"."""
    return f"{100 * share:.2f}%"


def y_position(share: float) -> str:
    """A height above the bottom of a plot as a position from its top: ``0.25`` as "75.00%"."""
    return f"{100 * (1 - share):.2f}%"
