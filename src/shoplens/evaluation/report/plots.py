"""Plots as SVG inside a page: every position is a share of the plot, so they fit any width with letters of one size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from shoplens.evaluation.report.page import Html, escape_html, percent, percent_interval, points, points_interval
from shoplens.evaluation.results import Estimate, ReliabilityBin

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
RANKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TOLD_RANKS = (1, 5, 10, 50)
"""Ranks whose share is written beside the curve."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
LONGEST_LINE = 44
"""Letters of a name and its note; a phone shows no more."""
ROW = 44
"""Height of a line of an interval plot, in pixels."""
CURVE, RELIABILITY, COUNTS, GAP = 300, 340, 56, 12

Mark = Literal["", "chosen", "fell"]


@dataclass(frozen=True, slots=True)
class Interval:
    """One line of an interval plot.

    Attributes:
        name: what it is of.
        estimate: a share, or a difference of shares.
        note: a few words beside the name, such as "n = 14".
        mark: ``chosen`` stands out; ``fell`` is a bad sign.
    """

    name: str
    estimate: Estimate
    note: str = ""
    mark: Mark = ""


def curve_plot(title: str, curve: Sequence[Estimate], *, logarithmic: bool = True) -> Html:
    """Share of queries with a right product among the first k, for k = 1, 2, …, with the band of its interval."""
    if not curve:
        return Html("")
    last = len(curve)
    across = [rank_position(k, last, logarithmic) for k in range(1, last + 1)]
    line = _path(zip(across, (one.value for one in curve), strict=True))
    upper = _path(zip(across, (one.high for one in curve), strict=True))
    lower = _path(reversed(list(zip(across, (one.low for one in curve), strict=True))))
    marked = "".join(
        _point(across[k - 1], one, f"first {k}: {percent(one.value)} ({percent_interval(one)})", k in TOLD_RANKS)
        for k, one in enumerate(curve, 1)
        if k in RANKS or k == last
    )
    named = "".join(_across_tick(across[k - 1], str(k)) for k in RANKS if k <= last)
    band = _stretch_to_plot(f'<path class="band" d="{upper} L{lower[1:]} Z"/><path class="line" d="{line}"/>')
    drawn = f"{_shares_grid()}{named}{band}{marked}{_across_title('first k results')}"
    ends = f"It rises from {percent(curve[0].value)} at k = 1 to {percent(curve[-1].value)} at k = {last}."
    return _figure("curve", title, ends, CURVE, drawn, "photos with a right product among the first k")


def rank_position(k: int, last: int, logarithmic: bool = True) -> float:
    """Where rank k stands between rank 1, at 0, and the last one, at 1."""
    if last == 1:
        return 0.0
    return math.log(k) / math.log(last) if logarithmic else (k - 1) / (last - 1)


def interval_plot(title: str, rows: Sequence[Interval], *, differences: bool = False) -> Html:
    """Names, and for each a dot with the whiskers of its interval.

    Args:
        differences: the values are differences of shares: the axis shows what they span, with a line at 0.
    """
    if not rows:
        return Html("")
    ticks = difference_ticks([row.estimate for row in rows]) if differences else SHARES
    words: Callable[[float], str] = points if differences else percent
    height = ROW * len(rows)

    def place(value: float) -> float:
        return min(1.0, max(0.0, (value - ticks[0]) / (ticks[-1] - ticks[0])))

    lines = "".join(_row(row, 30 + ROW * number, place, differences) for number, row in enumerate(rows))
    grid = "".join(
        f'<line class="{"zero" if differences and tick == 0 else "grid"}" x1="{_at(place(tick))}" '
        f'x2="{_at(place(tick))}" y1="0" y2="{height}"/>'
        f"{_across_tick(place(tick), _tick_words(tick, differences))}"
        for tick in ticks
    )
    told = "; ".join(f"{row.name} {words(row.estimate.value)}" for row in rows)
    return _figure("intervals", title, f"{told}.", height, grid + lines)


def _tick_words(tick: float, differences: bool) -> str:
    if not differences:
        return percent(tick, 0)
    return f"{100 * tick:+.0f}".replace("-", "−") if tick else "0"


