"""A page that shows searches: each query photo beside the products that were found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shoplens.evaluation.report.page import Html, escape_html, join_html, page, thumbnail
from shoplens.types import Answer, Pixels, Product, Result

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
    path.write_text(page(title, facts, join_html((_search(search, picture) for search in searches), "\n")), "utf-8")


def _search(search: ShownSearch, picture: Callable[[str], Pixels]) -> Html:
    answer = search.answer
    found = join_html(_result(result, search.expected, picture) for result in answer.results)
    verdict = ""
    if search.expected is not None:
        place = f"found at rank {search.expected_rank}" if search.expected_rank else "not among these"
        mood = "right" if search.expected_rank == 1 else "near" if search.expected_rank else "missed"
        name = escape_html(_name(search.expected))
        shown = "" if search.expected_rank else thumbnail(search.expected.photos[0], "the product looked for", picture)
        verdict = f'<p class="verdict {mood}">{place}</p><p class="looked-for">in the photo: {name}</p>{shown}'
    took = f"{answer.took_ms['total']:.0f} ms"
    return Html(
        f'<section><div class="search"><div class="query"><h2>{escape_html(search.how)}</h2>'
        f"{thumbnail(answer.source, 'query photo', picture, region=answer.region)}{verdict}"
        f'<p class="took">{escape_html(answer.strategy)} · {took}</p></div>'
        f'<ol class="results">{found}</ol></div></section>'
    )


def _result(result: Result, expected: Product | None, picture: Callable[[str], Pixels]) -> Html:
    product = result.product
    is_it = expected is not None and product.id == expected.id
    same_group = expected is not None and not is_it and product.group_id == expected.group_id != ""
    mark = "is-it" if is_it else "same-group" if same_group else ""
    label = {"is-it": "this is it", "same-group": "same design, other variant", "": ""}[mark]
    price = "" if product.price is None else f"{product.price:.2f} {product.currency}".strip()
    parts = " + ".join(f"{name} {value:.3f}" for name, value in result.parts.items())
    return Html(
        f'<li class="{mark}">{thumbnail(result.photo, product.title, picture)}'
        f'<p class="title">{result.rank}. {escape_html(product.title)}</p>'
        f'<p class="about">{escape_html(_attributes(product))}</p>'
        f'<p class="score" title="{escape_html(parts)}"><meter aria-label="score" min="0.5" max="1" '
        f'value="{result.score:.3f}"></meter> {result.score:.3f}</p>'
        f'<p class="price">{escape_html(price)}</p>'
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
