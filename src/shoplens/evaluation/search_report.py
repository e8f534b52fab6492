"""A page that shows searches: each query photo beside the products that were found. One file, nothing to load."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from shoplens.types import Answer, Pixels, Product, Result

THUMBNAIL = 220
SHOWN_ATTRIBUTES = 5
LONGEST_VALUE = 24
_NOT_TELLING = {"true", "false", "yes", "no"}


@dataclass(frozen=True, slots=True)
class ShownSearch:
    """One search on the page.

    Attributes:
        answer: what was found; its ``source`` is the query photo.
        how: what kind of photo the query is, in a few words.
        expected: the product that is in the photo, where that is known.
        expected_rank: where it came, None if it was not among the results.
    """

    answer: Answer
    how: str
    expected: Product | None = None
    expected_rank: int | None = None


def write_search_report(
    path: Path, title: str, facts: Sequence[str], searches: Iterable[ShownSearch], picture: Callable[[str], Pixels]
) -> None:
    """Write the page.

    Args:
        path: an HTML file; its folder must exist.
        facts: short sentences under the title.
        picture: source of a photo -> its pixels, uint8 (h, w, 3).
    """
    rows = "\n".join(_search(search, picture) for search in searches)
    told = "".join(f"<li>{html.escape(fact)}</li>" for fact in facts)
    page = _PAGE.format(title=html.escape(title), facts=told, rows=rows, style=_STYLE)
    path.write_text(page, "utf-8")


def _search(search: ShownSearch, picture: Callable[[str], Pixels]) -> str:
    answer = search.answer
    found = "".join(_result(result, search.expected, picture) for result in answer.results)
    verdict = ""
    if search.expected is not None:
        place = f"found at rank {search.expected_rank}" if search.expected_rank else "not among these"
        mood = "right" if search.expected_rank == 1 else "near" if search.expected_rank else "missed"
        name = html.escape(_name(search.expected))
        shown = "" if search.expected_rank else _image(search.expected.photos[0], "the product looked for", picture)
        verdict = f'<p class="verdict {mood}">{place}</p><p class="looked-for">in the photo: {name}</p>{shown}'
    took = f"{answer.took_ms['total']:.0f} ms"
    return (
        f'<section><div class="query"><p class="how">{html.escape(search.how)}</p>'
        f"{_image(answer.source, 'query photo', picture)}{verdict}"
        f'<p class="took">{html.escape(answer.strategy)} · {took}</p></div><ol>{found}</ol></section>'
    )


def _result(result: Result, expected: Product | None, picture: Callable[[str], Pixels]) -> str:
    product = result.product
    is_it = expected is not None and product.id == expected.id
    same_group = expected is not None and not is_it and product.group_id == expected.group_id != ""
    mark = "is-it" if is_it else "same-group" if same_group else ""
    label = {"is-it": "this is it", "same-group": "same design, other variant", "": ""}[mark]
    price = "" if product.price is None else f"{product.price:.2f} {product.currency}".strip()
    parts = " + ".join(f"{name} {value:.3f}" for name, value in result.parts.items())
    return (
        f'<li class="{mark}">{_image(result.photo, product.title, picture)}'
        f'<p class="title">{result.rank}. {html.escape(product.title)}</p>'
        f'<p class="about">{html.escape(_attributes(product))}</p>'
        f'<p class="score" title="{html.escape(parts)}"><meter min="0.5" max="1" value="{result.score:.3f}"></meter>'
        f" {result.score:.3f}</p>"
        f'<p class="price">{html.escape(price)}</p>'
        f'<p class="label">{label}</p></li>'
    )


def _attributes(product: Product) -> str:
    """A few attributes that one glance can take in: single, short values."""
    texts = [str(values[0]) for values in product.attributes.values() if len(values) == 1]
    telling = [text for text in texts if len(text) <= LONGEST_VALUE and text.lower() not in _NOT_TELLING]
    return " · ".join(telling[:SHOWN_ATTRIBUTES])


def _name(product: Product) -> str:
    about = _attributes(product)
    return f"{product.title} ({about})" if about else product.title


def _image(source: str, text: str, picture: Callable[[str], Pixels]) -> str:
    image = Image.fromarray(np.asarray(picture(source)))
    image.thumbnail((THUMBNAIL * 2, THUMBNAIL * 2), reducing_gap=2.0)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=82)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(text)}" loading="lazy">'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><header><h1>{title}</h1><ul>{facts}</ul></header><main>
{rows}
</main></body></html>
"""
_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#e3e3e0, #3a3a3c); --soft: light-dark(#6b6b68, #a5a5a2);
  --card: light-dark(#fff, #222224); --good: light-dark(#1b7f3b, #58c77b); --near: light-dark(#9a6700, #e0b040);
  --bad: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box; margin: 0; }
body { font: 15px/1.45 system-ui, sans-serif; background: light-dark(#f7f7f5, #18181a); padding: 2rem; }
header { max-width: 70rem; margin: 0 auto 1.5rem; }
h1 { font-size: 1.6rem; font-weight: 650; }
header ul { list-style: none; padding: 0; color: var(--soft); }
section { display: grid; grid-template-columns: 15rem 1fr; gap: 1.5rem; background: var(--card); padding: 1.25rem;
  border: 1px solid var(--line); border-radius: 14px; margin: 0 auto 1.25rem; max-width: 90rem; }
.query { border-right: 1px solid var(--line); padding-right: 1.25rem; }
.query img { width: 100%; border-radius: 10px; max-height: 20rem; object-fit: contain; }
.how { font-weight: 600; margin-bottom: .5rem; }
.verdict { font-weight: 600; margin-top: .5rem; }
.right { color: var(--good); } .near { color: var(--near); } .missed { color: var(--bad); }
.looked-for, .took, .about { color: var(--soft); font-size: .85rem; }
.query .looked-for + img { width: 6rem; margin-top: .5rem; }
ol { list-style: none; padding: 0; display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); }
ol li { border-radius: 10px; padding: .5rem; border: 2px solid transparent; }
ol img { width: 100%; aspect-ratio: 1; object-fit: contain; background: #fff; border-radius: 8px; }
li.is-it { border-color: var(--good); } li.same-group { border-color: var(--near); }
.title { font-weight: 550; font-size: .9rem; margin-top: .4rem; }
.score { font-variant-numeric: tabular-nums; font-size: .85rem; }
.price { font-size: .85rem; } .score meter { width: 3rem; }
.label { font-size: .8rem; font-weight: 600; }
.is-it .label { color: var(--good); } .same-group .label { color: var(--near); }
@media (max-width: 45rem) { body { padding: .75rem; } section { grid-template-columns: 1fr; }
  .query { border: 0; padding: 0; } .query img { max-height: 14rem; } }
"""
