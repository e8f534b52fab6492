"""What all reports are made of: the page around them, tables, photos, figures in words. One file, nothing to load."""

from __future__ import annotations

import base64
import html
import io
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib import resources

import numpy as np
from PIL import Image, ImageDraw

from shoplens.errors import ShoplensError
from shoplens.evaluation.results import Estimate, LeftOut
from shoplens.types import Pixels, Region

THUMBNAIL = 220
"""Longest side of a photo on a page, in CSS pixels; it is stored with twice as many."""
CONTENTS_FROM = 4
"""Pages of so many sections begin with a list of them."""
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BESIDE_FIGURES = "\N{NO-BREAK SPACE}"
_MARKED = (255, 176, 0)


class Html(str):
    """Text that is HTML already. Any other text is escaped on its way into a page."""

    __slots__ = ()


def escape_html(text: str) -> Html:
    """The text as HTML; what no page can hold, such as control characters, as ``\N{REPLACEMENT CHARACTER}``."""
    return text if isinstance(text, Html) else Html(html.escape(_UNSHOWABLE.sub("\ufffd", text)))


def join_html(pieces: Iterable[str], between: str = "") -> Html:
    """Pieces of a page, one after the other."""
    return Html(between.join(escape_html(piece) for piece in pieces))


def page(title: str, facts: Sequence[str], body: Html, *, lead: str = "") -> str:
    """A whole HTML file.

    Args:
        facts: short sentences under the title.
        body: sections, or what else the page shows.
        lead: the one sentence that its reader came for.
    """
    style = resources.files("shoplens.evaluation.report").joinpath("page.css").read_text("utf-8")
    leading = f'<p class="lead">{escape_html(lead)}</p>' if lead else ""
    told = join_html(Html(f"<li>{escape_html(fact)}</li>") for fact in facts)
    listed = f'<ul class="facts">{told}</ul>' if facts else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape_html(title)}</title><style>\n{style}</style></head>\n"
        f"<body><header><h1>{escape_html(title)}</h1>{leading}{listed}</header>\n<main>\n{body}\n</main></body></html>\n"
    )


def sections(parts: Iterable[tuple[str, Html]]) -> Html:
    """Headings and what stands under each, those with nothing to show left out; long pages begin with a contents.

    What is a ``<section>`` already keeps the heading that it brings.
    """
    shown = [(heading, body) for heading, body in parts if body]
    contents = join_html(
        Html(f'<li><a href="#part-{place}">{escape_html(heading)}</a></li>')
        for place, (heading, _) in enumerate(shown, 1)
    )
    nav = f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n' if len(shown) >= CONTENTS_FROM else ""
    return Html(nav + "\n".join(_section(f"part-{place}", *part) for place, part in enumerate(shown, 1)))


def _section(name: str, heading: str, body: Html) -> str:
    if body.startswith("<section"):
        return f'<div id="{name}">{body}</div>'
    return f'<section id="{name}"><h2>{escape_html(heading)}</h2>\n{body}</section>'


def note(text: str) -> Html:
    """A paragraph that explains; no line of it begins with a percent sign."""
    return Html(f'<p class="note">{escape_html(text).replace(" %", f"{_BESIDE_FIGURES}%")}</p>')