def difference_ticks(estimates: Sequence[Estimate]) -> tuple[float, ...]:
    """Round marks from below the lowest to above the highest, 0 among them, not more than eight."""
    ends = [end for one in estimates for end in (one.low, one.value, one.high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    step = next((step for step in STEPS if (high - low) / step <= 6), STEPS[-1])
    first, last = math.floor(low / step), math.ceil(high / step)
    if first == last:
        first, last = -1, 1
    return tuple(number * step for number in range(first, last + 1))


def _row(row: Interval, y: int, place: Callable[[float], float], differences: bool) -> str:
    estimate = row.estimate
    name = _shorten(row.name, LONGEST_LINE - len(row.note))
    value = points(estimate.value) if differences else percent(estimate.value)
    between = points_interval(estimate) if differences else percent_interval(estimate)
    note = f'<tspan class="soft" dx="8">{escape_html(row.note)}</tspan>' if row.note else ""
    drawn = ""
    if all(math.isfinite(end) for end in (estimate.low, estimate.value, estimate.high)):
        low, middle, high = (place(end) for end in (estimate.low, estimate.value, estimate.high))
        drawn = (
            f'<line class="whisker" x1="{_at(low)}" x2="{_at(high)}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{_at(middle)}" cy="{y}" r="5"/>'
        )
    return (
        f'<g class="row {row.mark}"><title>{escape_html(row.name)}: {value} ({between})</title>'
        f'<rect class="hit" x="0" y="{y - 28}" width="100%" height="{ROW}"/>'
        f'<text x="0" y="{y - 12}">{escape_html(name)}{note}</text>{drawn}'
        f'<text class="value" x="100%" dx="14" y="{y + 5}">{value}</text></g>'
    )


def reliability_plot(title: str, bins: Sequence[ReliabilityBin]) -> Html:
    """How often it was true against how probable it was said to be, and below, how many answers each point stands for.

    Points on the diagonal are honest; below it, more was promised than kept.
    """
    if not bins:
        return Html("")
    most = max(one.count for one in bins)
    dots = "".join(_point(one.said, one.true, _bin_words(one), False) for one in bins)
    bars = "".join(_bar(one, most) for one in bins)
    line = _path((one.said, one.true.value) for one in bins)
    main = (
        f"{_shares_grid()}{''.join(_across_line(share) for share in SHARES)}"
        '<line class="diagonal" x1="0" y1="100%" x2="100%" y2="0"/>'
        + _stretch_to_plot(f'<path class="line thin" d="{line}"/>')
        + dots
    )
    below = f'<line class="grid" x1="0" x2="100%" y1="100%" y2="100%"/>{bars}'
    drawn = (
        f'<svg width="100%" height="{RELIABILITY}">{main}</svg>'
        f'<svg y="{RELIABILITY + GAP}" width="100%" height="{COUNTS}">{below}</svg>'
        f"{''.join(_across_tick(share, percent(share, 0)) for share in SHARES)}{_across_title('said')}"
        f'<text class="soft" x="0" dx="-10" y="{RELIABILITY + GAP + 12}" text-anchor="end">count</text>'
    )
    told = f"{'; '.join(_bin_words(one) for one in bins)}."
    return _figure("reliability", title, told, RELIABILITY + GAP + COUNTS, drawn, "true")


def _bin_words(one: ReliabilityBin) -> str:
    true = f"true {percent(one.true.value)} ({percent_interval(one.true)})"
    return f"said {percent(one.said)}, {true}, {one.count:,} answers"


def _bar(one: ReliabilityBin, most: int) -> str:
    tall = 100 * one.count / most if most else 0.0
    return (
        f'<rect class="bar" x="{_at(one.said)}" y="{100 - tall:.2f}%" width="8" height="{tall:.2f}%" '
        f'transform="translate(-4)"><title>{escape_html(_bin_words(one))}</title></rect>'
    )


def _shorten(name: str, longest: int) -> str:
    """The name without its middle where it is too long; categories are told apart by their end."""
    if len(name) <= longest:
        return name
    return f"{name[: longest // 2 - 2].rstrip()} … {name[-(longest - longest // 2 - 1) :].lstrip()}"


def _figure(kind: str, title: str, told: str, height: int, drawn: str, up: str = "") -> Html:
    """The plot with its name, what it says in words, and what its upright axis counts."""
    upright = f'<text class="axis" x="0" y="-16" dx="-44">{escape_html(up)}</text>' if up else ""
    return Html(
        f'<figure class="plot {kind}"><svg role="img" width="100%" height="{height}">'
        f"<title>{escape_html(title)}</title>"
        f"<desc>{escape_html(told)}</desc>{upright}{drawn}</svg></figure>\n"
    )


def _point(across: float, estimate: Estimate, words: str, told: bool) -> str:
    """A dot with an upright whisker, and its value beside it when it is told."""
    x = _at(across)
    aside = 'dx="6" dy="-12" text-anchor="end"' if across > 0.9 else 'dx="9" dy="20"'
    beside = f'<text class="value" x="{x}" y="{_down(estimate.value)}" {aside}>{percent(estimate.value)}</text>'
    return (
        f'<g class="point"><title>{escape_html(words)}</title>'
        f'<line class="whisker" x1="{x}" x2="{x}" y1="{_down(estimate.low)}" y2="{_down(estimate.high)}"/>'
        f'<circle cx="{x}" cy="{_down(estimate.value)}" r="5"/>{beside if told else ""}</g>'
    )


def _shares_grid() -> str:
    """Level lines at 0, 25, … 100 %, each with its figure on the left."""
    return "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{_down(share)}" y2="{_down(share)}"/>'
        f'<text class="tick" x="0" dx="-10" y="{_down(share)}" dy="4" text-anchor="end">{percent(share, 0)}</text>'
        for share in SHARES
    )


def _across_line(share: float) -> str:
    return f'<line class="grid" x1="{_at(share)}" x2="{_at(share)}" y1="0" y2="100%"/>'


def _across_tick(share: float, words: str) -> str:
    return (
        f'<text class="tick" x="{_at(share)}" y="100%" dy="20" text-anchor="middle" '
        f'font-variant-numeric="tabular-nums">{escape_html(words)}</text>'
    )


def _across_title(words: str) -> str:
    return f'<text class="axis" x="100%" y="100%" dy="40" text-anchor="end">{escape_html(words)}</text>'


def _stretch_to_plot(paths: str) -> str:
    """Paths drawn in hundredths, stretched to the plot; percentages are not for them."""
    return (
        '<svg class="stretched" width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none">'
        f"{paths}</svg>"
    )


def _path(places: Iterable[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{100 * across:.2f} {100 * (1 - up):.2f}" for across, up in places)


def _at(share: float) -> str:
    return f"{100 * share:.2f}%"


def _down(share: float) -> str:
    return f"{100 * (1 - share):.2f}%"
