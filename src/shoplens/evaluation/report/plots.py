"""Plots as SVG inside a page: Python computes the positions, the templates in ``templates/plots`` draw them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from shoplens.evaluation.report.formatting import percent, percent_interval, points, points_interval
from shoplens.evaluation.report.rendering import render_fragment
from shoplens.evaluation.results import Estimate, ReliabilityBin

if TYPE_CHECKING:
    from markupsafe import Markup

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
RANKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
LABELLED_RANKS = (1, 5, 10, 50)
"""Ranks whose share is written beside the curve."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
LONGEST_LINE = 44
"""Letters of a name and its note; a phone shows no more."""
ROW_HEIGHT = 44
"""Height of a line of an interval plot, in pixels."""

Mark = Literal["", "chosen", "fell"]


@dataclass(frozen=True, slots=True)
class Interval:
    """One line of an interval plot.

    Attributes:
        name: what the estimate is of.
        estimate: a share, or a difference of shares.
        note: a few words beside the name, such as "n = 14".
        mark: ``chosen`` stands out; ``fell`` is a bad sign.
    """

    name: str
    estimate: Estimate
    note: str = ""
    mark: Mark = ""


def curve_plot(title: str, curve: Sequence[Estimate], *, logarithmic: bool = True) -> Markup:
    """Plot the share of queries with a right product among the first k, for k = 1, 2, …, with the band of its interval.

    The plot of no estimates is empty.
    """
    last = len(curve)
    positions = [rank_position(k, last, logarithmic) for k in range(1, last + 1)]
    upper = list(zip(positions, (share.high for share in curve), strict=True))
    lower = list(zip(positions, (share.low for share in curve), strict=True))
    return render_fragment(
        "plots/curve.html",
        title=title,
        curve=curve,
        shares=SHARES,
        ticks=[(k, positions[k - 1]) for k in RANKS if k <= last],
        points=[(k, positions[k - 1], k in LABELLED_RANKS) for k in range(1, last + 1) if k in RANKS or k == last],
        line=_path(zip(positions, (share.value for share in curve), strict=True)),
        band=f"{_path([*upper, *reversed(lower)])} Z",
    )


def rank_position(k: int, last: int, logarithmic: bool = True) -> float:
    """Return the position of rank k between rank 1, at 0, and the last one, at 1."""
    if last == 1:
        return 0.0
    return math.log(k) / math.log(last) if logarithmic else (k - 1) / (last - 1)


def interval_plot(title: str, rows: Sequence[Interval], *, differences: bool = False) -> Markup:
    """Plot a line for each name: a dot with the whiskers of its interval. The plot of no rows is empty.

    Args:
        differences: the values are differences of shares: the axis shows what they span, with a line at 0.
    """
    ticks = difference_ticks([row.estimate for row in rows]) if differences else SHARES
    value_text: Callable[[float], str] = points if differences else percent

    def position(value: float) -> float:
        return min(1.0, max(0.0, (value - ticks[0]) / (ticks[-1] - ticks[0])))

    return render_fragment(
        "plots/intervals.html",
        title=title,
        description="; ".join(f"{row.name} {value_text(row.estimate.value)}" for row in rows) + ".",
        height=ROW_HEIGHT * len(rows),
        row_height=ROW_HEIGHT,
        ticks=[(position(tick), _tick_text(tick, differences), differences and tick == 0) for tick in ticks],
        rows=[
            {
                "interval": row,
                "name": _shorten(row.name, LONGEST_LINE - len(row.note)),
                "y": 30 + ROW_HEIGHT * number,
                "value": value_text(row.estimate.value),
                "range": points_interval(row.estimate) if differences else percent_interval(row.estimate),
                "positions": _positions(row.estimate, position),
            }
            for number, row in enumerate(rows)
        ],
    )


def _tick_text(tick: float, differences: bool) -> str:
    if not differences:
        return percent(tick, 0)
    return f"{100 * tick:+.0f}".replace("-", "−") if tick else "0"


def difference_ticks(estimates: Sequence[Estimate]) -> tuple[float, ...]:
    """Return round marks from below the lowest to above the highest, 0 among them, not more than eight."""
    ends = [end for one in estimates for end in (one.low, one.value, one.high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    step = next((step for step in STEPS if (high - low) / step <= 6), STEPS[-1])
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = -1, 1
    return tuple(number * step for number in range(first, last + 1))


def _positions(estimate: Estimate, position: Callable[[float], float]) -> list[float]:
    """Return the positions of the low end, the value and the high end; nothing where one of them is not known."""
    values = (estimate.low, estimate.value, estimate.high)
    return [position(value) for value in values] if all(map(math.isfinite, values)) else []


def _shorten(name: str, longest: int) -> str:
    """Cut the middle out of a name that is too long; categories differ most in their ends."""
    if len(name) <= longest:
        return name
    return f"{name[: longest // 2 - 2].rstrip()} … {name[-(longest - longest // 2 - 1) :].lstrip()}"


def reliability_plot(title: str, bins: Sequence[ReliabilityBin]) -> Markup:
    """Plot how often a claim was true by its stated probability, and below, how many answers each point stands for.

    Points on the diagonal are calibrated; a point below it was true less often than stated. The plot of no bins is
    empty.
    """
    return render_fragment(
        "plots/reliability.html",
        title=title,
        bins=bins,
        descriptions=[_describe_bin(one) for one in bins],
        most=max((one.count for one in bins), default=0),
        shares=SHARES,
        line=_path((one.predicted, one.observed.value) for one in bins),
    )


def _describe_bin(one: ReliabilityBin) -> str:
    true = f"true {percent(one.observed.value)} ({percent_interval(one.observed)})"
    return f"stated {percent(one.predicted)}, {true}, {one.count:,} answers"


def _path(positions: Iterable[tuple[float, float]]) -> str:
    """Return an SVG path through positions (x from the left, y from the bottom, both 0 to 1), in hundredths."""
    return "M" + " L".join(f"{100 * x:.2f} {100 * (1 - y):.2f}" for x, y in positions)