def beside(left: str, right: str) -> Html:
    """Two pieces side by side, on a narrow screen one above the other; just one where the other is empty."""
    if not (left and right):
        return escape_html(left or right)
    return Html(f'<div class="beside"><div>{escape_html(left)}</div><div>{escape_html(right)}</div></div>\n')


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = ()
) -> Html:
    """A table that scrolls by itself where the screen is too narrow for it.

    Args:
        caption: what the table shows; said to those who cannot see it.
        rows: as many cells as columns; the first one names the row.
        numbers: the columns that hold figures, to be aligned.
    """
    kinds = [' class="number"' if column in numbers else "" for column in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape_html(column)}</th>' for column, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, kinds)}</tr>\n" for row in rows)
    label = escape_html(caption)
    return Html(
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table><caption>{label}</caption>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def _cells(row: Sequence[str], kinds: Sequence[str]) -> str:
    first, *others = [escape_html(cell) for cell in row]
    return f'<th scope="row">{first}</th>' + "".join(
        f"<td{kind}>{cell}</td>" for cell, kind in zip(others, kinds[1:], strict=True)
    )


def with_detail(text: str, detail: str) -> Html:
    """A cell of two lines: what it says, and in small print what that means."""
    return (
        Html(f'{escape_html(text)}<span class="detail">{escape_html(detail)}</span>') if detail else escape_html(text)
    )


def facts_list(facts: Iterable[tuple[str, str]]) -> Html:
    """Names and what is true of each, those without a value left out."""
    rows = "".join(f"<dt>{escape_html(name)}</dt><dd>{escape_html(value)}</dd>" for name, value in facts if value)
    return Html(f"<dl>{rows}</dl>\n") if rows else Html("")


def left_out_table(left_out: Sequence[LeftOut]) -> Html:
    """What does not count, and why; empty where everything counts."""
    rows = [(one.kind.replace("-", " "), f"{one.times:,}", one.example, one.fix) for one in left_out]
    columns = ("Why", "Times", "For example", "What to do")
    return table("What was left out, and why", columns, rows, numbers={"Times"}) if rows else Html("")


def thumbnail(
    source: str, text: str, picture: Callable[[str], Pixels], *, size: int = THUMBNAIL, region: Region | None = None
) -> Html:
    """A photo that is part of the page, or a grey box that says which one cannot be read.

    Args:
        source: of the photo.
        text: what it shows, for those who cannot see it.
        picture: source -> pixels, uint8 (h, w, 3).
        size: longest side in CSS pixels.
        region: a box to be marked, in the pixels that ``picture`` gives.
    """
    try:
        data = _jpeg(np.asarray(picture(source)), size, region)
    except (OSError, ValueError, TypeError, ShoplensError):
        return Html(
            f'<span class="unread" role="img" aria-label="{escape_html(text)}: unread">photo cannot be read</span>'
        )
    return Html(f'<img src="data:image/jpeg;base64,{data}" alt="{escape_html(text)}" loading="lazy">')


def _jpeg(pixels: Pixels, size: int, region: Region | None) -> str:
    """A small photo in base64."""
    image = Image.fromarray(pixels)
    if region is not None:
        image = _with_region(image, region)
    image.thumbnail((size * 2, size * 2), reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=82)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _with_region(image: Image.Image, region: Region) -> Image.Image:
    """The photo, darker outside the region, which has a bright edge."""
    box = (region.x, region.y, region.x + region.width, region.y + region.height)
    marked = Image.blend(image, Image.new(image.mode, image.size), 0.5)
    marked.paste(image.crop(box), box[:2])
    ImageDraw.Draw(marked).rectangle(box, outline=_MARKED, width=max(2, max(image.size) // 120))
    return marked


def percent(share: float, digits: int = 1) -> str:
    """``0.263`` as "26.3 %"; a dash for what is not known."""
    return f"{100 * share:.{digits}f}{_BESIDE_FIGURES}%" if math.isfinite(share) else "–"


def percent_interval(estimate: Estimate) -> str:
    """The interval alone: "21.1–31.5"."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return "–"
    return f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, always with its sign: "+3.2"."""
    if not math.isfinite(difference):
        return "–"
    rounded = f"{abs(100 * difference):.1f}"
    sign = "±" if rounded == "0.0" else "+" if difference > 0 else "−"
    return sign + rounded


def points_interval(difference: Estimate) -> str:
    """The interval of a difference: "−0.4 to +6.8"."""
    return f"{points(difference.low)} to {points(difference.high)}"


def probability(p: float) -> str:
    """``p = 0.034``, or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
